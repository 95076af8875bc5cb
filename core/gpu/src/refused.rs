//! Why a line is refused.

use core::fmt;

use control::Name;
use control::scan::NotPlain;

use crate::kernel::Dims;

/// A refusal: which field is wrong, and what is allowed there. Its text is one line:
/// `grid: must be [4096]: what covers it with that block`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// What of the line is wrong.
    pub field: Where,
    /// What is wrong with it.
    pub reason: Reason,
}

/// What of a line is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// The line itself.
    Whole,
    /// A field that such lines have.
    Known(&'static str),
    /// A name that they do not have.
    Unknown(Name),
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// What must stand there.
    Must(&'static str),
    /// It must be a number in this range, both ends in it.
    Number {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// It must be there and is not.
    Missing,
    /// It is there twice.
    Doubled,
    /// There is no such field; there are these.
    NoField(&'static [&'static str]),
    /// The text is not plain.
    Text(NotPlain),
    /// The grid does not cover the work exactly; this one does.
    Grid([u32; 3]),
}

impl Refused {
    pub(crate) const fn line(must: &'static str) -> Self {
        Self { field: Where::Whole, reason: Reason::Must(must) }
    }

    pub(crate) const fn field(name: &'static str, reason: Reason) -> Self {
        Self { field: Where::Known(name), reason }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field {
            Where::Whole => f.write_str("line")?,
            Where::Known(name) => f.write_str(name)?,
            Where::Unknown(name) => name.fmt(f)?,
        }
        f.write_str(": ")?;
        match self.reason {
            Reason::Must(what) => f.write_str(what),
            Reason::Number { min, max } => {
                write!(f, "must be a whole number from {min} to {max}")
            }
            Reason::Missing => f.write_str("is missing"),
            Reason::Doubled => f.write_str("stands twice: write it once"),
            Reason::NoField(names) => {
                f.write_str("is no field here; there are ")?;
                for (index, name) in names.iter().enumerate() {
                    f.write_str(if index == 0 { "" } else { ", " })?;
                    f.write_str(name)?;
                }
                Ok(())
            }
            Reason::Text(what) => what.fmt(f),
            Reason::Grid(grid) => {
                write!(f, "must be {}: what covers it with that block", Dims(grid))
            }
        }
    }
}

impl core::error::Error for Refused {}
