//! Which component runs, and what it may do.

use heapless::Vec;
use manifest::{Capabilities, Component, Limits, MAX_COMPONENTS};

use crate::{MILLISECOND, SECOND};

/// Why a request of a component is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// The message is from a process that no longer runs.
    Stale,
    /// The manifest does not grant it.
    Permission,
    /// Over a limit.
    Busy,
}

#[derive(Debug, Clone, Copy)]
struct Running {
    /// When its time to live ends; the end of time where it has none.
    deadline: u64,
    /// The second in which its log lines are being counted.
    log_second: u64,
    log_lines: u16,
    /// Log lines that were refused since one was last printed.
    suppressed: u32,
}

#[derive(Debug)]
struct Entry {
    capabilities: Capabilities,
    limits: Limits,
    /// Of the process that runs, or ran last.
    generation: u32,
    running: Option<Running>,
}

/// The components of a system, by index.
#[derive(Debug)]
pub struct Supervisor {
    entries: Vec<Entry, MAX_COMPONENTS>,
}

impl Supervisor {
    /// All components, none running.
    #[must_use]
    pub fn new(components: &[Component]) -> Self {
        let entries = components.iter().map(|component| Entry {
            capabilities: component.capabilities,
            limits: component.limits,
            generation: 0,
            running: None,
        });
        Self { entries: entries.take(MAX_COMPONENTS).collect() }
    }

    /// Notes that the component runs as the process `generation` from `now` on.
    pub fn started(&mut self, index: usize, generation: u32, now: u64) {
        if let Some(entry) = self.entries.get_mut(index) {
            let ttl = u64::from(entry.limits.ttl_ms) * MILLISECOND;
            let deadline = if ttl == 0 { u64::MAX } else { now.saturating_add(ttl) };
            entry.generation = generation;
            entry.running =
                Some(Running { deadline, log_second: now / SECOND, log_lines: 0, suppressed: 0 });
        }
    }

    /// Notes that the component's process is gone.
    pub fn ended(&mut self, index: usize) {
        if let Some(entry) = self.entries.get_mut(index) {
            entry.running = None;
        }
    }

    /// Whether a message of the process `generation` of the component is from one that runs.
    #[must_use]
    pub fn is_current(&self, index: usize, generation: u32) -> bool {
        self.entries
            .get(index)
            .is_some_and(|entry| entry.running.is_some() && entry.generation == generation)
    }

    /// Checks that the process may use `capability`.
    pub fn allow(
        &self,
        index: usize,
        generation: u32,
        capability: Capabilities,
    ) -> Result<(), Refusal> {
        if !self.is_current(index, generation) {
            return Err(Refusal::Stale);
        }
        let granted = self.entries.get(index).is_some_and(|e| e.capabilities.contains(capability));
        if granted { Ok(()) } else { Err(Refusal::Permission) }
    }

    /// Takes one log line off the component's allowance for this second. Returns how many lines
    /// were refused since the last one that was not.
    pub fn take_log_line(&mut self, index: usize, now: u64) -> Result<u32, Refusal> {
        let entry = self.entries.get_mut(index).ok_or(Refusal::Stale)?;
        let limit = entry.limits.log_lines_per_s;
        let running = entry.running.as_mut().ok_or(Refusal::Stale)?;
        let second = now / SECOND;
        if running.log_second != second {
            running.log_second = second;
            running.log_lines = 0;
        }
        if running.log_lines >= limit {
            running.suppressed = running.suppressed.saturating_add(1);
            return Err(Refusal::Busy);
        }
        running.log_lines += 1;
        Ok(core::mem::take(&mut running.suppressed))
    }

    /// A component whose time to live is over at `now`.
    #[must_use]
    pub fn expired(&self, now: u64) -> Option<usize> {
        self.entries.iter().position(|e| e.running.is_some_and(|r| r.deadline <= now))
    }

    /// When the component's time to live ends, if it runs and has one.
    #[must_use]
    pub fn deadline(&self, index: usize) -> Option<u64> {
        let running = self.entries.get(index)?.running?;
        Some(running.deadline).filter(|deadline| *deadline != u64::MAX)
    }

    /// When the next time to live ends; the end of time where none does.
    #[must_use]
    pub fn next_deadline(&self) -> u64 {
        let running = self.entries.iter().filter_map(|entry| entry.running);
        running.map(|running| running.deadline).min().unwrap_or(u64::MAX)
    }

    /// Number of components that run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.entries.iter().filter(|entry| entry.running.is_some()).count()
    }
}

#[cfg(test)]
mod tests {
    use heapless::String;
    use manifest::Start;

    use super::*;

    fn component(ttl_ms: u32, capabilities: Capabilities) -> Component {
        Component {
            name: String::new(),
            image: String::new(),
            priority: 100,
            stack: 4096,
            memory: 65536,
            argument: 0,
            start: Start::Boot,
            calls: Vec::new(),
            capabilities,
            device: None,
            ticket: None,
            limits: Limits { ttl_ms, log_lines_per_s: 2 },
        }
    }

    fn supervisor() -> Supervisor {
        let log = Capabilities::LOG;
        Supervisor::new(&[component(0, log), component(50, log | Capabilities::EXIT)])
    }

    #[test]
    fn only_the_running_generation_is_heard() {
        let mut supervisor = supervisor();
        assert_eq!(supervisor.allow(0, 0, Capabilities::LOG), Err(Refusal::Stale));
        supervisor.started(0, 7, 0);
        assert_eq!(supervisor.allow(0, 7, Capabilities::LOG), Ok(()));
        assert_eq!(supervisor.allow(0, 6, Capabilities::LOG), Err(Refusal::Stale));
        assert_eq!(supervisor.allow(0, 7, Capabilities::EXIT), Err(Refusal::Permission));
        assert_eq!(supervisor.allow(9, 7, Capabilities::LOG), Err(Refusal::Stale));
        supervisor.ended(0);
        assert_eq!(supervisor.allow(0, 7, Capabilities::LOG), Err(Refusal::Stale));
    }

    #[test]
    fn a_time_to_live_ends_only_who_has_one() {
        let mut supervisor = supervisor();
        assert_eq!(supervisor.next_deadline(), u64::MAX);
        supervisor.started(0, 1, 5);
        supervisor.started(1, 1, 5);
        let deadline = 5 + 50 * MILLISECOND;
        assert_eq!(supervisor.next_deadline(), deadline);
        assert_eq!((supervisor.deadline(0), supervisor.deadline(1)), (None, Some(deadline)));
        assert_eq!(supervisor.expired(deadline - 1), None);
        assert_eq!(supervisor.expired(deadline), Some(1));
        supervisor.ended(1);
        assert_eq!((supervisor.expired(u64::MAX - 1), supervisor.running()), (None, 1));
    }

    #[test]
    fn log_lines_over_the_limit_are_counted_until_the_next_second() {
        let mut supervisor = supervisor();
        supervisor.started(0, 1, 0);
        assert_eq!(supervisor.take_log_line(0, 1), Ok(0));
        assert_eq!(supervisor.take_log_line(0, 2), Ok(0));
        for _ in 0..3 {
            assert_eq!(supervisor.take_log_line(0, 3), Err(Refusal::Busy));
        }
        assert_eq!(supervisor.take_log_line(0, SECOND), Ok(3));
        assert_eq!(supervisor.take_log_line(0, SECOND), Ok(0));
        assert_eq!(supervisor.take_log_line(1, SECOND), Err(Refusal::Stale));
    }
}
