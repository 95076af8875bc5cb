//! Measures 9P inside the VM: what an append of 64 bytes costs from end to end.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(target_os = "none")]
mod measure;

#[cfg(target_os = "none")]
runtime::entry!(measure::run);
