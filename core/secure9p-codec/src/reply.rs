//! Replies: every message that a server sends.

use crate::attr::{AttrRecord, Statfs};
use crate::frame::{DecodeError, EncodeError};
use crate::ids::{Dialect, Qid, Qids, Tag};
use crate::message::messages;
use crate::stat::StatRecord;

/// Type of `Rwalk`.
pub(crate) const WALK: u8 = 111;
/// Type of `Rread`.
pub(crate) const READ: u8 = 117;
/// Type of `Rreaddir`.
pub(crate) const READDIR: u8 = 41;

/// The reply in `frame`, which is one whole message.
///
/// # Errors
/// Where it is none of `dialect`'s replies.
#[inline]
pub fn decode_reply(dialect: Dialect, frame: &[u8]) -> Result<(Tag, Reply<'_>), DecodeError> {
    Reply::decode(dialect, frame)
}

/// Writes `reply` to the front of `out` and returns its length in bytes.
///
/// # Errors
/// Where `out` is too short or the dialect has no such reply.
#[inline]
pub fn encode_reply(
    dialect: Dialect,
    tag: Tag,
    reply: &Reply<'_>,
    out: &mut [u8],
) -> Result<usize, EncodeError> {
    reply.encode(dialect, tag, out)
}

messages! {
/// An R-message; each stands on the page of its request.
Reply<'a>, table REPLIES;

/// version(5): what both sides keep to from here on.
both 101 Version {
    /// The largest message, in bytes; not above the client's.
    msize: u32,
    /// The protocol, or `unknown`.
    version: &'a str,
},
/// attach(5): authentication goes on over the afid.
both 103 Auth {
    /// The file to authenticate over.
    aqid: Qid,
},
/// attach(5): attached.
both 105 Attach {
    /// The root.
    qid: Qid,
},
/// error(5): the request failed. (`Terror` does not exist.)
plan9 107 Error {
    /// Why.
    ename: &'a str,
},
/// flush(5): the flushed request will not be answered any more.
both 109 Flush,
/// walk(5): how far the walk came.
both 111 Walk {
    /// One for each name walked; fewer than asked for where one was not there.
    qids: Qids<'a>,
},
/// open(5): open.
plan9 113 Open {
    /// The file.
    qid: Qid,
    /// Most bytes of one read or write, 0 where not said.
    iounit: u32,
},
/// open(5): made and open.
plan9 115 Create {
    /// The new file.
    qid: Qid,
    /// Most bytes of one read or write, 0 where not said.
    iounit: u32,
},
/// read(5): bytes; none at the end.
both 117 Read {
    /// The bytes; in 9P2000 of a directory whole stats ([`crate::Stats`]).
    data: &'a [u8],
},
/// read(5): written.
both 119 Write {
    /// How many bytes.
    count: u32,
},
/// clunk(5): given up.
both 121 Clunk,
/// remove(5): removed.
both 123 Remove,
/// stat(5): what the file is.
plan9 125 Stat {
    /// That.
    stat: StatRecord<'a>,
},
/// stat(5): changed.
plan9 127 Wstat,

/// lerror (.L): the request failed. (`Tlerror` does not exist.)
linux 7 Lerror {
    /// Why: Linux's errno.
    ecode: u32,
},
/// statfs (.L): the file system.
linux 9 Statfs {
    /// That.
    statfs: Statfs,
},
/// lopen (.L): open.
linux 13 Lopen {
    /// The file.
    qid: Qid,
    /// Most bytes of one read or write, 0 where not said.
    iounit: u32,
},
/// lcreate (.L): made and open.
linux 15 Lcreate {
    /// The new file.
    qid: Qid,
    /// Most bytes of one read or write, 0 where not said.
    iounit: u32,
},
/// symlink (.L): made.
linux 17 Symlink {
    /// The link.
    qid: Qid,
},
/// mknod (.L): made.
linux 19 Mknod {
    /// The node.
    qid: Qid,
},
/// rename (.L): moved.
linux 21 Rename,
/// readlink (.L): where the link leads.
linux 23 Readlink {
    /// That.
    target: &'a str,
},
/// getattr (.L): what the file is.
linux 25 Getattr {
    /// That.
    attr: AttrRecord<'a>,
},
/// setattr (.L): changed.
linux 27 Setattr,
/// xattrwalk (.L): `newfid` can be read.
linux 31 Xattrwalk {
    /// Bytes of the attribute or of the list.
    size: u64,
},
/// xattrcreate (.L): `fid` can be written.
linux 33 Xattrcreate,
/// readdir (.L): entries; none at the end.
linux 41 Readdir {
    /// Whole entries ([`crate::Dirents`]).
    data: &'a [u8],
},
/// fsync (.L): safe.
linux 51 Fsync,
/// lock (.L): how it went.
linux 53 Lock {
    /// Done 0, blocked 1, error 2, grace period 3.
    status: u8,
},
/// getlock (.L): who holds the lock.
linux 55 Getlock {
    /// Read lock 0, write lock 1, unlock 2: nobody.
    kind: u8,
    /// First byte.
    start: u64,
    /// Bytes; 0 for all.
    length: u64,
    /// The process that holds it.
    proc_id: u32,
    /// The machine that holds it.
    client_id: &'a str,
},
/// link (.L): made.
linux 71 Link,
/// mkdir (.L): made.
linux 73 Mkdir {
    /// The directory.
    qid: Qid,
},
/// renameat (.L): moved.
linux 75 Renameat,
/// unlinkat (.L): removed.
linux 77 Unlinkat,
}
