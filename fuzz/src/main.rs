//! Plays mutated sessions, attaches, control lines and a GPU's lines: `cohesix-fuzz ITERATIONS [SEED]`.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse::<u64>());
    let (Some(Ok(iterations)), seed) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: cohesix-fuzz ITERATIONS [SEED]");
        return ExitCode::from(2);
    };
    let Ok(seed) = seed.unwrap_or(Ok(1)) else {
        eprintln!("cohesix-fuzz: the seed must be a number");
        return ExitCode::from(2);
    };
    let runs = || -> Result<(), fuzz::Finding> {
        println!("{}", fuzz::run(iterations, seed)?);
        println!("{}", fuzz::run_control(iterations, seed)?);
        println!("{}", fuzz::run_gpu_job(iterations, seed)?);
        Ok(())
    };
    match runs() {
        Ok(()) => ExitCode::SUCCESS,
        Err(finding) => {
            eprintln!("cohesix-fuzz: seed {seed}: {finding}");
            ExitCode::FAILURE
        }
    }
}
