//! How much of a job is given to a device at once.
//!
//! Between two parts a job can be stopped and says how far it is, and each part costs a round
//! trip. So a part takes about [`PART`]; how much that is is learned, and kept from job to job.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gpu::Kernel;

use crate::backend::Work;

/// How long a part takes.
const PART: Duration = Duration::from_millis(50);

/// What a device is thought to do, in operations a second.
#[derive(Debug)]
pub(crate) struct Speed(AtomicU64);

impl Speed {
    /// A first guess.
    pub const fn guess(operations_a_second: u64) -> Self {
        Self(AtomicU64::new(operations_a_second))
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Learns from a part. Jobs side by side overwrite each other's: it is a guess.
    fn learn(&self, operations: u64, took: Duration) {
        let nanos = took.as_nanos().max(1);
        let speed = u128::from(operations).saturating_mul(1_000_000_000) / nanos;
        // Not ten times as much at once: one part may have been lucky.
        let speed = u64::try_from(speed).unwrap_or(u64::MAX).min(self.get().saturating_mul(10));
        self.0.store(speed.max(1), Ordering::Relaxed);
    }
}

/// The parts of one job: ranges of blocks, in the direction in which it is cut.
#[derive(Debug)]
pub(crate) struct Parts<'a> {
    speed: &'a Speed,
    operations: u64,
    /// Not cut where that can be.
    whole: bool,
    /// Blocks in that direction.
    all: u32,
    /// Most of them in one part.
    most: u32,
    done: u32,
}

impl<'a> Parts<'a> {
    /// `vadd` is cut along its blocks, `matmul` along its rows of blocks.
    pub fn of(work: &Work<'_>, most: u32, speed: &'a Speed) -> Self {
        let Work { kernel, shape, whole, .. } = *work;
        let [x, y, _] = shape.grid();
        let all = match kernel {
            Kernel::Vadd { .. } => x,
            Kernel::Matmul { .. } => y,
        };
        Self { speed, operations: kernel.operations(), whole, all, most: most.max(1), done: 0 }
    }

    /// The first block of the next part, and how many it has; `None` when all is done.
    pub fn next(&self) -> Option<(u32, u32)> {
        let left = self.all.checked_sub(self.done).filter(|left| *left > 0)?;
        if self.whole {
            return Some((self.done, self.most.min(left)));
        }
        let wanted = u128::from(self.speed.get()).saturating_mul(PART.as_millis()) / 1000;
        let blocks = wanted.saturating_mul(self.all.into()) / u128::from(self.operations.max(1));
        let blocks = u32::try_from(blocks).unwrap_or(u32::MAX).clamp(1, self.most);
        Some((self.done, blocks.min(left)))
    }

    /// Notes that the next `blocks` took so long.
    pub fn took(&mut self, blocks: u32, time: Duration) {
        self.done = self.done.saturating_add(blocks);
        let part = u128::from(self.operations).saturating_mul(blocks.into());
        let part = part / u128::from(self.all.max(1));
        self.speed.learn(u64::try_from(part).unwrap_or(u64::MAX), time);
    }

    /// Blocks that are done, and all.
    pub fn progress(&self) -> (u64, u64) {
        (self.done.into(), self.all.into())
    }
}

#[cfg(test)]
mod tests {
    use gpu::Shape;

    use super::*;

    #[test]
    fn parts_cover_a_job_once_and_grow_to_their_time() {
        let kernel = Kernel::Matmul { m: 1000, n: 1000, k: 1000 };
        let shape = Shape::of(kernel, [10, 10, 1]).expect("a shape");
        let speed = Speed::guess(1_000_000_000);
        let work = Work { kernel, shape, source: "", inputs: [&[], &[]], whole: false };
        let mut parts = Parts::of(&work, 1000, &speed);
        let mut sizes = Vec::new();
        let mut next = 0;
        while let Some((first, blocks)) = parts.next() {
            assert_eq!(first, next);
            next += blocks;
            sizes.push(blocks);
            // 2e7 operations a row of blocks, at 4e9 a second.
            parts.took(blocks, Duration::from_millis(5) * blocks);
        }
        assert_eq!((next, parts.progress()), (100, (100, 100)));
        // 50 ms of the guess, then of what it does.
        assert_eq!(sizes[..2], [2, 10]);
        // What was learned stays; a bound is kept to.
        assert_eq!(Parts::of(&work, 1000, &speed).next(), Some((0, 10)));
        assert_eq!(Parts::of(&work, 3, &speed).next(), Some((0, 3)));
        // Only the device's own bound cuts what is to be whole.
        let work = Work { whole: true, ..work };
        assert_eq!(Parts::of(&work, 1000, &speed).next(), Some((0, 100)));
        assert_eq!(Parts::of(&work, 3, &speed).next(), Some((0, 3)));
    }
}
