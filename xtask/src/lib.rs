//! The build, run and test tool behind `./cohesix`.
#![forbid(unsafe_code)]

pub mod kernel;
pub mod manifest;
pub mod qemu;
pub mod run;
pub mod tidy;
pub mod workspace;
