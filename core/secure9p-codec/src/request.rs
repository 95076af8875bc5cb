//! Requests: every message that a client sends.

use crate::attr::SetAttr;
use crate::field::{Field, Reader, Writer};
use crate::frame::{DecodeError, EncodeError};
use crate::ids::{Dialect, Fid, Tag, UserId};
use crate::message::messages;
use crate::name::{Name, Names};
use crate::stat::StatRecord;

/// The request in `frame`, which is one whole message.
///
/// # Errors
/// Where it is none of `dialect`'s requests; [`crate::header`] still tells its tag unless the
/// frame itself is broken.
#[inline]
pub fn decode_request(dialect: Dialect, frame: &[u8]) -> Result<(Tag, Request<'_>), DecodeError> {
    Request::decode(dialect, frame)
}

/// Writes `request` to the front of `out` and returns its length in bytes.
///
/// # Errors
/// Where `out` is too short or the dialect has no such request.
#[inline]
pub fn encode_request(
    dialect: Dialect,
    tag: Tag,
    request: &Request<'_>,
    out: &mut [u8],
) -> Result<usize, EncodeError> {
    request.encode(dialect, tag, out)
}

/// `datasync[4]` of `Tfsync`: 1 leaves the metadata out. Old clients leave the field out, which
/// reads as 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datasync(pub u32);

impl<'a> Field<'a> for Datasync {
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        if reader.rest().is_empty() { Ok(Self(0)) } else { u32::take(reader).map(Self) }
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        self.0.put(writer)
    }
}

messages! {
/// A T-message. A name `x(5)` is the page of the Plan 9 manual, `x (.L)` the section of diod's
/// protocol document.
Request<'a>, table REQUESTS;

/// version(5): sets the protocol and the largest message; ends whatever was before.
both 100 Version {
    /// The largest message that the client takes, in bytes.
    msize: u32,
    /// The protocol that it wants.
    version: &'a str,
},
/// attach(5): starts an authentication over `afid`.
both 102 Auth {
    /// The file to authenticate over.
    afid: Fid,
    /// Who.
    uname: &'a str,
    /// Which tree.
    aname: &'a str,
    /// Who, as a number (.L only).
    n_uname: UserId,
},
/// attach(5): makes `fid` the root of the tree `aname` for `uname`.
both 104 Attach {
    /// The new fid.
    fid: Fid,
    /// The authenticated file, or [`Fid::NONE`].
    afid: Fid,
    /// Who.
    uname: &'a str,
    /// Which tree.
    aname: &'a str,
    /// Who, as a number (.L only).
    n_uname: UserId,
},
/// flush(5): the answer to `oldtag` is no longer wanted.
both 108 Flush {
    /// The request to give up.
    oldtag: Tag,
},
/// walk(5): makes `newfid` what `names` lead to from `fid`.
both 110 Walk {
    /// Where from.
    fid: Fid,
    /// The new fid; may be `fid`.
    newfid: Fid,
    /// The path, at most 16 names; none makes a second fid of the same file.
    names: Names<'a>,
},
/// open(5): prepares `fid` for reading or writing.
plan9 112 Open {
    /// The file.
    fid: Fid,
    /// `OREAD` 0, `OWRITE` 1, `ORDWR` 2, `OEXEC` 3, with `OTRUNC` 16 and `ORCLOSE` 64.
    mode: u8,
},
/// open(5): makes a file in the directory `fid`, which then is the new file, open.
plan9 114 Create {
    /// The directory.
    fid: Fid,
    /// The new file's name.
    name: Name<'a>,
    /// Its mode, with `DMDIR` and so on.
    perm: u32,
    /// How it is opened.
    mode: u8,
},
/// read(5): asks for bytes; in 9P2000 from a directory for whole stats.
both 116 Read {
    /// The open file.
    fid: Fid,
    /// Where, in bytes from its start.
    offset: u64,
    /// Most bytes wanted.
    count: u32,
},
/// read(5): gives bytes.
both 118 Write {
    /// The open file.
    fid: Fid,
    /// Where, in bytes from its start; not heeded by append-only files.
    offset: u64,
    /// The bytes.
    data: &'a [u8],
},
/// clunk(5): gives `fid` up.
both 120 Clunk {
    /// The fid, unknown afterwards even where the answer is an error.
    fid: Fid,
},
/// remove(5): removes the file and gives `fid` up.
both 122 Remove {
    /// The fid, unknown afterwards even where the answer is an error.
    fid: Fid,
},
/// stat(5): asks what the file is.
plan9 124 Stat {
    /// The file.
    fid: Fid,
},
/// stat(5): changes what the file is.
plan9 126 Wstat {
    /// The file.
    fid: Fid,
    /// The new values; all-ones and "" leave one as it is.
    stat: StatRecord<'a>,
},

/// statfs (.L): asks about the file system.
linux 8 Statfs {
    /// Any file.
    fid: Fid,
},
/// lopen (.L): prepares `fid` for reading or writing.
linux 12 Lopen {
    /// The file.
    fid: Fid,
    /// Flags of Linux's open(2).
    flags: u32,
},
/// lcreate (.L): makes a file in the directory `fid`, which then is the new file, open.
linux 14 Lcreate {
    /// The directory.
    fid: Fid,
    /// The new file's name.
    name: Name<'a>,
    /// Flags of Linux's open(2).
    flags: u32,
    /// Its permissions, of creat(2).
    mode: u32,
    /// Its group.
    gid: u32,
},
/// symlink (.L): makes a symbolic link in the directory `fid`.
linux 16 Symlink {
    /// The directory.
    fid: Fid,
    /// The link's name.
    name: Name<'a>,
    /// Where it leads.
    target: &'a str,
    /// Its group.
    gid: u32,
},
/// mknod (.L): makes a device node.
linux 18 Mknod {
    /// The directory.
    dfid: Fid,
    /// The node's name.
    name: Name<'a>,
    /// Its type and permissions, of mknod(2).
    mode: u32,
    /// Major number.
    major: u32,
    /// Minor number.
    minor: u32,
    /// Its group.
    gid: u32,
},
/// rename (.L): moves `fid` to `name` in the directory `dfid`.
linux 20 Rename {
    /// The file.
    fid: Fid,
    /// The directory that it moves to.
    dfid: Fid,
    /// Its new name.
    name: Name<'a>,
},
/// readlink (.L): asks where a symbolic link leads.
linux 22 Readlink {
    /// The link.
    fid: Fid,
},
/// getattr (.L): asks what the file is.
linux 24 Getattr {
    /// The file.
    fid: Fid,
    /// What is wanted: bits of [`crate::getattr`].
    request_mask: u64,
},
/// setattr (.L): changes what the file is.
linux 26 Setattr {
    /// The file.
    fid: Fid,
    /// The new values.
    attr: SetAttr,
},
/// xattrwalk (.L): makes `newfid` an extended attribute of `fid`, or their list.
linux 30 Xattrwalk {
    /// The file.
    fid: Fid,
    /// The new fid.
    newfid: Fid,
    /// Which attribute; "" for the list.
    name: &'a str,
},
/// xattrcreate (.L): prepares `fid` for writing an extended attribute.
linux 32 Xattrcreate {
    /// The file.
    fid: Fid,
    /// Which attribute.
    name: &'a str,
    /// Its size, in bytes.
    attr_size: u64,
    /// Flags of Linux's setxattr(2).
    flags: u32,
},
/// readdir (.L): asks for entries of a directory.
linux 40 Readdir {
    /// The open directory.
    fid: Fid,
    /// 0, or the offset that the last entry named.
    offset: u64,
    /// Most bytes wanted.
    count: u32,
},
/// fsync (.L): asks that what was written is safe.
linux 50 Fsync {
    /// The open file.
    fid: Fid,
    /// Whether the data alone will do.
    datasync: Datasync,
},
/// lock (.L): takes or gives up a record lock.
linux 52 Lock {
    /// The open file.
    fid: Fid,
    /// Read lock 0, write lock 1, unlock 2.
    kind: u8,
    /// 1: wait for it.
    flags: u32,
    /// First byte.
    start: u64,
    /// Bytes; 0 for all.
    length: u64,
    /// The process that asks.
    proc_id: u32,
    /// The machine that asks.
    client_id: &'a str,
},
/// getlock (.L): asks who holds a lock.
linux 54 Getlock {
    /// The open file.
    fid: Fid,
    /// Read lock 0, write lock 1, unlock 2.
    kind: u8,
    /// First byte.
    start: u64,
    /// Bytes; 0 for all.
    length: u64,
    /// The process that asks.
    proc_id: u32,
    /// The machine that asks.
    client_id: &'a str,
},
/// link (.L): makes a second name in the directory `dfid` for `fid`.
linux 70 Link {
    /// The directory.
    dfid: Fid,
    /// The file.
    fid: Fid,
    /// Its second name.
    name: Name<'a>,
},
/// mkdir (.L): makes a directory.
linux 72 Mkdir {
    /// The directory that it is made in.
    dfid: Fid,
    /// Its name.
    name: Name<'a>,
    /// Its permissions, of mkdir(2).
    mode: u32,
    /// Its group.
    gid: u32,
},
/// renameat (.L): moves a file from one directory to another.
linux 74 Renameat {
    /// The directory that it is in.
    olddirfid: Fid,
    /// Its name there.
    oldname: Name<'a>,
    /// The directory that it moves to.
    newdirfid: Fid,
    /// Its name there.
    newname: Name<'a>,
},
/// unlinkat (.L): removes a name from a directory.
linux 76 Unlinkat {
    /// The directory.
    dirfid: Fid,
    /// The name.
    name: Name<'a>,
    /// Flags of Linux's unlinkat(2): 0x200 removes a directory.
    flags: u32,
},
}
