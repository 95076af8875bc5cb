//! What every worker's conversation with NineDoor has in common.
//!
//! A [`Worker`] is a 9P client without input and output: [`Worker::next`] writes the frame that is
//! to be sent, or says how long to wait; [`Worker::reply`] takes what was answered. The process in
//! the VM and the simulator's thread are loops around it. [`Ticks`] are when it acts; [`version`],
//! [`attach`] and [`encode`] are the frames that all of them begin with.
//!
//! Invariants: a frame is at most [`MSIZE`] bytes, and so is the reply. No request is made while
//! another waits for its reply.
//!
//! Deliberately absent: what a worker does, and every transport.
#![no_std]
#![forbid(unsafe_code)]

use core::time::Duration;

use secure9p_codec::{Dialect, Fid, Request, Tag, UserId, encode_request};

/// Longest frame in both directions, in bytes: a request and a reply fit a page.
pub const MSIZE: usize = 2048;
/// What workers speak.
pub const DIALECT: Dialect = Dialect::Linux;
/// Tag of every request but the first: there is one at a time.
pub const TAG: Tag = Tag(0);
/// Where it attaches.
pub const ROOT: Fid = Fid(0);
/// `O_WRONLY` and `O_APPEND` of Linux's open(2).
pub const APPEND: u32 = 0o1 | 0o2000;

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Next {
    /// Send so many bytes, which lie at the front of the buffer, and give what is answered to
    /// [`Worker::reply`]. Until then this comes again, with the same frame.
    Send(usize),
    /// Nothing before this time of the clock that `now` is of.
    Wait(Duration),
    /// It is over.
    Ended(Ended),
}

/// Why it is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// The server refused something that it cannot do without, with this errno of Linux.
    Refused(u32),
    /// The server's answer was no answer to the request.
    Botched,
    /// The buffer is shorter than a frame, or the ticket longer than one.
    TooLong,
}

/// Somebody who talks with NineDoor.
pub trait Worker {
    /// What to do at `now`; `frame` should have [`MSIZE`] bytes.
    fn next(&mut self, now: Duration, frame: &mut [u8]) -> Next;

    /// Takes the reply to the frame that was sent.
    fn reply(&mut self, frame: &[u8]);
}

/// Whole periods since a start, of whatever clock.
#[derive(Debug, Clone, Copy)]
pub struct Ticks {
    start: Duration,
    period: Duration,
}

impl Ticks {
    /// From `start` on. A period of 0 is taken for a millisecond.
    #[must_use]
    pub const fn new(start: Duration, period: Duration) -> Self {
        let period = if period.is_zero() { Duration::from_millis(1) } else { period };
        Self { start, period }
    }

    /// Which tick it is.
    #[must_use]
    pub fn at(&self, now: Duration) -> u64 {
        let periods = now.saturating_sub(self.start).as_nanos() / self.period.as_nanos();
        u64::try_from(periods).unwrap_or(u64::MAX)
    }

    /// When the tick is.
    #[must_use]
    pub fn time_of(&self, tick: u64) -> Duration {
        let nanos = self.period.as_nanos().saturating_mul(u128::from(tick));
        let since = u64::try_from(nanos).map_or(Duration::MAX, Duration::from_nanos);
        self.start.saturating_add(since)
    }
}

/// The first request; its tag is [`Tag::NONE`].
#[must_use]
pub const fn version() -> Request<'static> {
    Request::Version { msize: MSIZE as u32, version: DIALECT.version() }
}

/// The second, with its ticket.
#[must_use]
pub const fn attach(ticket: &str) -> Request<'_> {
    Request::Attach { fid: ROOT, afid: Fid::NONE, uname: "", aname: ticket, n_uname: UserId::NONE }
}

/// Writes a request to the front of `frame`; its length.
///
/// # Errors
/// It does not fit.
pub fn encode(tag: Tag, request: &Request<'_>, frame: &mut [u8]) -> Result<usize, Ended> {
    let most = frame.len().min(MSIZE);
    let out = frame.get_mut(..most).unwrap_or_default();
    encode_request(DIALECT, tag, request, out).map_err(|_| Ended::TooLong)
}
