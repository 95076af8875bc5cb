//! Labels, badges, slots and messages between processes.
//!
//! Everything that two processes of this system must agree on and that is not the kernel's:
//! where a process finds its capabilities, what the badge on a message says, and the root
//! task's service protocol. Pure data; the calls themselves are made by `runtime`.
#![no_std]
#![forbid(unsafe_code)]

mod badge;
pub mod service;

pub use badge::{Badge, Origin, ProcessId};

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
    /// First of the other services that it may call, in the manifest's order.
    pub const CALLS: u64 = 4;
}
