//! Requests that wait for their answer, in the order in which they came.

use secure9p_codec::Tag;

use crate::Error;
use crate::fids::Place;

/// What a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wish {
    /// Bytes.
    Read {
        /// The fid's place; the request fails before another fid gets it.
        place: Place,
        /// Where from.
        offset: u64,
        /// Most bytes.
        count: usize,
    },
    /// What came of its data.
    Written {
        /// The fid's place.
        place: Place,
    },
    /// Nothing more: it failed.
    Failed(Error),
}

/// One request that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Waiter {
    pub tag: Tag,
    pub wish: Wish,
}

impl Waiter {
    fn is_at(&self, place: Place) -> bool {
        match self.wish {
            Wish::Read { place: at, .. } | Wish::Written { place: at } => at == place,
            Wish::Failed(_) => false,
        }
    }
}

/// All of a connection's.
#[derive(Debug)]
pub(crate) struct Waiting<const WAITING: usize>(heapless::Vec<Waiter, WAITING>);

impl<const WAITING: usize> Waiting<WAITING> {
    pub const fn new() -> Self {
        Self(heapless::Vec::new())
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_full(&self) -> bool {
        self.0.is_full()
    }

    pub fn has(&self, tag: Tag) -> bool {
        self.0.iter().any(|waiter| waiter.tag == tag)
    }

    pub fn get(&self, index: usize) -> Option<Waiter> {
        self.0.get(index).copied()
    }

    pub fn push(&mut self, waiter: Waiter) -> Result<(), Error> {
        self.0.push(waiter).map_err(|_| Error::TooManyRequests)
    }

    /// Takes the one at `index` out; the order of the others stays.
    pub fn take(&mut self, index: usize) -> Option<Waiter> {
        if index < self.0.len() { Some(self.0.remove(index)) } else { None }
    }

    /// Takes the one named `tag` out.
    pub fn take_tag(&mut self, tag: Tag) -> Option<Waiter> {
        let index = self.0.iter().position(|waiter| waiter.tag == tag)?;
        self.take(index)
    }

    /// Makes those fail that wait for the fid at `place`, and says whether one of them was a
    /// write.
    pub fn fail(&mut self, place: Place, error: Error) -> bool {
        let mut wrote = false;
        for waiter in self.0.iter_mut().filter(|waiter| waiter.is_at(place)) {
            wrote |= matches!(waiter.wish, Wish::Written { .. });
            waiter.wish = Wish::Failed(error);
        }
        wrote
    }

    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Whether a write to the fid at `place` waits.
    pub fn has_write(&self, place: Place) -> bool {
        self.0.iter().any(|waiter| waiter.wish == Wish::Written { place })
    }
}
