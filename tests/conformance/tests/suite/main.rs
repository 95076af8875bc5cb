//! The cases, each on the simulator and on the booted system.
#![forbid(unsafe_code)]

mod append;
mod directories;
mod files;
mod session;
mod waiting;
mod walk;
