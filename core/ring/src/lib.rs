//! Byte ring in shared memory between two parties that distrust each other.
//!
//! One side writes, the other reads. The indices in shared memory only tell the peer; each side
//! keeps its own index in private memory and checks the peer's, so that whatever the peer writes
//! there, no side reads or writes outside the ring: an impossible index is an error
//! ([`Corrupt`]), and the bytes themselves are only ever copied. Indices count bytes and wrap at
//! 2^32; the capacity is a power of two.
//!
//! Ordering: the writer stores bytes, then its index with release; the reader loads that index
//! with acquire before it loads bytes, and the other way round for space.
#![no_std]
#![forbid(unsafe_code)]

use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};

pub mod lane;

/// The two indices, which lie in shared memory.
#[derive(Debug, Clone, Copy)]
pub struct Indices<'a> {
    /// Bytes read so far; stored by the reader.
    pub head: &'a AtomicU32,
    /// Bytes written so far; stored by the writer.
    pub tail: &'a AtomicU32,
}

/// The peer's index is impossible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Corrupt;

/// The shared parts of a ring.
#[derive(Debug, Clone, Copy)]
pub struct Ring<'a> {
    indices: Indices<'a>,
    bytes: &'a [AtomicU8],
}

impl<'a> Ring<'a> {
    /// A ring over `bytes`, whose length must be a power of two of at most 2^31.
    ///
    /// # Panics
    /// Where the length is none.
    #[must_use]
    pub fn new(indices: Indices<'a>, bytes: &'a [AtomicU8]) -> Self {
        assert!(bytes.len().is_power_of_two() && bytes.len() <= 1 << 31, "a power of two");
        Self { indices, bytes }
    }

    /// Bytes that fit.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.bytes.len()
    }

    fn slot(&self, index: u32) -> Option<&AtomicU8> {
        self.bytes.get(index as usize & (self.bytes.len() - 1))
    }

    fn checked(&self, used: u32) -> Result<usize, Corrupt> {
        let used = used as usize;
        if used > self.bytes.len() { Err(Corrupt) } else { Ok(used) }
    }
}

/// The writing side.
#[derive(Debug)]
pub struct Writer<'a> {
    ring: Ring<'a>,
    tail: u32,
}

impl<'a> Writer<'a> {
    /// Writes to `ring` from where its writer left off.
    #[must_use]
    pub fn new(ring: Ring<'a>) -> Self {
        Self { ring, tail: ring.indices.tail.load(Ordering::Relaxed) }
    }

    /// Bytes that can be written now.
    pub fn space(&self) -> Result<usize, Corrupt> {
        let head = self.ring.indices.head.load(Ordering::Acquire);
        let used = self.ring.checked(self.tail.wrapping_sub(head))?;
        Ok(self.ring.capacity() - used)
    }

    /// Writes as much of `bytes` as fits and returns how much that was.
    pub fn write(&mut self, bytes: &[u8]) -> Result<usize, Corrupt> {
        let count = bytes.len().min(self.space()?);
        let (written, _) = bytes.split_at(count);
        for byte in written {
            if let Some(slot) = self.ring.slot(self.tail) {
                slot.store(*byte, Ordering::Relaxed);
            }
            self.tail = self.tail.wrapping_add(1);
        }
        self.ring.indices.tail.store(self.tail, Ordering::Release);
        Ok(count)
    }
}

/// The reading side.
#[derive(Debug)]
pub struct Reader<'a> {
    ring: Ring<'a>,
    head: u32,
}

impl<'a> Reader<'a> {
    /// Reads from `ring` from where its reader left off.
    #[must_use]
    pub fn new(ring: Ring<'a>) -> Self {
        Self { ring, head: ring.indices.head.load(Ordering::Relaxed) }
    }

    /// Bytes that can be read now.
    pub fn available(&self) -> Result<usize, Corrupt> {
        let tail = self.ring.indices.tail.load(Ordering::Acquire);
        self.ring.checked(tail.wrapping_sub(self.head))
    }

    /// Bytes read so far, modulo 2^32.
    #[must_use]
    pub fn position(&self) -> u32 {
        self.head
    }

    /// Copies the next bytes, as many as fit and are there, and leaves them in the ring.
    pub fn peek(&self, into: &mut [u8]) -> Result<usize, Corrupt> {
        let count = into.len().min(self.available()?);
        let mut at = self.head;
        for byte in into.iter_mut().take(count) {
            if let Some(slot) = self.ring.slot(at) {
                *byte = slot.load(Ordering::Relaxed);
            }
            at = at.wrapping_add(1);
        }
        Ok(count)
    }

    /// Gives back the space of the next `count` bytes, or of all there are.
    pub fn skip(&mut self, count: usize) -> Result<usize, Corrupt> {
        let count = count.min(self.available()?);
        self.head = self.head.wrapping_add(count as u32);
        self.ring.indices.head.store(self.head, Ordering::Release);
        Ok(count)
    }

    /// Reads the next bytes, as many as fit and are there.
    pub fn read(&mut self, into: &mut [u8]) -> Result<usize, Corrupt> {
        let count = self.peek(into)?;
        self.skip(count)
    }

    /// Drops everything that has been written so far, whatever the writer's index says.
    pub fn discard(&mut self) {
        self.head = self.ring.indices.tail.load(Ordering::Acquire);
        self.ring.indices.head.store(self.head, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::collections::VecDeque;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    #[derive(Default)]
    struct Words([AtomicU32; 2]);

    impl Words {
        fn indices(&self) -> Indices<'_> {
            Indices { head: &self.0[0], tail: &self.0[1] }
        }
    }

    fn bytes<const N: usize>() -> [AtomicU8; N] {
        [const { AtomicU8::new(0) }; N]
    }

    #[test]
    fn what_was_written_is_read_around_the_end_and_the_wrap() {
        let (words, memory) = (Words::default(), bytes::<8>());
        let indices = words.indices();
        indices.head.store(u32::MAX - 2, Ordering::Relaxed);
        indices.tail.store(u32::MAX - 2, Ordering::Relaxed);
        let ring = Ring::new(indices, &memory);
        let (mut writer, mut reader) = (Writer::new(ring), Reader::new(ring));
        assert_eq!(writer.write(b"0123456789"), Ok(8));
        assert_eq!(writer.write(b"8"), Ok(0));
        let mut into = [0; 5];
        assert_eq!((reader.peek(&mut into), reader.read(&mut into)), (Ok(5), Ok(5)));
        assert_eq!(&into, b"01234");
        assert_eq!(writer.write(b"89abcdef"), Ok(5));
        let mut into = [0; 16];
        assert_eq!(reader.read(&mut into), Ok(8));
        assert_eq!(&into[..8], b"56789abc");
        assert_eq!(reader.read(&mut into), Ok(0));
    }

    #[test]
    fn an_impossible_index_of_the_peer_is_an_error_and_nothing_is_touched() {
        let (words, memory) = (Words::default(), bytes::<8>());
        let indices = words.indices();
        let ring = Ring::new(indices, &memory);
        let (mut writer, mut reader) = (Writer::new(ring), Reader::new(ring));
        for wrong in [9, 1 << 31, u32::MAX - 8] {
            indices.tail.store(wrong, Ordering::Relaxed);
            assert_eq!(reader.read(&mut [0; 4]), Err(Corrupt));
            indices.tail.store(0, Ordering::Relaxed);
            indices.head.store(wrong.wrapping_neg(), Ordering::Relaxed);
            assert_eq!(writer.write(b"x"), Err(Corrupt));
            indices.head.store(0, Ordering::Relaxed);
        }
        assert_eq!((writer.write(b"x"), reader.available()), (Ok(1), Ok(1)));
        // A reader can get over a corrupt writer.
        indices.tail.store(77, Ordering::Relaxed);
        reader.discard();
        assert_eq!(reader.available(), Ok(0));
    }

    #[test]
    fn two_threads_lose_nothing() {
        const TOTAL: usize = 200_000;
        let (words, memory) = (Words::default(), bytes::<64>());
        let ring = Ring::new(words.indices(), &memory);
        std::thread::scope(|scope| {
            scope.spawn(move || {
                let mut writer = Writer::new(ring);
                let mut sent = 0;
                while sent < TOTAL {
                    let chunk: Vec<u8> = (sent..TOTAL.min(sent + 50)).map(|i| i as u8).collect();
                    let count = writer.write(&chunk).expect("the reader is honest");
                    sent += count;
                    if count == 0 {
                        std::thread::yield_now();
                    }
                }
            });
            let mut reader = Reader::new(ring);
            let mut got = 0;
            while got < TOTAL {
                let mut into = [0; 37];
                let count = reader.read(&mut into).expect("the writer is honest");
                for byte in &into[..count] {
                    assert_eq!(*byte, got as u8);
                    got += 1;
                }
                if count == 0 {
                    std::thread::yield_now();
                }
            }
        });
    }

    proptest! {
        #[test]
        fn it_is_a_queue(steps in proptest::collection::vec((any::<bool>(), 0usize..24), 1..200)) {
            let (words, memory) = (Words::default(), bytes::<16>());
            let ring = Ring::new(words.indices(), &memory);
            let (mut writer, mut reader) = (Writer::new(ring), Reader::new(ring));
            let mut model = VecDeque::new();
            let mut next = 0u8;
            for (write, count) in steps {
                if write {
                    let chunk: Vec<u8> = (0..count).map(|i| next.wrapping_add(i as u8)).collect();
                    let written = writer.write(&chunk).expect("honest");
                    prop_assert_eq!(written, count.min(16 - model.len()));
                    model.extend(&chunk[..written]);
                    next = next.wrapping_add(written as u8);
                } else {
                    let mut into = [0; 24];
                    let read = reader.read(&mut into[..count]).expect("honest");
                    let expected: Vec<u8> = model.drain(..count.min(model.len())).collect();
                    prop_assert_eq!(&into[..read], &expected[..]);
                }
            }
        }
    }
}
