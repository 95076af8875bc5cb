//! version(5), attach(5), and who is attached.

use std::collections::BTreeMap;

use conformance_tests::{
    BOOT, Client, DIALECTS, Hive, LOG, Mode, SESSIONS, cases, frame, raw, refusals as r, who,
};
use secure9p_codec::{Dialect, Fid, Qid, Reply, Request, UserId};

cases![
    sizes_are_negotiated_down_to_8192,
    sizes_that_are_too_small_are_refused,
    suffixes_are_stripped_and_strangers_unknown,
    nothing_goes_before_the_version,
    a_version_in_the_middle_drops_everything,
    authentication_is_refused_as_each_dialect_expects,
    attaching_takes_a_new_fid_and_a_path_that_is_there,
    several_attaches_on_one_connection_are_sessions_of_their_own,
    sessions_are_shown_and_forgotten,
    what_a_session_does_is_counted,
    sessions_read_in_pieces_do_not_tear,
    tickets_are_not_shown,
];

fn sizes_are_negotiated_down_to_8192(hive: &Hive) {
    for dialect in DIALECTS {
        for (wanted, got) in [(512, 512), (1000, 1000), (8192, 8192), (65536, 8192), (!0, 8192)] {
            let mut client = Client::silent(hive, dialect);
            assert_eq!(client.version(wanted), got);
            client.attach_as(0, "tester");
            // What was agreed on holds: for the iounit, and for the longest reply.
            client.find(1, LOG);
            assert_eq!(client.open(1, Mode::BOTH).1, got - 24);
            client.find(2, BOOT);
            client.open(2, Mode::READ);
            let most = u64::from(got - 11).min(client.size(2));
            assert_eq!(client.read(2, 0, u32::MAX).len() as u64, most);
        }
    }
}

fn sizes_that_are_too_small_are_refused(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::silent(hive, dialect);
        for msize in [0, 1, 7, 24, 511] {
            let request = Request::Version { msize, version: dialect.version() };
            let answer = client.ask_bytes(&frame(dialect, 0xffff, &request));
            answer.is_refused(r::SMALL_MESSAGES);
        }
        client.version(8192);
        client.attach_as(0, "tester");
    }
}

fn suffixes_are_stripped_and_strangers_unknown(hive: &Hive) {
    let known = [
        ("9P2000", "9P2000"),
        ("9P2000.u", "9P2000"),
        ("9P2000.Whatever", "9P2000"),
        ("9P2000.L", "9P2000.L"),
        ("9P2000.L.Google.7", "9P2000.L"),
        ("", "unknown"),
        ("9P", "unknown"),
        ("9P2000x", "unknown"),
        ("9P3000", "unknown"),
        ("9p2000", "unknown"),
        ("unknown", "unknown"),
    ];
    for (wanted, got) in known {
        let mut client = Client::silent(hive, Dialect::Plan9);
        let request = Request::Version { msize: 8192, version: wanted };
        let answer = client.ask_bytes(&frame(Dialect::Plan9, 0xffff, &request));
        assert_eq!(answer.reply(), Reply::Version { msize: 8192, version: got }, "{wanted:?}");
        if got == "unknown" {
            client.refuses(&Request::Clunk { fid: Fid(0) }, r::NO_VERSION);
            // The client may try again.
            client.version(8192);
            client.attach_as(0, "tester");
        }
    }
}

fn nothing_goes_before_the_version(hive: &Hive) {
    let mut client = Client::silent(hive, Dialect::Plan9);
    let (fid, afid, n_uname) = (Fid(0), Fid::NONE, UserId::NONE);
    client.refuses(&Request::Attach { fid, afid, uname: "a", aname: "", n_uname }, r::NO_VERSION);
    client.refuses(&Request::Flush { oldtag: secure9p_codec::Tag(3) }, r::NO_VERSION);
    client.ask_bytes(&raw(12, 5, &[0; 8])).is_refused(r::NO_VERSION); // Tlopen
    client.ask_bytes(&raw(255, 5, b"")).is_refused(r::NO_VERSION);
    client.version(8192);
    client.attach_as(0, "tester");
}

fn a_version_in_the_middle_drops_everything(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        let mut other = Client::attach(hive, dialect);
        client.open_at(5, conformance_tests::EVENTS, Mode::READ);
        client.send(9, &Request::Read { fid: Fid(5), offset: 0, count: 100 });
        client.version(4096);
        for fid in [0, 5] {
            client.refuses(&Request::Clunk { fid: Fid(fid) }, r::UNKNOWN_FID);
        }
        client.attach_as(0, "again");
        // The read that waited is forgotten: it is not answered by what it waited for.
        other.append(LOG, "something\n");
        assert!(client.cat(LOG).ends_with("something\n"));
        client.until(SESSIONS, |now| now.matches("user=again\n").count() == 1);
    }
    // The other dialect from here on.
    let mut client = Client::attach(hive, Dialect::Linux);
    let request = Request::Version { msize: 8192, version: "9P2000" };
    let answer = client.ask_bytes(&frame(Dialect::Linux, 0xffff, &request));
    assert_eq!(answer.reply(), Reply::Version { msize: 8192, version: "9P2000" });
    let stat = client.ask_bytes(&frame(Dialect::Plan9, 1, &Request::Stat { fid: Fid(0) }));
    assert_eq!(stat.bytes()[4], 107, "an Rerror");
}

fn authentication_is_refused_as_each_dialect_expects(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::negotiated(hive, dialect, 8192);
        let n_uname = UserId(1000);
        let auth = Request::Auth { afid: Fid(7), uname: "tester", aname: "", n_uname };
        client.refuses(&auth, r::NO_AUTH);
        client.refuses(&Request::Clunk { fid: Fid(7) }, r::UNKNOWN_FID);
        client.attach_as(0, "tester");
    }
}

fn attaching_takes_a_new_fid_and_a_path_that_is_there(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::negotiated(hive, dialect, 8192);
        let ticket = client.ticket().to_owned();
        let attach = |fid, afid, aname| {
            let (fid, n_uname) = (Fid(fid), UserId(1000));
            Request::Attach { fid, afid, uname: &ticket, aname, n_uname }
        };
        client.refuses(&attach(0, Fid::NONE, "/nowhere"), r::NOT_FOUND);
        client.refuses(&attach(0, Fid::NONE, "nowhere"), r::NOT_FOUND);
        client.refuses(&attach(0, Fid(3), ""), r::UNKNOWN_FID);
        client.refuses(&attach(0, Fid(0), ""), r::UNKNOWN_FID);
        client.refuses(&attach(u32::MAX, Fid::NONE, ""), r::UNKNOWN_FID);
        for (fid, aname) in [(1, ""), (2, "/"), (u32::MAX - 1, "")] {
            match client.ask(&attach(fid, Fid::NONE, aname)).reply() {
                Reply::Attach { qid } => assert_eq!(qid.kind, Qid::DIRECTORY),
                other => panic!("{other:?}"),
            }
        }
        client.refuses(&attach(1, Fid::NONE, ""), r::FID_IN_USE);
        // The refusals left nothing: three sessions are there.
        client.walk(1, 0, "");
        client.until(SESSIONS, |now| now.lines().count() == 3);
        drop(client);
        Client::attach(hive, dialect).until(SESSIONS, |now| now.lines().count() == 1);
    }
}

fn several_attaches_on_one_connection_are_sessions_of_their_own(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        for (fid, user) in [(10, "ada"), (20, "bob"), (30, "eve")] {
            client.attach_as(fid, user);
        }
        let shown = client.cat(SESSIONS);
        assert!(["ada", "bob", "eve"].iter().all(|user| shown.contains(&format!("user={user}\n"))));
        // A session lives as long as any of its fids.
        assert_eq!(client.walk(20, 21, "proc").len(), 1);
        client.clunk(20);
        client.clunk(10);
        let shown = client.cat(SESSIONS);
        assert!(!shown.contains("user=ada\n") && shown.contains("user=bob\n"), "{shown}");
        client.clunk(21);
        let shown = client.cat(SESSIONS);
        assert!(!shown.contains("user=bob\n") && shown.contains("user=eve\n"), "{shown}");
        assert_eq!(client.walk(30, 31, "log/queen.log").len(), 2);
    }
}

fn sessions_are_shown_and_forgotten(hive: &Hive) {
    let mut watcher = Client::attach(hive, Dialect::Linux);
    for dialect in DIALECTS {
        let before = who(&watcher.cat(SESSIONS));
        let mut visitor = Client::negotiated(hive, dialect, 8192);
        visitor.attach_as(3, "visitor");
        let during = watcher.cat(SESSIONS);
        assert_eq!(during.lines().count(), before.lines().count() + 1);
        assert!(during.contains("role=queen user=visitor\n"), "{during}");
        drop(visitor);
        watcher.until(SESSIONS, |now| who(now) == before);
    }
}

/// What the line of `user`'s session says, by name.
fn counts(shown: &str, user: &str) -> BTreeMap<String, u64> {
    let mut lines = shown.lines().filter(|line| line.ends_with(&format!(" user={user}")));
    let (Some(line), None) = (lines.next(), lines.next()) else { panic!("{user}: {shown}") };
    let words = line.split(' ').filter_map(|word| word.split_once('='));
    // What is left of the ticket's time moves by itself.
    let words = words.filter(|(name, _)| *name != "ttl_left_s");
    words.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?))).collect()
}

/// How much more of each there is than `before`, where there is more or less.
fn moved(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> Vec<(String, i64)> {
    assert!(before.keys().eq(after.keys()), "{before:?} {after:?}");
    let pairs = before.iter().zip(after.values());
    let moves = pairs.map(|((name, before), after)| (name.clone(), *after as i64 - *before as i64));
    moves.filter(|(_, by)| *by != 0).collect()
}

fn what_a_session_does_is_counted(hive: &Hive) {
    let mut watcher = Client::attach(hive, Dialect::Linux);
    for dialect in DIALECTS {
        let mut client = Client::negotiated(hive, dialect, 8192);
        client.attach_as(0, "ada");
        client.attach_as(1, "bob");
        let mut ada = counts(&watcher.cat(SESSIONS), "ada");
        let mut bob = counts(&watcher.cat(SESSIONS), "bob");
        assert_eq!((ada["fids"], ada["frames"], ada["open"]), (2, 3, 0));
        let version = 4 + 2 + dialect.version().len() as u64;
        let ticket = client.ticket().len() as u64;
        let attach = 4 + 4 + 5 + 2 + ticket + if dialect == Dialect::Linux { 4 } else { 0 };
        assert_eq!((ada["in"], ada["out"]), (3 * 7 + version + 2 * attach, 3 * 7 + version + 26));
        let mut moved = |ada_by: &[(&str, i64)], bob_by: &[(&str, i64)]| {
            let shown = watcher.cat(SESSIONS);
            for (user, before, by) in [("ada", &mut ada, ada_by), ("bob", &mut bob, bob_by)] {
                let after = counts(&shown, user);
                let moves = moved(before, &after);
                let by: Vec<_> = by.iter().map(|(name, by)| ((*name).to_owned(), *by)).collect();
                assert_eq!(moves, by, "{user}");
                *before = after;
            }
        };
        moved(&[], &[]);
        // Twalk: 7 + 4 + 4 + 2 and the names; Rwalk: 7 + 2 and the qids. A step is an operation.
        client.walk(0, 2, "log/queen.log");
        let walk = [("fids", 1), ("frames", 1), ("in", 33), ("out", 35)];
        moved(&[walk[0], walk[1], walk[2], ("operations", 2), walk[3]], &walk);
        let topen = if dialect == Dialect::Linux { 15 } else { 12 };
        client.open(2, Mode::WRITE);
        let open = [("frames", 1), ("in", topen), ("out", 24)];
        moved(&[open[0], open[1], ("open", 1), ("operations", 1), open[2]], &open);
        client.write(2, 0, b"0123456789");
        let write = [("frames", 1), ("in", 33), ("out", 11)];
        moved(&[write[0], write[1], ("operations", 1), write[2]], &write);
        // A refusal is the connection's: nobody's file was asked for.
        client.refuses(&Request::Clunk { fid: Fid(9) }, r::UNKNOWN_FID);
        let out = if dialect == Dialect::Linux { 11 } else { 9 + 27 };
        let refusal = [("errors", 1), ("frames", 1), ("in", 11), ("out", out)];
        moved(&refusal, &refusal);
        client.clunk(2);
        let clunk = [("fids", -1), ("frames", 1), ("in", 11), ("out", 7)];
        moved(&[clunk[0], clunk[1], clunk[2], ("open", -1), clunk[3]], &clunk);
        client.clunk(1);
        assert!(!watcher.cat(SESSIONS).contains("user=bob\n"));
        // The next dialect has an ada of its own.
        drop(client);
        watcher.until(SESSIONS, |now| !now.contains("user=ada\n"));
    }
}

/// The counts move with the very reads that show them.
fn sessions_read_in_pieces_do_not_tear(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::alone(hive, dialect);
        let _others: Vec<_> = (0..4).map(|_| Client::attach(hive, dialect)).collect();
        let whole = client.cat(SESSIONS);
        client.open_at(1, SESSIONS, Mode::READ);
        let mut text = Vec::new();
        loop {
            let piece = client.read(1, text.len() as u64, 7);
            if piece.is_empty() {
                break;
            }
            text.extend(piece);
        }
        let text = String::from_utf8(text).expect("text");
        assert_ne!(text, whole, "something was counted in between");
        assert_eq!((text.len(), who(&text)), (whole.len(), who(&whole)));
        client.clunk(1);
    }
}

fn tickets_are_not_shown(hive: &Hive) {
    let mut client = Client::attach(hive, Dialect::Linux);
    let (fid, afid, n_uname) = (Fid(9), Fid::NONE, UserId::NONE);
    for (uname, aname) in [("cohesix-ticket-00ff.abcd", ""), ("x", "cohesix-ticket-00ff.abcd")] {
        // Whether it is let in is another matter.
        let _ = client.ask(&Request::Attach { fid, afid, uname, aname, n_uname });
    }
    for path in [SESSIONS, LOG] {
        let shown = client.cat(path);
        assert!(!shown.contains("00ff"), "{path}: {shown}");
    }
}
