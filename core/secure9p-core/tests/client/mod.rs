//! A client of one connection to the model tree.
#![allow(dead_code, reason = "each test crate uses its part")]

use std::cell::RefCell;
use std::rc::Rc;

use secure9p_codec::{
    Dialect, Fid, Names, Qid, Reply, Request, Stat, Tag, UserId, decode_reply, encode_request,
};
use secure9p_core::model::Model;
use secure9p_core::{Connection, ConnectionId, Error, Hooks, Outcome};

/// Fids of a test's connection.
pub const FIDS: usize = 8;
/// Requests of a test's connection that can wait.
pub const WAITING: usize = 3;

/// What the hooks saw.
#[derive(Debug, Default)]
pub struct Seen {
    pub attached: Vec<Fid>,
    pub clunked: Vec<Fid>,
    pub errors: Vec<(Tag, Error)>,
}

#[derive(Clone, Default)]
pub struct Watch(Rc<RefCell<Seen>>);

impl Hooks for Watch {
    fn on_attach(&mut self, _: ConnectionId, fid: Fid) {
        self.0.borrow_mut().attached.push(fid);
    }

    fn on_clunk(&mut self, _: ConnectionId, fid: Fid) {
        self.0.borrow_mut().clunked.push(fid);
    }

    fn on_error(&mut self, _: ConnectionId, tag: Tag, error: Error) {
        self.0.borrow_mut().errors.push((tag, error));
    }
}

pub struct Client {
    pub connection: Connection<Model, FIDS, WAITING, Watch>,
    pub tree: Model,
    pub dialect: Dialect,
    watch: Watch,
    reply: Vec<u8>,
}

impl Client {
    /// A connection on which nothing was said.
    pub fn silent(dialect: Dialect) -> Self {
        let watch = Watch::default();
        let connection = Connection::with_hooks(ConnectionId(7), watch.clone());
        Self { connection, tree: Model::new(), dialect, watch, reply: vec![0; 8192] }
    }

    /// A connection whose fid 0 is the root, for `uname`.
    pub fn of(dialect: Dialect, uname: &str) -> Self {
        let mut client = Self::silent(dialect);
        let version = dialect.version();
        let reply = client.ask(Request::Version { msize: 8192, version });
        assert_eq!(reply, Reply::Version { msize: 8192, version });
        client.attach(0, uname, "").expect("attaches");
        client
    }

    pub fn queen(dialect: Dialect) -> Self {
        Self::of(dialect, "queen")
    }

    pub fn frame(&self, tag: u16, request: &Request<'_>) -> Vec<u8> {
        let mut frame = vec![0; 1 << 16];
        let length = encode_request(self.dialect, Tag(tag), request, &mut frame).expect("fits");
        frame.truncate(length);
        frame
    }

    /// Sends bytes.
    pub fn raw(&mut self, frame: &[u8]) -> Outcome {
        self.tree.begin();
        self.reply.fill(0xee);
        self.connection.handle(frame, &mut self.tree, &mut self.reply)
    }

    /// Sends bytes that are answered.
    pub fn raw_reply(&mut self, frame: &[u8]) -> (Tag, Reply<'_>) {
        let outcome = self.raw(frame);
        let Outcome::Reply(length) = outcome else { panic!("{outcome:?}") };
        decode_reply(self.dialect, &self.reply[..length]).expect("a reply")
    }

    /// Sends bytes that are refused, and returns why.
    pub fn raw_refused(&mut self, frame: &[u8]) -> Error {
        let before = self.watch.0.borrow().errors.len();
        let outcome = self.raw(frame);
        assert!(matches!(outcome, Outcome::Reply(_)), "{outcome:?}");
        let seen = self.watch.0.borrow();
        assert_eq!(seen.errors.len(), before + 1, "not refused: {:?}", self.reply[4]);
        seen.errors[before].1
    }

    /// Sends a request with a tag of its own and returns what came of it.
    pub fn send(&mut self, tag: u16, request: Request<'_>) -> Outcome {
        let frame = self.frame(tag, &request);
        self.raw(&frame)
    }

    /// Sends a request that is answered at once.
    pub fn ask(&mut self, request: Request<'_>) -> Reply<'_> {
        let frame = self.frame(99, &request);
        let (tag, reply) = self.raw_reply(&frame);
        assert_eq!(tag, Tag(99));
        reply
    }

    /// Sends a request that is refused; checks that the client reads the same error.
    pub fn refused(&mut self, request: Request<'_>) -> Error {
        let frame = self.frame(99, &request);
        let error = self.raw_refused(&frame);
        let size = u32::from_le_bytes(*self.reply.first_chunk().unwrap());
        let (tag, reply) = decode_reply(self.dialect, &self.reply[..size as usize]).unwrap();
        assert_eq!(tag, Tag(99));
        match reply {
            Reply::Error { ename } => assert_eq!(ename, &*error.ename()),
            Reply::Lerror { ecode } => assert_eq!(ecode, error.errno()),
            other => panic!("{other:?}"),
        }
        error
    }

    /// Sends a request and says whether it was refused, and why.
    pub fn try_ask(&mut self, request: Request<'_>) -> Result<Reply<'_>, Error> {
        let before = self.watch.0.borrow().errors.len();
        let frame = self.frame(99, &request);
        let outcome = self.raw(&frame);
        if let Some((_, error)) = self.watch.0.borrow().errors.get(before) {
            return Err(*error);
        }
        let Outcome::Reply(length) = outcome else { panic!("{outcome:?}") };
        Ok(decode_reply(self.dialect, &self.reply[..length]).expect("a reply").1)
    }

    /// The next reply to a request that waited.
    pub fn poll(&mut self) -> Option<(Tag, Reply<'_>)> {
        self.tree.begin();
        let length = self.connection.poll(&mut self.tree, &mut self.reply)?;
        Some(decode_reply(self.dialect, &self.reply[..length]).expect("a reply"))
    }

    pub fn seen(&self) -> std::cell::Ref<'_, Seen> {
        self.watch.0.borrow()
    }

    pub fn attach(&mut self, fid: u32, uname: &str, aname: &str) -> Result<Qid, Error> {
        let (fid, afid, n_uname) = (Fid(fid), Fid::NONE, UserId::NONE);
        match self.try_ask(Request::Attach { fid, afid, uname, aname, n_uname })? {
            Reply::Attach { qid } => Ok(qid),
            other => panic!("{other:?}"),
        }
    }

    /// Walks, and returns the qids of what was found.
    pub fn walk(&mut self, fid: u32, newfid: u32, path: &str) -> Result<Vec<Qid>, Error> {
        let mut room = [0; 1024];
        let names: Vec<&str> = path.split('/').filter(|name| !name.is_empty()).collect();
        let names = Names::pack(&names, &mut room).expect("names");
        match self.try_ask(Request::Walk { fid: Fid(fid), newfid: Fid(newfid), names })? {
            Reply::Walk { qids } => Ok(qids.collect()),
            other => panic!("{other:?}"),
        }
    }

    /// Opens for reading 0, writing 1, both 2; `truncate` too.
    pub fn open_as(&mut self, fid: u32, access: u8, truncate: bool) -> Result<u32, Error> {
        let fid = Fid(fid);
        let request = match self.dialect {
            Dialect::Plan9 => Request::Open { fid, mode: access | if truncate { 16 } else { 0 } },
            Dialect::Linux => {
                Request::Lopen { fid, flags: u32::from(access) | if truncate { 0o1000 } else { 0 } }
            }
        };
        match self.try_ask(request)? {
            Reply::Open { iounit, .. } | Reply::Lopen { iounit, .. } => Ok(iounit),
            other => panic!("{other:?}"),
        }
    }

    pub fn open(&mut self, fid: u32, access: u8) -> Result<u32, Error> {
        self.open_as(fid, access, false)
    }

    /// Makes `fid` the file `path`, open.
    pub fn open_path(&mut self, fid: u32, path: &str, access: u8) {
        self.walk(0, fid, path).expect("walks");
        self.open(fid, access).expect("opens");
    }

    pub fn read(&mut self, fid: u32, offset: u64, count: u32) -> Result<Vec<u8>, Error> {
        match self.try_ask(Request::Read { fid: Fid(fid), offset, count })? {
            Reply::Read { data } => Ok(data.to_vec()),
            other => panic!("{other:?}"),
        }
    }

    pub fn readdir(&mut self, fid: u32, offset: u64, count: u32) -> Result<Vec<u8>, Error> {
        match self.try_ask(Request::Readdir { fid: Fid(fid), offset, count })? {
            Reply::Readdir { data } => Ok(data.to_vec()),
            other => panic!("{other:?}"),
        }
    }

    pub fn write(&mut self, fid: u32, offset: u64, data: &[u8]) -> Result<u32, Error> {
        match self.try_ask(Request::Write { fid: Fid(fid), offset, data })? {
            Reply::Write { count } => Ok(count),
            other => panic!("{other:?}"),
        }
    }

    pub fn clunk(&mut self, fid: u32) -> Result<(), Error> {
        match self.try_ask(Request::Clunk { fid: Fid(fid) })? {
            Reply::Clunk => Ok(()),
            other => panic!("{other:?}"),
        }
    }

    pub fn flush(&mut self, tag: u16, oldtag: u16) {
        let frame = self.frame(tag, &Request::Flush { oldtag: Tag(oldtag) });
        assert_eq!(self.raw_reply(&frame), (Tag(tag), Reply::Flush));
    }

    /// The true length of a file, by either dialect's request.
    pub fn length(&mut self, fid: u32) -> Result<u64, Error> {
        let fid = Fid(fid);
        let request = match self.dialect {
            Dialect::Plan9 => Request::Stat { fid },
            Dialect::Linux => Request::Getattr { fid, request_mask: 0x7ff },
        };
        match self.try_ask(request)? {
            Reply::Stat { stat } => Ok(stat.stat().unwrap().length),
            Reply::Getattr { attr } => Ok(attr.attr().unwrap().size),
            other => panic!("{other:?}"),
        }
    }

    pub fn wstat(&mut self, fid: u32, stat: Stat<'_>) -> Result<(), Error> {
        let mut room = [0; 1024];
        let stat = stat.record(&mut room).expect("fits");
        match self.try_ask(Request::Wstat { fid: Fid(fid), stat })? {
            Reply::Wstat => Ok(()),
            other => panic!("{other:?}"),
        }
    }

    /// Hangs up: nothing may be left in the tree.
    pub fn hang_up(mut self) {
        self.tree.begin();
        self.connection.close(&mut self.tree);
        assert_eq!((self.tree.sessions(), self.tree.opens()), (0, 0));
        assert_eq!(self.tree.pending_writes(), 0);
        assert_eq!((self.connection.fids(), self.connection.waiting()), (0, 0));
        assert_eq!(self.tree.frames(), self.connection.counters().frames);
    }
}
