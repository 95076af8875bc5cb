//! The system's tree of files.
//!
//! Everything an operator sees or does is a file here: [`nodes`] lists them, `policy` says who
//! may do what, `window` keeps what is appended, `control` joins what is written to `/queen/ctl`
//! into lines. What the tree knows of the outside (the boot text, memory, time) comes in through
//! [`Host`], so NineDoor and the simulator run the same code.
//!
//! Invariants: nothing allocates and nothing grows: what is full answers with an error, and
//! windows drop their oldest lines. A write is appended as a whole or not at all. What looks like
//! a ticket is never shown or logged.
//!
//! Deliberately absent so far: tickets (whoever may connect from the host is the queen) and acting
//! on control lines; they are accepted and logged.
#![no_std]
#![forbid(unsafe_code)]

use core::fmt;
use core::time::Duration;

mod control;
mod nodes;
mod policy;
mod sessions;
pub mod text;
mod traffic;
mod tree;
mod window;

pub use nodes::Node;
pub use policy::Role;
pub use sessions::{MAX_SESSIONS, SessionId};
pub use tree::Open;
pub use window::Window;

use control::Joiners;
use secure9p_core::{ConnectionId, Error};
use sessions::Sessions;

/// Bytes of `/log/queen.log` that are kept.
pub const LOG_BYTES: usize = 64 << 10;
/// Bytes of `/proc/events` that are kept.
pub const EVENT_BYTES: usize = 8 << 10;

/// Longest line of `/proc/events`, in bytes.
const MAX_EVENT: usize = 128;

/// What the tree knows of the system around it.
pub trait Host {
    /// The boot text: what the system is made of. It never changes.
    fn boot(&self) -> &str;

    /// Writes how much memory there is and is left, a line per fact.
    ///
    /// # Errors
    /// Those of `text`.
    fn memory(&mut self, text: &mut dyn fmt::Write) -> fmt::Result;

    /// Time since the system's start.
    fn now(&self) -> Duration;
}

/// The tree.
#[derive(Debug)]
pub struct Namespace<H> {
    host: H,
    sessions: Sessions,
    log: Window<LOG_BYTES>,
    events: Window<EVENT_BYTES>,
    /// Open files of `/proc/events`. Where there is none nothing is kept: a reader hears of what
    /// happens from its open on.
    listeners: u32,
    changes: u32,
    /// How often a file was looked at that changes all the time.
    looks: u32,
    joiners: Joiners,
}

impl<H: Host> Namespace<H> {
    /// The tree of a system that has just started.
    #[must_use]
    pub const fn new(host: H) -> Self {
        Self {
            host,
            sessions: Sessions::new(),
            log: Window::new(),
            events: Window::new(),
            listeners: 0,
            changes: 0,
            looks: 0,
            joiners: Joiners::new(),
        }
    }

    /// Says what whoever attaches over `connection` is, from now on; the queen is the default.
    ///
    /// # Errors
    /// Where there are as many connections with another role as can be: the connection is still
    /// the queen's then, and must not be served.
    pub fn set_role(&mut self, connection: ConnectionId, role: Role) -> Result<(), Error> {
        self.sessions.set_role(connection, role)
    }

    /// The system around it, as the tree's owner knows it.
    pub const fn host_mut(&mut self) -> &mut H {
        &mut self.host
    }

    /// A number that moves on whenever something changed that a waiting request may wait for: then
    /// every connection is worth a [`secure9p_core::Connection::poll`].
    #[must_use]
    pub const fn changes(&self) -> u32 {
        self.changes
    }

    /// Appends a line to `/log/queen.log`, without the line end. Control characters are escaped
    /// and what looks like a ticket is left out. A line that is longer than
    /// [`text::MAX_LINE`] is cut.
    pub fn log(&mut self, line: fmt::Arguments) {
        let mut text = text::Line::new();
        // What no longer fits is cut.
        let _ = fmt::write(&mut text, line);
        self.append_log(text.finish());
    }

    fn append_log(&mut self, bytes: &[u8]) {
        // The window is larger than a line.
        if self.log.append(bytes).is_ok() {
            self.changed(Node::QueenLog, self.log.len());
        }
    }

    /// Notes for `/proc/events` that a file has changed and how long it is.
    fn changed(&mut self, node: Node, length: u64) {
        self.changes = self.changes.wrapping_add(1);
        if self.listeners == 0 {
            return;
        }
        let mut event: heapless::Vec<u8, MAX_EVENT> = heapless::Vec::new();
        let mut digits = [0; text::MAX_DIGITS];
        for piece in [node.path().as_bytes(), b" ", text::decimal(length, &mut digits), b"\n"] {
            // Paths are shorter than an event by far.
            let _ = event.extend_from_slice(piece);
        }
        let _ = self.events.append(&event);
    }
}

#[cfg(test)]
mod tests;
