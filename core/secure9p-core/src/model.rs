//! A small tree in memory that watches how it is called: for tests, fuzzing and benches.
//!
//! It panics where the connection breaks the contract of [`Tree`]: a call that the policy was not
//! asked about in the same request, a call with a session or an open file that is over, a second
//! close. [`Model::begin`] starts a request. Files:
//!
//! ```text
//! /proc/boot      read-only text           /queen/ctl    append-only, for the queen
//! /proc/events    reads at the end wait    /queen/slow   writes wait for Model::finish_writes
//! /log/queen.log  append-only              /many         a directory of MANY files
//! ```
//!
//! `uname` is the role: `observer` may not write, `nobody` is not let in, all others are the queen.

use alloc::vec::Vec;
use core::time::Duration;

use secure9p_codec::{Name, Qid};

use crate::{
    Access, AccessPolicy, ConnectionId, Entry, Error, FileName, Found, OpenMode, Read, Stat, Tree,
    Write,
};

/// Files in `/many`.
pub const MANY: usize = 300;
/// What `/proc/boot` holds.
pub const BOOT: &[u8] = b"model of a hive\n";
/// Bytes after which an append-only file takes no more.
pub const FULL: usize = 1 << 16;

/// A file: its place, and which of the files that were there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelNode {
    index: usize,
    generation: u32,
}

/// An attach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelSession(usize);

/// An open file.
#[derive(Debug)]
pub struct ModelOpen(usize);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directory,
    ReadOnly,
    Append,
    Events,
    Slow,
}

#[derive(Debug)]
struct File {
    name: FileName,
    parent: usize,
    kind: Kind,
    data: Vec<u8>,
    generation: u32,
    gone: bool,
}

#[derive(Debug)]
struct Attached {
    observer: bool,
    revoked: bool,
    live: bool,
}

#[derive(Debug)]
struct OpenFile {
    session: ModelSession,
    node: ModelNode,
    mode: OpenMode,
    live: bool,
    /// Bytes of a write that waits.
    pending: Option<u32>,
    finished: bool,
}

/// The tree.
#[derive(Debug)]
pub struct Model {
    files: Vec<File>,
    sessions: Vec<Attached>,
    opens: Vec<OpenFile>,
    granted: Vec<(ModelSession, ModelNode, Access)>,
}

impl Default for Model {
    fn default() -> Self {
        Self::new()
    }
}

impl Model {
    /// The tree as it starts.
    #[must_use]
    pub fn new() -> Self {
        let mut model = Self {
            files: Vec::new(),
            sessions: Vec::new(),
            opens: Vec::new(),
            granted: Vec::new(),
        };
        let root = model.add("/", 0, Kind::Directory, b"");
        let proc = model.add("proc", root, Kind::Directory, b"");
        model.add("boot", proc, Kind::ReadOnly, BOOT);
        model.add("events", proc, Kind::Events, b"");
        let log = model.add("log", root, Kind::Directory, b"");
        model.add("queen.log", log, Kind::Append, b"");
        let queen = model.add("queen", root, Kind::Directory, b"");
        model.add("ctl", queen, Kind::Append, b"");
        model.add("slow", queen, Kind::Slow, b"");
        let many = model.add("many", root, Kind::Directory, b"");
        for number in 0..MANY {
            model.add(&alloc::format!("file-{number}"), many, Kind::ReadOnly, b"");
        }
        model
    }

    fn add(&mut self, name: &str, parent: usize, kind: Kind, data: &[u8]) -> usize {
        let name = FileName::try_from(name).expect("short names");
        let data = data.to_vec();
        self.files.push(File { name, parent, kind, data, generation: 0, gone: false });
        self.files.len() - 1
    }

    /// A request, or a poll, starts: what was granted before does not count any more.
    pub fn begin(&mut self) {
        self.granted.clear();
    }

    fn named(&mut self, name: &str) -> &mut File {
        self.files.iter_mut().find(|file| file.name == name).expect("a file of the model")
    }

    /// What the file of this name holds.
    pub fn data(&mut self, name: &str) -> &[u8] {
        &self.named(name).data
    }

    /// Appends to the file of this name.
    pub fn append(&mut self, name: &str, data: &[u8]) {
        self.named(name).data.extend_from_slice(data);
    }

    /// Takes the file of this name away: its nodes are stale.
    pub fn take_away(&mut self, name: &str) {
        let file = self.named(name);
        file.gone = true;
        file.generation += 1;
    }

    /// Takes every right away from every session.
    pub fn revoke(&mut self) {
        for session in &mut self.sessions {
            session.revoked = true;
        }
    }

    /// Lets every write that waits be done.
    pub fn finish_writes(&mut self) {
        for open in &mut self.opens {
            open.finished = open.pending.is_some();
        }
    }

    /// Sessions that are not over.
    #[must_use]
    pub fn sessions(&self) -> usize {
        self.sessions.iter().filter(|session| session.live).count()
    }

    /// Files that are open.
    #[must_use]
    pub fn opens(&self) -> usize {
        self.opens.iter().filter(|open| open.live).count()
    }

    /// Writes that wait.
    #[must_use]
    pub fn pending_writes(&self) -> usize {
        self.opens.iter().filter(|open| open.pending.is_some()).count()
    }

    fn file(&self, node: ModelNode) -> Result<&File, Error> {
        let file = &self.files[node.index];
        if file.gone || file.generation != node.generation { Err(Error::Closed) } else { Ok(file) }
    }

    fn found(&self, index: usize) -> Found<ModelNode> {
        let file = &self.files[index];
        let node = ModelNode { index, generation: file.generation };
        Found { node, qid: qid(index, file) }
    }

    fn granted(&self, session: ModelSession, node: ModelNode, access: Access) {
        assert!(self.sessions[session.0].live, "a session that is over was used");
        assert!(
            self.granted.contains(&(session, node, access)),
            "the policy was not asked about {access:?}"
        );
    }

    fn opened(
        &mut self,
        session: ModelSession,
        node: ModelNode,
        open: &ModelOpen,
    ) -> &mut OpenFile {
        let open = &mut self.opens[open.0];
        assert!(open.live, "a closed file was used");
        assert_eq!((open.session, open.node), (session, node), "another's open file was used");
        open
    }
}

fn qid(index: usize, file: &File) -> Qid {
    let kind = match file.kind {
        Kind::Directory => Qid::DIRECTORY,
        Kind::ReadOnly | Kind::Events => Qid::FILE,
        Kind::Append | Kind::Slow => Qid::APPEND,
    };
    Qid { kind, version: file.data.len() as u32, path: index as u64 }
}

fn stat(index: usize, file: &File) -> Stat {
    Stat {
        qid: qid(index, file),
        permissions: match file.kind {
            Kind::Directory => 0o555,
            Kind::ReadOnly | Kind::Events => 0o444,
            Kind::Append | Kind::Slow => 0o666,
        },
        length: file.data.len() as u64,
        modified: Duration::new(1_000_000_000, 5),
        name: file.name.clone(),
    }
}

impl AccessPolicy for Model {
    type Session = ModelSession;
    type Node = ModelNode;

    fn allow(
        &mut self,
        session: ModelSession,
        node: ModelNode,
        access: Access,
    ) -> Result<(), Error> {
        let attached = &self.sessions[session.0];
        assert!(attached.live, "the policy was asked about a session that is over");
        if attached.revoked {
            return Err(Error::Closed);
        }
        let writes = match access {
            Access::Open(mode) => mode.write,
            Access::Write | Access::SetLength => true,
            Access::Walk | Access::Stat | Access::Read | Access::List => false,
        };
        let takes_writes = matches!(self.file(node)?.kind, Kind::Append | Kind::Slow);
        if writes && (attached.observer || !takes_writes) {
            return Err(Error::Permission);
        }
        self.granted.push((session, node, access));
        Ok(())
    }
}

impl Tree for Model {
    type Open = ModelOpen;

    fn attach(
        &mut self,
        _: ConnectionId,
        uname: &str,
        aname: &str,
    ) -> Result<(ModelSession, Found<ModelNode>), Error> {
        if uname == "nobody" {
            return Err(Error::Permission);
        }
        if !matches!(aname, "" | "/") {
            return Err(Error::NotFound);
        }
        let observer = uname == "observer";
        self.sessions.push(Attached { observer, revoked: false, live: true });
        Ok((ModelSession(self.sessions.len() - 1), self.found(0)))
    }

    fn detach(&mut self, session: ModelSession) {
        let attached = &mut self.sessions[session.0];
        assert!(attached.live, "a session ended twice");
        attached.live = false;
        let left = self.opens.iter().any(|open| open.live && open.session == session);
        assert!(!left, "a session ended with a file open");
    }

    fn walk(
        &mut self,
        session: ModelSession,
        from: ModelNode,
        name: Name<'_>,
    ) -> Result<Found<ModelNode>, Error> {
        self.granted(session, from, Access::Walk);
        let directory = self.file(from)?;
        assert_eq!(directory.kind, Kind::Directory, "a file was walked through");
        let name = name.as_str();
        assert!(!name.is_empty() && name != "." && !name.contains(['/', '\0']), "{name:?}");
        if name == ".." {
            return Ok(self.found(directory.parent));
        }
        let child = (1..self.files.len()).find(|index| {
            let file = &self.files[*index];
            file.parent == from.index && !file.gone && file.name == name
        });
        child.map(|index| self.found(index)).ok_or(Error::NotFound)
    }

    fn stat(&mut self, session: ModelSession, node: ModelNode) -> Result<Stat, Error> {
        self.granted(session, node, Access::Stat);
        Ok(stat(node.index, self.file(node)?))
    }

    fn open(
        &mut self,
        session: ModelSession,
        node: ModelNode,
        mode: OpenMode,
    ) -> Result<ModelOpen, Error> {
        self.granted(session, node, Access::Open(mode));
        let is_directory = self.file(node)?.kind == Kind::Directory;
        assert!(!(mode.write && is_directory), "a directory was opened for writing");
        self.opens.push(OpenFile {
            session,
            node,
            mode,
            live: true,
            pending: None,
            finished: false,
        });
        Ok(ModelOpen(self.opens.len() - 1))
    }

    fn read(
        &mut self,
        session: ModelSession,
        node: ModelNode,
        open: &mut ModelOpen,
        offset: u64,
        into: &mut [u8],
    ) -> Result<Read, Error> {
        self.granted(session, node, Access::Read);
        assert!(self.opened(session, node, open).mode.read, "read without being open for it");
        assert!(!into.is_empty() && offset < 1 << 63);
        let file = self.file(node)?;
        assert!(file.kind != Kind::Directory, "a directory was read");
        let from = usize::try_from(offset).unwrap_or(usize::MAX).min(file.data.len());
        let length = into.len().min(file.data.len() - from);
        if length == 0 && file.kind == Kind::Events {
            return Ok(Read::Wait);
        }
        into[..length].copy_from_slice(&file.data[from..from + length]);
        Ok(Read::Bytes(length))
    }

    fn write(
        &mut self,
        session: ModelSession,
        node: ModelNode,
        open: &mut ModelOpen,
        data: &[u8],
    ) -> Result<Write, Error> {
        self.granted(session, node, Access::Write);
        let kind = self.file(node)?.kind;
        let opened = self.opened(session, node, open);
        assert!(opened.mode.write, "written without being open for it");
        assert!(!data.is_empty(), "nothing was written");
        assert!(opened.pending.is_none(), "a write while one waits");
        if kind == Kind::Slow {
            (opened.pending, opened.finished) = (Some(data.len() as u32), false);
            return Ok(Write::Wait);
        }
        let file = &mut self.files[node.index];
        if file.data.len() + data.len() > FULL {
            return Err(Error::TooBig);
        }
        file.data.extend_from_slice(data);
        Ok(Write::Done(data.len() as u32))
    }

    fn written(
        &mut self,
        session: ModelSession,
        node: ModelNode,
        open: &mut ModelOpen,
    ) -> Result<Write, Error> {
        self.granted(session, node, Access::Write);
        let opened = self.opened(session, node, open);
        let count = opened.pending.expect("asked about a write that does not wait");
        if !opened.finished {
            return Ok(Write::Wait);
        }
        (opened.pending, opened.finished) = (None, false);
        Ok(Write::Done(count))
    }

    fn forget_write(&mut self, session: ModelSession, node: ModelNode, open: &mut ModelOpen) {
        let opened = self.opened(session, node, open);
        assert!(opened.pending.take().is_some(), "a write was forgotten that does not wait");
        opened.finished = false;
    }

    fn entry(
        &mut self,
        session: ModelSession,
        node: ModelNode,
        place: u64,
    ) -> Result<Option<Entry>, Error> {
        self.granted(session, node, Access::List);
        assert_eq!(self.file(node)?.kind, Kind::Directory, "a file was listed");
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if place > self.files.len() {
            return Err(Error::BadOffset);
        }
        // The root, at 0, is in no directory, so an entry's place is its file's.
        let rest = self.files.iter().enumerate().skip(place.max(1));
        let mut children = rest.filter(|(_, file)| file.parent == node.index && !file.gone);
        Ok(children
            .next()
            .map(|(index, file)| Entry { stat: stat(index, file), next: index as u64 + 1 }))
    }

    fn set_length(&mut self, session: ModelSession, node: ModelNode, _: u64) -> Result<(), Error> {
        self.granted(session, node, Access::SetLength);
        self.file(node).map(|_| ())
    }

    fn close(&mut self, session: ModelSession, node: ModelNode, open: ModelOpen) {
        assert!(self.sessions[session.0].live, "a file was closed after its session");
        let opened = self.opened(session, node, &open);
        assert!(opened.pending.is_none(), "a file was closed with a write that waits");
        opened.live = false;
    }
}
