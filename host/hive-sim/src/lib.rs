//! NineDoor's code in one process of the host: the simulator.
//!
//! The same connection and tree as in the VM, around sockets instead of lanes: what a test or a
//! client sees here it sees there. A thread per connection reads, handles every whole frame and
//! writes once per batch; a second one is started when a request has to wait. Where a client does
//! not read, only its own threads wait.
#![forbid(unsafe_code)]

mod connection;
mod facts;
pub mod null;
mod serve;

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use facts::Facts;
use namespace::Namespace;

pub use serve::{Server, serve_tcp, serve_unix};

/// The simulator's tree.
type Tree = Namespace<Facts>;

/// Most connections at the same time.
pub const MAX_CONNECTIONS: usize = 64;

/// A simulated hive.
#[derive(Debug)]
pub struct Hive {
    tree: Mutex<Tree>,
    /// How often something may have changed.
    changes: Mutex<u64>,
    changed: Condvar,
    /// Threads that wait for a change.
    waiters: AtomicUsize,
    connections: AtomicUsize,
    next: AtomicU32,
}

/// A poisoned lock belongs to a thread that panicked: the tests see that, and others go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Default for Hive {
    fn default() -> Self {
        Self::new()
    }
}

impl Hive {
    /// A hive that has just started.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tree: Mutex::new(Tree::new(Facts::new())),
            changes: Mutex::new(0),
            changed: Condvar::new(),
            waiters: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            next: AtomicU32::new(0),
        }
    }

    /// Tells those who wait that something may have changed.
    fn tell(&self) {
        if self.waiters.load(Ordering::Acquire) > 0 {
            *lock(&self.changes) += 1;
            self.changed.notify_all();
        }
    }
}
