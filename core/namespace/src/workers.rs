//! The workers that live: one place for each, found by its number at once.

use core::borrow::BorrowMut;
use core::fmt;
use core::time::Duration;

use secure9p_core::ConnectionId;

use crate::host::{Budget, Spawn, WorkerKind};
use crate::window::Window;

/// Most workers at the same time.
pub const MAX_WORKERS: usize = 240;
/// Bytes of each worker's telemetry that are kept.
pub const TELEMETRY_BYTES: usize = 4 << 10;

/// Marks the connections of workers; those of the host are numbered below.
const OWN: u32 = 1 << 31;

/// A worker: where it is, and its number, which no worker of this boot had before. Its name is
/// `worker-<number>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerId {
    /// Its place, below [`MAX_WORKERS`].
    pub place: u8,
    /// Its number, from 1 on.
    pub number: u32,
}

impl WorkerId {
    /// The connection that this worker and nobody else speaks over. Those of the host have numbers
    /// below 2^31, so none is like it.
    #[must_use]
    pub const fn connection(self) -> ConnectionId {
        ConnectionId(OWN | self.number << 8 | self.place as u32)
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "worker-{}", self.number)
    }
}

/// Room for one worker. Whoever makes a tree gives it as many as there may be workers.
#[derive(Debug)]
pub struct Place {
    telemetry: Window<TELEMETRY_BYTES>,
    spawn: Spawn,
    started: Duration,
    ticks: u64,
    ops: u64,
}

impl Place {
    /// An empty place.
    #[must_use]
    pub const fn new() -> Self {
        let budget = Budget { ticks: 0, ops: 0, ttl_s: 0 };
        Self {
            telemetry: Window::new(),
            spawn: Spawn { kind: WorkerKind::Heartbeat, period_ms: 0, budget },
            started: Duration::ZERO,
            ticks: 0,
            ops: 0,
        }
    }

    /// What it has said.
    pub const fn telemetry(&self) -> &Window<TELEMETRY_BYTES> {
        &self.telemetry
    }

    /// The same, to append to.
    pub const fn telemetry_mut(&mut self) -> &mut Window<TELEMETRY_BYTES> {
        &mut self.telemetry
    }

    /// What kind of worker it is.
    pub const fn kind(&self) -> WorkerKind {
        self.spawn.kind
    }

    /// Appends that it has left.
    pub const fn ticks_left(&self) -> u64 {
        self.ticks
    }

    /// Takes one append of its budget, where there is one.
    pub fn spend_tick(&mut self) -> bool {
        spend(&mut self.ticks)
    }

    /// Takes one frame of its budget, where there is one.
    pub fn spend_op(&mut self) -> bool {
        spend(&mut self.ops)
    }

    /// Writes how it is and what it may still spend. Numbers that go down are followed by blanks
    /// up to a fixed width: what is read in pieces must not tear.
    fn write(&self, worker: WorkerId, now: Duration, text: &mut dyn fmt::Write) -> fmt::Result {
        let Self { spawn: Spawn { kind, period_ms, budget }, ticks, ops, .. } = self;
        let end = self.started.saturating_add(Duration::from_secs(budget.ttl_s.into()));
        let ttl = end.saturating_sub(now).as_secs();
        writeln!(
            text,
            "{worker} kind={} period_ms={period_ms} ticks_left={ticks:<10} ops_left={ops:<10} \
             ttl_left_s={ttl:<8}",
            kind.name()
        )
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

fn spend(left: &mut u64) -> bool {
    let some = *left > 0;
    *left = left.saturating_sub(1);
    some
}

/// Who lives, and where.
#[derive(Debug)]
pub struct Living {
    /// Who is in each place; 0 for nobody. Apart from the places, so that it is looked through
    /// at once.
    numbers: [u32; MAX_WORKERS],
    /// Changes as workers come and go.
    version: u32,
}

impl Living {
    /// Changes as workers come and go.
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Whether the worker lives.
    pub fn is_live(&self, worker: WorkerId) -> bool {
        worker.number != 0 && self.numbers.get(usize::from(worker.place)) == Some(&worker.number)
    }

    /// The worker with this number.
    pub fn find(&self, number: u32) -> Option<WorkerId> {
        let place = self.numbers.iter().position(|other| *other == number && number != 0)?;
        Some(WorkerId { place: place as u8, number })
    }

    /// The worker of this name.
    pub fn named(&self, name: &[u8]) -> Option<WorkerId> {
        self.find(control::WorkerId::of(str::from_utf8(name).ok()?)?.0)
    }

    /// The worker that speaks over this connection.
    pub fn at(&self, connection: ConnectionId) -> Option<WorkerId> {
        if !is_own(connection) {
            return None;
        }
        let number = *self.numbers.get(place_of(connection))?;
        let worker = WorkerId { place: place_of(connection) as u8, number };
        (number != 0 && worker.connection() == connection).then_some(worker)
    }

    /// The first worker in this place or a later one.
    pub fn next_from(&self, place: usize) -> Option<WorkerId> {
        let rest = self.numbers.get(place..)?;
        let found = rest.iter().position(|number| *number != 0)?;
        let (place, number) = ((place + found) as u8, *rest.get(found)?);
        Some(WorkerId { place, number })
    }
}

/// Whether this is some worker's connection, living or not.
pub const fn is_own(connection: ConnectionId) -> bool {
    connection.0 & OWN != 0
}

/// The place of the worker whose connection this is.
pub const fn place_of(connection: ConnectionId) -> usize {
    (connection.0 & 0xff) as usize
}

/// Every worker that lives.
#[derive(Debug)]
pub struct Workers<P> {
    places: P,
    living: Living,
}

impl<P> Workers<P> {
    pub const fn new(places: P) -> Self {
        Self { places, living: Living { numbers: [0; MAX_WORKERS], version: 0 } }
    }

    /// Who lives.
    pub const fn living(&self) -> &Living {
        &self.living
    }
}

impl<P: BorrowMut<[Place]>> Workers<P> {
    /// Takes a worker in that was just started. `false` where there is no such place, or it is
    /// taken.
    pub fn add(&mut self, worker: WorkerId, spawn: &Spawn, now: Duration) -> bool {
        let index = usize::from(worker.place);
        let Self { places, living } = self;
        let (Some(number), Some(place)) =
            (living.numbers.get_mut(index), places.borrow_mut().get_mut(index))
        else {
            return false;
        };
        if *number != 0 || worker.number == 0 {
            return false;
        }
        *number = worker.number;
        place.telemetry.clear();
        (place.spawn, place.started) = (*spawn, now);
        (place.ticks, place.ops) = (spawn.budget.ticks, spawn.budget.ops);
        living.version = living.version.wrapping_add(1);
        true
    }

    /// The worker is gone. `false` where it was already.
    pub fn remove(&mut self, worker: WorkerId) -> bool {
        if !self.living.is_live(worker) {
            return false;
        }
        if let Some(number) = self.living.numbers.get_mut(usize::from(worker.place)) {
            *number = 0;
        }
        self.living.version = self.living.version.wrapping_add(1);
        true
    }

    /// The place of a worker that lives.
    pub fn place(&self, worker: WorkerId) -> Option<&Place> {
        let place = self.places.borrow().get(usize::from(worker.place));
        place.filter(|_| self.living.is_live(worker))
    }

    /// The same, to change it.
    pub fn place_mut(&mut self, worker: WorkerId) -> Option<&mut Place> {
        let place = self.places.borrow_mut().get_mut(usize::from(worker.place));
        place.filter(|_| self.living.is_live(worker))
    }

    /// Writes a line for each.
    pub fn write(&self, now: Duration, text: &mut dyn fmt::Write) -> fmt::Result {
        let mut next = 0;
        while let Some(worker) = self.living.next_from(next) {
            if let Some(place) = self.place(worker) {
                place.write(worker, now, text)?;
            }
            next = usize::from(worker.place) + 1;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    const SPAWN: Spawn = Spawn {
        kind: WorkerKind::Heartbeat,
        period_ms: 5,
        budget: Budget { ticks: 1, ops: 2, ttl_s: 3 },
    };

    fn workers(places: usize) -> Workers<Vec<Place>> {
        Workers::new(core::iter::repeat_with(Place::new).take(places).collect())
    }

    #[test]
    fn a_worker_is_found_as_long_as_it_lives_and_never_for_another() {
        let mut workers = workers(2);
        let worker = |place, number| WorkerId { place, number };
        assert!(workers.add(worker(1, 7), &SPAWN, Duration::ZERO));
        for taken in [worker(1, 8), worker(2, 8), worker(255, 8), worker(0, 0)] {
            assert!(!workers.add(taken, &SPAWN, Duration::ZERO), "{taken:?}");
        }
        assert_eq!(workers.living().find(7), Some(worker(1, 7)));
        assert_eq!(workers.living().find(0), None);
        assert_eq!(workers.living().at(worker(1, 7).connection()), Some(worker(1, 7)));
        assert_eq!(workers.living().at(worker(0, 7).connection()), None);
        assert_eq!(workers.living().at(ConnectionId(7)), None);
        workers
            .place_mut(worker(1, 7))
            .expect("it lives")
            .telemetry_mut()
            .append(b"x")
            .expect("room");
        assert!(workers.remove(worker(1, 7)));
        assert!(!workers.remove(worker(1, 7)));
        assert!(workers.add(worker(1, 9), &SPAWN, Duration::ZERO));
        assert!(workers.place(worker(1, 7)).is_none());
        assert_eq!(workers.living().at(worker(1, 7).connection()), None);
        let place = workers.place(worker(1, 9)).expect("it lives");
        assert!(place.telemetry().is_empty(), "nothing of who was there before is left");
    }

    #[test]
    fn a_budget_is_spent_and_not_more() {
        let mut workers = workers(1);
        let worker = WorkerId { place: 0, number: 1 };
        assert!(workers.add(worker, &SPAWN, Duration::ZERO));
        let place = workers.place_mut(worker).expect("it lives");
        assert_eq!(
            [place.spend_tick(), place.spend_tick(), place.spend_tick()],
            [true, false, false]
        );
        assert_eq!([place.spend_op(), place.spend_op(), place.spend_op()], [true, true, false]);
    }

    #[test]
    fn a_look_at_the_places_finds_each_once() {
        let mut workers = workers(9);
        for (place, number) in [(3, 1), (0, 2), (8, 3)] {
            assert!(workers.add(WorkerId { place, number }, &SPAWN, Duration::ZERO));
        }
        let mut found = Vec::new();
        let mut next = 0;
        while let Some(worker) = workers.living().next_from(next) {
            found.push((worker.place, worker.number));
            next = usize::from(worker.place) + 1;
        }
        assert_eq!(found, [(0, 2), (3, 1), (8, 3)]);
        assert_eq!(workers.living().next_from(MAX_WORKERS), None);
    }
}
