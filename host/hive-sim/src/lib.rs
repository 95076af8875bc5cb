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
//! A worker is a thread that speaks 9P to the tree over a connection of its own, with the same code
//! as in the VM ([`heartbeat`]); a clock's thread ends whose time is over.
//!
//! Deliberately absent: everything of the VM. There are no processes and no capabilities: a worker
//! that breaks its word is dismissed, not stopped. `/proc/mem` counts this server's own memory for
//! connections and workers.
#![forbid(unsafe_code)]

mod clock;
mod facts;
mod hive;
pub mod null;
mod pump;
mod random;
mod secret;
mod serve;
mod socket;
mod staff;
mod visitor;

pub use hive::{Hive, LIMITS, MAX_CONNECTIONS};
pub use secret::{Secret, SecretFile};
pub use serve::{Server, serve_tcp, serve_unix};
pub use visitor::{FIDS, WAITING};
