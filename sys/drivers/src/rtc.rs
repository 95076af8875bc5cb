//! The real-time clock: a PL031, read once.
//!
//! Its data register counts the seconds since 1970 (ARM DDI 0224, PrimeCell Real Time Clock PL031);
//! QEMU sets it from the host's clock. Time goes on by the generic timer from there.

use crate::Registers;

/// Seconds since 1970, UTC.
#[must_use]
pub fn seconds(registers: &Registers) -> u64 {
    // SAFETY: `Registers` says that the device is mapped there for good; RTCDR, at offset 0, may
    // be read at any time and reading it has no effect.
    let seconds = unsafe { (registers.address() as *const u32).read_volatile() };
    seconds.into()
}
