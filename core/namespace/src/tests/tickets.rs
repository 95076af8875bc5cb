//! Who is let in.

use std::format;
use std::string::ToString;

use secure9p_core::{Tree, Turn};
use ticket::{Mount, Name, Path, Quotas, Role, Scope, Verb};

use super::super::*;
use super::world::{SECRET, World};

#[test]
fn nobody_gets_in_without_a_valid_ticket_and_the_log_says_why() {
    let mut world = World::new();
    let good = world.ticket(Role::Queen);
    let mut old = world.claims(Role::Queen);
    old.issued_at_ms -= 3_600_000;
    let old = world.mint(&old);
    let mut early = world.claims(Role::Queen);
    early.issued_at_ms += 3_600_000;
    let early = world.mint(&early);
    let other = Key::from_secret(b"another secret than that").expect("long enough");
    let claims = world.claims(Role::Queen);
    let forged = other.mint(&claims).expect("claims").as_str().to_string();
    let cut = &good[..good.len() - 1];
    for (uname, aname, why) in [
        ("queen", "", "there is no ticket"),
        ("queen", "/", "there is no ticket"),
        ("queen", "/proc", "there is no ticket"),
        ("", &*old, "the ticket has expired"),
        ("", &early, "the ticket is not valid yet"),
        ("", &forged, "the ticket is forged"),
        (&forged, "", "the ticket is forged"),
        ("", cut, "it is no ticket"),
        ("me", "cohesix-ticket-", "it is no ticket"),
    ] {
        let connection = world.connection();
        assert!(matches!(world.attach_at(connection, uname, aname), Err(Error::Permission)));
        let line = world.last_line();
        let start = format!("refused: attach connection={}: {why}", connection.0);
        assert!(line.starts_with(&start), "{line}");
    }
    let log = world.log();
    assert!(!log.contains("cohesix-ticket") && !log.contains(&good[16..60]), "{log}");
    for (uname, aname) in [("", &*good), ("me", &good), (&good, ""), (&good, "/")] {
        let connection = world.connection();
        world.attach_at(connection, uname, aname).expect("let in");
    }
}

#[test]
fn a_ticket_is_never_shown() {
    let mut world = World::new();
    let queen = world.queen();
    let ticket = world.ticket(Role::Queen);
    let connection = world.connection();
    world.attach_at(connection, &ticket, "").expect("let in");
    let spoiled = ticket.replace("ticket-", "ticket-0");
    assert!(world.try_attach(&spoiled).is_err());
    let both = format!("x{ticket}");
    let connection = world.connection();
    world.attach_at(connection, &both, &ticket).expect("let in");
    assert!(world.command(queen, &format!(r#"{{"kill":"{ticket}"}}"#)).is_err());
    assert!(world.command(queen, &format!(r#"{{"revoke":{{"ticket":"{ticket}"}}}}"#)).is_err());
    assert!(
        world.command(queen, &format!(r#"{{"bind":{{"from":"/{ticket}","to":"/x"}}}}"#)).is_err()
    );
    world.tree.log(format_args!("{}{}", &ticket[..20], &ticket[20..]));
    let secret = str::from_utf8(SECRET).expect("text");
    for path in ["/log/queen.log", "/proc/sessions", "/proc/self", "/proc/sched", "/proc/caps"] {
        let text = world.cat(queen, path).expect("read");
        let shown = ["cohesix-ticket-0", &ticket[20..60], secret].map(|part| text.contains(part));
        assert_eq!(shown, [false; 3], "{path}: {text}");
    }
}

#[test]
fn a_ticket_may_be_followed_by_a_path_and_nothing_leads_above_it() {
    let mut world = World::new();
    let ticket = world.ticket(Role::Queen);
    let user = world.try_attach(&format!("{ticket}/proc")).expect("let in");
    assert_eq!(world.list(user, "/").expect("listed")[0], "boot");
    assert_eq!(world.find(user, "/../.."), Ok(user.root));
    assert_eq!(world.find(user, "/../queen"), Err(Error::NotFound));
    for (path, error) in [
        ("/nothing", Error::NotFound),
        ("/proc/boot/x", Error::NotFound),
        ("/worker/worker-1", Error::NotFound),
    ] {
        let result = world.try_attach(&format!("{ticket}{path}")).map(|_| ());
        assert_eq!(result, Err(error), "{path}");
    }
    let observer = world.ticket(Role::Observer);
    let refused = world.try_attach(&format!("{observer}/queen")).map(|_| ());
    assert_eq!(refused, Err(Error::Permission));
    assert_eq!(world.cat(user, "sessions").expect("read").lines().count(), 1, "none is left over");
}

#[test]
fn a_worker_attaches_with_its_own_ticket_once_at_a_time() {
    let mut world = World::new();
    let queen = world.queen();
    let (first, own) = world.worker(queen);
    let second = world.spawn(queen, r#"{"spawn":"heartbeat"}"#);
    let tickets =
        [world.worker_ticket(first), world.ticket(Role::Queen), world.ticket(Role::Observer)];
    for ticket in &tickets {
        let refused = world.attach_at(second.connection(), "", ticket).map(|_| ());
        assert_eq!(refused, Err(Error::Permission));
        let line = world.last_line();
        let why = "a worker attaches with its own ticket only";
        assert_eq!(line, format!("refused: attach of worker-2: {why}"));
    }
    let again = world.attach_at(first.connection(), "", &tickets[0]).map(|_| ());
    assert_eq!(again, Err(Error::Busy));
    world.tree.detach(own.session);
    world.attach_worker(first);
    // Whoever has it may use it from elsewhere, and is the worker.
    let elsewhere = world.try_attach(&tickets[0]).expect("let in");
    world.append(elsewhere, "/worker/self/telemetry", b"x\n").expect("appended");
    assert_eq!(world.cat(queen, "/worker/worker-1/telemetry").as_deref(), Ok("x\n"));
}

#[test]
fn a_workers_ticket_is_good_for_this_worker_of_this_boot_only() {
    let mut world = World::new();
    let queen = world.queen();
    let unborn = WorkerId { place: 0, number: 1 };
    let ticket = world.worker_ticket(unborn);
    assert!(matches!(world.try_attach(&ticket), Err(Error::Permission)));
    let worker = world.spawn(queen, r#"{"spawn":"heartbeat"}"#);
    assert_eq!(worker, unborn);
    let mut claims = world.claims(Role::WorkerHeartbeat);
    claims.subject = Some(Name::new("worker-1").expect("a name"));
    for (issued, role, good) in [
        (0, Role::WorkerHeartbeat, true),
        (5_000, Role::WorkerHeartbeat, true),
        (6_001, Role::WorkerHeartbeat, false),
        (0, Role::WorkerGpu, false),
    ] {
        let mut claims = claims.clone();
        claims.issued_at_ms -= issued;
        claims.role = role;
        let ticket = world.mint(&claims);
        assert_eq!(world.try_attach(&ticket).is_ok(), good, "{issued} {role}");
    }
    world.command(queen, r#"{"kill":"worker-1"}"#).expect("killed");
    let ticket = world.mint(&claims);
    assert!(matches!(world.try_attach(&ticket), Err(Error::Permission)));
    let gone = "refused: attach of";
    assert!(!world.last_line().starts_with(gone));
    assert!(world.attach_at(worker.connection(), "", &ticket).is_err());
}

#[test]
fn what_a_ticket_says_and_nobody_heeds_is_refused() {
    let mut world = World::new();
    let mut scoped = world.claims(Role::Queen);
    let path = Path::new("/log").expect("a path");
    let scope = Scope { path, verb: Verb::Read, rate_per_s: None };
    scoped.scopes.push(scope).expect("room");
    let mut limited = world.claims(Role::Queen);
    limited.quotas = Quotas { bandwidth_bytes: 5.try_into().ok(), ..Quotas::default() };
    for claims in [scoped, limited] {
        let ticket = world.mint(&claims);
        assert!(matches!(world.try_attach(&ticket), Err(Error::Permission)));
        assert!(world.last_line().ends_with("are not known here"));
    }
}

#[test]
fn a_ticket_may_mount_a_service() {
    let mut world = World::new();
    for (service, at, good) in [("log", "/l", true), ("moon", "/l", false), ("log", "/a/b", false)]
    {
        let mut claims = world.claims(Role::Queen);
        claims.mount = Some(Mount {
            service: Name::new(service).expect("a name"),
            at: Path::new(at).expect("a path"),
        });
        let ticket = world.mint(&claims);
        let Ok(user) = world.try_attach(&ticket) else {
            assert!(!good, "{service}");
            continue;
        };
        assert!(good, "{service}");
        assert_eq!(world.list(user, "/l").expect("listed"), ["queen.log"]);
    }
}

#[test]
fn who_attaches_again_and_again_keeps_nobody_out() {
    let mut world = World::new();
    let ticket = world.ticket(Role::Observer);
    let greedy = [world.connection(), world.connection()];
    let mut got = 0;
    for connection in greedy.into_iter().cycle().take(2 * MAX_SESSIONS) {
        match world.attach_at(connection, "greedy", &ticket) {
            Ok(_) => got += 1,
            Err(error) => assert_eq!(error, Error::Busy),
        }
    }
    assert_eq!(got, MAX_SESSIONS - 64);
    for _ in 0..64 {
        world.try_attach(&ticket).expect("room for a first session");
    }
    assert!(matches!(world.try_attach(&ticket), Err(Error::Busy)));
    // Workers have places of their own: here nobody can spawn, for the house is full of observers.
    assert!(world.last_line().contains("too many sessions"));
}

#[test]
fn no_control_character_of_a_name_is_shown() {
    let mut world = World::new();
    let ticket = world.ticket(Role::Queen);
    let connection = world.connection();
    let user = world.attach_at(connection, "e\x1bv\ni l", &ticket).expect("let in");
    assert!(world.cat(user, "/proc/self").expect("read").ends_with(" user=evil\n"));
    world.tree.turn(connection, Turn::Frame);
    let connection = world.connection();
    let long = "n".repeat(200);
    let user = world.attach_at(connection, &long, &ticket).expect("let in");
    assert!(
        world.cat(user, "/proc/self").expect("read").ends_with(&format!("={}\n", "n".repeat(32)))
    );
}

#[test]
fn who_is_refused_again_and_again_does_not_fill_the_log() {
    let mut world = World::new();
    let connection = world.connection();
    for _ in 0..1000 {
        assert!(world.attach_at(connection, "", "").is_err());
    }
    let lines = |world: &mut World| world.log().matches("refused: attach").count();
    let first = lines(&mut world);
    assert_eq!(first, 32);
    world.tree.host_mut().now += Duration::from_secs(1);
    for _ in 0..100 {
        assert!(world.attach_at(connection, "", "").is_err());
    }
    assert_eq!(lines(&mut world), first + 2);
    let passed_over = format!("refused: {} more attaches\n", 1000 - first);
    assert!(world.log().contains(&passed_over), "{}", world.log());
}
