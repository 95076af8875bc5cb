//! Bridges come, and go at every state of a job; nothing stale stays behind.

use std::format;

use secure9p_core::Tree;
use ticket::{Role, TicketId};

use super::super::*;
use super::gpu_world::{about, job, said, spawn_line};
use super::world::{READ, User, WRITE, World};

const JOB: &str = "/gpu/GPU-0/job";
const STATUS: &str = "/gpu/GPU-0/status";

/// The states that a job can be in when its bridge goes: what happened before.
const STATES: [&str; 5] = ["nothing", "queued", "at the bridge", "running", "stopping"];

fn reach(world: &mut World, queen: User, bridge: User, worker: User, state: &str) {
    let after = |index: usize| STATES.iter().position(|other| *other == state) >= Some(index);
    if after(1) {
        // The second waits for the first.
        world.line(worker, JOB, &job("first")).expect("taken");
        world.line(worker, JOB, &job("second")).expect("taken");
    }
    if after(2) {
        world.line(bridge, STATUS, &said("first", "OK")).expect("taken");
    }
    if after(3) {
        world.line(bridge, STATUS, &said("second", "RUNNING")).expect("taken");
    }
    if after(4) {
        world.line(queen, "/gpu/GPU-0/ctl", "RELEASE worker-1").expect("done");
    }
}

type End = (&'static str, fn(&mut World, User));

/// Each way in which a bridge's session ends, or only its device.
const ENDS: [End; 4] = [
    ("its last fid goes", |world, bridge| world.tree.detach(bridge.session)),
    ("it withdraws", |world, bridge| {
        world.line(bridge, "/gpu/publish", r#"{"withdraw":"GPU-0"}"#).expect("taken");
    }),
    ("its time is over", |world, _| {
        world.pass(101);
        world.tree.tick();
    }),
    ("its ticket is revoked", |world, bridge| {
        let name = world.tree.sessions.get(bridge.session).expect("there").origin.id;
        let queen = world.queen();
        world.command(queen, &format!(r#"{{"revoke":{{"ticket":"{name}"}}}}"#)).expect("revoked");
    }),
];

#[test]
fn a_bridge_that_goes_takes_its_device_with_it_whatever_the_jobs_are_at() {
    for state in STATES {
        for (what, end) in ENDS {
            gone(state, what, end);
        }
    }
}

fn gone(state: &str, what: &str, end: fn(&mut World, User)) {
    let mut world = World::new();
    let queen = world.queen();
    let mut claims = world.claims(Role::GpuBridge);
    claims.budget.ttl_s = Some(100);
    let ticket = world.mint(&claims);
    assert!(TicketId::of(&ticket).is_some());
    let bridge = world.try_attach(&ticket).expect("let in");
    world.line(bridge, "/gpu/publish", &about("GPU-0")).expect("taken");
    let (_, worker) = world.gpu_worker(queen, "GPU-0", 600);
    reach(&mut world, queen, bridge, worker, state);
    let mut files = std::vec![];
    for (path, mode) in [("job", WRITE), ("status", READ), ("info", READ)] {
        let node = world.find(worker, &format!("/gpu/GPU-0/{path}")).expect("there");
        if let Ok(open) = world.open(worker, node, mode) {
            files.push((node, mode, open));
        }
    }
    let theirs = world.find(bridge, JOB).expect("there");
    let mut waits = world.open(bridge, theirs, READ).expect("readable");
    let changes = world.tree.changes();
    end(&mut world, bridge);
    let case = format!("{state}, {what}");
    assert_ne!(world.tree.changes(), changes, "{case}: who waits has to be asked");
    let released = world.read(bridge, theirs, &mut waits, 0);
    assert_eq!(released, Err(Error::Closed), "{case}");
    for (node, mode, mut open) in files {
        let done = match mode.write {
            true => world.write(worker, node, &mut open, job("x").as_bytes()).map(|_| ()),
            false => world.read(worker, node, &mut open, 0).map(|_| ()),
        };
        assert_eq!(done, Err(Error::Closed), "{case} {node:?}");
    }
    assert_eq!(world.find(queen, "/gpu/GPU-0"), Err(Error::NotFound), "{case}");
    assert_eq!(world.list(queen, "/gpu").expect("listed"), [""; 0]);
    assert_eq!(world.line(worker, JOB, &job("x")), Err(Error::Permission), "{case}");
    let log = world.log();
    let lost = "of worker-1 gpu=GPU-0 state=ERR reason=bridge lost\n";
    let cancelled = log.matches(lost).count();
    // What had been told to stop ends with it, too.
    let expected = match state {
        "queued" => 2,
        "at the bridge" | "running" | "stopping" => 1,
        _ => 0,
    };
    assert_eq!(cancelled, expected, "{case}\n{log}");
    let ended = log.matches("ended lease of worker-1 gpu=GPU-0").count();
    assert_eq!(ended, 1, "{case}\n{log}");
    assert_eq!(log.matches("freed share of worker-1 gpu=GPU-0").count(), 1, "{case}\n{log}");
    assert_eq!(log.matches("\ngone gpu=GPU-0 reason=").count(), 1, "{case}\n{log}");
    let line = spawn_line("GPU-0", 1, 1, 5);
    assert_eq!(world.command(queen, &line), Err(Error::Busy), "{case}");
    comes_back(&mut world, queen, worker);
}

/// The device that comes back is another: nothing of the old one is there.
fn comes_back(world: &mut World, queen: User, worker: User) {
    let bridge = world.bridge("GPU-0");
    assert_eq!(world.cat(queen, STATUS).as_deref(), Ok(""));
    assert_eq!(world.orders(bridge, "GPU-0"), [""; 0]);
    assert_eq!(world.line(worker, JOB, &job("x")), Err(Error::Permission));
    world.line(queen, "/gpu/GPU-0/ctl", "LEASE worker-1 8000 4 60").expect("all of it is free");
    world.line(worker, JOB, &job("second")).expect("taken, for it is new here");
    assert_eq!(world.orders(bridge, "GPU-0").len(), 1);
}

#[test]
fn a_bridge_whose_requests_are_spent_is_lost_too() {
    let mut world = World::new();
    let queen = world.queen();
    let mut claims = world.claims(Role::GpuBridge);
    claims.budget.ops = Some(8);
    let ticket = world.mint(&claims);
    let bridge = world.try_attach(&ticket).expect("let in");
    world.line(bridge, "/gpu/publish", &about("GPU-0")).expect("taken");
    assert!(world.find(queen, "/gpu/GPU-0").is_ok());
    while world.find(bridge, "/proc").is_ok() {}
    assert_eq!(world.find(queen, "/gpu/GPU-0"), Err(Error::NotFound));
}

#[test]
fn a_name_is_published_once_and_there_are_so_many_devices() {
    let mut world = World::new();
    let queen = world.queen();
    let bridge = world.bridge("GPU-0");
    let other = world.attach(Role::GpuBridge);
    for user in [bridge, other] {
        assert_eq!(world.line(user, "/gpu/publish", &about("GPU-0")), Err(Error::Busy));
        assert!(world.last_line().starts_with("refused: publish: id: the device is published"));
    }
    for number in 1..MAX_GPUS {
        world.line(other, "/gpu/publish", &about(&format!("GPU-{number}"))).expect("room");
    }
    assert_eq!(world.line(other, "/gpu/publish", &about("more")), Err(Error::Busy));
    assert_eq!(world.line(queen, "/gpu/publish", &about("more")), Err(Error::Permission));
    assert_eq!(world.line(other, "/gpu/publish", "nonsense"), Err(Error::Invalid));
    // Two good ones and a bad one: nothing happens.
    let three = b"{\"withdraw\":\"GPU-1\"}\n{\"withdraw\":\"GPU-2\"}\n{}\n";
    assert_eq!(world.append(other, "/gpu/publish", three), Err(Error::Invalid));
    assert_eq!(world.list(queen, "/gpu").expect("listed"), ["GPU-0", "GPU-1", "GPU-2", "GPU-3"]);
    // All of a session's devices go with it, and no other's.
    world.tree.detach(other.session);
    assert_eq!(world.list(queen, "/gpu").expect("listed"), ["GPU-0"]);
    let qid = |world: &mut World| world.stat(queen, "/gpu/GPU-0/job").map(|stat| stat.qid.path);
    assert!(qid(&mut world).is_err(), "no queen sees it");
    assert!(world.list(bridge, "/gpu").expect("listed") == ["publish", "GPU-0"]);
}

#[test]
fn a_queen_mounts_what_bridges_publish() {
    let mut world = World::new();
    let queen = world.queen();
    let at = |path: &str| format!(r#"{{"mount":{{"service":"gpu-bridge","at":"{path}"}}}}"#);
    assert_eq!(world.command(queen, &at("/devices")), Err(Error::NotFound));
    let bridge = world.bridge("GPU-0");
    world.command(queen, &at("/devices")).expect("mounted");
    world.command(queen, &at("/gpu")).expect("there already");
    assert_eq!(world.list(queen, "/devices").expect("listed"), ["GPU-0"]);
    let bind = r#"{"bind":{"from":"/gpu/GPU-0","to":"/mine"}}"#;
    world.command(queen, bind).expect("bound");
    assert!(world.cat(queen, "/mine/info").expect("read").contains("\"mock\""));
    world.tree.detach(bridge.session);
    assert_eq!(world.find(queen, "/mine"), Err(Error::NotFound));
    assert_eq!(world.list(queen, "/devices").expect("listed"), [""; 0]);
}
