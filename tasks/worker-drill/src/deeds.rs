//! What each does, chosen by its number: worker-1 does the first deed. See systems/worker-drills.toml.
//!
//! Some write to their telemetry what came of it; what they were promised never to get is a line
//! that starts with `breach`.

use abi::frames::Request as Label;
use abi::startup::Kind;
use abi::workers::{Birth, MAX_FRAME};
use core::sync::atomic::AtomicU64;
use drivers::timer;
use runtime::memory;
use sel4::message::MessageInfo;
use sel4::{Cap, Endpoint, Notification, syscall};

use crate::session::Session;

const SERVER: Endpoint = Cap::new(abi::slot::CALLS);
const TICK: Notification = Cap::new(abi::slot::NOTIFICATION);
/// Paths that no heartbeat worker may open, read or written, whoever lives.
const FORBIDDEN: [(&[&str], bool); 9] = [
    (&["queen", "ctl"], true),
    (&["queen", "last"], false),
    (&["log", "queen.log"], true),
    (&["proc", "caps"], false),
    (&["proc", "sched"], false),
    (&["proc", "sessions"], false),
    (&["proc", "events"], false),
    (&["worker", "worker-1", "telemetry"], false),
    (&["worker", "worker-2", "telemetry"], true),
];

/// Does the deed of this worker's number.
pub fn run(_argument: u64) -> u64 {
    let frames = memory::take().into_iter().find(|given| given.area().kind == Kind::Frames);
    let (Some(frames), Some(birth)) = (frames, memory::birth()) else { return 2 };
    let frames = frames.frames();
    match birth.number {
        1 => crash(),
        2 => spin(),
        3 => flood(frames),
        4 => garbage(frames),
        5 => never_listen(frames),
        6 => trespass(frames, &birth),
        7 => 7,
        8 => idle(),
        9 => forge(frames, &birth),
        10 => boast(frames, &birth),
        11 => stop_the_clock(),
        12 => ask_the_root_task(),
        _ => crash(),
    }
}

fn crash() -> ! {
    // SAFETY: address 0 is not mapped: the read faults before it has any effect.
    unsafe { core::arch::asm!("ldr xzr, [{}]", "b .", in(reg) 0u64, options(noreturn)) };
}

fn spin() -> ! {
    loop {
        core::hint::spin_loop();
    }
}

/// Withdraws the timer's interrupt, again and again: its registers are open to all.
fn stop_the_clock() -> ! {
    loop {
        timer::disarm();
    }
}

/// Asks the root task for the key of all tickets.
fn ask_the_root_task() -> ! {
    loop {
        let _ = runtime::workers::ticket_key();
    }
}

fn idle() -> ! {
    loop {
        TICK.wait();
    }
}

/// Sends frames as fast as it can, until its requests are spent.
fn flood(frames: &'static [AtomicU64]) -> ! {
    let mut session = Session::new(frames);
    loop {
        // Answered or not: the next comes at once.
        let _ = session.version();
    }
}

/// Sends what is no frame, of every length.
fn garbage(frames: &'static [AtomicU64]) -> ! {
    let mut word = timer::now() | 1;
    loop {
        for unit in frames {
            // Marsaglia's xorshift64: any bytes will do.
            word ^= word << 13;
            word ^= word >> 7;
            word ^= word << 17;
            unit.store(word, core::sync::atomic::Ordering::Relaxed);
        }
        let lengths = [word, word % 64, word % (2 * MAX_FRAME as u64), u64::MAX];
        for length in lengths {
            for label in [Label::Frame as u64, Label::Poll as u64, word] {
                SERVER.call(label, [length, word, 0, 0], (word % 5) as usize);
            }
        }
    }
}

/// Sends requests and takes no reply.
fn never_listen(frames: &'static [AtomicU64]) -> ! {
    let mut session = Session::new(frames);
    let length = session.version_frame() as u64;
    loop {
        syscall::send(
            SERVER.pointer(),
            MessageInfo::new(Label::Frame as u64, 0, 1),
            [length, 0, 0, 0],
        );
    }
}

/// Tries to open what is not its own.
fn trespass(frames: &'static [AtomicU64], birth: &Birth) -> ! {
    let mut session = Session::new(frames);
    session.open_telemetry(birth.ticket());
    for (path, write) in FORBIDDEN {
        if session.open(path, write) {
            session.append(b"breach: opened\n");
        }
    }
    // What it may: so what was refused was not refused for another reason.
    let allowed = session.open(&["proc", "boot"], false)
        && session.open(&["log", "queen.log"], false)
        && session.open(&["worker", "self", "telemetry"], true);
    session.append(if allowed { b"trespass: done\n" } else { b"trespass: kept from its own\n" });
    idle()
}

/// Attaches with a ticket of which one digit is another, and with none.
fn forge(frames: &'static [AtomicU64], birth: &Birth) -> ! {
    let mut forged = [0; abi::workers::MAX_TICKET];
    let ticket = birth.ticket().as_bytes();
    let mut admitted = 0;
    for index in 0..ticket.len() {
        let text = &mut forged[..ticket.len()];
        text.copy_from_slice(ticket);
        text[index] = if text[index] == b'0' { b'1' } else { b'0' };
        let Ok(text) = core::str::from_utf8(text) else { continue };
        let mut session = Session::new(frames);
        if text != birth.ticket() && session.version() && session.attach(text) {
            admitted += 1;
        }
    }
    let mut session = Session::new(frames);
    if session.version() && session.attach("") {
        admitted += 1;
    }
    let mut session = Session::new(frames);
    let open = session.open_telemetry(birth.ticket());
    let said: &[u8] = if admitted == 0 && open { b"forge: refused\n" } else { b"breach: forged\n" };
    session.append(said);
    idle()
}

/// Appends more often than its ticks allow.
fn boast(frames: &'static [AtomicU64], birth: &Birth) -> ! {
    let mut session = Session::new(frames);
    session.open_telemetry(birth.ticket());
    loop {
        session.append(b"heartbeat 1\n");
    }
}
