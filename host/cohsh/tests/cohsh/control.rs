//! A queen's commands: the line that arrives, what is printed, what is told before it is sent.

use serde_json::{Value, json};

use crate::hive::Hive;

const LOG: &str = "/log/queen.log";

/// Every command with the line that it writes.
const COMMANDS: &[(&str, &str)] = &[
    ("spawn heartbeat", r#"{"spawn":"heartbeat"}"#),
    (
        "spawn heartbeat --ttl 120 --ops 500 --ticks 100 --period-ms 20",
        r#"{"spawn":"heartbeat","ticks":100,"period_ms":20,"budget":{"ttl_s":120,"ops":500}}"#,
    ),
    (
        "spawn gpu GPU-0 --mem-mb 4096 --streams 2 --lease-ttl 120",
        r#"{"spawn":"gpu","lease":{"gpu_id":"GPU-0","mem_mb":4096,"streams":2,"ttl_s":120}}"#,
    ),
    ("kill worker-7", r#"{"kill":"worker-7"}"#),
    ("budget --ttl 120 --ops 1000", r#"{"budget":{"ttl_s":120,"ops":1000}}"#),
    ("bind /worker /shadow", r#"{"bind":{"from":"/worker","to":"/shadow"}}"#),
    ("mount gpu-bridge /gpu", r#"{"mount":{"service":"gpu-bridge","at":"/gpu"}}"#),
    ("revoke 00ff00ff00ff00ff", r#"{"revoke":{"ticket":"00ff00ff00ff00ff"}}"#),
];

/// The lines that came to `/queen/ctl`, as the log has them.
fn arrived(hive: &Hive) -> Vec<String> {
    let log = hive.ok(&["cat", LOG]);
    log.lines().filter_map(|line| line.find('{').map(|start| line[start..].to_owned())).collect()
}

fn expected() -> Vec<&'static str> {
    COMMANDS.iter().map(|(_, line)| *line).collect()
}

#[test]
fn each_command_writes_its_canonical_line() {
    let hive = Hive::new();
    for (command, _) in COMMANDS {
        let words: Vec<_> = command.split(' ').collect();
        assert_eq!(hive.ok(&words), "ok\n", "{command}");
    }
    assert_eq!(arrived(&hive), expected());
}

#[test]
fn a_line_and_a_script_write_the_same() {
    let hive = Hive::new();
    for (command, _) in COMMANDS {
        assert_eq!(hive.ok(&["-c", command]), "ok\n", "{command}");
    }
    assert_eq!(arrived(&hive), expected());
    let hive = Hive::new();
    let script: String = COMMANDS.iter().map(|(command, _)| format!("{command}\n")).collect();
    assert_eq!(hive.piped(&script), (0, "ok\n".repeat(COMMANDS.len()), String::new()));
    assert_eq!(arrived(&hive), expected());
    // Quotes are the shell's, not the line's.
    assert_eq!(hive.ok(&["-c", "bind '/a b' /c # why"]), "ok\n");
    assert!(arrived(&hive).contains(&r#"{"bind":{"from":"/a b","to":"/c"}}"#.to_owned()));
}

#[test]
fn json_says_what_was_written() {
    let hive = Hive::new();
    let said: Value =
        serde_json::from_str(&hive.ok(&["--json", "kill", "worker-7"])).expect("JSON");
    let line = r#"{"kill":"worker-7"}"#;
    assert_eq!(said, json!({ "command": "kill", "line": line, "result": "ok" }));
    assert!(hive.ok(&["--json", "help"]).contains("spawn heartbeat [--ticks N]"));
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
    assert_eq!(arrived(&hive), [""; 0]);
    let nowhere = Hive::bare().args(["--socket", "nowhere", "kill", "7"]).output().expect("ran");
    let err = String::from_utf8_lossy(&nowhere.stderr).into_owned();
    assert!(err.contains("must be a worker"), "the link does not matter: {err}");
}

#[test]
fn what_the_hive_refuses_is_its_answer_and_code_1() {
    let hive = Hive::new();
    let (code, out, err) = hive.run(&["--aname", "/elsewhere", "kill", "worker-7"]);
    assert_eq!((code, &*out), (1, ""));
    assert!(err.starts_with("cohsh: no such file (NotFound)"), "{err}");
    assert_eq!(arrived(&hive), [""; 0]);
}

#[test]
fn workers_are_listed() {
    let hive = Hive::new();
    assert_eq!(hive.ok(&["workers"]), "");
    let (code, _, err) = hive.run(&["--aname", "/elsewhere", "workers"]);
    assert!(code == 1 && err.contains("no such file (NotFound)"), "{err}");
}
