//! What Tab completes: a command, then paths of the hive.

use std::cell::RefCell;
use std::fs;

use ::control::{Form, TABLE};
use client::Kind;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::Validator;
use rustyline::{Context, Helper};

use crate::builtin::{self, Takes};
use crate::command::{REFUSED, names};
use crate::control::{self, Offer};
use crate::output::is_plain;
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
        let texts: Vec<_> = texts.collect();
        let texts = asked(&texts);
        match control::offer(texts, &word).or_else(|| offer(texts, &word)) {
            Some(Offer::Words(words)) => Ok((start, words.iter().map(|word| pair(word)).collect())),
            Some(Offer::Names(directory)) => {
                let entries = self.0.borrow_mut().entries(directory);
                let fitting = entries.iter().filter(|entry| entry.name.starts_with(&word));
                Ok((start, fitting.map(|entry| pair(&escape(&entry.name))).collect()))
            }
            Some(Offer::Files) => Ok((start, files(&word))),
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
        fitting.map(|entry| path(directory, &entry.name, entry.kind == Kind::Directory)).collect()
    }
}

/// The words of the command that is meant: behind `refused` there is another.
fn asked(words: &[String]) -> &[String] {
    match words {
        [first, rest @ ..] if first == REFUSED && !rest.is_empty() => rest,
        _ => words,
    }
}

/// Paths of this machine that begin so. Names with a dot before them are offered to who types it.
fn files(word: &str) -> Vec<Pair> {
    let (directory, start) = word.split_at(word.rfind('/').map_or(0, |slash| slash + 1));
    let listed = fs::read_dir(if directory.is_empty() { "." } else { directory });
    let entries = listed.into_iter().flatten().filter_map(|entry| {
        let entry = entry.ok()?;
        let name = entry.file_name().into_string().ok()?;
        let fits = name.starts_with(start) && (!start.is_empty() || !name.starts_with('.'));
        (fits && is_plain(&name)).then(|| (name, entry.path().is_dir()))
    });
    let mut entries: Vec<_> = entries.collect();
    entries.sort();
    entries.iter().map(|(name, is_directory)| path(directory, name, *is_directory)).collect()
}

/// A path, which goes on where it is a directory.
fn path(directory: &str, name: &str, is_directory: bool) -> Pair {
    let end = if is_directory { "/" } else { " " };
    Pair {
        display: format!("{name}{}", end.trim_end()),
        replacement: escape(&format!("{directory}{name}")) + end,
    }
}

/// What may come behind these words, of a command that writes no line of control. `None` where it
/// is a path.
fn offer(before: &[String], start: &str) -> Option<Offer> {
    let (name, before) = before.split_first()?;
    let fitting = |words: Vec<&str>| {
        let words = words.into_iter().filter(|word| word.starts_with(start));
        Some(Offer::Words(words.map(ToOwned::to_owned).collect()))
    };
    let (builtin, before) = match (builtin::find(name), before.split_first()) {
        (Some(builtin), _) => (builtin, before),
        (None, Some((second, rest))) => (builtin::find(&format!("{name} {second}"))?, rest),
        (None, None) => return fitting(builtin::second_words(name).collect()),
    };
    let value_of = |word: &String| {
        builtin.flags.iter().find(|flag| flag.word == *word).and_then(|flag| flag.value)
    };
    match before.last().and_then(value_of) {
        Some("DIR") => return Some(Offer::Files),
        Some("ID") => return Some(Offer::Names("/worker")),
        // A number.
        Some(_) => return fitting(Vec::new()),
        None => {}
    }
    if start.starts_with('-') {
        let free = builtin.flags.iter().filter(|flag| before.iter().all(|word| word != flag.word));
        return fitting(free.map(|flag| flag.word).collect());
    }
    match builtin.places.first().map(|place| place.takes) {
        Some(Takes::Command) if before.is_empty() => fitting(names().collect()),
        Some(Takes::Command) => {
            let forms = TABLE.iter().filter(|form| before == [form.verb()]);
            fitting(forms.filter_map(Form::word).collect())
        }
        Some(Takes::File) => Some(Offer::Files),
        Some(Takes::Gpu) => Some(Offer::Names("/gpu")),
        Some(Takes::OneOf) => {
            let words = builtin.places.iter().flat_map(|place| place.word.split('|'));
            fitting(words.collect())
        }
        Some(Takes::Path | Takes::Text) => None,
        None => fitting(Vec::new()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_tells_what_may_come_next() {
        let words = |line: &str| -> Vec<String> {
            line.split_whitespace().map(ToOwned::to_owned).collect()
        };
        let all =
            |words: &[&str]| Some(Offer::Words(words.iter().map(ToString::to_string).collect()));
        for (before, start, offered) in [
            ("tail", "-", all(&["-f", "-n"])),
            ("tail -f", "-", all(&["-n"])),
            ("tail -n", "", all(&[])),
            ("tail -n 3", "/", None),
            ("log", "", all(&[])),
            ("help", "wh", all(&["whoami"])),
            ("help", "rev", all(&["revoke"])),
            ("help spawn", "", all(&["heartbeat", "gpu"])),
            ("help cat", "", all(&[])),
            ("cat /a", "", None),
            ("whoami", "", all(&[])),
            ("attach", "", Some(Offer::Files)),
            ("refused", "wh", all(&["whoami"])),
            ("refused tail", "-", all(&["-f", "-n"])),
            ("refused attach", "", Some(Offer::Files)),
            ("refused cat /a", "", None),
        ] {
            assert_eq!(offer(asked(&words(before)), start), offered, "{before} {start}");
        }
    }
}
