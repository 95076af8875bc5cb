//! Command line of the build, run and test tool.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::cli::main()
}
