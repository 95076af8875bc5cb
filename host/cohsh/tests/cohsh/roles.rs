//! What each role is shown, may do, and is told where it may not.

use serde_json::Value;
use ticket::{Claims, Name, Role};

use crate::hive::{Hive, claims};

/// A worker's claims.
fn of_worker(role: Role, worker: &str) -> Claims {
    Claims { subject: Name::new(worker).ok(), ..claims(role) }
}

/// A hive with a worker, and a ticket of each role that the simulator lets in.
fn hive() -> (Hive, Vec<(Role, String)>) {
    let hive = Hive::new();
    hive.ok(&["spawn", "heartbeat", "--period-ms", "3600000"]);
    let tickets = [
        claims(Role::Queen),
        claims(Role::Observer),
        of_worker(Role::WorkerHeartbeat, "worker-1"),
        claims(Role::GpuBridge),
    ];
    let files = tickets.iter().map(|claims| {
        (claims.role, hive.ticket_file(&format!("{}.ticket", claims.role.name()), claims))
    });
    let files = files.collect();
    (hive, files)
}

#[test]
fn everybody_is_told_who_it_is() {
    let (hive, tickets) = hive();
    for (role, file) in &tickets {
        let said = hive.ok(&["--uname", "me", "--ticket-file", file, "whoami"]);
        assert!(said.starts_with(&format!("role     {}\n", role.name())), "{said}");
        assert!(said.contains("\nuser     me\nttl left 3"), "{said}");
        assert_eq!(said.contains("\nworker   worker-1\n"), role.is_worker(), "{said}");
        let said = hive.ok(&["--json", "--ticket-file", file, "whoami"]);
        let said: Value = serde_json::from_str(&said).expect("JSON");
        assert_eq!(said["role"], role.name());
        assert!(said["ttl_left_s"].as_u64().is_some_and(|left| left > 3000), "{said}");
        assert_eq!(said["ops_left"], Value::Null);
    }
    let mut few = claims(Role::Observer);
    few.budget.ops = Some(500);
    let file = hive.ticket_file("few.ticket", &few);
    assert!(hive.ok(&["--ticket-file", &file, "whoami"]).contains("\nops left 49"));
}

/// A line that a command of this name is used by, where that does not end the worker.
fn sample(name: &str, role: Role) -> &'static str {
    match name {
        "attach" => "attach own.ticket",
        "cat" => "cat /proc/boot",
        "echo" if role.is_worker() => "echo hello > /worker/self/telemetry",
        "echo" => "echo hello > /log/queen.log",
        "exit" => "exit",
        "gpu info" => "gpu info GPU-0",
        "gpu lease" => "gpu lease GPU-0",
        "gpu ls" => "gpu ls",
        "gpu run" => "gpu run vadd --worker worker-9 --n 1 --bundles bundles",
        "help" => "help",
        "log" => "log",
        "ls" => "ls /",
        "refused" => "refused cat /nope",
        "stat" => "stat /log/queen.log",
        "tail" => "tail /log/queen.log",
        "whoami" => "whoami",
        "workers" => "workers",
        "spawn heartbeat" => "spawn heartbeat",
        "spawn gpu" => "spawn gpu GPU-0 --mem-mb 1 --streams 1 --lease-ttl 1",
        "kill" => "kill worker-9",
        "budget" => "budget --ttl 60",
        "bind" => "bind /log /shadow",
        "mount" => "mount log /shadow",
        "revoke" => "revoke 00ff00ff00ff00ff",
        other => panic!("{other} has no sample here"),
    }
}

/// Help is true: what it shows as usable is never answered with Permission, and the rest always.
#[test]
fn help_shows_each_role_what_it_may_use() {
    let (hive, tickets) = hive();
    for (role, file) in &tickets {
        let all = hive.ok(&["--json", "--ticket-file", file, "help"]);
        let entries: Vec<Value> =
            all.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        let text = hive.ok(&["--ticket-file", file, "help"]);
        std::fs::copy(file, hive.path("own.ticket")).expect("a copy, of the same mode");
        let mut checked = 0;
        for entry in &entries {
            let name = entry["command"].as_str().expect("a name");
            let usage = entry["usage"].as_str().expect("a text");
            let usable = entry["usable"].as_bool().expect("known");
            assert_eq!(text.contains(&format!("\n  {usage}")), usable, "{role} {name}: {text}");
            if matches!(name, "ticket" | "completions" | "man") {
                continue;
            }
            let (code, _, err) = hive.run(&["--ticket-file", file, "-c", sample(name, *role)]);
            assert_eq!(!err.contains("(Permission)"), usable, "{role} {name}: {code} {err}");
            checked += 1;
        }
        assert_eq!(checked, 23);
        let follow = text.contains("tail [-f]");
        let (_, _, err) = hive.run(&["--ticket-file", file, "tail", "-f", "/nope"]);
        assert_eq!(!err.contains("/proc/events: permission denied"), follow, "{role}: {err}");
    }
}

#[test]
fn help_without_a_hive_is_all_of_it() {
    let hive = Hive::new();
    let queens = hive.ok(&["help"]);
    for program in [
        Hive::bare().args(["--socket", "/nowhere", "help"]),
        Hive::bare().args(["--socket", "/nowhere", "--ticket-file", "/nowhere", "help"]),
        // It does not let anybody in without a ticket.
        Hive::bare().arg("--socket").arg(hive.socket()).arg("help"),
    ] {
        let output = program.output().expect("ran");
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(text.starts_with("Commands:\n"), "{text}");
        assert_eq!(
            text.lines().skip(1).collect::<Vec<_>>(),
            queens.lines().skip(1).collect::<Vec<_>>()
        );
    }
    assert!(queens.starts_with("Commands of this session, which is a queen's:\n"));
    let page = hive.ok(&["help", "spawn"]);
    assert!(page.contains("spawn gpu GPU --mem-mb N") && page.contains("spawn heartbeat ["));
    assert!(page.contains("For sessions with a ticket of: queen."), "{page}");
    let (code, _, err) = hive.run(&["help", "spawn", "bogus"]);
    assert!(code == 2 && err.contains("`spawn bogus` is no command; there are attach, "), "{err}");
}

#[test]
fn who_may_not_is_told_which_ticket_is_missing() {
    let (hive, tickets) = hive();
    for (role, line, says) in [
        (
            Role::Observer,
            "kill worker-1",
            "this session is an observer's, and this takes a queen's: give such a ticket by --t",
        ),
        (Role::Observer, "cat /queen/ctl", "this session is an observer's; `help` and `stat`"),
        (Role::WorkerHeartbeat, "workers", "this session is a worker-heartbeat's; `help`"),
        (Role::Queen, "echo x > /proc/boot", "this session is a queen's, who may not do that"),
    ] {
        let (_, file) = tickets.iter().find(|(other, _)| *other == role).expect("a ticket");
        let (code, out, err) = hive.run(&["--ticket-file", file, "-c", line]);
        assert_eq!((code, &*out, err.lines().count()), (1, "", 1), "{line}: {err}");
        assert!(err.contains(&format!("permission denied (Permission); {says}")), "{err}");
    }
}

#[test]
fn a_ticket_that_is_not_taken_is_told_what_is_wrong_with_it() {
    let hive = Hive::new();
    let mut old = claims(Role::Queen);
    old.issued_at_ms -= 3_600_000;
    let mut forged = crate::hive::ticket(&claims(Role::Queen));
    let last = if forged.ends_with('0') { "1" } else { "0" };
    forged.replace_range(forged.len() - 1.., last);
    for (file, says) in [
        (hive.ticket_file("old", &old), "the ticket has expired at 20"),
        (hive.private("forged", &forged), "is of another secret, or was revoked"),
        (
            hive.ticket_file("gone", &of_worker(Role::WorkerHeartbeat, "worker-7")),
            "the ticket is worker-7's and good only while that lives",
        ),
    ] {
        let (code, _, err) = hive.run(&["--ticket-file", &file, "ls"]);
        assert_eq!((code, err.lines().count()), (1, 1), "{err}");
        assert!(err.contains(says) && !err.contains(ticket::PREFIX), "{err}");
    }
    let output = Hive::bare().arg("--socket").arg(hive.socket()).arg("ls").output().expect("ran");
    let err = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(err.contains("the hive lets nobody in without a ticket: `cohsh ticket mint"), "{err}");
}

#[test]
fn a_session_that_expires_says_so_and_what_to_do() {
    let hive = Hive::new();
    let mut short = claims(Role::Observer);
    short.budget.ttl_s = Some(4);
    let file = hive.ticket_file("short", &short);
    // It waits for what never comes, until its time is over.
    let (code, _, err) = hive.run(&["--ticket-file", &file, "log", "-f"]);
    assert_eq!((code, err.lines().count()), (1, 1), "{err}");
    assert!(err.contains("the session has ended: its ticket has expired at 20"), "{err}");
    assert!(err.contains("`cohsh ticket mint"), "{err}");
}
