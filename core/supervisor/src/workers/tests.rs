use heapless::String;
use manifest::workers::Period;

use super::*;

const HEARTBEAT: Request = Request {
    kind: Kind::Heartbeat,
    period_ms: 100,
    budget: Budget { ticks: 5, ops: 100, ttl_s: 2 },
};

fn kind(kind: Kind, places: u8) -> Worker {
    Worker {
        kind,
        image: String::new(),
        priority: 100,
        stack: 4096,
        memory: 65536,
        argument: 0,
        places,
        period_ms: Period { default: 1000, least: 10, most: 1000 },
        budget: HEARTBEAT.budget,
        most: Budget { ticks: 10, ops: 1000, ttl_s: 3600 },
    }
}

fn workers() -> Workers {
    Workers::new(&[kind(Kind::Heartbeat, 3), kind(Kind::Gpu, 1)].into_iter().collect())
}

fn spawn(workers: &mut Workers, now: u64) -> Place {
    let place = workers.reserve(&HEARTBEAT, now).expect("a free place");
    workers.started(place, &HEARTBEAT, now);
    place
}

#[test]
fn ticks_come_at_their_times_and_the_deadline_ends_it() {
    let mut workers = workers();
    let request =
        Request { budget: Budget { ticks: 10, ttl_s: 1, ..HEARTBEAT.budget }, ..HEARTBEAT };
    let place = workers.reserve(&request, 7).expect("a free place");
    workers.started(place, &request, 7);
    for tick in 1..10 {
        let due = 7 + tick * 100 * MILLISECOND;
        assert_eq!((workers.due(due - 1), workers.next_due()), (None, due));
        assert_eq!(workers.due(due), Some(WorkerDue::Tick(place)));
        assert_eq!(workers.due(due), None);
    }
    let end = 7 + SECOND;
    assert_eq!(workers.due(end), Some(WorkerDue::Over(place, Cause::Ttl)));
    workers.ended(place, Cause::Ttl, end);
    assert_eq!((workers.next_due(), workers.running()), (u64::MAX, 0));
}

#[test]
fn ticks_that_were_slept_through_come_once() {
    let mut workers = workers();
    let place = spawn(&mut workers, 0);
    assert_eq!(workers.due(350 * MILLISECOND), Some(WorkerDue::Tick(place)));
    assert_eq!(workers.due(350 * MILLISECOND), None);
    assert_eq!(workers.next_due(), 400 * MILLISECOND);
}

#[test]
fn a_worker_that_does_not_tick_ends_after_its_last_tick() {
    let mut workers = workers();
    let place = spawn(&mut workers, 0);
    assert_eq!(workers.due(599 * MILLISECOND), Some(WorkerDue::Tick(place)));
    assert_eq!(workers.due(600 * MILLISECOND), Some(WorkerDue::Over(place, Cause::Ticks)));
}

#[test]
fn a_full_house_refuses_and_is_unchanged() {
    let mut workers = workers();
    let places: std::vec::Vec<_> = (0..3).map(|_| spawn(&mut workers, 0)).collect();
    assert_eq!(places, [Place(0), Place(1), Place(2)]);
    assert_eq!(workers.reserve(&HEARTBEAT, 0), Err(SpawnRefusal::Full));
    // Places of another kind are not taken.
    let gpu = Request { kind: Kind::Gpu, ..HEARTBEAT };
    assert_eq!(workers.reserve(&gpu, 0), Ok(Place(3)));
    assert_eq!(workers.reserve(&gpu, 0), Err(SpawnRefusal::Full));
    workers.release(Place(1));
    assert_eq!((spawn(&mut workers, 0), workers.number(Place(1))), (Place(1), Some(4)));
}

#[test]
fn what_the_manifest_does_not_allow_is_refused() {
    let mut workers = workers();
    let with = |budget| Request { budget, ..HEARTBEAT };
    let most = workers.kind(Kind::Heartbeat).expect("known").most;
    for request in [
        Request { period_ms: 9, ..HEARTBEAT },
        Request { period_ms: 1001, ..HEARTBEAT },
        with(Budget { ticks: most.ticks + 1, ..most }),
        with(Budget { ops: 0, ..most }),
        with(Budget { ttl_s: most.ttl_s + 1, ..most }),
    ] {
        assert_eq!(workers.reserve(&request, 0), Err(SpawnRefusal::Invalid), "{request:?}");
    }
    assert_eq!(workers.reserve(&with(most), 0), Ok(Place(0)));
    let mut none = Workers::new(&Vec::new());
    assert_eq!(none.reserve(&HEARTBEAT, 0), Err(SpawnRefusal::Invalid));
}

#[test]
fn a_place_stays_taken_until_the_end_was_heard_of() {
    let mut workers = workers();
    let places: std::vec::Vec<_> = (0..3).map(|_| spawn(&mut workers, 0)).collect();
    workers.ended(places[1], Cause::Exit(7), 0);
    workers.ended(places[1], Cause::Ttl, 0);
    assert_eq!(workers.reserve(&HEARTBEAT, 0), Err(SpawnRefusal::Full));
    let ended = Ended { place: places[1], number: 2, cause: Cause::Exit(7) };
    assert_eq!((workers.take_ended(), workers.take_ended()), (Some(ended), None));
    assert_eq!(workers.reserve(&HEARTBEAT, 0), Ok(places[1]));
    assert_eq!(workers.running(), 2);
}

#[test]
fn crashes_in_a_row_let_spawning_rest() {
    let mut workers = workers();
    let mut crash = |now| {
        let place = spawn(&mut workers, now);
        workers.ended(place, Cause::Fault([0; 3]), now);
        assert!(workers.take_ended().is_some());
    };
    let last = u64::from(MOST_CRASHES - 1) * SECOND / 2;
    (0..u64::from(MOST_CRASHES)).for_each(|number| crash(number * SECOND / 2));
    let rest = last + CRASH_WINDOW;
    assert_eq!(workers.reserve(&HEARTBEAT, rest - 1), Err(SpawnRefusal::Crashing));
    let mut crash = |now| {
        let place = spawn(&mut workers, now);
        workers.ended(place, Cause::Fault([0; 3]), now);
        assert!(workers.take_ended().is_some());
    };
    // Now and then one crashes: that is no loop.
    (0..100).for_each(|number| crash(rest + number * 2 * SECOND));
}

#[test]
fn a_killed_worker_leaves_nothing_due() {
    let mut workers = workers();
    let place = spawn(&mut workers, 0);
    workers.release(place);
    workers.release(place);
    assert_eq!((workers.next_due(), workers.due(u64::MAX), workers.running()), (u64::MAX, None, 0));
    assert_eq!(workers.take_ended(), None);
    let free: std::vec::Vec<_> = (0..3).map(|_| workers.reserve(&HEARTBEAT, 0)).collect();
    assert!(free.iter().all(Result::is_ok));
}
