//! A job from its line to its result, and who may say what of it.

use std::format;
use std::string::String;
use std::vec;

use secure9p_core::{Tree, Write};
use ticket::Role;

use super::super::*;
use super::gpu_world::{job, said, spawn_line};
use super::world::{READ, WRITE, World};

const JOB: &str = "/gpu/GPU-0/job";
const STATUS: &str = "/gpu/GPU-0/status";
const CTL: &str = "/gpu/GPU-0/ctl";

fn order(worker: &str, priority: u8, id: &str) -> String {
    format!(r#"{{"holder":"{worker}","priority":{priority},"mem_mb":1000,{}"#, &job(id)[1..])
}

#[test]
fn a_job_goes_from_its_holder_to_the_bridge_and_comes_back() {
    let mut world = World::new();
    let queen = world.queen();
    let bridge = world.bridge("GPU-0");
    let published = "published gpu=GPU-0 backend=mock memory_mb=8000 streams=4 session=1";
    assert_eq!(world.last_line(), published);
    let (_, worker) = world.gpu_worker(queen, "GPU-0", 60);
    let leased = "leased worker-1 gpu=GPU-0 mem_mb=1000 streams=1 ttl_s=60 priority=1";
    assert_eq!(world.last_line(), leased);
    assert!(world.log().contains("spawned worker-1 role=gpu period_ms=500 ticks=10 "));
    world.line(worker, JOB, &job("one")).expect("taken");
    assert_eq!(world.orders(bridge, "GPU-0"), [order("worker-1", 1, "one")]);
    world.line(bridge, STATUS, &said("one", "RUNNING")).expect("taken");
    world.line(bridge, STATUS, &said("one", "OK")).expect("taken");
    for user in [queen, worker] {
        assert_eq!(world.states(user, "GPU-0", "one"), ["QUEUED ", "RUNNING d", "OK d"]);
    }
    let info = world.cat(worker, "/gpu/GPU-0/info").expect("read");
    assert_eq!(
        info,
        "{\"id\":\"GPU-0\",\"uuid\":\"u-GPU-0\",\"name\":\"a test\",\"memory_mb\":8000,\
         \"streams\":4,\"driver_version\":\"1\",\"runtime_version\":\"2\",\"backend\":\"mock\",\
         \"leases\":{\"held\":1 ,\"memory_mb_free\":7000   ,\"streams_free\":3   }}\n"
    );
    let gauge = r#"{"gauge":{"id":"GPU-0","utilization":12}}"#;
    world.line(bridge, "/gpu/publish", gauge).expect("taken");
    let info = world.cat(queen, "/gpu/GPU-0/info").expect("read");
    assert!(info.contains(r#","utilization":12 ,"leases":"#), "{info}");
}

#[test]
fn a_lease_has_as_many_jobs_at_the_bridge_as_streams_and_the_highest_priority_goes_first() {
    let mut world = World::new();
    let queen = world.queen();
    let bridge = world.bridge("GPU-0");
    let (_, one) = world.gpu_worker(queen, "GPU-0", 60);
    let second = world.spawn(queen, &spawn_line("GPU-0", 1000, 2, 60));
    let two = world.attach_worker(second);
    let both = format!("{}\n\n{}", job("a"), job("b"));
    assert!(world.append(one, JOB, both.as_bytes()).is_ok(), "the last line needs no end");
    for id in ["c", "d", "e"] {
        world.line(two, JOB, &job(id)).expect("taken");
    }
    let handed = |world: &mut World| -> vec::Vec<String> {
        let orders = world.orders(bridge, "GPU-0");
        let parsed = orders.iter().map(|line| gpu::Order::parse(line.as_bytes()).expect(line));
        parsed
            .map(|order| match order {
                gpu::Order::Run { holder, priority, job, .. } => {
                    format!("{holder} {priority} {}", job.id)
                }
                gpu::Order::Cancel(job) => format!("cancel {job}"),
            })
            .collect()
    };
    let mut expected = vec!["worker-1 1 a", "worker-2 1 c", "worker-2 1 d"];
    assert_eq!(handed(&mut world), expected);
    world.line(queen, CTL, "PRIORITY worker-2 9").expect("done");
    for (done, next) in [("a", "worker-1 1 b"), ("d", "worker-2 9 e")] {
        world.line(bridge, STATUS, &said(done, "OK")).expect("taken");
        expected.push(next);
        assert_eq!(handed(&mut world), expected);
    }
    assert_eq!(world.states(queen, "GPU-0", "b"), ["QUEUED "]);
}

#[test]
fn a_bridge_waits_for_jobs_and_hears_of_each() {
    let mut world = World::new();
    let queen = world.queen();
    let bridge = world.bridge("GPU-0");
    let (_, worker) = world.gpu_worker(queen, "GPU-0", 60);
    let node = world.find(bridge, JOB).expect("there");
    let mut open = world.open(bridge, node, READ).expect("readable");
    assert_eq!(world.read(bridge, node, &mut open, 0), Ok(None));
    let changes = world.tree.changes();
    world.line(worker, JOB, &job("a")).expect("taken");
    assert_ne!(world.tree.changes(), changes, "who waits has to be asked");
    let read = world.read(bridge, node, &mut open, 0).expect("kept").expect("there");
    assert!(
        read.starts_with(r#"{"holder":"worker-1","priority":1,"mem_mb":1000,"job":"a""#),
        "{read}"
    );
    world.tree.close(bridge.session, node, open);
}

#[test]
fn a_job_that_is_known_is_said_again_and_not_done_again() {
    let mut world = World::new();
    let queen = world.queen();
    let bridge = world.bridge("GPU-0");
    let (_, one) = world.gpu_worker(queen, "GPU-0", 60);
    let (_, two) = world.gpu_worker(queen, "GPU-0", 60);
    world.line(one, JOB, &job("a")).expect("taken");
    world.line(one, JOB, &job("a")).expect("known");
    world.line(bridge, STATUS, &said("a", "OK")).expect("taken");
    world.line(one, JOB, &job("a")).expect("known");
    let states = ["QUEUED ", "RUNNING known already", "OK d", "OK known already"];
    assert_eq!(world.states(queen, "GPU-0", "a"), states);
    assert_eq!(world.orders(bridge, "GPU-0").len(), 1);
    assert_eq!(world.line(two, JOB, &job("a")), Err(Error::Permission), "another's name");
    assert!(world.last_line().starts_with("refused: gpu=GPU-0 worker-2: job: is another holder's"));
    let other = job("a").replace("5000", "5001");
    assert_eq!(world.line(one, JOB, &other), Err(Error::Invalid));
}

#[test]
fn what_is_no_job_or_too_much_is_refused_and_nothing_of_the_write_happens() {
    let mut world = World::new();
    let queen = world.queen();
    let bridge = world.bridge("GPU-0");
    world.tree.host_mut().limits.default.ops = 2000;
    let (_, worker) = world.gpu_worker(queen, "GPU-0", 60);
    let big = job("big").replace(":256,\"grid\":[1]", ":268435456,\"grid\":[1048576]");
    for (data, error, why) in [
        (format!("{}\nnonsense\n", job("a")), Error::Invalid, "line: must be one JSON object"),
        (job("a").replace("vadd", "vsub"), Error::Invalid, "kernel: must be"),
        (job("a").replace("5000", "0"), Error::Invalid, "timeout_ms: must be"),
        (job("a")[..100].into(), Error::Invalid, ""),
        (big, Error::TooBig, "kernel: needs 3072 MiB, and the lease has 1000"),
    ] {
        assert_eq!(world.append(worker, JOB, data.as_bytes()), Err(error), "{data}");
        let last = world.last_line();
        assert!(last.starts_with(&format!("refused: gpu=GPU-0 worker-1: {why}")), "{last}");
    }
    assert_eq!(world.cat(queen, STATUS).as_deref(), Ok(""));
    assert_eq!(world.orders(bridge, "GPU-0"), [""; 0]);
    // The queue is bounded, for one holder by what is kept for others, and a full one changes
    // nothing.
    for number in 0..MAX_JOBS - gpu::KEPT_JOBS * (MAX_LEASES - 1) {
        world.line(worker, JOB, &job(&format!("j{number}"))).expect("room");
    }
    let before = world.cat(queen, STATUS);
    assert_eq!(world.line(worker, JOB, &job("more")), Err(Error::Busy));
    assert_eq!(world.cat(queen, STATUS), before);
    world.line(bridge, STATUS, &said("j0", "ERR")).expect("taken");
    world.line(worker, JOB, &job("more")).expect("one has ended");
}

#[test]
fn nobody_but_a_holder_submits_and_nobody_but_the_bridge_reports() {
    let mut world = World::with_places(6);
    let queen = world.queen();
    let bridge = world.bridge("GPU-0");
    let other_bridge = world.bridge("GPU-1");
    let (_, holder) = world.gpu_worker(queen, "GPU-0", 60);
    let (_, stranger) = world.gpu_worker(queen, "GPU-1", 60);
    let (_, heartbeat) = world.worker(queen);
    let observer = world.attach(Role::Observer);
    world.line(holder, JOB, &job("a")).expect("taken");
    for user in [queen, bridge, other_bridge, stranger, heartbeat, observer] {
        assert_eq!(world.line(user, JOB, &job("forged")), Err(Error::Permission));
    }
    for user in [queen, other_bridge, holder, stranger, heartbeat, observer] {
        let forged = world.line(user, STATUS, &said("a", "OK"));
        assert_eq!(forged, Err(Error::Permission));
    }
    // Nor does it help to have the file from somebody else.
    let node = world.find(holder, JOB).expect("there");
    for user in [queen, bridge, stranger] {
        assert!(matches!(world.open(user, node, WRITE), Err(Error::Permission)));
        let mut open = Open::Lease(1);
        assert_eq!(world.write(user, node, &mut open, job("x").as_bytes()), Err(Error::Permission));
    }
    assert_eq!(world.states(queen, "GPU-0", "forged"), [""; 0]);
    assert_eq!(world.states(queen, "GPU-0", "a"), ["QUEUED "]);
    for other in [
        r#"{"gauge":{"id":"GPU-0","utilization":99}}"#,
        r#"{"withdraw":"GPU-0"}"#,
        r#"{"withdraw":"GPU-9"}"#,
    ] {
        assert_eq!(world.line(other_bridge, "/gpu/publish", other), Err(Error::Permission));
    }
    assert!(world.find(queen, "/gpu/GPU-0").is_ok());
}

#[test]
fn what_cannot_be_is_not_said_of_a_job() {
    let mut world = World::new();
    let queen = world.queen();
    let bridge = world.bridge("GPU-0");
    let (_, worker) = world.gpu_worker(queen, "GPU-0", 60);
    for id in ["a", "b"] {
        world.line(worker, JOB, &job(id)).expect("taken");
    }
    // Not known; not handed out yet; who queues says QUEUED; a result too many; no status.
    for line in [
        said("x", "RUNNING"),
        said("b", "OK"),
        r#"{"job":"a","state":"QUEUED","progress":0,"detail":""}"#.into(),
        said("a", "OK").replace("OK", "ERR"),
        "nonsense".into(),
    ] {
        assert_eq!(world.line(bridge, STATUS, &line), Err(Error::Invalid), "{line}");
        assert!(world.last_line().starts_with("refused: gpu=GPU-0 bridge: "));
    }
    world.line(bridge, STATUS, &said("a", "ERR")).expect("taken");
    for state in ["OK", "ERR", "RUNNING"] {
        assert_eq!(world.line(bridge, STATUS, &said("a", state)), Err(Error::Invalid), "{state}");
    }
    assert_eq!(world.states(queen, "GPU-0", "a"), ["QUEUED ", "ERR d"]);
}

#[test]
fn a_worker_reads_its_tasks_and_the_queen_writes_them() {
    let mut world = World::new();
    let queen = world.queen();
    world.bridge("GPU-0");
    let (_, worker) = world.gpu_worker(queen, "GPU-0", 60);
    assert_eq!(world.list(queen, "/worker/worker-1").expect("listed"), ["telemetry", "tasks"]);
    assert_eq!(world.list(worker, "/worker/self").expect("listed"), ["telemetry", "tasks"]);
    assert_eq!(world.list(worker, "/gpu").expect("listed"), ["GPU-0"]);
    assert_eq!(world.line(queen, "/worker/worker-1/tasks", "a"), Ok(Write::Done(2)));
    assert_eq!(world.line(queen, "/worker/worker-1/tasks", "b"), Ok(Write::Done(2)));
    assert_eq!(world.cat(worker, "/worker/self/tasks").as_deref(), Ok("a\nb\n"));
    let big = vec![b'x'; TASK_BYTES + 1];
    assert_eq!(world.append(queen, "/worker/worker-1/tasks", &big), Err(Error::TooBig));
    world.command(queen, r#"{"kill":"worker-1"}"#).expect("killed");
    // Nothing of them is left to who comes next.
    let (_, next) = world.gpu_worker(queen, "GPU-0", 60);
    assert_eq!(world.cat(next, "/worker/self/tasks").as_deref(), Ok(""));
}

#[test]
fn events_tell_what_changes() {
    let mut world = World::new();
    let queen = world.queen();
    let node = world.find(queen, "/proc/events").expect("there");
    let mut open = world.open(queen, node, READ).expect("readable");
    let bridge = world.bridge("GPU-0");
    let (_, worker) = world.gpu_worker(queen, "GPU-0", 60);
    world.line(queen, "/worker/worker-1/tasks", "x").expect("taken");
    world.line(worker, JOB, &job("a")).expect("taken");
    world.line(queen, CTL, "RESET").expect("done");
    world.line(bridge, "/gpu/publish", r#"{"withdraw":"GPU-0"}"#).expect("taken");
    let mut text = String::new();
    while let Some(more) = world.read(queen, node, &mut open, text.len()).expect("kept") {
        text += &more;
    }
    world.tree.close(queen.session, node, open);
    let (order, status) = (order("worker-1", 1, "a").len() + 1, 71);
    let expected = [
        "/gpu/GPU-0 0".into(),
        "/worker/worker-1 0".into(),
        "/worker/worker-1/tasks 2".into(),
        format!("/gpu/GPU-0/status {status}"),
        format!("/gpu/GPU-0/job {order}"),
        format!("/gpu/GPU-0/job {}", order + "{\"cancel\":\"a\"}\n".len()),
        format!("/gpu/GPU-0/status {}", status + 79),
        "/gpu/GPU-0 gone".into(),
    ];
    let lines: vec::Vec<_> = text.lines().filter(|line| !line.starts_with("/log")).collect();
    assert_eq!(lines, expected);
}
