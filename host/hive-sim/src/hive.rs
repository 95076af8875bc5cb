//! The hive's tree, served to connections.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex};

use namespace::Namespace;
use secure9p_codec::frame_length;
use secure9p_core::{Connection, ConnectionId, Outcome};

use crate::facts::Facts;
use crate::pump::{Batch, Guest, REPLY, Then};
use crate::registry::{MAX_CONNECTIONS, lock};
use crate::server::Service;

/// Fids of one connection: as many as in the VM.
pub const FIDS: usize = 64;
/// Requests of one connection that may wait: as many as in the VM.
pub const WAITING: usize = 8;

type Tree = Namespace<Facts>;
type Client = Connection<Tree, FIDS, WAITING>;

/// Wakes the thread of a connection on which a request waits.
#[derive(Debug)]
struct Waker {
    pipe: UnixStream,
    /// A request waits, and its thread was not told since.
    waits: bool,
}

impl Waker {
    fn wake(&mut self) {
        if std::mem::take(&mut self.waits) {
            // Where the pipe is full the thread has been told often enough.
            let _ = (&self.pipe).write(&[1]);
        }
    }
}

struct State {
    tree: Tree,
    wakers: [Option<Waker>; MAX_CONNECTIONS],
    /// Number of the next connection.
    next: u32,
}

impl State {
    /// Tells every connection but the one at `index` that something changed.
    fn tell_others(&mut self, index: usize) {
        for (other, waker) in self.wakers.iter_mut().enumerate() {
            if let Some(waker) = waker.as_mut().filter(|_| other != index) {
                waker.wake();
            }
        }
    }
}

/// The tree and who waits for it to change.
#[derive(Clone)]
pub(crate) struct Hive {
    state: Arc<Mutex<State>>,
    count: Arc<AtomicUsize>,
}

impl Hive {
    /// A hive that has just started.
    pub fn new() -> Self {
        let count = Arc::new(AtomicUsize::new(0));
        let facts = Facts::new(count.clone(), size_of::<Client>());
        let tree = Tree::new(facts);
        let state = State { tree, wakers: [const { None }; MAX_CONNECTIONS], next: 1 };
        Self { state: Arc::new(Mutex::new(state)), count }
    }
}

impl Service for Hive {
    type Guest = Visitor;

    fn count(&self) -> Arc<AtomicUsize> {
        self.count.clone()
    }

    fn admit(&self, index: usize) -> io::Result<Visitor> {
        let (told, pipe) = UnixStream::pair()?;
        told.set_nonblocking(true)?;
        pipe.set_nonblocking(true)?;
        let mut state = lock(&self.state);
        let id = ConnectionId(state.next);
        state.next = state.next.wrapping_add(1);
        state.wakers[index] = Some(Waker { pipe, waits: false });
        let client = Box::new(Client::new(id));
        Ok(Visitor { state: self.state.clone(), client, index, told })
    }
}

/// One connection.
pub(crate) struct Visitor {
    state: Arc<Mutex<State>>,
    client: Box<Client>,
    index: usize,
    told: UnixStream,
}

impl Guest for Visitor {
    fn answer(&mut self, input: &[u8], out: &mut [u8]) -> Batch {
        let mut state = lock(&self.state);
        let before = state.tree.changes();
        let mut batch = answer_frames(&mut self.client, &mut state.tree, input, out);
        if batch.then != Then::Close && self.client.waiting() > 0 {
            batch = answer_waiting(&mut self.client, &mut state.tree, batch, out);
        }
        if let Some(waker) = &mut state.wakers[self.index] {
            waker.waits = self.client.waiting() > 0;
        }
        if state.tree.changes() != before {
            state.tell_others(self.index);
        }
        batch
    }

    fn waits(&self) -> Option<&UnixStream> {
        (self.client.waiting() > 0).then_some(&self.told)
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        let before = state.tree.changes();
        self.client.close(&mut state.tree);
        state.wakers[self.index] = None;
        if state.tree.changes() != before {
            state.tell_others(self.index);
        }
    }
}

/// Room for one more reply behind `put` bytes.
fn room(out: &mut [u8], put: usize) -> Option<&mut [u8]> {
    out.get_mut(put..put + REPLY)
}

fn answer_frames(client: &mut Client, tree: &mut Tree, input: &[u8], out: &mut [u8]) -> Batch {
    let (mut taken, mut put) = (0, 0);
    let then = loop {
        let rest = &input[taken..];
        let frame = match frame_length(rest, client.limit()) {
            Ok(Some(length)) if length <= rest.len() => &rest[..length],
            Ok(_) => break Then::Read,
            Err(_) => break Then::Close,
        };
        let Some(reply) = room(out, put) else { break Then::Again };
        taken += frame.len();
        match client.handle(frame, tree, reply) {
            Outcome::Reply(length) => put += length,
            Outcome::Pending => {}
            Outcome::Close(_) => break Then::Close,
        }
    };
    Batch { taken, put, then }
}

/// Answers what waited and can be answered now.
fn answer_waiting(client: &mut Client, tree: &mut Tree, batch: Batch, out: &mut [u8]) -> Batch {
    let Batch { taken, mut put, then } = batch;
    loop {
        let Some(reply) = room(out, put) else { return Batch { taken, put, then: Then::Again } };
        match client.poll(tree, reply) {
            Some(length) => put += length,
            None => return Batch { taken, put, then },
        }
    }
}
