//! Workers: spawned, beating, killed, expired, and what is left of them.

use std::time::Instant;

use conformance_tests::{
    CONTROL, Client, DEADLINE, DIALECTS, EVENTS, Hive, LOG, MEMORY, Mode, Role, SESSIONS, cases,
    claims, refusals as r,
};
use secure9p_codec::{Dialect, Fid, Reply, Request};

cases![
    two_workers_from_their_spawn_to_their_ends,
    a_worker_beats_until_its_ticks_are_spent,
    a_worker_ends_when_its_time_is_over,
    a_killed_worker_is_gone_with_all_that_it_had,
    requests_that_are_spent_end_a_worker,
    a_write_with_a_bad_line_does_nothing,
    more_than_the_most_is_refused,
    a_queen_reads_which_worker_it_spawned,
    a_revoked_ticket_ends_its_sessions_and_what_waits,
    an_expired_session_is_closed_and_what_waits_is_released,
];

/// Spawns a worker and says its name.
fn spawn(client: &mut Client, line: &str) -> String {
    client.append(CONTROL, &format!("{line}\n"));
    let last = client.cat("/queen/last");
    last.strip_suffix('\n').expect("a worker").to_owned()
}

/// Waits until the log has a line that begins so, and returns the line.
fn logged(client: &mut Client, start: &str) -> String {
    client.until(LOG, |log| log.lines().any(|line| line.starts_with(start)));
    let log = client.cat(LOG);
    log.lines().find(|line| line.starts_with(start)).expect("it was there").to_owned()
}

/// Memory that is free, as the system has it.
fn free(client: &mut Client) -> String {
    let text = client.cat(MEMORY);
    text.lines().find(|line| line.starts_with("free: ")).expect("a line").to_owned()
}

/// One expires, the other is killed; nothing is left of either.
fn two_workers_from_their_spawn_to_their_ends(hive: &Hive) {
    let mut client = Client::attach(hive, Dialect::Linux);
    let before = free(&mut client);
    let spawned =
        |ttl_s| format!(r#"{{"spawn":"heartbeat","period_ms":100,"budget":{{"ttl_s":{ttl_s}}}}}"#);
    let short = spawn(&mut client, &spawned(1));
    let long = spawn(&mut client, &spawned(600));
    let names = |client: &mut Client| -> Vec<String> {
        client.list("/worker", 8000).into_iter().map(|entry| entry.name).collect()
    };
    assert_eq!(names(&mut client), [short.clone(), long.clone()]);
    for (fid, worker) in [(1, &short), (2, &long)] {
        let telemetry = format!("/worker/{worker}/telemetry");
        client.until(&telemetry, |text| text.contains("heartbeat "));
        client.open_at(fid, &telemetry, Mode::READ);
    }
    logged(&mut client, &format!("ended {short} reason=ttl"));
    assert_eq!(names(&mut client), std::slice::from_ref(&long));
    client.refuses(&Request::Read { fid: Fid(1), offset: 0, count: 9 }, r::CLOSED);
    client.append(CONTROL, &format!("{{\"kill\":\"{long}\"}}\n"));
    logged(&mut client, &format!("ended {long} reason=killed"));
    client.refuses(&Request::Read { fid: Fid(2), offset: 0, count: 9 }, r::CLOSED);
    assert_eq!(names(&mut client), [""; 0]);
    let log = client.cat(LOG);
    for worker in [&short, &long] {
        let lines = log.lines().filter(|line| line.contains(&format!("{worker} "))).count();
        assert_eq!(lines, 2, "{log}");
    }
    client.until(MEMORY, |text| text.contains(&format!("{before}\n")));
}

fn a_worker_beats_until_its_ticks_are_spent(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::alone(hive, dialect);
        // Whatever changes wakes it.
        let mut watcher = Client::attach(hive, dialect);
        watcher.open_at(1, EVENTS, Mode::READ);
        let before = free(&mut client);
        let line = r#"{"spawn":"heartbeat","ticks":3,"period_ms":300}"#;
        let worker = spawn(&mut client, line);
        let spawned = logged(&mut client, &format!("spawned {worker} "));
        assert!(spawned.contains(" role=heartbeat period_ms=300 ticks=3 "), "{spawned}");
        let path = format!("/worker/{worker}/telemetry");
        client.open_at(1, &path, Mode::READ);
        // Three beats and one that is too many.
        let (mut events, mut beats) = (String::new(), Vec::new());
        let gone = format!("/worker/{worker} gone\n");
        while !events.contains(&gone) {
            let more = watcher.read(1, events.len() as u64, 8000);
            events += str::from_utf8(&more).expect("text");
            let read =
                client.ask(&Request::Read { fid: Fid(1), offset: beats.len() as u64, count: 100 });
            if let Reply::Read { data } = read.reply() {
                beats.extend_from_slice(data);
            }
        }
        let text = String::from_utf8(beats).expect("text");
        let ticks: Vec<u64> = text
            .lines()
            .map(|line| line.strip_prefix("heartbeat ").expect(line).parse().expect(line))
            .collect();
        assert_eq!(ticks.len(), 3, "{text}");
        assert!(ticks[0] >= 1 && ticks.is_sorted_by(|a, b| a < b), "{text}");
        assert_eq!(events.matches(&format!("{path} ")).count(), 3, "{events}");
        assert!(events.contains(&format!("/worker/{worker} 0\n")), "{events}");
        logged(&mut client, &format!("ended {worker} reason=ticks"));
        let read = Request::Read { fid: Fid(1), offset: 0, count: 100 };
        client.refuses(&read, r::CLOSED);
        client.until(MEMORY, |text| text.contains(&format!("{before}\n")));
    }
}

fn a_worker_ends_when_its_time_is_over(hive: &Hive) {
    let mut client = Client::attach(hive, Dialect::Linux);
    let start = Instant::now();
    let line = r#"{"spawn":"heartbeat","period_ms":3600000,"budget":{"ttl_s":1}}"#;
    let short = spawn(&mut client, line);
    let long = spawn(&mut client, r#"{"spawn":"heartbeat","period_ms":3600000}"#);
    let ended = logged(&mut client, &format!("ended {short} "));
    assert_eq!(ended, format!("ended {short} reason=ttl"));
    assert!(start.elapsed().as_secs() >= 1, "{:?}", start.elapsed());
    let names: Vec<_> = client.list("/worker", 8000).into_iter().map(|entry| entry.name).collect();
    assert_eq!(names, [long]);
}

fn a_killed_worker_is_gone_with_all_that_it_had(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::alone(hive, dialect);
        let before = free(&mut client);
        let worker = spawn(&mut client, r#"{"spawn":"heartbeat","period_ms":100}"#);
        client.until(SESSIONS, |text| text.contains(&format!(" worker={worker} ")));
        // Somebody else with its ticket.
        let mut claims = claims(Role::WorkerHeartbeat);
        claims.subject = ticket::Name::new(&worker).ok();
        let mut elsewhere = Client::with_ticket(hive, dialect, hive.mint(&claims));
        elsewhere.open_at(1, "/worker/self/telemetry", Mode::WRITE);
        elsewhere.write(1, 0, b"from elsewhere\n");
        let path = format!("/worker/{worker}/telemetry");
        assert!(client.cat(&path).contains("from elsewhere\n"));
        client.find(1, &format!("/worker/{worker}"));
        client.open_at(2, &path, Mode::READ);
        client.append(CONTROL, &format!("{{\"kill\":\"{worker}\"}}\n"));
        // Answered after the effect.
        let log = client.cat(LOG);
        assert!(log.contains(&format!("ended {worker} reason=killed\n")), "{log}");
        assert!(client.list("/worker", 8000).is_empty());
        client.refuses(&client.stat_request(1), r::CLOSED);
        client.refuses(&Request::Read { fid: Fid(2), offset: 0, count: 9 }, r::CLOSED);
        let write = Request::Write { fid: Fid(1), offset: 0, data: b"late\n" };
        elsewhere.refuses(&write, r::CLOSED);
        elsewhere.refuses(&elsewhere.stat_request(0), r::CLOSED);
        let shown = client.cat(SESSIONS);
        assert!(!shown.contains(&worker), "{shown}");
        elsewhere.clunk(1);
        drop(elsewhere);
        client.until(MEMORY, |text| text.contains(&format!("{before}\n")));
        client.open_at(3, CONTROL, Mode::WRITE);
        let again = format!("{{\"kill\":\"{worker}\"}}\n");
        let again = Request::Write { fid: Fid(3), offset: 0, data: again.as_bytes() };
        client.refuses(&again, r::NOT_FOUND);
    }
}

fn requests_that_are_spent_end_a_worker(hive: &Hive) {
    let mut client = Client::attach(hive, Dialect::Linux);
    // Version, attach, walk, open, and two beats.
    let line = r#"{"spawn":"heartbeat","period_ms":100,"budget":{"ops":6}}"#;
    let worker = spawn(&mut client, line);
    let ended = logged(&mut client, &format!("ended {worker} "));
    assert_eq!(ended, format!("ended {worker} reason=ops"));
}

fn a_write_with_a_bad_line_does_nothing(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        client.open_at(1, CONTROL, Mode::WRITE);
        let data = b"{\"spawn\":\"heartbeat\"}\n{\"spawn\":\"heartbeat\",\"colour\":1}\n";
        client.refuses(&Request::Write { fid: Fid(1), offset: 0, data }, r::INVALID);
        let log = client.cat(LOG);
        let last = log.lines().last().expect("a line");
        assert!(last.starts_with("refused: colour: is no field here"), "{last}");
        assert!(client.list("/worker", 8000).is_empty());
        let data =
            b"{\"spawn\":\"heartbeat\"}\n{\"kill\":\"worker-9999\"}\n{\"spawn\":\"heartbeat\"}\n";
        client.refuses(&Request::Write { fid: Fid(1), offset: 0, data }, r::NOT_FOUND);
        let workers = client.list("/worker", 8000);
        assert_eq!(workers.len(), 1, "what came before has happened");
        client.append(CONTROL, &format!("{{\"kill\":\"{}\"}}\n", workers[0].name));
    }
}

fn more_than_the_most_is_refused(hive: &Hive) {
    let mut client = Client::attach(hive, Dialect::Linux);
    client.open_at(1, CONTROL, Mode::WRITE);
    for (line, field) in [
        ("{\"spawn\":\"heartbeat\",\"ticks\":99999999999}\n", "ticks"),
        ("{\"spawn\":\"heartbeat\",\"budget\":{\"ttl_s\":99999999999}}\n", "budget.ttl_s"),
        ("{\"spawn\":\"heartbeat\",\"period_ms\":1}\n", "period_ms"),
        ("{\"spawn\":\"moon\"}\n", "spawn"),
    ] {
        let write = Request::Write { fid: Fid(1), offset: 0, data: line.as_bytes() };
        client.refuses(&write, r::INVALID);
        let log = client.cat(LOG);
        let last = log.lines().last().expect("a line");
        assert!(last.starts_with(&format!("refused: {field}: must be ")), "{last}");
    }
    assert!(client.list("/worker", 8000).is_empty());
}

fn a_queen_reads_which_worker_it_spawned(hive: &Hive) {
    let mut one = Client::attach(hive, Dialect::Linux);
    let mut other = Client::attach(hive, Dialect::Plan9);
    assert_eq!((one.cat("/queen/last"), other.cat("/queen/last")), Default::default());
    let first = spawn(&mut one, r#"{"spawn":"heartbeat"}"#);
    let second = spawn(&mut other, r#"{"spawn":"heartbeat"}"#);
    assert_ne!(first, second);
    assert_eq!(one.cat("/queen/last"), format!("{first}\n"));
    let sched = one.cat("/proc/sched");
    assert!([&first, &second].iter().all(|name| sched.contains(&format!("{name} kind="))));
}

/// A client with a ticket of its own, which waits for events at fid 1.
fn waiting(hive: &Hive, dialect: Dialect, ttl_s: u64, nonce: u64) -> Client {
    let mut claims = claims(Role::Queen);
    claims.budget.ttl_s = Some(ttl_s);
    claims.nonce = Some(nonce);
    let mut client = Client::with_ticket(hive, dialect, hive.mint(&claims));
    client.open_at(1, EVENTS, Mode::READ);
    client.open_at(2, LOG, Mode::BOTH);
    client.send(77, &Request::Read { fid: Fid(1), offset: 0, count: 100 });
    client
}

/// That nothing is left to it but to give its fids up.
fn is_closed(client: &mut Client) {
    // What was logged meanwhile may have come first; then the next read is refused.
    let released = client.receive();
    if matches!(released.reply(), Reply::Read { .. }) {
        client.refuses(&Request::Read { fid: Fid(1), offset: 0, count: 100 }, r::CLOSED);
    } else {
        released.is_refused(r::CLOSED);
    }
    client.refuses(&Request::Read { fid: Fid(2), offset: 0, count: 100 }, r::CLOSED);
    client.refuses(&Request::Write { fid: Fid(2), offset: 0, data: b"late\n" }, r::CLOSED);
    for fid in 0..3 {
        client.refuses(&client.stat_request(fid), r::CLOSED);
        client.clunk(fid);
    }
}

fn a_revoked_ticket_ends_its_sessions_and_what_waits(hive: &Hive) {
    for (nonce, dialect) in (1..).zip(DIALECTS) {
        let mut queen = Client::attach(hive, dialect);
        let mut client = waiting(hive, dialect, 3600, nonce);
        let name = ticket::TicketId::of(client.ticket()).expect("a ticket");
        queen.append(CONTROL, &format!("{{\"revoke\":{{\"ticket\":\"{name}\"}}}}\n"));
        is_closed(&mut client);
        let shown = queen.cat(SESSIONS);
        assert!(!shown.contains(&name.to_string()), "{shown}");
        let ticket = client.ticket().to_owned();
        let (fid, afid, uname) = (Fid(0), Fid::NONE, "me");
        let n_uname = secure9p_codec::UserId::NONE;
        let attach = Request::Attach { fid, afid, uname, aname: &ticket, n_uname };
        client.refuses(&attach, r::PERMISSION);
        assert!(queen.cat(LOG).contains("the ticket was revoked"));
    }
}

fn an_expired_session_is_closed_and_what_waits_is_released(hive: &Hive) {
    for (nonce, dialect) in (1..).zip(DIALECTS) {
        let start = Instant::now();
        let mut client = waiting(hive, dialect, 2, nonce);
        is_closed(&mut client);
        assert!(start.elapsed().as_millis() >= 1000 && start.elapsed() < DEADLINE);
    }
}
