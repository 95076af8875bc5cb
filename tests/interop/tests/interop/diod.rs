//! diod's clients, `diodls` and `diodcat`: 9P2000.L over a unix socket and over TCP.

use std::process::Command;

use boot_tests::DEADLINE;
use interop_tests::tools::find;
use interop_tests::{Finished, Hive, Role, cases, run};

cases! {
    needs Diod;
    lists, reads, lists_over_tcp, what_is_not_there_fails, one_file_many_times,
    nobody_gets_in_without_a_ticket, an_observer_sees_no_control,
}

/// Runs `program` at the unix socket, as the queen.
fn at_socket(hive: &Hive, program: &str, arguments: &[&str]) -> Finished {
    at(&hive.socket.to_string_lossy(), &hive.ticket(Role::Queen), program, arguments)
}

fn at(server: &str, aname: &str, program: &str, arguments: &[&str]) -> Finished {
    let path = find(program).expect("it was found before");
    run(Command::new(path).args(["-s", server, "-a", aname]).args(arguments), DEADLINE)
}

/// Permissions and name of each line of `diodls -l`.
fn entries(listing: &str) -> Vec<(&str, &str)> {
    let entry = |line| {
        let mut words = str::split_whitespace(line);
        (words.next().unwrap_or_default(), words.next_back().unwrap_or_default())
    };
    listing.lines().map(entry).collect()
}

fn lists(hive: &Hive) {
    let root = at_socket(hive, "diodls", &["-l", "/"]);
    let directory = "dr-xr-xr-x.";
    assert_eq!(
        entries(root.output()),
        ["proc", "log", "queen", "worker", "gpu"].map(|name| (directory, name))
    );
    let files = at_socket(hive, "diodls", &["-l", "/log"]);
    assert_eq!(entries(files.output()), [("-rw-rw-rw-.", "queen.log")]);
}

fn reads(hive: &Hive) {
    let boot = at_socket(hive, "diodcat", &["proc/boot"]);
    hive.has_boot(boot.output());
    // Two files in one session.
    let both = at_socket(hive, "diodcat", &["proc/boot", "proc/sessions"]);
    let (boot, sessions) = both.output().split_at(boot.output().len());
    hive.has_boot(boot);
    // Those that are over may still be among them.
    assert!(sessions.lines().all(|line| line.starts_with("session=")), "{sessions}");
    assert_ne!(sessions, "");
}

fn lists_over_tcp(hive: &Hive) {
    let (address, ticket) = (hive.address.to_string(), hive.ticket(Role::Queen));
    // The second time from where the aname's path leads.
    for (aname, path) in [(ticket.clone(), "/proc"), (format!("{ticket}/proc"), "/")] {
        let names = at(&address, &aname, "diodls", &[path]);
        let mut names: Vec<_> = names.output().split_whitespace().collect();
        names.sort_unstable();
        assert_eq!(names, ["boot", "caps", "events", "mem", "sched", "self", "sessions"]);
    }
}

fn what_is_not_there_fails(hive: &Hive) {
    at_socket(hive, "diodls", &["/nowhere"])
        .refused(1, "diodls: /nowhere: No such file or directory");
    at_socket(hive, "diodcat", &["proc/nothing"])
        .refused(1, "diodcat: open proc/nothing: No such file or directory");
    at_socket(hive, "diodcat", &["proc"]).refused(1, "diodcat: read proc: Is a directory");
}

/// More connections, one after the other, than there can be at once.
fn one_file_many_times(hive: &Hive) {
    for _ in 0..70 {
        hive.has_boot(at_socket(hive, "diodcat", &["proc/boot"]).output());
    }
}

/// They show the aname that was refused, but not the whole of a ticket.
fn nobody_gets_in_without_a_ticket(hive: &Hive) {
    let (server, forged) = (hive.socket.to_string_lossy(), hive.forged());
    for aname in ["/", "", &forged] {
        for (program, path) in [("diodls", "/proc"), ("diodcat", "proc/boot")] {
            let done = at(&server, aname, program, &[path]);
            assert_eq!((done.code, done.stdout.as_str()), (Some(1), ""), "{done:?}");
            let said = done.stderr;
            assert!(said.starts_with(&format!("{program}: error attaching to aname='")), "{said}");
            assert!(said.ends_with(": Permission denied\n"), "{said}");
            assert!(!said.contains(&forged), "{said}");
        }
    }
}

fn an_observer_sees_no_control(hive: &Hive) {
    let (server, ticket) = (hive.socket.to_string_lossy(), hive.ticket(Role::Observer));
    let root = at(&server, &ticket, "diodls", &["/"]);
    assert_eq!(root.output().split_whitespace().collect::<Vec<_>>(), ["proc", "log", "gpu"]);
    hive.has_boot(at(&server, &ticket, "diodcat", &["proc/boot"]).output());
    at(&server, &ticket, "diodcat", &["queen/last"])
        .refused(1, "diodcat: open queen/last: Permission denied");
}
