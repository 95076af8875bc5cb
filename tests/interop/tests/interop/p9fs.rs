//! p9fs, which is Python's fsspec: 9P2000 and 9P2000.L over TCP.

use std::process::Command;

use boot_tests::DEADLINE;
use interop_tests::tools::{file, python};
use interop_tests::{Finished, Hive, Role, cases, run};

cases! {
    needs P9fs;
    lists_and_reads, appends, refuses, dotu_is_not_served, nobody_gets_in_without_a_ticket,
    an_observer_only_reads,
}

/// What p9fs_session.py does in `version`, as the queen.
fn session(hive: &Hive, version: &str, what: &str) -> Finished {
    session_as(hive, version, ("aname", &hive.ticket(Role::Queen)), what)
}

/// The same with a ticket that is given as `aname` or `username`.
fn session_as(hive: &Hive, version: &str, (name, ticket): (&str, &str), what: &str) -> Finished {
    let port = hive.address.port().to_string();
    let ticket = hive.scratch.write("ticket", format!("{ticket}\n").as_bytes());
    let mut command = Command::new(python("p9fs"));
    command.arg(file("p9fs_session.py")).args([&port, version]).arg(ticket).args([name, what]);
    run(&mut command, DEADLINE)
}

fn lists_and_reads(hive: &Hive) {
    for (version, root) in [
        ("9P2000", "/gpu/ /log/ /proc/ /queen/ /worker/"),
        ("9P2000.L", "gpu/ log/ proc/ queen/ worker/"),
    ] {
        let done = session(hive, version, "read");
        let (names, boot) = done.output().split_once('\n').expect("two parts");
        assert_eq!(names, root, "{version}");
        hive.has_boot(boot);
    }
}

fn appends(hive: &Hive) {
    // In 9P2000 p9fs makes a file before it writes it, also where there is one.
    let done = session(hive, "9P2000", "make");
    assert_eq!(done.output(), "wb: file already exists\nab: file already exists\nlog: 0\n");
    let done = session(hive, "9P2000.L", "append");
    assert_eq!(done.output(), "opened to append\nopened to write\n");
    let done = session(hive, "9P2000", "append-open");
    assert_eq!(done.output(), "opened to append\nopened to write\nwritten in 9P2000\n");
}

fn refuses(hive: &Hive) {
    let done = session(hive, "9P2000.L", "refuse");
    assert_eq!(done.output(), "wb: EACCES\nab: EACCES\nnothing: P9FileNotFound\n");
    let done = session(hive, "9P2000", "refuse-open");
    assert_eq!(done.output(), "boot: permission denied\nnothing: P9FileNotFound\n");
}

/// The hive answers `9P2000`, which the protocol allows and this client does not take.
fn dotu_is_not_served(hive: &Hive) {
    let done = session(hive, "9P2000.u", "read");
    assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""), "{done:?}");
    let last = done.stderr.lines().next_back();
    assert_eq!(last, Some("py9p.py9p.VersionError: version mismatch: b'9P2000'"));
}

fn nobody_gets_in_without_a_ticket(hive: &Hive) {
    for (version, words) in [("9P2000", "permission denied"), ("9P2000.L", "EACCES")] {
        let said = format!("attach: {words}\n");
        for ticket in ["", "/", &hive.forged()] {
            assert_eq!(session_as(hive, version, ("aname", ticket), "read").output(), said);
        }
        let done = session_as(hive, version, ("username", &hive.forged()), "read");
        assert_eq!(done.output(), said);
    }
}

/// Its ticket comes in the place of the user's name.
fn an_observer_only_reads(hive: &Hive) {
    let ticket = hive.ticket(Role::Observer);
    for (version, root, words) in [
        ("9P2000", "/gpu/ /log/ /proc/", "permission denied"),
        ("9P2000.L", "gpu/ log/ proc/", "EACCES"),
    ] {
        let done = session_as(hive, version, ("username", &ticket), "observe");
        assert_eq!(done.output(), format!("{root}\nboot: True\ncontrol: {words}\n"));
        let done = session_as(hive, version, ("username", &ticket), "refuse-open");
        assert_eq!(done.output(), format!("boot: {words}\nnothing: P9FileNotFound\n"));
    }
}
