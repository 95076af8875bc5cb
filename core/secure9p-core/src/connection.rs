//! A connection: frames in, frames out, and what is kept between them.

use secure9p_codec::{
    Dialect, EncodeError, Fid, FrameError, Header, MAX_MSIZE, Reply, Request, Tag, decode_request,
    encode_reply, header,
};

use crate::Error;
use crate::fids::{Fids, Place};
use crate::hooks::{Counters, Hooks, NoHooks};
use crate::tree::{ConnectionId, Tree};
use crate::waiting::{Waiting, Wish};

/// Smallest `msize` that a client may ask for, in bytes: the longest reply that has no count of
/// its own (a stat with the longest name) fits with room to spare.
pub const MIN_MSIZE: u32 = 512;

/// Type of `Tversion`.
const VERSION: u8 = 100;

/// What came of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// The reply's length in bytes, at the front of the buffer.
    Reply(usize),
    /// No reply yet: [`Connection::poll`] gives it.
    Pending,
    /// The connection cannot go on: call [`Connection::close`] and hang up.
    Close(CloseReason),
}

/// Why a connection cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// The client's framing is broken.
    Frame(FrameError),
    /// The buffer for the reply is too short for any: a mistake of the caller.
    ReplyBuffer,
}

/// What both sides agreed on.
#[derive(Debug, Clone, Copy)]
struct Agreed {
    dialect: Dialect,
    msize: u32,
}

/// What came of a request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// A reply of so many bytes.
    Length(usize),
    /// It waits.
    Waits,
}

/// Where the reply to a request goes.
pub(crate) struct Answering<'a> {
    pub dialect: Dialect,
    pub tag: Tag,
    /// At most `msize` bytes.
    pub out: &'a mut [u8],
}

impl Answering<'_> {
    /// Makes `reply` the answer.
    pub fn send(self, reply: &Reply<'_>) -> Result<Answer, Error> {
        Ok(Answer::Length(encode_reply(self.dialect, self.tag, reply, self.out)?))
    }
}

/// No reply that has a count is longer than its buffer, so this is a reply without one in too
/// short a buffer.
impl From<EncodeError> for Error {
    fn from(_: EncodeError) -> Self {
        Self::TooBig
    }
}

/// One client's connection to a tree, with at most `FIDS` fids and `WAITING` requests that wait.
pub struct Connection<T: Tree, const FIDS: usize, const WAITING: usize, H: Hooks = NoHooks> {
    id: ConnectionId,
    agreed: Option<Agreed>,
    pub(crate) fids: Fids<T, FIDS>,
    pub(crate) waiting: Waiting<WAITING>,
    pub(crate) counters: Counters,
    hooks: H,
}

impl<T: Tree, const FIDS: usize, const WAITING: usize> Connection<T, FIDS, WAITING> {
    /// A connection that nothing was said on yet.
    #[must_use]
    pub const fn new(id: ConnectionId) -> Self {
        Self::with_hooks(id, NoHooks)
    }
}

impl<T: Tree, const FIDS: usize, const WAITING: usize, H: Hooks> Connection<T, FIDS, WAITING, H> {
    /// A connection that nothing was said on yet, watched by `hooks`.
    #[must_use]
    pub const fn with_hooks(id: ConnectionId, hooks: H) -> Self {
        Self {
            id,
            agreed: None,
            fids: Fids::new(),
            waiting: Waiting::new(),
            counters: Counters {
                frames: 0,
                bytes_in: 0,
                replies: 0,
                bytes_out: 0,
                errors: 0,
                waited: 0,
                flushed: 0,
            },
            hooks,
        }
    }

    /// Which connection it is.
    #[must_use]
    pub const fn id(&self) -> ConnectionId {
        self.id
    }

    /// The longest frame that the client may send now, in bytes.
    #[must_use]
    pub fn limit(&self) -> u32 {
        self.agreed.map_or(MAX_MSIZE, |agreed| agreed.msize)
    }

    /// What was negotiated; `None` before that.
    #[must_use]
    pub fn dialect(&self) -> Option<Dialect> {
        self.agreed.map(|agreed| agreed.dialect)
    }

    /// Fids in use.
    #[must_use]
    pub fn fids(&self) -> usize {
        self.fids.count()
    }

    /// Requests that wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// What went over it so far.
    #[must_use]
    pub const fn counters(&self) -> Counters {
        self.counters
    }

    /// The hooks.
    #[must_use]
    pub const fn hooks(&self) -> &H {
        &self.hooks
    }

    /// Takes `frame`, one whole message, and puts its answer to the front of `reply`, which should
    /// have [`MAX_MSIZE`] bytes.
    pub fn handle(&mut self, frame: &[u8], tree: &mut T, reply: &mut [u8]) -> Outcome {
        let outcome = self.take(frame, tree, reply);
        self.tell(tree);
        outcome
    }

    /// Tells the tree what went over the connection.
    fn tell(&self, tree: &mut T) {
        let fids = self.fids.count();
        if fids > 0 {
            tree.served(self.id, &self.counters, fids);
        }
    }

    fn take(&mut self, frame: &[u8], tree: &mut T, reply: &mut [u8]) -> Outcome {
        self.counters.frame(frame.len());
        let header = match header(frame) {
            Ok((header, _)) => header,
            Err(error) => return Outcome::Close(CloseReason::Frame(error)),
        };
        if frame.len() > self.limit() as usize {
            return Outcome::Close(CloseReason::Frame(FrameError::Long));
        }
        match self.serve(header, frame, tree, reply) {
            Ok(Answer::Length(length)) => {
                self.counters.reply(length);
                Outcome::Reply(length)
            }
            Ok(Answer::Waits) => {
                self.counters.waits();
                Outcome::Pending
            }
            Err(error) => {
                let dialect = self.dialect_of_error(header, frame);
                match self.refuse(dialect, header.tag, error, reply) {
                    Some(length) => Outcome::Reply(length),
                    None => Outcome::Close(CloseReason::ReplyBuffer),
                }
            }
        }
    }

    /// Answers the request that waited longest of those that can be answered now, and returns the
    /// reply's length; `None` where there is none. Called after anything in the tree changed, until
    /// it says `None`.
    pub fn poll(&mut self, tree: &mut T, reply: &mut [u8]) -> Option<usize> {
        let dialect = self.dialect()?;
        for index in 0..self.waiting.len() {
            let waiter = self.waiting.get(index)?;
            let out = self.within_msize(reply);
            let answer = match waiter.wish {
                Wish::Read { place, offset, count } => {
                    let answering = Answering { dialect, tag: waiter.tag, out };
                    self.retry_read(tree, answering, place, offset, count)
                }
                Wish::Written { place } => {
                    let answering = Answering { dialect, tag: waiter.tag, out };
                    self.ask_written(tree, answering, place)
                }
                Wish::Failed(error) => Err(error),
            };
            let length = match answer {
                Ok(Answer::Waits) => continue,
                Ok(Answer::Length(length)) => {
                    self.counters.reply(length);
                    Some(length)
                }
                Err(error) => self.refuse(dialect, waiter.tag, error, reply),
            };
            self.waiting.take(index);
            self.tell(tree);
            return length;
        }
        None
    }

    /// The client is gone, or must go: gives up everything that it held. The connection is as new
    /// afterwards, but for its counters.
    pub fn close(&mut self, tree: &mut T) {
        for place in Fids::<T, FIDS>::places() {
            self.release(tree, place);
        }
        self.waiting.clear();
        self.agreed = None;
    }

    fn within_msize<'r>(&self, reply: &'r mut [u8]) -> &'r mut [u8] {
        let length = reply.len().min(self.limit() as usize);
        reply.get_mut(..length).unwrap_or_default()
    }

    fn serve(
        &mut self,
        header: Header,
        frame: &[u8],
        tree: &mut T,
        reply: &mut [u8],
    ) -> Result<Answer, Error> {
        if header.kind == VERSION {
            return self.version(frame, tree, reply);
        }
        let Agreed { dialect, .. } = self.agreed.ok_or(Error::NoVersion)?;
        let (tag, request) = decode_request(dialect, frame).map_err(Error::Malformed)?;
        if tag == Tag::NONE || self.waiting.has(tag) {
            return Err(Error::BadTag);
        }
        let out = self.within_msize(reply);
        self.dispatch(request, tree, Answering { dialect, tag, out })
    }

    #[inline]
    fn dispatch(
        &mut self,
        request: Request<'_>,
        tree: &mut T,
        to: Answering<'_>,
    ) -> Result<Answer, Error> {
        match request {
            Request::Walk { fid, newfid, names } => self.walk(tree, to, fid, newfid, names),
            Request::Read { fid, offset, count } => self.read(tree, to, fid, offset, count),
            Request::Write { fid, data, .. } => self.write(tree, to, fid, data),
            Request::Readdir { fid, offset, count } => self.readdir(tree, to, fid, offset, count),
            Request::Open { fid, mode } => self.open(tree, to, fid, mode),
            Request::Lopen { fid, flags } => self.lopen(tree, to, fid, flags),
            Request::Clunk { fid } => self.clunk(tree, to, fid),
            Request::Getattr { fid, .. } => self.getattr(tree, to, fid),
            Request::Stat { fid } => self.stat(tree, to, fid),
            Request::Attach { fid, afid, uname, aname, .. } => {
                self.attach(tree, to, (fid, afid), uname, aname)
            }
            Request::Flush { oldtag } => self.flush(tree, to, oldtag),
            Request::Wstat { fid, stat } => self.wstat(tree, to, fid, stat),
            Request::Setattr { fid, attr } => self.setattr(tree, to, fid, attr),
            Request::Statfs { fid } => self.statfs(tree, to, fid),
            Request::Lcreate { fid, name, flags, .. } => self.lcreate(tree, to, fid, name, flags),
            Request::Create { fid, name, .. } => self.create(tree, fid, name),
            Request::Remove { fid } => self.remove(tree, fid),
            rest => self.refused(to, rest),
        }
    }

    /// version(5): what was before is over, whatever comes of it.
    fn version(&mut self, frame: &[u8], tree: &mut T, reply: &mut [u8]) -> Result<Answer, Error> {
        let speaks = self.dialect().unwrap_or(Dialect::Plan9);
        let (tag, request) = decode_request(speaks, frame).map_err(Error::Malformed)?;
        let Request::Version { msize, version } = request else { return Err(Error::NoVersion) };
        self.close(tree);
        let own = u32::try_from(reply.len()).unwrap_or(MAX_MSIZE).min(MAX_MSIZE);
        let msize = msize.min(own);
        if msize < MIN_MSIZE {
            return Err(Error::SmallMessages);
        }
        let dialect = Dialect::of_version(version);
        self.agreed = dialect.map(|dialect| Agreed { dialect, msize });
        let version = dialect.map_or("unknown", Dialect::version);
        let out = self.within_msize(reply);
        Answering { dialect: speaks, tag, out }.send(&Reply::Version { msize, version })
    }

    /// The dialect that the client will read an error in: what was negotiated, and for a version
    /// that fails what it asked for.
    fn dialect_of_error(&self, header: Header, frame: &[u8]) -> Dialect {
        match (self.dialect(), decode_request(Dialect::Plan9, frame)) {
            (Some(dialect), _) => dialect,
            (None, Ok((_, Request::Version { version, .. }))) if header.kind == VERSION => {
                Dialect::of_version(version).unwrap_or(Dialect::Plan9)
            }
            (None, _) => Dialect::Plan9,
        }
    }

    /// Writes an error to the front of `reply`; `None` where it has no room.
    fn refuse(
        &mut self,
        dialect: Dialect,
        tag: Tag,
        error: Error,
        reply: &mut [u8],
    ) -> Option<usize> {
        self.hooks.on_error(self.id, tag, error);
        let ename = error.ename();
        let message = match dialect {
            Dialect::Plan9 => Reply::Error { ename: &ename },
            Dialect::Linux => Reply::Lerror { ecode: error.errno() },
        };
        let length = encode_reply(dialect, tag, &message, reply).ok()?;
        self.counters.error();
        self.counters.reply(length);
        Some(length)
    }

    /// attach(5).
    fn attach(
        &mut self,
        tree: &mut T,
        to: Answering<'_>,
        (fid, afid): (Fid, Fid),
        uname: &str,
        aname: &str,
    ) -> Result<Answer, Error> {
        if afid != Fid::NONE {
            // No auth ever succeeded, so no fid is one.
            return Err(Error::UnknownFid);
        }
        let place = self.fids.vacancy(fid)?;
        let (session, found) = tree.attach(self.id, uname, aname)?;
        if let Err(error) = self.fids.attach(place, fid, session, found) {
            tree.detach(session);
            return Err(error);
        }
        self.hooks.on_attach(self.id, fid);
        to.send(&Reply::Attach { qid: found.qid })
    }

    /// flush(5): the request is forgotten before its flush is answered.
    fn flush(&mut self, tree: &mut T, to: Answering<'_>, oldtag: Tag) -> Result<Answer, Error> {
        if let Some(waiter) = self.waiting.take_tag(oldtag) {
            self.counters.flushes();
            if let Wish::Written { place } = waiter.wish {
                self.forget_write(tree, place);
            }
        }
        to.send(&Reply::Flush)
    }

    fn forget_write(&mut self, tree: &mut T, place: Place) {
        if let Ok(slot) = self.fids.slot(place)
            && let Some(open) = &mut slot.open
        {
            tree.forget_write(slot.session, slot.node, &mut open.state);
        }
    }

    /// clunk(5).
    fn clunk(&mut self, tree: &mut T, to: Answering<'_>, fid: Fid) -> Result<Answer, Error> {
        let place = self.fids.find(fid)?;
        self.release(tree, place);
        to.send(&Reply::Clunk)
    }

    /// remove(5): the fid goes, the file stays.
    fn remove(&mut self, tree: &mut T, fid: Fid) -> Result<Answer, Error> {
        let place = self.fids.find(fid)?;
        self.release(tree, place);
        Err(Error::Permission)
    }

    /// Gives up the fid at `place` with all that hangs on it.
    fn release(&mut self, tree: &mut T, place: Place) {
        if self.waiting.fail(place, Error::Closed) {
            self.forget_write(tree, place);
        }
        let Some((fid, slot, ended)) = self.fids.remove(place) else { return };
        if let Some(open) = slot.open {
            tree.close(slot.session, slot.node, open.state);
        }
        if let Some(session) = ended {
            tree.detach(session);
        }
        self.hooks.on_clunk(self.id, fid);
    }

    /// `msize` less its header: what a read or a write of one message carries at most.
    pub(crate) fn iounit(&self) -> u32 {
        self.limit().saturating_sub(secure9p_codec::IO_HEADER)
    }
}
