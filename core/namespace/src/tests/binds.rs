//! What a session binds and mounts.

use std::format;
use std::string::String;
use std::vec::Vec;

use ticket::Role;

use super::super::*;
use super::world::{User, World};

fn bind(world: &mut World, user: User, from: &str, to: &str) -> Result<(), Error> {
    world.command(user, &format!(r#"{{"bind":{{"from":"{from}","to":"{to}"}}}}"#))
}

fn mount(world: &mut World, user: User, service: &str, at: &str) -> Result<(), Error> {
    world.command(user, &format!(r#"{{"mount":{{"service":"{service}","at":"{at}"}}}}"#))
}

#[test]
fn a_bound_directory_is_the_same_by_both_paths() {
    let mut world = World::new();
    let queen = world.queen();
    let (_, own) = world.worker(queen);
    world.append(own, "/worker/self/telemetry", b"here\n").expect("appended");
    bind(&mut world, queen, "/worker", "/shadow").expect("bound");
    assert!(world.last_line().starts_with("bound /worker to /shadow session=0"));
    assert_eq!(world.list(queen, "/shadow").expect("listed"), ["worker-1"]);
    assert_eq!(world.cat(queen, "/shadow/worker-1/telemetry").as_deref(), Ok("here\n"));
    let root = ["proc", "log", "queen", "worker", "gpu", "shadow"];
    assert_eq!(world.list(queen, "/").expect("listed"), root);
    for path in ["", "/worker-1", "/worker-1/telemetry"] {
        let there = world.stat(queen, &format!("/worker{path}")).expect("a stat");
        let here = world.stat(queen, &format!("/shadow{path}")).expect("a stat");
        assert_eq!((here.qid, here.permissions), (there.qid, there.permissions), "{path}");
    }
    assert_eq!(world.stat(queen, "/shadow").expect("a stat").name, "shadow");
    assert_eq!(world.stat(queen, "/worker").expect("a stat").name, "worker");
    // What comes later is seen, too, and what goes goes.
    world.spawn(queen, r#"{"spawn":"heartbeat"}"#);
    assert_eq!(world.list(queen, "/shadow").expect("listed"), ["worker-1", "worker-2"]);
    world.command(queen, r#"{"kill":"worker-1"}"#).expect("killed");
    assert_eq!(world.list(queen, "/shadow").expect("listed"), ["worker-2"]);
    assert_eq!(world.find(queen, "/shadow/worker-1"), Err(Error::NotFound));
}

#[test]
fn up_leads_to_where_the_mount_stands() {
    let mut world = World::new();
    let queen = world.queen();
    world.worker(queen);
    bind(&mut world, queen, "/worker/worker-1", "/proc/w").expect("bound");
    bind(&mut world, queen, "/log", "/proc/w/l").expect("bound");
    let mut same = |one: &str, other: &str| {
        let (one, other) = (world.find(queen, one), world.find(queen, other));
        assert!(one.is_ok());
        assert_eq!(one, other);
    };
    same("/proc/w/..", "/proc");
    same("/proc/w/telemetry", "/proc/w/l/../telemetry");
    same("/proc/w/l/../..", "/proc");
    same("/proc/w/l/../../../proc/w/../boot", "/proc/boot");
    same("/worker/worker-1/..", "/worker");
    same("/proc/w/../../..", "/");
    // The longest prefix counts, and only by this path.
    assert_eq!(world.list(queen, "/proc/w").expect("listed"), ["telemetry", "l"]);
    assert_eq!(world.list(queen, "/proc/w/l").expect("listed"), ["queen.log"]);
    assert_eq!(world.find(queen, "/worker/worker-1/l"), Err(Error::NotFound));
    assert_eq!(world.list(queen, "/worker/worker-1").expect("listed"), ["telemetry"]);
}

#[test]
fn what_is_mounted_below_stays_where_it_is() {
    let mut world = World::new();
    let queen = world.queen();
    bind(&mut world, queen, "/log", "/proc/l").expect("bound");
    bind(&mut world, queen, "/proc", "/queen/p").expect("bound");
    assert!(world.find(queen, "/proc/l").is_ok());
    assert_eq!(world.find(queen, "/queen/p/l"), Err(Error::NotFound));
    assert!(!world.list(queen, "/queen/p").expect("listed").contains(&String::from("l")));
    // A mount of a mount is what it shows.
    bind(&mut world, queen, "/proc/l", "/again").expect("bound");
    assert_eq!(world.list(queen, "/again").expect("listed"), ["queen.log"]);
    assert_eq!(world.find(queen, "/again/.."), Ok(queen.root));
}

#[test]
fn an_existing_name_is_shadowed_and_listed_once() {
    let mut world = World::new();
    let queen = world.queen();
    mount(&mut world, queen, "log", "/proc").expect("mounted");
    assert!(world.last_line().starts_with("mounted log at /proc session=0"));
    assert_eq!(world.list(queen, "/proc").expect("listed"), ["queen.log"]);
    assert_eq!(world.list(queen, "/").expect("listed"), ["log", "queen", "worker", "gpu", "proc"]);
    assert_eq!(world.find(queen, "/proc/boot"), Err(Error::NotFound));
    assert_eq!(world.find(queen, "/proc/.."), Ok(queen.root));
    // A file in a file's place.
    bind(&mut world, queen, "/queen/last", "/queen/ctl").expect("bound");
    assert_eq!(world.list(queen, "/queen").expect("listed"), ["last", "ctl"]);
    assert_eq!(world.append(queen, "/queen/ctl", b"x"), Err(Error::Permission));
}

#[test]
fn circles_missing_and_taken_places_are_refused() {
    let mut world = World::new();
    let queen = world.queen();
    world.worker(queen);
    bind(&mut world, queen, "/worker", "/shadow").expect("bound");
    for (from, to, error) in [
        ("/worker", "/worker", Error::Invalid),
        ("/worker", "/worker/x", Error::Invalid),
        ("/worker", "/worker/worker-1/x", Error::Invalid),
        ("/worker/worker-1", "/worker/worker-1/x", Error::Invalid),
        ("/", "/x", Error::Invalid),
        ("/worker", "/", Error::Invalid),
        ("/shadow", "/shadow/x", Error::Invalid),
        ("/nothing", "/x", Error::NotFound),
        ("/worker/worker-9", "/x", Error::NotFound),
        ("/proc", "/nothing/x", Error::NotFound),
        ("/proc", "/proc/boot/x", Error::NotDirectory),
        ("/log", "/shadow", Error::Busy),
        ("/log", "/proc/boot", Error::Invalid),
        ("/proc/boot", "/log", Error::Invalid),
    ] {
        assert_eq!(bind(&mut world, queen, from, to), Err(error), "{from} {to}");
        assert!(world.last_line().starts_with("refused: "), "{}", world.last_line());
    }
    let long = "n".repeat(65);
    assert_eq!(bind(&mut world, queen, "/log", &format!("/{long}")), Err(Error::TooBig));
    for (service, at, error) in [
        ("gpu-bridge", "/gpu", Error::NotFound),
        ("log", "/log", Error::Invalid),
        ("queen", "/queen/q", Error::Invalid),
        ("log", "/shadow", Error::Busy),
        ("log", "/nothing/x", Error::NotFound),
    ] {
        assert_eq!(mount(&mut world, queen, service, at), Err(error), "{service} {at}");
    }
    for number in 1..MAX_MOUNTS {
        bind(&mut world, queen, "/log", &format!("/m{number}")).expect("room");
    }
    assert_eq!(bind(&mut world, queen, "/log", "/one-more"), Err(Error::Busy));
}

#[test]
fn a_session_sees_its_own_mounts_and_nobody_elses() {
    let mut world = World::new();
    let (queen, other) = (world.queen(), world.queen());
    // On the same connection, with the same ticket.
    let ticket = world.ticket(Role::Queen);
    let twin = world.attach_at(queen.connection, "twin", &ticket).expect("let in");
    let (_, own) = world.worker(queen);
    let before: Vec<_> = [other, twin].map(|user| world.list(user, "/queen")).into();
    bind(&mut world, queen, "/proc", "/p").expect("bound");
    mount(&mut world, queen, "log", "/queen").expect("mounted");
    assert_eq!(world.list(queen, "/queen").expect("listed"), ["queen.log"]);
    let after: Vec<_> = [other, twin].map(|user| world.list(user, "/queen")).into();
    assert_eq!(after, before);
    for user in [other, twin, own] {
        assert_eq!(world.find(user, "/p"), Err(Error::NotFound));
    }
    // They are gone with the session, and the next in its place has none.
    use secure9p_core::Tree;
    world.tree.detach(queen.session);
    let next = world.queen();
    assert_eq!(world.find(next, "/p"), Err(Error::NotFound));
    assert_eq!(world.list(next, "/queen").expect("listed"), ["ctl", "last"]);
}

#[test]
fn a_mount_whose_worker_is_gone_gives_its_place_back() {
    let mut world = World::new();
    let queen = world.queen();
    for round in 1..3 * MAX_MOUNTS {
        world.worker(queen);
        let from = format!("/worker/worker-{round}");
        bind(&mut world, queen, &from, "/w").expect("bound");
        assert_eq!(world.list(queen, "/w").expect("listed"), ["telemetry"]);
        let inside = world.find(queen, "/w/telemetry").expect("there");
        world.command(queen, &format!(r#"{{"kill":"worker-{round}"}}"#)).expect("killed");
        assert_eq!(world.find(queen, "/w"), Err(Error::NotFound));
        assert!(!world.list(queen, "/").expect("listed").contains(&String::from("w")));
        assert_eq!(world.stat_of(queen, inside), Err(Error::Closed));
    }
}

#[test]
fn only_a_queen_binds() {
    let mut world = World::new();
    let queen = world.queen();
    let (_, own) = world.worker(queen);
    for user in [own, world.attach(Role::Observer), world.attach(Role::GpuBridge)] {
        assert_eq!(bind(&mut world, user, "/log", "/l"), Err(Error::Permission));
    }
}
