//! Listing directories: read(5) in 9P2000, readdir in 9P2000.L.

use conformance_tests::{BOOT, Client, DIALECTS, Hive, Mode, cases, refusals as r};
use secure9p_codec::{Dialect, Fid, Qid, Request};

cases![
    directories_list_what_can_be_walked_to,
    entries_come_whole_however_small_the_pieces,
    a_listing_goes_on_where_it_was,
    what_is_no_place_in_a_directory_is_refused,
];

/// Files in `/proc`, to a queen.
const IN_PROC: usize = 7;

fn directories_list_what_can_be_walked_to(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        let expected: [(&str, &[&str]); 5] = [
            ("/", &["gpu", "log", "proc", "queen", "worker"]),
            ("/proc", &["boot", "caps", "events", "mem", "sched", "self", "sessions"]),
            ("/log", &["queen.log"]),
            ("/queen", &["ctl", "last"]),
            ("/worker", &[]),
        ];
        for (path, names) in expected {
            let entries = client.list(path, 8000);
            let mut found: Vec<_> = entries.iter().map(|entry| entry.name.as_str()).collect();
            found.sort_unstable();
            assert_eq!(found, names, "{path}");
            for entry in entries {
                let qids = client.walk(0, 1, &format!("{path}/{}", entry.name));
                client.clunk(1);
                let qid = qids.last().expect("found");
                assert_eq!((qid.path, qid.kind), (entry.qid.path, entry.qid.kind));
                assert_eq!(entry.qid.kind == Qid::DIRECTORY, path == "/");
            }
        }
    }
}

fn entries_come_whole_however_small_the_pieces(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        let whole: Vec<_> = client.list("/proc", 8000).into_iter().map(|e| e.name).collect();
        // From one that holds the longest entry on.
        let smallest = match dialect {
            Dialect::Plan9 => 2 + 39 + 4 * 2 + "sessions".len() + 3 * "hive".len(),
            Dialect::Linux => 13 + 8 + 1 + 2 + "sessions".len(),
        };
        for count in smallest..smallest + 120 {
            let pieces = client.list("/proc", count as u32);
            let names: Vec<_> = pieces.into_iter().map(|entry| entry.name).collect();
            assert_eq!(names, whole, "in pieces of {count}");
        }
        // 0 bytes would say that it ends here.
        client.open_at(1, "/proc", Mode::READ);
        for count in [0, 1, 20] {
            let fid = Fid(1);
            let request = match dialect {
                Dialect::Plan9 => Request::Read { fid, offset: 0, count },
                Dialect::Linux => Request::Readdir { fid, offset: 0, count },
            };
            client.refuses(&request, r::INVALID);
        }
    }
}

fn a_listing_goes_on_where_it_was(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        client.open_at(1, "/proc", Mode::READ);
        let (all, length) = client.entries(1, 0, 8000);
        assert_eq!(all.len(), IN_PROC);
        let end = match dialect {
            Dialect::Plan9 => length as u64,
            Dialect::Linux => all[IN_PROC - 1].offset,
        };
        assert_eq!(client.entries(1, end, 8000), (vec![], 0));
        // Again from the start, as rewinddir does.
        assert_eq!(client.entries(1, 0, 8000).0.len(), IN_PROC);
        if dialect == Dialect::Linux {
            // From behind each entry, in any order.
            for index in [2, 0, IN_PROC - 1, 1] {
                let (rest, _) = client.entries(1, all[index].offset, 8000);
                let names = |entries: &[conformance_tests::Entry]| {
                    entries.iter().map(|entry| entry.name.clone()).collect::<Vec<_>>()
                };
                assert_eq!(names(&rest), names(&all[index + 1..]));
            }
        }
    }
}

fn what_is_no_place_in_a_directory_is_refused(hive: &Hive) {
    let mut client = Client::attach(hive, Dialect::Plan9);
    client.open_at(1, "/proc", Mode::READ);
    let (_, length) = client.entries(1, 0, 8000);
    for offset in [1, length as u64 - 1, length as u64 + 1, u64::MAX] {
        client.refuses(&Request::Read { fid: Fid(1), offset, count: 8000 }, r::BAD_OFFSET);
    }
    assert_eq!(client.entries(1, 0, 8000).0.len(), IN_PROC);

    let mut client = Client::attach(hive, Dialect::Linux);
    client.open_at(1, "/proc", Mode::READ);
    client.open_at(2, BOOT, Mode::READ);
    client.find(3, "/proc");
    let readdir = |fid, offset| Request::Readdir { fid: Fid(fid), offset, count: 8000 };
    for offset in [1 << 63, u64::MAX] {
        client.refuses(&readdir(1, offset), r::BAD_OFFSET);
    }
    assert_eq!(client.entries(1, i64::MAX as u64, 8000).0, []);
    client.refuses(&readdir(2, 0), r::NOT_DIRECTORY);
    client.refuses(&readdir(3, 0), r::BAD_USE);
    client.refuses(&readdir(9, 0), r::UNKNOWN_FID);
    let read = Request::Read { fid: Fid(1), offset: 0, count: 8000 };
    client.refuses(&read, r::IS_DIRECTORY);
}
