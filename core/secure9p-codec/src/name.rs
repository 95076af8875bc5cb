//! File names: one ([`Name`]), and the path of a walk ([`Names`]).
//!
//! A name's bytes are looked at once, when it is decoded, and kept as bytes: to find a file they
//! are compared, which needs no text. (A `str` could only be made by checking them again.)

use core::fmt;

use crate::field::{Field, Reader, Writer};
use crate::frame::{DecodeError, EncodeError};

/// Most names in one walk (`MAXWELEM`, walk(5)).
pub const MAX_WALK: usize = 16;

/// A file's name: UTF-8, not empty, without `/` and NUL. `.` and `..` are names here; what they
/// mean is the server's to say.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Name<'a>(&'a [u8]);

impl<'a> Name<'a> {
    /// `text` as a name; `None` where it is none.
    #[must_use]
    pub fn new(text: &'a str) -> Option<Self> {
        let name = text.as_bytes();
        let is_name = check(name).is_ok() && u16::try_from(name.len()).is_ok();
        is_name.then_some(Self(name))
    }

    /// The name.
    #[must_use]
    #[inline]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The name as text, which costs another look at it.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        // It was found to be UTF-8 when it was made.
        core::str::from_utf8(self.0).unwrap_or_default()
    }
}

impl fmt::Debug for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(f)
    }
}

/// That `name` is one. Names are short and ASCII as a rule: that is found without a loop, eight
/// bytes at a time, and what is not is looked at again.
#[inline]
fn check(name: &[u8]) -> Result<(), DecodeError> {
    if is_plain(name) { Ok(()) } else { check_each(name) }
}

/// Whether `name` is not empty and all of it is ASCII, with neither `/` nor NUL.
#[inline]
fn is_plain(name: &[u8]) -> bool {
    // The pieces at both ends overlap where the length is not just right.
    if let (Some(first), Some(last)) = (name.first_chunk::<8>(), name.last_chunk::<8>()) {
        return plain(u64::from_le_bytes(*last))
            && plain(u64::from_le_bytes(*first))
            && name.chunks_exact(8).skip(1).all(|piece| {
                piece.first_chunk().is_some_and(|piece| plain(u64::from_le_bytes(*piece)))
            });
    }
    if let (Some(first), Some(last)) = (name.first_chunk::<4>(), name.last_chunk::<4>()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return plain(u64::from(first) | u64::from(last) << 32);
    }
    let is_plain = |byte: &u8| byte.is_ascii() && !matches!(byte, 0 | b'/');
    !name.is_empty() && name.iter().all(is_plain)
}

/// Whether each of eight bytes is ASCII and neither `/` nor NUL.
#[inline]
const fn plain(bytes: u64) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = u64::from_le_bytes([0x80; 8]);
    const SLASHES: u64 = u64::from_le_bytes([b'/'; 8]);
    // Of bytes below 0x80, taking 1 away sets the top bit in 0 alone; a borrow can only come out
    // of a 0, which is found already.
    let slashes = bytes ^ SLASHES;
    (bytes | bytes.wrapping_sub(ONES) | slashes.wrapping_sub(ONES)) & HIGH == 0
}

/// Finds what is wrong with `name`, or that it is one that is not ASCII.
#[cold]
fn check_each(name: &[u8]) -> Result<(), DecodeError> {
    if name.is_empty() {
        return Err(DecodeError::Name);
    }
    match name.iter().find(|byte| matches!(byte, 0 | b'/')) {
        Some(0) => Err(DecodeError::Text),
        Some(_) => Err(DecodeError::Name),
        None => core::str::from_utf8(name).map(|_| ()).map_err(|_| DecodeError::Text),
    }
}

impl<'a> Field<'a> for Name<'a> {
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let length = u16::take(reader)?;
        let name = reader.bytes(usize::from(length))?;
        check(name)?;
        Ok(Self(name))
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        let length = u16::try_from(self.0.len()).map_err(|_| EncodeError::Text)?;
        length.put(writer)?;
        writer.bytes(self.0)
    }
}

/// The path of a walk: at most [`MAX_WALK`] names, validated when it was made and taken apart as
/// it is walked.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Names<'a> {
    /// Names with their lengths, as they travel.
    packed: &'a [u8],
    /// A whole word: what is copied with it was written with it.
    count: usize,
}

impl<'a> Names<'a> {
    /// No name: a walk that only makes another fid.
    pub const EMPTY: Self = Self { count: 0, packed: &[] };

    /// Puts `names` into `into` as they travel.
    ///
    /// # Errors
    /// Where they are more than [`MAX_WALK`], one is no name, or `into` is shorter than them.
    pub fn pack(names: &[&str], into: &'a mut [u8]) -> Result<Self, EncodeError> {
        if names.len() > MAX_WALK {
            return Err(EncodeError::Count);
        }
        let mut writer = Writer::new(into);
        for name in names {
            Name::new(name).ok_or(EncodeError::Text)?.put(&mut writer)?;
        }
        let length = writer.written();
        let packed = into.get(..length).ok_or(EncodeError::Space)?;
        Ok(Self { packed, count: names.len() })
    }

    /// How many.
    #[must_use]
    pub const fn len(self) -> usize {
        self.count
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.count == 0
    }
}

impl fmt::Debug for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(*self).finish()
    }
}

impl<'a> Iterator for Names<'a> {
    type Item = Name<'a>;

    #[inline]
    fn next(&mut self) -> Option<Name<'a>> {
        self.count = self.count.checked_sub(1)?;
        let (name, rest) = split(self.packed)?;
        self.packed = rest;
        Some(Name(name))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.count, Some(self.count))
    }
}

/// The bytes that two bytes of length stand in front of, and what is behind them.
#[inline]
fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))
}

impl<'a> Field<'a> for Names<'a> {
    /// Inlined: a request is made of it in one place only, and through memory it takes as long again.
    #[inline(always)]
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let count = usize::from(u16::take(reader)?);
        if count > MAX_WALK {
            return Err(DecodeError::Count);
        }
        let mut rest = reader.rest();
        for _ in 0..count {
            let name;
            (name, rest) = split(rest).ok_or(DecodeError::Truncated)?;
            check(name)?;
        }
        let length = reader.rest().len().saturating_sub(rest.len());
        Ok(Self { packed: reader.bytes(length)?, count })
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        u16::try_from(self.count).map_err(|_| EncodeError::Count)?.put(writer)?;
        writer.bytes(self.packed)
    }
}
