//! A component's side of the root task's service (see `abi::service`).

use core::fmt::Write;
use core::panic::PanicInfo;

use abi::service::{MAX_LINE, Operation, Status, TEXT_WORDS, pack_text};
use sel4::{Cap, Endpoint};

/// Exit code of a component that panicked, as of a Rust program elsewhere.
const PANICKED: u64 = 101;

const ROOT: Endpoint = Cap::new(abi::slot::ROOT);

/// Sends `number`; what comes back must be the same.
pub fn ping(number: u64) -> Result<u64, Status> {
    let answer = ROOT.call(Operation::Ping as u64, [number, 0, 0, 0], 1);
    match Status::from_label(answer.info.label()) {
        Status::Ok => Ok(answer.registers[0]),
        refused => Err(refused),
    }
}

/// Prints one line on the system's log; what exceeds [`MAX_LINE`] bytes is cut.
pub fn log(arguments: core::fmt::Arguments) -> Status {
    let mut line = heapless::String::<MAX_LINE>::new();
    // A line that does not fit keeps the pieces that did.
    let _ = line.write_fmt(arguments);
    let mut words = [0; TEXT_WORDS];
    let used = pack_text(&line, &mut words);
    let answer = ROOT.call_words(Operation::Log as u64, &words[..used]);
    Status::from_label(answer.info.label())
}

/// Ends this process. Where the root task does not allow that, the process stops by a fault.
pub fn exit(code: u64) -> ! {
    ROOT.call(Operation::Exit as u64, [code, 0, 0, 0], 1);
    stop()
}

fn stop() -> ! {
    // SAFETY: the undefined instruction is an exception that the root task hears of as this
    // thread's fault; the thread never resumes.
    unsafe { core::arch::asm!("udf #1", options(noreturn)) }
}

#[doc(hidden)]
pub fn panicked(info: &PanicInfo) -> ! {
    log(format_args!("panic: {info}"));
    exit(PANICKED)
}

/// Prints a line on the system's log.
#[macro_export]
macro_rules! log {
    ($($argument:tt)*) => { $crate::service::log(format_args!($($argument)*)) };
}
