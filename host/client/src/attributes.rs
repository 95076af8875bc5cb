//! What a file is.

use secure9p_codec::{Attr, Qid};

/// File type bits of Linux's stat(2).
const TYPE: u32 = 0o170_000;
/// A directory's.
const DIRECTORY: u32 = 0o040_000;

/// Whether a file has files in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It has.
    Directory,
    /// It is read and written.
    File,
}

impl Kind {
    /// What a qid says.
    #[must_use]
    pub const fn of(qid: Qid) -> Self {
        if qid.is_directory() { Self::Directory } else { Self::File }
    }
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// Its identity.
    pub qid: Qid,
    /// Directory or file.
    pub kind: Kind,
    /// Permission bits.
    pub permissions: u32,
    /// Length, in bytes.
    pub size: u64,
    /// Last change, in seconds since 1970 (since the system's start where it has no clock).
    pub modified: u64,
}

impl From<Attr> for Attributes {
    fn from(attr: Attr) -> Self {
        let directory = attr.mode & TYPE == DIRECTORY;
        Self {
            qid: attr.qid,
            kind: if directory { Kind::Directory } else { Kind::File },
            permissions: attr.mode & 0o7777,
            size: attr.size,
            modified: attr.mtime_sec,
        }
    }
}
