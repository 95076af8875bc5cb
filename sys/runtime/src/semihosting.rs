//! Ends QEMU with an exit code, where it was started with semihosting open to user level.
//!
//! Reference: "Semihosting for AArch32 and AArch64" (Arm), SYS_EXIT_EXTENDED.

use core::arch::asm;

const SYS_EXIT_EXTENDED: u64 = 0x20;
/// `ADP_Stopped_ApplicationExit`: the second word is the exit code.
const APPLICATION_EXIT: u64 = 0x20026;

/// Ends QEMU. Where semihosting is off the instruction is undefined and this thread faults.
pub fn exit(code: u64) -> ! {
    let block = [APPLICATION_EXIT, code];
    // SAFETY: the call reads the two words at x1, which outlive it, and does not return.
    unsafe {
        asm!("hlt #0xf000", "1: b 1b",
            in("x0") SYS_EXIT_EXTENDED, in("x1") &raw const block, options(noreturn));
    }
}
