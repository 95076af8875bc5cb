//! Labels, badges, slots and messages between processes.
//!
//! Everything that two processes of this system must agree on and that is not the kernel's:
//! where a process finds its capabilities, what the badge on a message says, and the root
//! task's service protocol. Pure data; the calls themselves are made by `runtime`.
#![no_std]
#![forbid(unsafe_code)]

mod badge;
pub mod frames;
pub mod service;
pub mod startup;
pub mod workers;

pub use badge::{Badge, Origin, ProcessId, Signals};

/// Slots of a process' own CSpace. Its CNode has [`slot::COUNT`] slots.
pub mod slot {
    /// log2 of the number of slots.
    pub const COUNT_BITS: u32 = elf_image::plan::CNODE_BITS;
    /// Number of slots.
    pub const COUNT: u64 = 1 << COUNT_BITS;
    /// Where the kernel sends this thread's faults (badged: it identifies the process).
    pub const FAULT: u64 = 1;
    /// The endpoint that this process serves; empty where nobody may call it.
    pub const SERVED: u64 = 2;
    /// The root task's service; empty where the manifest has no such edge.
    pub const ROOT: u64 = 3;
    /// The notification that signals for this process arrive at: its doorbells' and its
    /// device's. Empty where it has neither. It is bound to the thread, so that waiting on an
    /// endpoint returns signals, too.
    pub const NOTIFICATION: u64 = 4;
    /// Its device's interrupt.
    pub const INTERRUPT: u64 = 5;
    /// First of the other services that it may call, in the manifest's order.
    pub const CALLS: u64 = 8;
    /// First of the doorbells: each signals the process on the other side of a shared region,
    /// in the order of the regions ([`crate::startup`]).
    pub const DOORBELLS: u64 = 16;
}
