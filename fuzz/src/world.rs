//! The trees that sessions are played to, and what is checked of them.
//!
//! The model ([`Model`]) watches how it is called: only as [`secure9p_core::Tree`] says, and never
//! without asking the policy first. The system's own tree ([`crate::hive::Hive`]) is looked at as
//! somebody else: what a client leaves behind would show there.

use secure9p_core::Tree;
use secure9p_core::model::Model;

/// What happens in the tree beside the client's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Event {
    /// `/proc/events` grows.
    Grow = 0,
    /// The writes that wait are done; time passes.
    Finish = 1,
    /// Every session loses its rights.
    Revoke = 2,
    /// `/log/queen.log` goes away.
    TakeAway = 3,
}

impl Event {
    pub(crate) fn of(byte: u8) -> Self {
        match byte % 4 {
            0 => Self::Grow,
            1 => Self::Finish,
            2 => Self::Revoke,
            _ => Self::TakeAway,
        }
    }
}

/// A tree, and what is checked of it.
pub(crate) trait World: Tree {
    /// A request or a poll starts.
    fn begin(&mut self);
    /// Lets something happen, where this tree has such a thing.
    fn happen(&mut self, event: Event);
    /// Checks what it holds for a client of so many fids.
    fn check(&self, fids: usize);
    /// Checks that it holds nothing of the client, who has gone.
    fn check_empty(&mut self);
}

impl World for Model {
    fn begin(&mut self) {
        Model::begin(self);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Grow => self.append("events", b"/log/queen.log 5\n"),
            Event::Finish => self.finish_writes(),
            Event::Revoke => self.revoke(),
            Event::TakeAway => self.take_away("queen.log"),
        }
    }

    fn check(&self, fids: usize) {
        assert!(self.sessions() <= fids, "a session without a fid");
        assert!(self.opens() <= fids, "an open file without a fid");
    }

    fn check_empty(&mut self) {
        let left = (self.sessions(), self.opens(), self.pending_writes());
        assert_eq!(left, (0, 0, 0), "something of the client is left");
    }
}
