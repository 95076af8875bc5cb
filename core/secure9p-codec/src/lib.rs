//! Messages of 9P2000 and 9P2000.L between bytes and types.
//!
//! One table holds every message of both dialects ([`Request`], [`Reply`]); decoding and
//! encoding are generated from it, so they cannot disagree. Sources: sections 5 of the Plan 9
//! manual (<http://man.cat-v.org/plan_9/5/intro>) for 9P2000, and diod's protocol document
//! (<https://github.com/chaos/diod/blob/master/protocol.md>) with Linux's `net/9p/client.c` for
//! 9P2000.L. Integers are little-endian; a string is its length in two bytes, then UTF-8.
//!
//! Invariants: a decoded message borrows from its frame and nothing of it lies outside; every
//! length was checked, every string is UTF-8 without NUL, every file name is not empty and has no
//! `/`; a message of the other dialect is refused, and so is a byte too many or too few. Nothing
//! allocates and nothing panics, whatever the bytes.
//!
//! Deliberately absent: state (fids, tags, the negotiated size: `secure9p-core`), 9P2000.u (its
//! clients accept the answer `9P2000`), and judging names: `.` and `..` decode.
//!
//! ```
//! use secure9p_codec::{Dialect, Fid, Request, Tag, decode_request, encode_request};
//! let mut frame = [0; 32];
//! let clunk = Request::Clunk { fid: Fid(3) };
//! let length = encode_request(Dialect::Linux, Tag(1), &clunk, &mut frame).unwrap();
//! assert_eq!(length, 11);
//! assert_eq!(decode_request(Dialect::Linux, &frame[..length]).unwrap(), (Tag(1), clunk));
//! ```
#![no_std]
#![forbid(unsafe_code)]

mod attr;
mod dirent;
mod field;
mod frame;
mod ids;
mod message;
mod name;
mod reply;
mod request;
mod stat;

pub use attr::{ATTR_LENGTH, Attr, AttrRecord, SetAttr, Statfs, getattr, setattr};
pub use dirent::{Dirent, Dirents, dirent_length, put_dirent};
pub use frame::{
    DecodeError, EncodeError, FrameError, HEADER, Header, READ_HEADER, WRITE_HEADER, WalkReply,
    frame_length, header, seal_read, seal_readdir,
};
pub use ids::{Dialect, Fid, Qid, Qids, Tag, UserId};
pub use message::Message;
pub use name::{MAX_WALK, Name, Names};
pub use reply::{REPLIES, Reply, decode_reply, encode_reply};
pub use request::{Datasync, REQUESTS, Request, decode_request, encode_request};
pub use stat::{Stat, StatRecord, Stats, mode};

/// Largest frame in bytes that this codec's users negotiate.
pub const MAX_MSIZE: u32 = 8192;
/// What `iounit` and `msize` differ by: the largest header of a message with data, rounded up by
/// tradition (`IOHDRSZ` of Plan 9's fcall(2), `P9_IOHDRSZ` of Linux), in bytes.
pub const IO_HEADER: u32 = 24;
