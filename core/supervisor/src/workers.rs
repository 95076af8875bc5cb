//! Workers: who is in which place, when it ticks, when its time is over.
//!
//! A place is reserved before anything of a worker is made, and given back where that fails. A
//! worker that ends by itself keeps its place until the server has heard of it
//! ([`Workers::take_ended`]): so nobody takes the one for the other. Each step costs the same
//! however many workers there are, but for the logarithm of their number in [`Queue`].

use heapless::{Deque, Vec};
use manifest::workers::{Budget, Kind, MAX_KINDS, MAX_WORKERS, Worker};

use crate::queue::Queue;
use crate::{MILLISECOND, SECOND};

/// Faults within [`CRASH_WINDOW`] after which nothing is spawned for a while.
pub const MOST_CRASHES: u32 = 8;
/// How long crashes are counted, and how long spawning then rests, in nanoseconds.
pub const CRASH_WINDOW: u64 = 10 * SECOND;

/// Where a worker is: its index among all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place(pub u8);

/// What a spawn asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Request {
    /// What for.
    pub kind: Kind,
    /// Period of its tick, in milliseconds.
    pub period_ms: u32,
    /// How much it may use.
    pub budget: Budget,
}

/// Why a spawn is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpawnRefusal {
    /// The system has no such workers, or not with such a period or budget.
    Invalid,
    /// No place is free.
    Full,
    /// Too many workers crashed in a short time.
    Crashing,
}

/// Why a worker ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its time to live is over.
    Ttl,
    /// It has had all its ticks.
    Ticks,
    /// It did something forbidden. The words are the owner's, who knows the machine.
    Fault([u64; 3]),
    /// It ended with this code.
    Exit(u64),
}

/// A worker that ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Where it was.
    pub place: Place,
    /// Its number.
    pub number: u32,
    /// Why.
    pub cause: Cause,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerDue {
    /// The worker in this place is to be told that its tick has come.
    Tick(Place),
    /// Its time is over.
    Over(Place, Cause),
}

#[derive(Debug, Clone, Copy)]
struct Running {
    number: u32,
    start: u64,
    period: u64,
    deadline: u64,
    ticks: u64,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Free,
    Reserved,
    Running(Running),
    Ended,
}

/// Every worker of a system.
#[derive(Debug)]
pub struct Workers {
    kinds: Vec<Worker, MAX_KINDS>,
    /// Free places of each kind, the next one last.
    free: Vec<Vec<u8, MAX_WORKERS>, MAX_KINDS>,
    places: [State; MAX_WORKERS],
    queue: Queue,
    ended: Deque<Ended, MAX_WORKERS>,
    last_number: u32,
    running: usize,
    crashes: u32,
    crashes_since: u64,
}

impl Workers {
    /// The places of `kinds`, all free.
    #[must_use]
    pub fn new(kinds: &Vec<Worker, MAX_KINDS>) -> Self {
        let mut next: u8 = 0;
        let places = kinds.iter().map(|kind| {
            let first = next;
            next = next.saturating_add(kind.places);
            (first..next).rev().collect()
        });
        Self {
            free: places.collect(),
            kinds: kinds.clone(),
            places: [State::Free; MAX_WORKERS],
            queue: Queue::new(),
            ended: Deque::new(),
            last_number: 0,
            running: 0,
            crashes: 0,
            crashes_since: 0,
        }
    }

    /// The manifest's word on a kind.
    #[must_use]
    pub fn kind(&self, kind: Kind) -> Option<&Worker> {
        self.kinds.iter().find(|worker| worker.kind == kind)
    }

    /// Reserves a place for what is asked, or changes nothing.
    pub fn reserve(&mut self, request: &Request, now: u64) -> Result<Place, SpawnRefusal> {
        let index = self.kinds.iter().position(|worker| worker.kind == request.kind);
        let index = index.ok_or(SpawnRefusal::Invalid)?;
        let kind = &self.kinds[index];
        if !kind.period_ms.allows(request.period_ms) || !request.budget.is_within(&kind.most) {
            return Err(SpawnRefusal::Invalid);
        }
        if self.crashes >= MOST_CRASHES && now < self.crashes_since.saturating_add(CRASH_WINDOW) {
            return Err(SpawnRefusal::Crashing);
        }
        let place = self.free[index].pop().ok_or(SpawnRefusal::Full)?;
        self.places[usize::from(place)] = State::Reserved;
        Ok(Place(place))
    }

    /// Gives a reserved place back, or that of a worker that was killed or that the server has
    /// heard of.
    pub fn release(&mut self, place: Place) {
        let Some(state) = self.places.get_mut(usize::from(place.0)) else { return };
        if matches!(state, State::Free) {
            return;
        }
        if matches!(state, State::Running(_)) {
            self.running -= 1;
        }
        *state = State::Free;
        self.queue.remove(place.0);
        let mut end = 0;
        for (kind, free) in self.kinds.iter().zip(&mut self.free) {
            end += usize::from(kind.places);
            if usize::from(place.0) < end {
                // As many places as there are.
                let _ = free.push(place.0);
                return;
            }
        }
    }

    /// The number of the next worker.
    #[must_use]
    pub fn next_number(&self) -> u32 {
        self.last_number.wrapping_add(1)
    }

    /// Notes that the worker in a reserved place runs from `now` on. Its number is
    /// [`Workers::next_number`].
    pub fn started(&mut self, place: Place, request: &Request, now: u64) {
        let Some(state) = self.places.get_mut(usize::from(place.0)) else { return };
        self.last_number = self.last_number.wrapping_add(1);
        self.running += 1;
        let running = Running {
            number: self.last_number,
            start: now,
            period: u64::from(request.period_ms).max(1) * MILLISECOND,
            deadline: now.saturating_add(request.budget.ttl_s.saturating_mul(SECOND)),
            ticks: request.budget.ticks,
        };
        *state = State::Running(running);
        self.queue.set(place.0, running.next_after(now));
    }

    /// The number of the worker that runs in a place.
    #[must_use]
    pub fn number(&self, place: Place) -> Option<u32> {
        match self.places.get(usize::from(place.0))? {
            State::Running(running) => Some(running.number),
            _ => None,
        }
    }

    /// Notes that the worker in this place has ended by itself. Its place stays taken until the
    /// server has heard of it.
    pub fn ended(&mut self, place: Place, cause: Cause, now: u64) {
        let Some(number) = self.number(place) else { return };
        self.places[usize::from(place.0)] = State::Ended;
        self.running -= 1;
        self.queue.remove(place.0);
        // As many places as workers.
        let _ = self.ended.push_back(Ended { place, number, cause });
        if matches!(cause, Cause::Fault(_)) {
            self.count_crash(now);
        }
    }

    fn count_crash(&mut self, now: u64) {
        if now >= self.crashes_since.saturating_add(CRASH_WINDOW) {
            self.crashes = 0;
        }
        self.crashes += 1;
        // The rest is counted from the crash that was one too many.
        if self.crashes == 1 || self.crashes == MOST_CRASHES {
            self.crashes_since = now;
        }
    }

    /// The next worker that ended by itself and that the server has not heard of. Its place is
    /// free then.
    pub fn take_ended(&mut self) -> Option<Ended> {
        let ended = self.ended.pop_front()?;
        self.release(ended.place);
        Some(ended)
    }

    /// What is due at `now`, one at a time. A tick that nobody asked for in time is not repeated.
    pub fn due(&mut self, now: u64) -> Option<WorkerDue> {
        let (time, member) = self.queue.first()?;
        let State::Running(running) = self.places[usize::from(member)] else { return None };
        if time > now {
            return None;
        }
        let place = Place(member);
        if running.deadline <= now {
            return Some(WorkerDue::Over(place, Cause::Ttl));
        }
        // The last tick can be used, so it is over at the next. Who appends faster the server ends.
        if (now - running.start) / running.period > running.ticks {
            return Some(WorkerDue::Over(place, Cause::Ticks));
        }
        self.queue.set(member, running.next_after(now));
        Some(WorkerDue::Tick(place))
    }

    /// When something is due next; the end of time where nothing is.
    #[must_use]
    pub fn next_due(&self) -> u64 {
        self.queue.first().map_or(u64::MAX, |(time, _)| time)
    }

    /// Workers that run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.running
    }

    /// Places of all kinds.
    #[must_use]
    pub fn places(&self) -> usize {
        self.kinds.iter().map(|kind| usize::from(kind.places)).sum()
    }
}

impl Running {
    /// When to look at it next after `now`: at its next tick, or at its end.
    fn next_after(&self, now: u64) -> u64 {
        let tick = (now - self.start) / self.period + 1;
        self.start.saturating_add(tick.saturating_mul(self.period)).min(self.deadline)
    }
}

#[cfg(test)]
mod tests;
