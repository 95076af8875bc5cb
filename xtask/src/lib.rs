//! The build, run and test tool behind `./cohesix`.
#![forbid(unsafe_code)]

pub mod bench;
pub mod cli;
mod cpu_time;
pub mod demo;
pub mod elfloader;
pub mod gpu;
pub mod hive;
pub mod image;
pub mod interop;
pub mod kernel;
pub mod lock;
pub mod manifest;
pub mod programs;
pub mod qemu;
pub mod rootfs;
pub mod run;
pub mod secret;
pub mod sizes;
pub mod stage;
pub mod test;
pub mod tidy;
pub mod vm;
pub mod workspace;
