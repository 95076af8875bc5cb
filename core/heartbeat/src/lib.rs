//! What a heartbeat worker says to NineDoor, and when.
//!
//! A [`Heartbeat`] is a [`Worker`]; the process in the VM and the thread in the simulator are loops
//! around it:
//!
//! ```
//! use core::time::Duration;
//! use heartbeat::{Heartbeat, MSIZE, Next, Worker as _};
//!
//! fn live(ticket: &str, period: Duration, now: impl Fn() -> Duration,
//!         exchange: impl Fn(&mut [u8], usize) -> Option<usize>, wait: impl Fn(Duration)) {
//!     let mut heart = Heartbeat::new(ticket, now(), period);
//!     let mut frame = [0; MSIZE];
//!     loop {
//!         match heart.next(now(), &mut frame) {
//!             Next::Send(length) => match exchange(&mut frame, length) {
//!                 Some(length) => heart.reply(frame.get(..length).unwrap_or_default()),
//!                 None => return,
//!             },
//!             Next::Wait(until) => wait(until),
//!             Next::Ended(_) => return,
//!         }
//!     }
//! }
//! # live("", Duration::from_secs(1), || Duration::ZERO, |_, _| None, |_| ());
//! ```
//!
//! It attaches with its ticket, walks to `worker/self/telemetry`, opens it for appending, and then
//! appends `heartbeat <tick>` and a line end once per tick, in one `Twrite`. A tick is a number of
//! the real clock, periods since the start: who comes late appends the tick that it is by then,
//! and those that were missed stay missing.
//!
//! Invariants: a frame is at most [`MSIZE`] bytes, and so is the reply. No request is made while
//! another waits for its reply. The first answer that is not what was asked for ends it for good.
//!
//! Deliberately absent: knowledge of its budget (whoever enforces it ends the worker), a second
//! attempt at anything, and every transport.
#![no_std]
#![forbid(unsafe_code)]

use core::time::Duration;

use secure9p_codec::{Fid, Names, Reply, Request, Tag, decode_reply};
use worker::{APPEND, DIALECT, ROOT, TAG, Ticks};
pub use worker::{Ended, MSIZE, Next, Worker};

const TELEMETRY: Fid = Fid(1);
/// The path of what is appended to, from the root.
const PATH: [&str; 3] = ["worker", "self", "telemetry"];
/// Bytes of [`PATH`] as it travels, and more.
const PACKED: usize = 64;
/// Longest line, in bytes: the word, a number and the line end.
const MAX_LINE: usize = WORD.len() + 20 + 1;
const WORD: &[u8] = b"heartbeat ";

/// Which request is next, or waits for its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Version,
    Attach,
    Walk,
    Open,
    /// Appending; this tick is not over the server yet, where there is one.
    Beat(Option<u64>),
    Over(Ended),
}

/// A heartbeat worker.
#[derive(Debug)]
pub struct Heartbeat<'t> {
    ticket: &'t str,
    ticks: Ticks,
    /// The tick that was appended last.
    last: u64,
    step: Step,
}

impl<'t> Heartbeat<'t> {
    /// A worker that has just started: `start` is now, of whatever clock. A period of 0 is taken
    /// for a millisecond.
    #[must_use]
    pub const fn new(ticket: &'t str, start: Duration, period: Duration) -> Self {
        Self { ticket, ticks: Ticks::new(start, period), last: 0, step: Step::Version }
    }

    /// The tick that was appended last; 0 before the first.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    fn tag(&self) -> Tag {
        if self.step == Step::Version { Tag::NONE } else { TAG }
    }

    /// Writes the frame of this step to the front of `frame`.
    fn request(&self, frame: &mut [u8]) -> Result<usize, Ended> {
        let mut packed = [0; PACKED];
        let mut text = [0; MAX_LINE];
        let request = match self.step {
            Step::Version => worker::version(),
            Step::Attach => worker::attach(self.ticket),
            Step::Walk => {
                let names = Names::pack(&PATH, &mut packed).map_err(|_| Ended::TooLong)?;
                Request::Walk { fid: ROOT, newfid: TELEMETRY, names }
            }
            Step::Open => Request::Lopen { fid: TELEMETRY, flags: APPEND },
            Step::Beat(tick) => {
                let data = line(tick.unwrap_or(self.last), &mut text);
                Request::Write { fid: TELEMETRY, offset: 0, data }
            }
            Step::Over(ended) => return Err(ended),
        };
        worker::encode(self.tag(), &request, frame)
    }
}

impl Worker for Heartbeat<'_> {
    fn next(&mut self, now: Duration, frame: &mut [u8]) -> Next {
        if self.step == Step::Beat(None) {
            let tick = self.ticks.at(now);
            if tick <= self.last {
                return Next::Wait(self.ticks.time_of(self.last.saturating_add(1)));
            }
            self.step = Step::Beat(Some(tick));
        }
        match self.request(frame) {
            Ok(length) => Next::Send(length),
            Err(ended) => {
                self.step = Step::Over(ended);
                Next::Ended(ended)
            }
        }
    }

    fn reply(&mut self, frame: &[u8]) {
        let reply = match decode_reply(DIALECT, frame) {
            Ok((_, Reply::Lerror { ecode })) => {
                self.step = Step::Over(Ended::Refused(ecode));
                return;
            }
            Ok((tag, reply)) if tag == self.tag() => Some(reply),
            _ => None,
        };
        self.step = match (self.step, reply) {
            (Step::Version, Some(Reply::Version { version, msize }))
                if version == DIALECT.version() && msize as usize <= MSIZE =>
            {
                Step::Attach
            }
            (Step::Attach, Some(Reply::Attach { .. })) => Step::Walk,
            (Step::Walk, Some(Reply::Walk { qids })) if qids.len() == PATH.len() => Step::Open,
            // The server found a part of the path.
            (Step::Walk, Some(Reply::Walk { .. })) => Step::Over(Ended::Refused(2)),
            (Step::Open, Some(Reply::Lopen { .. })) => Step::Beat(None),
            (Step::Beat(Some(tick)), Some(Reply::Write { count }))
                if count as usize == line(tick, &mut [0; MAX_LINE]).len() =>
            {
                self.last = tick;
                Step::Beat(None)
            }
            (Step::Over(ended), _) => Step::Over(ended),
            _ => Step::Over(Ended::Botched),
        };
    }
}

/// `heartbeat <tick>` and a line end.
fn line(tick: u64, text: &mut [u8; MAX_LINE]) -> &[u8] {
    let mut first = MAX_LINE - 1;
    let mut left = tick;
    text[first] = b'\n';
    loop {
        first -= 1;
        text[first] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    first -= WORD.len();
    text[first..first + WORD.len()].copy_from_slice(WORD);
    &text[first..]
}

#[cfg(test)]
mod tests;
