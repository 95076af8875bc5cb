//! Typed seL4 capabilities.
//!
//! One source for both kernel families: the numbers come from the chosen kernel's interface
//! files (`build.rs`), what the C headers alone tell is in [`generation`], and everything else
//! is common. A [`Cap`] names a slot of the own CSpace and what is in it; the operations of each
//! object are methods of its capability type and return [`Error`] as the kernel reports it.
//!
//! Invariant: `TPIDR_EL0` of every thread holds the address of its IPC buffer. seL4 5.0.0 forces
//! that; for later kernels whoever makes a thread sets it (`TCB_SetTLSBase`, or the root task
//! itself). One thread per process, so the buffer needs no lock.
//!
//! On a host target only the pure parts exist: message encoding, BootInfo, faults, errors.
//! Deliberately absent: MCS, SMP, IOMMU and VCPU operations.
#![cfg_attr(target_os = "none", no_std)]

pub mod bootinfo;
mod cap;
mod error;
pub mod fault;
pub mod generation;
pub mod message;

#[cfg(target_os = "none")]
mod invoke;
#[cfg(target_os = "none")]
pub mod syscall;

pub use cap::{
    AsidPool, CNode, CPtr, Cap, Endpoint, IrqControl, IrqHandler, Notification, Page, PageTable,
    Rights, SlotRange, Tcb, Untyped, VSpace, VmAttributes, initial,
};
pub use error::{Error, Result};
#[cfg(target_os = "none")]
pub use invoke::{Object, Registers, ThreadSetup};

/// Numbers generated from the kernel's interface files.
#[cfg(target_os = "none")]
pub mod abi {
    include!(concat!(env!("OUT_DIR"), "/abi.rs"));
}
