//! Typed access to one table of a manifest; what does not fit is reported with its line.
//!
//! Every reader returns `None` after it has reported a problem, so a caller goes on to the next
//! field and reports nothing twice.

use std::ops::RangeInclusive;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::{Problems, quote};
use super::value;

/// A value and the line that it is written on.
#[derive(Debug, Clone, Copy)]
pub(super) struct At<T> {
    pub(super) line: u32,
    pub(super) value: T,
}

impl<T> At<T> {
    pub(super) fn with<U>(&self, value: U) -> At<U> {
        At { line: self.line, value }
    }
}

type Value<'t> = Spanned<DeValue<'t>>;

/// One table: the whole file, `[system]`, a `[[component]]` …
pub(super) struct Section<'t> {
    /// What messages begin with, as "component `ping`".
    pub(super) scope: String,
    /// Where the table starts.
    pub(super) line: u32,
    table: &'t DeTable<'t>,
}

impl<'t> Section<'t> {
    pub(super) fn new(scope: String, line: u32, table: &'t DeTable<'t>) -> Self {
        Self { scope, line, table }
    }

    /// Opens `value` as a table.
    pub(super) fn open(scope: &str, value: &'t Value<'t>, problems: &mut Problems) -> Option<Self> {
        let line = problems.line(value.span().start);
        if let DeValue::Table(table) = value.get_ref() {
            return Some(Self::new(scope.to_owned(), line, table));
        }
        problems.report(line, format!("{scope} must be a table, not {}", kind(value)));
        None
    }

    /// Reports every field that is not among `allowed`.
    pub(super) fn only(&self, allowed: &[&str], problems: &mut Problems) {
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if !allowed.contains(&name) {
                let line = problems.line(key.span().start);
                let allowed = allowed.join(", ");
                let reason = format!("unknown field {}; allowed: {allowed}", quote(name));
                self.report(line, &reason, problems);
            }
        }
    }

    pub(super) fn report(&self, line: u32, reason: &str, problems: &mut Problems) {
        problems.report(line, format!("{}: {reason}", self.scope));
    }

    pub(super) fn find(&self, field: &str) -> Option<&'t Value<'t>> {
        self.table.get(field)
    }

    fn missing<T>(&self, field: &str, problems: &mut Problems) -> Option<T> {
        self.report(self.line, &format!("`{field}` is missing"), problems);
        None
    }

    fn mistyped<T>(
        &self,
        field: &str,
        expected: &str,
        found: &Value,
        problems: &mut Problems,
    ) -> Option<T> {
        let line = problems.line(found.span().start);
        let reason = format!("`{field}` must be {expected}, not {}", kind(found));
        self.report(line, &reason, problems);
        None
    }

    /// A string, or `None` without a report where the field is absent.
    pub(super) fn text_if_any(&self, field: &str, problems: &mut Problems) -> Option<At<&'t str>> {
        let found = self.find(field)?;
        match found.get_ref() {
            DeValue::String(text) => {
                Some(At { line: problems.line(found.span().start), value: text })
            }
            _ => self.mistyped(field, "a string", found, problems),
        }
    }

    /// A string that must be there.
    pub(super) fn text(&self, field: &str, problems: &mut Problems) -> Option<At<&'t str>> {
        if self.find(field).is_none() {
            return self.missing(field, problems);
        }
        self.text_if_any(field, problems)
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &self,
        field: &str,
        choices: &[(&str, T)],
        default: Option<T>,
        problems: &mut Problems,
    ) -> Option<At<T>> {
        if let (None, Some(value)) = (self.find(field), default) {
            return Some(At { line: self.line, value });
        }
        let text = self.text(field, problems)?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text.value) {
            return Some(text.with(*value));
        }
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let words = words.join(" or ");
        let reason = format!("`{field}` is {}: expected {words}", quote(text.value));
        self.report(text.line, &reason, problems);
        None
    }

    /// An integer within `range`.
    pub(super) fn integer(
        &self,
        field: &str,
        range: RangeInclusive<i128>,
        default: Option<i128>,
        problems: &mut Problems,
    ) -> Option<At<i128>> {
        let Some(found) = self.find(field) else {
            return match default {
                Some(value) => Some(At { line: self.line, value }),
                None => self.missing(field, problems),
            };
        };
        let DeValue::Integer(integer) = found.get_ref() else {
            return self.mistyped(field, "an integer", found, problems);
        };
        let line = problems.line(found.span().start);
        // What is too long even for an i128 is out of every range as well.
        match i128::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(value) if range.contains(&value) => Some(At { line, value }),
            _ => {
                let (least, most) = range.into_inner();
                let written = quote(&integer.to_string());
                let reason = format!("`{field}` is {written}: expected {least} to {most}");
                self.report(line, &reason, problems);
                None
            }
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(
        &self,
        field: &str,
        default: bool,
        problems: &mut Problems,
    ) -> Option<bool> {
        match self.find(field) {
            None => Some(default),
            Some(found) => match found.get_ref() {
                DeValue::Boolean(value) => Some(*value),
                _ => self.mistyped(field, "true or false", found, problems),
            },
        }
    }

    /// A size with its unit, in bytes.
    pub(super) fn size(&self, field: &str, problems: &mut Problems) -> Option<At<u64>> {
        const EXPECTED: &str = "a size such as \"16 KiB\" or \"1 MiB\"";
        let Some(found) = self.find(field) else { return self.missing(field, problems) };
        let DeValue::String(text) = found.get_ref() else {
            return self.mistyped(field, EXPECTED, found, problems);
        };
        let line = problems.line(found.span().start);
        let bytes = value::size(text);
        if bytes.is_none() {
            let reason = format!("`{field}` is {}: expected {EXPECTED}", quote(text));
            self.report(line, &reason, problems);
        }
        bytes.map(|value| At { line, value })
    }

    /// A list of strings without repetition; empty where the field is absent.
    pub(super) fn texts(
        &self,
        field: &str,
        problems: &mut Problems,
    ) -> Option<At<Vec<At<&'t str>>>> {
        const EXPECTED: &str = "a list of strings";
        let Some(found) = self.find(field) else {
            return Some(At { line: self.line, value: Vec::new() });
        };
        let DeValue::Array(array) = found.get_ref() else {
            return self.mistyped(field, EXPECTED, found, problems);
        };
        let mut texts: Vec<At<&str>> = Vec::new();
        let mut complete = true;
        for element in array.iter() {
            let line = problems.line(element.span().start);
            let DeValue::String(text) = element.get_ref() else {
                let reason = format!("`{field}` must be {EXPECTED}: {} is in it", kind(element));
                self.report(line, &reason, problems);
                complete = false;
                continue;
            };
            if texts.iter().any(|known| known.value == text.as_ref()) {
                let reason = format!("{} is twice in `{field}`", quote(text));
                self.report(line, &reason, problems);
            } else {
                texts.push(At { line, value: text });
            }
        }
        complete.then_some(At { line: problems.line(found.span().start), value: texts })
    }
}

/// What a value is, with its article.
pub(super) fn kind(value: &Value) -> &'static str {
    match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
