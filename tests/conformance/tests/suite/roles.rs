//! Who may do what: every role, every path, every operation, against a table written out here.

use std::time::Instant;

use conformance_tests::{
    BOOT, CONTROL, Client, DEADLINE, DIALECTS, EVENTS, Hive, LOG, MEMORY, Mode, Role, SESSIONS,
    cases, claims, packed, refusals as r,
};
use secure9p_codec::{Dialect, Fid, Reply, Request, UserId};

cases![
    each_role_may_do_what_the_table_says,
    listings_show_what_a_role_may_see,
    nobody_attaches_without_a_valid_ticket,
    a_ticket_may_be_followed_by_a_path,
    a_session_says_who_it_is,
];

/// Who a line's columns are about: a queen, the worker `worker-1`, an observer, a GPU bridge.
const WHO: [Role; 4] = [Role::Queen, Role::WorkerHeartbeat, Role::Observer, Role::GpuBridge];

/// What each of [`WHO`] may do: `r` read or list, `w` write, `x` not even walk to it, `0` it is
/// not there.
const TABLE: [(&str, [&str; 4]); 24] = [
    ("/", ["r", "r", "r", "r"]),
    ("/proc", ["r", "r", "r", "r"]),
    (BOOT, ["r", "r", "r", "r"]),
    ("/proc/caps", ["r", "x", "r", "x"]),
    (EVENTS, ["r", "x", "r", "x"]),
    (MEMORY, ["r", "x", "r", "x"]),
    ("/proc/sched", ["r", "x", "r", "x"]),
    ("/proc/self", ["r", "r", "r", "r"]),
    (SESSIONS, ["r", "x", "r", "x"]),
    ("/log", ["r", "r", "r", "r"]),
    (LOG, ["rw", "r", "r", "r"]),
    ("/queen", ["r", "x", "x", "x"]),
    (CONTROL, ["rw", "x", "x", "x"]),
    ("/queen/last", ["r", "x", "x", "x"]),
    ("/worker", ["r", "r", "x", "x"]),
    ("/worker/self", ["0", "r", "x", "x"]),
    ("/worker/self/telemetry", ["0", "rw", "x", "x"]),
    ("/worker/worker-1", ["r", "r", "x", "x"]),
    ("/worker/worker-1/telemetry", ["r", "rw", "x", "x"]),
    ("/worker/worker-2/telemetry", ["r", "x", "x", "x"]),
    ("/worker/worker-77", ["0", "x", "x", "x"]),
    ("/gpu", ["r", "x", "r", "r"]),
    ("/gpu/publish", ["x", "x", "x", "w"]),
    ("/gpu/GPU-0", ["0", "x", "0", "0"]),
];

/// Two workers that beat once an hour, and somebody of each role.
fn users(hive: &Hive, dialect: Dialect) -> (Client, [Client; 4]) {
    let mut queen = Client::attach(hive, dialect);
    if !queen.cat(LOG).contains("spawned worker-2 ") {
        for _ in 0..2 {
            queen.append(CONTROL, "{\"spawn\":\"heartbeat\",\"period_ms\":3600000}\n");
        }
    }
    let users = WHO.map(|role| {
        let mut claims = claims(role);
        if role.is_worker() {
            claims.subject = ticket::Name::new("worker-1").ok();
        }
        Client::with_ticket(hive, dialect, hive.mint(&claims))
    });
    (queen, users)
}

fn each_role_may_do_what_the_table_says(hive: &Hive) {
    for dialect in DIALECTS {
        let (_queen, mut users) = users(hive, dialect);
        for (path, rights) in TABLE {
            for ((client, rights), role) in users.iter_mut().zip(rights).zip(WHO) {
                let what = format!("{role} {path} {rights}");
                match rights {
                    "x" => is_refused(client, path, r::PERMISSION, &what),
                    "0" => is_refused(client, path, r::NOT_FOUND, &what),
                    rights => check(client, path, rights, &what),
                }
            }
        }
    }
}

/// The names of a path one by one: the first that cannot be walked to is refused like that.
fn is_refused(client: &mut Client, path: &str, refusal: conformance_tests::Refusal, what: &str) {
    assert!(client.walk(0, 50, "").is_empty());
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let mut buffer = [0; 128];
        let names = packed(name, &mut buffer);
        let answer = client.ask(&Request::Walk { fid: Fid(50), newfid: Fid(50), names });
        if !matches!(answer.reply(), Reply::Walk { .. }) {
            answer.is_refused(refusal);
            client.clunk(50);
            return;
        }
    }
    panic!("{what}: it was walked to");
}

fn check(client: &mut Client, path: &str, rights: &str, what: &str) {
    let dialect = client.dialect();
    let (read, write) = (rights.contains('r'), rights.contains('w'));
    client.find(1, path);
    let stat = client.ask(&client.stat_request(1));
    let (permissions, directory) = match stat.reply() {
        Reply::Stat { stat } => {
            let stat = stat.stat().expect("a stat");
            (stat.mode & 0o777, stat.qid.is_directory())
        }
        Reply::Getattr { attr } => {
            let attr = attr.attr().expect("attributes");
            (attr.mode & 0o777, attr.qid.is_directory())
        }
        other => panic!("{what}: {other:?}"),
    };
    let bits = |bits, set| if set { bits } else { 0 };
    let shown = bits(0o444, read) | bits(0o222, write) | bits(0o111, directory);
    assert_eq!(permissions, shown, "{what}");
    for (mode, allowed) in [(Mode::READ, read), (Mode::WRITE, write), (Mode::BOTH, read && write)] {
        client.find(2, path);
        let answer = client.ask(&mode.request(dialect, 2));
        match (answer.reply(), allowed) {
            (Reply::Open { .. } | Reply::Lopen { .. }, true) => {}
            // What no directory can do is told first.
            (_, false) if directory => answer.is_refused(r::IS_DIRECTORY),
            (_, false) => answer.is_refused(r::PERMISSION),
            (other, true) => panic!("{what}: {other:?}"),
        }
        client.clunk(2);
    }
    if read && !directory && path != EVENTS {
        let text = client.cat(path);
        assert!(!text.contains("cohesix-ticket-0"), "{what}");
    }
    // Nobody creates or removes anything.
    client.refuses(&Request::Remove { fid: Fid(1) }, r::PERMISSION);
}

fn listings_show_what_a_role_may_see(hive: &Hive) {
    for dialect in DIALECTS {
        let (_queen, mut users) = users(hive, dialect);
        for (index, client) in users.iter_mut().enumerate() {
            let sees = |path: &str| {
                let line = TABLE.iter().find(|(other, _)| *other == path);
                line.is_some_and(|(_, rights)| rights[index].contains(['r', 'w']))
            };
            for directory in ["/", "/proc", "/log", "/queen", "/worker", "/worker/worker-1", "/gpu"]
            {
                if !sees(directory) {
                    continue;
                }
                let mut listed: Vec<_> =
                    client.list(directory, 8000).into_iter().map(|entry| entry.name).collect();
                listed.sort();
                let prefix = format!("{}/", directory.trim_end_matches('/'));
                let mut expected: Vec<_> = TABLE
                    .iter()
                    .filter(|(path, _)| sees(path))
                    .filter_map(|(path, _)| path.strip_prefix(&prefix)?.split('/').next())
                    .filter(|name| !name.is_empty())
                    .collect();
                expected.sort();
                expected.dedup();
                // The table has one file of the second worker, which is enough to see it.
                assert_eq!(listed, expected, "{} {directory}", WHO[index]);
            }
        }
    }
}

fn nobody_attaches_without_a_valid_ticket(hive: &Hive) {
    let mut watcher = Client::attach(hive, Dialect::Linux);
    let good = hive.ticket(Role::Queen);
    let mut old = claims(Role::Queen);
    old.issued_at_ms -= 7_200_000;
    let mut early = claims(Role::Queen);
    early.issued_at_ms += 7_200_000;
    let mut dead = claims(Role::WorkerHeartbeat);
    dead.subject = ticket::Name::new("worker-9").ok();
    let [old, early, dead] = [old, early, dead].map(|claims| hive.mint(&claims));
    let last = if good.ends_with('0') { "1" } else { "0" };
    let forged = format!("{}{last}", &good[..good.len() - 1]);
    for dialect in DIALECTS {
        for (ticket, why) in [
            ("", "there is no ticket"),
            (&*old, "expired"),
            (&early, "not valid yet"),
            (&forged, "forged"),
            (&good[..good.len() - 2], "no ticket"),
            (&dead, "does not live"),
        ] {
            for (uname, aname) in [("me", ticket), (ticket, "")] {
                let mut client = Client::negotiated(hive, dialect, 8192);
                let (fid, afid, n_uname) = (Fid(0), Fid::NONE, UserId::NONE);
                let attach = Request::Attach { fid, afid, uname, aname, n_uname };
                // Of a second only so many are logged.
                let start = Instant::now();
                loop {
                    client.refuses(&attach, r::PERMISSION);
                    client.refuses(&Request::Clunk { fid }, r::UNKNOWN_FID);
                    let log = watcher.cat(LOG);
                    let last = log.lines().last().expect("a line");
                    if last.starts_with("refused: attach ") && last.contains(why) {
                        break;
                    }
                    assert!(start.elapsed() < DEADLINE, "{why}: {last}");
                }
            }
        }
    }
    let log = watcher.cat(LOG);
    for ticket in [&good, &old, &early, &forged, &dead] {
        assert!(!log.contains("cohesix-ticket") && !log.contains(&ticket[20..60]));
    }
}

fn a_ticket_may_be_followed_by_a_path(hive: &Hive) {
    for dialect in DIALECTS {
        let ticket = format!("{}/proc", hive.ticket(Role::Observer));
        let mut client = Client::with_ticket(hive, dialect, ticket);
        assert!(client.cat("boot").starts_with("Cohesix "));
        let root = client.walk(0, 1, "../boot/..").first().copied();
        let up = client.walk(0, 2, "..");
        assert_eq!(root.map(|qid| qid.path), up.first().map(|qid| qid.path));
        client.clunk(2);
        let mut buffer = [0; 64];
        let names = packed("log", &mut buffer);
        client.refuses(&Request::Walk { fid: Fid(0), newfid: Fid(2), names }, r::NOT_FOUND);
    }
}

fn a_session_says_who_it_is(hive: &Hive) {
    for dialect in DIALECTS {
        let (_queen, mut users) = users(hive, dialect);
        for (client, role) in users.iter_mut().zip(WHO) {
            let own = client.cat("/proc/self");
            assert!(own.ends_with(&format!(" role={role} user=tester\n")), "{own}");
            assert_eq!(own.contains(" worker=worker-1 "), role.is_worker());
            assert!(own.contains(" ttl_left_s="), "{own}");
        }
    }
}
