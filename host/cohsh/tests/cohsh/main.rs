//! The program `cohsh` against the simulator.

mod attach;
mod config;
mod control;
mod document;
mod generated;
mod gpu;
mod hive;
mod program;
mod refused;
mod roles;
mod ticket;
mod workers;
// `setsid`, which makes a pseudo-terminal a program's own, is Linux's.
#[cfg(target_os = "linux")]
mod terminal;
