//! Slots, untyped memory, address spaces and processes.
//!
//! The root task's book of what exists. [`slots`] and [`memory`] hand out slots of the root
//! CNode and power-of-two pieces of untyped memory and take everything back: what was split is
//! merged again, so that after the last process is gone the book equals the one it started with.
//! `process` makes a process out of one untyped of its own, as planned beforehand
//! ([`elf_image::plan`]), so that killing it is suspend and one revoke.
//!
//! The book-keeping is pure and runs on the host against a model of the kernel; `process`,
//! `window` and `device` talk to the real one.
#![cfg_attr(target_os = "none", no_std)]

pub mod device;
pub mod memory;
pub mod slots;

#[cfg(target_os = "none")]
pub mod process;
#[cfg(target_os = "none")]
pub mod window;

/// Why something could not be made. Nothing of it is left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// No run of that many free slots.
    OutOfSlots,
    /// No free untyped memory of that size.
    OutOfMemory,
    /// The book of untyped pieces is full.
    TooManyPieces,
    /// The process does not fit its memory: it needs this many bytes.
    TooBig(u64),
    /// No device memory at this address, or it was passed over already.
    NoDevice(u64),
    /// The kernel refused.
    Kernel(sel4::Error),
}

impl From<sel4::Error> for Error {
    fn from(error: sel4::Error) -> Self {
        Self::Kernel(error)
    }
}

impl From<elf_image::plan::TooBig> for Error {
    fn from(elf_image::plan::TooBig(needed): elf_image::plan::TooBig) -> Self {
        Self::TooBig(needed)
    }
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::OutOfSlots => f.write_str("no free capability slots"),
            Self::OutOfMemory => f.write_str("no free memory of that size"),
            Self::TooManyPieces => f.write_str("untyped memory is split into too many pieces"),
            Self::TooBig(needed) => write!(f, "it needs {needed} bytes, more than its memory"),
            Self::NoDevice(address) => write!(f, "no device memory at {address:#x}"),
            Self::Kernel(error) => write!(f, "the kernel refused: {error:?}"),
        }
    }
}
