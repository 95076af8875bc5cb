//! The commands of `/queen/ctl`: one table, a strict parser, the canonical line.
//!
//! A command is one line, which is one JSON object ([`parse`]). [`TABLE`] says what commands there
//! are, what fields each has, what a field takes, and how a shell writes it; the parser, [`Command`]'s
//! text, and cohsh's help and completion come from it. docs/control.md is the table for people.
//!
//! Invariants: a line is taken as a whole or refused with the field that is wrong and what is
//! allowed there ([`Refused`]). What is taken is JSON, means the same to every JSON reader (no
//! field stands twice, no number is rounded), and `parse` of a command's own text gives the same
//! command. Time is linear in the line, memory fixed, and nothing recurses deeper than the table.
//!
//! Deliberately absent: escapes in texts and names, for nothing here needs them, and without them
//! a text has one spelling; joining a line from pieces (`namespace` does it); whether a worker, a
//! path or a service is there, and whether the session may do it: that is for whoever acts on it.
#![no_std]
#![forbid(unsafe_code)]

mod command;
mod ids;
mod parse;
mod refused;
pub mod scan;
mod table;

pub use command::{Command, Lease, Limits, Value};
pub use ids::{GpuId, Path, Service, TicketId, WorkerId};
pub use parse::parse;
pub use refused::{Name, Reason, Refused, Where};
pub use table::{Field, Form, Issuer, Key, Kind, TABLE, Takes, limits};

#[cfg(test)]
mod tests;
