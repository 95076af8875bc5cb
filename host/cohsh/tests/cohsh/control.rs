//! A queen's commands: what they do, what is printed, what is told before anything is sent.

use serde_json::{Value, json};
use ticket::{Role, TicketId};

use crate::hive::{Hive, claims, ticket};

const LOG: &str = "/log/queen.log";

/// What a queen does, what is printed, and what the log says of it.
const COMMANDS: &[(&str, &str, &str)] = &[
    (
        "spawn heartbeat",
        "worker-1\n",
        "spawned worker-1 role=heartbeat period_ms=1000 ticks=100000 ops=1000000 ttl_s=3600",
    ),
    (
        "spawn heartbeat --ttl 120 --ops 500 --ticks 100 --period-ms 20",
        "worker-2\n",
        "spawned worker-2 role=heartbeat period_ms=20 ticks=100 ops=500 ttl_s=120",
    ),
    ("kill worker-1", "ok\n", "ended worker-1 reason=killed"),
    ("budget --ttl 60 --ops 1000", "ok\n", "budget ticks=100000 ops=1000 ttl_s=60"),
    (
        "spawn heartbeat",
        "worker-3\n",
        "spawned worker-3 role=heartbeat period_ms=1000 ticks=100000 ops=1000 ttl_s=60",
    ),
    ("bind /worker /shadow", "ok\n", "bound /worker to /shadow session="),
    ("mount log '/a b'", "ok\n", "mounted log at /a b session="),
];

/// The log's lines, of which there is one for each command.
fn assert_log(hive: &Hive) {
    let log = hive.ok(&["cat", LOG]);
    let said = COMMANDS.iter().map(|(.., said)| *said);
    assert_eq!(log.lines().count(), COMMANDS.len(), "{log}");
    for (line, said) in log.lines().zip(said) {
        assert!(line.starts_with(said), "{line}");
    }
}

#[test]
fn each_command_is_done_and_answered() {
    let hive = Hive::new();
    for (command, answer, _) in COMMANDS {
        assert_eq!(hive.ok(&["-c", command]), *answer, "{command}");
    }
    assert_log(&hive);
}

#[test]
fn words_and_a_script_do_the_same() {
    let hive = Hive::new();
    for (command, answer, _) in COMMANDS {
        // Quotes are the line's: from another shell a word is a word.
        let (before, quoted) = command.split_once(" '").unwrap_or((command, ""));
        let quoted = quoted.strip_suffix('\'');
        let words: Vec<_> = before.split(' ').chain(quoted).collect();
        assert_eq!(hive.ok(&words), *answer, "{command}");
    }
    assert_log(&hive);
    let hive = Hive::new();
    let script: String = COMMANDS.iter().map(|(command, ..)| format!("{command}\n")).collect();
    let answers: String = COMMANDS.iter().map(|(_, answer, _)| *answer).collect();
    assert_eq!(hive.piped(&script), (0, answers, String::new()));
    assert_log(&hive);
    // What is bound is there for the session that did it.
    let script = "bind /worker /shadow\nls /shadow\nmount log /shadow/log\nls /shadow/log\n";
    let (code, out, err) = hive.piped(script);
    assert_eq!((code, &*err), (0, ""));
    assert_eq!(out, "ok\nworker-2/\nworker-3/\nok\nqueen.log\n");
    assert!(!hive.ok(&["ls", "/"]).contains("shadow"));
}

#[test]
fn a_ticket_is_revoked_by_its_name() {
    let hive = Hive::new();
    let observer = ticket(&claims(Role::Observer));
    let id = TicketId::of(&observer).expect("a ticket").to_string();
    let file = hive.private("observer.ticket", &observer);
    let mut session = hive.shell(&["--ticket-file", &file]);
    assert_eq!(session.ask("log -n 0\nls /log\n"), "queen.log");
    assert_eq!(hive.ok(&["revoke", &id]), "ok\n");
    let (code, err) = session.end_with("ls /log\n");
    assert_eq!((code, err.lines().count()), (1, 1), "{err}");
    assert!(err.contains("the session has ended"), "{err}");
    let (code, _, err) = hive.run(&["--ticket-file", &file, "ls"]);
    assert!(code == 1 && err.contains("revoked"), "{err}");
}

/// Commands and their lines, of which some are refused: then the log has the line.
const LINES: &[(&str, &str)] = &[
    ("spawn heartbeat", r#"{"spawn":"heartbeat"}"#),
    (
        "spawn heartbeat --ttl 120 --ops 500 --ticks 100 --period-ms 20",
        r#"{"spawn":"heartbeat","ticks":100,"period_ms":20,"budget":{"ttl_s":120,"ops":500}}"#,
    ),
    (
        "spawn gpu GPU-0 --mem-mb 4096 --streams 2 --lease-ttl 120",
        r#"{"spawn":"gpu","lease":{"gpu_id":"GPU-0","mem_mb":4096,"streams":2,"ttl_s":120}}"#,
    ),
    ("kill worker-1", r#"{"kill":"worker-1"}"#),
    ("budget --ttl 120 --ops 1000", r#"{"budget":{"ttl_s":120,"ops":1000}}"#),
    ("bind /worker /shadow", r#"{"bind":{"from":"/worker","to":"/shadow"}}"#),
    ("mount gpu-bridge /gpu", r#"{"mount":{"service":"gpu-bridge","at":"/gpu"}}"#),
    ("revoke 00ff00ff00ff00ff", r#"{"revoke":{"ticket":"00ff00ff00ff00ff"}}"#),
];

#[test]
fn json_says_what_was_written() {
    let hive = Hive::new();
    for (command, line) in LINES {
        let words: Vec<_> = ["--json"].into_iter().chain(command.split(' ')).collect();
        let (code, out, _) = hive.run(&words);
        let said: Value = serde_json::from_str(&out).expect("JSON");
        match code {
            0 => assert_eq!(said["line"], *line),
            _ => assert!(hive.ok(&["log", "-n", "1"]).ends_with(&format!(": {line}\n")), "{said}"),
        }
    }
    let line = r#"{"kill":"worker-2"}"#;
    assert_eq!(
        serde_json::from_str::<Value>(&hive.ok(&["--json", "kill", "worker-2"])).expect("JSON"),
        json!({ "command": "kill", "line": line, "result": "ok" })
    );
}

#[test]
fn what_is_wrong_is_told_before_anything_is_sent() {
    let hive = Hive::new();
    for (command, says) in [
        ("spawn heartbeat --ticks 0", "spawn heartbeat: ticks: must be a whole number from 1 to"),
        ("spawn heartbeat --ttl 1e3", "spawn heartbeat: budget.ttl_s: must be a whole number from"),
        ("spawn", "spawn: of what kind? `spawn heartbeat` or `spawn gpu`"),
        ("kill 7", "kill: must be a worker like \"worker-7\""),
        ("kill", "kill: ID is missing: `kill ID`"),
        ("budget", "budget: says nothing: `budget [--ttl N] [--ops N] [--ticks N]`"),
        ("bind worker /shadow", "bind.from: must be a path like"),
        ("workers all", "workers: takes nothing behind it"),
    ] {
        let words: Vec<_> = command.split(' ').collect();
        let (code, out, err) = hive.run(&words);
        assert_eq!((code, &*out, err.lines().count()), (2, "", 1), "{command}: {err}");
        assert!(err.starts_with(&format!("cohsh: {says}")), "{err}");
    }
    assert_eq!(hive.ok(&["cat", LOG]), "");
    let nowhere = Hive::bare().args(["--socket", "nowhere", "kill", "7"]).output().expect("ran");
    let err = String::from_utf8_lossy(&nowhere.stderr).into_owned();
    assert!(err.contains("must be a worker"), "the link does not matter: {err}");
}

/// What is refused, why, and what to do.
const REFUSED: &[(&str, &str)] = &[
    ("kill worker-7", "kill: no such worker lives (NotFound); `workers` lists those that live"),
    (
        "spawn gpu GPU-0 --mem-mb 1 --streams 1 --lease-ttl 1",
        "lease: no bridge has published this device: start one (Busy)",
    ),
    ("bind /nope /shadow", "bind.from: "),
    ("bind /log /worker/nope/x", "bind.to: "),
    ("bind / /log/x", "bind: a directory cannot be shown in itself (Invalid)"),
    ("mount nobody /x", "mount.service: no such service is there (NotFound)"),
    (
        "revoke 00ff00ff00ff00ff",
        "revoke: no session came with that ticket (NotFound); `cat /proc/sessions` shows",
    ),
];

#[test]
fn the_reason_of_a_refusal_is_shown_and_code_1() {
    let hive = Hive::new();
    for (command, says) in REFUSED {
        let (code, out, err) = hive.run(&["-c", command]);
        assert_eq!((code, &*out, err.lines().count()), (1, "", 1), "{command}: {err}");
        assert!(err.starts_with(&format!("cohsh: /queen/ctl: {says}")), "{err}");
        let (code, out, _) = hive.run(&["--json", "-c", command]);
        let said: Value = serde_json::from_str(&out).expect("JSON");
        let reason = said["reason"].as_str().expect("a reason");
        assert_eq!(code, 1);
        assert!(reason.starts_with(says) || says.starts_with(reason), "{said}");
    }
    // A line that is no command is refused by the hive alone, and its reason is found, too.
    let odd = r#"{"kill":"worker-07"}"#;
    let (code, _, err) = hive.run(&["echo", odd, "/queen/ctl"]);
    assert!(
        code == 1 && err.contains("kill: must be a worker like \"worker-7\" (Invalid)"),
        "{err}"
    );
    let long = format!("{{\"kill\":\"{}\"}}", "é".repeat(600));
    let (code, _, err) = hive.run(&["echo", &long, "/queen/ctl"]);
    assert!(code == 1 && err.contains("kill: must be a worker like"), "{err}");
    // Of several lines it is that of the one that is refused.
    let several = "{\"kill\":\"worker-1\"}\n{\"kill\":\"worker-2\"}";
    hive.ok(&["spawn", "heartbeat"]);
    let (code, _, err) = hive.run(&["echo", several, "/queen/ctl"]);
    assert!(code == 1 && err.contains("kill: no such worker lives"), "{err}");
}

#[test]
fn a_full_hive_says_what_is_full() {
    let hive = Hive::with_workers(1);
    hive.ok(&["spawn", "heartbeat"]);
    let (code, _, err) = hive.run(&["spawn", "heartbeat"]);
    let says = "cohsh: /queen/ctl: spawn: every place is taken: kill a worker first (Busy)";
    assert_eq!(code, 1);
    assert!(err.starts_with(says), "{err}");
    hive.ok(&["kill", "worker-1"]);
    assert_eq!(hive.ok(&["spawn", "heartbeat"]), "worker-2\n");
}
