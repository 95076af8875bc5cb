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

/// Looks for what no name has. (Names are short: a loop that stops beats one over words.)
#[inline]
fn check_bytes(name: &[u8]) -> Result<(), DecodeError> {
    if name.is_empty() {
        return Err(DecodeError::Name);
    }
    for byte in name {
        match byte {
            b'/' => return Err(DecodeError::Name),
            0 => return Err(DecodeError::Text),
            _ => {}
        }
    }
    Ok(())
}

impl<'a> Field<'a> for Name<'a> {
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let length = u16::take(reader)?;
        let name = reader.bytes(usize::from(length))?;
        check_bytes(name)?;
        core::str::from_utf8(name).map(Self).map_err(|_| DecodeError::Text)
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
    packed: Packed<'a>,
}

/// Names with their lengths, as they travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packed<'a> {
    /// All are shorter than 128 bytes. Then the two bytes of a length are ASCII, and all of it is
    /// UTF-8 exactly if each name is: it was looked at once and is cut without looking again.
    Short(&'a str),
    /// Some are longer.
    Long(&'a [u8]),
}

impl<'a> Packed<'a> {
    /// `count` names without what none has; `lengths` are their lengths, or-ed.
    #[inline]
    fn of(bytes: &'a [u8], count: u16, lengths: u16) -> Result<Self, DecodeError> {
        if lengths < 0x80 {
            return core::str::from_utf8(bytes).map(Self::Short).map_err(|_| DecodeError::Text);
        }
        let mut reader = Reader::new(Dialect::Plan9, bytes);
        for _ in 0..count {
            Name::take(&mut reader)?;
        }
        Ok(Self::Long(bytes))
    }

    const fn bytes(self) -> &'a [u8] {
        match self {
            Self::Short(text) => text.as_bytes(),
            Self::Long(bytes) => bytes,
        }
    }
}

impl<'a> Names<'a> {
    /// No name: a walk that only makes another fid.
    pub const EMPTY: Self = Self { count: 0, packed: Packed::Short("") };

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
        let bytes = into.get(..length).ok_or(EncodeError::Space)?;
        let lengths = names.iter().fold(0, |lengths, name| lengths | name.len());
        let lengths = u16::try_from(lengths).map_err(|_| EncodeError::Text)?;
        let packed = Packed::of(bytes, count, lengths).map_err(|_| EncodeError::Text)?;
        Ok(Self { count, packed })
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
        let length = usize::from(u16::from_le_bytes(*self.packed.bytes().first_chunk()?));
        let end = length.checked_add(2)?;
        match self.packed {
            Packed::Short(text) => {
                self.packed = Packed::Short(text.get(end..)?);
                text.get(2..end).map(Name)
            }
            Packed::Long(bytes) => {
                self.packed = Packed::Long(bytes.get(end..)?);
                core::str::from_utf8(bytes.get(2..end)?).ok().map(Name)
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let count = usize::from(self.count);
        (count, Some(count))
    }
}

impl<'a> Field<'a> for Names<'a> {
    #[inline]
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let count = u16::take(reader)?;
        if usize::from(count) > MAX_WALK {
            return Err(DecodeError::Count);
        }
        let all = reader.rest();
        let mut lengths = 0;
        for _ in 0..count {
            let length = u16::take(reader)?;
            let name = reader.bytes(usize::from(length))?;
            check_bytes(name)?;
            lengths |= length;
        }
        let length = all.len() - reader.rest().len();
        let bytes = all.get(..length).ok_or(DecodeError::Truncated)?;
        Ok(Self { count, packed: Packed::of(bytes, count, lengths)? })
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        self.count.put(writer)?;
        writer.bytes(self.packed.bytes())
    }
}
