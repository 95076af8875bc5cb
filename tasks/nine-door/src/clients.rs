//! Clients inside the VM, each with a region for its frames.

use abi::ProcessId;
use abi::frames::{Answer, MAX_FRAME, Request};
use heapless::Vec;
use runtime::memory::{Region, load, store};
use secure9p_core::{Connection, ConnectionId, Outcome, Tree};
use sel4::syscall::Message;

use crate::serve::{Buffers, FIDS, WAITING};

/// Most clients inside the VM.
pub const MAX_CLIENTS: usize = 7;

struct Client<T: Tree> {
    region: Region,
    /// The process that the connection is with.
    process: Option<ProcessId>,
    connection: Connection<T, FIDS, WAITING>,
    /// Something waits, and the client was not told yet that it may be done.
    waits: bool,
}

/// Every client inside the VM.
pub struct Clients<T: Tree> {
    clients: Vec<Client<T>, MAX_CLIENTS>,
}

impl<T: Tree> Clients<T> {
    /// No clients.
    pub const fn new() -> Self {
        Self { clients: Vec::new() }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// Serves the component on the other side of `region`.
    pub fn add(&mut self, region: Region) {
        let connection = Connection::new(ConnectionId(self.clients.len() as u32));
        let client = Client { region, process: None, connection, waits: false };
        // The manifest allows fewer regions than this.
        let _ = self.clients.push(client);
    }

    /// Answers a call: what, and one word.
    pub fn call(
        &mut self,
        from: ProcessId,
        message: &Message,
        tree: &mut T,
        buffers: &mut Buffers,
    ) -> (Answer, u64) {
        let mine = |client: &&mut Client<T>| client.region.peer == from.index;
        let Some(client) = self.clients.iter_mut().find(mine) else {
            return (Answer::Closed, 0);
        };
        if client.process != Some(from) {
            // Another process of the component: it starts anew.
            client.connection.close(tree);
            client.connection = Connection::new(client.connection.id());
            client.process = Some(from);
        }
        let polled = match Request::from_label(message.info.label()) {
            Some(Request::Frame) if message.info.words() == 1 => {
                return client.frame(message.registers[0], tree, buffers);
            }
            Some(Request::Poll) => client.connection.poll(tree, &mut buffers.reply),
            _ => return (Answer::Closed, 0),
        };
        match polled {
            Some(length) => client.reply(&buffers.reply[..length]),
            None => {
                client.waits = client.connection.waiting() > 0;
                (Answer::Pending, 0)
            }
        }
    }

    /// Tells every client that waits that it is worth asking again.
    pub fn tell(&mut self) {
        for client in &mut self.clients {
            if core::mem::take(&mut client.waits) {
                client.region.ring();
            }
        }
    }
}

impl<T: Tree> Client<T> {
    fn frame(&mut self, length: u64, tree: &mut T, buffers: &mut Buffers) -> (Answer, u64) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(frame) = buffers.frame.get_mut(..length) else { return (Answer::Closed, 0) };
        // Copied before it is looked at: the client can change the region at any time.
        load(&self.region.units[..MAX_FRAME / 8], frame);
        match self.connection.handle(frame, tree, &mut buffers.reply) {
            Outcome::Reply(length) => self.reply(&buffers.reply[..length]),
            Outcome::Pending => {
                self.waits = true;
                (Answer::Pending, 0)
            }
            Outcome::Close(_) => {
                self.connection.close(tree);
                self.connection = Connection::new(self.connection.id());
                (Answer::Closed, 0)
            }
        }
    }

    fn reply(&mut self, reply: &[u8]) -> (Answer, u64) {
        store(self.region.units.get(MAX_FRAME / 8..).unwrap_or_default(), reply);
        (Answer::Reply, reply.len() as u64)
    }
}
