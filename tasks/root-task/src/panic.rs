//! What happens when the root task panics: there is nobody above it.

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicBool, Ordering};

use drivers::{console, println};
use manifest::OnPanic;
use runtime::semihosting;

/// Sentinel byte on the console: a self-test passed (ASCII ACK).
pub const PASSED: u8 = 0x06;
/// Sentinel byte on the console: a self-test failed, or the root task panicked (ASCII NAK).
pub const FAILED: u8 = 0x15;

static EXIT: AtomicBool = AtomicBool::new(false);

/// Sets what a panic does once it has been printed.
pub fn set_policy(policy: OnPanic) {
    EXIT.store(policy == OnPanic::Exit, Ordering::Relaxed);
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    println!("panic: root-task: {info}");
    console::put(FAILED);
    if EXIT.load(Ordering::Relaxed) {
        semihosting::exit(1);
    }
    loop {
        // Stops this thread; the system stands still with the message on the console.
        let _ = sel4::initial::TCB.suspend();
    }
}
