//! A component's side of the root task's service (see `abi::service`).

use core::fmt::Write;
use core::panic::PanicInfo;

use abi::service::{MAX_LINE, Operation, Status, TEXT_WORDS, UNKNOWN, pack_text, unpack_text};
use sel4::message::MAX_WORDS;
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

/// The system's boot text, piece by piece.
pub fn boot_text(mut take: impl FnMut(&str)) -> Result<(), Status> {
    let mut offset = 0;
    loop {
        let answer = ROOT.call(Operation::BootText as u64, [offset, 0, 0, 0], 1);
        match Status::from_label(answer.info.label()) {
            Status::Ok => {}
            refused => return Err(refused),
        }
        let (mut words, mut buffer) = ([0; MAX_WORDS], [0; MAX_LINE + 8]);
        let text = unpack_text(answer.words(&mut words), &mut buffer)
            .and_then(|bytes| core::str::from_utf8(bytes).ok())
            .ok_or(Status::Invalid)?;
        if text.is_empty() {
            return Ok(());
        }
        take(text);
        offset += text.len() as u64;
    }
}

/// Memory and slots, as the root task's book has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Free memory for processes, in bytes.
    pub free: u64,
    /// The same when the system had started.
    pub at_boot: u64,
    /// Free capability slots of the root task.
    pub slots: u64,
    /// Components that run.
    pub running: u64,
    /// Workers that run.
    pub workers: u64,
    /// In how many slots the kernel differs from the book; `None` where it does not tell.
    pub differences: Option<u64>,
}

/// Asks for the memory.
pub fn memory() -> Result<Memory, Status> {
    let answer = ROOT.call(Operation::Memory as u64, [0; 4], 0);
    match (Status::from_label(answer.info.label()), answer.words(&mut [0; MAX_WORDS])) {
        (Status::Ok, &[free, at_boot, slots, running, workers, differences]) => {
            let differences = Some(differences).filter(|count| *count != UNKNOWN);
            Ok(Memory { free, at_boot, slots, running, workers, differences })
        }
        (Status::Ok, _) => Err(Status::Invalid),
        (refused, _) => Err(refused),
    }
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
