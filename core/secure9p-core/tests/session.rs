//! What a well-behaved client sees, in both dialects.

mod client;

use client::Client;
use secure9p_codec::{
    Dialect, Dirents, Fid, Name, Qid, Reply, Request, SetAttr, Stat, Stats, Tag, UserId, setattr,
};
use secure9p_core::model::{BOOT, MANY};
use secure9p_core::{Counters, Error, MAX_NAME};

const BOTH: [Dialect; 2] = [Dialect::Plan9, Dialect::Linux];

#[test]
fn version_is_negotiated() {
    for (asked, answered) in [
        ("9P2000", "9P2000"),
        ("9P2000.u", "9P2000"),
        ("9P2000.L", "9P2000.L"),
        ("9P2000.L.Google.7", "9P2000.L"),
        ("8P", "unknown"),
        ("", "unknown"),
    ] {
        for (msize, agreed) in [(512, 512), (8192, 8192), (65535, 8192), (u32::MAX, 8192)] {
            let mut client = Client::silent(Dialect::Plan9);
            // hugelgupf/p9 does not ask with NOTAG.
            for tag in [0xffff, 1] {
                let frame = client.frame(tag, &Request::Version { msize, version: asked });
                let (_, reply) = client.raw_reply(&frame);
                assert_eq!(reply, Reply::Version { msize: agreed, version: answered });
            }
            assert_eq!(client.connection.dialect(), Dialect::of_version(asked));
        }
    }
}

#[test]
fn small_msize_is_refused_in_the_dialect_asked_for() {
    for dialect in BOTH {
        for msize in [0, 1, 24, 511] {
            let mut client = Client::silent(dialect);
            let version = dialect.version();
            let error = client.refused(Request::Version { msize, version });
            assert_eq!(error, Error::SmallMessages);
            // Nothing was agreed on, so the next error is one of 9P2000.
            let clunk = client.frame(1, &Request::Clunk { fid: Fid(0) });
            assert_eq!(client.raw_refused(&clunk), Error::NoVersion);
        }
    }
}

#[test]
fn authentication_is_not_needed() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        let (afid, uname, aname, n_uname) = (Fid(5), "", "", UserId(1000));
        let n_uname = if dialect == Dialect::Linux { n_uname } else { UserId::NONE };
        let error = client.refused(Request::Auth { afid, uname, aname, n_uname });
        assert_eq!((error, error.errno()), (Error::NoAuth, 2));
        client.hang_up();
    }
}

#[test]
fn attach_walk_read_write() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        let qids = client.walk(0, 1, "proc/boot").unwrap();
        assert_eq!(qids.iter().map(|qid| qid.kind).collect::<Vec<_>>(), [Qid::DIRECTORY, 0]);
        assert_eq!(client.open(1, 0).unwrap(), 8192 - 24);
        assert_eq!(client.read(1, 0, 8192).unwrap(), BOOT);
        assert_eq!(client.read(1, 3, 4).unwrap(), &BOOT[3..7]);
        assert_eq!(client.read(1, BOOT.len() as u64, 4).unwrap(), b"");
        assert_eq!(client.read(1, 1 << 40, 4).unwrap(), b"");
        assert_eq!(client.length(1).unwrap(), BOOT.len() as u64);

        client.open_path(2, "log/queen.log", 2);
        for offset in [0, 3, u64::MAX] {
            assert_eq!(client.write(2, offset, b"line\n").unwrap(), 5);
        }
        assert_eq!(client.read(2, 0, 100).unwrap(), b"line\nline\nline\n");
        assert_eq!(client.length(2).unwrap(), 15);
        // ixpc ends a write in this way: it is no command and no line.
        assert_eq!(client.write(2, 15, b"").unwrap(), 0);
        assert_eq!(client.length(2).unwrap(), 15);
        client.clunk(1).unwrap();
        client.clunk(2).unwrap();
        assert_eq!(client.connection.fids(), 1);
        client.hang_up();
    }
}

#[test]
fn walk_clones_climbs_and_stops() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        assert_eq!(client.walk(0, 1, "").unwrap(), []);
        assert_eq!(client.walk(1, 1, "").unwrap(), []);
        let root = client.walk(1, 2, "..").unwrap();
        assert_eq!(client.walk(1, 3, "proc/../../../..").unwrap().last(), root.last());
        client.clunk(3).unwrap();
        // newfid == fid moves it.
        assert_eq!(client.walk(1, 1, "log/queen.log").unwrap().len(), 2);
        client.open(1, 0).unwrap();
        // A part of the way: newfid is not made, and fid stays where it was.
        assert_eq!(client.walk(0, 3, "log/nothing/here").unwrap().len(), 1);
        assert_eq!(client.clunk(3), Err(Error::UnknownFid));
        assert_eq!(client.walk(2, 2, "proc/boot/more").unwrap().len(), 2);
        assert_eq!(client.walk(2, 2, "proc").unwrap().len(), 1);
        assert_eq!(client.walk(0, 3, "nothing"), Err(Error::NotFound));
        client.hang_up();
    }
}

#[test]
fn several_attaches_end_each_with_their_last_fid() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.attach(10, "observer", "/").unwrap();
        assert_eq!(client.tree.sessions(), 2);
        client.walk(10, 11, "log/queen.log").unwrap();
        assert_eq!(client.open(11, 1), Err(Error::Permission));
        client.clunk(10).unwrap();
        assert_eq!(client.tree.sessions(), 2);
        client.open(11, 0).unwrap();
        client.clunk(11).unwrap();
        assert_eq!(client.tree.sessions(), 1);
        assert_eq!(client.attach(1, "nobody", ""), Err(Error::Permission));
        assert_eq!(client.attach(1, "queen", "/elsewhere"), Err(Error::NotFound));
        assert_eq!(client.tree.sessions(), 1);
        client.hang_up();
    }
}

#[test]
fn truncation_is_not_heeded() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.tree.append("queen.log", b"before\n");
        client.walk(0, 1, "log/queen.log").unwrap();
        client.open_as(1, 1, true).unwrap();
        assert_eq!(client.length(1).unwrap(), 7);
        match dialect {
            Dialect::Plan9 => {
                client.wstat(1, Stat { length: 0, ..Stat::KEEP }).unwrap();
                client.wstat(1, Stat { length: 0, mtime: 5, atime: 6, ..Stat::KEEP }).unwrap();
                client.wstat(1, Stat::KEEP).unwrap();
            }
            Dialect::Linux => {
                for valid in [setattr::SIZE, setattr::MTIME | setattr::MTIME_SET, 0, 0x1f8] {
                    let attr = SetAttr { valid, ..SetAttr::default() };
                    assert_eq!(client.ask(Request::Setattr { fid: Fid(1), attr }), Reply::Setattr);
                }
            }
        }
        assert_eq!(client.length(1).unwrap(), 7);
        client.hang_up();
    }
}

#[test]
fn truncation_needs_the_right_to_write() {
    for dialect in BOTH {
        let mut client = Client::of(dialect, "observer");
        client.walk(0, 1, "log/queen.log").unwrap();
        assert_eq!(client.open_as(1, 0, true), Err(Error::Permission));
        client.walk(0, 2, "proc/boot").unwrap();
        assert_eq!(client.open_as(2, 0, true), Err(Error::Permission));
        let (fid, attr) = (Fid(1), SetAttr { valid: setattr::SIZE, ..SetAttr::default() });
        match dialect {
            Dialect::Plan9 => {
                let result = client.wstat(1, Stat { length: 0, ..Stat::KEEP });
                assert_eq!(result, Err(Error::Permission));
                let result = client.wstat(1, Stat { mtime: 0, ..Stat::KEEP });
                assert_eq!(result, Err(Error::Permission));
            }
            Dialect::Linux => {
                assert_eq!(client.refused(Request::Setattr { fid, attr }), Error::Permission);
                let attr = SetAttr { valid: setattr::MTIME, ..SetAttr::default() };
                assert_eq!(client.refused(Request::Setattr { fid, attr }), Error::Permission);
            }
        }
        assert_eq!(client.tree.opens(), 0);
        client.hang_up();
    }
}

#[test]
fn wstat_changes_nothing_else() {
    let mut client = Client::queen(Dialect::Plan9);
    client.walk(0, 1, "log/queen.log").unwrap();
    let Reply::Stat { stat } = client.ask(Request::Stat { fid: Fid(1) }) else { panic!() };
    let mut room = [0; 256];
    room[..stat.as_bytes().len()].copy_from_slice(stat.as_bytes());
    let now = Stats::new(&room[..stat.as_bytes().len()]).next().unwrap().unwrap();
    assert_eq!((now.name, now.mode), ("queen.log", 0x4000_0000 | 0o666));
    client.wstat(1, now).unwrap();
    for stat in [
        Stat { name: "other", ..Stat::KEEP },
        Stat { mode: 0o777, ..Stat::KEEP },
        Stat { gid: "others", ..Stat::KEEP },
        Stat { uid: "me", ..Stat::KEEP },
        Stat { muid: "me", ..Stat::KEEP },
        Stat { kind: 1, ..Stat::KEEP },
        Stat { dev: 1, ..Stat::KEEP },
        Stat { qid: Qid::default(), ..Stat::KEEP },
        Stat { name: "other", length: 0, ..Stat::KEEP },
    ] {
        assert_eq!(client.wstat(1, stat), Err(Error::Refused), "{stat:?}");
    }
    assert_eq!(client.wstat(0, Stat { length: 1, ..Stat::KEEP }), Err(Error::IsDirectory));
    client.hang_up();
}

#[test]
fn setattr_changes_nothing_else() {
    let mut client = Client::queen(Dialect::Linux);
    client.walk(0, 1, "log/queen.log").unwrap();
    for (valid, error) in [
        (setattr::MODE, Error::Refused),
        (setattr::UID, Error::Refused),
        (setattr::GID | setattr::SIZE, Error::Refused),
        (0x200, Error::Invalid),
        (u32::MAX, Error::Invalid),
    ] {
        let attr = SetAttr { valid, ..SetAttr::default() };
        assert_eq!(client.refused(Request::Setattr { fid: Fid(1), attr }), error);
    }
    let attr = SetAttr { valid: setattr::SIZE, size: 1, ..SetAttr::default() };
    assert_eq!(client.refused(Request::Setattr { fid: Fid(0), attr }), Error::IsDirectory);
    client.hang_up();
}

#[test]
fn getattr_says_what_stat_says() {
    let mut client = Client::queen(Dialect::Linux);
    for (path, mode) in [("", 0o04_0555), ("proc/boot", 0o10_0444), ("log/queen.log", 0o10_0666)] {
        client.walk(0, 1, path).unwrap();
        let getattr = Request::Getattr { fid: Fid(1), request_mask: 0x3fff };
        let Reply::Getattr { attr } = client.ask(getattr) else { panic!() };
        let attr = attr.attr().unwrap();
        assert_eq!((attr.valid, attr.mode, attr.nlink), (0x7ff, mode, 1));
        assert_eq!((attr.mtime_sec, attr.mtime_nsec), (1_000_000_000, 5));
        assert_eq!(attr.blocks, attr.size.div_ceil(512));
        client.clunk(1).unwrap();
    }
    let Reply::Statfs { statfs } = client.ask(Request::Statfs { fid: Fid(0) }) else { panic!() };
    assert_eq!((statfs.kind, statfs.namelen as usize), (0x0102_1997, MAX_NAME));
    client.hang_up();
}

/// Every name of `/many`, read by `count` bytes at a time.
fn list(client: &mut Client, count: u32) -> Vec<String> {
    client.open_path(1, "many", 0);
    let (mut names, mut offset) = (Vec::new(), 0);
    loop {
        let data = match client.dialect {
            Dialect::Plan9 => client.read(1, offset, count).unwrap(),
            Dialect::Linux => client.readdir(1, offset, count).unwrap(),
        };
        if data.is_empty() {
            break;
        }
        assert!(data.len() <= count as usize);
        match client.dialect {
            Dialect::Plan9 => {
                offset += data.len() as u64;
                names.extend(Stats::new(&data).map(|stat| stat.unwrap().name.to_string()));
            }
            Dialect::Linux => {
                for entry in Dirents::new(&data) {
                    let entry = entry.unwrap();
                    (offset, ()) = (entry.offset, names.push(entry.name.as_str().into()));
                }
            }
        }
    }
    client.clunk(1).unwrap();
    names
}

#[test]
fn directories_come_whole_and_in_order() {
    let expected: Vec<String> = (0..MANY).map(|number| format!("file-{number}")).collect();
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        for count in [80, 100, 1000, 8192, u32::MAX] {
            assert_eq!(list(&mut client, count), expected);
        }
        // One that goes away between two reads takes no other with it.
        client.tree.take_away("file-7");
        assert!(!list(&mut client, 100).contains(&"file-7".into()));
        client.hang_up();
    }
}

#[test]
fn a_listing_starts_again_at_0() {
    let mut client = Client::queen(Dialect::Plan9);
    client.open_path(1, "many", 0);
    let first = client.read(1, 0, 200).unwrap();
    let second = client.read(1, first.len() as u64, 200).unwrap();
    assert_ne!(first, second);
    assert_eq!(client.read(1, 0, 200).unwrap(), first);
    assert_eq!(client.read(1, first.len() as u64, 200).unwrap(), second);
    client.hang_up();
}

#[test]
fn lcreate_opens_what_is_there() {
    let mut client = Client::queen(Dialect::Linux);
    client.walk(0, 1, "log").unwrap();
    let lcreate = |text, flags| {
        let name = Name::new(text).unwrap();
        Request::Lcreate { fid: Fid(1), name, flags, mode: 0o644, gid: 0 }
    };
    // O_CREAT with O_EXCL, then a name that is not there, then p9fs's way to write.
    assert_eq!(client.refused(lcreate("queen.log", 0o301)), Error::Exists);
    assert_eq!(client.refused(lcreate("new", 0o101)), Error::Permission);
    assert_eq!(client.refused(lcreate("..", 0o101)), Error::Exists);
    let reply = client.ask(lcreate("queen.log", 0o1101));
    assert!(matches!(reply, Reply::Lcreate { iounit: 8168, .. }), "{reply:?}");
    assert_eq!(client.write(1, 0, b"x").unwrap(), 1);
    assert_eq!(client.refused(lcreate("queen.log", 0o101)), Error::BadUse);
    client.clunk(1).unwrap();

    let mut client = Client::of(Dialect::Linux, "observer");
    client.walk(0, 1, "log").unwrap();
    assert_eq!(client.refused(lcreate("queen.log", 0o101)), Error::Permission);
    // It still is the directory.
    assert!(client.walk(1, 2, "queen.log").is_ok());
    client.hang_up();
}

#[test]
fn what_is_not_done_is_refused() {
    let (fid, dfid, name, gid) = (Fid(0), Fid(0), Name::new("x").unwrap(), 0);
    let mut client = Client::queen(Dialect::Linux);
    let (start, length, proc_id, client_id, kind) = (0, 0, 1, "me", 0);
    let (olddirfid, newdirfid) = (fid, fid);
    for (request, errno) in [
        (Request::Symlink { fid, name, target: "y", gid }, 13),
        (Request::Mknod { dfid, name, mode: 0, major: 0, minor: 0, gid }, 13),
        (Request::Rename { fid, dfid, name }, 13),
        (Request::Link { dfid, fid, name }, 13),
        (Request::Mkdir { dfid, name, mode: 0, gid }, 13),
        (Request::Renameat { olddirfid, oldname: name, newdirfid, newname: name }, 13),
        (Request::Unlinkat { dirfid: fid, name, flags: 0 }, 13),
        (Request::Readlink { fid }, 22),
        (Request::Xattrwalk { fid, newfid: Fid(1), name: "security.x" }, 61),
        (Request::Xattrcreate { fid, name: "user.x", attr_size: 1, flags: 0 }, 95),
        (Request::Lock { fid, kind, flags: 0, start, length, proc_id, client_id }, 95),
        (Request::Getlock { fid, kind, start, length, proc_id, client_id }, 95),
    ] {
        assert_eq!(client.refused(request).errno(), errno, "{request:?}");
    }
    let fsync = Request::Fsync { fid, datasync: secure9p_codec::Datasync(0) };
    assert_eq!(client.ask(fsync), Reply::Fsync);
    assert_eq!(client.connection.fids(), 1);
    client.hang_up();

    let mut client = Client::queen(Dialect::Plan9);
    let create = |text| Request::Create { fid, name: Name::new(text).unwrap(), perm: 0, mode: 1 };
    assert_eq!(client.refused(create("new")), Error::Permission);
    assert_eq!(client.refused(create("log")), Error::Exists);
    client.hang_up();
}

#[test]
fn remove_is_refused_and_clunks() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.open_path(1, "log/queen.log", 1);
        assert_eq!(client.refused(Request::Remove { fid: Fid(1) }), Error::Permission);
        assert_eq!(client.tree.opens(), 0);
        assert_eq!(client.refused(Request::Remove { fid: Fid(1) }), Error::UnknownFid);
        assert!(client.walk(0, 1, "log/queen.log").is_ok(), "the file stays");
        client.hang_up();
    }
}

#[test]
fn an_open_directory_can_be_walked_from_in_one_dialect() {
    for (dialect, result) in BOTH.into_iter().zip([Err(Error::BadUse), Ok(1)]) {
        let mut client = Client::queen(dialect);
        client.open_path(1, "log", 0);
        assert_eq!(client.walk(1, 2, "queen.log").map(|qids| qids.len()), result);
        assert_eq!(client.walk(1, 1, "queen.log"), Err(Error::BadUse));
        client.hang_up();
    }
}

#[test]
fn flags_that_linux_adds_are_not_heeded() {
    let mut client = Client::queen(Dialect::Linux);
    client.walk(0, 1, "log/queen.log").unwrap();
    // O_APPEND, O_LARGEFILE, O_NOFOLLOW, O_CLOEXEC.
    let flags = 0o1 | 0o2000 | 0o10_0000 | 0o40_0000 | 0o200_0000;
    assert!(matches!(client.ask(Request::Lopen { fid: Fid(1), flags }), Reply::Lopen { .. }));
    client.walk(0, 2, "log").unwrap();
    let flags = 0o20_0000;
    assert!(matches!(client.ask(Request::Lopen { fid: Fid(2), flags }), Reply::Lopen { .. }));
    client.walk(0, 3, "proc/boot").unwrap();
    assert_eq!(client.refused(Request::Lopen { fid: Fid(3), flags }), Error::NotDirectory);
    client.hang_up();
}

#[test]
fn rights_that_end_end_for_open_fids() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.open_path(1, "log/queen.log", 2);
        client.open_path(2, "many", 0);
        client.walk(0, 3, "proc").unwrap();
        client.tree.revoke();
        assert_eq!(client.read(1, 0, 10), Err(Error::Closed));
        assert_eq!(client.write(1, 0, b"x"), Err(Error::Closed));
        assert_eq!(client.write(1, 0, b""), Err(Error::Closed));
        assert_eq!(client.length(1), Err(Error::Closed));
        assert_eq!(client.walk(3, 4, "boot"), Err(Error::Closed));
        assert_eq!(client.open(3, 0), Err(Error::Closed));
        let listed = match dialect {
            Dialect::Plan9 => client.read(2, 0, 1000),
            Dialect::Linux => client.readdir(2, 0, 1000),
        };
        assert_eq!(listed, Err(Error::Closed));
        assert_eq!(client.tree.data("queen.log"), b"");
        client.clunk(1).unwrap();
        client.hang_up();
    }
}

#[test]
fn files_that_go_away_answer_closed() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.open_path(1, "log/queen.log", 2);
        client.tree.take_away("queen.log");
        assert_eq!(client.read(1, 0, 10), Err(Error::Closed));
        assert_eq!(client.write(1, 0, b"x"), Err(Error::Closed));
        assert_eq!(client.length(1), Err(Error::Closed));
        assert_eq!(client.walk(0, 2, "log/queen.log").unwrap().len(), 1);
        client.clunk(1).unwrap();
        client.hang_up();
    }
}

#[test]
fn counters_and_hooks() {
    let mut client = Client::queen(Dialect::Linux);
    let before = client.connection.counters();
    assert_eq!((before.frames, before.replies, before.errors), (2, 2, 0));
    assert_eq!(client.clunk(9), Err(Error::UnknownFid));
    client.clunk(0).unwrap();
    let Counters { frames, bytes_in, replies, bytes_out, errors, waited, flushed } =
        client.connection.counters();
    assert_eq!((frames, replies, errors, waited, flushed), (4, 4, 1, 0, 0));
    assert_eq!(bytes_in - before.bytes_in, 11 + 11);
    assert_eq!(bytes_out - before.bytes_out, 11 + 7);
    let seen = client.seen();
    assert_eq!((&seen.attached[..], &seen.clunked[..]), (&[Fid(0)][..], &[Fid(0)][..]));
    assert_eq!(seen.errors, [(Tag(99), Error::UnknownFid)]);
}
