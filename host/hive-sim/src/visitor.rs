//! One connection of the hive: its frames, and what waits.

use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use secure9p_codec::frame_length;
use secure9p_core::{Connection, ConnectionId, Outcome};

use crate::hive::{Hive, Tree};
use crate::pump::{self, Batch, Guest, REPLY, Then};
use crate::socket::Socket;

/// Fids of one connection: as many as in the VM.
pub const FIDS: usize = 64;
/// Requests of one connection that may wait: as many as in the VM.
pub const WAITING: usize = 8;

type Client = Connection<Tree, FIDS, WAITING>;

/// Memory of a connection, in bytes.
pub(crate) const MEMORY: usize = size_of::<Client>() + pump::MEMORY;

/// One connection. Dropped, it gives up all that it holds, its place in the hive last.
pub(crate) struct Visitor {
    hive: Arc<Hive>,
    client: Box<Client>,
    /// Its place in the hive.
    index: usize,
    socket: Arc<Socket>,
    /// Has a byte when something changed while a request waits.
    told: UnixStream,
}

impl Visitor {
    pub fn new(
        hive: Arc<Hive>,
        id: ConnectionId,
        index: usize,
        socket: Arc<Socket>,
        told: UnixStream,
    ) -> Self {
        Self { hive, client: Box::new(Client::new(id)), index, socket, told }
    }
}

impl Guest for Visitor {
    fn answer(&mut self, input: &[u8], out: &mut [u8]) -> Batch {
        let mut state = self.hive.lock();
        let client = &mut self.client;
        let batch = state.change(Some(self.index), |tree| {
            let batch = answer_frames(client, tree, input, out);
            if batch.then != Then::Close && client.waiting() > 0 {
                return answer_waiting(client, tree, batch, out);
            }
            batch
        });
        state.set_waits(self.index, self.client.waiting() > 0);
        batch
    }

    fn wait(&mut self) -> io::Result<bool> {
        if self.client.waiting() == 0 {
            return Ok(true);
        }
        let mut sources = [
            PollFd::from_borrowed_fd(self.socket.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.told.as_fd(), PollFlags::IN),
        ];
        match poll(&mut sources, None) {
            Err(rustix::io::Errno::INTR) => return Ok(false),
            other => other?,
        };
        let [of_socket, of_told] = sources.map(|source| source.revents());
        if !of_told.is_empty() {
            // It does not block, and says no more than that there is something to look for.
            let _ = (&self.told).read(&mut [0; 64]);
        }
        Ok(!of_socket.is_empty())
    }
}

impl Drop for Visitor {
    fn drop(&mut self) {
        let mut state = self.hive.lock();
        state.change(Some(self.index), |tree| self.client.close(tree));
        state.leave(self.index);
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
