//! A small blocking client of 9P2000.L.
//!
//! It speaks over anything that reads and writes ([`Client::attach`]), sends one request at a
//! time and waits for its answer. Messages are [`secure9p_codec`]'s.
//!
//! Who wants to stop waiting has the stream's `read` fail with
//! [`std::io::ErrorKind::Interrupted`]: the client then flushes the request (flush(5)), answers
//! [`Error::Interrupted`], and the connection goes on. A stream that nobody interrupts never says
//! so.
//!
//! Invariants: a fid is in use only while somebody has its [`File`] or a call runs; an answer is
//! taken for what it says only if it fits the request. After an error for which
//! [`Error::ends_connection`] holds the client is of no use any more.
//!
//! Deliberately absent: several requests at the same time, 9P2000, authentication, and what no
//! hive has: creating, renaming and removing.
#![forbid(unsafe_code)]

mod attributes;
mod error;
mod files;
mod path;
pub mod streams;
mod transport;

pub use attributes::{Attributes, Kind};
pub use error::{Errno, Error, Result};
pub use files::{Client, Entry, File, Mode, Who};
pub use path::{join, names};
