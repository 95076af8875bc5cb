//! What a connection serves: the tree of files and who may do what with them.

use core::time::Duration;

use secure9p_codec::{Name, Qid, Statfs};

use crate::{Counters, Error};

/// Longest file name that this server gives, in bytes.
pub const MAX_NAME: usize = 64;

/// A file's name.
pub type FileName = heapless::String<MAX_NAME>;

/// Which connection asks; whoever accepts connections chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionId(pub u32);

/// A file that an attach or a walk came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found<Node> {
    /// The file.
    pub node: Node,
    /// Its identity. Whether it is a directory never changes; the connection keeps that and
    /// refuses what a directory or a file cannot do, so the tree need not.
    pub qid: Qid,
}

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stat {
    /// Its identity; [`Qid::DIRECTORY`] and [`Qid::APPEND`] say what it is in both dialects.
    pub qid: Qid,
    /// The nine permission bits, as this session sees them.
    pub permissions: u16,
    /// Its true length in bytes; not heeded for a directory.
    pub length: u64,
    /// When it last changed, since 1970.
    pub modified: Duration,
    /// Its name; `/` for the root.
    pub name: FileName,
}

/// An entry of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What the file is.
    pub stat: Stat,
    /// Where the directory goes on behind this entry: not 0, at most 2^63 - 1, and good for as
    /// long as the directory is, also when other entries come and go.
    pub next: u64,
}

/// What a file is opened for. Truncation is not in it: it comes as [`Tree::set_length`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenMode {
    /// Reading, or listing for a directory.
    pub read: bool,
    /// Writing.
    pub write: bool,
}

/// What a session is about to do with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Find something by name in it.
    Walk,
    /// See what it is.
    Stat,
    /// Open it.
    Open(OpenMode),
    /// Read what it holds; an open fid.
    Read,
    /// Write to it; an open fid.
    Write,
    /// See what is in it; an open fid of a directory.
    List,
    /// Change its length or its times.
    SetLength,
}

/// What came of a read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read {
    /// So many bytes; 0 at the end.
    Bytes(usize),
    /// Nothing yet, and the end is not here either: the request waits, and the read is tried again
    /// by [`crate::Connection::poll`].
    Wait,
}

/// What came of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// So many bytes were written.
    Done(u32),
    /// The tree has taken the data, and what it does with it is not finished:
    /// [`Tree::written`] is asked by [`crate::Connection::poll`] until it is.
    Wait,
}

/// Who may do what.
///
/// Asked before every call of [`Tree`] that names a file, also for a fid that is open already and
/// for a request that waited, so that a session whose rights went away can do nothing from then
/// on: its fids answer with the error given here ([`Error::Closed`]). What is not granted is
/// denied.
pub trait AccessPolicy {
    /// Who an attach is.
    type Session: Copy;
    /// A file. It may go stale: then every call answers [`Error::Closed`], and its number means
    /// no other file afterwards.
    type Node: Copy + Eq;

    /// Whether `session` may do that.
    ///
    /// # Errors
    /// Where it may not; the request is answered with that, and the tree is not called.
    fn allow(
        &mut self,
        session: Self::Session,
        node: Self::Node,
        access: Access,
    ) -> Result<(), Error>;
}

/// A tree of files.
///
/// The connection keeps the protocol: it calls only with files that the tree gave it, `read` and
/// `write` only with what `open` gave for that file and mode, and each `attach` and `open` that
/// succeeded is followed by exactly one `detach` and `close`, whatever the client does.
/// What a tree must not do is block.
pub trait Tree: AccessPolicy {
    /// What is kept for an open fid, such as the window that it sees.
    type Open;

    /// Lets somebody in, and says where they start. `uname` and `aname` may hold a secret.
    ///
    /// # Errors
    /// Where they are not let in: [`Error::Permission`], [`Error::NotFound`] for an unknown tree,
    /// [`Error::Busy`] where there are as many sessions as can be.
    fn attach(
        &mut self,
        connection: ConnectionId,
        uname: &str,
        aname: &str,
    ) -> Result<(Self::Session, Found<Self::Node>), Error>;

    /// The session's last fid is gone.
    fn detach(&mut self, session: Self::Session);

    /// What went over a connection so far, and how many fids it has: told after each of its
    /// requests and late replies, as long as it has a fid. For whoever wants to show it.
    fn served(&mut self, connection: ConnectionId, counters: &Counters, fids: usize) {
        let _ = (connection, counters, fids);
    }

    /// The file `name` in the directory `from`. `..` leads up, and from the root to the root;
    /// `.` is never asked for.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none that this session may know of.
    fn walk(
        &mut self,
        session: Self::Session,
        from: Self::Node,
        name: Name<'_>,
    ) -> Result<Found<Self::Node>, Error>;

    /// What the file is.
    ///
    /// # Errors
    /// [`Error::Closed`] where it is gone.
    fn stat(&mut self, session: Self::Session, node: Self::Node) -> Result<Stat, Error>;

    /// Prepares reading or writing; a directory is only ever opened for reading.
    ///
    /// # Errors
    /// [`Error::Busy`] where as many are open as can be, [`Error::Closed`] where it is gone.
    fn open(
        &mut self,
        session: Self::Session,
        node: Self::Node,
        mode: OpenMode,
    ) -> Result<Self::Open, Error>;

    /// Reads from `offset` (bytes, below 2^63) into `into`, which is not empty. Never a
    /// directory.
    ///
    /// # Errors
    /// [`Error::Lost`] where the reader was overrun, [`Error::Closed`] where the file is gone.
    fn read(
        &mut self,
        session: Self::Session,
        node: Self::Node,
        open: &mut Self::Open,
        offset: u64,
        into: &mut [u8],
    ) -> Result<Read, Error>;

    /// Writes all of `data`, which is not empty, or nothing. Files are append-only here: there is
    /// no offset.
    ///
    /// # Errors
    /// [`Error::TooBig`], [`Error::Invalid`] where the data makes no sense, and so on.
    fn write(
        &mut self,
        session: Self::Session,
        node: Self::Node,
        open: &mut Self::Open,
        data: &[u8],
    ) -> Result<Write, Error>;

    /// What came of the write that answered [`Write::Wait`].
    ///
    /// # Errors
    /// As [`Tree::write`].
    fn written(
        &mut self,
        session: Self::Session,
        node: Self::Node,
        open: &mut Self::Open,
    ) -> Result<Write, Error> {
        let _ = (session, node, open);
        Err(Error::Invalid)
    }

    /// Nobody will ask any more what came of the write that answered [`Write::Wait`]: the client
    /// flushed it. Whether its effect happens is open, as flush(5) has it.
    fn forget_write(&mut self, session: Self::Session, node: Self::Node, open: &mut Self::Open) {
        let _ = (session, node, open);
    }

    /// The entry of the directory that starts at `place`: 0 or an [`Entry::next`] for the first,
    /// `None` at the end. A `place` whose entry is gone means the next one. There is no entry for
    /// `.` and `..`.
    ///
    /// # Errors
    /// [`Error::BadOffset`] where `place` never was one, [`Error::Closed`] where the directory is
    /// gone.
    fn entry(
        &mut self,
        session: Self::Session,
        node: Self::Node,
        place: u64,
    ) -> Result<Option<Entry>, Error>;

    /// Changes the length of a file; append-only files answer `Ok` and stay as they are.
    ///
    /// # Errors
    /// [`Error::Permission`] where nobody writes to it.
    fn set_length(
        &mut self,
        session: Self::Session,
        node: Self::Node,
        length: u64,
    ) -> Result<(), Error>;

    /// The fid that `open` was for is gone.
    fn close(&mut self, session: Self::Session, node: Self::Node, open: Self::Open);

    /// What `df` shows. The number of the kind is the one that Linux has for 9P (`V9FS_MAGIC`).
    fn statfs(&mut self, session: Self::Session) -> Statfs {
        let _ = session;
        Statfs { kind: 0x0102_1997, bsize: 4096, namelen: MAX_NAME as u32, ..Statfs::default() }
    }
}
