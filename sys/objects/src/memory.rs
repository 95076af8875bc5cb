//! Untyped memory, split and merged as buddies.
//!
//! The kernel hands out untyped capabilities of various sizes at boot. A piece is either free,
//! out, or split into two halves, each with a capability of its own. Taking a piece splits the
//! smallest free one that is large enough; giving it back revokes it, which deletes every object
//! made from it, and merges it with its buddy as far up as possible. So the book returns to
//! exactly what it was.

use heapless::Vec;
use sel4::{Cap, SlotRange, Untyped};

use crate::Error;
use crate::slots::Slots;

/// Most pieces, split ones included.
pub const MAX_PIECES: usize = 1024;

/// What the book needs of the kernel.
pub trait Kernel {
    /// Makes two untypeds of 2^`bits` bytes out of `parent` in the two slots of `halves`.
    fn split(&mut self, parent: Untyped, bits: u32, halves: SlotRange) -> sel4::Result<()>;
    /// Deletes the capability in a slot.
    fn delete(&mut self, slot: u64) -> sel4::Result<()>;
    /// Deletes everything made from `untyped`.
    fn revoke(&mut self, untyped: Untyped) -> sel4::Result<()>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The entry itself is unused.
    Vacant,
    Free,
    Out,
    Split,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    slot: u64,
    bits: u8,
    state: State,
    /// Index of the piece it was split from; halves are neighbours in the book.
    parent: Option<u16>,
}

/// A piece that is out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece(u16);

/// The book.
#[derive(Debug)]
pub struct Memory<K> {
    kernel: K,
    slots: Slots,
    entries: Vec<Entry, MAX_PIECES>,
    free_bytes: u64,
}

impl<K: Kernel> Memory<K> {
    /// A book without memory.
    #[must_use]
    pub fn new(kernel: K, slots: Slots) -> Self {
        Self { kernel, slots, entries: Vec::new(), free_bytes: 0 }
    }

    /// Adds an untyped of 2^`bits` bytes that nothing was made from.
    pub fn add(&mut self, untyped: Untyped, bits: u8) -> Result<(), Error> {
        let entry = Entry { slot: untyped.pointer(), bits, state: State::Free, parent: None };
        self.entries.push(entry).map_err(|_| Error::TooManyPieces)?;
        self.free_bytes += 1 << bits;
        Ok(())
    }

    /// Bytes that are free, in pieces of any size.
    #[must_use]
    pub fn free_bytes(&self) -> u64 {
        self.free_bytes
    }

    /// Slots of the root CNode.
    pub fn slots(&mut self) -> &mut Slots {
        &mut self.slots
    }

    /// Capability to a piece.
    ///
    /// # Panics
    /// Where the piece is not out.
    #[must_use]
    pub fn untyped(&self, piece: Piece) -> Untyped {
        Cap::new(self.out(piece).slot)
    }

    fn out(&self, piece: Piece) -> &Entry {
        let entry = &self.entries[usize::from(piece.0)];
        assert_eq!(entry.state, State::Out, "piece {} is not out", piece.0);
        entry
    }

    /// Takes a piece of 2^`bits` bytes.
    pub fn take(&mut self, bits: u8) -> Result<Piece, Error> {
        let smallest = self
            .entries
            .iter()
            .enumerate()
            .filter(|(_, entry)| entry.state == State::Free && entry.bits >= bits)
            .min_by_key(|(_, entry)| entry.bits)
            .map(|(index, _)| index);
        let mut index = smallest.ok_or(Error::OutOfMemory)?;
        while self.entries[index].bits > bits {
            match self.split(index) {
                Ok(half) => index = half,
                Err(error) => {
                    self.merge(index);
                    return Err(error);
                }
            }
        }
        self.entries[index].state = State::Out;
        self.free_bytes -= 1 << bits;
        Ok(Piece(index as u16))
    }

    /// Splits the free piece `index` and returns the first half.
    fn split(&mut self, index: usize) -> Result<usize, Error> {
        let first = self.vacant_pair()?;
        let halves = self.slots.take(2)?;
        let Entry { slot, bits, .. } = self.entries[index];
        let bits = bits - 1;
        if let Err(error) = self.kernel.split(Cap::new(slot), u32::from(bits), halves) {
            self.slots.give_back(halves);
            return Err(error.into());
        }
        for half in 0..2 {
            self.entries[first + half] = Entry {
                slot: halves.first + half as u64,
                bits,
                state: State::Free,
                parent: Some(index as u16),
            };
        }
        self.entries[index].state = State::Split;
        Ok(first)
    }

    /// Two neighbouring unused entries; split pieces always come in pairs.
    fn vacant_pair(&mut self) -> Result<usize, Error> {
        let vacant = |entry: &Entry| entry.state == State::Vacant;
        if let Some(found) = self.entries.windows(2).position(|pair| pair.iter().all(vacant)) {
            return Ok(found);
        }
        let first = self.entries.len();
        if first + 2 > MAX_PIECES {
            return Err(Error::TooManyPieces);
        }
        let unused = Entry { slot: 0, bits: 0, state: State::Vacant, parent: None };
        for _ in 0..2 {
            self.entries.push(unused).map_err(|_| Error::TooManyPieces)?;
        }
        Ok(first)
    }

    /// Takes a piece back: everything made from it is gone afterwards.
    ///
    /// # Panics
    /// Where the piece is not out, or the kernel refuses to revoke it: the book would be wrong.
    pub fn give_back(&mut self, piece: Piece) {
        let Entry { slot, bits, .. } = *self.out(piece);
        self.kernel.revoke(Cap::new(slot)).expect("the book's untypeds can be revoked");
        self.entries[usize::from(piece.0)].state = State::Free;
        self.free_bytes += 1 << bits;
        self.merge(usize::from(piece.0));
    }

    /// Joins the free piece `index` with its buddy as far up as both are free.
    fn merge(&mut self, mut index: usize) {
        while let Some(parent) = self.entries[index].parent {
            let siblings = |entry: &Entry| entry.parent == Some(parent);
            let buddy = if self.entries.get(index + 1).is_some_and(siblings) {
                index + 1
            } else {
                index - 1
            };
            if self.entries[index].state != State::Free || self.entries[buddy].state != State::Free
            {
                return;
            }
            let first = index.min(buddy);
            for half in first..first + 2 {
                let slot = self.entries[half].slot;
                self.kernel.delete(slot).expect("the book's capabilities can be deleted");
                self.entries[half].state = State::Vacant;
                self.entries[half].parent = None;
            }
            self.slots.give_back(SlotRange { first: self.entries[first].slot, count: 2 });
            index = usize::from(parent);
            self.entries[index].state = State::Free;
        }
    }
}

#[cfg(test)]
mod tests;
