//! Leases and jobs in step: what is said at a lease's end, and in which order.

use std::time::Duration;

use gpu::{
    Ctl, Device, EndReason, Ended, EnqueueError, Event, Gpu, GrantError, Hash, Job, JobId, Outcome,
    State, SubmitError, Submitted, WorkerId,
};

const ONE: WorkerId = WorkerId(1);
const TWO: WorkerId = WorkerId(2);

type Device4 = Gpu<(), 4, 12>;

fn gpu() -> Device4 {
    Gpu::new(Device { memory_mb: 100, streams: 4 })
}

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ctl(gpu: &mut Device4, now: u64, line: &str) -> Result<(), Option<GrantError>> {
    gpu.apply(s(now), Ctl::parse(line.as_bytes()).expect(line))
}

fn line(id: &str, n: u32) -> String {
    let (grid, hash) = (n.div_ceil(256), "0".repeat(64));
    format!(
        r#"{{"job":"{id}","kernel":"vadd","n":{n},"grid":[{grid}],"block":[256],"bytes_hash":"sha256:{hash}","inputs":["a","b"],"outputs":["c"],"timeout_ms":5000}}"#
    )
}

fn submit(gpu: &mut Device4, now: u64, who: WorkerId, id: &str) -> Result<Submitted, SubmitError> {
    let line = line(id, 256);
    gpu.submit(s(now), who, &Job::parse(line.as_bytes()).expect(&line), ())
}

fn id(name: &str) -> JobId {
    JobId::of(name).expect("a job")
}

fn events(gpu: &mut Device4, now: u64) -> Vec<Event> {
    std::iter::from_fn(|| gpu.poll(s(now))).collect()
}

fn cancelled(job: &str, holder: WorkerId, reason: EndReason, running: bool) -> Event {
    Event::Cancelled { job: id(job), holder, reason, running }
}

#[test]
fn at_the_end_the_file_closes_then_jobs_are_cancelled_then_the_share_is_free() {
    let mut gpu = gpu();
    ctl(&mut gpu, 0, "LEASE worker-1 100 1 5").expect("room");
    for job in ["a", "b", "c"] {
        assert_eq!(submit(&mut gpu, 1, ONE, job), Ok(Submitted::New));
    }
    assert_eq!(gpu.start(s(1)).expect("a job").job, id("a"));
    assert_eq!(gpu.start(s(1)), None, "one stream");
    assert_eq!(events(&mut gpu, 4), []);
    // Not a moment longer, whether polled or not.
    assert_eq!(submit(&mut gpu, 5, ONE, "d"), Err(SubmitError::Closed));
    assert_eq!(gpu.start(s(5)), None);
    let reason = EndReason::Expired;
    assert_eq!(
        events(&mut gpu, 5),
        [
            Event::Closed(Ended { holder: ONE, reason }),
            cancelled("a", ONE, reason, true),
            cancelled("b", ONE, reason, false),
            cancelled("c", ONE, reason, false),
        ]
    );
    // What runs still has the memory.
    let busy = ctl(&mut gpu, 6, "LEASE worker-2 1 1 5");
    assert!(matches!(busy, Err(Some(GrantError::Busy(..)))), "{busy:?}");
    gpu.finish(&id("a"), Outcome::Err).expect("it ran");
    assert_eq!(events(&mut gpu, 6), [Event::Freed(ONE)]);
    assert_eq!(ctl(&mut gpu, 6, "LEASE worker-2 100 4 5"), Ok(()));
    assert_eq!(submit(&mut gpu, 6, TWO, "a"), Err(SubmitError::Enqueue(EnqueueError::NotYours)));
}

#[test]
fn release_kill_and_reset_end_leases() {
    let mut gpu = gpu();
    for worker in 1..=3 {
        ctl(&mut gpu, 0, &format!("LEASE worker-{worker} 10 1 100")).expect("room");
    }
    submit(&mut gpu, 0, TWO, "j").expect("taken");
    assert_eq!(ctl(&mut gpu, 1, "RELEASE worker-1"), Ok(()));
    assert_eq!(ctl(&mut gpu, 1, "RELEASE worker-1"), Err(None));
    assert_eq!(ctl(&mut gpu, 1, "PRIORITY worker-1 3"), Err(None));
    assert!(gpu.end(TWO, EndReason::Killed));
    assert_eq!(submit(&mut gpu, 1, TWO, "k"), Err(SubmitError::Closed));
    ctl(&mut gpu, 1, "RESET").expect("always");
    let ended = |number, reason| Event::Closed(Ended { holder: WorkerId(number), reason });
    assert_eq!(
        events(&mut gpu, 1),
        [
            ended(1, EndReason::Released),
            ended(2, EndReason::Killed),
            ended(3, EndReason::Reset),
            cancelled("j", TWO, EndReason::Killed, false),
            Event::Freed(ONE),
            Event::Freed(TWO),
            Event::Freed(WorkerId(3)),
        ]
    );
    assert_eq!(gpu.leases().free_share(), (100, 4));
}

#[test]
fn a_lost_bridge_leaves_nothing_behind() {
    let mut gpu = gpu();
    ctl(&mut gpu, 0, "LEASE worker-1 10 2 100").expect("room");
    ctl(&mut gpu, 0, "LEASE worker-2 10 1 100").expect("room");
    for (who, job) in [(ONE, "runs"), (ONE, "stops"), (TWO, "other")] {
        submit(&mut gpu, 0, who, job).expect("taken");
    }
    gpu.start(s(0)).expect("a job");
    gpu.start(s(0)).expect("a job");
    // One is being stopped when the bridge goes, and nobody will say that it has.
    assert!(gpu.end(ONE, EndReason::Released));
    assert_eq!(gpu.poll(s(1)).map(|event| matches!(event, Event::Closed(_))), Some(true));
    assert_eq!(gpu.poll(s(1)), Some(cancelled("runs", ONE, EndReason::Released, true)));
    gpu.lose();
    let lost = EndReason::BridgeLost;
    assert_eq!(
        events(&mut gpu, 1),
        [
            Event::Closed(Ended { holder: TWO, reason: lost }),
            cancelled("stops", ONE, EndReason::Released, false),
            cancelled("other", TWO, lost, false),
            cancelled("runs", ONE, lost, false),
            Event::Freed(ONE),
            Event::Freed(TWO),
        ]
    );
    assert!(gpu.jobs().iter().all(|(_, _, known)| known.state == State::Err));
    assert_eq!(ctl(&mut gpu, 1, "LEASE worker-3 1 1 1"), Err(Some(GrantError::Places)));
}

#[test]
fn a_job_must_fit_its_lease_and_priorities_are_the_leases() {
    let mut gpu = gpu();
    ctl(&mut gpu, 0, "LEASE worker-1 3 1 100 1").expect("room");
    ctl(&mut gpu, 0, "LEASE worker-2 3 1 100 5").expect("room");
    // Three vectors of 262,144 values are 3 MiB.
    let fits = line("fits", 262_144);
    let job = Job::parse(fits.as_bytes()).expect("a job");
    assert_eq!(gpu.submit(s(0), ONE, &job, ()), Ok(Submitted::New));
    let big = line("big", 262_145);
    let big = gpu.submit(s(0), ONE, &Job::parse(big.as_bytes()).expect("a job"), ());
    assert_eq!(big, Err(SubmitError::TooBig { needs_mb: 4, mem_mb: 3 }));
    for (who, job) in [(ONE, "one"), (TWO, "two"), (TWO, "three")] {
        submit(&mut gpu, 0, who, job).expect("taken");
    }
    assert_eq!(gpu.start(s(0)).expect("a job").job, id("two"));
    assert_eq!(gpu.start(s(0)).expect("a job").job, id("fits"));
    gpu.finish(&id("two"), Outcome::Ok(Hash([0; 32]))).expect("it ran");
    gpu.finish(&id("fits"), Outcome::Err).expect("it ran");
    ctl(&mut gpu, 0, "PRIORITY worker-1 6").expect("it has a lease");
    assert_eq!(gpu.start(s(0)).expect("a job").job, id("one"));
    // Who is told of the start instead of doing it.
    assert!(gpu.started(&id("three")).is_ok() && gpu.started(&id("three")).is_err());
    gpu.progress(&id("three"), 50).expect("it runs");
    assert_eq!(gpu.jobs().state(&id("three")).map(|known| known.progress), Some(50));
}

#[test]
fn jobs_side_by_side_share_the_memory_of_their_lease_in_their_order() {
    let mut gpu = gpu();
    ctl(&mut gpu, 0, "LEASE worker-1 5 4 100").expect("room");
    for (job, n) in [("three", 262_144), ("one", 256), ("three-too", 262_144), ("last", 256)] {
        let line = line(job, n);
        let job = Job::parse(line.as_bytes()).expect("a job");
        assert_eq!(gpu.submit(s(0), ONE, &job, ()), Ok(Submitted::New));
    }
    for job in ["three", "one"] {
        assert_eq!(gpu.start(s(0)).expect("a job").job, id(job));
    }
    // Four of five MiB are used: the next needs three, and is not passed by the last.
    assert_eq!(gpu.start(s(0)), None);
    gpu.finish(&id("one"), Outcome::Err).expect("it ran");
    assert_eq!(gpu.start(s(0)), None);
    gpu.finish(&id("three"), Outcome::Err).expect("it ran");
    for job in ["three-too", "last"] {
        assert_eq!(gpu.start(s(0)).expect("a job").job, id(job));
    }
}

#[test]
fn a_holder_with_many_jobs_leaves_room_for_those_of_others() {
    let mut gpu = gpu();
    let full = Err(SubmitError::Enqueue(EnqueueError::Full));
    ctl(&mut gpu, 0, "LEASE worker-1 10 1 100").expect("room");
    let all = |gpu: &mut Device4, who, name: &str| {
        let taken = |number: &u32| submit(gpu, 0, who, &format!("{name}-{number}")).is_ok();
        (0..20).take_while(taken).count()
    };
    // Of 12, two are kept for each of the three others that may come.
    assert_eq!(all(&mut gpu, ONE, "one"), 6);
    assert_eq!(submit(&mut gpu, 0, ONE, "more"), full);
    for worker in 2..=4 {
        ctl(&mut gpu, 0, &format!("LEASE worker-{worker} 10 1 100")).expect("room");
        assert_eq!(all(&mut gpu, WorkerId(worker), &format!("w-{worker}")), 2);
    }
    // What ended makes room, for whoever comes first.
    let started = gpu.start(s(0)).expect("a job").job;
    gpu.finish(&started, Outcome::Err).expect("it ran");
    assert_eq!(submit(&mut gpu, 0, TWO, "more"), Ok(Submitted::New));
    assert_eq!(submit(&mut gpu, 0, ONE, "more-of-one"), full);
}
