//! Opening, reading, writing, listing; what files are.

use secure9p_codec::{DecodeError, Dialect, Fid, FrameError, Reply, Request, Tag};
use secure9p_core::Error;

use crate::client::Client;
use crate::{BOTH, closed, each, frame};

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
    each(|client| {
        client.open_path(1, "proc/boot", 0);
        let most = i64::MAX as u64;
        assert_eq!(client.read(1, most - 1, 1).unwrap(), b"");
        for (offset, count) in [(most, 1), (1 << 63, 0), (u64::MAX, 0), (u64::MAX, u32::MAX)] {
            assert_eq!(client.read(1, offset, count), Err(Error::Invalid));
        }
    });
}

#[test]
fn write_count_unlike_its_bytes() {
    each(|client| {
        client.open_path(1, "log/queen.log", 1);
        for count in [0u32, 3, 5, 8192, u32::MAX] {
            let body = [&1u32.to_le_bytes()[..], &[0; 8], &count.to_le_bytes(), b"data"].concat();
            let error = client.raw_refused(&frame(118, 1, &body));
            assert_eq!(error, Error::Malformed(DecodeError::Count));
        }
        assert_eq!(client.tree.data("queen.log"), b"");
    });
}

#[test]
fn write_of_a_whole_message_and_one_byte_more() {
    each(|client| {
        client.open_path(1, "log/queen.log", 1);
        assert_eq!(client.write(1, 0, &[b'x'; 8192 - 23]).unwrap(), 8192 - 23);
        let data = &[b'x'; 8192 - 22][..];
        let outcome = client.send(1, Request::Write { fid: Fid(1), offset: 0, data });
        closed(outcome, FrameError::Long);
    });
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
    each(|client| {
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
    });
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
    each(|client| {
        client.open_path(1, "many", 0);
        for count in [0, 1, 10, 23] {
            let result = match client.dialect {
                Dialect::Plan9 => client.read(1, 0, count),
                Dialect::Linux => client.readdir(1, 0, count),
            };
            assert_eq!(result, Err(Error::Invalid), "{count}");
        }
    });
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
