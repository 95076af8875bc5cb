//! Leases: granted within the device, ended in one order, by whatever ends them.

use std::collections::BTreeMap;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use proptest::prelude::*;

use super::super::*;
use super::gpu_world::{MEMORY_MB, STREAMS, job, said, sized_job, spawn_line};
use super::world::{User, WRITE, World};

const JOB: &str = "/gpu/GPU-0/job";
const STATUS: &str = "/gpu/GPU-0/status";
const CTL: &str = "/gpu/GPU-0/ctl";

/// A worker with one job at the bridge and one that waits.
fn busy(world: &mut World) -> (User, User, WorkerId, User) {
    let queen = world.queen();
    let bridge = world.bridge("GPU-0");
    let (id, worker) = world.gpu_worker(queen, "GPU-0", 5);
    for name in ["runs", "waits"] {
        world.line(worker, JOB, &job(name)).expect("taken");
    }
    world.line(bridge, STATUS, &said("runs", "RUNNING")).expect("taken");
    (queen, bridge, id, worker)
}

/// Ends the lease in some way; then everything must be as it is at every end.
fn ends(reason: &str, end: impl FnOnce(&mut World, User, WorkerId)) {
    let mut world = World::new();
    let (queen, bridge, id, worker) = busy(&mut world);
    let node = world.find(worker, JOB).expect("there");
    let mut open = world.open(worker, node, WRITE).expect("writable");
    end(&mut world, queen, id);
    // What was open is closed, and so is a later open.
    let late = job("late");
    assert_eq!(world.write(worker, node, &mut open, late.as_bytes()), Err(Error::Closed));
    assert_eq!(world.line(worker, JOB, &late), Err(Error::Closed));
    assert_eq!(world.states(queen, "GPU-0", "waits"), ["QUEUED ", &format!("ERR {reason}")]);
    assert_eq!(world.states(queen, "GPU-0", "runs"), ["QUEUED ", "RUNNING d"]);
    let orders = world.orders(bridge, "GPU-0");
    assert_eq!(orders.last().map(String::as_str), Some(r#"{"cancel":"runs"}"#));
    assert_eq!(orders.len(), 2, "{orders:?}");
    let log = world.log();
    for line in [
        format!("ended lease of worker-1 gpu=GPU-0 reason={reason}\n"),
        format!("cancelled job=runs of worker-1 gpu=GPU-0 state=stopping reason={reason}\n"),
        format!("cancelled job=waits of worker-1 gpu=GPU-0 state=ERR reason={reason}\n"),
    ] {
        assert!(log.contains(&line), "{line}{log}");
    }
    // The share is taken until the bridge says that the job has stopped.
    let all = spawn_line("GPU-0", MEMORY_MB, STREAMS, 5);
    assert_eq!(world.command(queen, &all), Err(Error::Busy));
    let spawned = world.tree.host_mut().spawned.len();
    assert_eq!(spawned, 1, "nothing was made");
    world.line(bridge, STATUS, &said("runs", "ERR")).expect("taken");
    assert_eq!(world.last_line(), "freed share of worker-1 gpu=GPU-0");
    world.command(queen, &all).expect("free");
}

#[test]
fn a_lease_expires_in_mid_job() {
    ends("lease expired", |world, _, _| {
        let deadline = world.tree.next_deadline().expect("the lease's");
        assert_eq!(deadline, world.tree.host_mut().now + Duration::from_secs(5));
        world.pass(5);
        world.tree.tick();
    });
}

#[test]
fn a_lease_is_over_also_before_anybody_calls() {
    let mut world = World::new();
    let (queen, _, _, worker) = busy(&mut world);
    world.pass(5);
    assert_eq!(world.line(worker, JOB, &job("late")), Err(Error::Closed));
    // Whoever wants the share has it looked at.
    let more = spawn_line("GPU-0", MEMORY_MB, 1, 5);
    assert_eq!(world.command(queen, &more), Err(Error::Busy));
    assert_eq!(world.states(queen, "GPU-0", "waits"), ["QUEUED ", "ERR lease expired"]);
}

#[test]
fn a_lease_is_released() {
    ends("lease released", |world, queen, _| {
        world.line(queen, CTL, "RELEASE worker-1").expect("done");
        assert!(world.log().contains("done gpu=GPU-0 RELEASE worker-1\n"));
    });
}

#[test]
fn a_device_is_reset() {
    ends("device reset", |world, queen, _| {
        world.line(queen, CTL, "RESET").expect("done");
    });
}

#[test]
fn a_worker_that_ends_gives_its_lease_back() {
    ends("worker ended", |world, queen, id| {
        world.command(queen, &format!(r#"{{"kill":"{id}"}}"#)).expect("killed");
        assert_eq!(world.last_line(), "ended worker-1 reason=killed");
    });
    ends("worker ended", |world, _, worker| {
        world.tree.host_mut().ended.push_back(Ended { worker, reason: Reason::Ttl });
        world.tree.reap();
    });
}

#[test]
fn a_worker_with_a_new_lease_opens_anew_and_what_was_open_stays_closed() {
    let mut world = World::new();
    let queen = world.queen();
    world.bridge("GPU-0");
    let (_, worker) = world.gpu_worker(queen, "GPU-0", 5);
    let node = world.find(worker, JOB).expect("there");
    let mut open = world.open(worker, node, WRITE).expect("writable");
    world.line(queen, CTL, "RELEASE worker-1").expect("done");
    world.line(queen, CTL, "LEASE worker-1 1000 1 60 3").expect("done");
    assert_eq!(world.write(worker, node, &mut open, job("a").as_bytes()), Err(Error::Closed));
    world.line(worker, JOB, &job("b")).expect("taken");
    assert_eq!(world.states(queen, "GPU-0", "a"), [""; 0]);
}

#[test]
fn lines_of_ctl_are_done_in_order_or_refused_with_a_reason() {
    let mut world = World::with_places(6);
    let queen = world.queen();
    world.bridge("GPU-0");
    world.bridge("GPU-1");
    world.worker(queen);
    let (_, worker) = world.gpu_worker(queen, "GPU-0", 60);
    for (line, error, why) in [
        ("LEASE worker-2 1 1 60", Error::Busy, "worker: has a lease"),
        ("LEASE worker-1 1 1 60", Error::NotFound, "worker: no such GPU worker"),
        ("LEASE worker-9 1 1 60", Error::NotFound, "worker: no such GPU worker"),
        ("RELEASE worker-1", Error::NotFound, "worker: has no lease"),
        ("PRIORITY worker-9 1", Error::NotFound, "worker: has no lease"),
        ("LEASE worker-2 0 1 60", Error::Invalid, "mem_mb: must be a whole number"),
        ("lease worker-2 1 1 60", Error::Invalid, "line: must be LEASE"),
        ("RESET\nnonsense", Error::Invalid, "line: must be LEASE"),
    ] {
        assert_eq!(world.line(queen, CTL, line), Err(error), "{line}");
        let last = world.last_line();
        assert!(last.starts_with(&format!("refused: gpu=GPU-0: {why}")), "{last}");
    }
    world.line(worker, JOB, &job("a")).expect("still leased");
    assert_eq!(world.line(queen, "/gpu/GPU-1/ctl", "LEASE worker-2 8001 1 9"), Err(Error::Invalid));
    assert_eq!(world.list(worker, "/gpu").expect("listed"), ["GPU-0"]);
    world.line(queen, "/gpu/GPU-1/ctl", "LEASE worker-2 8000 4 9").expect("done");
    assert_eq!(world.list(worker, "/gpu").expect("listed"), ["GPU-0", "GPU-1"]);
    assert_eq!(world.line(queen, CTL, "RESET\nRELEASE worker-2\n"), Err(Error::NotFound));
    assert_eq!(world.line(worker, JOB, &job("b")), Err(Error::Closed), "what came before happened");
}

#[test]
fn what_cannot_be_leased_is_refused_before_anything_is_made() {
    let mut world = World::new();
    let queen = world.queen();
    for (line, error, why) in [
        (spawn_line("GPU-0", 1, 1, 5), Error::Busy, "lease: no bridge has published"),
        (spawn_line("GPU-1", 1, 1, 5), Error::Busy, "lease: no bridge has published"),
        (spawn_line("GPU-0", 8001, 1, 5), Error::Invalid, "lease: mem_mb: must be at most 8000"),
        (spawn_line("GPU-0", 1, 5, 5), Error::Invalid, "lease: streams: must be at most 4"),
    ] {
        assert_eq!(world.command(queen, &line), Err(error), "{line}");
        assert!(world.last_line().starts_with(&format!("refused: {why}")), "{}", world.last_line());
        if why.contains("bridge") && line.contains("GPU-1") {
            world.bridge("GPU-0");
        }
    }
    assert_eq!(world.tree.host_mut().spawned, []);
    // Nor is there a lease where there is no worker.
    world.tree.host_mut().refuses = Some(SpawnError::Memory);
    let all = spawn_line("GPU-0", MEMORY_MB, STREAMS, 5);
    assert_eq!(world.command(queen, &all), Err(Error::Busy));
    world.command(queen, &all).expect("free still");
    let line = spawn_line("GPU-0", 1, 1, 5);
    assert_eq!(world.command(queen, &line), Err(Error::Busy));
    assert!(world.last_line().contains("only 0 MiB are free"), "{}", world.last_line());
}

#[test]
fn there_are_as_many_gpu_workers_as_desks() {
    let mut world = World::with_places(MAX_GPU_WORKERS + 1);
    let queen = world.queen();
    for id in ["GPU-0", "GPU-1"] {
        world.bridge(id);
    }
    // Eight hold a lease of each, with four streams: so all leases are of one stream, and end.
    for number in 0..MAX_GPU_WORKERS {
        let id = format!("GPU-{}", number % 2);
        world.command(queen, &spawn_line(&id, 1, 1, 5)).expect("a desk");
        world.line(queen, &format!("/gpu/{id}/ctl"), "RESET").expect("done");
    }
    assert_eq!(world.command(queen, &spawn_line("GPU-0", 1, 1, 5)), Err(Error::Busy));
    assert!(world.last_line().contains("as many GPU workers as can be"), "{}", world.last_line());
    world.command(queen, r#"{"kill":"worker-3"}"#).expect("killed");
    world.command(queen, &spawn_line("GPU-0", 1, 1, 5)).expect("a desk");
}

/// What happens; the numbers choose among what there is.
#[derive(Debug, Clone, Copy)]
enum Step {
    Spawn { mem_mb: u32, streams: u16, ttl_s: u64 },
    Lease { worker: usize, mem_mb: u32, streams: u16 },
    Release(usize),
    Kill(usize),
    Submit { worker: usize, mem_mb: u32 },
    Finish(usize),
    Pass(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let (any, mem, streams) = (|| 0_usize..100, || 1_u32..5000, || 1_u16..4);
    prop_oneof![
        3 => (mem(), streams(), 1_u64..20)
            .prop_map(|(mem_mb, streams, ttl_s)| Step::Spawn { mem_mb, streams, ttl_s }),
        3 => (any(), mem(), streams())
            .prop_map(|(worker, mem_mb, streams)| Step::Lease { worker, mem_mb, streams }),
        1 => any().prop_map(Step::Release),
        1 => any().prop_map(Step::Kill),
        5 => (any(), 1_u32..2000)
            .prop_map(|(worker, mem_mb)| Step::Submit { worker, mem_mb }),
        4 => any().prop_map(Step::Finish),
        2 => (0_u64..8).prop_map(Step::Pass),
    ]
}

/// What somebody who only reads the log and the orders would think is held.
#[derive(Default)]
struct Model {
    /// Memory and streams of each lease until it is free.
    held: BTreeMap<u32, (u32, u16)>,
    live: Vec<u32>,
    /// Jobs at the bridge, with their holders and what they need.
    running: Vec<(String, u32, u32)>,
    /// What each job needs, by its number.
    needs: Vec<u32>,
    read: usize,
}

impl Model {
    fn read_log(&mut self, log: &str) {
        let number = |word: &str| word.strip_prefix("worker-").expect(word).parse().expect(word);
        for line in log.lines().skip(self.read) {
            let words: Vec<_> = line.split(' ').collect();
            match words[..] {
                ["leased", worker, _, mem_mb, streams, ..] => {
                    let value = |word: &str| word.split_once('=').expect(word).1.to_string();
                    let share = (value(mem_mb).parse(), value(streams).parse());
                    let share = (share.0.expect(line), share.1.expect(line));
                    self.lease(number(worker), share);
                }
                ["done", _, "LEASE", worker, mem_mb, streams, ..] => {
                    let share = (mem_mb.parse().expect(line), streams.parse().expect(line));
                    self.lease(number(worker), share);
                }
                ["ended", "lease", "of", worker, ..] => {
                    self.live.retain(|live| *live != number(worker));
                }
                ["freed", "share", "of", worker, ..] => {
                    let holder: u32 = number(worker);
                    assert!(!self.live.contains(&holder), "freed while it is live");
                    assert!(!self.running.iter().any(|(_, who, _)| *who == holder), "{line}");
                    assert!(self.held.remove(&holder).is_some(), "freed twice");
                }
                _ => {}
            }
        }
        self.read = log.lines().count();
    }

    fn lease(&mut self, holder: u32, share: (u32, u16)) {
        assert!(self.held.insert(holder, share).is_none(), "two leases at once");
        self.live.push(holder);
        let sum = self
            .held
            .values()
            .fold((0, 0), |(mem, streams), share| (mem + share.0, streams + share.1));
        assert!(sum.0 <= MEMORY_MB && sum.1 <= STREAMS, "{sum:?} is more than there is");
    }
}

fn play(steps: &[Step]) {
    let mut world = World::with_places(8);
    world.tree.host_mut().limits.default.ops = 2000;
    let queen = world.queen();
    let bridge = world.bridge("GPU-0");
    let (mut model, mut workers) = (Model::default(), Vec::<(WorkerId, User)>::new());
    let choose = |number: usize, count: usize| number.checked_rem(count);
    for step in steps {
        match *step {
            Step::Spawn { mem_mb, streams, ttl_s } => {
                let line = spawn_line("GPU-0", mem_mb, streams, ttl_s);
                let before = world.tree.host_mut().spawned.len();
                let done = world.command(queen, &line);
                let made = world.tree.host_mut().spawned.len() - before;
                assert_eq!(made, usize::from(done.is_ok()), "made without a lease, or not");
                if done.is_ok() {
                    let number = world.tree.host_mut().last;
                    let id = world.tree.workers.living().find(number).expect("it lives");
                    workers.push((id, world.attach_worker(id)));
                }
            }
            Step::Lease { worker, mem_mb, streams } => {
                let Some(index) = choose(worker, workers.len()) else { continue };
                let line = format!("LEASE {} {mem_mb} {streams} 7", workers[index].0);
                let _ = world.line(queen, CTL, &line);
            }
            Step::Release(worker) => {
                let Some(index) = choose(worker, workers.len()) else { continue };
                let number = workers[index].0.number;
                let was_live = model.live.contains(&number);
                let done = world.line(queen, CTL, &format!("RELEASE {}", workers[index].0));
                // It may have expired, with nobody told yet: then the log says so now.
                model.read_log(&world.log());
                assert!(done.is_err() || was_live, "no lease was released");
                assert!(!model.live.contains(&number), "{done:?} and the lease lives");
            }
            Step::Kill(worker) => {
                let Some(index) = choose(worker, workers.len()) else { continue };
                let (id, _) = workers.remove(index);
                world.command(queen, &format!(r#"{{"kill":"{id}"}}"#)).expect("killed");
            }
            Step::Submit { worker, mem_mb } => {
                let Some(index) = choose(worker, workers.len()) else { continue };
                let line = sized_job(&format!("j{}", model.needs.len()), mem_mb);
                model.needs.push(mem_mb);
                let taken = world.line(workers[index].1, JOB, &line);
                model.read_log(&world.log());
                let live = model.live.contains(&workers[index].0.number);
                assert!(live || taken == Err(Error::Closed), "{taken:?} without a lease");
            }
            Step::Finish(job) => {
                let Some(index) = choose(job, model.running.len()) else { continue };
                let (name, ..) = model.running.remove(index);
                world.line(bridge, STATUS, &said(&name, "ERR")).expect("it runs");
            }
            Step::Pass(seconds) => {
                world.pass(seconds);
                world.tree.tick();
            }
        }
        follow(&mut world, &mut model, bridge);
    }
}

/// Reads the log and the orders, and checks the jobs at the bridge against the leases.
fn follow(world: &mut World, model: &mut Model, bridge: User) {
    model.read_log(&world.log());
    let orders = world.orders(bridge, "GPU-0");
    for line in orders {
        let Ok(gpu::Order::Run { holder, job, .. }) = gpu::Order::parse(line.as_bytes()) else {
            continue;
        };
        let name = job.id.as_str().to_string();
        let at_bridge = world.tree.gpus.all().any(|(_, published)| {
            let state = published.gpu().jobs().state(&job.id);
            state.is_some_and(|state| state.state == gpu::State::Running)
        });
        if at_bridge && !model.running.iter().any(|(other, ..)| *other == name) {
            let number = name.strip_prefix('j').and_then(|number| number.parse::<usize>().ok());
            let needs = model.needs[number.expect("a job")];
            model.running.push((name, holder.0, needs));
        }
    }
    for (holder, (mem_mb, streams)) in &model.held {
        let running = || model.running.iter().filter(|(_, who, _)| who == holder);
        assert!(running().count() <= usize::from(*streams), "more jobs than streams");
        let used: u32 = running().map(|(.., needs)| needs).sum();
        assert!(used <= *mem_mb, "{used} MiB of {mem_mb}");
    }
    for (_, holder, _) in &model.running {
        assert!(model.held.contains_key(holder), "a job without a share");
    }
    let held: Vec<_> = world
        .tree
        .gpus
        .all()
        .flat_map(|(_, published)| {
            published.gpu().leases().iter().map(|lease| lease.holder.0).collect::<Vec<_>>()
        })
        .collect();
    assert!(held.iter().all(|holder| model.held.contains_key(holder)), "an unknown lease");
    assert_eq!(held.len(), model.held.len());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn a_device_is_never_leased_beyond_what_it_has(
        steps in proptest::collection::vec(step(), 0..50),
    ) {
        play(&steps);
    }
}
