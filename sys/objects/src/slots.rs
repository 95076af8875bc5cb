//! Slots of the root CNode.
//!
//! A bitmap over the slots that the kernel left empty. Runs are found first-fit, so freed runs
//! are reused from the bottom and a system that spawns and kills does not creep upwards.

use core::ops::Range;

use sel4::SlotRange;

use crate::Error;

const WORDS: usize = 128;
/// Most slots that the book covers: a root CNode of 2^13 slots.
pub const MAX_SLOTS: usize = WORDS * 64;

/// The free slots.
#[derive(Debug)]
pub struct Slots {
    base: u64,
    count: usize,
    free: usize,
    used: [u64; WORDS],
}

impl Slots {
    /// Manages `empty`; slots past [`MAX_SLOTS`] are left alone.
    #[must_use]
    pub fn new(empty: Range<u64>) -> Self {
        let count = (empty.end.saturating_sub(empty.start) as usize).min(MAX_SLOTS);
        Self { base: empty.start, count, free: count, used: [0; WORDS] }
    }

    /// Number of free slots.
    #[must_use]
    pub fn free_count(&self) -> usize {
        self.free
    }

    /// How many slots the kernel has otherwise than the book: filled ones that are free here, and
    /// empty ones that are handed out. `is_filled` asks the kernel; `None` where it does not tell.
    pub fn differences(&self, is_filled: impl Fn(u64) -> Option<bool>) -> Option<u64> {
        let mut differences = 0;
        for index in 0..self.count {
            let filled = is_filled(self.base + index as u64)?;
            differences += u64::from(filled != self.is_used(index));
        }
        Some(differences)
    }

    fn is_used(&self, index: usize) -> bool {
        self.used[index / 64] >> (index % 64) & 1 != 0
    }

    fn mark(&mut self, start: usize, count: usize, used: bool) {
        for index in start..start + count {
            assert_ne!(self.is_used(index), used, "slot {} was handed out or back twice", index);
            self.used[index / 64] ^= 1 << (index % 64);
        }
        self.free = if used { self.free - count } else { self.free + count };
    }

    /// The lowest run of `count` free slots.
    pub fn take(&mut self, count: u32) -> Result<SlotRange, Error> {
        let wanted = count as usize;
        let mut start = 0;
        let mut length = 0;
        for index in 0..self.count {
            if length == wanted {
                break;
            }
            if self.is_used(index) {
                start = index + 1;
                length = 0;
            } else {
                length += 1;
            }
        }
        if length < wanted {
            return Err(Error::OutOfSlots);
        }
        self.mark(start, wanted, true);
        Ok(SlotRange { first: self.base + start as u64, count })
    }

    /// Takes back a run. Its slots must be empty again.
    ///
    /// # Panics
    /// Where a slot of the run is not out.
    pub fn give_back(&mut self, run: SlotRange) {
        self.mark((run.first - self.base) as usize, run.count as usize, false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_reused_from_the_bottom() {
        let mut slots = Slots::new(100..164);
        let a = slots.take(10).expect("free");
        let b = slots.take(20).expect("free");
        assert_eq!((a.first, b.first, slots.free_count()), (100, 110, 34));
        slots.give_back(a);
        assert_eq!(slots.take(11).expect("free").first, 130);
        assert_eq!(slots.take(10).expect("free").first, 100);
        assert_eq!(slots.take(24), Err(Error::OutOfSlots));
        assert_eq!(slots.take(23).expect("free").first, 141);
        assert_eq!(slots.free_count(), 0);
        assert_eq!(slots.take(1), Err(Error::OutOfSlots));
        assert_eq!(slots.take(0).expect("nothing").count, 0);
    }

    #[test]
    fn what_the_kernel_has_otherwise_is_counted() {
        let mut slots = Slots::new(100..164);
        let run = slots.take(3).expect("free");
        let honest = |slot| Some((run.first..run.first + 3).contains(&slot));
        assert_eq!(slots.differences(honest), Some(0));
        // One was left behind, one was never filled.
        assert_eq!(slots.differences(|slot| Some((101..104).contains(&slot))), Some(2));
        assert_eq!(slots.differences(|_| None), None);
    }

    #[test]
    #[should_panic(expected = "twice")]
    fn giving_back_twice_is_a_bug() {
        let mut slots = Slots::new(0..64);
        let run = slots.take(2).expect("free");
        slots.give_back(run);
        slots.give_back(run);
    }

    #[test]
    fn no_more_than_the_book_covers() {
        assert_eq!(Slots::new(16..1 << 20).free_count(), MAX_SLOTS);
    }
}
