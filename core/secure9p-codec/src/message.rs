//! The table's form: what one line of it says, and the code that is made from it.

use crate::ids::Dialect;

/// One message, as the tables list it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message {
    /// Its `type[1]`.
    pub kind: u8,
    /// Its name without `T` or `R`.
    pub name: &'static str,
    /// Who speaks it.
    pub dialects: &'static [Dialect],
}

/// Dialects as the tables write them.
macro_rules! dialects {
    (both) => {
        &[$crate::ids::Dialect::Plan9, $crate::ids::Dialect::Linux]
    };
    (plan9) => {
        &[$crate::ids::Dialect::Plan9]
    };
    (linux) => {
        &[$crate::ids::Dialect::Linux]
    };
}

/// Whether a dialect is one of them.
macro_rules! speaks {
    (both, $dialect:expr) => {
        true
    };
    (plan9, $dialect:expr) => {
        matches!($dialect, $crate::ids::Dialect::Plan9)
    };
    (linux, $dialect:expr) => {
        matches!($dialect, $crate::ids::Dialect::Linux)
    };
}

/// Makes a type, its table, its decoder and its encoder from one list of messages. A line is
/// `DIALECTS NUMBER NAME { FIELD: TYPE, … }`; fields stand in the order in which they travel.
macro_rules! messages {
    (
        $(#[$attribute:meta])*
        $enum:ident<$life:lifetime>, table $table:ident;
        $(
            $(#[$doc:meta])*
            $dialects:ident $number:literal $name:ident
            $({ $( $(#[$field_doc:meta])* $field:ident: $type:ty ),* $(,)? })?
        ),* $(,)?
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $enum<$life> {
            $( $(#[$doc])* $name $({ $( $(#[$field_doc])* $field: $type ),* })? ),*
        }

        #[doc = concat!("Every message of [`", stringify!($enum), "`].")]
        pub const $table: &[$crate::message::Message] = &[
            $( $crate::message::Message {
                kind: $number,
                name: stringify!($name),
                dialects: $crate::message::dialects!($dialects),
            } ),*
        ];

        impl<$life> $enum<$life> {
            /// The message's `type[1]`.
            #[must_use]
            pub const fn kind(&self) -> u8 {
                match self { $( Self::$name { .. } => $number ),* }
            }

            /// Takes the body of a message of type `kind`.
            #[inline]
            fn take(
                kind: u8,
                reader: &mut $crate::field::Reader<$life>,
            ) -> Result<Self, $crate::frame::DecodeError> {
                match kind {
                    $( $number if $crate::message::speaks!($dialects, reader.dialect()) => {
                        Ok(Self::$name {
                            $( $( $field: $crate::field::Field::take(reader)? ),* )?
                        })
                    } )*
                    _ => Err($crate::frame::DecodeError::Type(kind)),
                }
            }

            /// Puts the body.
            #[inline]
            fn put(
                &self,
                writer: &mut $crate::field::Writer<'_>,
            ) -> Result<(), $crate::frame::EncodeError> {
                match self {
                    $( Self::$name { $( $( $field ),* )? }
                        if $crate::message::speaks!($dialects, writer.dialect()) =>
                    {
                        $( $( $crate::field::Field::put($field, writer)?; )* )?
                        Ok(())
                    } )*
                    _ => Err($crate::frame::EncodeError::Type),
                }
            }

            /// The message in `frame`.
            #[inline]
            fn decode(
                dialect: $crate::ids::Dialect,
                frame: &$life [u8],
            ) -> Result<($crate::ids::Tag, Self), $crate::frame::DecodeError> {
                let (header, body) = $crate::frame::header(frame)?;
                let mut reader = $crate::field::Reader::new(dialect, body);
                let message = Self::take(header.kind, &mut reader)?;
                reader.end()?;
                Ok((header.tag, message))
            }

            /// Writes the message to the front of `out`; the size is put in last.
            #[inline]
            fn encode(
                &self,
                dialect: $crate::ids::Dialect,
                tag: $crate::ids::Tag,
                out: &mut [u8],
            ) -> Result<usize, $crate::frame::EncodeError> {
                let mut writer = $crate::field::Writer::of(dialect, out, $crate::frame::HEADER);
                self.put(&mut writer)?;
                let length = writer.written();
                $crate::frame::seal(self.kind(), tag, length, out)
            }
        }
    };
}

pub(crate) use {dialects, messages, speaks};
