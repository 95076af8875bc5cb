//! The small values that messages are made of: dialects, tags, fids, qids.

use crate::field::{Field, Reader, Writer};
use crate::frame::{DecodeError, EncodeError};
use crate::name::MAX_WALK;

/// Which protocol a connection speaks, as version(5) settled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// `9P2000`: Plan 9's; errors are strings.
    Plan9,
    /// `9P2000.L`: Linux's; errors are its errno.
    Linux,
}

impl Dialect {
    /// The version string that stands for it in `Rversion`.
    #[must_use]
    pub const fn version(self) -> &'static str {
        match self {
            Self::Plan9 => "9P2000",
            Self::Linux => "9P2000.L",
        }
    }

    /// The dialect that answers a client's version string: `9P2000.L` and `9P2000.L.*` are
    /// Linux's, any other `9P2000` and `9P2000.*` is Plan 9's, for version(5) lets a server drop
    /// a suffix that it does not know. Everything else is unknown.
    #[must_use]
    pub fn of_version(version: &str) -> Option<Self> {
        let suffix = version.strip_prefix("9P2000")?;
        match suffix.strip_prefix(".L") {
            Some(rest) if rest.is_empty() || rest.starts_with('.') => Some(Self::Linux),
            _ if suffix.is_empty() || suffix.starts_with('.') => Some(Self::Plan9),
            _ => None,
        }
    }
}

/// Names a request until it is answered; the client chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tag(pub u16);

impl Tag {
    /// What version(5) asks for in `Tversion` and forbids elsewhere.
    pub const NONE: Self = Self(u16::MAX);
}

/// Names a file on one connection; the client chooses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fid(pub u32);

impl Fid {
    /// No fid: `afid` of an attach without authentication.
    pub const NONE: Self = Self(u32::MAX);
}

/// The numeric user of `Tauth` and `Tattach`; travels in 9P2000.L only and is [`UserId::NONE`]
/// in 9P2000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UserId(pub u32);

impl UserId {
    /// No number: the name counts.
    pub const NONE: Self = Self(u32::MAX);
}

/// A file's identity as the server sees it: intro(5), "Each file has a unique qid".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Qid {
    /// Bits of [`Qid::DIRECTORY`] and so on: the top byte of stat(5)'s mode.
    pub kind: u8,
    /// Changes when the file changes.
    pub version: u32,
    /// No other file of the server has this number, ever.
    pub path: u64,
}

impl Qid {
    /// Bytes of a qid in a message.
    pub const LENGTH: usize = 13;
    /// `QTDIR`.
    pub const DIRECTORY: u8 = 0x80;
    /// `QTAPPEND`: writes go to the end.
    pub const APPEND: u8 = 0x40;
    /// A plain file.
    pub const FILE: u8 = 0;

    /// Whether [`Qid::DIRECTORY`] is set.
    #[must_use]
    pub const fn is_directory(self) -> bool {
        self.kind & Self::DIRECTORY != 0
    }
}

/// The qids of an `Rwalk`, one for each name walked; at most [`MAX_WALK`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Qids<'a> {
    /// Whole qids.
    bytes: &'a [u8],
}

impl<'a> Qids<'a> {
    /// Puts `qids` into `into` as they travel.
    ///
    /// # Errors
    /// Where they are more than [`MAX_WALK`], or `into` is shorter than them.
    pub fn pack(qids: &[Qid], into: &'a mut [u8]) -> Result<Self, EncodeError> {
        if qids.len() > MAX_WALK {
            return Err(EncodeError::Count);
        }
        let mut writer = Writer::new(into);
        for qid in qids {
            qid.put(&mut writer)?;
        }
        let length = writer.written();
        Ok(Self { bytes: into.get(..length).ok_or(EncodeError::Space)? })
    }

    /// How many.
    #[must_use]
    pub const fn len(self) -> usize {
        self.bytes.len() / Qid::LENGTH
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.bytes.is_empty()
    }
}

impl Iterator for Qids<'_> {
    type Item = Qid;

    fn next(&mut self) -> Option<Qid> {
        let mut reader = Reader::new(Dialect::Plan9, self.bytes);
        let qid = Qid::take(&mut reader).ok()?;
        self.bytes = reader.rest();
        Some(qid)
    }
}

impl<'a> Field<'a> for Qids<'a> {
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let count = usize::from(u16::take(reader)?);
        if count > MAX_WALK {
            return Err(DecodeError::Count);
        }
        Ok(Self { bytes: reader.bytes(count * Qid::LENGTH)? })
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        let count = u16::try_from(self.len()).map_err(|_| EncodeError::Count)?;
        count.put(writer)?;
        writer.bytes(self.bytes)
    }
}

impl<'a> Field<'a> for Qid {
    #[inline]
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let bytes: &[u8; Self::LENGTH] = reader.array()?;
        let [kind, v0, v1, v2, v3, path @ ..] = *bytes;
        Ok(Self {
            kind,
            version: u32::from_le_bytes([v0, v1, v2, v3]),
            path: u64::from_le_bytes(path),
        })
    }

    #[inline]
    fn put(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        let [v0, v1, v2, v3] = self.version.to_le_bytes();
        let [p0, p1, p2, p3, p4, p5, p6, p7] = self.path.to_le_bytes();
        writer.array([self.kind, v0, v1, v2, v3, p0, p1, p2, p3, p4, p5, p6, p7])
    }
}

impl<'a> Field<'a> for Tag {
    #[inline]
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        u16::take(reader).map(Self)
    }

    #[inline]
    fn put(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        self.0.put(writer)
    }
}

impl<'a> Field<'a> for Fid {
    #[inline]
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        u32::take(reader).map(Self)
    }

    #[inline]
    fn put(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        self.0.put(writer)
    }
}

impl<'a> Field<'a> for UserId {
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        match reader.dialect() {
            Dialect::Plan9 => Ok(Self::NONE),
            Dialect::Linux => u32::take(reader).map(Self),
        }
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        match writer.dialect() {
            Dialect::Plan9 => Ok(()),
            Dialect::Linux => self.0.put(writer),
        }
    }
}
