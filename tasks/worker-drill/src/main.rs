//! Workers that misbehave, for tests.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(target_os = "none")]
mod deeds;
#[cfg(target_os = "none")]
mod session;

#[cfg(target_os = "none")]
runtime::entry!(deeds::run);
