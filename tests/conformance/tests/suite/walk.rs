//! walk(5) and clunk(5).

use conformance_tests::{BOOT, Client, DIALECTS, Hive, LOG, Mode, cases, packed, refusals as r};
use secure9p_codec::{Dialect, Fid, Names, Qid, Reply, Request};

cases![
    no_names_make_a_second_fid,
    every_file_is_found_and_is_what_it_is,
    dot_dot_goes_up_and_stays_in_the_tree,
    a_walk_that_stops_half_way_makes_no_fid,
    sixteen_names_are_walked,
    nothing_is_behind_a_file,
    fids_are_unknown_in_use_or_moved,
    an_open_fid_is_walked_in_9p2000_l_only,
    a_clunked_fid_is_gone_and_its_number_free,
];

fn no_names_make_a_second_fid(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        assert_eq!(client.walk(0, 1, ""), []);
        client.clunk(0);
        assert_eq!(client.walk(1, 2, "proc/boot").len(), 2);
        // The same fid again is no second one.
        assert_eq!(client.walk(2, 2, ""), []);
        client.open(2, Mode::READ);
    }
}

fn every_file_is_found_and_is_what_it_is(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        let mut seen = Vec::new();
        for (path, kind) in [
            ("/proc", Qid::DIRECTORY),
            (BOOT, Qid::FILE),
            ("/proc/caps", Qid::FILE),
            ("/proc/events", Qid::APPEND),
            ("/proc/mem", Qid::FILE),
            ("/proc/sched", Qid::FILE),
            ("/proc/self", Qid::FILE),
            ("/proc/sessions", Qid::FILE),
            ("/log", Qid::DIRECTORY),
            (LOG, Qid::APPEND),
            ("/queen", Qid::DIRECTORY),
            ("/queen/ctl", Qid::APPEND),
            ("/queen/last", Qid::FILE),
            ("/worker", Qid::DIRECTORY),
        ] {
            let qid = *client.walk(0, 1, path).last().expect("found");
            client.clunk(1);
            assert_eq!(qid.kind, kind, "{path}");
            assert!(!seen.contains(&qid.path), "{path} has another file's number");
            seen.push(qid.path);
        }
    }
}

fn dot_dot_goes_up_and_stays_in_the_tree(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        let root = client.walk(0, 1, "proc/..")[1];
        for path in ["..", "../..", "../../../..", "proc/../log/..", "queen/../../.."] {
            let qids = client.walk(0, 2, path);
            client.clunk(2);
            assert_eq!(qids.last().map(|qid| qid.path), Some(root.path), "{path}");
        }
        assert_eq!(client.walk(0, 3, "../proc/../log/queen.log").len(), 5);
        client.open(3, Mode::READ);
    }
}

fn a_walk_that_stops_half_way_makes_no_fid(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        for (path, found) in [("proc/nothing", 1), ("proc/boot/x", 2), ("log/../queen/a/b", 3)] {
            assert_eq!(client.walk(0, 1, path).len(), found, "{path}");
            client.refuses(&client.stat_request(1), r::UNKNOWN_FID);
            // In place: the fid stays where it was.
            client.walk(0, 2, "");
            assert_eq!(client.walk(2, 2, path).len(), found, "{path}");
            assert_eq!(client.walk(2, 2, "proc/boot").len(), 2);
            client.clunk(2);
        }
        let mut buffer = [0; 64];
        let names = packed("nothing/boot", &mut buffer);
        client.refuses(&Request::Walk { fid: Fid(0), newfid: Fid(1), names }, r::NOT_FOUND);
        client.refuses(&Request::Clunk { fid: Fid(1) }, r::UNKNOWN_FID);
    }
}

fn sixteen_names_are_walked(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        let path = "proc/../".repeat(7) + "proc/boot";
        assert_eq!(client.walk(0, 1, &path).len(), 16);
        client.open(1, Mode::READ);
        assert!(client.read_from(1, 0).starts_with(b"Cohesix "));
    }
}

fn nothing_is_behind_a_file(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        client.find(1, BOOT);
        let mut buffer = [0; 64];
        for path in ["..", "boot", "proc/boot"] {
            let names = packed(path, &mut buffer);
            client.refuses(&Request::Walk { fid: Fid(1), newfid: Fid(2), names }, r::NOT_DIRECTORY);
        }
        // "." is no name in 9P: a client resolves it.
        let names = packed(".", &mut buffer);
        client.refuses(&Request::Walk { fid: Fid(0), newfid: Fid(2), names }, r::INVALID);
    }
}

fn fids_are_unknown_in_use_or_moved(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        let none = u32::MAX;
        let walk =
            |fid, newfid| Request::Walk { fid: Fid(fid), newfid: Fid(newfid), names: Names::EMPTY };
        client.refuses(&walk(5, 6), r::UNKNOWN_FID);
        client.refuses(&walk(none, 6), r::UNKNOWN_FID);
        client.refuses(&walk(0, none), r::UNKNOWN_FID);
        client.find(1, "proc");
        client.refuses(&walk(0, 1), r::FID_IN_USE);
        assert_eq!(client.walk(1, 1, "boot").len(), 1);
        client.open(1, Mode::READ);
        assert!(client.read_from(1, 0).starts_with(b"Cohesix "));
        // Numbers far apart are as good as any.
        for fid in [64, 128, 0x8000_0000, none - 1] {
            client.find(fid, BOOT);
            client.clunk(fid);
        }
    }
}

fn an_open_fid_is_walked_in_9p2000_l_only(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        client.open_at(1, "proc", Mode::READ);
        let mut buffer = [0; 64];
        let names = packed("boot", &mut buffer);
        let request = Request::Walk { fid: Fid(1), newfid: Fid(2), names };
        match dialect {
            Dialect::Plan9 => client.refuses(&request, r::BAD_USE),
            Dialect::Linux => {
                assert!(matches!(client.ask(&request).reply(), Reply::Walk { .. }));
                client.open(2, Mode::READ);
            }
        }
        client.refuses(&Request::Walk { fid: Fid(1), newfid: Fid(1), names }, r::BAD_USE);
        assert_eq!(client.entries(1, 0, 8000).0.len(), 7);
    }
}

fn a_clunked_fid_is_gone_and_its_number_free(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        client.open_at(1, LOG, Mode::BOTH);
        client.write(1, 0, b"once\n");
        client.clunk(1);
        client.refuses(&Request::Clunk { fid: Fid(1) }, r::UNKNOWN_FID);
        client.refuses(&Request::Read { fid: Fid(1), offset: 0, count: 1 }, r::UNKNOWN_FID);
        client.refuses(&Request::Write { fid: Fid(1), offset: 0, data: b"x" }, r::UNKNOWN_FID);
        client.refuses(&client.stat_request(1), r::UNKNOWN_FID);
        client.refuses(&Mode::READ.request(dialect, 1), r::UNKNOWN_FID);
        // The number means another file now, and nothing of the first is left: it is not open.
        client.find(1, BOOT);
        client.refuses(&Request::Read { fid: Fid(1), offset: 0, count: 1 }, r::BAD_USE);
        client.refuses(&Request::Write { fid: Fid(1), offset: 0, data: b"x" }, r::BAD_USE);
        client.open(1, Mode::READ);
        assert!(client.read_from(1, 0).starts_with(b"Cohesix "));
    }
}
