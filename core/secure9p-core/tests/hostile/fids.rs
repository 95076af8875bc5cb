//! Fids, walks and attaches.

use secure9p_codec::{DecodeError, Dialect, Fid, Request, UserId};
use secure9p_core::Error;

use crate::client::{Client, FIDS};
use crate::{BOTH, each, frame};

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
    each(|client| {
        client.walk(0, 1, "proc").unwrap();
        assert_eq!(client.walk(0, 1, "log"), Err(Error::FidInUse));
        assert_eq!(client.walk(1, 0, ""), Err(Error::FidInUse));
        assert_eq!(client.attach(1, "queen", ""), Err(Error::FidInUse));
        assert_eq!(client.tree.sessions(), 1);
        assert_eq!(client.walk(1, 2, "boot").unwrap().len(), 1);
    });
}

#[test]
fn fid_none_is_never_one() {
    each(|client| {
        assert_eq!(client.walk(0, u32::MAX, ""), Err(Error::UnknownFid));
        assert_eq!(client.walk(u32::MAX, u32::MAX, ""), Err(Error::UnknownFid));
        assert_eq!(client.attach(u32::MAX, "queen", ""), Err(Error::UnknownFid));
        assert_eq!(client.clunk(u32::MAX), Err(Error::UnknownFid));
    });
}

#[test]
fn fid_clunked_and_opened_twice() {
    each(|client| {
        client.open_path(1, "proc/boot", 0);
        assert_eq!(client.open(1, 0), Err(Error::BadUse));
        assert_eq!(client.tree.opens(), 1);
        client.clunk(1).unwrap();
        assert_eq!(client.clunk(1), Err(Error::UnknownFid));
    });
}

#[test]
fn fids_run_out_and_come_back() {
    each(|client| {
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
    });
}

#[test]
fn fid_reused_after_clunk_has_nothing_of_the_old_one() {
    each(|client| {
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
        if client.dialect == Dialect::Plan9 {
            let read = client.read(1, 0, 200).unwrap().len() as u64;
            client.clunk(1).unwrap();
            client.open_path(1, "many", 0);
            assert_eq!(client.read(1, read, 200), Err(Error::BadOffset));
        }
    });
}

#[test]
fn fids_over_and_over_leave_nothing() {
    each(|client| {
        for round in 0..500u32 {
            let fid = 1 + round.wrapping_mul(0x9e37_79b9) % 0x7fff_ffff;
            client.attach(fid, "queen", "").unwrap();
            client.walk(fid, fid, "log/queen.log").unwrap();
            client.open(fid, 2).unwrap();
            client.clunk(fid).unwrap();
        }
        assert_eq!((client.tree.sessions(), client.tree.opens()), (1, 0));
    });
}

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
    each(|client| {
        let up = "../".repeat(16);
        let qids = client.walk(0, 1, &up).unwrap();
        assert_eq!(qids.len(), 16);
        assert!(qids.iter().all(|qid| *qid == qids[0]));
        assert_eq!(client.walk(0, 2, "."), Err(Error::Invalid));
        assert_eq!(client.walk(0, 2, "proc/./boot").unwrap().len(), 1);
        assert_eq!(client.clunk(2), Err(Error::UnknownFid));
    });
}

#[test]
fn walk_through_a_file() {
    each(|client| {
        client.walk(0, 1, "proc/boot").unwrap();
        for path in ["x", "..", "."] {
            assert_eq!(client.walk(1, 2, path), Err(Error::NotDirectory));
        }
        assert_eq!(client.walk(0, 2, "proc/boot/..").unwrap().len(), 2);
        assert_eq!(client.clunk(2), Err(Error::UnknownFid));
    });
}

#[test]
fn walk_to_a_long_name() {
    each(|client| {
        for length in [64, 65, 127, 128, 255, 1000] {
            assert_eq!(client.walk(0, 1, &"n".repeat(length)), Err(Error::NotFound));
        }
    });
}

#[test]
fn attach_with_an_afid_that_is_none() {
    each(|client| {
        // go9p dies of this.
        for afid in [0, 1, 12345] {
            let (fid, uname, aname, n_uname) = (Fid(1), "queen", "", UserId::NONE);
            let attach = Request::Attach { fid, afid: Fid(afid), uname, aname, n_uname };
            assert_eq!(client.refused(attach), Error::UnknownFid);
        }
        assert_eq!(client.tree.sessions(), 1);
    });
}

#[test]
fn attach_as_somebody_unknown() {
    each(|client| {
        assert_eq!(client.attach(1, "nobody", ""), Err(Error::Permission));
        assert_eq!(client.attach(1, "queen", "no tree"), Err(Error::NotFound));
        assert_eq!(client.attach(1, "queen", &"x".repeat(8000)), Err(Error::NotFound));
        assert_eq!((client.tree.sessions(), client.connection.fids()), (1, 1));
    });
}
