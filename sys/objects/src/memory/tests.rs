//! The book against a model of the kernel that knows which capability exists.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// Slots in use and the slot that each capability was made from.
#[derive(Debug, Default)]
struct Model {
    parents: BTreeMap<u64, Option<u64>>,
    refuse: bool,
    splits: usize,
}

impl Kernel for Model {
    fn split(&mut self, parent: Untyped, _: u32, halves: SlotRange) -> sel4::Result<()> {
        if self.refuse {
            return Err(sel4::Error::NotEnoughMemory);
        }
        self.splits += 1;
        let parent = parent.pointer();
        assert!(self.parents.contains_key(&parent), "splits what does not exist");
        assert!(self.parents.values().all(|p| *p != Some(parent)), "splits what has children");
        for slot in halves.first..halves.first + 2 {
            assert!(self.parents.insert(slot, Some(parent)).is_none(), "slot {slot} is in use");
        }
        Ok(())
    }

    fn delete(&mut self, slot: u64) -> sel4::Result<()> {
        assert!(self.parents.values().all(|p| *p != Some(slot)), "deletes what has children");
        self.parents.remove(&slot).map(drop).ok_or(sel4::Error::FailedLookup)
    }

    fn revoke(&mut self, untyped: Untyped) -> sel4::Result<()> {
        assert!(self.parents.values().all(|p| *p != Some(untyped.pointer())));
        Ok(())
    }
}

fn memory(bits: &[u8], slots: u64) -> Memory<Model> {
    let mut model = Model::default();
    for slot in 0..bits.len() as u64 {
        model.parents.insert(slot, None);
    }
    let mut memory = Memory::new(model, Slots::new(100..100 + slots));
    for (slot, bits) in bits.iter().enumerate() {
        memory.add(Cap::new(slot as u64), *bits).expect("room");
    }
    memory
}

/// What must be the same before and after.
fn state(memory: &mut Memory<Model>) -> (u64, usize, usize) {
    (memory.free_bytes(), memory.slots().free_count(), memory.kernel.parents.len())
}

#[test]
fn the_smallest_piece_that_fits_is_split() {
    let mut memory = memory(&[20, 14, 16], 64);
    let before = state(&mut memory);
    let piece = memory.take(14).expect("free");
    assert_eq!(memory.untyped(piece).pointer(), 1);
    let second = memory.take(14).expect("free");
    assert_eq!(memory.slots().free_count(), 60);
    memory.give_back(piece);
    memory.give_back(second);
    assert_eq!(state(&mut memory), before);
}

#[test]
fn a_full_book_and_a_refusing_kernel_leave_nothing_behind() {
    let mut memory = memory(&[20], 6);
    let before = state(&mut memory);
    // Six slots allow three splits.
    assert_eq!(memory.take(16), Err(Error::OutOfSlots));
    assert_eq!(state(&mut memory), before);
    assert_eq!(memory.take(21), Err(Error::OutOfMemory));
    memory.kernel.refuse = true;
    assert_eq!(memory.take(19), Err(Error::Kernel(sel4::Error::NotEnoughMemory)));
    assert_eq!(state(&mut memory), before);
    memory.kernel.refuse = false;
    memory.take(17).expect("three splits");
}

#[test]
#[should_panic(expected = "not out")]
fn giving_back_twice_is_a_bug() {
    let mut memory = memory(&[20], 64);
    let piece = memory.take(18).expect("free");
    memory.give_back(piece);
    memory.give_back(piece);
}

#[test]
fn kept_pieces_come_and_go_without_a_split() {
    let mut memory = memory(&[20, 17], 64);
    memory.keep(17, 4).expect("there is room");
    let (before, splits) = (state(&mut memory), memory.kernel.splits);
    assert_eq!(before.0, (1 << 20) + (1 << 17), "they are free");
    for _ in 0..3 {
        let pieces = [17; 4].map(|bits| memory.take(bits).expect("kept"));
        pieces.into_iter().for_each(|piece| memory.give_back(piece));
    }
    assert_eq!((state(&mut memory), memory.kernel.splits), (before, splits));
    // What else is taken is merged as ever, also out of a piece that is kept.
    let other = [19, 12].map(|bits| memory.take(bits).expect("free"));
    other.into_iter().for_each(|piece| memory.give_back(piece));
    assert_eq!(state(&mut memory), before);
    assert_ne!(memory.kernel.splits, splits);
}

#[test]
fn where_not_all_can_be_kept_none_is() {
    let mut memory = memory(&[20], 64);
    let before = state(&mut memory);
    assert_eq!(memory.keep(18, 5), Err(Error::OutOfMemory));
    assert_eq!(state(&mut memory), before);
    assert_eq!(memory.keep(21, 1), Err(Error::OutOfMemory));
    memory.take(20).expect("it is whole again");
}

proptest! {
    #[test]
    fn everything_comes_back(
        kept in 0..8usize,
        steps in proptest::collection::vec(
            (any::<bool>(), 12u8..19, any::<prop::sample::Index>()), 1..200)
    ) {
        let mut memory = memory(&[20, 12, 17, 18, 13], 300);
        memory.keep(16, kept).expect("there is room");
        let before = state(&mut memory);
        let mut out: Vec<(Piece, u8), 256> = Vec::new();
        for (take, bits, which) in steps {
            if take {
                // The smallest that is large enough, which is split then.
                let free = memory.entries.iter().filter(|entry| entry.state == State::Free);
                let smallest = free.map(|entry| entry.bits).filter(|free| *free >= bits).min();
                let taken = memory.take(bits);
                prop_assert_eq!(taken.is_ok(), smallest.is_some(), "no lack of slots");
                if let Ok(piece) = taken {
                    out.push((piece, bits)).expect("room");
                }
            } else if !out.is_empty() {
                memory.give_back(out.swap_remove(which.index(out.len())).0);
            }
            let taken: u64 = out.iter().map(|(_, bits)| 1 << bits).sum();
            prop_assert_eq!(memory.free_bytes() + taken, before.0);
        }
        for (piece, _) in out {
            memory.give_back(piece);
        }
        prop_assert_eq!(state(&mut memory), before);
    }
}
