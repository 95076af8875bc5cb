//! The generic timer: counter and EL1 physical timer.
//!
//! CNTVCT_EL0 counts at CNTFRQ_EL0 (62.5 MHz on QEMU). The physical timer's interrupt (PPI 14,
//! INTID 30) is level-triggered: it stays up until the timer is disarmed or set to a later time.
//! The kernel uses the virtual timer and leaves this one to user level. Its registers are not
//! virtualised: any process could write them, so one owner is a convention (see
//! docs/threat-model.md). Reference: ARM DDI 0487, "The Generic Timer in AArch64 state".

use core::arch::asm;

/// INTID of the EL1 physical timer.
pub const INTERRUPT: u64 = 30;

const NANOSECONDS: u128 = 1_000_000_000;

/// Ticks of the counter per second.
#[must_use]
pub fn frequency() -> u64 {
    let value: u64;
    // SAFETY: reads a constant register that the kernel opens to user level.
    unsafe { asm!("mrs {}, cntfrq_el0", out(reg) value, options(nomem, nostack)) };
    value.max(1)
}

/// The counter, in ticks since the machine started.
#[must_use]
pub fn ticks() -> u64 {
    let value: u64;
    // SAFETY: reads the counter. The barrier keeps it from being read early.
    unsafe { asm!("isb", "mrs {}, cntvct_el0", out(reg) value, options(nostack)) };
    value
}

/// Time since the machine started, in nanoseconds.
#[must_use]
pub fn now() -> u64 {
    // 128 bits: the product overflows 64 after five minutes.
    (u128::from(ticks()) * NANOSECONDS / u128::from(frequency())) as u64
}

/// Lets the interrupt come at `deadline` nanoseconds since the machine started; at once where
/// that has passed.
pub fn arm(deadline: u64) {
    let ticks = u128::from(deadline) * u128::from(frequency());
    let ticks = ticks.div_ceil(NANOSECONDS).min(u128::from(u64::MAX)) as u64;
    // SAFETY: sets the physical timer, which this program alone uses; no memory is involved.
    // The virtual offset is zero, so that both counters agree.
    unsafe {
        asm!("msr cntp_cval_el0, {}", "msr cntp_ctl_el0, {}", "isb",
            in(reg) ticks, in(reg) 1u64, options(nomem, nostack));
    }
}

/// Withdraws the interrupt.
pub fn disarm() {
    // SAFETY: stops the physical timer, which this program alone uses.
    unsafe { asm!("msr cntp_ctl_el0, xzr", "isb", options(nomem, nostack)) };
}
