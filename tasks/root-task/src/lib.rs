//! The root task: boots the system, starts its processes and supervises them.
//!
//! It holds every capability, so it does little: it never calls anyone, parses nothing but the
//! boot archive, and waits on one endpoint for interrupts, faults and its components' requests.
//! The decisions are `supervisor`'s, the objects `objects`'; here is the wiring.
#![cfg_attr(target_os = "none", no_std)]

#[cfg(target_os = "none")]
mod archive;
#[cfg(target_os = "none")]
mod banner;
#[cfg(target_os = "none")]
mod book;
#[cfg(target_os = "none")]
mod hardware;
#[cfg(target_os = "none")]
mod notes;
#[cfg(target_os = "none")]
mod panic;
#[cfg(target_os = "none")]
mod root;
#[cfg(target_os = "none")]
pub mod selftest;
#[cfg(target_os = "none")]
mod serve;
#[cfg(target_os = "none")]
mod tickets;
#[cfg(target_os = "none")]
mod wiring;
#[cfg(target_os = "none")]
mod workers;

#[cfg(target_os = "none")]
pub use root::{Root, run};
