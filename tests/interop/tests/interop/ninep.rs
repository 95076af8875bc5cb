//! ninep's client: 9P2000 over a unix socket and over TCP.

use std::net::SocketAddr;
use std::path::Path;

use boot_tests::DEADLINE;
use interop_tests::{Hive, Role, cases, within};
use ninep::sync::client::{Client, Error};

cases! {
    needs Ninep;
    lists_and_reads, appends, refuses, reads_over_tcp, nobody_gets_in_without_a_ticket,
    an_observer_only_reads,
}

fn attach(socket: &Path, aname: &str) -> Result<Client, Error> {
    Client::new_unix_with_explicit_path("interop", socket, aname)
}

fn client(socket: &Path, ticket: &str) -> Client {
    attach(socket, ticket).expect("attached")
}

/// What the hive says in refusal.
#[track_caller]
fn refusal<T>(result: Result<T, Error>) -> String {
    match result {
        Ok(_) => panic!("it was done"),
        Err(Error::Rerror { ename }) => ename,
        Err(error) => panic!("{error}"),
    }
}

fn lists_and_reads(hive: &Hive) {
    let (socket, ticket) = (hive.socket.clone(), hive.ticket(Role::Queen));
    let (mut names, boot, stat) = within(DEADLINE, move || {
        let lister = client(&socket, &ticket);
        let names = lister.read_dir("/").expect("a directory");
        // It has opened the fid that it walks from, which walk(5) forbids: another session.
        assert_eq!(refusal(lister.read("/proc/boot")), "bad use of fid");
        let client = client(&socket, &ticket);
        let boot = client.read_str("/proc/boot").expect("a file");
        (names, boot, client.stat("/proc/boot").expect("a stat"))
    });
    names.sort_by(|one, other| one.name.cmp(&other.name));
    let names: Vec<_> = names.iter().map(|stat| stat.name.as_str()).collect();
    assert_eq!(names, ["log", "proc", "queen", "worker"]);
    hive.has_boot(&boot);
    assert_eq!((stat.name.as_str(), stat.n_bytes), ("boot", boot.len() as u64));
}

/// The offset does not matter.
fn appends(hive: &Hive) {
    let (socket, ticket) = (hive.socket.clone(), hive.ticket(Role::Queen));
    let log = within(DEADLINE, move || {
        let client = client(&socket, &ticket);
        for (offset, line) in [(0, "first\n"), (0, "second\n"), (1 << 40, "third\n")] {
            let written = client.write_str("/log/queen.log", offset, line).expect("written");
            assert_eq!(written, line.len());
            client.clunk_path("/log/queen.log").expect("clunked");
        }
        client.read_str("/log/queen.log").expect("the log")
    });
    assert_eq!(log, "first\nsecond\nthird\n");
}

fn refuses(hive: &Hive) {
    let (socket, ticket) = (hive.socket.clone(), hive.ticket(Role::Queen));
    within(DEADLINE, move || {
        let client = client(&socket, &ticket);
        assert_eq!(refusal(client.write_str("/proc/boot", 0, "no")), "permission denied");
        assert_eq!(refusal(client.remove("/log/queen.log")), "permission denied");
        assert_eq!(refusal(client.read("/nothing")), "file does not exist");
        // It takes a walk that ends half-way for a whole one, and uses a fid that is not there.
        assert_eq!(refusal(client.read("/proc/nothing")), "fid unknown or out of range");
    });
}

fn reads_over_tcp(hive: &Hive) {
    let (address, ticket): (SocketAddr, _) = (hive.address, hive.ticket(Role::Observer));
    let boot = within(DEADLINE, move || {
        // A ticket is no name of a user: here it comes as one.
        let client = Client::new_tcp(ticket, address, "/").expect("attached");
        client.read_str("/proc/boot").expect("a file")
    });
    hive.has_boot(&boot);
}

fn nobody_gets_in_without_a_ticket(hive: &Hive) {
    let (socket, forged) = (hive.socket.clone(), hive.forged());
    within(DEADLINE, move || {
        for aname in ["", "/", &forged] {
            assert_eq!(refusal(attach(&socket, aname)), "permission denied");
        }
    });
}

fn an_observer_only_reads(hive: &Hive) {
    let (socket, ticket) = (hive.socket.clone(), hive.ticket(Role::Observer));
    let boot = within(DEADLINE, move || {
        let client = client(&socket, &ticket);
        // The walk to it is refused, at its first name.
        let kill = client.write_str("/queen/ctl", 0, "{\"kill\":\"worker-1\"}\n");
        assert_eq!(refusal(kill), "permission denied");
        assert_eq!(refusal(client.write_str("/log/queen.log", 0, "no\n")), "permission denied");
        client.read_str("/proc/boot").expect("a file")
    });
    hive.has_boot(&boot);
}
