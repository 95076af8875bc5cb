//! Measures Call and ReplyRecv between two address spaces: typed calls and bare `svc` loops.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(target_os = "none")]
mod measure;

#[cfg(target_os = "none")]
runtime::entry!(measure::run);
