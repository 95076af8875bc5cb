//! Just enough of a 9P client to misbehave with.

use core::sync::atomic::AtomicU64;

use abi::workers::MAX_FRAME;
use runtime::frames::Client;
use runtime::memory::store;
use secure9p_codec::{
    Dialect, Fid, Names, Reply, Request, Tag, UserId, decode_reply, encode_request,
};

const DIALECT: Dialect = Dialect::Linux;
const ROOT: Fid = Fid(0);
const TELEMETRY: Fid = Fid(1);
const OTHER: Fid = Fid(2);
/// `O_RDONLY`, and `O_WRONLY` with `O_APPEND`, of Linux's open(2).
const READ: u32 = 0;
const APPEND: u32 = 0o1 | 0o2000;

/// A connection and room for its frames.
pub struct Session {
    client: Client,
    frames: &'static [AtomicU64],
    request: [u8; MAX_FRAME],
    reply: [u8; MAX_FRAME],
}

impl Session {
    pub fn new(frames: &'static [AtomicU64]) -> Self {
        let client = Client::of_worker(frames);
        Self { client, frames, request: [0; MAX_FRAME], reply: [0; MAX_FRAME] }
    }

    /// Whether the request was done.
    fn ask(&mut self, tag: Tag, request: &Request, done: fn(&Reply) -> bool) -> bool {
        let Ok(length) = encode_request(DIALECT, tag, request, &mut self.request) else {
            return false;
        };
        let Ok(reply) = self.client.exchange(&self.request[..length], &mut self.reply) else {
            return false;
        };
        decode_reply(DIALECT, reply).is_ok_and(|(_, reply)| done(&reply))
    }

    pub fn version(&mut self) -> bool {
        let version = Request::Version { msize: MAX_FRAME as u32, version: DIALECT.version() };
        self.ask(Tag::NONE, &version, |reply| matches!(reply, Reply::Version { .. }))
    }

    /// Leaves a frame where the server reads it, and says how long it is.
    pub fn version_frame(&mut self) -> usize {
        let version = Request::Version { msize: MAX_FRAME as u32, version: DIALECT.version() };
        let length = encode_request(DIALECT, Tag::NONE, &version, &mut self.request).unwrap_or(0);
        store(self.frames, &self.request[..length]);
        length
    }

    pub fn attach(&mut self, ticket: &str) -> bool {
        let attach = Request::Attach {
            fid: ROOT,
            afid: Fid::NONE,
            uname: "",
            aname: ticket,
            n_uname: UserId::NONE,
        };
        self.ask(Tag(0), &attach, |reply| matches!(reply, Reply::Attach { .. }))
    }

    pub fn open_telemetry(&mut self, ticket: &str) -> bool {
        self.version()
            && self.attach(ticket)
            && self.open_at(TELEMETRY, &["worker", "self", "telemetry"], APPEND)
    }

    /// Whether `path` could be opened.
    pub fn open(&mut self, path: &[&str], write: bool) -> bool {
        let opened = self.open_at(OTHER, path, if write { APPEND } else { READ });
        self.ask(Tag(0), &Request::Clunk { fid: OTHER }, |reply| matches!(reply, Reply::Clunk));
        opened
    }

    fn open_at(&mut self, fid: Fid, path: &[&str], flags: u32) -> bool {
        let mut packed = [0; 64];
        let Ok(names) = Names::pack(path, &mut packed) else { return false };
        let wanted = path.len();
        let walk = Request::Walk { fid: ROOT, newfid: fid, names };
        let walked = match wanted {
            2 => self.ask(Tag(0), &walk, |r| matches!(r, Reply::Walk { qids } if qids.len() == 2)),
            _ => self.ask(Tag(0), &walk, |r| matches!(r, Reply::Walk { qids } if qids.len() == 3)),
        };
        walked
            && self.ask(Tag(0), &Request::Lopen { fid, flags }, |reply| {
                matches!(reply, Reply::Lopen { .. })
            })
    }

    pub fn append(&mut self, text: &[u8]) -> bool {
        let write = Request::Write { fid: TELEMETRY, offset: 0, data: text };
        self.ask(Tag(0), &write, |reply| matches!(reply, Reply::Write { .. }))
    }
}
