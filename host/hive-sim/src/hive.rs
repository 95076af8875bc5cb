//! The tree, who is connected to it, and who waits for it to change.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use namespace::Namespace;
use secure9p_core::ConnectionId;

use crate::facts::Facts;
use crate::pump;
use crate::socket::Socket;
use crate::visitor::{self, Visitor};

/// The simulator's tree.
pub(crate) type Tree = Namespace<Facts>;

/// Most connections at the same time; one more is hung up on at once.
pub const MAX_CONNECTIONS: usize = 64;

/// Which server a connection came in at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Door(pub u32);

/// A connection's place.
#[derive(Debug)]
struct Place {
    door: Door,
    socket: Arc<Socket>,
    /// Wakes the connection's thread.
    pipe: UnixStream,
    /// A request waits, and the thread was not told of a change since.
    waits: bool,
}

impl Place {
    fn wake(&mut self) {
        if std::mem::take(&mut self.waits) {
            // Where the pipe is full the thread has been told often enough.
            let _ = (&self.pipe).write(&[1]);
        }
    }
}

/// What the lock is around.
#[derive(Debug)]
pub(crate) struct State {
    /// Not in place: it is large, and so moves once on its way from the stack.
    pub tree: Box<Tree>,
    places: [Option<Place>; MAX_CONNECTIONS],
    /// Number of the next connection.
    next: u32,
    /// Number of the next server.
    doors: u32,
}

impl State {
    /// Says whether a request of the connection at `index` waits.
    pub fn set_waits(&mut self, index: usize, waits: bool) {
        if let Some(Some(place)) = self.places.get_mut(index) {
            place.waits = waits;
        }
    }

    /// Tells those who wait that something changed. Who is at `index` knows.
    pub fn tell_others(&mut self, index: usize) {
        for (other, place) in self.places.iter_mut().enumerate() {
            if let Some(place) = place.as_mut().filter(|_| other != index) {
                place.wake();
            }
        }
    }

    /// Frees the place at `index`.
    pub fn leave(&mut self, index: usize) {
        if let Some(place) = self.places.get_mut(index) {
            *place = None;
        }
        self.count();
    }

    fn count(&mut self) {
        let connections = self.places.iter().flatten().count();
        self.tree.host_mut().connections = connections;
    }
}

/// A simulated hive. It runs in the threads of its connections.
#[derive(Debug)]
pub struct Hive(Mutex<State>);

impl Default for Hive {
    fn default() -> Self {
        Self::new()
    }
}

impl Hive {
    /// A hive that has just started.
    #[must_use]
    pub fn new() -> Self {
        let tree = Box::new(Tree::new(Facts::new(visitor::MEMORY)));
        let places = [const { None }; MAX_CONNECTIONS];
        Self(Mutex::new(State { tree, places, next: 1, doors: 1 }))
    }

    /// A poisoned lock belongs to a thread that panicked: the tests see that, and others go on.
    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes `socket` a connection, in a thread of its own, until the client goes or breaks the
    /// protocol. Where there are [`MAX_CONNECTIONS`] already it is hung up on.
    ///
    /// # Errors
    /// Where there is no thread or descriptor left for it.
    pub fn attach(self: &Arc<Self>, socket: UnixStream) -> io::Result<()> {
        self.admit(Door(0), Socket::Unix(socket))
    }

    /// A number for a server.
    pub(crate) fn new_door(&self) -> Door {
        let mut state = self.lock();
        let door = Door(state.doors);
        state.doors = state.doors.wrapping_add(1);
        door
    }

    pub(crate) fn admit(self: &Arc<Self>, door: Door, socket: Socket) -> io::Result<()> {
        let (told, pipe) = UnixStream::pair()?;
        told.set_nonblocking(true)?;
        pipe.set_nonblocking(true)?;
        let socket = Arc::new(socket);
        let mut state = self.lock();
        let Some(index) = state.places.iter().position(Option::is_none) else { return Ok(()) };
        let id = ConnectionId(state.next);
        state.next = state.next.wrapping_add(1);
        state.places[index] = Some(Place { door, socket: Arc::clone(&socket), pipe, waits: false });
        state.count();
        drop(state);
        // Gives up the place when it is dropped, also where there is no thread for it.
        let mut visitor = Visitor::new(Arc::clone(self), id, index, Arc::clone(&socket), told);
        thread::Builder::new().name(format!("client {index}")).spawn(move || {
            // However the connection ended, all that is left to do is to hang up.
            let _ = pump::run(&*socket, &*socket, &mut visitor);
            drop(visitor);
            socket.end();
        })?;
        Ok(())
    }

    /// Ends every connection that came in at `door`.
    pub(crate) fn end(&self, door: Door) {
        for place in self.lock().places.iter().flatten().filter(|place| place.door == door) {
            place.socket.end();
        }
    }
}
