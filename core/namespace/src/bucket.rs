//! What anybody can cause again and again, held to a rate.

use core::time::Duration;

/// What may come at once.
const BURST: u64 = 32;
/// How often another may come, once these are used up: so they alone do not fill the log within
/// minutes.
const REFILL: Duration = Duration::from_millis(500);

/// How often what anybody can cause may still happen: a token bucket.
#[derive(Debug)]
pub(crate) struct Bucket {
    left: u64,
    /// When the last was added to those left.
    filled: Duration,
    passed_over: u64,
}

impl Bucket {
    pub(crate) const fn new() -> Self {
        Self { left: BURST, filled: Duration::ZERO, passed_over: 0 }
    }

    /// Whether it may happen once more at `now`, and how often it did not since it last did.
    pub(crate) fn take(&mut self, now: Duration) -> Option<u64> {
        let more = now.saturating_sub(self.filled).as_nanos() / REFILL.as_nanos();
        if more > 0 {
            self.left = self.left.saturating_add(u64::try_from(more).unwrap_or(BURST)).min(BURST);
            self.filled = now;
        }
        let Some(left) = self.left.checked_sub(1) else {
            self.passed_over = self.passed_over.saturating_add(1);
            return None;
        };
        self.left = left;
        Some(core::mem::take(&mut self.passed_over))
    }
}
