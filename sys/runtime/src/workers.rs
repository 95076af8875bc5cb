//! Workers, as their server asks the root task for them (see `abi::workers`).

use abi::service::{MAX_LINE, Operation, Status, unpack_text};
use abi::workers::{Ended, WorkerKind, WorkerLimits};
use sel4::message::MAX_WORDS;
use sel4::syscall::Message;
use sel4::{Cap, Endpoint};

const ROOT: Endpoint = Cap::new(abi::slot::ROOT);

fn ask(operation: Operation, words: &[u64]) -> Result<Message, Status> {
    let answer = ROOT.call_words(operation as u64, words);
    match Status::from_label(answer.info.label()) {
        Status::Ok => Ok(answer),
        refused => Err(refused),
    }
}

/// What a spawn of this kind may ask for.
pub fn limits(kind: WorkerKind) -> Result<WorkerLimits, Status> {
    let answer = ask(Operation::WorkerLimits, &[kind as u64])?;
    WorkerLimits::from_words(answer.words(&mut [0; MAX_WORDS])).ok_or(Status::Invalid)
}

/// Spawns a worker: its place and number.
pub fn spawn(
    kind: WorkerKind,
    period_ms: u64,
    [ticks, ops, ttl_s]: [u64; 3],
) -> Result<(u8, u32), Status> {
    let answer = ask(Operation::Spawn, &[kind as u64, period_ms, ticks, ops, ttl_s])?;
    let [place, number, ..] = answer.registers;
    match (u8::try_from(place), u32::try_from(number)) {
        (Ok(place), Ok(number)) => Ok((place, number)),
        _ => Err(Status::Invalid),
    }
}

/// Kills a worker. It is gone when this returns.
pub fn kill(place: u8, number: u32) -> Result<(), Status> {
    ask(Operation::Kill, &[place.into(), number.into()]).map(drop)
}

/// The next worker that ended by itself.
pub fn take_ended() -> Option<Ended> {
    let answer = ask(Operation::TakeEnded, &[]).ok()?;
    Ended::from_words(answer.words(&mut [0; MAX_WORDS]))
}

/// The tickets' key, and when the machine started, in milliseconds since 1970. `None` where there
/// is no secret.
pub fn ticket_key() -> Result<Option<([u8; 32], u64)>, Status> {
    let answer = match ask(Operation::TicketKey, &[]) {
        Err(Status::NotFound) => return Ok(None),
        answer => answer?,
    };
    let mut words = [0; MAX_WORDS];
    let &[a, b, c, d, started_ms] = answer.words(&mut words) else { return Err(Status::Invalid) };
    let mut key = [0; 32];
    for (bytes, word) in key.chunks_exact_mut(8).zip([a, b, c, d]) {
        bytes.copy_from_slice(&word.to_le_bytes());
    }
    Ok(Some((key, started_ms)))
}

/// What to tell of processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum About {
    /// What each holds.
    Holdings = 0,
    /// How each is scheduled.
    Schedule = 1,
}

/// A line about each process that runs.
pub fn processes(about: About, mut take: impl FnMut(&str)) -> Result<(), Status> {
    let mut index = 0;
    loop {
        let answer = ask(Operation::Process, &[index, about as u64])?;
        let (mut words, mut buffer) = ([0; MAX_WORDS], [0; MAX_LINE + 8]);
        let Some((&found, packed)) = answer.words(&mut words).split_first() else { return Ok(()) };
        let text =
            unpack_text(packed, &mut buffer).and_then(|text| core::str::from_utf8(text).ok());
        take(text.ok_or(Status::Invalid)?);
        index = found + 1;
    }
}

/// Every line about what happened to components that was not taken yet.
pub fn take_notes(mut take: impl FnMut(&str)) {
    while let Ok(answer) = ask(Operation::TakeNote, &[]) {
        let (mut words, mut buffer) = ([0; MAX_WORDS], [0; MAX_LINE + 8]);
        let text = unpack_text(answer.words(&mut words), &mut buffer);
        match text.and_then(|text| core::str::from_utf8(text).ok()) {
            Some("") | None => return,
            Some(line) => take(line),
        }
    }
}

/// Lets the root task signal this process at `time`, in nanoseconds since the machine's start; an
/// earlier wish is forgotten.
pub fn alarm(time: u64) {
    // Whoever may not ask is not woken; it learned that when it asked for its workers.
    let _ = ask(Operation::Alarm, &[time]);
}
