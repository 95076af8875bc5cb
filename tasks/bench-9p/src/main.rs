//! Measures the hive from inside the VM, as one of its clients. Argument 0: an append; 1: workers.
//!
//! Under `-icount shift=0` a nanosecond of the counter is one instruction.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(target_os = "none")]
mod append;
#[cfg(target_os = "none")]
mod session;
#[cfg(target_os = "none")]
mod workers;

#[cfg(target_os = "none")]
runtime::entry!(run);

/// Measures, prints and ends.
#[cfg(target_os = "none")]
fn run(argument: u64) -> u64 {
    match argument {
        0 => append::run(),
        1 => workers::run(),
        _ => panic!("argument 0 measures an append, 1 workers"),
    }
    0
}
