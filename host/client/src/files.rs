//! Files of a server: walked to, opened, read and written.

use std::fmt;
use std::io::{Read, Write};

use secure9p_codec::{
    Dialect, Dirents, Fid, IO_HEADER, MAX_MSIZE, MAX_WALK, Names, Qid, Reply, Request, UserId,
    getattr,
};

use crate::attributes::{Attributes, Kind};
use crate::error::{Errno, Error, Result};
use crate::path::names;
use crate::transport::{Transport, unexpected};

/// Smallest message size with which anything can be done, in bytes: a stat fits.
const MIN_MSIZE: u32 = 256;
/// Most lines of a directory that are taken: a server that never ends one fills no memory.
const MAX_ENTRIES: usize = 1 << 16;

/// What a file is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Reading, also of a directory.
    Read,
    /// Writing at its end.
    Append,
}

impl Mode {
    /// Flags of Linux's open(2).
    const fn flags(self) -> u32 {
        match self {
            Self::Read => 0,
            Self::Append => 0o1 | 0o2000,
        }
    }
}

/// Who attaches, and to which tree: attach(5).
#[derive(Clone, Default)]
pub struct Who {
    /// The user.
    pub uname: String,
    /// The tree; "" is the server's own.
    pub aname: String,
}

impl fmt::Debug for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Either name may hold a ticket.
        f.debug_struct("Who").finish_non_exhaustive()
    }
}

/// A file that was walked to. Given back with [`Client::clunk`]; dropped without, its fid stays in
/// use until the connection ends.
#[derive(Debug)]
#[must_use = "its fid is in use until it is clunked"]
pub struct File {
    fid: Fid,
    qid: Qid,
}

impl File {
    /// Its identity as it was walked to.
    #[must_use]
    pub const fn qid(&self) -> Qid {
        self.qid
    }
}

/// A line of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The file's name.
    pub name: String,
    /// Directory or file.
    pub kind: Kind,
    /// Where [`Client::readdir`] goes on behind it.
    pub next: u64,
}

/// A connection that is attached to a server's tree.
#[derive(Debug)]
pub struct Client<S> {
    transport: Transport<S>,
    root: Fid,
    /// Fids below this were in use, of which `free` are no longer.
    fids: u32,
    free: Vec<Fid>,
}

impl<S: Read + Write> Client<S> {
    /// Agrees on 9P2000.L with the server behind `stream`, and attaches to its tree.
    ///
    /// # Errors
    /// Where the server speaks another version or refuses.
    pub fn attach(stream: S, who: &Who) -> Result<Self> {
        let mut transport = Transport::new(stream);
        let version = Dialect::Linux.version();
        match transport.ask(&Request::Version { msize: MAX_MSIZE, version })? {
            Reply::Version { msize, version: theirs } if theirs == version => {
                if !(MIN_MSIZE..=MAX_MSIZE).contains(&msize) {
                    return Err(Error::Protocol(format!("messages of {msize} bytes at most")));
                }
                transport.set_limit(msize);
            }
            Reply::Version { version, .. } => return Err(Error::Version(version.to_owned())),
            reply => return Err(unexpected(&reply)),
        }
        let mut client = Self { transport, root: Fid(0), fids: 1, free: Vec::new() };
        let attach = Request::Attach {
            fid: client.root,
            afid: Fid::NONE,
            uname: &who.uname,
            aname: &who.aname,
            n_uname: UserId::NONE,
        };
        match client.transport.ask(&attach)? {
            Reply::Attach { .. } => Ok(client),
            reply => Err(unexpected(&reply)),
        }
    }

    /// The stream below.
    pub fn stream_mut(&mut self) -> &mut S {
        self.transport.stream_mut()
    }

    /// Most bytes that one read or write carries.
    #[must_use]
    pub fn io_size(&self) -> u32 {
        self.transport.limit() - IO_HEADER
    }

    fn new_fid(&mut self) -> Fid {
        self.free.pop().unwrap_or_else(|| {
            self.fids += 1;
            Fid(self.fids - 1)
        })
    }

    /// Walks from the root to `path`; gives up nothing else.
    ///
    /// # Errors
    /// [`Errno::ENOENT`] and [`Errno::ENOTDIR`] where the path ends too early.
    pub fn walk(&mut self, path: &str) -> Result<File> {
        let names = names(path)?;
        let fid = self.new_fid();
        let (first, rest) = names.split_at(names.len().min(MAX_WALK));
        let mut walked = self.walk_some(self.root, fid, first);
        if matches!(walked, Err(Error::Refused(_) | Error::Path(_))) {
            self.free.push(fid);
            return walked.map(|qid| File { fid, qid });
        }
        for part in rest.chunks(MAX_WALK) {
            walked = walked.and_then(|_| self.walk_some(fid, fid, part));
        }
        match walked {
            Ok(qid) => Ok(File { fid, qid }),
            Err(error) => {
                // An interrupted walk may have been answered; then the fid is unknown here only.
                if !error.ends_connection() {
                    let _ = self.give_back(fid);
                }
                Err(error)
            }
        }
    }

    /// Makes `to` the file that at most [`MAX_WALK`] names lead to.
    fn walk_some(&mut self, from: Fid, to: Fid, names: &[&str]) -> Result<Qid> {
        let mut packed = [0; MAX_MSIZE as usize];
        let packed =
            Names::pack(names, &mut packed).map_err(|_| Error::Path("the path is too long"))?;
        let reply = self.transport.ask(&Request::Walk { fid: from, newfid: to, names: packed })?;
        let Reply::Walk { qids } = reply else { return Err(unexpected(&reply)) };
        if qids.len() > names.len() {
            return Err(Error::Protocol("more files than names".into()));
        }
        let came_to = qids.last();
        let last = came_to.unwrap_or(Qid { kind: Qid::DIRECTORY, ..Qid::default() });
        if qids.len() == names.len() {
            return Ok(last);
        }
        if !last.is_directory() {
            return Err(Error::Refused(Errno::ENOTDIR));
        }
        let (walked, rest) = names.split_at(qids.len());
        match (walked, rest) {
            ([_, ..], [next, ..]) => Err(self.why(from, to, walked, next)),
            _ => Err(Error::Refused(Errno::ENOENT)),
        }
    }

    /// Why a walk came to its end in front of `next`. Only a walk that fails at its first name says
    /// so (walk(5)), so it is walked again in two. `to` is what it was before, unless it is `from`.
    fn why(&mut self, from: Fid, to: Fid, walked: &[&str], next: &str) -> Error {
        let gone = Error::Refused(Errno::ENOENT);
        match self.walk_some(from, to, walked) {
            Ok(_) => {}
            // What was there is no longer.
            Err(Error::Refused(_)) => return gone,
            Err(error) => return error,
        }
        let error = match self.walk_some(to, to, &[next]) {
            // What was not there is.
            Ok(_) => gone,
            Err(error) => error,
        };
        if from != to && !error.ends_connection() {
            match self.transport.ask(&Request::Clunk { fid: to }) {
                Ok(_) | Err(Error::Refused(_)) => {}
                Err(error) => return error,
            }
        }
        error
    }

    fn give_back(&mut self, fid: Fid) -> Result<()> {
        let answer = match self.transport.ask(&Request::Clunk { fid }) {
            Ok(Reply::Clunk) => Ok(()),
            Ok(reply) => Err(unexpected(&reply)),
            Err(error) => Err(error),
        };
        // Unknown afterwards even where the answer is an error; after an interruption it may be
        // known still, so it is not used again.
        if !matches!(answer, Err(Error::Interrupted)) {
            self.free.push(fid);
        }
        answer
    }

    /// Gives the file up.
    ///
    /// # Errors
    /// Where the server complains; it is given up all the same.
    pub fn clunk(&mut self, file: File) -> Result<()> {
        self.give_back(file.fid)
    }

    /// Prepares the file for reading or writing.
    ///
    /// # Errors
    /// Where the server refuses.
    pub fn open(&mut self, file: &File, mode: Mode) -> Result<()> {
        match self.transport.ask(&Request::Lopen { fid: file.fid, flags: mode.flags() })? {
            Reply::Lopen { .. } => Ok(()),
            reply => Err(unexpected(&reply)),
        }
    }

    /// Walks to `path`, has `work` do its work and gives the file up.
    ///
    /// # Errors
    /// Those of the walk and of `work`, else of giving up.
    pub fn with_file<T, E: From<Error>>(
        &mut self,
        path: &str,
        work: impl FnOnce(&mut Self, &File) -> Result<T, E>,
    ) -> Result<T, E> {
        let file = self.walk(path)?;
        let done = work(self, &file);
        let given_up = self.clunk(file);
        let done = done?;
        given_up?;
        Ok(done)
    }

    /// The same, and opens the file before.
    ///
    /// # Errors
    /// Those of [`Self::with_file`] and of [`Self::open`].
    pub fn with_open<T, E: From<Error>>(
        &mut self,
        path: &str,
        mode: Mode,
        work: impl FnOnce(&mut Self, &File) -> Result<T, E>,
    ) -> Result<T, E> {
        self.with_file(path, |client, file| {
            client.open(file, mode)?;
            work(client, file)
        })
    }

    /// The whole of a file, from its walk to its clunk.
    ///
    /// # Errors
    /// The first one.
    pub fn read_whole(&mut self, path: &str) -> Result<Vec<u8>> {
        self.with_open(path, Mode::Read, |client, file| {
            let mut whole = Vec::new();
            loop {
                match client.read(file, whole.len() as u64, u32::MAX)? {
                    [] => return Ok(whole),
                    bytes => whole.extend_from_slice(bytes),
                }
            }
        })
    }

    /// Reads at most `count` bytes from byte `offset` on, and never more than
    /// [`Self::io_size`]; none at the end.
    ///
    /// # Errors
    /// [`Errno::EOVERFLOW`] where the bytes there are no longer kept.
    pub fn read(&mut self, file: &File, offset: u64, count: u32) -> Result<&[u8]> {
        let count = count.min(self.io_size());
        match self.transport.ask(&Request::Read { fid: file.fid, offset, count })? {
            Reply::Read { data } if data.len() <= count as usize => Ok(data),
            Reply::Read { .. } => Err(Error::Protocol("more bytes than wanted".into())),
            reply => Err(unexpected(&reply)),
        }
    }

    /// Writes `data` in one message and returns how much was taken. `offset` does not count where
    /// files are append-only.
    ///
    /// # Errors
    /// [`Errno::EMSGSIZE`] where it is more than [`Self::io_size`] bytes, without asking.
    pub fn write(&mut self, file: &File, offset: u64, data: &[u8]) -> Result<u32> {
        let length = u32::try_from(data.len()).ok().filter(|length| *length <= self.io_size());
        let Some(length) = length else { return Err(Error::Refused(Errno::EMSGSIZE)) };
        match self.transport.ask(&Request::Write { fid: file.fid, offset, data })? {
            Reply::Write { count } if count <= length => Ok(count),
            Reply::Write { .. } => Err(Error::Protocol("more bytes taken than given".into())),
            reply => Err(unexpected(&reply)),
        }
    }

    /// What the file is.
    ///
    /// # Errors
    /// Where the server refuses.
    pub fn getattr(&mut self, file: &File) -> Result<Attributes> {
        let request = Request::Getattr { fid: file.fid, request_mask: getattr::BASIC };
        match self.transport.ask(&request)? {
            Reply::Getattr { attr } => match attr.attr() {
                Ok(attr) => Ok(attr.into()),
                Err(error) => Err(Error::Protocol(error.to_string())),
            },
            reply => Err(unexpected(&reply)),
        }
    }

    /// Lines of the open directory from `offset` on: 0, or [`Entry::next`] of the last line that
    /// is known. None at the end.
    ///
    /// # Errors
    /// Where the server refuses.
    pub fn readdir(&mut self, file: &File, offset: u64) -> Result<Vec<Entry>> {
        let count = self.io_size();
        let reply = self.transport.ask(&Request::Readdir { fid: file.fid, offset, count })?;
        let Reply::Readdir { data } = reply else { return Err(unexpected(&reply)) };
        let entries = Dirents::new(data).map(|entry| match entry {
            Ok(entry) => Ok(Entry {
                name: entry.name.as_str().to_owned(),
                kind: Kind::of(entry.qid),
                next: entry.offset,
            }),
            Err(error) => Err(Error::Protocol(error.to_string())),
        });
        entries.collect()
    }

    /// Every line of the directory `path` but `.` and `..`, in the server's order.
    ///
    /// # Errors
    /// [`Errno::ENOTDIR`] where it is none.
    pub fn list(&mut self, path: &str) -> Result<Vec<Entry>> {
        self.with_file(path, |client, file| {
            if !file.qid.is_directory() {
                return Err(Error::Refused(Errno::ENOTDIR));
            }
            client.open(file, Mode::Read)?;
            let (mut all, mut offset) = (Vec::new(), 0);
            loop {
                let some = client.readdir(file, offset)?;
                let Some(last) = some.last() else { return Ok(all) };
                if last.next == offset || all.len() > MAX_ENTRIES {
                    return Err(Error::Protocol("a directory that does not end".into()));
                }
                offset = last.next;
                all.extend(some.into_iter().filter(|entry| !matches!(&*entry.name, "." | "..")));
            }
        })
    }
}
