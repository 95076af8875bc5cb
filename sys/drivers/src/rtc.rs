//! The real-time clock: a PL031.
//!
//! Its data register counts the seconds since 1970 (ARM DDI 0224, PrimeCell Real Time Clock PL031);
//! QEMU sets it from the host's clock. It rings when it reaches its match register. Unlike the
//! generic timer's, its registers are in a page that only one process has: nobody else can stop
//! it.

use crate::Registers;

/// INTID on QEMU's `virt` machine: SPI 2.
pub const INTERRUPT: u64 = 34;

/// RTCDR: the seconds.
const DATA: usize = 0x00;
/// RTCMR: when to ring.
const MATCH: usize = 0x04;
/// RTCIMSC: 1 lets it ring.
const MASK: usize = 0x10;
/// RTCICR: 1 ends the ringing.
const CLEAR: usize = 0x1c;

/// The clock.
#[derive(Debug)]
pub struct Clock(Registers);

impl Clock {
    /// The clock with these registers.
    #[must_use]
    pub const fn new(registers: Registers) -> Self {
        Self(registers)
    }

    /// Seconds since 1970, UTC.
    #[must_use]
    pub fn seconds(&self) -> u64 {
        self.read(DATA).into()
    }

    /// Ends the ringing, and rings again when the second after this one begins.
    pub fn ring_next_second(&self) {
        self.write(CLEAR, 1);
        self.write(MATCH, self.read(DATA).wrapping_add(1));
        self.write(MASK, 1);
        // The second may have passed in between: then the match was missed.
        if self.read(DATA) == self.read(MATCH) {
            self.write(MATCH, self.read(DATA).wrapping_add(1));
        }
    }

    fn read(&self, register: usize) -> u32 {
        // SAFETY: `Registers` says that the device is mapped there for good and nobody else's;
        // the registers are 32 bits wide, and reading these has no effect.
        unsafe { ((self.0.address() + register) as *const u32).read_volatile() }
    }

    fn write(&self, register: usize, value: u32) {
        // SAFETY: as above; what is written concerns this device's interrupt alone.
        unsafe { ((self.0.address() + register) as *mut u32).write_volatile(value) };
    }
}
