//! Who loses its rights has nothing left: open files, waiting reads, sessions.

use std::format;
use std::string::ToString;

use secure9p_codec::{
    Dialect, Fid, Names, Reply, Request, Tag, UserId, decode_reply, encode_request,
};
use ticket::{Role, TicketId};

use super::super::*;
use super::world::{Wire, World};

/// Sends a request; its reply's bytes, if it is answered at once.
fn ask(wire: &mut Wire, world: &mut World, request: &Request<'_>) -> Option<std::vec::Vec<u8>> {
    let mut out = std::vec![0; 8192];
    let tag = if matches!(request, Request::Version { .. }) { Tag::NONE } else { Tag(7) };
    let length = encode_request(Dialect::Linux, tag, request, &mut out).expect("it fits");
    wire.send(world, &out[..length]).map(<[u8]>::to_vec)
}

fn errno(frame: &[u8]) -> u32 {
    match decode_reply(Dialect::Linux, frame).expect("a reply").1 {
        Reply::Lerror { ecode } => ecode,
        other => panic!("{other:?}"),
    }
}

/// Attached at fid 0, `paths` open from fid 1 on with these flags.
fn opened(wire: &mut Wire, world: &mut World, ticket: &str, paths: &[(&str, u32)]) {
    let version = Request::Version { msize: 8192, version: "9P2000.L" };
    ask(wire, world, &version).expect("answered");
    let attach = Request::Attach {
        fid: Fid(0),
        afid: Fid::NONE,
        uname: "",
        aname: ticket,
        n_uname: UserId::NONE,
    };
    assert_eq!(ask(wire, world, &attach).expect("answered")[4], 105);
    for (index, (path, flags)) in paths.iter().enumerate() {
        let fid = Fid(index as u32 + 1);
        let names: std::vec::Vec<_> = path.split('/').filter(|name| !name.is_empty()).collect();
        let mut packed = [0; 256];
        let names = Names::pack(&names, &mut packed).expect("names");
        let walk = Request::Walk { fid: Fid(0), newfid: fid, names };
        assert_eq!(ask(wire, world, &walk).expect("answered")[4], 111, "{path}");
        let open = Request::Lopen { fid, flags: *flags };
        assert_eq!(ask(wire, world, &open).expect("answered")[4], 13, "{path}");
    }
}

/// That every operation on every fid answers that it is closed, and the fid can be given up.
fn is_closed(wire: &mut Wire, world: &mut World, fids: u32) {
    for fid in (0..=fids).map(Fid) {
        let mut packed = [0; 8];
        let names = Names::pack(&["x"], &mut packed).expect("a name");
        let mut requests = std::vec![Request::Getattr { fid, request_mask: 0x7ff }];
        if fid == Fid(0) {
            requests.push(Request::Walk { fid, newfid: Fid(99), names });
            requests.push(Request::Lopen { fid, flags: 0 });
        }
        for request in requests {
            let reply = ask(wire, world, &request).expect("answered");
            assert_eq!(errno(&reply), Error::Closed.errno(), "{request:?}");
        }
        for request in [
            Request::Read { fid, offset: 0, count: 9 },
            Request::Write { fid, offset: 0, data: b"x\n" },
            Request::Readdir { fid, offset: 0, count: 999 },
        ] {
            let reply = ask(wire, world, &request).expect("answered");
            // A fid that is not open for that answers the same number; what a directory or a file
            // cannot do is told before anybody is asked.
            let unfit = [Error::NotDirectory, Error::IsDirectory].map(Error::errno);
            let code = errno(&reply);
            assert!(code == Error::Closed.errno() || unfit.contains(&code), "{request:?} {code}");
        }
        assert_eq!(ask(wire, world, &Request::Clunk { fid }).expect("answered")[4], 121);
    }
}

const ALL: [(&str, u32); 6] = [
    ("proc/events", 0),
    ("log/queen.log", 2),
    ("proc/sessions", 0),
    ("queen/ctl", 1),
    ("worker", 0),
    ("proc", 0),
];

fn waiting(wire: &mut Wire, world: &mut World) {
    let read = Request::Read { fid: Fid(1), offset: 0, count: 100 };
    assert_eq!(ask(wire, world, &read), None, "it waits");
    assert_eq!(wire.connection.waiting(), 1);
}

#[test]
fn a_revoked_ticket_closes_every_file_and_releases_what_waits() {
    let mut world = World::new();
    let queen = world.queen();
    let mut claims = world.claims(Role::Queen);
    claims.nonce = Some(1);
    let ticket = world.mint(&claims);
    let mut wire = Wire::new(ConnectionId(50));
    opened(&mut wire, &mut world, &ticket, &ALL);
    waiting(&mut wire, &mut world);
    let name = TicketId::of(&ticket).expect("a ticket").to_string();
    let changes = world.tree.changes();
    world.command(queen, &format!(r#"{{"revoke":{{"ticket":"{name}"}}}}"#)).expect("revoked");
    assert_ne!(world.tree.changes(), changes);
    let reply = wire.poll(&mut world).expect("released").to_vec();
    assert_eq!(errno(&reply), Error::Closed.errno());
    let before = world.log();
    is_closed(&mut wire, &mut world, ALL.len() as u32);
    assert_eq!(world.log(), before, "nothing was written");
    assert_eq!(world.tree.listeners, 0);
}

#[test]
fn a_session_whose_time_is_over_is_closed_and_what_waits_is_released() {
    let mut world = World::new();
    let mut claims = world.claims(Role::Queen);
    claims.budget.ttl_s = Some(10);
    let ticket = world.mint(&claims);
    let mut wire = Wire::new(ConnectionId(50));
    opened(&mut wire, &mut world, &ticket, &ALL);
    waiting(&mut wire, &mut world);
    world.tree.host_mut().now = world.tree.next_deadline().expect("there is one");
    world.tree.tick();
    let reply = wire.poll(&mut world).expect("released").to_vec();
    assert_eq!(errno(&reply), Error::Closed.errno());
    is_closed(&mut wire, &mut world, ALL.len() as u32);
}

#[test]
fn a_killed_worker_has_nothing_left_and_readers_of_its_telemetry_neither() {
    let mut world = World::new();
    let queen = world.queen();
    let worker = world.spawn(queen, r#"{"spawn":"heartbeat"}"#);
    let ticket = world.worker_ticket(worker);
    let files = [
        ("worker/self/telemetry", 1),
        ("worker/worker-1/telemetry", 2),
        ("worker/self", 0),
        ("log/queen.log", 0),
        ("proc/boot", 0),
    ];
    let mut own = Wire::new(worker.connection());
    opened(&mut own, &mut world, &ticket, &files);
    let mut elsewhere = Wire::new(ConnectionId(60));
    opened(&mut elsewhere, &mut world, &ticket, &files);
    let reader_ticket = world.ticket(Role::Queen);
    let mut reader = Wire::new(ConnectionId(61));
    let watched = [("worker/worker-1/telemetry", 0), ("worker/worker-1", 0)];
    opened(&mut reader, &mut world, &reader_ticket, &watched);
    world.command(queen, r#"{"kill":"worker-1"}"#).expect("killed");
    is_closed(&mut own, &mut world, files.len() as u32);
    is_closed(&mut elsewhere, &mut world, files.len() as u32);
    for fid in [Fid(1), Fid(2)] {
        let stat = ask(&mut reader, &mut world, &Request::Getattr { fid, request_mask: 0x7ff });
        assert_eq!(errno(&stat.expect("answered")), Error::Closed.errno());
    }
    let read = ask(&mut reader, &mut world, &Request::Read { fid: Fid(1), offset: 0, count: 9 });
    assert_eq!(errno(&read.expect("answered")), Error::Closed.errno());
    let list =
        ask(&mut reader, &mut world, &Request::Readdir { fid: Fid(2), offset: 0, count: 999 });
    assert_eq!(errno(&list.expect("answered")), Error::Closed.errno());
    // The reader's own session goes on.
    let stat = Request::Getattr { fid: Fid(0), request_mask: 0x7ff };
    assert_eq!(ask(&mut reader, &mut world, &stat).expect("answered")[4], 25);
}
