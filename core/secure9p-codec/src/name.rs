//! File names: one ([`Name`]), and the path of a walk ([`Names`]).

use crate::field::{Field, Reader, Writer, has_nul};
use crate::frame::{DecodeError, EncodeError};
use crate::ids::Dialect;

/// Most names in one walk (`MAXWELEM`, walk(5)).
pub const MAX_WALK: usize = 16;

/// A file's name: not empty, without `/` and NUL. `.` and `..` are names here; what they mean is
/// the server's to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    /// `text` as a name; `None` where it is none.
    #[must_use]
    pub fn new(text: &'a str) -> Option<Self> {
        let is_name = is_name(text) && !has_nul(text) && u16::try_from(text.len()).is_ok();
        is_name.then_some(Self(text))
    }

    /// The name.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.bytes().any(|byte| byte == b'/')
}

impl<'a> Field<'a> for Name<'a> {
    #[inline]
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let text = reader.text()?;
        if is_name(text) { Ok(Self(text)) } else { Err(DecodeError::Name) }
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        writer.text(self.0)
    }
}

/// The path of a walk: at most [`MAX_WALK`] names, validated when it was made and taken apart as
/// it is walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Names<'a> {
    count: u16,
    /// `count` strings that are names.
    bytes: &'a [u8],
}

impl<'a> Names<'a> {
    /// No name: a walk that only makes another fid.
    pub const EMPTY: Self = Self { count: 0, bytes: &[] };

    /// Puts `names` into `into` as they travel.
    ///
    /// # Errors
    /// Where they are more than [`MAX_WALK`], one is no name, or `into` is shorter than them.
    pub fn pack(names: &[&str], into: &'a mut [u8]) -> Result<Self, EncodeError> {
        if names.len() > MAX_WALK {
            return Err(EncodeError::Count);
        }
        let count = u16::try_from(names.len()).map_err(|_| EncodeError::Count)?;
        let mut writer = Writer::new(into);
        for name in names {
            Name::new(name).ok_or(EncodeError::Text)?.put(&mut writer)?;
        }
        let length = writer.written();
        Ok(Self { count, bytes: into.get(..length).ok_or(EncodeError::Space)? })
    }

    /// How many.
    #[must_use]
    pub const fn len(self) -> usize {
        self.count as usize
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.count == 0
    }
}

impl<'a> Iterator for Names<'a> {
    type Item = Name<'a>;

    #[inline]
    fn next(&mut self) -> Option<Name<'a>> {
        self.count = self.count.checked_sub(1)?;
        let mut reader = Reader::new(Dialect::Plan9, self.bytes);
        let name = Name::take(&mut reader).ok()?;
        self.bytes = reader.rest();
        Some(name)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = usize::from(self.count);
        (count, Some(count))
    }
}

impl ExactSizeIterator for Names<'_> {}

impl<'a> Field<'a> for Names<'a> {
    #[inline]
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let count = u16::take(reader)?;
        if usize::from(count) > MAX_WALK {
            return Err(DecodeError::Count);
        }
        let all = reader.rest();
        for _ in 0..count {
            Name::take(reader)?;
        }
        let length = all.len() - reader.rest().len();
        Ok(Self { count, bytes: all.get(..length).ok_or(DecodeError::Truncated)? })
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        self.count.put(writer)?;
        writer.bytes(self.bytes)
    }
}
