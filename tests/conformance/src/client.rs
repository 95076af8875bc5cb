//! A small client of both dialects that panics where an answer is not as expected.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use secure9p_codec::{
    Dialect, Dirents, Fid, HEADER, MAX_MSIZE, Names, Qid, Reply, Request, Stats, Tag, UserId,
    encode_request,
};

use crate::{Answer, DEADLINE, Hive, Refusal, Role, SESSIONS};

/// Tag of requests that are answered before the next is sent.
const TAG: u16 = 1;
/// The fid of [`Client::cat`] and its like: high, out of the cases' way.
const OWN: u32 = 0x7000_0000;

/// How a file is opened.
#[derive(Debug, Clone, Copy)]
pub struct Mode {
    /// 0 reads, 1 writes, 2 does both.
    access: u8,
    truncate: bool,
}

impl Mode {
    /// To read.
    pub const READ: Self = Self { access: 0, truncate: false };
    /// To write.
    pub const WRITE: Self = Self { access: 1, truncate: false };
    /// For both.
    pub const BOTH: Self = Self { access: 2, truncate: false };

    /// With `OTRUNC` or `O_TRUNC`.
    #[must_use]
    pub const fn truncating(self) -> Self {
        Self { truncate: true, ..self }
    }

    /// The request that opens `fid` in this way.
    #[must_use]
    pub fn request(self, dialect: Dialect, fid: u32) -> Request<'static> {
        let (fid, Self { access, truncate }) = (Fid(fid), self);
        match dialect {
            Dialect::Plan9 => Request::Open { fid, mode: access | if truncate { 16 } else { 0 } },
            Dialect::Linux => {
                Request::Lopen { fid, flags: u32::from(access) | if truncate { 0o1000 } else { 0 } }
            }
        }
    }
}

/// What a directory says of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// Which it is.
    pub qid: Qid,
    /// In 9P2000.L where the next entry starts; else 0.
    pub offset: u64,
}

/// A request's frame.
#[must_use]
pub fn frame(dialect: Dialect, tag: u16, request: &Request<'_>) -> Vec<u8> {
    let mut out = vec![0; MAX_MSIZE as usize];
    let length = encode_request(dialect, Tag(tag), request, &mut out).expect("it can be sent");
    out.truncate(length);
    out
}

/// A frame of type `kind` with any body; its size is right.
#[must_use]
pub fn raw(kind: u8, tag: u16, body: &[u8]) -> Vec<u8> {
    let size = (HEADER + body.len()) as u32;
    let mut frame = size.to_le_bytes().to_vec();
    frame.push(kind);
    frame.extend(tag.to_le_bytes());
    frame.extend(body);
    frame
}

/// The names of `path` as they travel, in `into`.
#[must_use]
pub fn packed<'a>(path: &str, into: &'a mut [u8]) -> Names<'a> {
    let names: Vec<_> = path.split('/').filter(|name| !name.is_empty()).collect();
    Names::pack(&names, into).expect("names")
}

/// A connection to the hive.
pub struct Client {
    socket: UnixStream,
    dialect: Dialect,
    /// What it attaches with.
    ticket: String,
}

impl Client {
    /// A connection that nothing was said on.
    #[must_use]
    pub fn silent(hive: &Hive, dialect: Dialect) -> Self {
        Self { socket: hive.connect(), dialect, ticket: hive.ticket(Role::Queen) }
    }

    /// A connection with this dialect and `msize`.
    #[must_use]
    pub fn negotiated(hive: &Hive, dialect: Dialect, msize: u32) -> Self {
        let mut client = Self::silent(hive, dialect);
        client.version(msize);
        client
    }

    /// A connection that is attached as a queen: the root is fid 0.
    #[must_use]
    pub fn attach(hive: &Hive, dialect: Dialect) -> Self {
        Self::with_ticket(hive, dialect, hive.ticket(Role::Queen))
    }

    /// The same with its session the only one: a connection that was dropped before ends when
    /// the hive has seen it, and what it held is free then.
    #[must_use]
    pub fn alone(hive: &Hive, dialect: Dialect) -> Self {
        let mut client = Self::attach(hive, dialect);
        client.until(SESSIONS, |now| now.lines().count() == 1);
        client
    }

    /// A connection that is attached with this ticket.
    #[must_use]
    pub fn with_ticket(hive: &Hive, dialect: Dialect, ticket: String) -> Self {
        let mut client = Self::negotiated(hive, dialect, MAX_MSIZE);
        client.ticket = ticket;
        client.attach_as(0, "tester");
        client
    }

    /// What it attaches with.
    #[must_use]
    pub fn ticket(&self) -> &str {
        &self.ticket
    }

    /// Its dialect.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// Another handle of its socket, for a thread that sends while this one receives.
    #[must_use]
    pub fn socket(&self) -> UnixStream {
        self.socket.try_clone().expect("a descriptor")
    }

    /// Sends any bytes.
    #[track_caller]
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("the hive takes it");
    }

    /// Sends a request and does not wait.
    #[track_caller]
    pub fn send(&mut self, tag: u16, request: &Request<'_>) {
        self.send_bytes(&frame(self.dialect, tag, request));
    }

    /// The next reply.
    #[track_caller]
    #[must_use]
    pub fn receive(&mut self) -> Answer {
        let mut frame = vec![0; 4];
        self.socket.read_exact(&mut frame).expect("a reply");
        let size = u32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]]) as usize;
        assert!((HEADER..=MAX_MSIZE as usize).contains(&size), "a reply of {size} bytes");
        frame.resize(size, 0);
        self.socket.read_exact(&mut frame[4..]).expect("the rest of the reply");
        Answer::new(self.dialect, frame)
    }

    /// Sends a request and returns its reply.
    #[track_caller]
    #[must_use]
    pub fn ask(&mut self, request: &Request<'_>) -> Answer {
        self.ask_bytes(&frame(self.dialect, TAG, request))
    }

    /// The same with a whole frame of any kind.
    #[track_caller]
    #[must_use]
    pub fn ask_bytes(&mut self, frame: &[u8]) -> Answer {
        self.send_bytes(frame);
        let answer = self.receive();
        assert_eq!(answer.bytes()[5..7], frame[5..7], "the reply is to another tag: {answer:?}");
        answer
    }

    /// Panics unless the request is refused, and for this reason.
    #[track_caller]
    pub fn refuses(&mut self, request: &Request<'_>, refusal: Refusal) {
        self.ask(request).is_refused(refusal);
    }

    /// Whether the hive hangs up without another word; waits for one or the other.
    #[must_use]
    pub fn is_hung_up(&mut self) -> bool {
        match self.socket.read(&mut [0; 64]) {
            Ok(length) => length == 0,
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }

    /// Negotiates this dialect and returns the `msize` that came of it.
    #[track_caller]
    pub fn version(&mut self, msize: u32) -> u32 {
        let wanted = self.dialect.version();
        let request = Request::Version { msize, version: wanted };
        let answer = self.ask_bytes(&frame(self.dialect, 0xffff, &request));
        match answer.reply() {
            Reply::Version { msize, version } => {
                assert_eq!(version, wanted);
                msize
            }
            other => panic!("{wanted} {msize}: {other:?}"),
        }
    }

    /// Makes `fid` the root, for `uname`, with its ticket.
    #[track_caller]
    pub fn attach_as(&mut self, fid: u32, uname: &str) -> Qid {
        let (fid, afid, n_uname) = (Fid(fid), Fid::NONE, UserId::NONE);
        let aname = self.ticket.clone();
        let attach = Request::Attach { fid, afid, uname, aname: &aname, n_uname };
        match self.ask(&attach).reply() {
            Reply::Attach { qid } => qid,
            other => panic!("{other:?}"),
        }
    }

    /// Walks from `fid`, and returns the qids of the names that were found.
    #[track_caller]
    pub fn walk(&mut self, fid: u32, newfid: u32, path: &str) -> Vec<Qid> {
        let mut buffer = [0; 4096];
        let names = packed(path, &mut buffer);
        let answer = self.ask(&Request::Walk { fid: Fid(fid), newfid: Fid(newfid), names });
        match answer.reply() {
            Reply::Walk { qids } => qids.collect(),
            other => panic!("{path}: {other:?}"),
        }
    }

    /// Walks from the root (fid 0), all the way.
    #[track_caller]
    pub fn find(&mut self, fid: u32, path: &str) {
        let names = path.split('/').filter(|name| !name.is_empty()).count();
        assert_eq!(self.walk(0, fid, path).len(), names, "{path}");
    }

    /// Opens `fid`, and returns its qid and the `iounit`.
    #[track_caller]
    pub fn open(&mut self, fid: u32, mode: Mode) -> (Qid, u32) {
        match self.ask(&mode.request(self.dialect, fid)).reply() {
            Reply::Open { qid, iounit } | Reply::Lopen { qid, iounit } => (qid, iounit),
            other => panic!("{other:?}"),
        }
    }

    /// Makes `fid` the file at `path`, open.
    #[track_caller]
    pub fn open_at(&mut self, fid: u32, path: &str, mode: Mode) {
        self.find(fid, path);
        self.open(fid, mode);
    }

    /// Reads once.
    #[track_caller]
    pub fn read(&mut self, fid: u32, offset: u64, count: u32) -> Vec<u8> {
        self.ask(&Request::Read { fid: Fid(fid), offset, count }).data().to_vec()
    }

    /// Reads from `offset` to the end.
    #[track_caller]
    pub fn read_from(&mut self, fid: u32, offset: u64) -> Vec<u8> {
        let mut all = Vec::new();
        loop {
            let more = self.read(fid, offset + all.len() as u64, MAX_MSIZE);
            if more.is_empty() {
                return all;
            }
            all.extend(more);
        }
    }

    /// Writes all of `data`, which must fit into a message.
    #[track_caller]
    pub fn write(&mut self, fid: u32, offset: u64, data: &[u8]) {
        match self.ask(&Request::Write { fid: Fid(fid), offset, data }).reply() {
            Reply::Write { count } => assert_eq!(count as usize, data.len()),
            other => panic!("{other:?}"),
        }
    }

    /// Gives `fid` up.
    #[track_caller]
    pub fn clunk(&mut self, fid: u32) {
        assert_eq!(self.ask(&Request::Clunk { fid: Fid(fid) }).reply(), Reply::Clunk);
    }

    /// The request that asks what `fid` is.
    #[must_use]
    pub fn stat_request(&self, fid: u32) -> Request<'static> {
        match self.dialect {
            Dialect::Plan9 => Request::Stat { fid: Fid(fid) },
            Dialect::Linux => Request::Getattr { fid: Fid(fid), request_mask: 0x7ff },
        }
    }

    /// Asks how long the file is, in bytes.
    #[track_caller]
    pub fn size(&mut self, fid: u32) -> u64 {
        match self.ask(&self.stat_request(fid)).reply() {
            Reply::Stat { stat } => stat.stat().expect("a stat").length,
            Reply::Getattr { attr } => attr.attr().expect("attributes").size,
            other => panic!("{other:?}"),
        }
    }

    /// How long the file at `path` is, in bytes.
    #[track_caller]
    pub fn size_of(&mut self, path: &str) -> u64 {
        self.find(OWN, path);
        let size = self.size(OWN);
        self.clunk(OWN);
        size
    }

    /// What the file at `path` holds.
    #[track_caller]
    pub fn cat(&mut self, path: &str) -> String {
        self.open_at(OWN, path, Mode::READ);
        let text = self.read_from(OWN, 0);
        self.clunk(OWN);
        String::from_utf8(text).expect("UTF-8")
    }

    /// Appends to the file at `path`.
    #[track_caller]
    pub fn append(&mut self, path: &str, text: &str) {
        self.open_at(OWN, path, Mode::WRITE);
        self.write(OWN, 0, text.as_bytes());
        self.clunk(OWN);
    }

    /// One read of the open directory `fid` from `offset` on, at most `count` bytes.
    #[track_caller]
    pub fn entries(&mut self, fid: u32, offset: u64, count: u32) -> (Vec<Entry>, usize) {
        let fid = Fid(fid);
        let answer = match self.dialect {
            Dialect::Plan9 => self.ask(&Request::Read { fid, offset, count }),
            Dialect::Linux => self.ask(&Request::Readdir { fid, offset, count }),
        };
        match answer.reply() {
            Reply::Read { data } => (Stats::new(data).map(of_stat).collect(), data.len()),
            Reply::Readdir { data } => (Dirents::new(data).map(of_dirent).collect(), data.len()),
            other => panic!("{other:?}"),
        }
    }

    /// Every entry of the directory at `path`, read in pieces of at most `count` bytes.
    #[track_caller]
    pub fn list(&mut self, path: &str, count: u32) -> Vec<Entry> {
        self.open_at(OWN, path, Mode::READ);
        let (mut all, mut offset) = (Vec::new(), 0);
        loop {
            let (entries, length) = self.entries(OWN, offset, count);
            let Some(last) = entries.last() else { break };
            offset = match self.dialect {
                Dialect::Plan9 => offset + length as u64,
                Dialect::Linux => last.offset,
            };
            all.extend(entries);
        }
        self.clunk(OWN);
        all
    }

    /// Asks until the file at `path` is as `wanted`: connections that were dropped go one after
    /// another.
    #[track_caller]
    pub fn until(&mut self, path: &str, wanted: impl Fn(&str) -> bool) {
        let start = Instant::now();
        loop {
            let now = self.cat(path);
            if wanted(&now) {
                return;
            }
            assert!(start.elapsed() < DEADLINE, "{path} stays\n{now}");
            std::thread::yield_now();
        }
    }
}

fn of_stat(stat: Result<secure9p_codec::Stat<'_>, secure9p_codec::DecodeError>) -> Entry {
    let stat = stat.expect("whole stats");
    Entry { name: stat.name.into(), qid: stat.qid, offset: 0 }
}

fn of_dirent(entry: Result<secure9p_codec::Dirent<'_>, secure9p_codec::DecodeError>) -> Entry {
    let entry = entry.expect("whole entries");
    Entry { name: entry.name.as_str().into(), qid: entry.qid, offset: entry.offset }
}
