//! A client's side of 9P inside the VM (see `abi::frames`).

use core::sync::atomic::AtomicU64;

use abi::frames::{Answer, MAX_FRAME, Request};
use sel4::{Cap, Endpoint, Notification};

use crate::memory::{Region, load, store};

/// Connection to NineDoor.
#[derive(Debug)]
pub struct Client {
    request: &'static [AtomicU64],
    reply: &'static [AtomicU64],
    server: Endpoint,
}

/// The server has closed the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

impl Client {
    /// A connection through `region`; NineDoor is the first service that this process may call.
    ///
    /// # Panics
    /// Where the region is smaller than two frames.
    #[must_use]
    pub fn new(region: Region) -> Self {
        let (request, reply) = region.units.split_at(MAX_FRAME / 8);
        Self::through(request, &reply[..MAX_FRAME / 8])
    }

    /// A worker's connection through its page of frames.
    #[must_use]
    pub fn of_worker(frames: &'static [AtomicU64]) -> Self {
        let (request, reply) = frames.split_at(frames.len() / 2);
        Self::through(request, reply)
    }

    fn through(request: &'static [AtomicU64], reply: &'static [AtomicU64]) -> Self {
        Self { request, reply, server: Cap::new(abi::slot::CALLS) }
    }

    /// Sends a frame and waits for a reply, which is copied into `reply`.
    ///
    /// # Panics
    /// Where the frame is longer than its half of the shared memory.
    pub fn exchange<'a>(&self, frame: &[u8], reply: &'a mut [u8]) -> Result<&'a [u8], Closed> {
        assert!(frame.len() <= 8 * self.request.len(), "a frame");
        store(self.request, frame);
        let mut message = self.server.call(Request::Frame as u64, [frame.len() as u64, 0, 0, 0], 1);
        loop {
            match Answer::from_label(message.info.label()) {
                Answer::Reply => break,
                Answer::Closed => return Err(Closed),
                Answer::Pending => {
                    Notification::new(abi::slot::NOTIFICATION).wait();
                    message = self.server.call(Request::Poll as u64, [0; 4], 0);
                }
            }
        }
        let length = usize::try_from(message.registers[0]).unwrap_or(usize::MAX);
        let known = |_: &&mut [u8]| length <= 8 * self.reply.len();
        let into = reply.get_mut(..length).filter(known).ok_or(Closed)?;
        load(self.reply, into);
        Ok(into)
    }
}
