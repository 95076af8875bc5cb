//! Who has to be looked at next, and when.
//!
//! A binary heap with the position of each member, so that a time can be changed or taken out
//! without a search. Every operation takes a number of steps that grows with the logarithm of
//! the members (Cormen et al., "Introduction to Algorithms", priority queues).

use heapless::Vec;
use manifest::workers::MAX_WORKERS;

/// Not in the queue.
const ABSENT: u8 = u8::MAX;
const _: () = assert!(MAX_WORKERS < ABSENT as usize);

/// Members by time.
#[derive(Debug)]
pub struct Queue {
    /// Members, the earliest first.
    heap: Vec<u8, MAX_WORKERS>,
    /// Where in the heap each member is.
    positions: [u8; MAX_WORKERS],
    times: [u64; MAX_WORKERS],
}

impl Queue {
    pub const fn new() -> Self {
        Self { heap: Vec::new(), positions: [ABSENT; MAX_WORKERS], times: [u64::MAX; MAX_WORKERS] }
    }

    /// The earliest time and whose it is.
    pub fn first(&self) -> Option<(u64, u8)> {
        self.heap.first().map(|&member| (self.times[usize::from(member)], member))
    }

    /// Sets `member`'s time, whether it has one or not.
    pub fn set(&mut self, member: u8, time: u64) {
        let index = usize::from(member);
        self.times[index] = time;
        let position = match self.positions[index] {
            ABSENT => {
                let end = self.heap.len();
                // As many places as members.
                let _ = self.heap.push(member);
                self.positions[index] = end as u8;
                end
            }
            position => usize::from(position),
        };
        let position = self.up(position);
        self.down(position);
    }

    /// Takes `member` out, if it is in.
    pub fn remove(&mut self, member: u8) {
        let position = core::mem::replace(&mut self.positions[usize::from(member)], ABSENT);
        if position == ABSENT {
            return;
        }
        let position = usize::from(position);
        self.heap.swap_remove(position);
        if let Some(&moved) = self.heap.get(position) {
            self.positions[usize::from(moved)] = position as u8;
            let position = self.up(position);
            self.down(position);
        }
    }

    fn time(&self, position: usize) -> u64 {
        self.times[usize::from(self.heap[position])]
    }

    fn swap(&mut self, one: usize, other: usize) {
        self.heap.swap(one, other);
        for position in [one, other] {
            self.positions[usize::from(self.heap[position])] = position as u8;
        }
    }

    fn up(&mut self, mut position: usize) -> usize {
        while position > 0 {
            let parent = (position - 1) / 2;
            if self.time(parent) <= self.time(position) {
                break;
            }
            self.swap(parent, position);
            position = parent;
        }
        position
    }

    fn down(&mut self, mut position: usize) {
        loop {
            let children = 2 * position + 1..(2 * position + 3).min(self.heap.len());
            let Some(least) = children.min_by_key(|child| self.time(*child)) else { return };
            if self.time(position) <= self.time(least) {
                return;
            }
            self.swap(position, least);
            position = least;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a list that is searched.
        #[test]
        fn the_first_is_always_the_earliest(
            steps in vec((0..MAX_WORKERS as u8, proptest::option::of(0..100u64)), 1..400)
        ) {
            let mut queue = Queue::new();
            let mut model = std::collections::BTreeMap::new();
            for (member, time) in steps {
                match time {
                    Some(time) => {
                        queue.set(member, time);
                        model.insert(member, time);
                    }
                    None => {
                        queue.remove(member);
                        model.remove(&member);
                    }
                }
                let earliest = model.values().min().copied();
                prop_assert_eq!(queue.first().map(|(time, _)| time), earliest);
                if let Some((time, member)) = queue.first() {
                    prop_assert_eq!(model.get(&member), Some(&time));
                }
            }
        }
    }
}
