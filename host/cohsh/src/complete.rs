//! What Tab completes: a command, then paths of the hive.

use std::cell::RefCell;

use client::Kind;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use crate::command::NAMES;
use crate::session::Session;
use crate::words::{escape, last};

/// Completes with what the session sees.
pub(crate) struct Completion<'a, 's>(pub &'a RefCell<Session<'s>>);

impl Completer for Completion<'_, '_> {
    type Candidate = Pair;

    fn complete(
        &self,
        line: &str,
        position: usize,
        _: &Context<'_>,
    ) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = line.get(..position).unwrap_or_default();
        let Some((start, word, first)) = last(before) else { return Ok((position, Vec::new())) };
        if first {
            return Ok((start, commands(&word)));
        }
        let (directory, name) = word.split_at(word.rfind('/').map_or(0, |slash| slash + 1));
        let entries = self.0.borrow_mut().entries(directory);
        let fitting = entries.iter().filter(|entry| entry.name.starts_with(name));
        let pairs = fitting.map(|entry| {
            let end = if entry.kind == Kind::Directory { "/" } else { " " };
            Pair {
                display: format!("{}{}", entry.name, end.trim_end()),
                replacement: escape(&format!("{directory}{}", entry.name)) + end,
            }
        });
        Ok((start, pairs.collect()))
    }
}

fn commands(start: &str) -> Vec<Pair> {
    let fitting = NAMES.iter().filter(|name| name.starts_with(start));
    fitting.map(|name| Pair { display: (*name).into(), replacement: format!("{name} ") }).collect()
}

impl Hinter for Completion<'_, '_> {
    type Hint = String;
}

impl Highlighter for Completion<'_, '_> {}
impl Validator for Completion<'_, '_> {}
impl Helper for Completion<'_, '_> {}
