//! Boots an seL4 kernel and the root task out of `rootfs.cpio`.
//!
//! QEMU loads this program as a Linux arm64 Image and the boot archive as its initial RAM disk.
//! The loader puts the kernel where its ELF file says, the root task behind it and the rest of
//! the archive behind that, so that the root task finds it right after its own image; then it
//! enters the kernel as seL4's boot protocol for AArch64 asks. It runs at EL1 with caches on
//! ([`start`]) and its memory is given to the system afterwards.
//!
//! Deliberately absent: anything but QEMU's `virt` machine, hypervisor kernels, several cores.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(target_os = "none")]
mod boot;
#[cfg(target_os = "none")]
mod image;
#[cfg(target_os = "none")]
mod start;
