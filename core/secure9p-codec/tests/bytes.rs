//! Messages as bytes written by hand from the documents, so that encoder and decoder cannot be
//! wrong in the same way.

use secure9p_codec::{
    Dialect, Dirent, Fid, Name, Names, Qid, Qids, Reply, Request, Stat, Tag, UserId, WalkReply,
    decode_reply, decode_request, encode_reply, encode_request, put_dirent, seal_read,
    seal_readdir,
};

const QID: Qid = Qid { kind: 0x80, version: 0x0403_0201, path: 0x0c0b_0a09_0807_0605 };
const QID_BYTES: &[u8] = &[0x80, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];

fn request(dialect: Dialect, tag: u16, request: Request<'_>, bytes: &[u8]) {
    let mut out = [0; 256];
    let length = encode_request(dialect, Tag(tag), &request, &mut out).unwrap();
    assert_eq!(&out[..length], bytes);
    assert_eq!(decode_request(dialect, bytes), Ok((Tag(tag), request)));
}

fn reply(dialect: Dialect, tag: u16, reply: Reply<'_>, bytes: &[u8]) {
    let mut out = [0; 256];
    let length = encode_reply(dialect, Tag(tag), &reply, &mut out).unwrap();
    assert_eq!(&out[..length], bytes);
    assert_eq!(decode_reply(dialect, bytes), Ok((Tag(tag), reply)));
}

#[test]
fn version() {
    let bytes = b"\x13\0\0\0\x64\xff\xff\x00\x20\0\0\x06\x009P2000";
    request(Dialect::Plan9, 0xffff, Request::Version { msize: 8192, version: "9P2000" }, bytes);
    let bytes = b"\x14\0\0\0\x65\xff\xff\x00\x20\0\0\x07\0unknown";
    reply(Dialect::Plan9, 0xffff, Reply::Version { msize: 8192, version: "unknown" }, bytes);
}

#[test]
fn attach_has_a_number_in_one_dialect_only() {
    let (fid, afid) = (Fid(1), Fid::NONE);
    let attach = |n_uname| Request::Attach { fid, afid, uname: "me", aname: "/", n_uname };
    let bytes = b"\x16\0\0\0\x68\x02\0\x01\0\0\0\xff\xff\xff\xff\x02\0me\x01\0/";
    request(Dialect::Plan9, 2, attach(UserId::NONE), bytes);
    let bytes = b"\x1a\0\0\0\x68\x02\0\x01\0\0\0\xff\xff\xff\xff\x02\0me\x01\0/\xe8\x03\0\0";
    request(Dialect::Linux, 2, attach(UserId(1000)), bytes);
}

#[test]
fn walk() {
    let mut room = [0; 64];
    let names = Names::pack(&["proc", "boot"], &mut room).unwrap();
    let walk = Request::Walk { fid: Fid(1), newfid: Fid(2), names };
    let bytes = b"\x1d\0\0\0\x6e\x03\0\x01\0\0\0\x02\0\0\0\x02\0\x04\0proc\x04\0boot";
    request(Dialect::Linux, 3, walk, bytes);

    let mut room = [0; 64];
    let qids = Qids::pack(&[QID], &mut room).unwrap();
    let bytes = [b"\x16\0\0\0\x6f\x03\0\x01\0", QID_BYTES].concat();
    reply(Dialect::Linux, 3, Reply::Walk { qids }, &bytes);
    let mut out = [0xff; 64];
    let mut walked = WalkReply::new(&mut out);
    walked.push(QID).unwrap();
    let length = walked.seal(Tag(3)).unwrap();
    assert_eq!(&out[..length], bytes);
}

#[test]
fn read_and_write() {
    let bytes = b"\x17\0\0\0\x74\x04\0\x07\0\0\0\x08\0\0\0\0\0\0\0\x00\x10\0\0";
    request(Dialect::Linux, 4, Request::Read { fid: Fid(7), offset: 8, count: 4096 }, bytes);
    let bytes = b"\x0d\0\0\0\x75\x04\0\x02\0\0\0hi";
    reply(Dialect::Plan9, 4, Reply::Read { data: b"hi" }, bytes);
    let mut out = [0; 16];
    out[11..13].copy_from_slice(b"hi");
    assert_eq!(seal_read(Tag(4), 2, &mut out), Ok(13));
    assert_eq!(&out[..13], bytes);
    assert_eq!(seal_readdir(Tag(4), 2, &mut out), Ok(13));
    assert_eq!((out[4], &out[5..13]), (41, &bytes[5..13]));
    assert!(seal_read(Tag(4), 6, &mut out).is_err());
    assert!(seal_read(Tag(4), usize::MAX, &mut out).is_err());

    let bytes = b"\x1a\0\0\0\x76\x05\0\x07\0\0\0\x08\0\0\0\0\0\0\0\x03\0\0\0abc";
    request(Dialect::Plan9, 5, Request::Write { fid: Fid(7), offset: 8, data: b"abc" }, bytes);
}

#[test]
fn errors() {
    let bytes = b"\x0d\0\0\0\x6b\x01\0\x04\0oops";
    reply(Dialect::Plan9, 1, Reply::Error { ename: "oops" }, bytes);
    let bytes = b"\x0b\0\0\0\x07\x01\0\x0d\0\0\0";
    reply(Dialect::Linux, 1, Reply::Lerror { ecode: 13 }, bytes);
}

#[test]
fn stat() {
    let stat = Stat {
        kind: 0,
        dev: 0,
        qid: QID,
        mode: 0x8000_016d,
        atime: 1,
        mtime: 2,
        length: 3,
        name: "log",
        uid: "q",
        gid: "",
        muid: "",
    };
    let fields = [
        &[0, 0, 0, 0, 0, 0][..],
        QID_BYTES,
        b"\x6d\x01\x00\x80\x01\0\0\0\x02\0\0\0\x03\0\0\0\0\0\0\0\x03\0log\x01\0q\0\0\0\0",
    ]
    .concat();
    assert_eq!(fields.len(), 51);
    let mut room = [0; 64];
    let stat = stat.record(&mut room).unwrap();
    assert_eq!(stat.as_bytes(), [b"\x33\0", &fields[..]].concat());
    let bytes = [b"\x3e\0\0\0\x7d\x01\0\x35\0\x33\0", &fields[..]].concat();
    reply(Dialect::Plan9, 1, Reply::Stat { stat }, &bytes);
}

#[test]
fn directory_entry() {
    let name = Name::new("log").unwrap();
    let entry = Dirent { qid: QID, offset: 2, kind: Dirent::DIRECTORY, name };
    let mut out = [0; 64];
    let length = put_dirent(&entry, &mut out).unwrap();
    let bytes = [QID_BYTES, b"\x02\0\0\0\0\0\0\0\x04\x03\0log"].concat();
    assert_eq!(&out[..length], bytes);
}

#[test]
fn strings_that_do_not_fit_their_length() {
    let long = "x".repeat(65536);
    let mut out = vec![0; 1 << 17];
    let version = Request::Version { msize: 0, version: &long };
    assert!(encode_request(Dialect::Plan9, Tag(0), &version, &mut out).is_err());
    let version = Request::Version { msize: 0, version: "a\0" };
    assert!(encode_request(Dialect::Plan9, Tag(0), &version, &mut out).is_err());
    let stat = Stat { name: &long[..40000], uid: &long[..30000], ..Stat::KEEP };
    assert!(stat.record(&mut out).is_err());
    assert!(Name::new(&long).is_none() && Name::new("a\0").is_none() && Name::new("").is_none());
}

/// What keeps a message cheap to hand around.
#[test]
fn messages_are_small() {
    assert!(size_of::<Request<'_>>() <= 72, "{}", size_of::<Request<'_>>());
    assert!(size_of::<Reply<'_>>() <= 72, "{}", size_of::<Reply<'_>>());
}
