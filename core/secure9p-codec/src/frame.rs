//! Frames: the header that every message has, where one ends, and what can be wrong with it.

use core::fmt;

use crate::field::{Field, Writer};
use crate::ids::{Qid, Tag};
use crate::name::MAX_WALK;

/// Bytes of `size[4] type[1] tag[2]`.
pub const HEADER: usize = 7;
/// Bytes before the data of `Rread` and `Rreaddir`.
pub const READ_HEADER: usize = HEADER + 4;
/// Bytes before the data of `Twrite`.
pub const WRITE_HEADER: usize = HEADER + 4 + 8 + 4;
/// Bytes before the qids of `Rwalk`.
const WALK_HEADER: usize = HEADER + 2;

/// The front of every message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Which message, a number of the tables.
    pub kind: u8,
    /// The request that it belongs to.
    pub tag: Tag,
}

/// The peer's framing is broken: nothing that follows can be told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameError {
    /// A frame says that it is shorter than its header.
    Short,
    /// A frame says that it is longer than the limit.
    Long,
    /// A frame says another size than it has.
    Size,
}

/// A frame is no message of the dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// The header itself.
    Frame(FrameError),
    /// No such message in this direction and dialect.
    Type(u8),
    /// A field runs past the end.
    Truncated,
    /// Bytes are left over.
    Trailing,
    /// A string is not UTF-8, or has a NUL.
    Text,
    /// A file name is empty or has a `/`.
    Name,
    /// A count is above its limit, or disagrees with the bytes that it counts.
    Count,
    /// The lengths around and inside a stat disagree.
    Stat,
}

/// A message cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EncodeError {
    /// The slice is too short.
    Space,
    /// The dialect has no such message.
    Type,
    /// A string is longer than 65535 bytes, or has a NUL.
    Text,
    /// More than a message may have.
    Count,
}

impl fmt::Display for FrameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Short => "frame shorter than its header",
            Self::Long => "frame longer than the limit",
            Self::Size => "frame of another size than it says",
        })
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(error) => error.fmt(f),
            Self::Type(kind) => write!(f, "unexpected message type {kind}"),
            Self::Truncated => f.write_str("field past the end of its message"),
            Self::Trailing => f.write_str("bytes behind the last field"),
            Self::Text => f.write_str("string with a NUL or not UTF-8"),
            Self::Name => f.write_str("file name empty or with a slash"),
            Self::Count => f.write_str("count above its limit or unlike its bytes"),
            Self::Stat => f.write_str("lengths of a stat disagree"),
        }
    }
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Space => "no space for the message",
            Self::Type => "no message of this dialect",
            Self::Text => "string too long or with a NUL",
            Self::Count => "more than a message may have",
        })
    }
}

impl core::error::Error for FrameError {}
impl core::error::Error for DecodeError {}
impl core::error::Error for EncodeError {}

impl From<FrameError> for DecodeError {
    fn from(error: FrameError) -> Self {
        Self::Frame(error)
    }
}

/// The length of the frame at the front of `stream`, in bytes; `None` where its first four bytes
/// are not there yet. A transport asks this before it has the whole frame, so that a size out of
/// `HEADER..=limit` is found at once.
///
/// # Errors
/// Where that size is impossible: the connection cannot go on.
#[inline]
pub fn frame_length(stream: &[u8], limit: u32) -> Result<Option<usize>, FrameError> {
    let Some(size) = stream.first_chunk() else { return Ok(None) };
    let size = u32::from_le_bytes(*size);
    if size > limit {
        return Err(FrameError::Long);
    }
    match usize::try_from(size) {
        Ok(size) if size >= HEADER => Ok(Some(size)),
        Ok(_) => Err(FrameError::Short),
        Err(_) => Err(FrameError::Long),
    }
}

/// The header of a whole frame, and the body behind it.
///
/// # Errors
/// Where the frame is shorter than a header, or not as long as it says.
#[inline]
pub fn header(frame: &[u8]) -> Result<(Header, &[u8]), FrameError> {
    let (head, body) = frame.split_first_chunk::<HEADER>().ok_or(FrameError::Short)?;
    let [s0, s1, s2, s3, kind, t0, t1] = *head;
    let size = u32::from_le_bytes([s0, s1, s2, s3]);
    if usize::try_from(size) != Ok(frame.len()) {
        return Err(FrameError::Size);
    }
    Ok((Header { kind, tag: Tag(u16::from_le_bytes([t0, t1])) }, body))
}

/// Writes the header of a message of `length` bytes that lies in `out`.
#[inline]
pub(crate) fn seal(
    kind: u8,
    tag: Tag,
    length: usize,
    out: &mut [u8],
) -> Result<usize, EncodeError> {
    let size = u32::try_from(length).map_err(|_| EncodeError::Space)?;
    let [s0, s1, s2, s3] = size.to_le_bytes();
    let [t0, t1] = tag.0.to_le_bytes();
    let head = out.first_chunk_mut::<HEADER>().ok_or(EncodeError::Space)?;
    *head = [s0, s1, s2, s3, kind, t0, t1];
    Ok(length)
}

#[inline]
fn seal_data(kind: u8, tag: Tag, count: usize, out: &mut [u8]) -> Result<usize, EncodeError> {
    let length = READ_HEADER.checked_add(count).filter(|length| *length <= out.len());
    let length = length.ok_or(EncodeError::Space)?;
    let count = u32::try_from(count).map_err(|_| EncodeError::Space)?;
    count.put(&mut Writer::of(crate::Dialect::Plan9, out, HEADER))?;
    seal(kind, tag, length, out)
}

/// Makes an `Rread` of `count` bytes that already lie in `out` from [`READ_HEADER`] on, and
/// returns its length: data is read to where it is sent from.
///
/// # Errors
/// Where `out` is shorter than that.
#[inline]
pub fn seal_read(tag: Tag, count: usize, out: &mut [u8]) -> Result<usize, EncodeError> {
    seal_data(crate::reply::READ, tag, count, out)
}

/// The same for `Rreaddir`.
///
/// # Errors
/// Where `out` is shorter than that.
pub fn seal_readdir(tag: Tag, count: usize, out: &mut [u8]) -> Result<usize, EncodeError> {
    seal_data(crate::reply::READDIR, tag, count, out)
}

/// An `Rwalk` that grows qid by qid in the slice that it is sent from.
#[derive(Debug)]
pub struct WalkReply<'a> {
    out: &'a mut [u8],
    count: u16,
}

impl<'a> WalkReply<'a> {
    /// Starts an `Rwalk` without a qid at the front of `out`.
    #[must_use]
    #[inline]
    pub fn new(out: &'a mut [u8]) -> Self {
        Self { out, count: 0 }
    }

    /// Qids so far.
    #[must_use]
    #[inline]
    pub fn count(&self) -> usize {
        usize::from(self.count)
    }

    #[inline]
    fn length(&self) -> usize {
        WALK_HEADER + self.count() * Qid::LENGTH
    }

    /// Adds a qid.
    ///
    /// # Errors
    /// Where there are [`MAX_WALK`] already, or the slice is full.
    #[inline]
    pub fn push(&mut self, qid: Qid) -> Result<(), EncodeError> {
        if self.count() == MAX_WALK {
            return Err(EncodeError::Count);
        }
        let at = self.length();
        qid.put(&mut Writer::of(crate::Dialect::Plan9, self.out, at))?;
        self.count += 1;
        Ok(())
    }

    /// Finishes the message and returns its length.
    ///
    /// # Errors
    /// Where the slice is shorter than the header.
    #[inline]
    pub fn seal(self, tag: Tag) -> Result<usize, EncodeError> {
        self.count.put(&mut Writer::of(crate::Dialect::Plan9, self.out, HEADER))?;
        let length = self.length();
        seal(crate::reply::WALK, tag, length, self.out)
    }
}
