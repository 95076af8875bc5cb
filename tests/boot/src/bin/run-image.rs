//! `./cohesix run` for any image, so that the tests of `run` need no kernel.
//!
//! `run-image IMAGE|--system NAME [--headless] [--for SECONDS]`; the exit status is that of `run`.
//! A system is one of those that `./cohesix test` built.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use xtask::run::{Outcome, Payload, RunOptions, run};

fn main() -> ExitCode {
    match start() {
        Ok(outcome) => outcome.into(),
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn start() -> Result<Outcome> {
    let mut arguments = std::env::args().skip(1);
    let first = arguments.next().context("which image?")?;
    let payload = if first == "--system" {
        boot_tests::payload(&arguments.next().context("which system?")?)
    } else {
        let kernel_image = PathBuf::from(first);
        Payload { kernel_image, initrd: None, memory_mib: 64, semihosting: true, link: false }
    };
    let mut options = RunOptions::default();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--headless" => options.headless = true,
            "--for" => {
                options.for_seconds = Some(arguments.next().context("how many seconds?")?.parse()?);
            }
            other => bail!("unknown option {other}"),
        }
    }
    run(&payload, &options)
}
