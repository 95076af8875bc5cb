//! Frames, versions and how a connection ends.

use secure9p_codec::{
    DecodeError, Dialect, Fid, FrameError, Names, Qid, REPLIES, REQUESTS, Request, UserId,
};
use secure9p_core::{CloseReason, Error, Outcome};

use crate::client::Client;
use crate::{BOTH, closed, each, frame, wait};

#[test]
fn frame_broken_ends_the_connection() {
    each(|client| {
        closed(client.raw(&[]), FrameError::Short);
        closed(client.raw(&[7, 0, 0, 0, 120, 1]), FrameError::Short);
        for size in [0u32, 6, 7, 10, 12, 8193, u32::MAX] {
            let mut clunk = frame(120, 1, &[0; 4]);
            clunk[..4].copy_from_slice(&size.to_le_bytes());
            closed(client.raw(&clunk), FrameError::Size);
        }
        closed(client.raw(&frame(118, 1, &[0; 8186])), FrameError::Long);
    });
}

#[test]
fn frame_above_the_msize_that_was_agreed() {
    let mut client = Client::silent(Dialect::Linux);
    let version = "9P2000.L";
    client.ask(Request::Version { msize: 1000, version });
    assert_eq!(client.connection.limit(), 1000);
    closed(client.raw(&frame(118, 1, &[0; 994])), FrameError::Long);
    assert_eq!(client.raw_refused(&frame(118, 1, &[0; 993])), Error::Malformed(DecodeError::Count));
    client.hang_up();
}

#[test]
fn body_short_long_and_trailing_is_answered() {
    each(|client| {
        for (length, error) in [(3, DecodeError::Truncated), (5, DecodeError::Trailing)] {
            let clunk = frame(120, 1, &vec![0; length]);
            assert_eq!(client.raw_refused(&clunk), Error::Malformed(error));
        }
        client.clunk(0).unwrap();
    });
}

#[test]
fn type_unknown_reply_or_other_dialect() {
    each(|client| {
        for kind in 0..=u8::MAX {
            if REQUESTS.iter().any(|m| m.kind == kind && m.dialects.contains(&client.dialect)) {
                continue;
            }
            for length in [0, 4, 13, 60] {
                let error = client.raw_refused(&frame(kind, 1, &vec![0; length]));
                assert_eq!(error, Error::Malformed(DecodeError::Type(kind)));
                assert_eq!(error.errno(), 95);
            }
        }
        assert!(REPLIES.iter().all(|reply| reply.kind % 2 == 1), "replies were among them");
        client.clunk(0).unwrap();
    });
}

#[test]
fn version_not_first() {
    for dialect in BOTH {
        let mut client = Client::silent(Dialect::Plan9);
        for message in REQUESTS.iter().filter(|m| m.name != "Version") {
            let error = client.raw_refused(&frame(message.kind, 1, &[0; 20]));
            assert_eq!(error, Error::NoVersion, "{}", message.name);
        }
        client.dialect = dialect;
        client.ask(Request::Version { msize: 8192, version: dialect.version() });
        assert_eq!(client.clunk(0), Err(Error::UnknownFid));
        client.hang_up();
    }
}

#[test]
fn version_with_nul_or_cut() {
    let mut client = Client::silent(Dialect::Plan9);
    let nul = frame(100, 0xffff, b"\0\x20\0\0\x07\09P2000\0");
    assert_eq!(client.raw_refused(&nul), Error::Malformed(DecodeError::Text));
    let cut = frame(100, 0xffff, b"\0\x20\0\0\x07\09P2000");
    assert_eq!(client.raw_refused(&cut), Error::Malformed(DecodeError::Truncated));
    client.hang_up();
}

#[test]
fn version_in_mid_session_drops_all() {
    for dialect in BOTH {
        for version in ["9P2000", "9P2000.L", "unheard of"] {
            let mut client = Client::queen(dialect);
            wait(&mut client);
            client.ask(Request::Version { msize: 8192, version });
            assert_eq!((client.tree.sessions(), client.tree.opens()), (0, 0));
            assert_eq!((client.connection.fids(), client.connection.waiting()), (0, 0));
            client.dialect = Dialect::of_version(version).unwrap_or(Dialect::Plan9);
            client.tree.append("events", b"late");
            client.tree.finish_writes();
            assert_eq!(client.poll(), None);
            client.hang_up();
        }
    }
}

#[test]
fn version_refused_in_mid_session_drops_all_too() {
    let mut client = Client::queen(Dialect::Linux);
    let small = Request::Version { msize: 24, version: "9P2000.L" };
    assert_eq!(client.refused(small), Error::SmallMessages);
    assert_eq!((client.tree.sessions(), client.connection.dialect()), (0, None));
    client.hang_up();
}

#[test]
fn hang_up_at_any_point_leaves_nothing() {
    for dialect in BOTH {
        let requests = |client: &Client| {
            let (fid, newfid, n_uname) = (Fid(0), Fid(1), UserId::NONE);
            let (version, uname, aname) = (dialect.version(), "queen", "");
            let mut room = [0; 64];
            let names = Names::pack(&["queen", "slow"], &mut room).unwrap();
            let open = match dialect {
                Dialect::Plan9 => Request::Open { fid: newfid, mode: 2 },
                Dialect::Linux => Request::Lopen { fid: newfid, flags: 2 },
            };
            [
                Request::Version { msize: 8192, version },
                Request::Attach { fid, afid: Fid::NONE, uname, aname, n_uname },
                Request::Walk { fid, newfid, names },
                open,
                Request::Write { fid: newfid, offset: 0, data: b"x" },
                Request::Clunk { fid },
                Request::Clunk { fid: newfid },
            ]
            .map(|request| client.frame(1 + u16::from(request.kind()), &request))
        };
        let frames = requests(&Client::silent(dialect));
        for sent in 0..=frames.len() {
            let mut client = Client::silent(dialect);
            for frame in &frames[..sent] {
                assert!(!matches!(client.raw(frame), Outcome::Close(_)));
            }
            client.hang_up();
        }
    }
}

#[test]
fn reply_buffer_that_is_too_short() {
    for dialect in BOTH {
        for length in [0, 6, 10, 12, 40, 200] {
            let mut client = Client::queen(dialect);
            client.tree.append("queen.log", &[b'x'; 500]);
            client.open_path(1, "log/queen.log", 0);
            let mut reply = vec![0; length];
            let read = client.frame(1, &Request::Read { fid: Fid(1), offset: 0, count: 400 });
            client.tree.begin();
            match client.connection.handle(&read, &mut client.tree, &mut reply) {
                Outcome::Reply(written) => assert!(written <= length),
                outcome => assert_eq!(outcome, Outcome::Close(CloseReason::ReplyBuffer)),
            }
            client.hang_up();
        }
    }
}

#[test]
fn qids_are_the_files_own() {
    let mut client = Client::queen(Dialect::Linux);
    let paths = ["proc", "proc/boot", "log", "log/queen.log", "queen", "queen/ctl", "many"];
    let mut seen: Vec<Qid> = Vec::new();
    for path in paths {
        seen.push(*client.walk(0, 1, path).unwrap().last().unwrap());
        client.clunk(1).unwrap();
    }
    seen.sort_by_key(|qid| qid.path);
    seen.dedup_by_key(|qid| qid.path);
    assert_eq!(seen.len(), paths.len());
    client.hang_up();
}
