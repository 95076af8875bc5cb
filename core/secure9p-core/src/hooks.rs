//! What can be watched on a connection: hooks and counters.

use secure9p_codec::{Fid, Tag};

use crate::{ConnectionId, Error};

/// Called as things happen, for debugging and logging. Names are not passed on: `uname` and
/// `aname` may hold a ticket.
pub trait Hooks {
    /// Somebody was let in and holds `fid`.
    fn on_attach(&mut self, connection: ConnectionId, fid: Fid) {
        let _ = (connection, fid);
    }

    /// `fid` is gone: by a clunk, a remove, a new version or the end of the connection.
    fn on_clunk(&mut self, connection: ConnectionId, fid: Fid) {
        let _ = (connection, fid);
    }

    /// A request is answered with an error.
    fn on_error(&mut self, connection: ConnectionId, tag: Tag, error: Error) {
        let _ = (connection, tag, error);
    }
}

/// Watches nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHooks;

impl Hooks for NoHooks {}

/// What went over a connection since it was made; a new version does not reset it. They wrap.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Frames taken, broken ones too.
    pub frames: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Replies given, errors too.
    pub replies: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Replies that were errors.
    pub errors: u64,
    /// Requests that had to wait.
    pub waited: u64,
    /// Of these, those that were flushed.
    pub flushed: u64,
}

impl Counters {
    pub(crate) fn frame(&mut self, length: usize) {
        add(&mut self.frames, 1);
        add(&mut self.bytes_in, length);
    }

    pub(crate) fn reply(&mut self, length: usize) {
        add(&mut self.replies, 1);
        add(&mut self.bytes_out, length);
    }

    pub(crate) fn error(&mut self) {
        add(&mut self.errors, 1);
    }

    pub(crate) fn waits(&mut self) {
        add(&mut self.waited, 1);
    }

    pub(crate) fn flushes(&mut self) {
        add(&mut self.flushed, 1);
    }
}

fn add(counter: &mut u64, amount: usize) {
    *counter = counter.wrapping_add(amount as u64);
}
