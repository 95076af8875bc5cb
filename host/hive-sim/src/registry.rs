//! Connections that are open.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::socket::Socket;

/// Most connections at the same time; one more is hung up on at once.
pub const MAX_CONNECTIONS: usize = 64;

/// A poisoned lock belongs to a thread that panicked between two whole changes: go on.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug)]
struct Sockets {
    places: [Option<Arc<Socket>>; MAX_CONNECTIONS],
    /// No more are taken.
    closed: bool,
}

/// Every connection's socket, so that all can be ended.
#[derive(Debug)]
pub(crate) struct Registry {
    sockets: Mutex<Sockets>,
    count: Arc<AtomicUsize>,
}

/// One connection's place; free again when dropped.
#[derive(Debug)]
pub(crate) struct Place {
    registry: Arc<Registry>,
    /// Below [`MAX_CONNECTIONS`]; no other open connection has it.
    pub index: usize,
    pub socket: Arc<Socket>,
}

impl Registry {
    /// None is open; `count` is kept at how many are.
    pub fn new(count: Arc<AtomicUsize>) -> Arc<Self> {
        let sockets = Sockets { places: [const { None }; MAX_CONNECTIONS], closed: false };
        Arc::new(Self { sockets: Mutex::new(sockets), count })
    }

    /// Gives `socket` a place; `None`, and the socket closed, where there is none left.
    pub fn enter(self: &Arc<Self>, socket: Socket) -> Option<Place> {
        let mut sockets = lock(&self.sockets);
        if sockets.closed {
            return None;
        }
        let index = sockets.places.iter().position(Option::is_none)?;
        let socket = Arc::new(socket);
        sockets.places[index] = Some(socket.clone());
        self.count.fetch_add(1, Ordering::Relaxed);
        Some(Place { registry: self.clone(), index, socket })
    }

    /// Ends every connection and takes no more.
    pub fn close(&self) {
        let mut sockets = lock(&self.sockets);
        sockets.closed = true;
        for socket in sockets.places.iter().flatten() {
            socket.end();
        }
    }

    /// Whether it was closed.
    pub fn is_closed(&self) -> bool {
        lock(&self.sockets).closed
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        lock(&self.registry.sockets).places[self.index] = None;
        self.registry.count.fetch_sub(1, Ordering::Relaxed);
    }
}
