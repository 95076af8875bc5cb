//! Workers as the program shows them, and following what ends.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use serde_json::Value;
use ticket::Role;

use crate::hive::{Hive, claims};
use crate::program::Following;

const TELEMETRY: &str = "/worker/worker-1/telemetry";

fn spawn(hive: &Hive, options: &[&str]) {
    hive.ok(&[&["spawn", "heartbeat"], options].concat());
}

#[test]
fn workers_are_a_table() {
    let hive = Hive::new();
    let title = "NAME  KIND  TICKS LEFT  OPS LEFT  TTL LEFT\n";
    assert_eq!(hive.ok(&["workers"]), title);
    assert_eq!(hive.ok(&["--json", "workers"]), "");
    for ticks in ["100", "99999"] {
        spawn(&hive, &["--ticks", ticks, "--period-ms", "3600000", "--ttl", "31536000"]);
    }
    let table = hive.ok(&["workers"]);
    let rows: Vec<Vec<_>> = table.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows.len(), 3, "{table}");
    assert_eq!(rows[0], ["NAME", "KIND", "TICKS", "LEFT", "OPS", "LEFT", "TTL", "LEFT"]);
    for (row, (name, ticks)) in rows[1..].iter().zip([("worker-1", 100), ("worker-2", 99999)]) {
        let [its_name, kind, left, ops, ttl, unit] = row[..] else { panic!("{table}") };
        assert_eq!((its_name, kind, unit), (name, "heartbeat", "s"));
        let number = |text: &str| text.parse::<u64>().expect("a number");
        // It may have come to its first heartbeat.
        assert!((ticks - 1..=ticks).contains(&number(left)), "{table}");
        assert!(number(ops) < 1_000_000 && number(ttl) <= 31_536_000, "{table}");
    }
    let widths: Vec<_> = table.lines().map(str::len).collect();
    assert!(widths.iter().all(|width| *width == widths[0]), "{table}");
    let objects: Vec<Value> = hive
        .ok(&["--json", "workers"])
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!((objects.len(), &objects[1]["worker"]), (2, &Value::from("worker-2")));
    assert_eq!(objects[1]["period_ms"], 3_600_000);
}

#[test]
fn many_workers_are_all_there() {
    let hive = Hive::new();
    let script = "spawn heartbeat --period-ms 3600000\n".repeat(200);
    let (code, out, err) = hive.piped(&script);
    assert_eq!((code, &*err, out.lines().count()), (0, "", 200));
    let names: Vec<_> = hive
        .ok(&["workers"])
        .lines()
        .skip(1)
        .map(|line| line.split(' ').next().expect("a name").to_owned())
        .collect();
    let expected: Vec<_> = (1..=200).map(|number| format!("worker-{number}")).collect();
    assert_eq!(names, expected);
}

#[test]
fn who_stays_is_there_however_others_come_and_go() {
    const STAY: usize = 150;
    let hive = Hive::new();
    // It has the first place, so that all lines move when it goes.
    let mut first = hive.shell(&[]);
    assert_eq!(first.ask("spawn heartbeat --period-ms 3600000\n"), "worker-1");
    let (code, _, _) = hive.piped(&"spawn heartbeat --period-ms 3600000\n".repeat(STAY));
    assert_eq!(code, 0);
    let observer = hive.ticket_file("observer.ticket", &claims(Role::Observer));
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut name = "worker-1".to_owned();
            while !done.load(Relaxed) {
                assert_eq!(first.ask(&format!("kill {name}\n")), "ok");
                name = first.ask("spawn heartbeat --period-ms 3600000\n");
            }
        });
        for words in [&["workers"][..], &["--ticket-file", &observer, "workers"]].repeat(20) {
            let table = hive.ok(words);
            let number = |line: &str| -> Option<usize> {
                line.split(' ').next()?.strip_prefix("worker-")?.parse().ok()
            };
            let stay =
                table.lines().filter_map(number).filter(|number| (2..=STAY + 1).contains(number));
            let all: Vec<_> = stay.collect();
            // Whoever fails must not leave the other thread behind.
            if all.len() != STAY {
                done.store(true, Relaxed);
            }
            assert_eq!(all, (2..=STAY + 1).collect::<Vec<_>>());
        }
        done.store(true, Relaxed);
    });
}

#[test]
fn following_a_worker_ends_with_it() {
    let hive = Hive::new();
    spawn(&hive, &["--ticks", "5", "--period-ms", "400"]);
    let mut telemetry = Following::of(&hive, &["tail", "-n", "100", "-f", TELEMETRY]);
    for tick in 1..=5 {
        assert_eq!(telemetry.line(), format!("heartbeat {tick}\n"));
    }
    let (code, err) = telemetry.ended();
    assert_eq!((code, err.lines().count()), (0, 1), "{err}");
    assert!(
        err.starts_with(&format!("cohsh: {TELEMETRY}: is gone: its worker has ended")),
        "{err}"
    );
    let log = hive.ok(&["log", "-n", "1"]);
    assert_eq!(log, "ended worker-1 reason=ticks\n");

    spawn(&hive, &["--period-ms", "10"]);
    let path = "/worker/worker-2/telemetry";
    let mut json = Following::of(&hive, &["--json", "tail", "-f", path]);
    assert!(json.line().contains("heartbeat 1"));
    hive.ok(&["kill", "worker-2"]);
    let last = std::iter::repeat_with(|| json.line()).find(|line| !line.contains("heartbeat"));
    assert_eq!(last, Some(format!("{{\"gone\":true,\"path\":\"{path}\"}}\n")));
    assert_eq!(json.ended(), (0, String::new()));
    let (code, _, err) = hive.run(&["tail", path]);
    assert!(code == 1 && err.contains("no such file (NotFound)"), "{err}");
}

#[test]
fn the_log_is_shown_and_followed() {
    let hive = Hive::new();
    for number in 0..12 {
        hive.append(format!("line {number}\n").as_bytes());
    }
    let shown = hive.ok(&["log"]);
    assert_eq!((shown.lines().count(), shown.lines().next()), (10, Some("line 2")));
    assert_eq!(hive.ok(&["log", "-n", "1"]), "line 11\n");
    let mut log = Following::of(&hive, &["log", "-f", "-n", "0"]);
    // It has begun when it shows something.
    let seen = thread::scope(|scope| {
        let line = scope.spawn(|| log.line());
        while !line.is_finished() {
            hive.append(b"more\n");
            thread::yield_now();
        }
        line.join().expect("read")
    });
    assert_eq!(seen, "more\n");
    spawn(&hive, &[]);
    while !log.line().starts_with("spawned worker-1 ") {}
    assert_eq!(log.end(), "");
}

#[test]
fn following_asks_for_nothing_while_nothing_happens() {
    let hive = Hive::new();
    hive.append(b"start\n");
    let mut log = Following::of(&hive, &["--uname", "follower", "log", "-f"]);
    assert_eq!(log.line(), "start\n");
    let frames = || {
        let sessions = hive.ok(&["cat", "/proc/sessions"]);
        let line = sessions.lines().find(|line| line.ends_with("user=follower"));
        let line = line.expect("its session");
        let word = line.split(' ').find_map(|word| word.strip_prefix("frames="));
        word.and_then(|frames| frames.parse::<u64>().ok()).expect("a number")
    };
    // What others read changes nothing; each append is one wait and reads to the end.
    let before = settled(&frames);
    for _ in 0..50 {
        hive.ok(&["cat", "/proc/boot"]);
    }
    assert_eq!(frames(), before);
    hive.append(b"next\n");
    assert_eq!(log.line(), "next\n");
    assert!(settled(&frames) - before <= 4);
    log.end();
}

/// The number when it is the same twice in a row, for what is counted may still go on.
fn settled(number: &dyn Fn() -> u64) -> u64 {
    let mut last = number();
    loop {
        let next = number();
        if next == last {
            return next;
        }
        last = next;
    }
}
