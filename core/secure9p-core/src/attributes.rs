//! What files are, and changing it: stat(5), getattr, setattr and statfs (.L).
//!
//! Files are append-only or read-only, so there is little to change: a new length or time is
//! taken where the session may write (the tree then lets an append-only file as it is), and
//! everything else is refused. Nothing is changed by a request that is refused in part.

use secure9p_codec::{
    ATTR_LENGTH, Attr, Fid, Reply, SetAttr, Stat as Record, StatRecord, getattr, mode, setattr,
};

use crate::Error;
use crate::connection::{Answer, Answering, Connection};
use crate::hooks::Hooks;
use crate::tree::{Access, MAX_NAME, Stat, Tree};

/// Who everything belongs to.
const OWNER: &str = "hive";
/// Bytes of a stat with the longest name.
const MAX_STAT: usize = 2 + 39 + 4 * 2 + MAX_NAME + 3 * OWNER.len();
/// `S_IFDIR`, of Linux's stat(2).
const DIRECTORY: u32 = 0o04_0000;
/// `S_IFREG`.
const REGULAR: u32 = 0o10_0000;
/// Bytes of a block in `st_blocks`.
const BLOCK: u64 = 512;

impl<T: Tree, const FIDS: usize, const WAITING: usize, H: Hooks> Connection<T, FIDS, WAITING, H> {
    fn stat_of(&mut self, tree: &mut T, fid: Fid) -> Result<Stat, Error> {
        let slot = self.fids.get(fid)?;
        tree.allow(slot.session, slot.node, Access::Stat)?;
        tree.stat(slot.session, slot.node)
    }

    /// stat(5).
    pub(crate) fn stat(
        &mut self,
        tree: &mut T,
        to: Answering<'_>,
        fid: Fid,
    ) -> Result<Answer, Error> {
        let stat = self.stat_of(tree, fid)?;
        let mut record = [0; MAX_STAT];
        let stat = plan9(&stat).record(&mut record)?;
        to.send(&Reply::Stat { stat })
    }

    /// getattr (.L): all that stat(2) has, whatever was asked for.
    pub(crate) fn getattr(
        &mut self,
        tree: &mut T,
        to: Answering<'_>,
        fid: Fid,
    ) -> Result<Answer, Error> {
        let stat = self.stat_of(tree, fid)?;
        let mut record = [0; ATTR_LENGTH];
        let attr = linux(&stat).record(&mut record)?;
        to.send(&Reply::Getattr { attr })
    }

    /// wstat, of stat(5). A value that is the file's own is no change.
    pub(crate) fn wstat(
        &mut self,
        tree: &mut T,
        to: Answering<'_>,
        fid: Fid,
        record: StatRecord<'_>,
    ) -> Result<Answer, Error> {
        let now = self.stat_of(tree, fid)?;
        let now = plan9(&now);
        let new = record.stat().map_err(Error::Malformed)?;
        let keep = Record::KEEP;
        let kept = (new.kind == keep.kind || new.kind == now.kind)
            && (new.dev == keep.dev || new.dev == now.dev)
            && (new.qid == keep.qid || new.qid == now.qid)
            && (new.mode == keep.mode || new.mode == now.mode)
            && (new.name.is_empty() || new.name == now.name)
            && (new.uid.is_empty() || new.uid == now.uid)
            && (new.gid.is_empty() || new.gid == now.gid)
            && (new.muid.is_empty() || new.muid == now.muid);
        if !kept {
            return Err(Error::Refused);
        }
        let length = (new.length != keep.length).then_some(new.length);
        let times = (new.atime != keep.atime && new.atime != now.atime)
            || (new.mtime != keep.mtime && new.mtime != now.mtime);
        self.change(tree, fid, length, times)?;
        to.send(&Reply::Wstat)
    }

    /// setattr (.L).
    pub(crate) fn setattr(
        &mut self,
        tree: &mut T,
        to: Answering<'_>,
        fid: Fid,
        attr: SetAttr,
    ) -> Result<Answer, Error> {
        const TIMES: u32 = setattr::ATIME
            | setattr::MTIME
            | setattr::CTIME
            | setattr::ATIME_SET
            | setattr::MTIME_SET;
        const OWNERSHIP: u32 = setattr::MODE | setattr::UID | setattr::GID;
        self.fids.find(fid)?;
        if attr.valid & !(TIMES | OWNERSHIP | setattr::SIZE) != 0 {
            return Err(Error::Invalid);
        }
        if attr.valid & OWNERSHIP != 0 {
            return Err(Error::Refused);
        }
        let length = (attr.valid & setattr::SIZE != 0).then_some(attr.size);
        self.change(tree, fid, length, attr.valid & TIMES != 0)?;
        to.send(&Reply::Setattr)
    }

    /// Changes the length; times are taken and not kept, where the session may change them.
    fn change(
        &mut self,
        tree: &mut T,
        fid: Fid,
        length: Option<u64>,
        times: bool,
    ) -> Result<(), Error> {
        let slot = self.fids.get(fid)?;
        match length {
            // A directory's length is 0.
            Some(1..) if slot.qid.is_directory() => return Err(Error::IsDirectory),
            None if !times => return Ok(()),
            _ => tree.allow(slot.session, slot.node, Access::SetLength)?,
        }
        match length {
            Some(length) if !slot.qid.is_directory() => {
                tree.set_length(slot.session, slot.node, length)
            }
            _ => Ok(()),
        }
    }

    /// statfs (.L).
    pub(crate) fn statfs(
        &mut self,
        tree: &mut T,
        to: Answering<'_>,
        fid: Fid,
    ) -> Result<Answer, Error> {
        let slot = self.fids.get(fid)?;
        tree.allow(slot.session, slot.node, Access::Stat)?;
        let statfs = tree.statfs(slot.session);
        to.send(&Reply::Statfs { statfs })
    }
}

/// Writes a stat to the front of `out`; `None` where it does not fit.
pub(crate) fn put_stat(stat: &Stat, out: &mut [u8]) -> Option<usize> {
    plan9(stat).record(out).ok().map(|record| record.as_bytes().len())
}

/// As 9P2000 has it.
fn plan9(stat: &Stat) -> Record<'_> {
    let seconds = u32::try_from(stat.modified.as_secs()).unwrap_or(u32::MAX);
    let directory = stat.qid.is_directory();
    Record {
        kind: 0,
        dev: 0,
        qid: stat.qid,
        // The kind is the mode's top byte: stat(5).
        mode: (u32::from(stat.qid.kind) << 24 & (mode::DIRECTORY | mode::APPEND))
            | u32::from(stat.permissions & 0o777),
        atime: seconds,
        mtime: seconds,
        length: if directory { 0 } else { stat.length },
        name: &stat.name,
        uid: OWNER,
        gid: OWNER,
        muid: OWNER,
    }
}

/// As 9P2000.L has it.
fn linux(stat: &Stat) -> Attr {
    let directory = stat.qid.is_directory();
    let size = if directory { 0 } else { stat.length };
    let seconds = stat.modified.as_secs();
    let nanoseconds = u64::from(stat.modified.subsec_nanos());
    Attr {
        valid: getattr::BASIC,
        qid: stat.qid,
        mode: u32::from(stat.permissions & 0o777) | if directory { DIRECTORY } else { REGULAR },
        nlink: 1,
        size,
        blksize: 4096,
        blocks: size.div_ceil(BLOCK),
        atime_sec: seconds,
        atime_nsec: nanoseconds,
        mtime_sec: seconds,
        mtime_nsec: nanoseconds,
        ctime_sec: seconds,
        ctime_nsec: nanoseconds,
        ..Attr::default()
    }
}
