//! Reader of newc cpio archives.
//!
//! The boot archive `rootfs.cpio` is in the "new ASCII" format (cpio(5), magic `070701`): a
//! 110-byte header of hexadecimal fields, the NUL-terminated name and the data, each padded to
//! four bytes, up to an entry named `TRAILER!!!`. The reader borrows from the archive, checks
//! every length against it and stops at the first damage. It deliberately lacks links,
//! directories and checksummed (`070702`) archives: the boot archive has none.
#![no_std]
#![forbid(unsafe_code)]

const HEADER: usize = 110;
const MAGIC: &[u8] = b"070701";
const TRAILER: &[u8] = b"TRAILER!!!";
const FILE_SIZE: usize = 54;
const NAME_SIZE: usize = 94;

/// One file of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Its name, without a leading `./`.
    pub name: &'a str,
    /// Its bytes.
    pub data: &'a [u8],
}

/// How an archive is damaged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The bytes at this offset are no newc header.
    Header(usize),
    /// The entry that starts at this offset reaches past the end of the archive.
    Truncated(usize),
    /// The name of the entry at this offset is empty, not UTF-8 or not terminated.
    Name(usize),
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Header(at) => write!(f, "no cpio (newc) header at offset {at}"),
            Self::Truncated(at) => write!(f, "truncated: the entry at offset {at} is cut off"),
            Self::Name(at) => write!(f, "the entry at offset {at} has no proper name"),
        }
    }
}

/// The entries of an archive, in order. After an error it ends.
#[derive(Debug, Clone)]
pub struct Entries<'a> {
    archive: &'a [u8],
    at: usize,
    done: bool,
}

/// Reads `archive`, which may be longer than its trailer says.
#[must_use]
pub fn entries(archive: &[u8]) -> Entries<'_> {
    Entries { archive, at: 0, done: false }
}

/// The data of the file `name`: `Ok(None)` where a whole archive has no such file.
pub fn find<'a>(archive: &'a [u8], name: &str) -> Result<Option<&'a [u8]>, Error> {
    for entry in entries(archive) {
        let entry = entry?;
        if entry.name == name {
            return Ok(Some(entry.data));
        }
    }
    Ok(None)
}

fn hex(field: &[u8]) -> Option<usize> {
    field.iter().try_fold(0, |value: usize, &digit| {
        let digit = (digit as char).to_digit(16)?;
        value.checked_mul(16)?.checked_add(digit as usize)
    })
}

impl<'a> Entries<'a> {
    /// Bytes from the start of the archive to the end of what was read, trailer included.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.at.min(self.archive.len())
    }

    fn read(&mut self) -> Result<Option<Entry<'a>>, Error> {
        let start = self.at;
        let header = self
            .archive
            .get(start..)
            .and_then(|rest| rest.get(..HEADER))
            .ok_or(Error::Truncated(start))?;
        let field = |at: usize| header.get(at..at + 8).and_then(hex);
        let (Some(size), Some(name_size)) = (field(FILE_SIZE), field(NAME_SIZE)) else {
            return Err(Error::Header(start));
        };
        if !header.starts_with(MAGIC) {
            return Err(Error::Header(start));
        }
        let name_at = start + HEADER;
        let name_end = name_at.checked_add(name_size).ok_or(Error::Truncated(start))?;
        let name = self.archive.get(name_at..name_end).ok_or(Error::Truncated(start))?;
        let name = match name.split_last() {
            Some((0, name)) if !name.is_empty() && !name.contains(&0) => name,
            _ => return Err(Error::Name(start)),
        };
        let data_at = padded(name_end).ok_or(Error::Truncated(start))?;
        let data_end = data_at.checked_add(size).ok_or(Error::Truncated(start))?;
        self.at = padded(data_end).ok_or(Error::Truncated(start))?;
        if name == TRAILER {
            return Ok(None);
        }
        let data = self.archive.get(data_at..data_end).ok_or(Error::Truncated(start))?;
        let name = core::str::from_utf8(name).map_err(|_| Error::Name(start))?;
        Ok(Some(Entry { name: name.strip_prefix("./").unwrap_or(name), data }))
    }
}

fn padded(offset: usize) -> Option<usize> {
    offset.checked_next_multiple_of(4)
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<Entry<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let entry = self.read();
        self.done = !matches!(entry, Ok(Some(_)));
        entry.transpose()
    }
}

#[cfg(test)]
mod tests;
