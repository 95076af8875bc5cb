//! Device drivers.
//!
//! Each driver is told where its registers are ([`Registers`]) and knows nothing of seL4.
#![cfg_attr(target_os = "none", no_std)]

pub mod console;
#[cfg(target_os = "none")]
pub mod fw_cfg;
#[cfg(target_os = "none")]
pub mod rtc;
#[cfg(target_arch = "aarch64")]
pub mod timer;
#[cfg(target_os = "none")]
pub mod virtio_serial;

/// Device registers that are mapped for good: proof that a driver may use them.
#[derive(Debug)]
pub struct Registers(usize);

impl Registers {
    /// Registers at `address`.
    ///
    /// # Safety
    /// `address` must be where the device's registers are mapped, uncached, for as long as the
    /// program runs, and nothing else may use them.
    #[must_use]
    pub const unsafe fn new(address: usize) -> Self {
        Self(address)
    }

    /// Where they are mapped.
    #[must_use]
    pub fn address(&self) -> usize {
        self.0
    }
}
