//! When the clock ticks.

/// The ticks of a fixed period, counted from a start: tick N is due at start + N * period, so
/// lateness does not add up.
#[derive(Debug, Clone, Copy)]
pub struct Schedule {
    start: u64,
    period: u64,
    done: u64,
}

/// Ticks that have become due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    /// Number of the latest tick.
    pub tick: u64,
    /// Ticks before it that nobody asked for in time.
    pub missed: u64,
}

impl Schedule {
    /// Ticks every `period` nanoseconds (at least one) from `start` on.
    #[must_use]
    pub fn new(start: u64, period: u64) -> Self {
        Self { start, period: period.max(1), done: 0 }
    }

    /// When the next tick is due.
    #[must_use]
    pub fn next(&self) -> u64 {
        self.start.saturating_add(self.period.saturating_mul(self.done + 1))
    }

    /// What is due at `now`; each tick is reported once.
    pub fn due(&mut self, now: u64) -> Option<Due> {
        let tick = now.checked_sub(self.start)? / self.period;
        if tick <= self.done {
            return None;
        }
        let missed = tick - self.done - 1;
        self.done = tick;
        Some(Due { tick, missed })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tick_is_due_once_at_its_own_time() {
        let mut schedule = Schedule::new(1000, 10);
        assert_eq!(schedule.due(999), None);
        assert_eq!((schedule.due(1009), schedule.next()), (None, 1010));
        assert_eq!(schedule.due(1010), Some(Due { tick: 1, missed: 0 }));
        assert_eq!((schedule.due(1019), schedule.next()), (None, 1020));
        // Three milliseconds late: the next one is not late by that.
        assert_eq!(schedule.due(1023), Some(Due { tick: 2, missed: 0 }));
        assert_eq!(schedule.next(), 1030);
    }

    #[test]
    fn ticks_that_were_slept_through_are_counted() {
        let mut schedule = Schedule::new(0, 10);
        assert_eq!(schedule.due(57), Some(Due { tick: 5, missed: 4 }));
        assert_eq!(schedule.due(u64::MAX).map(|due| due.missed), Some(u64::MAX / 10 - 6));
    }
}
