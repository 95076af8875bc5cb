//! A worker that appends a heartbeat to its telemetry at each of its ticks.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(target_os = "none")]
mod beat;

#[cfg(target_os = "none")]
runtime::entry!(beat::run);
