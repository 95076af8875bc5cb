//! A client's side of 9P inside the VM (see `abi::frames`).

use core::sync::atomic::Ordering;

use abi::frames::{Answer, MAX_FRAME, Request};
use sel4::{Cap, Endpoint, Notification};

use crate::memory::Region;

/// Connection to NineDoor.
#[derive(Debug)]
pub struct Client {
    region: Region,
    server: Endpoint,
}

/// The server has closed the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

impl Client {
    /// A connection through `region`; NineDoor is the first service that this process may call.
    #[must_use]
    pub fn new(region: Region) -> Self {
        Self { region, server: Cap::new(abi::slot::CALLS) }
    }

    /// Sends a frame and waits for a reply, which is copied into `reply`.
    ///
    /// # Panics
    /// Where the frame is longer than [`MAX_FRAME`].
    pub fn exchange<'a>(&self, frame: &[u8], reply: &'a mut [u8]) -> Result<&'a [u8], Closed> {
        let place = &self.region.bytes[..MAX_FRAME][..frame.len()];
        for (byte, value) in place.iter().zip(frame) {
            byte.store(*value, Ordering::Relaxed);
        }
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
        let from = self.region.bytes[MAX_FRAME..].get(..length).ok_or(Closed)?;
        let into = reply.get_mut(..length).ok_or(Closed)?;
        for (value, byte) in into.iter_mut().zip(from) {
            *value = byte.load(Ordering::Relaxed);
        }
        Ok(into)
    }
}
