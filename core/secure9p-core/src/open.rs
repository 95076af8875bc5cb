//! Opening, reading and writing files: open(5), read(5), lopen and lcreate (.L).

use secure9p_codec::{Fid, Name, Qid, READ_HEADER, Reply, seal_read};

use crate::Error;
use crate::connection::{Answer, Answering, Connection};
use crate::fids::{Listing, Opened, Place};
use crate::hooks::Hooks;
use crate::tree::{Access, Found, OpenMode, Read, Tree, Write};
use crate::waiting::{Waiter, Wish};
use crate::walk::step;

/// Bits of `Topen`'s mode: open(5).
mod plan9 {
    pub const ACCESS: u8 = 0x03;
    pub const TRUNCATE: u8 = 0x10;
    /// For the client's own use.
    pub const CLOSE_ON_EXEC: u8 = 0x20;
    pub const REMOVE_ON_CLOSE: u8 = 0x40;
}

/// Flags of `Tlopen`: open(2) of Linux, `asm-generic/fcntl.h`. All others are not heeded.
mod linux {
    pub const ACCESS: u32 = 0o3;
    pub const EXCLUSIVE: u32 = 0o200;
    pub const TRUNCATE: u32 = 0o1000;
    pub const DIRECTORY: u32 = 0o20_0000;
}

/// How a fid is to be opened.
#[derive(Debug, Clone, Copy)]
struct Wanted {
    mode: OpenMode,
    truncate: bool,
    directory: bool,
}

impl Wanted {
    fn of_plan9(mode: u8) -> Result<Self, Error> {
        if mode & plan9::REMOVE_ON_CLOSE != 0 {
            return Err(Error::Refused);
        }
        let known = plan9::ACCESS | plan9::TRUNCATE | plan9::CLOSE_ON_EXEC;
        if mode & !known != 0 {
            return Err(Error::Invalid);
        }
        let mode_bits = access(u32::from(mode & plan9::ACCESS));
        // OEXEC: nothing here is a program.
        let open = mode_bits.ok_or(Error::Permission)?;
        Ok(Self { mode: open, truncate: mode & plan9::TRUNCATE != 0, directory: false })
    }

    fn of_linux(flags: u32) -> Result<Self, Error> {
        Ok(Self {
            mode: access(flags & linux::ACCESS).ok_or(Error::Invalid)?,
            truncate: flags & linux::TRUNCATE != 0,
            directory: flags & linux::DIRECTORY != 0,
        })
    }

    fn fits(self, qid: Qid) -> Result<(), Error> {
        match (qid.is_directory(), self.mode.write || self.truncate) {
            (true, true) => Err(Error::IsDirectory),
            (false, _) if self.directory => Err(Error::NotDirectory),
            _ => Ok(()),
        }
    }
}

/// 0 reads, 1 writes, 2 does both, in both dialects.
fn access(bits: u32) -> Option<OpenMode> {
    match bits {
        0 => Some(OpenMode { read: true, write: false }),
        1 => Some(OpenMode { read: false, write: true }),
        2 => Some(OpenMode { read: true, write: true }),
        _ => None,
    }
}

impl<T: Tree, const FIDS: usize, const WAITING: usize, H: Hooks> Connection<T, FIDS, WAITING, H> {
    /// open(5).
    pub(crate) fn open(
        &mut self,
        tree: &mut T,
        to: Answering<'_>,
        fid: Fid,
        mode: u8,
    ) -> Result<Answer, Error> {
        let qid = self.open_fid(tree, fid, Wanted::of_plan9(mode)?)?;
        to.send(&Reply::Open { qid, iounit: self.iounit() })
    }

    /// lopen (.L).
    pub(crate) fn lopen(
        &mut self,
        tree: &mut T,
        to: Answering<'_>,
        fid: Fid,
        flags: u32,
    ) -> Result<Answer, Error> {
        let qid = self.open_fid(tree, fid, Wanted::of_linux(flags)?)?;
        to.send(&Reply::Lopen { qid, iounit: self.iounit() })
    }

    fn open_fid(&mut self, tree: &mut T, fid: Fid, wanted: Wanted) -> Result<Qid, Error> {
        let slot = self.fids.get(fid)?;
        if slot.open.is_some() {
            return Err(Error::BadUse);
        }
        let found = Found { node: slot.node, qid: slot.qid };
        slot.open = Some(open_file(tree, slot.session, found, wanted)?);
        Ok(slot.qid)
    }

    /// lcreate (.L): nobody can create files, but without `O_EXCL` it opens one that is there, as
    /// Linux's open(2) does; some clients write no other way.
    pub(crate) fn lcreate(
        &mut self,
        tree: &mut T,
        to: Answering<'_>,
        fid: Fid,
        name: Name<'_>,
        flags: u32,
    ) -> Result<Answer, Error> {
        let found = self.existing(tree, fid, name)?;
        if flags & linux::EXCLUSIVE != 0 {
            return Err(Error::Exists);
        }
        let wanted = Wanted::of_linux(flags)?;
        let slot = self.fids.get(fid)?;
        slot.open = Some(open_file(tree, slot.session, found, wanted)?);
        (slot.node, slot.qid) = (found.node, found.qid);
        to.send(&Reply::Lcreate { qid: found.qid, iounit: self.iounit() })
    }

    /// open(5), "create": an error, for a name that is taken another one.
    pub(crate) fn create(
        &mut self,
        tree: &mut T,
        fid: Fid,
        name: Name<'_>,
    ) -> Result<Answer, Error> {
        self.existing(tree, fid, name)?;
        Err(Error::Exists)
    }

    /// The file `name` in the directory `fid`; [`Error::Permission`] where it would have to be
    /// made.
    fn existing(
        &mut self,
        tree: &mut T,
        fid: Fid,
        name: Name<'_>,
    ) -> Result<Found<T::Node>, Error> {
        let slot = self.fids.get(fid)?;
        if slot.open.is_some() {
            return Err(Error::BadUse);
        }
        if matches!(name.as_bytes(), b"." | b"..") {
            return Err(Error::Exists);
        }
        let from = Found { node: slot.node, qid: slot.qid };
        step(tree, slot.session, from, name).map_err(|error| match error {
            Error::NotFound => Error::Permission,
            other => other,
        })
    }

    /// read(5).
    #[inline]
    pub(crate) fn read(
        &mut self,
        tree: &mut T,
        to: Answering<'_>,
        fid: Fid,
        offset: u64,
        count: u32,
    ) -> Result<Answer, Error> {
        let place = self.fids.find(fid)?;
        let slot = self.fids.slot(place)?;
        if !slot.open.as_ref().is_some_and(|open| open.mode.read) {
            return Err(Error::BadUse);
        }
        if slot.qid.is_directory() {
            return self.read_directory(tree, to, place, offset, count);
        }
        let end = offset.checked_add(u64::from(count));
        if end.is_none_or(|end| i64::try_from(end).is_err()) {
            return Err(Error::Invalid);
        }
        let tag = to.tag;
        let count = count as usize;
        let answer = self.retry_read(tree, to, place, offset, count)?;
        if let Answer::Waits = answer {
            self.waiting.push(Waiter { tag, wish: Wish::Read { place, offset, count } })?;
        }
        Ok(answer)
    }

    /// Reads as much as fits into the message, or finds that there is nothing yet.
    #[inline]
    pub(crate) fn retry_read(
        &mut self,
        tree: &mut T,
        to: Answering<'_>,
        place: Place,
        offset: u64,
        count: usize,
    ) -> Result<Answer, Error> {
        let slot = self.fids.slot(place)?;
        let open = slot.open.as_mut().ok_or(Error::BadUse)?;
        tree.allow(slot.session, slot.node, Access::Read)?;
        let room = to.out.get_mut(READ_HEADER..).unwrap_or_default();
        let count = count.min(room.len());
        let into = room.get_mut(..count).unwrap_or_default();
        if into.is_empty() {
            return Ok(Answer::Length(seal_read(to.tag, 0, to.out)?));
        }
        match tree.read(slot.session, slot.node, &mut open.state, offset, into)? {
            Read::Bytes(read) => Ok(Answer::Length(seal_read(to.tag, read.min(count), to.out)?)),
            Read::Wait => Ok(Answer::Waits),
        }
    }

    /// write, of read(5). The offset does not matter: files are append-only.
    #[inline]
    pub(crate) fn write(
        &mut self,
        tree: &mut T,
        to: Answering<'_>,
        fid: Fid,
        data: &[u8],
    ) -> Result<Answer, Error> {
        let place = self.fids.find(fid)?;
        let slot = self.fids.slot(place)?;
        let open = slot.open.as_mut().filter(|open| open.mode.write).ok_or(Error::BadUse)?;
        tree.allow(slot.session, slot.node, Access::Write)?;
        if data.is_empty() {
            return to.send(&Reply::Write { count: 0 });
        }
        if self.waiting.has_write(place) {
            return Err(Error::Busy);
        }
        match tree.write(slot.session, slot.node, &mut open.state, data)? {
            Write::Done(count) => to.send(&Reply::Write { count }),
            Write::Wait if self.waiting.is_full() => {
                tree.forget_write(slot.session, slot.node, &mut open.state);
                Err(Error::TooManyRequests)
            }
            Write::Wait => {
                self.waiting.push(Waiter { tag: to.tag, wish: Wish::Written { place } })?;
                Ok(Answer::Waits)
            }
        }
    }

    /// What came of a write that waits.
    pub(crate) fn ask_written(
        &mut self,
        tree: &mut T,
        to: Answering<'_>,
        place: Place,
    ) -> Result<Answer, Error> {
        let slot = self.fids.slot(place)?;
        let open = slot.open.as_mut().ok_or(Error::BadUse)?;
        if let Err(error) = tree.allow(slot.session, slot.node, Access::Write) {
            tree.forget_write(slot.session, slot.node, &mut open.state);
            return Err(error);
        }
        match tree.written(slot.session, slot.node, &mut open.state)? {
            Write::Done(count) => to.send(&Reply::Write { count }),
            Write::Wait => Ok(Answer::Waits),
        }
    }
}

/// Opens a file and truncates it where that is wanted; where that fails it is not open.
fn open_file<T: Tree>(
    tree: &mut T,
    session: T::Session,
    found: Found<T::Node>,
    wanted: Wanted,
) -> Result<Opened<T>, Error> {
    let Wanted { mode, truncate, .. } = wanted;
    wanted.fits(found.qid)?;
    if truncate {
        tree.allow(session, found.node, Access::SetLength)?;
    }
    tree.allow(session, found.node, Access::Open(mode))?;
    let state = tree.open(session, found.node, mode)?;
    if truncate && let Err(error) = tree.set_length(session, found.node, 0) {
        tree.close(session, found.node, state);
        return Err(error);
    }
    Ok(Opened { mode, state, listing: Listing::default() })
}
