//! Why a line is refused.

use core::fmt::{self, Write as _};

use crate::scan::NotPlain;
use crate::table::{Field, Form, TABLE, Takes, write_names};

/// A refusal: which field is wrong, and what is allowed there. Its text is one line:
/// `budget.ttl_s: must be a whole number from 1 to 31536000`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The object that the field is in, where it is not the line's own.
    pub object: Option<&'static str>,
    /// The field.
    pub field: Where,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What of a line is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// The line itself, or the object as a whole.
    Whole,
    /// A field of the table.
    Known(&'static str),
    /// A field that the table does not have.
    Unknown(Name),
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It is not what it must be.
    Must(Takes),
    /// It must be there and is not.
    Missing(Takes),
    /// It is there twice.
    Doubled,
    /// The command has no such field; it has these.
    NoField(&'static [Field]),
    /// It names another command.
    Second,
    /// It names no command.
    NoCommand,
    /// `spawn` names no kind of worker.
    NoKind,
    /// The object is empty; it may have these.
    Empty(&'static [Field]),
    /// The text is not plain.
    Text(NotPlain),
    /// Not what JSON has there.
    Syntax(&'static str),
}

impl Refused {
    pub(crate) const fn whole(reason: Reason) -> Self {
        Self { object: None, field: Where::Whole, reason }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.object, self.field) {
            (None, Where::Whole) => f.write_str("line")?,
            (Some(object), Where::Whole) => f.write_str(object)?,
            (object, field) => {
                if let Some(object) = object {
                    write!(f, "{object}.")?;
                }
                match field {
                    Where::Known(name) => f.write_str(name)?,
                    Where::Unknown(name) => name.fmt(f)?,
                    Where::Whole => {}
                }
            }
        }
        f.write_str(": ")?;
        self.reason.fmt(f)
    }
}

impl core::error::Error for Refused {}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Must(takes) => takes.fmt(f),
            Self::Missing(takes) => write!(f, "is missing: {takes}"),
            Self::Doubled => f.write_str("stands twice: write it once"),
            Self::NoField(fields) => {
                f.write_str("is no field here; there are ")?;
                write_names(f, fields.iter().map(|field| field.name))
            }
            Self::Second => f.write_str("is a second command: write it in a line of its own"),
            Self::NoCommand => {
                f.write_str("names no command; there are ")?;
                write_names(f, verbs())
            }
            Self::NoKind => {
                f.write_str("must be one of ")?;
                write_names(f, TABLE.iter().filter_map(Form::word))
            }
            Self::Empty(fields) => {
                f.write_str("is empty: write one at least of ")?;
                write_names(f, fields.iter().map(|field| field.name))
            }
            Self::Text(what) => what.fmt(f),
            Self::Syntax(what) => f.write_str(what),
        }
    }
}

/// Every command's verb, once.
pub(crate) fn verbs() -> impl Iterator<Item = &'static str> {
    let first = |(index, form): &(usize, &Form)| {
        TABLE.iter().take(*index).all(|before| before.verb() != form.verb())
    };
    TABLE.iter().enumerate().filter(first).map(|(_, form)| form.verb())
}

/// Most bytes that are kept of a name that the table does not have.
const NAME_BYTES: usize = 24;

/// A name out of a line: its beginning, if it is long. Shown without its control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name {
    bytes: [u8; NAME_BYTES],
    length: u8,
    cut: bool,
}

impl Name {
    /// The beginning of `name`, or all of it.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let length = name.floor_char_boundary(NAME_BYTES);
        let mut bytes = [0; NAME_BYTES];
        for (place, byte) in bytes.iter_mut().zip(name.bytes().take(length)) {
            *place = byte;
        }
        Self { bytes, length: length as u8, cut: length < name.len() }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        let name = str::from_utf8(bytes).unwrap_or_default();
        if name.is_empty() {
            return f.write_str("\"\"");
        }
        for character in name.chars() {
            // Nothing that moves a cursor or ends a line.
            f.write_char(if character.is_control() { '\u{fffd}' } else { character })?;
        }
        f.write_str(if self.cut { "..." } else { "" })
    }
}
