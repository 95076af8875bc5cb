//! What Tab completes: a command, then paths of the hive.

use std::cell::RefCell;

use client::Kind;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use crate::command::names;
use crate::control::{self, Offer};
use crate::session::Session;
use crate::words::{Word, escape, last, split};

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
        let before = split(before.get(..start).unwrap_or_default()).unwrap_or_default();
        let texts = before.into_iter().filter_map(|word| match word {
            Word::Text(text) => Some(text),
            Word::Arrow => None,
        });
        match control::offer(&texts.collect::<Vec<_>>(), &word) {
            Some(Offer::Words(words)) => Ok((start, words.iter().map(|word| pair(word)).collect())),
            Some(Offer::Names(directory)) => {
                let entries = self.0.borrow_mut().entries(directory);
                let fitting = entries.iter().filter(|entry| entry.name.starts_with(&word));
                Ok((start, fitting.map(|entry| pair(&escape(&entry.name))).collect()))
            }
            Some(Offer::Paths) | None => Ok((start, self.paths(&word))),
        }
    }
}

impl Completion<'_, '_> {
    /// Paths that begin so.
    fn paths(&self, word: &str) -> Vec<Pair> {
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
        pairs.collect()
    }
}

fn commands(start: &str) -> Vec<Pair> {
    names().filter(|name| name.starts_with(start)).map(pair).collect()
}

/// A word that is whole.
fn pair(word: &str) -> Pair {
    Pair { display: word.into(), replacement: format!("{word} ") }
}

impl Hinter for Completion<'_, '_> {
    type Hint = String;
}

impl Highlighter for Completion<'_, '_> {}
impl Validator for Completion<'_, '_> {}
impl Helper for Completion<'_, '_> {}
