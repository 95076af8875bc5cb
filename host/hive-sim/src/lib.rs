//! NineDoor's code in one process of the host: the simulator.
//!
//! The same connection and tree as in the VM ([`secure9p_core`], [`namespace`]), around sockets
//! instead of lanes: what a test or a client sees here it sees there. One thread per connection;
//! the tree is behind one lock, which nobody holds while it reads or writes a socket. So whoever
//! is slow, silent or hostile has only its own thread wait.
//!
//! A thread takes in what its socket has, answers every whole frame of it and writes once. Only
//! where a request waits (`/proc/events`) it looks at a second source: a pipe that the thread
//! which changes something writes to.
//!
//! Deliberately absent: everything of the VM. There are no processes, so nothing acts on
//! `/queen/ctl`, and `/proc/mem` counts this server's own memory for connections.
#![forbid(unsafe_code)]

mod facts;
mod hive;
pub mod null;
mod pump;
mod serve;
mod socket;
mod visitor;

pub use hive::{Hive, MAX_CONNECTIONS};
pub use serve::{Server, serve_tcp, serve_unix};
pub use visitor::{FIDS, WAITING};
