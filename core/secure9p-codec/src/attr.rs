//! 9P2000.L's attributes of a file and of the file system.

use crate::field::{Field, Reader, Writer, record};
use crate::frame::{DecodeError, EncodeError};
use crate::ids::{Dialect, Qid};

/// Bits of `request_mask` and of [`Attr::valid`]: getattr (.L).
pub mod getattr {
    /// Every field of Linux's stat(2): all that a client asks for.
    pub const BASIC: u64 = 0x7ff;
    /// Those and `btime`, `gen`, `data_version`.
    pub const ALL: u64 = 0x3fff;
}

/// Bits of [`SetAttr::valid`]: setattr (.L).
pub mod setattr {
    /// Permissions.
    pub const MODE: u32 = 0x1;
    /// Owner.
    pub const UID: u32 = 0x2;
    /// Group.
    pub const GID: u32 = 0x4;
    /// Length.
    pub const SIZE: u32 = 0x8;
    /// Time of last access.
    pub const ATIME: u32 = 0x10;
    /// Time of last change.
    pub const MTIME: u32 = 0x20;
    /// Time of last change of the attributes.
    pub const CTIME: u32 = 0x40;
    /// `atime` is in the message; else it is now.
    pub const ATIME_SET: u32 = 0x80;
    /// `mtime` is in the message; else it is now.
    pub const MTIME_SET: u32 = 0x100;
}

record! {
/// What a file is: getattr (.L). Times are seconds and nanoseconds since 1970.
#[derive(Default)]
Attr {
    /// Which fields count: bits of [`getattr`].
    valid: u64,
    /// The file.
    qid: Qid,
    /// Type and permissions as in Linux's stat(2).
    mode: u32,
    /// Owner.
    uid: u32,
    /// Group.
    gid: u32,
    /// Names that it has.
    nlink: u64,
    /// Device that it is.
    rdev: u64,
    /// Length, in bytes.
    size: u64,
    /// Best size of a read or write, in bytes.
    blksize: u64,
    /// Units of 512 bytes that it takes.
    blocks: u64,
    /// Last access.
    atime_sec: u64,
    /// Its nanoseconds.
    atime_nsec: u64,
    /// Last change.
    mtime_sec: u64,
    /// Its nanoseconds.
    mtime_nsec: u64,
    /// Last change of the attributes.
    ctime_sec: u64,
    /// Its nanoseconds.
    ctime_nsec: u64,
    /// Creation; reserved.
    btime_sec: u64,
    /// Its nanoseconds.
    btime_nsec: u64,
    /// Reserved.
    generation: u64,
    /// Reserved.
    data_version: u64,
}
}

record! {
/// New attributes of a file: setattr (.L).
#[derive(Default)]
SetAttr {
    /// Which fields count: bits of [`setattr`].
    valid: u32,
    /// Permissions.
    mode: u32,
    /// Owner.
    uid: u32,
    /// Group.
    gid: u32,
    /// Length, in bytes.
    size: u64,
    /// Last access.
    atime_sec: u64,
    /// Its nanoseconds.
    atime_nsec: u64,
    /// Last change.
    mtime_sec: u64,
    /// Its nanoseconds.
    mtime_nsec: u64,
}
}

record! {
/// The file system, as Linux's statfs(2) has it: statfs (.L).
#[derive(Default)]
Statfs {
    /// Which kind.
    kind: u32,
    /// Bytes of a block.
    bsize: u32,
    /// Blocks.
    blocks: u64,
    /// Blocks free.
    bfree: u64,
    /// Blocks free to others than root.
    bavail: u64,
    /// Files.
    files: u64,
    /// Files that can still be made.
    ffree: u64,
    /// Identity.
    fsid: u64,
    /// Longest name, in bytes.
    namelen: u32,
}
}

/// Bytes of an [`Attr`] in a message.
pub const ATTR_LENGTH: usize = 153;

/// An [`Attr`] as it travels: the message that carries it stays small.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttrRecord<'a>(&'a [u8; ATTR_LENGTH]);

impl Attr {
    /// Puts it into `into` as it travels.
    ///
    /// # Errors
    /// Never, for it fits; the writing itself can only fail for want of space.
    pub fn record(self, into: &mut [u8; ATTR_LENGTH]) -> Result<AttrRecord<'_>, EncodeError> {
        self.put(&mut Writer::new(into))?;
        Ok(AttrRecord(into))
    }
}

impl AttrRecord<'_> {
    /// The attributes.
    ///
    /// # Errors
    /// Never, for they were taken whole; the reading itself can only fail for want of bytes.
    pub fn attr(self) -> Result<Attr, DecodeError> {
        Attr::take(&mut Reader::new(Dialect::Linux, self.0))
    }
}

impl<'a> Field<'a> for AttrRecord<'a> {
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.array().map(Self)
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        writer.bytes(self.0)
    }
}
