//! Drives the VM's serial port to the host and knows nothing of what goes through it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(target_os = "none")]
mod port;

#[cfg(target_os = "none")]
runtime::entry!(port::run);
