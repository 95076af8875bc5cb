//! 9P2000.L's directory entries: readdir (.L).

use crate::field::{Field, Reader, Writer};
use crate::frame::{DecodeError, EncodeError};
use crate::ids::{Dialect, Qid};
use crate::name::Name;

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dirent<'a> {
    /// The file.
    pub qid: Qid,
    /// Where a read goes on behind this entry.
    pub offset: u64,
    /// Linux's `d_type` (readdir(3)): [`Dirent::DIRECTORY`] or [`Dirent::FILE`] here.
    pub kind: u8,
    /// Its name.
    pub name: Name<'a>,
}

impl Dirent<'_> {
    /// `DT_DIR`.
    pub const DIRECTORY: u8 = 4;
    /// `DT_REG`.
    pub const FILE: u8 = 8;
}

/// Bytes that an entry of this name takes.
#[must_use]
pub const fn dirent_length(name: &str) -> usize {
    Qid::LENGTH + 8 + 1 + 2 + name.len()
}

/// Writes `entry` to the front of `out` and returns its length in bytes.
///
/// # Errors
/// Where `out` is too short.
pub fn put_dirent(entry: &Dirent<'_>, out: &mut [u8]) -> Result<usize, EncodeError> {
    let mut writer = Writer::new(out);
    entry.qid.put(&mut writer)?;
    entry.offset.put(&mut writer)?;
    entry.kind.put(&mut writer)?;
    entry.name.put(&mut writer)?;
    Ok(writer.written())
}

/// The entries in an `Rreaddir`; ends after an error.
#[derive(Debug, Clone)]
pub struct Dirents<'a>(&'a [u8]);

impl<'a> Dirents<'a> {
    /// The entries in `data`.
    #[must_use]
    pub const fn new(data: &'a [u8]) -> Self {
        Self(data)
    }

    fn take(reader: &mut Reader<'a>) -> Result<Dirent<'a>, DecodeError> {
        Ok(Dirent {
            qid: Field::take(reader)?,
            offset: Field::take(reader)?,
            kind: Field::take(reader)?,
            name: Field::take(reader)?,
        })
    }
}

impl<'a> Iterator for Dirents<'a> {
    type Item = Result<Dirent<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let mut reader = Reader::new(Dialect::Linux, self.0);
        let entry = Self::take(&mut reader);
        self.0 = if entry.is_ok() { reader.rest() } else { &[] };
        Some(entry)
    }
}
