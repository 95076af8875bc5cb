//! Many connections over one byte stream, with back-pressure for each.
//!
//! The VM has one serial port for 9P; this protocol carries up to [`CHANNELS`] independent byte
//! streams over it, in both directions. Every frame is a 4-byte header (channel, kind, length,
//! little-endian) and `length` bytes:
//!
//! | kind | length | meaning |
//! |---|---|---|
//! | `H` hello | 12 | the sender starts anew: every channel is closed; fixed text |
//! | `O` open | 0 | a new connection; both directions start with a credit of [`WINDOW`] bytes |
//! | `D` data | 1 to [`MAX_DATA`] | bytes, taken off the sender's credit |
//! | `C` credit | 4 | the receiver has room for so many more bytes |
//! | `X` close | 0 | no more bytes from this side; a channel is free when both have closed |
//!
//! Who keeps to its credit never blocks the stream, so a slow connection delays no other. What
//! is not of this form is garbage: the reader drops everything until the next hello.
#![no_std]
#![forbid(unsafe_code)]

mod exchange;
mod parser;

pub use exchange::Exchange;
pub use parser::{Event, Parser};

/// Number of channels.
pub const CHANNELS: usize = 24;
/// Credit of a fresh channel in each direction, in bytes: two frames of 9P.
pub const WINDOW: u32 = 16 << 10;
/// Most bytes of one data frame.
pub const MAX_DATA: usize = 4096;
/// Bytes of a header.
pub const HEADER: usize = 4;
/// The text of a hello.
pub const GREETING: &[u8; 12] = b"cohesix-link";

/// What a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The sender starts anew.
    Hello,
    /// A new connection.
    Open,
    /// Bytes.
    Data,
    /// Room for more bytes.
    Credit,
    /// No more bytes.
    Close,
}

/// A frame's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Below [`CHANNELS`]; 0 in a hello.
    pub channel: u8,
    /// What it is.
    pub kind: Kind,
    /// Bytes that follow.
    pub length: u16,
}

impl Header {
    /// The bytes of this header.
    #[must_use]
    pub fn encode(self) -> [u8; HEADER] {
        let kind = match self.kind {
            Kind::Hello => b'H',
            Kind::Open => b'O',
            Kind::Data => b'D',
            Kind::Credit => b'C',
            Kind::Close => b'X',
        };
        let [low, high] = self.length.to_le_bytes();
        [self.channel, kind, low, high]
    }

    /// Reads a header; `None` where it is none.
    #[must_use]
    pub fn decode([channel, kind, low, high]: [u8; HEADER]) -> Option<Self> {
        let length = u16::from_le_bytes([low, high]);
        let (kind, lengths) = match kind {
            b'H' => (Kind::Hello, GREETING.len()..=GREETING.len()),
            b'O' => (Kind::Open, 0..=0),
            b'D' => (Kind::Data, 1..=MAX_DATA),
            b'C' => (Kind::Credit, 4..=4),
            b'X' => (Kind::Close, 0..=0),
            _ => return None,
        };
        let channels = if kind == Kind::Hello { 1 } else { CHANNELS };
        let good = usize::from(channel) < channels && lengths.contains(&usize::from(length));
        good.then_some(Self { channel, kind, length })
    }
}

/// The bytes of a hello.
#[must_use]
pub fn hello() -> [u8; HEADER + GREETING.len()] {
    let mut frame = [0; HEADER + GREETING.len()];
    let header = Header { channel: 0, kind: Kind::Hello, length: GREETING.len() as u16 };
    frame[..HEADER].copy_from_slice(&header.encode());
    frame[HEADER..].copy_from_slice(GREETING);
    frame
}

/// The bytes of a credit of `bytes` for `channel`.
#[must_use]
pub fn credit(channel: u8, bytes: u32) -> [u8; HEADER + 4] {
    let mut frame = [0; HEADER + 4];
    let header = Header { channel, kind: Kind::Credit, length: 4 };
    frame[..HEADER].copy_from_slice(&header.encode());
    frame[HEADER..].copy_from_slice(&bytes.to_le_bytes());
    frame
}
