//! open(5), read(5), stat(5), lopen, getattr, statfs and what is refused.

use conformance_tests::{
    BOOT, CONTROL, Client, DIALECTS, Hive, LOG, MEMORY, Mode, SESSIONS, cases, refusals as r,
};
use secure9p_codec::{Datasync, Dialect, Fid, Name, Reply, Request};

cases![
    files_are_read_at_any_offset,
    reads_that_cannot_be_are_refused,
    a_fid_is_opened_once_and_only_for_what_it_says,
    sizes_are_true,
    attributes_say_what_may_be_done,
    what_is_read_only_refuses_writers,
    unknown_open_flags_are_not_heeded,
    nothing_is_made_moved_or_removed,
    what_9p2000_l_asks_besides,
];

fn files_are_read_at_any_offset(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        client.open_at(1, BOOT, Mode::READ);
        let whole = client.read_from(1, 0);
        assert!(whole.len() > 20 && whole.starts_with(b"Cohesix "));
        for offset in [0, 1, 7, whole.len() - 1, whole.len()] {
            for count in [0, 1, 13, 8192, u32::MAX] {
                let end = whole.len().min(offset + count as usize);
                assert_eq!(client.read(1, offset as u64, count), whole[offset..end]);
            }
        }
        let (length, last) = (whole.len() as u64, i64::MAX as u64);
        for offset in [length + 1, length + 100_000, u32::MAX.into(), last - 100] {
            assert_eq!(client.read(1, offset, 100), b"", "{offset}");
        }
        // Byte by byte it is the same.
        let bytes: Vec<u8> = (0..20).flat_map(|offset| client.read(1, offset, 1)).collect();
        assert_eq!(bytes, whole[..20]);
    }
}

fn reads_that_cannot_be_are_refused(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        let read = |fid, offset, count| Request::Read { fid: Fid(fid), offset, count };
        client.find(1, BOOT);
        client.refuses(&read(1, 0, 10), r::BAD_USE);
        client.refuses(&read(7, 0, 10), r::UNKNOWN_FID);
        client.refuses(&read(u32::MAX, 0, 10), r::UNKNOWN_FID);
        client.open(1, Mode::READ);
        for (offset, count) in [(u64::MAX, 1), (1 << 63, 1), (u64::MAX, u32::MAX), (!0 >> 1, 1)] {
            client.refuses(&read(1, offset, count), r::INVALID);
        }
        assert_eq!(client.read(1, 0, 8), b"Cohesix ");
    }
}

fn a_fid_is_opened_once_and_only_for_what_it_says(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        let read = |fid| Request::Read { fid: Fid(fid), offset: 0, count: 8 };
        let write = |fid| Request::Write { fid: Fid(fid), offset: 0, data: b"not written\n" };
        client.open_at(1, LOG, Mode::READ);
        client.open_at(2, LOG, Mode::WRITE);
        client.open_at(3, LOG, Mode::BOTH);
        client.find(4, LOG);
        client.refuses(&write(1), r::BAD_USE);
        client.refuses(&read(2), r::BAD_USE);
        client.refuses(&write(4), r::BAD_USE);
        client.refuses(&Mode::READ.request(dialect, 1), r::BAD_USE);
        client.refuses(&Mode::WRITE.request(dialect, 2), r::BAD_USE);
        client.refuses(&Mode::READ.request(dialect, 9), r::UNKNOWN_FID);
        client.write(3, 0, b"written\n");
        assert!(client.read_from(3, 0).ends_with(b"written\n"));
        assert!(!client.cat(LOG).contains("not"));
    }
}

fn sizes_are_true(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::alone(hive, dialect);
        client.append(LOG, "12345\n");
        for path in [BOOT, MEMORY, SESSIONS, LOG] {
            assert_eq!(client.size_of(path), client.cat(path).len() as u64, "{path}");
        }
        let before = client.size_of(LOG);
        client.append(LOG, "and nine\n");
        assert_eq!(client.size_of(LOG), before + 9);
        for path in ["/", "/proc", CONTROL] {
            assert_eq!(client.size_of(path), 0, "{path}");
        }
    }
}

fn attributes_say_what_may_be_done(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        for (fid, path, name, permissions, directory, append) in [
            (1, "/", "/", 0o555, true, false),
            (2, "/proc", "proc", 0o555, true, false),
            (3, BOOT, "boot", 0o444, false, false),
            (4, LOG, "queen.log", 0o666, false, true),
            (5, CONTROL, "ctl", 0o666, false, true),
        ] {
            client.find(fid, path);
            match client.ask(&client.stat_request(fid)).reply() {
                Reply::Stat { stat } => {
                    let stat = stat.stat().expect("a stat");
                    let kind = u32::from(directory) << 31 | u32::from(append) << 30;
                    assert_eq!((stat.mode, stat.name), (kind | permissions, name), "{path}");
                    assert_eq!(u32::from(stat.qid.kind), kind >> 24, "{path}");
                }
                Reply::Getattr { attr } => {
                    let attr = attr.attr().expect("attributes");
                    let kind = if directory { 0o04_0000 } else { 0o10_0000 };
                    assert_eq!(attr.mode, kind | permissions, "{path}");
                    assert_eq!((attr.valid & 0x7ff, attr.nlink), (0x7ff, 1), "{path}");
                    assert_eq!(attr.blocks, attr.size.div_ceil(512), "{path}");
                }
                other => panic!("{other:?}"),
            }
        }
    }
}

fn what_is_read_only_refuses_writers(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        for path in [BOOT, MEMORY, SESSIONS] {
            client.find(1, path);
            for mode in [Mode::WRITE, Mode::BOTH, Mode::READ.truncating()] {
                client.refuses(&mode.request(dialect, 1), r::PERMISSION);
            }
            // It was not opened by that.
            let write = Request::Write { fid: Fid(1), offset: 0, data: b"x" };
            client.refuses(&write, r::BAD_USE);
            client.open(1, Mode::READ);
            client.refuses(&write, r::BAD_USE);
            client.clunk(1);
        }
        for path in ["/", "/proc", "/worker"] {
            client.find(1, path);
            for mode in [Mode::WRITE, Mode::BOTH, Mode::READ.truncating()] {
                client.refuses(&mode.request(dialect, 1), r::IS_DIRECTORY);
            }
            client.clunk(1);
        }
    }
}

fn unknown_open_flags_are_not_heeded(hive: &Hive) {
    let mut client = Client::attach(hive, Dialect::Linux);
    // O_APPEND, O_NONBLOCK, O_DSYNC, O_DIRECT, O_LARGEFILE, O_NOFOLLOW, O_CLOEXEC, as Linux sends.
    for flags in [0o2000, 0o4000, 0o10000, 0o40000, 0o100000, 0o400000, 0o2000000] {
        client.find(1, LOG);
        let answer = client.ask(&Request::Lopen { fid: Fid(1), flags: flags | 1 });
        assert!(matches!(answer.reply(), Reply::Lopen { .. }), "{flags:o}");
        client.write(1, 0, b"x\n");
        client.clunk(1);
    }
    client.find(1, LOG);
    client.refuses(&Request::Lopen { fid: Fid(1), flags: 3 }, r::INVALID);
    client.refuses(&Request::Lopen { fid: Fid(1), flags: 0o200000 }, r::NOT_DIRECTORY);
    client.find(2, "log");
    assert!(matches!(
        client.ask(&Request::Lopen { fid: Fid(2), flags: 0o300000 }).reply(),
        Reply::Lopen { .. }
    ));
    let mut client = Client::attach(hive, Dialect::Plan9);
    client.find(1, LOG);
    client.refuses(&Request::Open { fid: Fid(1), mode: 0x80 }, r::INVALID);
    client.refuses(&Request::Open { fid: Fid(1), mode: 3 }, r::PERMISSION); // OEXEC
    client.refuses(&Request::Open { fid: Fid(1), mode: 64 }, r::REFUSED); // ORCLOSE
    assert!(matches!(
        client.ask(&Request::Open { fid: Fid(1), mode: 32 }).reply(), // OCEXEC
        Reply::Open { .. }
    ));
}

fn nothing_is_made_moved_or_removed(hive: &Hive) {
    let (new, old) = (Name::new("new").expect("a name"), Name::new("queen.log").expect("a name"));
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        client.find(1, LOG);
        client.refuses(&Request::Remove { fid: Fid(1) }, r::PERMISSION);
        // The fid is gone all the same; the file is not.
        client.refuses(&Request::Clunk { fid: Fid(1) }, r::UNKNOWN_FID);
        client.find(1, LOG);
        client.find(2, "/log");
    }
    let mut client = Client::attach(hive, Dialect::Plan9);
    client.find(2, "/log");
    let create = |name| Request::Create { fid: Fid(2), name, perm: 0o666, mode: 1 };
    client.refuses(&create(new), r::PERMISSION);
    client.refuses(&create(old), r::EXISTS);

    let mut client = Client::attach(hive, Dialect::Linux);
    client.find(1, LOG);
    client.find(2, "/log");
    let (fid, dfid, gid) = (Fid(1), Fid(2), 0);
    let create = |name, flags| Request::Lcreate { fid: dfid, name, flags, mode: 0o666, gid };
    for request in [
        create(new, 1),
        Request::Mkdir { dfid, name: new, mode: 0o777, gid },
        Request::Mknod { dfid, name: new, mode: 0o10_0666, major: 1, minor: 3, gid },
        Request::Symlink { fid: dfid, name: new, target: "/etc", gid },
        Request::Link { dfid, fid, name: new },
        Request::Rename { fid, dfid, name: new },
        Request::Renameat { olddirfid: dfid, oldname: old, newdirfid: dfid, newname: new },
        Request::Unlinkat { dirfid: dfid, name: old, flags: 0 },
    ] {
        client.refuses(&request, r::PERMISSION);
    }
    client.refuses(&create(old, 0o301), r::EXISTS);
    let list = client.list("/log", 8000);
    assert_eq!(list.len(), 1, "{list:?}");
    // Without O_EXCL it opens what is there: some clients write no other way.
    assert!(matches!(client.ask(&create(old, 0o1101)).reply(), Reply::Lcreate { .. }));
    client.write(2, 0, b"by lcreate\n");
    assert!(client.cat(LOG).ends_with("by lcreate\n"));
}

fn what_9p2000_l_asks_besides(hive: &Hive) {
    let mut client = Client::attach(hive, Dialect::Linux);
    client.open_at(1, LOG, Mode::BOTH);
    let fid = Fid(1);
    match client.ask(&Request::Statfs { fid }).reply() {
        Reply::Statfs { statfs } => assert!(statfs.namelen >= 9 && statfs.bsize > 0, "{statfs:?}"),
        other => panic!("{other:?}"),
    }
    for name in ["", "security.capability", "user.x"] {
        client.refuses(&Request::Xattrwalk { fid, newfid: Fid(2), name }, r::NO_DATA);
        client.refuses(&Request::Clunk { fid: Fid(2) }, r::UNKNOWN_FID);
    }
    let xattr = Request::Xattrcreate { fid, name: "user.x", attr_size: 1, flags: 0 };
    client.refuses(&xattr, r::UNSUPPORTED);
    let (start, length, proc_id, client_id) = (0, 0, 1, "host");
    let lock = Request::Lock { fid, kind: 1, flags: 0, start, length, proc_id, client_id };
    client.refuses(&lock, r::UNSUPPORTED);
    let getlock = Request::Getlock { fid, kind: 1, start, length, proc_id, client_id };
    client.refuses(&getlock, r::UNSUPPORTED);
    client.refuses(&Request::Readlink { fid }, r::INVALID);
    let fsync = Request::Fsync { fid, datasync: Datasync(0) };
    assert_eq!(client.ask(&fsync).reply(), Reply::Fsync);
    let unknown = Fid(77);
    for request in [
        Request::Statfs { fid: unknown },
        Request::Fsync { fid: unknown, datasync: Datasync(0) },
        Request::Xattrwalk { fid: unknown, newfid: Fid(2), name: "" },
        Request::Readlink { fid: unknown },
        Request::Remove { fid: unknown },
    ] {
        client.refuses(&request, r::UNKNOWN_FID);
    }
}
