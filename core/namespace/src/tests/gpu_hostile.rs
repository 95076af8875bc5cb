//! What workers and bridges that mean no good cannot do to others.

use std::format;
use std::string::String;

use ticket::Role;

use super::super::*;
use super::gpu_world::{about, job, said, spawn_line};
use super::world::{WRITE, World};

const JOB: &str = "/gpu/GPU-0/job";
const STATUS: &str = "/gpu/GPU-0/status";
const PUBLISH: &str = "/gpu/publish";

fn may_ask_often(world: &mut World) {
    let limits = &mut world.tree.host_mut().limits;
    (limits.default.ops, limits.most.ops) = (1_000_000, 1_000_000);
}

#[test]
fn refused_lines_push_nothing_out_of_the_log_and_are_not_shown_there() {
    let mut world = World::new();
    let queen = world.queen();
    let bridge = world.bridge("GPU-0");
    may_ask_often(&mut world);
    let (_, worker) = world.gpu_worker(queen, "GPU-0", 600);
    let secret = job("a").replace("\"a\"", "\"secret\"").replace("vadd", "vsub");
    let long = format!("{secret}{}", " ".repeat(400));
    for _ in 0..1000 {
        assert_eq!(world.line(worker, JOB, &long), Err(Error::Invalid));
        assert_eq!(world.line(bridge, STATUS, &said("none", "OK")), Err(Error::Invalid));
        assert_eq!(world.line(bridge, PUBLISH, "x"), Err(Error::Invalid));
    }
    let log = world.log();
    assert!(log.contains("\nleased worker-1 gpu=GPU-0 ") && !log.contains("secret"), "{log}");
    let refused = log.matches("refused: gpu=GPU-0 worker-1: kernel: must be").count();
    assert!((1..=32).contains(&refused), "{log}");
    // Later there is room again, and it says how many there were.
    world.pass(1);
    assert_eq!(world.line(bridge, STATUS, &said("none", "OK")), Err(Error::Invalid));
    let log = world.log();
    assert!(log.contains("\nrefused: 2968 more lines of GPUs\n"), "{log}");
    assert!(world.last_line().ends_with("did not just end so: job=none"), "{log}");
}

#[test]
fn a_bridge_that_comes_and_goes_is_slowed_down() {
    let mut world = World::new();
    let bridge = world.attach(Role::GpuBridge);
    let again = format!("{}\n{{\"withdraw\":\"GPU-0\"}}", about("GPU-0"));
    let mut turns = 0;
    while world.line(bridge, PUBLISH, &again).is_ok() {
        turns += 1;
    }
    assert!((8..100).contains(&turns), "{turns}");
    assert_eq!(world.line(bridge, PUBLISH, &again), Err(Error::Busy));
    world.pass(1);
    world.line(bridge, PUBLISH, &again).expect("now and then");
}

#[test]
fn a_device_has_no_name_of_a_file() {
    let mut world = World::new();
    let bridge = world.attach(Role::GpuBridge);
    assert_eq!(world.line(bridge, PUBLISH, &about("publish")), Err(Error::Invalid));
    assert!(world.last_line().starts_with("refused: publish: id: a file has this name"));
}

#[test]
fn asking_after_a_job_again_and_again_does_not_push_out_what_others_have_not_read() {
    let mut world = World::with_places(4);
    let queen = world.queen();
    let bridge = world.bridge("GPU-0");
    may_ask_often(&mut world);
    let (_, other) = world.gpu_worker(queen, "GPU-0", 600);
    let (_, worker) = world.gpu_worker(queen, "GPU-0", 600);
    world.line(other, JOB, &job("a")).expect("taken");
    world.line(worker, JOB, &job("b")).expect("taken");
    world.line(bridge, STATUS, &said("a", "OK")).expect("it runs");
    let refused = (0..1000).filter(|_| world.line(worker, JOB, &job("b")) == Err(Error::Busy));
    assert!(refused.count() > 900);
    // That keeps no bridge out.
    world.bridge("GPU-1");
    // Nor does a bridge that says the same again and again.
    for _ in 0..1000 {
        world.line(bridge, STATUS, &said("b", "RUNNING")).expect("it runs");
    }
    assert_eq!(world.states(other, "GPU-0", "a"), ["QUEUED ", "OK d"]);
}

#[test]
fn a_file_of_a_lease_that_has_ended_is_closed_whatever_is_written() {
    let mut world = World::new();
    let queen = world.queen();
    world.bridge("GPU-0");
    let (id, worker) = world.gpu_worker(queen, "GPU-0", 600);
    let node = world.find(worker, JOB).expect("there");
    let mut open = world.open(worker, node, WRITE).expect("writable");
    world.line(queen, "/gpu/GPU-0/ctl", &format!("RELEASE {id}")).expect("done");
    world.line(queen, "/gpu/GPU-0/ctl", &format!("LEASE {id} 100 1 60")).expect("done");
    for data in ["\n", "x\n", &job("a")] {
        let written = world.write(worker, node, &mut open, data.as_bytes());
        assert_eq!(written, Err(Error::Closed), "{data:?}");
    }
    world.line(worker, JOB, &job("a")).expect("the new lease's");
}

#[test]
fn tasks_without_a_line_end_are_lines_all_the_same() {
    let mut world = World::new();
    let queen = world.queen();
    world.bridge("GPU-0");
    let (_, worker) = world.gpu_worker(queen, "GPU-0", 600);
    for data in ["one", "two\n", "three\nfour", ""] {
        world.append(queen, "/worker/worker-1/tasks", data.as_bytes()).expect("taken");
    }
    let tasks = world.cat(worker, "/worker/worker-1/tasks");
    assert_eq!(tasks.as_deref(), Ok("one\ntwo\nthree\nfour\n"));
}

#[test]
fn a_worker_lives_as_long_as_its_lease_and_has_no_heartbeats_budget() {
    let mut world = World::with_places(4);
    let queen = world.queen();
    world.bridge("GPU-0");
    world.command(queen, r#"{"budget":{"ticks":3,"ttl_s":60}}"#).expect("done");
    let default = world.tree.host_mut().limits.default;
    let mut spawn = |ttl_s, more: &str| {
        let line: String = spawn_line("GPU-0", 1, 1, ttl_s).replace("}}", more);
        world.command(queen, &line).expect("a worker");
        world.tree.host_mut().spawned.last().expect("spawned").budget
    };
    let budget = spawn(30, "}}");
    assert_eq!((budget.ticks, budget.ttl_s), (default.ticks, 60));
    let most = spawn(u64::from(budget.ttl_s) + 1, "}}");
    assert_eq!(most.ttl_s, 61);
    // Unless it is to live shorter.
    assert_eq!(spawn(100, r#"},"budget":{"ttl_s":7}}"#).ttl_s, 7);
}
