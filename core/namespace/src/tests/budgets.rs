//! What a worker or a session may spend.

use std::format;

use secure9p_codec::{Dialect, Fid, Request, Tag, UserId, decode_reply, encode_request};
use secure9p_core::{Tree, Turn};
use ticket::Role;

use super::super::*;
use super::world::{READ, WRITE, Wire, World};

/// By how much a session may end late: times of day are whole milliseconds.
const MILLISECOND: Duration = Duration::from_millis(1);

fn frame(request: &Request<'_>, tag: u16) -> std::vec::Vec<u8> {
    let mut out = std::vec![0; 8192];
    let length = encode_request(Dialect::Linux, Tag(tag), request, &mut out).expect("it fits");
    out.truncate(length);
    out
}

#[test]
fn every_append_is_a_tick_and_one_too_many_ends_the_worker() {
    let mut world = World::new();
    let queen = world.queen();
    let worker = world.spawn(queen, r#"{"spawn":"heartbeat","ticks":2}"#);
    let own = world.attach_worker(worker);
    let ticket = world.worker_ticket(worker);
    let elsewhere = world.try_attach(&ticket).expect("let in");
    let node = world.find(queen, "/worker/worker-1/telemetry").expect("there");
    let mut reader = world.open(queen, node, READ).expect("readable");
    world.append(own, "/worker/self/telemetry", b"1\n").expect("appended");
    // One that is refused is no tick.
    let big = std::vec![0; TELEMETRY_BYTES + 1];
    assert_eq!(world.append(own, "/worker/self/telemetry", &big), Err(Error::TooBig));
    world.append(elsewhere, "/worker/self/telemetry", b"2\n").expect("appended");
    // All of it can still be read.
    assert_eq!(world.read(queen, node, &mut reader, 0).expect("read").as_deref(), Some("1\n2\n"));
    assert_eq!(world.tree.host_mut().killed, []);
    assert_eq!(world.append(own, "/worker/self/telemetry", b"3\n"), Err(Error::Closed));
    assert_eq!(world.tree.host_mut().killed, [worker]);
    assert_eq!(world.last_line(), "ended worker-1 reason=ticks");
    assert_eq!(world.read(queen, node, &mut reader, 0), Err(Error::Closed));
    for user in [own, elsewhere] {
        assert_eq!(world.find(user, "/proc"), Err(Error::Closed));
    }
    assert_eq!(world.cat(queen, "/proc/sessions").expect("read").lines().count(), 1);
}

#[test]
fn every_frame_of_a_worker_counts_whatever_it_is() {
    let mut world = World::new();
    let queen = world.queen();
    let worker = world.spawn(queen, r#"{"spawn":"heartbeat","budget":{"ops":6}}"#);
    let mut wire = Wire::new(worker.connection());
    let left = |world: &mut World| {
        let sched = world.cat(queen, "/proc/sched").expect("read");
        let (_, rest) = sched.split_once("ops_left=").expect("a worker");
        rest.split(' ').next().expect("a number").parse::<u64>().expect("a number")
    };
    let version = frame(&Request::Version { msize: 8192, version: "9P2000.L" }, 0xffff);
    wire.send(&mut world, &version).expect("answered");
    assert_eq!(left(&mut world), 5);
    // No message, no fid, and three names of one walk.
    let mut garbage = frame(&Request::Clunk { fid: Fid(9) }, 1);
    wire.send(&mut world, &garbage).expect("answered");
    garbage[4] = 250;
    wire.send(&mut world, &garbage).expect("answered");
    let ticket = world.worker_ticket(worker);
    let attach = Request::Attach {
        fid: Fid(0),
        afid: Fid::NONE,
        uname: "",
        aname: &ticket,
        n_uname: UserId::NONE,
    };
    wire.send(&mut world, &frame(&attach, 1)).expect("answered");
    let mut packed = [0; 64];
    let names = ["worker", "self", "telemetry"];
    let names = secure9p_codec::Names::pack(&names, &mut packed).expect("names");
    let walk = frame(&Request::Walk { fid: Fid(0), newfid: Fid(1), names }, 1);
    assert_eq!(wire.send(&mut world, &walk).expect("answered")[4], 111);
    assert_eq!(left(&mut world), 1);
    let clunk = frame(&Request::Clunk { fid: Fid(1) }, 1);
    assert_eq!(wire.send(&mut world, &clunk).expect("answered")[4], 121);
    assert_eq!(left(&mut world), 0);
    assert_eq!(world.tree.host_mut().killed, []);
    // A seventh.
    let refused = wire.send(&mut world, &walk).expect("answered").to_vec();
    let (_, reply) = decode_reply(Dialect::Linux, &refused).expect("a reply");
    assert_eq!(reply, secure9p_codec::Reply::Lerror { ecode: Error::Closed.errno() });
    assert_eq!(world.tree.host_mut().killed, [worker]);
    assert_eq!(world.last_line(), "ended worker-1 reason=ops");
    // What is said after the end is heard by nobody and ends nobody else.
    let next = world.spawn(queen, r#"{"spawn":"heartbeat"}"#);
    assert_eq!(next.place, worker.place);
    for _ in 0..200 {
        wire.send(&mut world, &walk);
    }
    assert_eq!(left(&mut world), 100);
    wire.connection.close(&mut world.tree);
}

#[test]
fn what_waits_and_what_others_do_costs_a_worker_nothing() {
    let mut world = World::new();
    let queen = world.queen();
    let (worker, _) = world.worker(queen);
    let before = world.cat(queen, "/proc/sched").expect("read");
    world.tree.turn(worker.connection(), Turn::Retry);
    for _ in 0..10 {
        world.find(queen, "/worker/worker-1/telemetry").expect("there");
    }
    assert_eq!(world.cat(queen, "/proc/sched").expect("read"), before);
    // A session elsewhere with its ticket spends what the worker has.
    let ticket = world.worker_ticket(worker);
    let elsewhere = world.try_attach(&ticket).expect("let in");
    world.find(elsewhere, "/worker").expect("there");
    let after = world.cat(queen, "/proc/sched").expect("read");
    assert!(before.contains("ops_left=99") && after.contains("ops_left=98"), "{before}{after}");
}

#[test]
fn a_ticket_with_few_operations_ends_with_them() {
    let mut world = World::new();
    let queen = world.queen();
    let mut claims = world.claims(Role::Observer);
    claims.budget.ops = Some(3);
    let ticket = world.mint(&claims);
    let user = world.try_attach(&ticket).expect("let in");
    // One frame that asks for several files is one operation.
    world.tree.turn(user.connection, Turn::Frame);
    for _ in 0..5 {
        use secure9p_core::{Access, AccessPolicy};
        world.tree.allow(user.session, user.root, Access::Walk).expect("allowed");
    }
    let own = world.cat(queen, "/proc/sessions").expect("read");
    assert!(own.contains("ops_left=2"), "{own}");
    for _ in 0..2 {
        world.find(user, "/proc").expect("there");
    }
    assert_eq!(world.find(user, "/proc"), Err(Error::Closed));
    assert!(world.last_line().ends_with("reason=ops"), "{}", world.last_line());
    assert_eq!(world.find(user, "/proc"), Err(Error::Closed));
    assert_eq!(world.cat(queen, "/proc/sessions").expect("read").lines().count(), 1);
}

#[test]
fn a_session_ends_with_its_time_and_the_tree_says_when() {
    let mut world = World::new();
    assert_eq!(world.tree.next_deadline(), None);
    let queen = world.queen();
    let mut claims = world.claims(Role::Observer);
    claims.budget.ttl_s = Some(10);
    let ticket = world.mint(&claims);
    world.tree.host_mut().now += Duration::from_secs(4);
    let user = world.try_attach(&ticket).expect("let in");
    let end = Duration::from_secs(5 + 10) + MILLISECOND;
    assert_eq!(world.tree.next_deadline(), Some(end));
    world.tree.host_mut().now = end - MILLISECOND;
    world.tree.tick();
    assert!(world.find(user, "/proc").is_ok());
    world.tree.host_mut().now = end;
    // Closed by itself, also before anybody calls.
    assert_eq!(world.find(user, "/proc"), Err(Error::Closed));
    let changes = world.tree.changes();
    world.tree.tick();
    assert_ne!(world.tree.changes(), changes, "who waits has to be asked");
    assert!(world.last_line().ends_with("reason=ttl"), "{}", world.last_line());
    assert_eq!(world.tree.next_deadline(), Some(Duration::from_secs(3600 + 5) + MILLISECOND));
    assert!(matches!(world.try_attach(&ticket), Err(Error::Permission)));
    world.find(queen, "/proc").expect("still there");
}

#[test]
fn a_worker_whose_time_is_over_ends_even_if_the_host_says_nothing() {
    let mut world = World::new();
    let queen = world.queen();
    let worker = world.spawn(queen, r#"{"spawn":"heartbeat"}"#);
    let mut claims = world.claims(Role::WorkerHeartbeat);
    claims.subject = Some(ticket::Name::new("worker-1").expect("a name"));
    claims.budget.ttl_s = Some(60);
    let ticket = world.mint(&claims);
    world.attach_at(worker.connection(), "", &ticket).expect("let in");
    world.tree.host_mut().now += Duration::from_secs(60) + MILLISECOND;
    world.tree.tick();
    assert_eq!(world.tree.host_mut().killed, [worker]);
    assert_eq!(world.last_line(), "ended worker-1 reason=ttl");
}

#[test]
fn who_ended_by_itself_is_logged_with_its_reason() {
    let mut world = World::new();
    let queen = world.queen();
    for (reason, text) in [
        (Reason::Ttl, "ttl"),
        (
            Reason::Fault { kind: "vm", address: 0x10, ip: 0x20_0000 },
            "fault kind=vm address=0x10 ip=0x200000",
        ),
        (Reason::Exited { code: 1 }, "exited code=1"),
    ] {
        let (worker, own) = world.worker(queen);
        let node = world.find(own, "/worker/self/telemetry").expect("there");
        let mut open = world.open(own, node, WRITE).expect("writable");
        world.tree.host_mut().ended.push_back(Ended { worker, reason });
        world.tree.reap();
        assert_eq!(world.last_line(), format!("ended {worker} reason={text}"));
        assert_eq!(world.write(own, node, &mut open, b"x"), Err(Error::Closed));
        assert_eq!(world.list(queen, "/worker").expect("listed"), [] as [&str; 0]);
        // Once is enough.
        let log = world.log();
        world.tree.host_mut().workers[usize::from(worker.place)] = Some(0);
        world.tree.host_mut().ended.push_back(Ended { worker, reason });
        world.tree.reap();
        assert_eq!(world.log(), log);
        let line = format!(r#"{{"kill":"{worker}"}}"#);
        assert_eq!(world.command(queen, &line), Err(Error::NotFound));
    }
    assert_eq!(world.tree.host_mut().killed, []);
}
