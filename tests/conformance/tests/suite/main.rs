//! The cases, each on the simulator and on the booted system.
#![forbid(unsafe_code)]

mod session;
