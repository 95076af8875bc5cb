//! One channel's state.

use channels::WINDOW;

/// Credit is given back in steps of at least this, to save frames.
const CREDIT_STEP: u32 = WINDOW / 4;

/// One channel, as this end sees it.
#[derive(Debug, Default)]
pub struct Channel {
    open_here: bool,
    open_there: bool,
    /// The threads that serve it: it is reused when they are done.
    users: u8,
    /// Bytes that may be sent.
    credit: u32,
    /// Bytes that were written to the socket and not given back as credit.
    earned: u32,
    /// Bytes that came and were not written to the socket.
    bytes: Vec<u8>,
}

impl Channel {
    pub fn is_free(&self) -> bool {
        !self.open_here && !self.open_there && self.users == 0
    }

    /// A new connection, served by two threads.
    pub fn open(&mut self) {
        *self = Self {
            open_here: true,
            open_there: true,
            users: 2,
            credit: WINDOW,
            earned: 0,
            bytes: Vec::new(),
        };
    }

    /// One of its threads is done.
    pub fn leave(&mut self) {
        self.users = self.users.saturating_sub(1);
    }

    pub fn credit(&self) -> u32 {
        self.credit
    }

    pub fn spend(&mut self, bytes: u32) {
        self.credit = self.credit.saturating_sub(bytes);
    }

    pub fn grant(&mut self, bytes: u32) {
        self.credit = self.credit.saturating_add(bytes);
    }

    /// Bytes from the hive. It never sends more than its credit.
    pub fn receive(&mut self, bytes: &[u8]) {
        if self.open_there && self.bytes.len() + bytes.len() <= WINDOW as usize {
            self.bytes.extend_from_slice(bytes);
        }
    }

    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// `bytes` were written to the socket; returns the credit to give back now, or 0.
    pub fn earn(&mut self, bytes: u32) -> u32 {
        self.earned += bytes;
        if self.earned < CREDIT_STEP || !self.open_there {
            return 0;
        }
        std::mem::take(&mut self.earned)
    }

    /// Closes this end; returns whether the hive has to be told.
    pub fn close_here(&mut self) -> bool {
        std::mem::replace(&mut self.open_here, false)
    }

    pub fn close_there(&mut self) {
        self.open_there = false;
    }

    pub fn is_closed_there(&self) -> bool {
        !self.open_there
    }
}
