//! `cohsh`: the hive's shell, as a program.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    cohsh::program::main()
}
