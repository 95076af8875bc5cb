//! The server side of a 9P connection, without input and output.
//!
//! A [`Connection`] takes frames and gives frames; whoever owns the transport moves them. Behind
//! it is a [`Tree`]: the connection keeps the protocol (versions, fids, tags, what may follow
//! what), the tree has the files, and its [`AccessPolicy`] is asked before each of its operations.
//!
//! Invariants:
//! - No frame makes it panic, allocate or loop: the work for one is bounded by its bytes, the
//!   reply's bytes and the sizes of the tables.
//! - Fids and waiting requests are as many as the const parameters say; one more is refused.
//! - A clunked fid leaves nothing behind: its file is closed, its waiting requests are answered
//!   with an error, and the number is free.
//! - A flushed request is never answered after its `Rflush`.
//! - Only broken framing ends a connection ([`Outcome::Close`]); everything else is answered.
//!
//! Deliberately absent: authentication files (a ticket travels in the attach), creating, removing
//! and renaming (answered with an error), 9P2000.u, and every transport. A stream of bytes is cut
//! into frames by [`secure9p_codec::frame_length`] with [`Connection::limit`].
#![no_std]
#![forbid(unsafe_code)]

#[cfg(feature = "model")]
extern crate alloc;

mod attributes;
mod connection;
mod directory;
mod error;
mod fids;
mod hooks;
#[cfg(feature = "model")]
pub mod model;
mod open;
mod refused;
mod tree;
mod waiting;
mod walk;

pub use connection::{CloseReason, Connection, MIN_MSIZE, Outcome};
pub use error::{Ename, Error};
pub use hooks::{Counters, Hooks, NoHooks};
pub use tree::{
    Access, AccessPolicy, ConnectionId, Entry, FileName, Found, MAX_NAME, OpenMode, Read, Stat,
    Tree, Turn, Write,
};
