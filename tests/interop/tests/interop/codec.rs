//! plan9port's codec, by way of python-9p: it and ours agree on every byte of 9P2000.

use std::collections::BTreeSet;
use std::process::Command;

use boot_tests::DEADLINE;
use interop_tests::run;
use interop_tests::tools::{Tool, file, python};
use secure9p_codec::{
    Dialect, Fid, MAX_MSIZE, Name, Names, Qid, Qids, REPLIES, REQUESTS, Reply, Request, Stat, Tag,
    UserId, decode_reply, decode_request, encode_reply, encode_request, mode,
};

const DIALECT: Dialect = Dialect::Plan9;
const ROOT: Qid = Qid { kind: Qid::DIRECTORY, version: 7, path: 0x0123_4567_89ab_cdef };
const FILE: Qid = Qid { kind: Qid::APPEND, version: u32::MAX - 1, path: u64::MAX };
const STAT: Stat<'static> = Stat {
    kind: 0x1234,
    dev: 0x5678_9abc,
    qid: FILE,
    mode: mode::APPEND | 0o666,
    atime: 1,
    mtime: u32::MAX,
    length: i64::MAX as u64,
    name: "queen.log",
    uid: "königin",
    gid: "",
    muid: "worker-7",
};
const SHORT: Stat<'static> = Stat {
    kind: 0,
    dev: 0,
    qid: ROOT,
    mode: mode::DIRECTORY | 0o555,
    atime: 0,
    mtime: 0,
    length: 0,
    name: "/",
    uid: "",
    gid: "",
    muid: "",
};

/// Frames as we write them; the tag of each is its place, but for a version's.
#[derive(Default)]
struct Table(Vec<Vec<u8>>);

impl Table {
    fn tag(&self, is_version: bool) -> Tag {
        if is_version { Tag::NONE } else { Tag(u16::try_from(self.0.len() - 2).expect("small")) }
    }

    fn request(&mut self, request: Request<'_>) {
        let tag = self.tag(matches!(request, Request::Version { .. }));
        let mut frame = vec![0; MAX_MSIZE as usize];
        let length = encode_request(DIALECT, tag, &request, &mut frame).expect("it can be sent");
        frame.truncate(length);
        self.0.push(frame);
    }

    fn reply(&mut self, reply: Reply<'_>) {
        let tag = self.tag(matches!(reply, Reply::Version { .. }));
        let mut frame = vec![0; MAX_MSIZE as usize];
        let length = encode_reply(DIALECT, tag, &reply, &mut frame).expect("it can be sent");
        frame.truncate(length);
        self.0.push(frame);
    }

    fn walk(&mut self, newfid: Fid, names: &[&str]) {
        let mut buffer = [0; 2048];
        let names = Names::pack(names, &mut buffer).expect("names");
        self.request(Request::Walk { fid: Fid(1), newfid, names });
    }

    fn walked(&mut self, qids: &[Qid]) {
        let mut buffer = [0; 256];
        let qids = Qids::pack(qids, &mut buffer).expect("qids");
        self.reply(Reply::Walk { qids });
    }
}

/// The messages of codec_messages.py, in its order.
fn table() -> Vec<Vec<u8>> {
    let mut table = Table::default();
    sessions(&mut table);
    walks(&mut table);
    files(&mut table);
    stats(&mut table);
    table.0
}

fn sessions(table: &mut Table) {
    let n_uname = UserId::NONE;
    table.request(Request::Version { msize: 8192, version: "9P2000" });
    table.reply(Reply::Version { msize: u32::MAX, version: "unknown" });
    table.request(Request::Auth { afid: Fid(1), uname: "queen", aname: "/", n_uname });
    table.reply(Reply::Auth { aqid: ROOT });
    let (fid, afid) = (Fid(0), Fid::NONE);
    table.request(Request::Attach { fid, afid, uname: "königin", aname: "", n_uname });
    table.reply(Reply::Attach { qid: ROOT });
    table.reply(Reply::Error { ename: "permission denied" });
    table.request(Request::Flush { oldtag: Tag(0xfffe) });
    table.reply(Reply::Flush);
}

fn walks(table: &mut Table) {
    table.walk(Fid(2), &[]);
    table.walk(Fid(u32::MAX - 1), &["log", "queen.log"]);
    let wide: Vec<_> = (0..16).map(|i| format!("{}{i}", "n".repeat(i * 9))).collect();
    table.walk(Fid(2), &wide.iter().map(String::as_str).collect::<Vec<_>>());
    table.walked(&[]);
    table.walked(&[ROOT, FILE]);
    table.walked(&[FILE; 16]);
}

fn files(table: &mut Table) {
    table.request(Request::Open { fid: Fid(3), mode: 0x51 });
    table.reply(Reply::Open { qid: FILE, iounit: 8168 });
    let name = Name::new("new").expect("a name");
    let perm = mode::DIRECTORY | 0o755;
    table.request(Request::Create { fid: Fid(4), name, perm, mode: 2 });
    table.reply(Reply::Create { qid: ROOT, iounit: 0 });
    table.request(Request::Read { fid: Fid(5), offset: i64::MAX as u64, count: 8168 });
    table.reply(Reply::Read { data: b"" });
    let every_byte: Vec<u8> = (0..=u8::MAX).collect();
    table.reply(Reply::Read { data: &every_byte.repeat(4) });
    let (fid, offset) = (Fid(6), 0x0102_0304_0506_0708);
    table.request(Request::Write { fid, offset, data: b"heartbeat 1\n" });
    table.reply(Reply::Write { count: 12 });
    table.request(Request::Clunk { fid: Fid::NONE });
    table.reply(Reply::Clunk);
    table.request(Request::Remove { fid: Fid(7) });
    table.reply(Reply::Remove);
}

fn stats(table: &mut Table) {
    let (mut long, mut short) = ([0; 256], [0; 256]);
    let long = STAT.record(&mut long).expect("a record");
    let short = SHORT.record(&mut short).expect("a record");
    table.request(Request::Stat { fid: Fid(8) });
    table.reply(Reply::Stat { stat: long });
    table.reply(Reply::Stat { stat: short });
    table.request(Request::Wstat { fid: Fid(9), stat: long });
    table.reply(Reply::Wstat);
}

/// `frame` decoded and written anew, stat records field by field.
fn read_back(frame: &[u8]) -> Vec<u8> {
    let mut out = vec![0; MAX_MSIZE as usize];
    let mut record = [0; 256];
    let length = if let Ok((tag, mut request)) = decode_request(DIALECT, frame) {
        if let Request::Wstat { stat, .. } = &mut request {
            *stat = stat.stat().expect("fields").record(&mut record).expect("it fits");
        }
        encode_request(DIALECT, tag, &request, &mut out)
    } else {
        let (tag, mut reply) = decode_reply(DIALECT, frame).expect("a message of 9P2000");
        if let Reply::Stat { stat } = &mut reply {
            *stat = stat.stat().expect("fields").record(&mut record).expect("it fits");
        }
        encode_reply(DIALECT, tag, &reply, &mut out)
    };
    out.truncate(length.expect("it fits"));
    out
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_message_is_in_the_table() {
    let in_table: BTreeSet<u8> = table().iter().map(|frame| frame[4]).collect();
    let all = REQUESTS.iter().chain(REPLIES);
    let spoken = all.filter(|message| message.dialects.contains(&DIALECT));
    assert_eq!(in_table, spoken.map(|message| message.kind).collect());
}

#[test]
fn every_byte_is_the_same() {
    if !Tool::Codec.is_there() {
        return;
    }
    let script = file("codec_messages.py");
    let theirs = run(Command::new(python("codec")).arg(script), DEADLINE);
    let theirs: Vec<_> =
        theirs.output().lines().map(|line| line.split_once(' ').expect("two words")).collect();
    let ours = table();
    assert_eq!(theirs.len(), ours.len());
    for ((name, theirs), ours) in theirs.into_iter().zip(ours) {
        assert_eq!(hex(&ours), theirs, "{name}");
        assert_eq!(hex(&read_back(&ours)), theirs, "{name}, read back");
    }
}
