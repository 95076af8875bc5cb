//! What a heartbeat worker says to NineDoor, and when.
//!
//! A [`Heartbeat`] is a 9P client without input and output: [`Heartbeat::next`] writes the frame
//! that is to be sent, or says how long to wait; [`Heartbeat::reply`] takes what was answered. The
//! worker in the VM and the one in the simulator are loops around it:
//!
//! ```
//! use core::time::Duration;
//! use heartbeat::{Heartbeat, MSIZE, Next};
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

use secure9p_codec::{
    Dialect, Fid, Names, Reply, Request, Tag, UserId, decode_reply, encode_request,
};

/// Longest frame in both directions, in bytes: a request and a reply fit a page.
pub const MSIZE: usize = 2048;

const DIALECT: Dialect = Dialect::Linux;
/// Tag of every request but the first: there is one at a time.
const TAG: Tag = Tag(0);
const ROOT: Fid = Fid(0);
const TELEMETRY: Fid = Fid(1);
/// The path of what is appended to, from the root.
const PATH: [&str; 3] = ["worker", "self", "telemetry"];
/// Bytes of [`PATH`] as it travels, and more.
const PACKED: usize = 64;
/// `O_WRONLY` and `O_APPEND` of Linux's open(2).
const APPEND: u32 = 0o1 | 0o2000;
/// Longest line, in bytes: the word, a number and the line end.
const MAX_LINE: usize = WORD.len() + 20 + 1;
const WORD: &[u8] = b"heartbeat ";

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Next {
    /// Send so many bytes, which lie at the front of the buffer, and give what is answered to
    /// [`Heartbeat::reply`]. Until then this comes again, with the same frame.
    Send(usize),
    /// Nothing before this time of the clock that `now` is of.
    Wait(Duration),
    /// It is over.
    Ended(Ended),
}

/// Why it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The server refused a request, with this errno of Linux.
    Refused(u32),
    /// The server's answer was no answer to the request.
    Botched,
    /// The buffer is shorter than a frame, or the ticket longer than one.
    TooLong,
}

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
    start: Duration,
    period: Duration,
    /// The tick that was appended last.
    last: u64,
    step: Step,
}

impl<'t> Heartbeat<'t> {
    /// A worker that has just started: `start` is now, of whatever clock. A period of 0 is taken
    /// for a millisecond.
    #[must_use]
    pub const fn new(ticket: &'t str, start: Duration, period: Duration) -> Self {
        let period = if period.is_zero() { Duration::from_millis(1) } else { period };
        Self { ticket, start, period, last: 0, step: Step::Version }
    }

    /// The tick that was appended last; 0 before the first.
    #[must_use]
    pub const fn last(&self) -> u64 {
        self.last
    }

    /// What to do at `now`; `frame` should have [`MSIZE`] bytes.
    pub fn next(&mut self, now: Duration, frame: &mut [u8]) -> Next {
        if self.step == Step::Beat(None) {
            let tick = self.tick(now);
            if tick <= self.last {
                return Next::Wait(self.time_of(self.last.saturating_add(1)));
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

    /// Takes the reply to the frame that was sent.
    pub fn reply(&mut self, frame: &[u8]) {
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

    fn tag(&self) -> Tag {
        if self.step == Step::Version { Tag::NONE } else { TAG }
    }

    /// Which tick it is: whole periods since the start.
    fn tick(&self, now: Duration) -> u64 {
        let periods = now.saturating_sub(self.start).as_nanos() / self.period.as_nanos();
        u64::try_from(periods).unwrap_or(u64::MAX)
    }

    fn time_of(&self, tick: u64) -> Duration {
        let nanos = self.period.as_nanos().saturating_mul(u128::from(tick));
        let since = u64::try_from(nanos).map_or(Duration::MAX, Duration::from_nanos);
        self.start.saturating_add(since)
    }

    /// Writes the frame of this step to the front of `frame`.
    fn request(&self, frame: &mut [u8]) -> Result<usize, Ended> {
        let mut packed = [0; PACKED];
        let mut text = [0; MAX_LINE];
        let request = match self.step {
            Step::Version => Request::Version { msize: MSIZE as u32, version: DIALECT.version() },
            Step::Attach => Request::Attach {
                fid: ROOT,
                afid: Fid::NONE,
                uname: "",
                aname: self.ticket,
                n_uname: UserId::NONE,
            },
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
        let most = frame.len().min(MSIZE);
        let out = frame.get_mut(..most).unwrap_or_default();
        encode_request(DIALECT, self.tag(), &request, out).map_err(|_| Ended::TooLong)
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
