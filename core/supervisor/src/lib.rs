//! Life cycle and limits of components, and the clock's schedule.
//!
//! What the root task decides, without how it is done: which component runs as which
//! generation, until when, how many log lines it has left, what it may ask for, and when the
//! clock must ring next. Time is nanoseconds since the machine started. The same code runs in
//! the VM and in host tests.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

mod queue;
mod schedule;
mod table;
mod workers;

pub use schedule::{Due, Schedule};
pub use table::{Refusal, Supervisor};
pub use workers::{
    CRASH_WINDOW, Cause, Ended, MOST_CRASHES, Place, Request, SpawnRefusal, WorkerDue, Workers,
};

/// Nanoseconds per millisecond.
pub const MILLISECOND: u64 = 1_000_000;
/// Nanoseconds per second.
pub const SECOND: u64 = 1_000 * MILLISECOND;
