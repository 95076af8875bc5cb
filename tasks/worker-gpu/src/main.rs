//! A worker that submits jobs to the GPU that it was leased.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(target_os = "none")]
mod work;

#[cfg(target_os = "none")]
runtime::entry!(work::run);
