//! A lane: two rings and the life of the connections that use them, one after the other.
//!
//! The link side (which speaks to the host) opens and ends connections; the server side says
//! when it is done with one. Three counters in shared memory tell:
//!
//! - `opened`: connections begun (link), `ended`: those whose peer is gone (link),
//!   `closed`: those that the server is done with (server).
//!
//! A connection is there while `opened` and `closed` differ. A lane is free for the next one when
//! all three are equal, and then both rings are empty: the server drops what it did not read
//! before it counts a connection as closed, the link what it did not forward before it opens the
//! next. Each side keeps its own counters in private memory, so that the peer can only confuse
//! itself.

use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use crate::{Corrupt, Indices, Reader, Ring, Writer};

/// Words of shared memory per lane.
pub const WORDS: usize = 8;
/// Most bytes of a message that its length is told from.
pub const PREFIX: usize = 4;

/// Why there is no next message, now or ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken<E> {
    /// The peer's index is impossible.
    Ring,
    /// The message says a length that was refused.
    Length(E),
    /// The message is longer than the space for it.
    Space,
}

/// The shared parts of a lane.
#[derive(Debug, Clone, Copy)]
pub struct Lane<'a> {
    opened: &'a AtomicU32,
    ended: &'a AtomicU32,
    closed: &'a AtomicU32,
    /// The server waits for the link to take bytes off the outbound ring.
    blocked: &'a AtomicU32,
    inbound: Ring<'a>,
    outbound: Ring<'a>,
}

impl<'a> Lane<'a> {
    /// Lane number `index` in shared memory: its words among `words`, its two rings of
    /// `capacity` bytes (a power of two) each among `bytes`. `None` past the end.
    #[must_use]
    pub fn carve(
        words: &'a [AtomicU32],
        bytes: &'a [AtomicU8],
        index: usize,
        capacity: usize,
    ) -> Option<Self> {
        let words = words.chunks_exact(WORDS).nth(index)?;
        let [opened, ended, closed, in_head, in_tail, out_head, out_tail, blocked] = words else {
            return None;
        };
        let (inbound, outbound) =
            bytes.chunks_exact(2 * capacity).nth(index)?.split_at_checked(capacity)?;
        Some(Self {
            opened,
            ended,
            closed,
            blocked,
            inbound: Ring::new(Indices { head: in_head, tail: in_tail }, inbound),
            outbound: Ring::new(Indices { head: out_head, tail: out_tail }, outbound),
        })
    }
}

/// The link's side.
#[derive(Debug)]
pub struct LinkSide<'a> {
    lane: Lane<'a>,
    opened: u32,
    ended: u32,
    /// To the server.
    pub inbound: Writer<'a>,
    /// From the server.
    pub outbound: Reader<'a>,
}

impl<'a> LinkSide<'a> {
    /// Takes the link's side. A connection from before (of a link that died) is ended, and one
    /// that ends at once is begun: so the lane is free only when the server is there to close it.
    /// The server has to be told.
    #[must_use]
    pub fn new(lane: Lane<'a>) -> Self {
        let opened = lane.opened.load(Ordering::Relaxed).wrapping_add(1);
        lane.ended.store(opened, Ordering::Release);
        lane.opened.store(opened, Ordering::Release);
        Self {
            lane,
            opened,
            ended: opened,
            inbound: Writer::new(lane.inbound),
            outbound: Reader::new(lane.outbound),
        }
    }

    /// The server is done with every connection so far.
    #[must_use]
    pub fn server_closed(&self) -> bool {
        self.lane.closed.load(Ordering::Acquire) == self.opened
    }

    /// How many bytes the server has read of the inbound ring, modulo 2^32, as it says.
    #[must_use]
    pub fn consumed(&self) -> u32 {
        self.lane.inbound.indices.head.load(Ordering::Acquire)
    }

    /// Whether the server waits for space in the outbound ring. Asked after reading from it; the
    /// server then has to be told.
    #[must_use]
    pub fn server_waits(&self) -> bool {
        self.lane.blocked.swap(0, Ordering::AcqRel) != 0
    }

    /// A connection can be opened.
    #[must_use]
    pub fn is_free(&self) -> bool {
        self.ended == self.opened && self.server_closed()
    }

    /// Begins a connection; the lane must be free.
    pub fn open(&mut self) {
        self.outbound.discard();
        self.opened = self.opened.wrapping_add(1);
        self.lane.opened.store(self.opened, Ordering::Release);
    }

    /// The peer of the connection is gone.
    pub fn end(&mut self) {
        self.ended = self.opened;
        self.lane.ended.store(self.ended, Ordering::Release);
    }
}

/// The server's side.
#[derive(Debug)]
pub struct ServerSide<'a> {
    lane: Lane<'a>,
    closed: u32,
    /// From the peer.
    pub inbound: Reader<'a>,
    /// To the peer.
    pub outbound: Writer<'a>,
}

impl<'a> ServerSide<'a> {
    /// Takes the server's side. A connection from before (of a server that died, or that was
    /// not there yet) is closed: the link has to be told.
    #[must_use]
    pub fn new(lane: Lane<'a>) -> Self {
        let mut side = Self {
            lane,
            closed: lane.closed.load(Ordering::Relaxed),
            inbound: Reader::new(lane.inbound),
            outbound: Writer::new(lane.outbound),
        };
        if side.is_open() {
            side.close();
        }
        side
    }

    /// A connection is there.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.lane.opened.load(Ordering::Acquire) != self.closed
    }

    /// The peer of the connection is gone; what it sent before may still be read.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.lane.ended.load(Ordering::Acquire) == self.lane.opened.load(Ordering::Relaxed)
    }

    /// Whether `bytes` can be written. Where they cannot, the link tells when it has made space.
    pub fn has_space(&self, bytes: usize) -> Result<bool, Corrupt> {
        if self.outbound.space()? >= bytes {
            return Ok(true);
        }
        // Asked again after the note: space made in between would not be told.
        self.lane.blocked.store(1, Ordering::Release);
        Ok(self.outbound.space()? >= bytes)
    }

    /// Is done with the connection: drops what was not read and tells the link.
    pub fn close(&mut self) {
        self.inbound.discard();
        self.closed = self.lane.opened.load(Ordering::Acquire);
        self.lane.closed.store(self.closed, Ordering::Release);
    }

    /// The next message. `length` tells from the first bytes that are there ([`PREFIX`] at most)
    /// how long it is, or `None` while they are too few: so what it refuses is refused before
    /// another byte comes. `Ok(None)` where the message is not there as a whole yet.
    ///
    /// # Errors
    /// What `length` refused; a message that is longer than `into`; a peer whose index is
    /// impossible. The stream cannot go on.
    pub fn message<'b, E>(
        &mut self,
        into: &'b mut [u8],
        length: impl FnOnce(&[u8]) -> Result<Option<usize>, E>,
    ) -> Result<Option<&'b [u8]>, Broken<E>> {
        let corrupt = |_: Corrupt| Broken::Ring;
        let mut prefix = [0; PREFIX];
        let there = self.inbound.peek(&mut prefix).map_err(corrupt)?;
        let prefix = prefix.get(..there).unwrap_or_default();
        let Some(length) = length(prefix).map_err(Broken::Length)? else { return Ok(None) };
        let message = into.get_mut(..length).ok_or(Broken::Space)?;
        if self.inbound.available().map_err(corrupt)? < length {
            return Ok(None);
        }
        self.inbound.read(message).map_err(corrupt)?;
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: usize = 32;

    struct Shared {
        words: [AtomicU32; 2 * WORDS],
        bytes: [AtomicU8; 4 * CAPACITY],
    }

    impl Shared {
        fn new() -> Self {
            Self {
                words: [const { AtomicU32::new(0) }; 2 * WORDS],
                bytes: [const { AtomicU8::new(0) }; 4 * CAPACITY],
            }
        }

        fn lane(&self, index: usize) -> Lane<'_> {
            Lane::carve(&self.words, &self.bytes, index, CAPACITY).expect("two lanes")
        }
    }

    #[test]
    fn a_connection_lives_once_and_leaves_nothing_to_the_next() {
        let shared = Shared::new();
        let (mut link, mut server) =
            (LinkSide::new(shared.lane(1)), ServerSide::new(shared.lane(1)));
        assert!(link.is_free() && !server.is_open());
        link.open();
        assert!(!link.is_free() && server.is_open() && !server.is_ended());
        link.inbound.write(b"request").expect("honest");
        server.outbound.write(b"answer").expect("honest");
        link.end();
        assert!(server.is_open() && server.is_ended() && !link.is_free());
        server.close();
        assert!(link.is_free() && !server.is_open());
        link.open();
        assert_eq!((server.inbound.available(), link.outbound.available()), (Ok(0), Ok(0)));
    }

    #[test]
    fn the_server_can_hang_up() {
        let shared = Shared::new();
        let (mut link, mut server) =
            (LinkSide::new(shared.lane(0)), ServerSide::new(shared.lane(0)));
        link.open();
        server.outbound.write(b"bye").expect("honest");
        server.close();
        assert!(link.server_closed() && !link.is_free());
        assert_eq!(link.outbound.available(), Ok(3));
        link.end();
        assert!(link.is_free());
    }

    #[test]
    fn a_server_without_space_is_told_when_there_is_some() {
        let shared = Shared::new();
        let (mut link, mut server) =
            (LinkSide::new(shared.lane(0)), ServerSide::new(shared.lane(0)));
        link.open();
        assert_eq!((server.has_space(CAPACITY), link.server_waits()), (Ok(true), false));
        server.outbound.write(&[1; CAPACITY]).expect("honest");
        assert_eq!(server.has_space(1), Ok(false));
        link.outbound.read(&mut [0; 4]).expect("honest");
        assert!(link.server_waits() && !link.server_waits());
        assert_eq!(server.has_space(1), Ok(true));
    }

    #[test]
    fn either_side_can_be_started_again() {
        let shared = Shared::new();
        let mut link = LinkSide::new(shared.lane(0));
        link.open();
        let server = ServerSide::new(shared.lane(0));
        assert!(!server.is_open() && link.server_closed());
        link.end();
        link.open();
        let link = LinkSide::new(shared.lane(0));
        assert!(server.is_open() && server.is_ended() && !link.is_free());
    }

    #[test]
    fn nothing_opens_before_there_is_a_server() {
        let shared = Shared::new();
        let link = LinkSide::new(shared.lane(0));
        assert!(!link.is_free());
        let _server = ServerSide::new(shared.lane(0));
        assert!(link.is_free());
    }

    /// Two bytes, themselves included.
    fn length(prefix: &[u8]) -> Result<Option<usize>, u16> {
        let Some(prefix) = prefix.first_chunk() else { return Ok(None) };
        let length = u16::from_le_bytes(*prefix);
        if length < 2 { Err(length) } else { Ok(Some(length.into())) }
    }

    #[test]
    fn messages_come_whole_or_not_at_all() {
        let shared = Shared::new();
        let (mut link, mut server) =
            (LinkSide::new(shared.lane(0)), ServerSide::new(shared.lane(0)));
        link.open();
        let mut into = [0; 10];
        for (i, byte) in [5, 0, b'a', b'b', b'c', 2].iter().enumerate() {
            assert_eq!(server.message(&mut into, length), Ok(None), "after {i} bytes");
            link.inbound.write(&[*byte]).expect("honest");
            if i == 4 {
                assert_eq!(server.message(&mut into, length), Ok(Some(&b"\x05\0abc"[..])));
            }
        }
        link.inbound.write(&[0]).expect("honest");
        assert_eq!(server.message(&mut into, length), Ok(Some(&b"\x02\0"[..])));
        // Refused as soon as the length is there, and again until it is closed.
        for _ in 0..2 {
            link.inbound.write(&[1, 0]).expect("honest");
            assert_eq!(server.message(&mut into, length), Err(Broken::Length(1)));
        }
        server.close();
        link.end();
        link.open();
        link.inbound.write(&[11, 0]).expect("honest");
        assert_eq!(server.message(&mut into, length), Err(Broken::Space));
    }
}
