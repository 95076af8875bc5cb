//! 9P2000's stat: what a file is, and what a directory's bytes are.

use crate::field::{Field, Reader, Writer};
use crate::frame::{DecodeError, EncodeError};
use crate::ids::{Dialect, Qid};

/// Bits of [`Stat::mode`] above the nine permissions: stat(5).
pub mod mode {
    /// `DMDIR`: a directory.
    pub const DIRECTORY: u32 = 0x8000_0000;
    /// `DMAPPEND`: writes go to the end.
    pub const APPEND: u32 = 0x4000_0000;
}

/// What a file is: stat(5). Times are seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat<'a> {
    /// For the kernel's use.
    pub kind: u16,
    /// For the kernel's use.
    pub dev: u32,
    /// The file.
    pub qid: Qid,
    /// Permissions and the bits of [`mode`].
    pub mode: u32,
    /// Last access.
    pub atime: u32,
    /// Last change.
    pub mtime: u32,
    /// Length in bytes; 0 for a directory.
    pub length: u64,
    /// Last part of its path; `/` for the root.
    pub name: &'a str,
    /// Owner.
    pub uid: &'a str,
    /// Group.
    pub gid: &'a str,
    /// Who changed it last.
    pub muid: &'a str,
}

impl Stat<'static> {
    /// A `Twstat` with this changes nothing: "don't touch" in every field.
    pub const KEEP: Self = Self {
        kind: u16::MAX,
        dev: u32::MAX,
        qid: Qid { kind: u8::MAX, version: u32::MAX, path: u64::MAX },
        mode: u32::MAX,
        atime: u32::MAX,
        mtime: u32::MAX,
        length: u64::MAX,
        name: "",
        uid: "",
        gid: "",
        muid: "",
    };
}

impl<'a> Stat<'a> {
    /// Puts it into `into` as it travels, with its size in front.
    ///
    /// # Errors
    /// Where `into` is too short, or the strings are together longer than 65535 bytes.
    pub fn record(self, into: &mut [u8]) -> Result<StatRecord<'_>, EncodeError> {
        let mut writer = Writer::new(into);
        0u16.put(&mut writer)?;
        self.kind.put(&mut writer)?;
        self.dev.put(&mut writer)?;
        self.qid.put(&mut writer)?;
        self.mode.put(&mut writer)?;
        self.atime.put(&mut writer)?;
        self.mtime.put(&mut writer)?;
        self.length.put(&mut writer)?;
        for text in [self.name, self.uid, self.gid, self.muid] {
            writer.text(text)?;
        }
        let length = writer.written();
        writer.patch(0, length - 2)?;
        // It travels with a size around it too, which must fit as well.
        u16::try_from(length).map_err(|_| EncodeError::Text)?;
        into.get(..length).map(StatRecord).ok_or(EncodeError::Space)
    }

    /// Takes a stat with its size in front.
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let size = usize::from(u16::take(reader)?);
        let inner = reader.bytes(size).map_err(|_| DecodeError::Stat)?;
        let mut inner = Reader::new(Dialect::Plan9, inner);
        let stat = Self::take_fields(&mut inner).map_err(|error| match error {
            DecodeError::Truncated => DecodeError::Stat,
            other => other,
        })?;
        inner.end().map_err(|_| DecodeError::Stat)?;
        Ok(stat)
    }

    fn take_fields(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            kind: Field::take(reader)?,
            dev: Field::take(reader)?,
            qid: Field::take(reader)?,
            mode: Field::take(reader)?,
            atime: Field::take(reader)?,
            mtime: Field::take(reader)?,
            length: Field::take(reader)?,
            name: Field::take(reader)?,
            uid: Field::take(reader)?,
            gid: Field::take(reader)?,
            muid: Field::take(reader)?,
        })
    }
}

/// A [`Stat`] as it travels, with its size in front; validated when it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StatRecord<'a>(&'a [u8]);

impl<'a> StatRecord<'a> {
    /// The stat.
    ///
    /// # Errors
    /// Never, for it was read once already.
    pub fn stat(self) -> Result<Stat<'a>, DecodeError> {
        Stat::take(&mut Reader::new(Dialect::Plan9, self.0))
    }

    /// As it travels in a directory's bytes.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

/// In a message a second size is in front: the number of bytes of the record.
impl<'a> Field<'a> for StatRecord<'a> {
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let size = usize::from(u16::take(reader)?);
        let record = reader.bytes(size)?;
        let mut inner = Reader::new(Dialect::Plan9, record);
        Stat::take(&mut inner).map_err(|error| match error {
            DecodeError::Truncated => DecodeError::Stat,
            other => other,
        })?;
        inner.end().map_err(|_| DecodeError::Stat)?;
        Ok(Self(record))
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        let size = u16::try_from(self.0.len()).map_err(|_| EncodeError::Text)?;
        size.put(writer)?;
        writer.bytes(self.0)
    }
}

/// The stats in what was read from a directory in 9P2000; ends after an error.
#[derive(Debug, Clone)]
pub struct Stats<'a>(&'a [u8]);

impl<'a> Stats<'a> {
    /// The stats in `data`.
    #[must_use]
    pub const fn new(data: &'a [u8]) -> Self {
        Self(data)
    }
}

impl<'a> Iterator for Stats<'a> {
    type Item = Result<Stat<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let mut reader = Reader::new(Dialect::Plan9, self.0);
        let stat = Stat::take(&mut reader);
        self.0 = if stat.is_ok() { reader.rest() } else { &[] };
        Some(stat)
    }
}
