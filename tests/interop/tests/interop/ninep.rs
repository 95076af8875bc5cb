//! ninep's client: 9P2000 over a unix socket and over TCP.

use std::net::SocketAddr;
use std::path::Path;

use boot_tests::DEADLINE;
use interop_tests::{Hive, cases, within};
use ninep::sync::client::{Client, Error};

cases! { needs Ninep; lists_and_reads, appends, refuses, reads_over_tcp }

fn client(socket: &Path) -> Client {
    Client::new_unix_with_explicit_path("interop", socket, "").expect("attached")
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
    let socket = hive.socket.clone();
    let (mut names, boot, stat) = within(DEADLINE, move || {
        let lister = client(&socket);
        let names = lister.read_dir("/").expect("a directory");
        // It has opened the fid that it walks from, which walk(5) forbids: another session.
        assert_eq!(refusal(lister.read("/proc/boot")), "bad use of fid");
        let client = client(&socket);
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
    let socket = hive.socket.clone();
    let log = within(DEADLINE, move || {
        let client = client(&socket);
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
    let socket = hive.socket.clone();
    within(DEADLINE, move || {
        let client = client(&socket);
        assert_eq!(refusal(client.write_str("/proc/boot", 0, "no")), "permission denied");
        assert_eq!(refusal(client.remove("/log/queen.log")), "permission denied");
        assert_eq!(refusal(client.read("/nothing")), "file does not exist");
        // It takes a walk that ends half-way for a whole one, and uses a fid that is not there.
        assert_eq!(refusal(client.read("/proc/nothing")), "fid unknown or out of range");
    });
}

fn reads_over_tcp(hive: &Hive) {
    let address: SocketAddr = hive.address;
    let boot = within(DEADLINE, move || {
        let client = Client::new_tcp("interop", address, "/").expect("attached");
        client.read_str("/proc/boot").expect("a file")
    });
    hive.has_boot(&boot);
}
