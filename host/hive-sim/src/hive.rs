//! The tree, who is connected to it, and who waits for it to change.

use std::io::{self, Write};
use std::iter;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Instant;

use namespace::{Budget, Gpus, Limits, Line, MAX_WORKERS, Namespace};
use secure9p_core::ConnectionId;
use ticket::Key;

use crate::clock::Clock;
use crate::facts::Facts;
use crate::pump;
use crate::socket::Socket;
use crate::staff::Staff;
use crate::visitor::{self, Visitor};

/// The simulator's tree.
pub(crate) type Tree = Namespace<Facts, Box<[namespace::Place]>, Box<[Line]>, Box<Gpus>>;

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
    tree: Box<Tree>,
    places: [Option<Place>; MAX_CONNECTIONS],
    clock: Clock,
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

    /// Has `work` work with the tree, and tells those who wait where something changed. Who is at
    /// `index` knows.
    pub fn change<T>(&mut self, index: Option<usize>, work: impl FnOnce(&mut Tree) -> T) -> T {
        let before = self.tree.changes();
        let done = work(&mut self.tree);
        if self.tree.changes() != before {
            for (other, place) in self.places.iter_mut().enumerate() {
                if let Some(place) = place.as_mut().filter(|_| Some(other) != index) {
                    place.wake();
                }
            }
        }
        let of_sessions = self.tree.next_deadline();
        let of_workers = self.tree.host_mut().staff.deadline();
        self.clock.set(of_sessions.into_iter().chain(of_workers).min());
        done
    }

    /// Ends what is over.
    pub fn tick(&mut self) {
        self.clock.came();
        self.change(None, |tree| {
            tree.host_mut().expire();
            tree.reap();
            tree.tick();
        });
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

/// What workers of the simulator may have, where nothing else is said.
pub const LIMITS: Limits = Limits {
    default: Budget { ticks: 100_000, ops: 1_000_000, ttl_s: 3600 },
    most: Budget { ticks: 1_000_000_000, ops: 1_000_000_000, ttl_s: 31_536_000 },
    period_ms: 1000,
    least_period_ms: 10,
    most_period_ms: 3_600_000,
};

/// A simulated hive. It runs in the threads of its connections, one thread of each worker, and one
/// that ends what is over.
#[derive(Debug)]
pub struct Hive(Mutex<State>);

impl Hive {
    /// A hive that has just started, whose tickets are minted with `secret`, with the workers that
    /// [`LIMITS`] allow.
    ///
    /// # Errors
    /// Where the secret is too short or too long, or there is no thread for the clock.
    pub fn start(secret: &[u8]) -> io::Result<Arc<Self>> {
        Self::start_with(secret, LIMITS, MAX_WORKERS)
    }

    /// The same with other limits, and so many places for workers of any kind, at most
    /// [`MAX_WORKERS`].
    ///
    /// # Errors
    /// Those of [`Self::start`].
    pub fn start_with(secret: &[u8], limits: Limits, workers: usize) -> io::Result<Arc<Self>> {
        // One checks tickets and one mints them, as in the VM.
        let key = || Key::from_secret(secret).map_err(io::Error::other);
        let (checks, mints) = (key()?, key()?);
        let workers = workers.min(MAX_WORKERS);
        let started = Instant::now();
        let hive = Arc::new_cyclic(|hive| {
            let staff = Staff::new(hive.clone(), mints, workers);
            let facts = Facts::new(started, visitor::MEMORY, limits, staff);
            let room = iter::repeat_with(namespace::Place::new).take(workers).collect();
            let places = [const { None }; MAX_CONNECTIONS];
            let lines = iter::repeat_with(Line::new).take(MAX_CONNECTIONS).collect();
            let gpus = Box::new(Gpus::new());
            let tree = Box::new(Tree::new(facts, checks, room, lines, gpus));
            let clock = Clock::new(started);
            Self(Mutex::new(State { tree, places, clock, next: 1, doors: 1 }))
        });
        hive.lock().clock.start(Arc::downgrade(&hive))?;
        Ok(hive)
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
        // Workers' connections have the upper half of the numbers.
        state.next = state.next.wrapping_add(1) & (u32::MAX >> 1);
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
