//! Connections of workers: each through its own page of frames.

use core::sync::atomic::AtomicU64;

use abi::ProcessId;
use abi::frames::{Answer, Request};
use abi::workers::{FRAMES, MAX_FRAME, MAX_WORKERS, place};
use namespace::WorkerId;
use runtime::memory::{load, store};
use secure9p_core::{Connection, Outcome, Tree as _, Turn};
use sel4::syscall::Message;

use crate::serve::{Buffers, Tree};

/// Fids of a worker.
const FIDS: usize = 8;
/// Requests of a worker that may wait at the same time.
const WAITING: usize = 2;

/// Eight bytes each.
const PAGE: usize = FRAMES / 8;

struct Worker<'p> {
    process: ProcessId,
    id: WorkerId,
    connection: Connection<Tree<'p>, FIDS, WAITING>,
}

/// Every worker's connection, by place.
pub struct Workers<'p> {
    frames: &'static [AtomicU64],
    workers: [Option<Worker<'p>>; MAX_WORKERS],
}

impl<'p> Workers<'p> {
    /// No worker yet; there can be as many as `frames` has pages.
    pub fn new(frames: &'static [AtomicU64]) -> Self {
        Self { frames, workers: [const { None }; MAX_WORKERS] }
    }

    /// Most workers that there can be.
    pub fn places(&self) -> usize {
        self.frames.len() / PAGE
    }

    /// Whether there can be none.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Answers a call, if it is a worker's: what, and one word.
    pub fn call(
        &mut self,
        from: ProcessId,
        message: &Message,
        tree: &mut Tree<'p>,
        buffers: &mut Buffers,
    ) -> Option<(Answer, u64)> {
        let place = place(from.index)?;
        let index = usize::from(place);
        let (slot, page) =
            self.workers.get_mut(index).zip(self.frames.chunks_exact(PAGE).nth(index))?;
        if slot.as_ref().is_none_or(|worker| worker.process != from) {
            if let Some(mut old) = slot.take() {
                old.connection.close(tree);
            }
            let Some(id) = tree.worker_at(place) else { return Some((Answer::Closed, 0)) };
            let connection = Connection::new(id.connection());
            *slot = Some(Worker { process: from, id, connection });
        }
        let worker = slot.as_mut()?;
        Some(worker.answer(message, page, tree, buffers))
    }

    /// Closes the connections of workers that are gone.
    pub fn sweep(&mut self, tree: &mut Tree<'p>) {
        for slot in &mut self.workers {
            if slot.as_ref().is_some_and(|worker| !tree.is_live(worker.id))
                && let Some(mut worker) = slot.take()
            {
                worker.connection.close(tree);
            }
        }
    }
}

impl<'p> Worker<'p> {
    fn answer(
        &mut self,
        message: &Message,
        page: &[AtomicU64],
        tree: &mut Tree<'p>,
        buffers: &mut Buffers,
    ) -> (Answer, u64) {
        let (request, reply) = page.split_at(MAX_FRAME / 8);
        let reply_bytes = &mut buffers.reply[..MAX_FRAME];
        let length = usize::try_from(message.registers[0]).unwrap_or(usize::MAX);
        let frame = buffers.frame.get_mut(..length).filter(|_| length <= MAX_FRAME);
        let outcome = match (Request::from_label(message.info.label()), frame) {
            (Some(Request::Frame), Some(frame)) if message.info.words() == 1 => {
                // Copied before it is looked at: the worker can change the page at any time.
                load(request, frame);
                self.connection.handle(frame, tree, reply_bytes)
            }
            (Some(Request::Poll), _) => {
                // It cost as much as a frame.
                tree.turn(self.id.connection(), Turn::Frame);
                let polled = self.connection.poll(tree, reply_bytes);
                polled.map_or(Outcome::Pending, Outcome::Reply)
            }
            _ => {
                tree.turn(self.id.connection(), Turn::Frame);
                return (Answer::Closed, 0);
            }
        };
        match outcome {
            Outcome::Reply(length) => {
                store(reply, &buffers.reply[..length]);
                (Answer::Reply, length as u64)
            }
            // A worker polls at its next tick: it has no file that is worth waiting for.
            Outcome::Pending => (Answer::Pending, 0),
            Outcome::Close(_) => {
                self.connection.close(tree);
                self.connection = Connection::new(self.id.connection());
                (Answer::Closed, 0)
            }
        }
    }
}
