//! A client's side of 9P inside the VM (see `abi::frames`).

use abi::frames::{Answer, MAX_FRAME, Request};
use sel4::{Cap, Endpoint, Notification};

use crate::memory::{Region, load, store};

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
        assert!(frame.len() <= MAX_FRAME, "a frame");
        store(&self.region.units[..MAX_FRAME / 8], frame);
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
        let into = reply.get_mut(..length).filter(|_| length <= MAX_FRAME).ok_or(Closed)?;
        load(&self.region.units[MAX_FRAME / 8..], into);
        Ok(into)
    }
}
