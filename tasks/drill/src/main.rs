//! Does one forbidden thing, chosen by its argument, to show that the system catches it.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(target_os = "none")]
mod drills;

#[cfg(target_os = "none")]
runtime::entry!(drills::run);
