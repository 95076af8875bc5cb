//! Untyped memory, split and merged as buddies.
//!
//! The kernel hands out untyped capabilities of various sizes at boot. A piece is either free,
//! out, or split into two halves, each with a capability of its own. Taking a piece splits the
//! smallest free one that is large enough; giving it back revokes it, which deletes every object
//! made from it, and merges it with its buddy as far up as possible. So the book returns to
//! exactly what it was.
//!
//! The kernel clears memory that it makes something of for the second time: a large piece that is
//! merged and split again costs as much as clearing all of it. Pieces that come and go are
//! therefore split once for all ([`Memory::keep`]); taking and giving back one of them costs the
//! same whatever else is out. Free pieces are in a list by size, so that none is searched for.

use heapless::Vec;
use sel4::{Cap, SlotRange, Untyped};

use crate::Error;
use crate::slots::Slots;

/// Most pieces, split ones included.
pub const MAX_PIECES: usize = 1024;

/// Sizes of pieces, by the logarithm: the kernel's largest untypeds have 2^47 bytes.
const SIZES: usize = 48;

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
    /// It is not merged with its buddy.
    kept: bool,
    /// Index of the piece it was split from; halves are neighbours in the book.
    parent: Option<u16>,
    /// Neighbours in the list of free pieces of its size, the one before it first.
    links: [Option<u16>; 2],
}

impl Entry {
    const VACANT: Self = Self {
        slot: 0,
        bits: 0,
        state: State::Vacant,
        kept: false,
        parent: None,
        links: [None; 2],
    };
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
    /// The first free piece of each size, by the logarithm of that.
    free: [Option<u16>; SIZES],
    /// The first entries of pairs that are unused.
    vacant: Vec<u16, { MAX_PIECES / 2 }>,
    free_bytes: u64,
}

impl<K: Kernel> Memory<K> {
    /// A book without memory.
    #[must_use]
    pub fn new(kernel: K, slots: Slots) -> Self {
        let (free, vacant) = ([None; SIZES], Vec::new());
        Self { kernel, slots, entries: Vec::new(), free, vacant, free_bytes: 0 }
    }

    /// Adds an untyped of 2^`bits` bytes that nothing was made from.
    ///
    /// # Panics
    /// Where it is larger than any that the kernel has.
    pub fn add(&mut self, untyped: Untyped, bits: u8) -> Result<(), Error> {
        assert!(usize::from(bits) < SIZES, "no untyped has 2^{bits} bytes");
        let index = self.entries.len();
        let entry = Entry { slot: untyped.pointer(), bits, ..Entry::VACANT };
        self.entries.push(entry).map_err(|_| Error::TooManyPieces)?;
        self.list(index);
        self.free_bytes += 1 << bits;
        Ok(())
    }

    /// Splits off `count` pieces of 2^`bits` bytes for good: they are free as all others, but not
    /// merged. On an error none is.
    pub fn keep(&mut self, bits: u8, count: usize) -> Result<(), Error> {
        let mut pieces: Vec<Piece, MAX_PIECES> = Vec::new();
        let taken = (0..count).try_for_each(|_| {
            let piece = self.take(bits)?;
            // There are no more pieces than that.
            pieces.push(piece).map_err(|_| Error::TooManyPieces)
        });
        for piece in pieces {
            self.entries[usize::from(piece.0)].kept = taken.is_ok();
            self.give_back(piece);
        }
        taken
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
        let large_enough = self.free.iter().skip(bits.into());
        let smallest = large_enough.copied().find_map(|first| first);
        let mut index = usize::from(smallest.ok_or(Error::OutOfMemory)?);
        while self.entries[index].bits > bits {
            match self.split(index) {
                Ok(half) => index = half,
                Err(error) => {
                    self.merge(index);
                    return Err(error);
                }
            }
        }
        self.unlist(index, State::Out);
        self.free_bytes -= 1 << bits;
        Ok(Piece(index as u16))
    }

    /// Puts the piece `index`, which is free from now on, at the front of its list.
    fn list(&mut self, index: usize) {
        let first = &mut self.free[usize::from(self.entries[index].bits)];
        let next = first.replace(index as u16);
        self.entries[index].state = State::Free;
        self.entries[index].links = [None, next];
        if let Some(next) = next {
            self.entries[usize::from(next)].links[0] = Some(index as u16);
        }
    }

    /// Takes the free piece `index` out of its list, because it is `state` from now on.
    fn unlist(&mut self, index: usize, state: State) {
        let Entry { bits, links: [before, next], .. } = self.entries[index];
        match before {
            Some(before) => self.entries[usize::from(before)].links[1] = next,
            None => self.free[usize::from(bits)] = next,
        }
        if let Some(next) = next {
            self.entries[usize::from(next)].links[0] = before;
        }
        self.entries[index].state = state;
    }

    /// Splits the free piece `index` and returns the first half.
    fn split(&mut self, index: usize) -> Result<usize, Error> {
        let first = self.vacant_pair()?;
        let made = self.slots.take(2).and_then(|halves| {
            let Entry { slot, bits, .. } = self.entries[index];
            let made = self.kernel.split(Cap::new(slot), u32::from(bits) - 1, halves);
            made.map(|()| (halves, bits - 1)).map_err(|error| {
                self.slots.give_back(halves);
                error.into()
            })
        });
        let (halves, bits) = match made {
            Ok(made) => made,
            Err(error) => {
                self.vacate(first);
                return Err(error);
            }
        };
        self.unlist(index, State::Split);
        let parent = Some(index as u16);
        // The first half is the first of its list, and is taken first.
        for half in [1, 0] {
            let slot = halves.first + half as u64;
            self.entries[first + half] = Entry { slot, bits, parent, ..Entry::VACANT };
            self.list(first + half);
        }
        Ok(first)
    }

    /// Two neighbouring unused entries; split pieces always come in pairs.
    fn vacant_pair(&mut self) -> Result<usize, Error> {
        if let Some(first) = self.vacant.pop() {
            return Ok(first.into());
        }
        let first = self.entries.len();
        if first + 2 > MAX_PIECES {
            return Err(Error::TooManyPieces);
        }
        for _ in 0..2 {
            self.entries.push(Entry::VACANT).map_err(|_| Error::TooManyPieces)?;
        }
        Ok(first)
    }

    /// The pair of entries is unused from now on.
    fn vacate(&mut self, first: usize) {
        // There is room for every pair.
        let _ = self.vacant.push(first as u16);
    }

    /// Takes a piece back: everything made from it is gone afterwards.
    ///
    /// # Panics
    /// Where the piece is not out, or the kernel refuses to revoke it: the book would be wrong.
    pub fn give_back(&mut self, piece: Piece) {
        let Entry { slot, bits, .. } = *self.out(piece);
        self.kernel.revoke(Cap::new(slot)).expect("the book's untypeds can be revoked");
        self.list(piece.0.into());
        self.free_bytes += 1 << bits;
        self.merge(usize::from(piece.0));
    }

    /// Joins the free piece `index` with its buddy as far up as both are free and not kept.
    fn merge(&mut self, mut index: usize) {
        while let Some(parent) = self.entries[index].parent {
            let siblings = |entry: &Entry| entry.parent == Some(parent);
            let buddy = if self.entries.get(index + 1).is_some_and(siblings) {
                index + 1
            } else {
                index - 1
            };
            let stays = |entry: &Entry| entry.state != State::Free || entry.kept;
            if stays(&self.entries[index]) || stays(&self.entries[buddy]) {
                return;
            }
            let first = index.min(buddy);
            let slots = SlotRange { first: self.entries[first].slot, count: 2 };
            for half in first..first + 2 {
                let slot = self.entries[half].slot;
                self.kernel.delete(slot).expect("the book's capabilities can be deleted");
                self.unlist(half, State::Vacant);
                self.entries[half].parent = None;
            }
            self.vacate(first);
            self.slots.give_back(slots);
            index = usize::from(parent);
            self.list(index);
        }
    }
}

#[cfg(test)]
mod tests;
