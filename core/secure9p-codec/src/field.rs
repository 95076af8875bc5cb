//! Fields between bytes and types: the cursor that reads, the cursor that writes.

use crate::frame::{DecodeError, EncodeError};
use crate::ids::Dialect;

/// What stands in a message.
pub(crate) trait Field<'a>: Sized {
    /// Takes the field from the front of what is left.
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError>;
    /// Puts the field behind what was written.
    fn put(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError>;
}

/// What is left of a frame.
pub(crate) struct Reader<'a> {
    dialect: Dialect,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(dialect: Dialect, bytes: &'a [u8]) -> Self {
        Self { dialect, rest: bytes }
    }

    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    #[inline]
    pub fn bytes(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], DecodeError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(DecodeError::Truncated)?;
        self.rest = rest;
        Ok(taken)
    }

    /// A string: two bytes of length, then UTF-8 without NUL.
    #[inline]
    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        let length = u16::take(self)?;
        let text = core::str::from_utf8(self.bytes(usize::from(length))?);
        text.ok().filter(|text| !has_nul(text)).ok_or(DecodeError::Text)
    }

    /// That nothing is left.
    #[inline]
    pub fn end(&self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing) }
    }
}

/// Whether intro(5)'s one forbidden byte is in `text`.
pub(crate) fn has_nul(text: &str) -> bool {
    text.bytes().any(|byte| byte == 0)
}

/// A frame in the making.
pub(crate) struct Writer<'a> {
    dialect: Dialect,
    out: &'a mut [u8],
    at: usize,
}

impl<'a> Writer<'a> {
    /// Writes what is the same in both dialects.
    pub fn new(out: &'a mut [u8]) -> Self {
        Self::of(Dialect::Plan9, out, 0)
    }

    /// Writes to `out` from `at` on.
    #[inline]
    pub fn of(dialect: Dialect, out: &'a mut [u8], at: usize) -> Self {
        Self { dialect, out, at }
    }

    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    #[inline]
    pub fn written(&self) -> usize {
        self.at
    }

    #[inline]
    pub fn bytes(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        let room = self.out.get_mut(self.at..).and_then(|rest| rest.get_mut(..bytes.len()));
        room.ok_or(EncodeError::Space)?.copy_from_slice(bytes);
        self.at += bytes.len();
        Ok(())
    }

    #[inline]
    pub fn array<const N: usize>(&mut self, bytes: [u8; N]) -> Result<(), EncodeError> {
        let room = self.out.get_mut(self.at..).and_then(|rest| rest.first_chunk_mut());
        *room.ok_or(EncodeError::Space)? = bytes;
        self.at += N;
        Ok(())
    }

    pub fn text(&mut self, text: &str) -> Result<(), EncodeError> {
        let length = u16::try_from(text.len()).map_err(|_| EncodeError::Text)?;
        if has_nul(text) {
            return Err(EncodeError::Text);
        }
        length.put(self)?;
        self.bytes(text.as_bytes())
    }

    /// Writes `length` over the two bytes at `at`.
    pub fn patch(&mut self, at: usize, length: usize) -> Result<(), EncodeError> {
        let length = u16::try_from(length).map_err(|_| EncodeError::Text)?;
        let room = self.out.get_mut(at..).and_then(|rest| rest.first_chunk_mut());
        *room.ok_or(EncodeError::Space)? = length.to_le_bytes();
        Ok(())
    }
}

macro_rules! integers {
    ($($type:ty),*) => { $(
        impl<'a> Field<'a> for $type {
            #[inline]
            fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
                reader.array().map(|bytes| Self::from_le_bytes(*bytes))
            }

            #[inline]
            fn put(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
                writer.array(self.to_le_bytes())
            }
        }
    )* };
}

integers!(u8, u16, u32, u64);

/// A string.
impl<'a> Field<'a> for &'a str {
    #[inline]
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        reader.text()
    }

    fn put(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        writer.text(self)
    }
}

/// Data: four bytes of count, then that many bytes.
impl<'a> Field<'a> for &'a [u8] {
    #[inline]
    fn take(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let count = u32::take(reader)?;
        // Count and bytes disagree either way: it runs past the frame, or the frame past it.
        match usize::try_from(count) {
            Ok(count) if count == reader.rest.len() => reader.bytes(count),
            _ => Err(DecodeError::Count),
        }
    }

    #[inline]
    fn put(&self, writer: &mut Writer<'_>) -> Result<(), EncodeError> {
        let count = u32::try_from(self.len()).map_err(|_| EncodeError::Count)?;
        count.put(writer)?;
        writer.bytes(self)
    }
}

/// Makes a type of fields that travel one after the other.
macro_rules! record {
    (
        $(#[$attribute:meta])*
        $name:ident { $( $(#[$doc:meta])* $field:ident: $type:ty ),* $(,)? }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name {
            $( $(#[$doc])* pub $field: $type ),*
        }

        impl<'a> $crate::field::Field<'a> for $name {
            fn take(
                reader: &mut $crate::field::Reader<'a>,
            ) -> Result<Self, $crate::frame::DecodeError> {
                Ok(Self { $( $field: $crate::field::Field::take(reader)? ),* })
            }

            fn put(
                &self,
                writer: &mut $crate::field::Writer<'_>,
            ) -> Result<(), $crate::frame::EncodeError> {
                $( $crate::field::Field::put(&self.$field, writer)?; )*
                Ok(())
            }
        }
    };
}

pub(crate) use record;
