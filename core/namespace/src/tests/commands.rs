//! Lines of `/queen/ctl`.

use std::format;
use std::string::{String, ToString};

use secure9p_core::Tree;
use ticket::{Role, TicketId};

use super::super::*;
use super::world::{LIMITS, PLACES, WRITE, World};

#[test]
fn a_worker_gets_what_was_asked_for_and_else_the_default() {
    let mut world = World::new();
    let queen = world.queen();
    let line =
        r#"{"spawn":"heartbeat","ticks":7,"period_ms":250,"budget":{"ttl_s":120,"ops":500}}"#;
    world.spawn(queen, line);
    let log = "spawned worker-1 role=heartbeat period_ms=250 ticks=7 ops=500 ttl_s=120";
    assert_eq!(world.last_line(), log);
    world.spawn(queen, r#"{"spawn":"heartbeat"}"#);
    world.command(queen, r#"{"budget":{"ttl_s":99}}"#).expect("taken");
    assert_eq!(world.last_line(), "budget ticks=10 ops=100 ttl_s=99");
    world.command(queen, r#"{"budget":{"ops":5}}"#).expect("taken");
    world.spawn(queen, r#"{"spawn":"heartbeat","ticks":3}"#);
    let budgets: std::vec::Vec<_> =
        world.tree.host_mut().spawned.iter().map(|spawn| (spawn.period_ms, spawn.budget)).collect();
    let budget = |ticks, ops, ttl_s| Budget { ticks, ops, ttl_s };
    let expected = [(250, budget(7, 500, 120)), (500, LIMITS.default), (500, budget(3, 5, 99))];
    assert_eq!(budgets, expected);
    assert_eq!(world.cat(queen, "/queen/last").as_deref(), Ok("worker-3\n"));
    let other = world.queen();
    assert_eq!(world.cat(other, "/queen/last").as_deref(), Ok(""));
}

#[test]
fn more_than_the_most_is_refused_and_nothing_happens() {
    let mut world = World::new();
    let queen = world.queen();
    for (line, why) in [
        (r#"{"spawn":"heartbeat","ticks":1001}"#, "ticks: must be from 1 to 1000 here"),
        (
            r#"{"spawn":"heartbeat","budget":{"ops":2001}}"#,
            "budget.ops: must be from 1 to 2000 here",
        ),
        (
            r#"{"spawn":"heartbeat","budget":{"ttl_s":601}}"#,
            "budget.ttl_s: must be from 1 to 600 here",
        ),
        (r#"{"spawn":"heartbeat","period_ms":99}"#, "period_ms: must be from 100 to 5000 here"),
        (r#"{"spawn":"heartbeat","period_ms":5001}"#, "period_ms: must be from 100 to 5000 here"),
        (r#"{"budget":{"ticks":1001}}"#, "ticks: must be from 1 to 1000 here"),
        (r#"{"spawn":"heartbeat","ticks":0}"#, "ticks: must be a whole number from 1 to"),
        (r#"{"spawn":"heartbeat","colour":1}"#, "colour: is no field here"),
        (r#"{"spawn":"heartbeat"} x"#, "line: must end with the object"),
        ("nonsense", "line: must be one JSON object"),
    ] {
        assert_eq!(world.command(queen, line), Err(Error::Invalid), "{line}");
        let logged = world.last_line();
        assert!(logged.starts_with(&format!("refused: {why}")), "{logged}");
        assert!(logged.ends_with(&format!(": {line}")), "{logged}");
    }
    for (line, error) in [
        (r#"{"kill":"worker-9"}"#, Error::NotFound),
        (r#"{"mount":{"service":"gpu-bridge","at":"/gpu"}}"#, Error::NotFound),
        (r#"{"bind":{"from":"/nothing","to":"/x"}}"#, Error::NotFound),
        (
            r#"{"spawn":"gpu","lease":{"gpu_id":"GPU-0","mem_mb":1,"streams":1,"ttl_s":1}}"#,
            Error::Busy,
        ),
        (r#"{"revoke":{"ticket":"0011223344556677"}}"#, Error::NotFound),
    ] {
        assert_eq!(world.command(queen, line), Err(error), "{line}");
        assert!(world.last_line().ends_with(&format!(": {line}")), "{}", world.last_line());
    }
    assert_eq!(world.tree.host_mut().spawned, []);
}

#[test]
fn a_full_house_answers_busy_and_is_unchanged() {
    let mut world = World::new();
    let queen = world.queen();
    let line = r#"{"spawn":"heartbeat"}"#;
    for _ in 0..PLACES {
        world.spawn(queen, line);
    }
    let look = |world: &mut World| {
        let sessions = world.cat(queen, "/proc/sessions").expect("read").lines().count();
        (sessions, ["/proc/sched", "/queen/last"].map(|path| world.cat(queen, path)))
    };
    let before = look(&mut world);
    assert_eq!(world.command(queen, line), Err(Error::Busy));
    let why = "spawn: every place is taken: kill a worker first";
    assert_eq!(world.last_line(), format!("refused: {why}: {line}"));
    assert_eq!(look(&mut world), before);
    for (refusal, error) in [
        (SpawnError::Memory, Error::Busy),
        (SpawnError::Throttled, Error::Busy),
        (SpawnError::Kind, Error::NotFound),
    ] {
        world.tree.host_mut().refuses = Some(refusal);
        assert_eq!(world.command(queen, line), Err(error));
        assert_eq!(look(&mut world), before);
    }
    world.command(queen, r#"{"kill":"worker-2"}"#).expect("killed");
    let next = world.spawn(queen, line);
    assert_eq!((next.place, next.number), (1, PLACES as u32 + 1));
}

#[test]
fn ten_thousand_workers_one_after_another_leave_nothing() {
    let mut world = World::new();
    let queen = world.queen();
    for number in 1..=10_000_u32 {
        let worker = world.spawn(queen, r#"{"spawn":"heartbeat"}"#);
        assert_eq!((worker.place, worker.number), (0, number));
        let own = world.attach_worker(worker);
        world.append(own, "/worker/self/telemetry", b"heartbeat 1\n").expect("appended");
        world.command(queen, &format!(r#"{{"kill":"{worker}"}}"#)).expect("killed");
    }
    assert_eq!(world.cat(queen, "/proc/sched").as_deref(), Ok("nine-door priority=200\n"));
    assert_eq!(world.cat(queen, "/proc/sessions").expect("read").lines().count(), 1);
    for _ in 0..PLACES {
        world.spawn(queen, r#"{"spawn":"heartbeat"}"#);
    }
}

#[test]
fn a_host_with_other_places_than_the_tree_gets_its_worker_back() {
    let mut world = World::new();
    let queen = world.queen();
    world.tree.host_mut().workers = std::vec![None; PLACES + 1];
    for _ in 0..PLACES {
        world.spawn(queen, r#"{"spawn":"heartbeat"}"#);
    }
    assert_eq!(world.command(queen, r#"{"spawn":"heartbeat"}"#), Err(Error::Busy));
    assert_eq!(world.tree.host_mut().killed.len(), 1, "nobody lives whom nobody sees");
}

#[test]
fn all_lines_of_a_write_are_parsed_before_the_first_is_done() {
    let mut world = World::new();
    let queen = world.queen();
    let bad = "{\"spawn\":\"heartbeat\"}\n \n\n{\"kill\":\"worker-1\"}\n{\"kill\":1}\n";
    assert_eq!(world.append(queen, "/queen/ctl", bad.as_bytes()), Err(Error::Invalid));
    assert_eq!(world.tree.host_mut().spawned, []);
    // Those before the first that cannot be done have happened.
    let some = "{\"spawn\":\"heartbeat\"}\n{\"kill\":\"worker-7\"}\n{\"spawn\":\"heartbeat\"}\n";
    assert_eq!(world.append(queen, "/queen/ctl", some.as_bytes()), Err(Error::NotFound));
    assert_eq!(world.tree.host_mut().spawned.len(), 1);
    let good = "{\"spawn\":\"heartbeat\"}\n \n{\"kill\":\"worker-1\"}\n";
    world.append(queen, "/queen/ctl", good.as_bytes()).expect("done");
    assert_eq!(world.list(queen, "/worker").expect("listed"), ["worker-2"]);
}

#[test]
fn a_line_in_pieces_is_done_when_it_ends_and_not_where_its_beginning_was_refused() {
    let mut world = World::new();
    let queen = world.queen();
    let node = world.find(queen, "/queen/ctl").expect("there");
    let mut open = world.open(queen, node, WRITE).expect("writable");
    let mut write = |world: &mut World, data: &str| -> Result<usize, Error> {
        world.write(queen, node, &mut open, data.as_bytes())?;
        Ok(world.tree.host_mut().spawned.len())
    };
    assert_eq!(write(&mut world, "{\"spawn\":"), Ok(0));
    assert_eq!(write(&mut world, "\"heart"), Ok(0));
    assert_eq!(write(&mut world, "beat\"}\n{\"spawn\":\"heart"), Ok(1));
    assert_eq!(write(&mut world, "beat\"}\n{\"spawn\":\"heartbeat\"}\n"), Ok(3));
    // The write with a refused line takes the beginning of the next with it.
    assert_eq!(write(&mut world, "{\"kill\":1}\n{\"spawn\":"), Err(Error::Invalid));
    assert_eq!(
        write(&mut world, "\"heartbeat\"}\n{\"spawn\":\"heartbeat\"}\n"),
        Err(Error::Invalid)
    );
    assert_eq!(write(&mut world, "{\"spawn\":\"heartbeat\"}\n"), Ok(4));
    assert_eq!(write(&mut world, "{\"kill\":\"worker-"), Ok(4));
    world.tree.close(queen.session, node, open);
    assert_eq!(world.last_line(), "refused: a line did not end");
    let endless = std::vec![b'a'; joiner::MAX_CONTROL_LINE + 1];
    assert_eq!(world.append(queen, "/queen/ctl", &endless), Err(Error::TooBig));
    assert_eq!(world.last_line(), "refused: a line is too long");
}

#[test]
fn what_is_refused_is_logged_without_what_moves_a_cursor() {
    let mut world = World::new();
    let queen = world.queen();
    assert_eq!(world.append(queen, "/queen/ctl", b"bad \xff\x1b\n"), Err(Error::Invalid));
    assert!(world.last_line().ends_with(": bad \u{fffd}\\u{1b}"), "{}", world.last_line());
}

#[test]
fn a_revoked_ticket_ends_its_sessions_and_lets_nobody_in() {
    let mut world = World::new();
    let queen = world.queen();
    let mut claims = world.claims(Role::Observer);
    claims.nonce = Some(1);
    let ticket = world.mint(&claims);
    claims.nonce = Some(2);
    let other = world.mint(&claims);
    let users = [(); 2].map(|()| world.try_attach(&ticket).expect("let in"));
    let stays = world.try_attach(&other).expect("let in");
    let name = TicketId::of(&ticket).expect("a ticket").to_string();
    let changes = world.tree.changes();
    world.command(queen, &format!(r#"{{"revoke":{{"ticket":"{name}"}}}}"#)).expect("revoked");
    assert_ne!(world.tree.changes(), changes);
    for user in users {
        assert_eq!(world.find(user, "/proc"), Err(Error::Closed));
    }
    assert!(world.find(stays, "/proc").is_ok());
    assert!(matches!(world.try_attach(&ticket), Err(Error::Permission)));
    assert!(world.last_line().contains("the ticket was revoked"));
    let log = world.log();
    assert!(log.contains(&format!("revoked ticket={name}\n")));
    let ended: std::vec::Vec<&str> =
        log.lines().filter(|line| line.ends_with("reason=revoked")).collect();
    assert_eq!(ended.len(), 2, "{log}");
    let worker = world.worker(queen);
    let ticket = world.worker_ticket(worker.0);
    let name: String = TicketId::of(&ticket).expect("a ticket").to_string();
    let line = format!(r#"{{"revoke":{{"ticket":"{name}"}}}}"#);
    assert_eq!(world.command(queen, &line), Err(Error::Invalid));
    assert!(world.last_line().contains("kill the worker"), "{}", world.last_line());
}
