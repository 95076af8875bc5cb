//! Files, directories, windows, events.

use std::format;
use std::string::String;
use std::vec::Vec;

use secure9p_codec::Qid;
use secure9p_core::{Tree, Write};

use super::super::*;
use super::world::{READ, WRITE, World};

#[test]
fn directories_list_what_is_in_them() {
    let mut world = World::new();
    let queen = world.queen();
    let mut names = |path: &str| world.list(queen, path).expect("listed");
    assert_eq!(names("/"), ["proc", "log", "queen", "worker", "gpu"]);
    let proc = ["boot", "caps", "events", "mem", "sched", "self", "sessions"];
    assert_eq!(names("/proc"), proc);
    assert_eq!(names("/worker"), [] as [&str; 0]);
    assert_eq!(names("/proc/../proc/../../queen"), ["ctl", "last"]);
}

#[test]
fn files_say_what_they_know() {
    let mut world = World::new();
    let queen = world.queen();
    let mut cat = |path: &str| world.cat(queen, path).expect("read");
    assert_eq!(cat("/proc/boot"), "Cohesix 0.1.0\nkernel: a test\n");
    assert_eq!(cat("/proc/mem"), "free: 7\n");
    assert_eq!(cat("/proc/caps"), "nine-door objects=3\n");
    assert_eq!(cat("/proc/sched"), "nine-door priority=200\n");
    assert_eq!(cat("/queen/last"), "");
    let (sessions, own) = (cat("/proc/sessions"), cat("/proc/self"));
    assert!(own.starts_with("ticket="), "{own}");
    assert!(own.ends_with(" ttl_left_s=3600       role=queen user=me\n"), "{own}");
    let counted = "open=1   operations=33         fids=0   frames=0          in=0            \
                   out=0            errors=0        ";
    assert_eq!(sessions, format!("session=0 connection=1 {counted}{own}"));
    assert_eq!(world.find(queen, "/proc/nothing"), Err(Error::NotFound));
}

#[test]
fn a_workers_files_come_and_go_with_it() {
    let mut world = World::new();
    let queen = world.queen();
    let worker = world.spawn(queen, r#"{"spawn":"heartbeat","ticks":7}"#);
    assert_eq!(world.cat(queen, "/queen/last").as_deref(), Ok("worker-1\n"));
    assert_eq!(world.list(queen, "/worker").expect("listed"), ["worker-1"]);
    assert_eq!(world.list(queen, "/worker/worker-1").expect("listed"), ["telemetry"]);
    let own = world.attach_worker(worker);
    assert_eq!(world.append(own, "/worker/self/telemetry", b"one\n"), Ok(Write::Done(4)));
    assert_eq!(world.append(own, "/worker/worker-1/telemetry", b"two\n"), Ok(Write::Done(4)));
    assert_eq!(world.cat(queen, "/worker/worker-1/telemetry").as_deref(), Ok("one\ntwo\n"));
    assert_eq!(world.cat(own, "/worker/self/telemetry").as_deref(), Ok("one\ntwo\n"));
    let sched = "nine-door priority=200\nworker-1 kind=heartbeat period_ms=500 ticks_left=5          \
                 ops_left=82         ttl_left_s=60      \n";
    assert_eq!(world.cat(queen, "/proc/sched").as_deref(), Ok(sched));
    let node = world.find(queen, "/worker/worker-1/telemetry").expect("there");
    let directory = world.find(queen, "/worker/worker-1").expect("there");
    let mut open = world.open(queen, node, READ).expect("readable");
    world.command(queen, r#"{"kill":"worker-1"}"#).expect("killed");
    assert_eq!(world.list(queen, "/worker").expect("listed"), [] as [&str; 0]);
    assert_eq!(world.read(queen, node, &mut open, 0), Err(Error::Closed));
    assert_eq!(world.stat_of(queen, node), Err(Error::Closed));
    assert_eq!(world.stat_of(queen, directory), Err(Error::Closed));
    assert_eq!(world.find(queen, "/worker/worker-1"), Err(Error::NotFound));
    // Another in the same place is another, and has nothing of the first.
    let next = world.spawn(queen, r#"{"spawn":"heartbeat"}"#);
    assert_eq!((next.place, next.number), (worker.place, 2));
    assert_eq!(world.cat(queen, "/worker/worker-2/telemetry").as_deref(), Ok(""));
    assert_eq!(world.read(queen, node, &mut open, 0), Err(Error::Closed));
    for name in ["worker-1", "worker-02", "worker-", "self", "worker-2x", "worker--2"] {
        let path = format!("/worker/{name}");
        assert_eq!(world.find(queen, &path), Err(Error::NotFound), "{name}");
    }
}

#[test]
fn no_qid_is_ever_used_again() {
    let mut world = World::new();
    let queen = world.queen();
    let mut seen = std::collections::HashSet::new();
    // No queen sees what bridges write to.
    for fixed in Fixed::all().filter(|fixed| *fixed != Fixed::Publish) {
        assert!(seen.insert(world.stat_of(queen, fixed.into()).expect("a stat").qid.path));
    }
    for _ in 0..50 {
        // No faster than that.
        world.pass(1);
        let bridge = world.bridge("GPU-0");
        for name in ["", "/ctl", "/info", "/status"] {
            let stat = world.stat(queen, &std::format!("/gpu/GPU-0{name}"));
            assert!(seen.insert(stat.expect("a stat").qid.path));
        }
        world.tree.detach(bridge.session);
    }
    for round in 1..50 {
        world.spawn(queen, r#"{"spawn":"heartbeat"}"#);
        for name in ["", "/telemetry"] {
            let stat = world.stat(queen, &format!("/worker/worker-{round}{name}"));
            assert!(seen.insert(stat.expect("a stat").qid.path));
        }
        world.command(queen, &format!(r#"{{"kill":"worker-{round}"}}"#)).expect("killed");
    }
}

#[test]
fn a_listing_goes_on_while_workers_come_and_go() {
    let mut world = World::new();
    let queen = world.queen();
    for _ in 0..4 {
        world.spawn(queen, r#"{"spawn":"heartbeat"}"#);
    }
    let node = world.find(queen, "/worker").expect("there");
    let entry = |world: &mut World, place: u64| {
        let entry = world.tree.entry(queen.session, node, place).expect("listed");
        entry.map(|entry| (String::from(entry.stat.name.as_str()), entry.next))
    };
    let (first, place) = entry(&mut world, 0).expect("an entry");
    assert_eq!(first, "worker-1");
    // The next goes; the place that was listed is used again.
    for name in ["worker-1", "worker-2"] {
        world.command(queen, &format!(r#"{{"kill":"{name}"}}"#)).expect("killed");
    }
    world.spawn(queen, r#"{"spawn":"heartbeat"}"#);
    let (next, place) = entry(&mut world, place).expect("an entry");
    assert_eq!(next, "worker-3");
    let (last, place) = entry(&mut world, place).expect("an entry");
    assert_eq!(last, "worker-4");
    assert_eq!(entry(&mut world, place), None);
}

#[test]
fn the_log_is_appended_to_and_read_from_its_start() {
    let mut world = World::new();
    let queen = world.queen();
    assert_eq!(world.append(queen, "/log/queen.log", b"hello\n"), Ok(Write::Done(6)));
    world.tree.log(format_args!("of the\nsystem"));
    assert_eq!(world.cat(queen, "/log/queen.log").as_deref(), Ok("hello\nof the\\nsystem\n"));
}

#[test]
fn an_overrun_reader_learns_how_much_it_lost_and_a_fresh_open_goes_on() {
    let mut world = World::new();
    let queen = world.queen();
    world.tree.log(format_args!("first"));
    let node = world.find(queen, "/log/queen.log").expect("there");
    let mut open = world.open(queen, node, READ).expect("readable");
    let line = [b'x'; 1000];
    for _ in 0..LOG_BYTES / line.len() + 1 {
        world.append(queen, "/log/queen.log", &line).expect("appended");
    }
    let lost = world.tree.log.start();
    assert_eq!(world.read(queen, node, &mut open, 0), Err(Error::Lost(lost)));
    let mut fresh = world.open(queen, node, READ).expect("readable");
    let read = world.read(queen, node, &mut fresh, 0).expect("read");
    assert_eq!(read.map(|text| text.len()), Some(64));
    let big = std::vec![0; LOG_BYTES + 1];
    assert_eq!(world.append(queen, "/log/queen.log", &big), Err(Error::TooBig));
}

#[test]
fn telemetry_keeps_its_last_lines_and_a_slow_reader_learns_what_it_lost() {
    let mut world = World::new();
    world.tree.host_mut().limits.default.ops = 2000;
    world.tree.host_mut().limits.default.ticks = 1000;
    let queen = world.queen();
    let (_, own) = world.worker(queen);
    let theirs = world.find(own, "/worker/self/telemetry").expect("there");
    let node = world.find(queen, "/worker/worker-1/telemetry").expect("there");
    let mut writer = world.open(own, theirs, WRITE).expect("writable");
    let mut reader = world.open(queen, node, READ).expect("readable");
    let line = [[b'y'; 63].as_slice(), b"\n"].concat();
    for _ in 0..TELEMETRY_BYTES / line.len() + 3 {
        world.write(own, theirs, &mut writer, &line).expect("appended");
    }
    assert_eq!(world.read(queen, node, &mut reader, 0), Err(Error::Lost(3 * 64)));
    assert_eq!(world.stat_of(queen, node).expect("a stat").length, TELEMETRY_BYTES as u64);
    let big = std::vec![0; TELEMETRY_BYTES + 1];
    assert_eq!(world.write(own, theirs, &mut writer, &big), Err(Error::TooBig));
}

#[test]
fn events_wait_and_then_tell_path_and_size() {
    let mut world = World::new();
    let queen = world.queen();
    world.tree.log(format_args!("before"));
    let node = world.find(queen, "/proc/events").expect("there");
    let mut open = world.open(queen, node, READ).expect("readable");
    assert_eq!(world.read(queen, node, &mut open, 0), Ok(None));
    world.append(queen, "/log/queen.log", b"12345\n").expect("appended");
    let (worker, own) = world.worker(queen);
    world.append(own, "/worker/self/telemetry", b"heartbeat 1\n").expect("appended");
    world.command(queen, &format!(r#"{{"kill":"{worker}"}}"#)).expect("killed");
    let mut events = String::new();
    while let Some(more) = world.read(queen, node, &mut open, events.len()).expect("read") {
        events += &more;
    }
    let sizes: Vec<_> = events.lines().map(|line| line.split_once(' ').expect("two")).collect();
    let paths: Vec<_> = sizes.iter().map(|(path, _)| *path).collect();
    assert_eq!(sizes[0], ("/log/queen.log", "13"));
    assert_eq!(sizes[1], ("/worker/worker-1", "0"));
    assert_eq!(sizes[3], ("/worker/worker-1/telemetry", "12"));
    assert_eq!(sizes[4], ("/worker/worker-1", "gone"));
    assert_eq!((paths[2], paths[5], paths.len()), ("/log/queen.log", "/log/queen.log", 6));
}

#[test]
fn nobody_hears_of_what_happened_before_and_a_late_reader_learns_what_it_lost() {
    let mut world = World::new();
    let queen = world.queen();
    let node = world.find(queen, "/proc/events").expect("there");
    let mut early = world.open(queen, node, READ).expect("readable");
    let mut lines = 0;
    while lines * b"/log/queen.log 1\n".len() <= EVENT_BYTES {
        world.tree.log(format_args!("."));
        lines += 1;
    }
    let mut late = world.open(queen, node, READ).expect("readable");
    assert_eq!(world.read(queen, node, &mut late, 0), Ok(None));
    let read = world.read(queen, node, &mut early, 0);
    assert!(matches!(read, Err(Error::Lost(1..))), "{read:?}");
    assert_eq!(world.stat_of(queen, node).expect("a stat").length, 0);
    world.tree.close(queen.session, node, early);
    world.tree.close(queen.session, node, late);
    let (before, changes) = (world.tree.events.version(), world.tree.changes());
    world.tree.log(format_args!("unheard"));
    assert_eq!(world.tree.events.version(), before, "nothing is kept for nobody");
    assert_ne!(world.tree.changes(), changes);
}

#[test]
fn a_qid_changes_with_its_file() {
    let mut world = World::new();
    let queen = world.queen();
    let (_, own) = world.worker(queen);
    let qid =
        |world: &mut World, path: &str| -> Qid { world.stat(queen, path).expect("a stat").qid };
    for path in ["/log/queen.log", "/worker/worker-1/telemetry", "/worker", "/proc/boot"] {
        let before = qid(&mut world, path);
        assert_eq!(qid(&mut world, path), before, "{path}");
        match path {
            "/log/queen.log" => world.tree.log(format_args!("a line")),
            "/worker" => drop(world.spawn(queen, r#"{"spawn":"heartbeat"}"#)),
            "/worker/worker-1/telemetry" => {
                world.append(own, path, b"x").expect("appended");
            }
            _ => continue,
        }
        let after = qid(&mut world, path);
        assert!(after.version != before.version && after.path == before.path, "{path}");
    }
    // Nobody may keep what these say.
    for name in ["caps", "mem", "sched", "self", "sessions"] {
        let path = format!("/proc/{name}");
        assert_ne!(qid(&mut world, &path).version, qid(&mut world, &path).version, "{path}");
    }
}
