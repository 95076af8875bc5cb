//! The build, run and test tool behind `./cohesix`.
#![forbid(unsafe_code)]

pub mod kernel;
pub mod lock;
pub mod manifest;
pub mod qemu;
pub mod rootfs;
pub mod run;
pub mod tidy;
pub mod workspace;
