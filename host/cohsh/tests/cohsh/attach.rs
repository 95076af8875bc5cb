//! `attach`: a session goes on with another ticket, or as it was.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Instant;
use std::{fs, thread};

use serde_json::{Value, json};
use ticket::{PREFIX, Role, TicketId};

use crate::hive::{Hive, LIMIT, claims, forged, ticket};

/// A hive with an observer's ticket in a file, and the ticket.
fn with_observer() -> (Hive, String) {
    let hive = Hive::new();
    let observer = ticket(&claims(Role::Observer));
    hive.private("observer.ticket", &observer);
    (hive, observer)
}

#[test]
fn the_session_goes_on_with_the_ticket_of_a_file() {
    let (hive, _) = with_observer();
    let script = "bind /log /shadow\nls /shadow\nattach observer.ticket\nwhoami\nls /shadow\n";
    let (code, out, err) = hive.piped(script);
    // What was bound was the old session's.
    assert!(code == 1 && err.starts_with("stdin:5: /shadow: no such file (NotFound)"), "{err}");
    assert!(out.starts_with("ok\nqueen.log\nok\nrole     observer\n"), "{out}");
    assert!(out.contains("\nuser     queen\n"), "{out}");
    // And back, which it needs no session's leave for.
    let script = "attach observer.ticket\nattach queen.ticket\nspawn heartbeat\n";
    assert_eq!(hive.piped(script), (0, "ok\nok\nworker-1\n".into(), String::new()));
}

#[test]
fn a_refusal_shows_at_once_and_the_old_session_stays() {
    let (hive, _) = with_observer();
    hive.private("forged.ticket", &forged());
    // What is bound is there for one session only.
    let script = "bind /log /shadow\nrefused attach forged.ticket\nls /shadow\nwhoami\n";
    let (code, out, err) = hive.piped(script);
    assert_eq!((code, &*err), (0, ""), "{out}");
    let start = "ok\nrefused: permission denied (Permission); the ticket ";
    assert!(
        out.starts_with(start) && out.contains("is of another secret, or was revoked"),
        "{out}"
    );
    assert!(
        out.contains("gives it\nqueen.log\nrole     queen\n") && !out.contains(PREFIX),
        "{out}"
    );
    // Nor is what comes later attached with it.
    let (code, out, err) = hive.piped("refused attach forged.ticket\nwhoami\n");
    assert!(code == 0 && out.contains("\nrole     queen\n"), "{out}{err}");
    let log = hive.ok(&["log", "-n", "1"]);
    assert!(log.starts_with("refused: attach connection=") && log.contains("secret"), "{log}");
    // Without `refused` a script ends there.
    let (code, out, err) = hive.piped("attach forged.ticket\nls\n");
    assert_eq!((code, &*out, err.lines().count()), (1, "", 1), "{err}");
    assert!(err.starts_with("stdin:1: permission denied (Permission); the ticket "), "{err}");
    // The first session is none before it is needed: the file's ticket is all that is sent.
    let mut program = Hive::bare();
    program.arg("--socket").arg(hive.socket()).current_dir(hive.path(""));
    let output = program.args(["attach", "queen.ticket"]).output().expect("ran");
    assert_eq!((output.status.code(), &*output.stdout), (Some(0), &b"ok\n"[..]));
}

#[test]
fn only_one_session_is_left() {
    let (hive, _) = with_observer();
    let sessions = "cat /proc/sessions\n";
    let mut shell = hive.shell(&["--uname", "me"]);
    shell.ask("ls /log\n");
    assert_eq!(shell.ask("attach observer.ticket\n"), "ok");
    // The hive hears of the end some time after.
    let mine = || {
        let all = hive.ok(&["-c", sessions.trim_end()]);
        all.lines().filter(|line| line.ends_with("user=me")).map(str::to_owned).collect::<Vec<_>>()
    };
    let (start, mut left) = (Instant::now(), mine());
    while left.len() > 1 {
        assert!(start.elapsed() < LIMIT, "{left:?}");
        thread::yield_now();
        left = mine();
    }
    assert!(left.len() == 1 && left[0].contains("role=observer"), "{left:?}");
    assert_eq!(shell.end_with(""), (0, String::new()));
}

#[test]
fn the_tree_is_the_same() {
    let (hive, _) = with_observer();
    let mut program = hive.program();
    program.args(["--aname", "/log", "-c", "refused cat /proc/boot"]);
    assert!(program.output().expect("ran").status.success());
    let mut shell = hive.shell(&["--aname", "/log"]);
    assert_eq!(shell.ask("attach observer.ticket\n"), "ok");
    assert_eq!(shell.ask("ls /\n"), "queen.log");
    assert_eq!(shell.end_with(""), (0, String::new()));
}

#[test]
fn json_says_what_was_attached() {
    let (hive, observer) = with_observer();
    let said: Value =
        serde_json::from_str(&hive.ok(&["--json", "attach", "observer.ticket"])).expect("JSON");
    let id = TicketId::of(&observer).expect("a ticket").to_string();
    assert_eq!(said, json!({ "file": "observer.ticket", "ticket": id, "role": "observer" }));
}

#[test]
fn a_file_that_is_wrong_is_no_refusal_and_nothing_is_sent() {
    let (hive, observer) = with_observer();
    hive.private("short", "nothing\n");
    hive.private("open", &observer);
    fs::set_permissions(hive.path("open"), fs::Permissions::from_mode(0o640)).expect("ours");
    for (line, says) in [
        ("attach /nowhere".to_owned(), "/nowhere: cannot be read"),
        ("attach open".to_owned(), "open: others may use this file: `chmod 600`"),
        ("attach short".to_owned(), "short: it is no ticket: give the whole"),
        ("attach".to_owned(), "attach: with which ticket? `attach FILE`"),
        (format!("attach {observer}"), "attach: a ticket stands in a file of mode 0600"),
    ] {
        for line in [line.clone(), format!("refused {line}")] {
            let (code, out, err) = hive.run(&["-c", &line]);
            assert_eq!((code, &*out, err.lines().count()), (2, "", 1), "{line}: {err}");
            assert!(err.starts_with(&format!("cohsh: {says}")) && !err.contains(PREFIX), "{err}");
        }
    }
    assert_eq!(hive.ok(&["log"]), "");
}
