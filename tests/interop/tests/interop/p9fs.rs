//! p9fs, which is Python's fsspec: 9P2000 and 9P2000.L over TCP.

use std::process::Command;

use boot_tests::DEADLINE;
use interop_tests::tools::{file, python};
use interop_tests::{Finished, Hive, cases, run};

cases! { needs P9fs; lists_and_reads, appends, refuses, dotu_is_not_served }

/// What p9fs_session.py does in `version`.
fn session(hive: &Hive, version: &str, what: &str) -> Finished {
    let port = hive.address.port().to_string();
    let script = file("p9fs_session.py");
    run(Command::new(python("p9fs")).arg(script).args([&port, version, what]), DEADLINE)
}

fn lists_and_reads(hive: &Hive) {
    for (version, root) in
        [("9P2000", "/log/ /proc/ /queen/ /worker/"), ("9P2000.L", "log/ proc/ queen/ worker/")]
    {
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
