//! What a hostile client sees: one test for each class of bad input.
//!
//! Every test ends with a hang-up, after which the tree must hold nothing of the client; and the
//! model tree panics where it is called out of order, so a test that passes says that too.

mod client;

use client::{Client, FIDS};
use secure9p_codec::{
    DecodeError, Dialect, Fid, FrameError, Names, Qid, REPLIES, REQUESTS, Reply, Request, Tag,
    UserId,
};
use secure9p_core::{CloseReason, Error, Outcome};

const BOTH: [Dialect; 2] = [Dialect::Plan9, Dialect::Linux];

fn frame(kind: u8, tag: u16, body: &[u8]) -> Vec<u8> {
    let size = (7 + body.len()) as u32;
    [&size.to_le_bytes()[..], &[kind], &tag.to_le_bytes(), body].concat()
}

fn closed(outcome: Outcome, error: FrameError) {
    assert_eq!(outcome, Outcome::Close(CloseReason::Frame(error)));
}

// 1 Frame

#[test]
fn frame_broken_ends_the_connection() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        closed(client.raw(&[]), FrameError::Short);
        closed(client.raw(&[7, 0, 0, 0, 120, 1]), FrameError::Short);
        for size in [0u32, 6, 7, 10, 12, 8193, u32::MAX] {
            let mut clunk = frame(120, 1, &[0; 4]);
            clunk[..4].copy_from_slice(&size.to_le_bytes());
            closed(client.raw(&clunk), FrameError::Size);
        }
        closed(client.raw(&frame(118, 1, &[0; 8186])), FrameError::Long);
        client.hang_up();
    }
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
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        for (length, error) in [(3, DecodeError::Truncated), (5, DecodeError::Trailing)] {
            let clunk = frame(120, 1, &vec![0; length]);
            assert_eq!(client.raw_refused(&clunk), Error::Malformed(error));
        }
        client.clunk(0).unwrap();
        client.hang_up();
    }
}

#[test]
fn type_unknown_reply_or_other_dialect() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        for kind in 0..=u8::MAX {
            if REQUESTS.iter().any(|m| m.kind == kind && m.dialects.contains(&dialect)) {
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
        client.hang_up();
    }
}

// 2 Version

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
            client.open_path(1, "proc/events", 0);
            client.open_path(2, "queen/slow", 1);
            let read = Request::Read { fid: Fid(1), offset: 0, count: 10 };
            assert_eq!(client.send(1, read), Outcome::Pending);
            let write = Request::Write { fid: Fid(2), offset: 0, data: b"x" };
            assert_eq!(client.send(2, write), Outcome::Pending);

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

// 3 Tag

#[test]
fn tag_none_is_for_version_only() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        let clunk = client.frame(0xffff, &Request::Clunk { fid: Fid(0) });
        assert_eq!(client.raw_refused(&clunk), Error::BadTag);
        client.clunk(0).unwrap();
        client.hang_up();
    }
}

#[test]
fn tag_twice_in_flight() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.open_path(1, "proc/events", 0);
        let read = Request::Read { fid: Fid(1), offset: 0, count: 10 };
        assert_eq!(client.send(5, read), Outcome::Pending);
        for request in [read, Request::Clunk { fid: Fid(0) }, Request::Flush { oldtag: Tag(5) }] {
            let frame = client.frame(5, &request);
            assert_eq!(client.raw_refused(&frame), Error::BadTag);
        }
        // The first is as it was.
        client.tree.append("events", b"now");
        assert_eq!(client.poll(), Some((Tag(5), Reply::Read { data: b"now" })));
        assert_eq!(client.poll(), None);
        client.hang_up();
    }
}

#[test]
fn flush_of_unknown_self_and_finished() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.flush(1, 77);
        client.flush(1, 1);
        client.flush(1, 0xffff);
        client.flush(1, 99);
        client.hang_up();
    }
}

#[test]
fn flush_leaves_no_reply() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.open_path(1, "proc/events", 0);
        client.open_path(2, "queen/slow", 1);
        let read = Request::Read { fid: Fid(1), offset: 0, count: 10 };
        let write = Request::Write { fid: Fid(2), offset: 0, data: b"x" };
        assert_eq!(client.send(5, read), Outcome::Pending);
        assert_eq!(client.send(6, write), Outcome::Pending);
        client.flush(7, 5);
        client.flush(7, 6);
        client.tree.append("events", b"now");
        client.tree.finish_writes();
        assert_eq!(client.poll(), None);
        assert_eq!(client.connection.counters().flushed, 2);
        // Their tags and the file are free again.
        assert_eq!(client.read(1, 0, 10).unwrap(), b"now");
        assert_eq!(client.send(6, write), Outcome::Pending);
        client.tree.finish_writes();
        assert_eq!(client.poll(), Some((Tag(6), Reply::Write { count: 1 })));
        client.hang_up();
    }
}

#[test]
fn requests_that_wait_are_limited() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.open_path(1, "proc/events", 0);
        client.open_path(2, "queen/slow", 1);
        let read = Request::Read { fid: Fid(1), offset: 0, count: 10 };
        for tag in 0..3 {
            assert_eq!(client.send(tag, read), Outcome::Pending);
        }
        assert_eq!(client.refused(read), Error::TooManyRequests);
        let write = Request::Write { fid: Fid(2), offset: 0, data: b"x" };
        assert_eq!(client.refused(write), Error::TooManyRequests);
        assert_eq!(client.tree.pending_writes(), 0);
        client.flush(7, 1);
        assert_eq!(client.send(8, write), Outcome::Pending);
        // In the order in which they came.
        client.tree.append("events", b"now");
        client.tree.finish_writes();
        for tag in [0, 2, 8] {
            assert_eq!(client.poll().map(|(tag, _)| tag), Some(Tag(tag)));
        }
        assert_eq!(client.poll(), None);
        client.hang_up();
    }
}

#[test]
fn two_writes_at_once_to_a_file_that_waits() {
    let mut client = Client::queen(Dialect::Linux);
    client.open_path(1, "queen/slow", 1);
    let write = Request::Write { fid: Fid(1), offset: 0, data: b"x" };
    assert_eq!(client.send(5, write), Outcome::Pending);
    assert_eq!(client.refused(write), Error::Busy);
    client.tree.finish_writes();
    assert_eq!(client.poll(), Some((Tag(5), Reply::Write { count: 1 })));
    client.hang_up();
}

#[test]
fn requests_that_wait_fail_with_their_fid() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.open_path(1, "proc/events", 0);
        client.open_path(2, "queen/slow", 1);
        let read = Request::Read { fid: Fid(1), offset: 0, count: 10 };
        let write = Request::Write { fid: Fid(2), offset: 0, data: b"x" };
        assert_eq!(client.send(5, read), Outcome::Pending);
        assert_eq!(client.send(6, write), Outcome::Pending);
        client.clunk(1).unwrap();
        client.clunk(2).unwrap();
        // Other files under the same numbers get nothing of it.
        client.open_path(1, "log/queen.log", 2);
        client.open_path(2, "proc/boot", 0);
        client.tree.append("events", b"now");
        let errors = |client: &Client| client.seen().errors.clone();
        assert!(client.poll().is_some() && client.poll().is_some());
        assert_eq!(errors(&client), [(Tag(5), Error::Closed), (Tag(6), Error::Closed)]);
        assert_eq!(client.poll(), None);
        client.hang_up();
    }
}

#[test]
fn requests_that_wait_fail_with_their_rights() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.open_path(1, "proc/events", 0);
        client.open_path(2, "queen/slow", 1);
        let read = Request::Read { fid: Fid(1), offset: 0, count: 10 };
        let write = Request::Write { fid: Fid(2), offset: 0, data: b"x" };
        assert_eq!(client.send(5, read), Outcome::Pending);
        assert_eq!(client.send(6, write), Outcome::Pending);
        client.tree.revoke();
        client.tree.append("events", b"secret");
        client.tree.finish_writes();
        assert!(client.poll().is_some() && client.poll().is_some());
        let errors = client.seen().errors.clone();
        assert_eq!(errors, [(Tag(5), Error::Closed), (Tag(6), Error::Closed)]);
        client.hang_up();
    }
}

// 4 Fid

#[test]
fn fid_unknown_everywhere() {
    for dialect in BOTH {
        for fid in [1, 0x8000_0000, u32::MAX] {
            let mut client = Client::queen(dialect);
            assert_eq!(client.walk(fid, 2, "proc"), Err(Error::UnknownFid));
            assert_eq!(client.open(fid, 0), Err(Error::UnknownFid));
            assert_eq!(client.read(fid, 0, 1), Err(Error::UnknownFid));
            assert_eq!(client.write(fid, 0, b"x"), Err(Error::UnknownFid));
            assert_eq!(client.length(fid), Err(Error::UnknownFid));
            assert_eq!(client.clunk(fid), Err(Error::UnknownFid));
            let error = client.refused(Request::Remove { fid: Fid(fid) });
            assert_eq!(error, Error::UnknownFid);
            // Every other request of the dialect that names it, all fields alike.
            let body = [fid.to_le_bytes(), fid.to_le_bytes()].concat();
            for kind in [8, 22, 50].into_iter().filter(|_| dialect == Dialect::Linux) {
                let length = if kind == 50 { 8 } else { 4 };
                let error = client.raw_refused(&frame(kind, 1, &body[..length]));
                assert_eq!(error, Error::UnknownFid, "{kind}");
            }
            client.hang_up();
        }
    }
}

#[test]
fn fid_in_use() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.walk(0, 1, "proc").unwrap();
        assert_eq!(client.walk(0, 1, "log"), Err(Error::FidInUse));
        assert_eq!(client.walk(1, 0, ""), Err(Error::FidInUse));
        assert_eq!(client.attach(1, "queen", ""), Err(Error::FidInUse));
        assert_eq!(client.tree.sessions(), 1);
        assert_eq!(client.walk(1, 2, "boot").unwrap().len(), 1);
        client.hang_up();
    }
}

#[test]
fn fid_none_is_never_one() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        assert_eq!(client.walk(0, u32::MAX, ""), Err(Error::UnknownFid));
        assert_eq!(client.walk(u32::MAX, u32::MAX, ""), Err(Error::UnknownFid));
        assert_eq!(client.attach(u32::MAX, "queen", ""), Err(Error::UnknownFid));
        assert_eq!(client.clunk(u32::MAX), Err(Error::UnknownFid));
        client.hang_up();
    }
}

#[test]
fn fid_clunked_and_opened_twice() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.open_path(1, "proc/boot", 0);
        assert_eq!(client.open(1, 0), Err(Error::BadUse));
        assert_eq!(client.tree.opens(), 1);
        client.clunk(1).unwrap();
        assert_eq!(client.clunk(1), Err(Error::UnknownFid));
        client.hang_up();
    }
}

#[test]
fn fids_run_out_and_come_back() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        // All want the same place.
        let number = |index: usize| (index * FIDS) as u32;
        for index in 1..FIDS {
            client.walk(0, number(index), "proc").unwrap();
        }
        assert_eq!(client.walk(0, 1, "proc"), Err(Error::TooManyFids));
        assert_eq!(client.attach(1, "queen", ""), Err(Error::TooManyFids));
        assert_eq!(client.tree.sessions(), 1);
        assert_eq!(client.connection.fids(), FIDS);
        for index in 1..FIDS {
            assert_eq!(client.walk(number(index), number(index), "boot").unwrap().len(), 1);
            client.clunk(number(index)).unwrap();
            client.walk(0, number(index), "proc").unwrap();
        }
        client.clunk(number(3)).unwrap();
        client.walk(0, 1, "proc").unwrap();
        client.hang_up();
    }
}

#[test]
fn fid_reused_after_clunk_has_nothing_of_the_old_one() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.open_path(1, "log/queen.log", 2);
        client.write(1, 0, b"old").unwrap();
        client.clunk(1).unwrap();
        client.walk(0, 1, "proc/boot").unwrap();
        assert_eq!(client.read(1, 0, 10), Err(Error::BadUse));
        assert_eq!(client.write(1, 0, b"x"), Err(Error::BadUse));
        assert_eq!(client.open(1, 1), Err(Error::Permission));
        client.open(1, 0).unwrap();
        assert_eq!(client.write(1, 0, b"x"), Err(Error::BadUse));
        client.clunk(1).unwrap();
        // Nor the place in a directory.
        client.open_path(1, "many", 0);
        if dialect == Dialect::Plan9 {
            let read = client.read(1, 0, 200).unwrap().len() as u64;
            client.clunk(1).unwrap();
            client.open_path(1, "many", 0);
            assert_eq!(client.read(1, read, 200), Err(Error::BadOffset));
        }
        client.hang_up();
    }
}

#[test]
fn fids_over_and_over_leave_nothing() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        for round in 0..500u32 {
            let fid = 1 + round.wrapping_mul(0x9e37_79b9) % 0x7fff_ffff;
            client.attach(fid, "queen", "").unwrap();
            client.walk(fid, fid, "log/queen.log").unwrap();
            client.open(fid, 2).unwrap();
            client.clunk(fid).unwrap();
        }
        assert_eq!((client.tree.sessions(), client.tree.opens()), (1, 0));
        client.hang_up();
    }
}

// 5 Walk

#[test]
fn walk_malformed_is_answered_and_changes_nothing() {
    let text = |text: &[u8]| [&(text.len() as u16).to_le_bytes()[..], text].concat();
    let fids = [0u32.to_le_bytes(), 1u32.to_le_bytes()].concat();
    let too_many = [&17u16.to_le_bytes()[..], &text(b"a").repeat(17)].concat();
    for dialect in BOTH {
        for (rest, error) in [
            (too_many.clone(), DecodeError::Count),
            ([&[2, 0][..], &text(b"proc")].concat(), DecodeError::Truncated),
            ([&[1, 0][..], &[200, 0], b"proc"].concat(), DecodeError::Truncated),
            ([&[1, 0][..], &text(b"")].concat(), DecodeError::Name),
            ([&[1, 0][..], &text(b"proc/boot")].concat(), DecodeError::Name),
            ([&[1, 0][..], &text(b"pr\0c")].concat(), DecodeError::Text),
            ([&[1, 0][..], &text(b"\xff\xfe")].concat(), DecodeError::Text),
            ([&[1, 0][..], &text(b"proc"), b"x"].concat(), DecodeError::Trailing),
        ] {
            let mut client = Client::queen(dialect);
            let walk = frame(110, 1, &[&fids[..], &rest].concat());
            assert_eq!(client.raw_refused(&walk), Error::Malformed(error));
            assert_eq!(client.clunk(1), Err(Error::UnknownFid));
            client.hang_up();
        }
    }
}

#[test]
fn walk_of_dots_stays_inside() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        let up = "../".repeat(16);
        let qids = client.walk(0, 1, &up).unwrap();
        assert_eq!(qids.len(), 16);
        assert!(qids.iter().all(|qid| *qid == qids[0]));
        assert_eq!(client.walk(0, 2, "."), Err(Error::Invalid));
        assert_eq!(client.walk(0, 2, "proc/./boot").unwrap().len(), 1);
        assert_eq!(client.clunk(2), Err(Error::UnknownFid));
        client.hang_up();
    }
}

#[test]
fn walk_through_a_file() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.walk(0, 1, "proc/boot").unwrap();
        for path in ["x", "..", "."] {
            assert_eq!(client.walk(1, 2, path), Err(Error::NotDirectory));
        }
        assert_eq!(client.walk(0, 2, "proc/boot/..").unwrap().len(), 2);
        assert_eq!(client.clunk(2), Err(Error::UnknownFid));
        client.hang_up();
    }
}

#[test]
fn walk_to_a_long_name() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        for length in [64, 65, 127, 128, 255, 1000] {
            assert_eq!(client.walk(0, 1, &"n".repeat(length)), Err(Error::NotFound));
        }
        client.hang_up();
    }
}

// 6 Input and output

#[test]
fn read_count_beyond_the_message() {
    for dialect in BOTH {
        for msize in [512, 8192] {
            let mut client = Client::queen(dialect);
            client.ask(Request::Version { msize, version: dialect.version() });
            client.attach(0, "queen", "").unwrap();
            client.tree.append("queen.log", &[b'x'; 10000]);
            client.open_path(1, "log/queen.log", 0);
            for count in [msize - 11, msize - 10, msize, 1 << 30, u32::MAX] {
                let read = client.read(1, 0, count).unwrap().len();
                assert_eq!(read, msize as usize - 11);
            }
            assert_eq!(client.read(1, 0, 0).unwrap(), b"");
            client.hang_up();
        }
    }
}

#[test]
fn read_offsets_at_the_edge() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.open_path(1, "proc/boot", 0);
        let most = i64::MAX as u64;
        assert_eq!(client.read(1, most - 1, 1).unwrap(), b"");
        for (offset, count) in [(most, 1), (1 << 63, 0), (u64::MAX, 0), (u64::MAX, u32::MAX)] {
            assert_eq!(client.read(1, offset, count), Err(Error::Invalid));
        }
        client.hang_up();
    }
}

#[test]
fn write_count_unlike_its_bytes() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.open_path(1, "log/queen.log", 1);
        for count in [0u32, 3, 5, 8192, u32::MAX] {
            let body = [&1u32.to_le_bytes()[..], &[0; 8], &count.to_le_bytes(), b"data"].concat();
            let error = client.raw_refused(&frame(118, 1, &body));
            assert_eq!(error, Error::Malformed(DecodeError::Count));
        }
        assert_eq!(client.tree.data("queen.log"), b"");
        client.hang_up();
    }
}

#[test]
fn write_of_a_whole_message_and_one_byte_more() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.open_path(1, "log/queen.log", 1);
        assert_eq!(client.write(1, 0, &[b'x'; 8192 - 23]).unwrap(), 8192 - 23);
        let data = &[b'x'; 8192 - 22][..];
        let outcome = client.send(1, Request::Write { fid: Fid(1), offset: 0, data });
        closed(outcome, FrameError::Long);
        client.hang_up();
    }
}

#[test]
fn write_to_what_is_full() {
    let mut client = Client::queen(Dialect::Linux);
    client.open_path(1, "log/queen.log", 1);
    let full = (0..20).map(|_| client.write(1, 0, &[b'x'; 8000])).find(Result::is_err);
    assert_eq!(full, Some(Err(Error::TooBig)));
    client.hang_up();
}

#[test]
fn write_to_proc_boot_is_refused() {
    for dialect in BOTH {
        for access in [1, 2] {
            let mut client = Client::queen(dialect);
            client.walk(0, 1, "proc/boot").unwrap();
            assert_eq!(client.open(1, access), Err(Error::Permission));
            assert_eq!(client.write(1, 0, b"x"), Err(Error::BadUse));
            client.open(1, 0).unwrap();
            assert_eq!(client.write(1, 0, b"x"), Err(Error::BadUse));
            client.hang_up();
        }
    }
}

#[test]
fn mode_and_use_disagree() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.walk(0, 1, "log/queen.log").unwrap();
        assert_eq!(client.read(1, 0, 1), Err(Error::BadUse));
        assert_eq!(client.write(1, 0, b"x"), Err(Error::BadUse));
        client.open(1, 1).unwrap();
        assert_eq!(client.read(1, 0, 1), Err(Error::BadUse));
        client.open_path(2, "log/queen.log", 0);
        assert_eq!(client.write(2, 0, b"x"), Err(Error::BadUse));
        client.walk(0, 3, "log").unwrap();
        assert_eq!(client.open(3, 1), Err(Error::IsDirectory));
        assert_eq!(client.open(3, 2), Err(Error::IsDirectory));
        assert_eq!(client.open_as(3, 0, true), Err(Error::IsDirectory));
        assert_eq!(client.write(3, 0, b"x"), Err(Error::BadUse));
        client.hang_up();
    }
}

#[test]
fn open_modes_that_are_none() {
    let mut client = Client::queen(Dialect::Plan9);
    client.walk(0, 1, "log/queen.log").unwrap();
    let open = |mode| Request::Open { fid: Fid(1), mode };
    assert_eq!(client.refused(open(3)), Error::Permission);
    assert_eq!(client.refused(open(0x40)), Error::Refused);
    for mode in [4, 8, 0x80, 0x8c] {
        assert_eq!(client.refused(open(mode)), Error::Invalid);
    }
    assert_eq!(client.refused(open(0xff)), Error::Refused);
    client.hang_up();
    let mut client = Client::queen(Dialect::Linux);
    client.walk(0, 1, "log/queen.log").unwrap();
    for flags in [3, u32::MAX] {
        assert_eq!(client.refused(Request::Lopen { fid: Fid(1), flags }), Error::Invalid);
    }
    client.hang_up();
}

#[test]
fn directory_offsets_that_are_none() {
    let mut client = Client::queen(Dialect::Plan9);
    client.open_path(1, "many", 0);
    let read = client.read(1, 0, 300).unwrap().len() as u64;
    for offset in [1, read - 1, read + 1, 1 << 63, u64::MAX] {
        assert_eq!(client.read(1, offset, 300), Err(Error::BadOffset));
    }
    assert!(!client.read(1, read, 300).unwrap().is_empty());
    client.hang_up();

    let mut client = Client::queen(Dialect::Linux);
    client.open_path(1, "many", 0);
    for offset in [1 << 40, i64::MAX as u64, 1 << 63, u64::MAX] {
        assert_eq!(client.readdir(1, offset, 300), Err(Error::BadOffset));
    }
    client.hang_up();
}

#[test]
fn directory_buffer_below_one_entry() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        client.open_path(1, "many", 0);
        for count in [0, 1, 10, 23] {
            let result = match dialect {
                Dialect::Plan9 => client.read(1, 0, count),
                Dialect::Linux => client.readdir(1, 0, count),
            };
            assert_eq!(result, Err(Error::Invalid), "{count}");
        }
        client.hang_up();
    }
}

#[test]
fn directory_and_file_are_not_read_alike() {
    let mut client = Client::queen(Dialect::Linux);
    client.open_path(1, "many", 0);
    assert_eq!(client.read(1, 0, 300), Err(Error::IsDirectory));
    client.open_path(2, "proc/boot", 0);
    assert_eq!(client.readdir(2, 0, 300), Err(Error::NotDirectory));
    client.walk(0, 3, "many").unwrap();
    assert_eq!(client.readdir(3, 0, 300), Err(Error::BadUse));
    client.hang_up();
}

// 7 Auth and attach

#[test]
fn attach_with_an_afid_that_is_none() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        // go9p dies of this.
        for afid in [0, 1, 12345] {
            let (fid, uname, aname, n_uname) = (Fid(1), "queen", "", UserId::NONE);
            let attach = Request::Attach { fid, afid: Fid(afid), uname, aname, n_uname };
            assert_eq!(client.refused(attach), Error::UnknownFid);
        }
        assert_eq!(client.tree.sessions(), 1);
        client.hang_up();
    }
}

#[test]
fn attach_as_somebody_unknown() {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        assert_eq!(client.attach(1, "nobody", ""), Err(Error::Permission));
        assert_eq!(client.attach(1, "queen", "no tree"), Err(Error::NotFound));
        assert_eq!(client.attach(1, "queen", &"x".repeat(8000)), Err(Error::NotFound));
        assert_eq!((client.tree.sessions(), client.connection.fids()), (1, 1));
        client.hang_up();
    }
}

// 8 Stat

#[test]
fn stat_lengths_that_disagree() {
    let mut client = Client::queen(Dialect::Plan9);
    let stat = [&[0xff; 39][..], &[0; 8]].concat();
    for (outer, inner) in [(49u16, 46u16), (49, 48), (48, 47), (0, 0), (49, 0), (49, u16::MAX)] {
        let lengths = [outer.to_le_bytes(), inner.to_le_bytes()].concat();
        let body = [&0u32.to_le_bytes()[..], &lengths, &stat].concat();
        let error = client.raw_refused(&frame(126, 1, &body));
        assert!(matches!(error, Error::Malformed(_)), "{error:?}");
    }
    // All-ones with true lengths is a request to do nothing.
    let body = [&0u32.to_le_bytes()[..], &[49, 0, 47, 0], &stat].concat();
    assert_eq!(client.raw_reply(&frame(126, 1, &body)), (Tag(1), Reply::Wstat));
    client.hang_up();
}

#[test]
fn setattr_short() {
    let mut client = Client::queen(Dialect::Linux);
    for length in 0..60 {
        let error = client.raw_refused(&frame(26, 1, &vec![0; length]));
        assert_eq!(error, Error::Malformed(DecodeError::Truncated));
    }
    client.hang_up();
}

// And the transport

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
