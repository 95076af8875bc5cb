//! A queen's commands: the line that arrives, what is printed, what is told before it is sent.

use serde_json::{Value, json};

use crate::hive::Hive;

const LOG: &str = "/log/queen.log";

/// Every command with the line that it writes, and what is printed: nothing where the hive refuses
/// it, with its own error.
const COMMANDS: &[(&str, &str, &str)] = &[
    ("spawn heartbeat", r#"{"spawn":"heartbeat"}"#, "worker-1"),
    (
        "spawn heartbeat --ttl 120 --ops 500 --ticks 100 --period-ms 20",
        r#"{"spawn":"heartbeat","ticks":100,"period_ms":20,"budget":{"ttl_s":120,"ops":500}}"#,
        "worker-2",
    ),
    (
        "spawn gpu GPU-0 --mem-mb 4096 --streams 2 --lease-ttl 120",
        r#"{"spawn":"gpu","lease":{"gpu_id":"GPU-0","mem_mb":4096,"streams":2,"ttl_s":120}}"#,
        "",
    ),
    ("kill worker-1", r#"{"kill":"worker-1"}"#, "ok"),
    ("kill worker-7", r#"{"kill":"worker-7"}"#, ""),
    ("budget --ttl 120 --ops 1000", r#"{"budget":{"ttl_s":120,"ops":1000}}"#, "ok"),
    ("bind /worker /shadow", r#"{"bind":{"from":"/worker","to":"/shadow"}}"#, "ok"),
    ("mount log /l", r#"{"mount":{"service":"log","at":"/l"}}"#, "ok"),
    ("mount gpu-bridge /gpu", r#"{"mount":{"service":"gpu-bridge","at":"/gpu"}}"#, ""),
    ("revoke 00ff00ff00ff00ff", r#"{"revoke":{"ticket":"00ff00ff00ff00ff"}}"#, ""),
];

/// The lines that came to `/queen/ctl` and were refused, as the log has them.
fn refused(hive: &Hive) -> Vec<String> {
    let log = hive.ok(&["cat", LOG]);
    let lines = log.lines().filter(|line| line.starts_with("refused: "));
    lines.filter_map(|line| line.find('{').map(|start| line[start..].to_owned())).collect()
}

fn expected() -> Vec<&'static str> {
    COMMANDS.iter().filter(|(.., says)| says.is_empty()).map(|(_, line, _)| *line).collect()
}

#[test]
fn each_command_writes_its_canonical_line() {
    let hive = Hive::new();
    for (command, line, says) in COMMANDS {
        let mut words = vec!["--json"];
        words.extend(command.split(' '));
        let (code, out, _) = hive.run(&words);
        let said: Value = serde_json::from_str(&out).expect("JSON");
        if says.is_empty() {
            assert_eq!(code, 1, "{command}: {out}");
        } else {
            assert_eq!((code, said["line"].as_str()), (0, Some(*line)), "{command}: {out}");
        }
    }
    assert_eq!(refused(&hive), expected());
    assert_eq!(hive.ok(&["ls", "/worker"]), "worker-2/\n");
}

#[test]
fn a_line_and_a_script_do_the_same() {
    let hive = Hive::new();
    for (command, _, says) in COMMANDS {
        let (code, out, _) = hive.run(&["-c", command]);
        let expected = if says.is_empty() { (1, String::new()) } else { (0, format!("{says}\n")) };
        assert_eq!((code, out), expected, "{command}");
    }
    assert_eq!(refused(&hive), expected());
    let hive = Hive::new();
    let done: Vec<_> = COMMANDS.iter().filter(|(.., says)| !says.is_empty()).collect();
    let script: String = done.iter().map(|(command, ..)| format!("{command}\n")).collect();
    let says: String = done.iter().map(|(.., says)| format!("{says}\n")).collect();
    assert_eq!(hive.piped(&script), (0, says, String::new()));
    // Quotes are the shell's, not the line's; a script's binds are its session's.
    let script = "bind '/log' '/a b' # why\nls '/a b'\n";
    assert_eq!(hive.piped(script), (0, "ok\nqueen.log\n".into(), String::new()));
}

#[test]
fn json_says_what_was_written() {
    let hive = Hive::new();
    let words = ["--json", "budget", "--ops", "7"];
    let said: Value = serde_json::from_str(&hive.ok(&words)).expect("JSON");
    let line = r#"{"budget":{"ops":7}}"#;
    assert_eq!(said, json!({ "command": "budget", "line": line, "result": "ok" }));
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
    assert_eq!(refused(&hive), [""; 0]);
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
    assert_eq!(refused(&hive), [""; 0]);
}

#[test]
fn workers_are_listed() {
    let hive = Hive::new();
    assert_eq!(hive.ok(&["workers"]), "");
    let (code, _, err) = hive.run(&["--aname", "/elsewhere", "workers"]);
    assert!(code == 1 && err.contains("no such file (NotFound)"), "{err}");
}
