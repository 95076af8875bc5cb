//! Commands that write a line to `/queen/ctl`, made from the table of [`::control`].
//!
//! Words become a line, the line is parsed here as the hive will parse it, and only its canonical
//! text is sent: what is wrong with it is told before anything happens. Names, options, help and
//! completion are the table's; this module knows none of them.

use std::fmt::Write as _;

use ::control::{Field, Form, Key, TABLE, Takes, parse};
use client::Errno;
use serde_json::{Map, Value, json};

use crate::failure::{Failure, Result};
use crate::files;
use crate::output::Output;
use crate::session::Hive;

/// Where the lines go.
pub(crate) const CONTROL: &str = "/queen/ctl";
/// The worker that this session spawned last.
const LAST: &str = "/queen/last";
/// A directory a worker.
const WORKERS: &str = "/worker";

/// A line that `::control` takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    form: &'static Form,
    /// Canonical, without its end.
    line: String,
}

impl Order {
    /// The command.
    pub fn form(&self) -> &'static Form {
        self.form
    }
}

/// The first word of every command here, once.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    let first = |(index, form): &(usize, &'static Form)| {
        TABLE.iter().take(*index).all(|before| before.verb() != form.verb())
    };
    TABLE.iter().enumerate().filter(first).map(|(_, form)| form.verb())
}

/// Whether commands here begin with this word.
pub(crate) fn has(name: &str) -> bool {
    TABLE.iter().any(|form| form.verb() == name)
}

/// The values of a form that a shell writes, in order, objects taken apart.
pub(crate) fn values(form: &Form) -> Vec<&'static Field> {
    let inner = |field: &'static Field| match field.takes {
        Takes::Object(inner) => inner,
        _ => std::slice::from_ref(field),
    };
    form.fields.iter().flat_map(inner).filter(|field| !field.word.is_empty()).collect()
}

pub(crate) fn is_option(field: &Field) -> bool {
    field.word.starts_with("--")
}

/// How a command is written: `spawn heartbeat [--ticks N] …`.
pub(crate) fn usage(form: &Form) -> String {
    let mut usage = form.name.to_owned();
    for field in values(form) {
        let word = if is_option(field) { format!("{} N", field.word) } else { field.word.into() };
        // Cannot fail: it is a string. (So below.)
        let _ = match field.required {
            true => write!(usage, " {word}"),
            false => write!(usage, " [{word}]"),
        };
    }
    usage
}

/// The order that these words are, of which `verb` is the first.
pub(crate) fn order(verb: &str, words: &[String]) -> Result<Order> {
    let (form, words) = form(verb, words)?;
    let given = given(form, words)?;
    let line = object(form.fields, &given).to_string();
    match parse(line.as_bytes()) {
        Ok(command) => Ok(Order { form, line: command.to_string() }),
        // A field that has the command's name says whose it is.
        Err(refused) => Err(Failure::usage(match refused.to_string() {
            text if text.starts_with(form.name) => text,
            text => format!("{}: {text}", form.name),
        })),
    }
}

/// The form that is meant, and the words behind its name.
fn form<'a>(verb: &str, words: &'a [String]) -> Result<(&'static Form, &'a [String])> {
    let mut forms = TABLE.iter().filter(|form| form.verb() == verb);
    if let Some(form) = forms.clone().find(|form| form.word().is_none()) {
        return Ok((form, words));
    }
    let meant = words.split_first().and_then(|(kind, rest)| {
        forms.clone().find(|form| form.word() == Some(kind)).map(|form| (form, rest))
    });
    meant.ok_or_else(|| {
        let names: Vec<_> = forms.by_ref().map(|form| format!("`{}`", form.name)).collect();
        Failure::usage(format!("{verb}: of what kind? {}", names.join(" or ")))
    })
}

/// The words, each with the field that it is for.
fn given<'a>(form: &'static Form, words: &'a [String]) -> Result<Vec<(Key, &'a str)>> {
    let wrong = |what: &str| Failure::usage(format!("{}: {what}: `{}`", form.name, usage(form)));
    let values = values(form);
    let mut places = values.iter().filter(|field| !is_option(field));
    let mut given: Vec<(Key, &str)> = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word.len() > 1 && word.starts_with('-') {
            let field = values.iter().find(|field| field.word == *word && is_option(field));
            let field = field.ok_or_else(|| wrong(&format!("no option {word}")))?;
            let value = words.next().ok_or_else(|| wrong(&format!("{word} takes a value")))?;
            if given.iter().any(|(key, _)| *key == field.key) {
                return Err(wrong(&format!("{word} stands twice")));
            }
            given.push((field.key, value));
        } else {
            let field = places.next().ok_or_else(|| wrong(&format!("`{word}` is too much")))?;
            given.push((field.key, word));
        }
    }
    let lacks = |field: &&&Field| field.required && given.iter().all(|(key, _)| *key != field.key);
    match values.iter().find(lacks) {
        Some(field) => Err(wrong(&format!("{} is missing", field.word))),
        None if given.is_empty() && form.word().is_none() => Err(wrong("says nothing")),
        None => Ok(given),
    }
}

/// The object of these fields that is given. The parser judges it.
fn object(fields: &[Field], given: &[(Key, &str)]) -> Value {
    let mut object = Map::new();
    for field in fields {
        let value = match field.takes {
            Takes::Word(word) => word.into(),
            Takes::Object(inner) => match self::object(inner, given) {
                Value::Object(inner) if inner.is_empty() => continue,
                inner => inner,
            },
            takes => match given.iter().find(|(key, _)| *key == field.key) {
                Some((_, word)) => value(takes, word),
                None => continue,
            },
        };
        object.insert(field.name.into(), value);
    }
    object.into()
}

fn value(takes: Takes, word: &str) -> Value {
    // What is no number in plain digits stays a text, which is refused as one.
    let number = word.parse::<u64>().ok().filter(|number| number.to_string() == word);
    match (takes, number) {
        (Takes::Number { .. }, Some(number)) => number.into(),
        // Tab ends a directory in a slash, which a path in normal form does not have.
        (Takes::Path, _) if word.len() > 1 => word.strip_suffix('/').unwrap_or(word).into(),
        _ => word.into(),
    }
}

/// Writes the order to the hive and prints what came of it.
pub(crate) fn run(hive: &mut Hive, order: &Order, output: &mut Output) -> Result<()> {
    let Order { form, line } = order;
    files::append_whole(hive, CONTROL, format!("{line}\n").as_bytes())?;
    // A spawn makes something that has a name.
    let result = match form.word() {
        Some(_) => read_if_there(hive, LAST)?,
        None => None,
    };
    let result = result.as_deref().map_or("ok", str::trim_end);
    if output.is_json() {
        return output.object(&json!({ "command": form.name, "line": line, "result": result }));
    }
    let result = output.name(result);
    output.text(&format!("{result}\n"))
}

/// What a file holds that a hive may not have.
fn read_if_there(hive: &mut Hive, path: &str) -> Result<Option<String>> {
    match files::read_whole(hive, path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(failure) if failure.errno() == Some(Errno::ENOENT) => Ok(None),
        Err(failure) => Err(failure.at(path)),
    }
}

/// What Tab offers for the word `start` behind `before`, the words of a command here.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Offer {
    /// These words, as far as they fit.
    Words(Vec<String>),
    /// The names in this directory.
    Names(&'static str),
    /// Paths.
    Paths,
    /// Paths of files of this machine.
    Files,
}

/// What may come behind these words of a line. `None` where it is no command of this module.
pub(crate) fn offer(before: &[String], start: &str) -> Option<Offer> {
    let (verb, words) = before.split_first()?;
    if !has(verb) {
        return None;
    }
    let fitting = |words: Vec<&str>| {
        let words = words.into_iter().filter(|word| word.starts_with(start));
        Some(Offer::Words(words.map(ToOwned::to_owned).collect()))
    };
    let Ok((form, words)) = form(verb, words) else {
        return fitting(
            TABLE.iter().filter(|form| form.verb() == verb).filter_map(Form::word).collect(),
        );
    };
    let values = values(form);
    let is_ours =
        |word: &String| values.iter().any(|field| is_option(field) && field.word == *word);
    if words.last().is_some_and(is_ours) {
        // A number.
        return fitting(Vec::new());
    }
    if start.starts_with('-') {
        let free = values
            .iter()
            .filter(|field| is_option(field) && !words.iter().any(|word| word == field.word));
        return fitting(free.map(|field| field.word).collect());
    }
    let options = words.iter().filter(|word| is_ours(word)).count();
    let place = words.len().saturating_sub(2 * options);
    Some(
        match values.iter().filter(|field| !is_option(field)).nth(place).map(|field| field.takes) {
            Some(Takes::Worker) => Offer::Names(WORKERS),
            Some(Takes::Gpu) => Offer::Names("/gpu"),
            Some(Takes::Path) => Offer::Paths,
            _ => Offer::Words(
                values
                    .iter()
                    .filter(|field| {
                        is_option(field)
                            && start.is_empty()
                            && !words.iter().any(|word| word == field.word)
                    })
                    .map(|field| field.word.to_owned())
                    .collect(),
            ),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(ToOwned::to_owned).collect()
    }

    fn of(line: &str) -> Result<Order> {
        let words = words(line);
        order(&words[0], &words[1..])
    }

    #[test]
    fn words_are_canonical_lines() {
        for (words, line) in [
            ("spawn heartbeat", r#"{"spawn":"heartbeat"}"#),
            (
                "spawn heartbeat --ops 500 --ticks 100 --ttl 120 --period-ms 20",
                r#"{"spawn":"heartbeat","ticks":100,"period_ms":20,"budget":{"ttl_s":120,"ops":500}}"#,
            ),
            (
                "spawn gpu GPU-0 --mem-mb 4096 --streams 2 --lease-ttl 120 --priority 1 --ttl 60",
                r#"{"spawn":"gpu","lease":{"gpu_id":"GPU-0","mem_mb":4096,"streams":2,"ttl_s":120,"priority":1},"budget":{"ttl_s":60}}"#,
            ),
            ("kill worker-7", r#"{"kill":"worker-7"}"#),
            ("budget --ticks 5", r#"{"budget":{"ticks":5}}"#),
            ("bind /worker /shadow", r#"{"bind":{"from":"/worker","to":"/shadow"}}"#),
            ("bind / /shadow/", r#"{"bind":{"from":"/","to":"/shadow"}}"#),
            ("mount gpu-bridge /gpu", r#"{"mount":{"service":"gpu-bridge","at":"/gpu"}}"#),
            ("revoke 00ff00ff00ff00ff", r#"{"revoke":{"ticket":"00ff00ff00ff00ff"}}"#),
        ] {
            assert_eq!(of(words).expect(words).line, line);
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_what_is_right() {
        for (words, says) in [
            ("spawn", "spawn: of what kind? `spawn heartbeat` or `spawn gpu`"),
            ("spawn worm", "spawn: of what kind?"),
            ("spawn heartbeat x", "spawn heartbeat: `x` is too much: `spawn heartbeat [--ticks N]"),
            ("spawn heartbeat --tick 5", "spawn heartbeat: no option --tick: `spawn heartbeat ["),
            ("spawn heartbeat --ticks", "--ticks takes a value"),
            ("spawn heartbeat --ticks 1 --ticks 2", "--ticks stands twice"),
            ("spawn heartbeat --ticks 0", "ticks: must be a whole number from 1 to 1000000000"),
            ("spawn heartbeat --ticks 007", "ticks: must be a whole number"),
            ("spawn heartbeat --ticks +7", "ticks: must be a whole number"),
            ("spawn heartbeat --ticks -7", "ticks: must be a whole number"),
            ("spawn heartbeat --ttl 99999999", "spawn heartbeat: budget.ttl_s: must be a whole"),
            (
                "spawn gpu GPU-0 --streams 2 --lease-ttl 1",
                "--mem-mb is missing: `spawn gpu GPU --m",
            ),
            ("kill", "kill: ID is missing: `kill ID`"),
            ("kill 7", "kill: must be a worker like \"worker-7\""),
            ("kill worker-1 worker-2", "kill: `worker-2` is too much"),
            ("budget", "budget: says nothing: `budget [--ttl N] [--ops N] [--ticks N]`"),
            ("bind /a", "bind: TO is missing: `bind FROM TO`"),
            ("bind a /b", "bind.from: must be a path like"),
            ("bind /a\\b /b", "bind.from: must have no backslash"),
            ("mount Gpu /gpu", "mount.service: must be a service like"),
        ] {
            let failure = of(words).expect_err(words);
            assert!(failure.to_string().contains(says), "{words}: {failure}");
            assert_eq!(failure.code(), crate::FAILED);
        }
    }

    #[test]
    fn usage_and_names_are_the_tables() {
        for form in &TABLE {
            assert!(has(form.verb()) && names().any(|name| name == form.verb()));
        }
        let usage = TABLE.first().map(usage).expect("a command");
        assert_eq!(usage, "spawn heartbeat [--ticks N] [--period-ms N] [--ttl N] [--ops N]");
        let names: Vec<_> = names().collect();
        assert_eq!(names, ["spawn", "kill", "budget", "bind", "mount", "revoke"]);
    }

    #[test]
    fn the_table_tells_what_may_come_next() {
        let all = |words: &[&str]| Offer::Words(words.iter().map(ToString::to_string).collect());
        for (before, start, offered) in [
            ("spawn", "", all(&["heartbeat", "gpu"])),
            ("spawn", "h", all(&["heartbeat"])),
            ("spawn heartbeat", "--t", all(&["--ticks", "--ttl"])),
            ("spawn heartbeat --ticks 5", "--t", all(&["--ttl"])),
            ("spawn heartbeat", "", all(&["--ticks", "--period-ms", "--ttl", "--ops"])),
            ("spawn heartbeat --ticks", "", all(&[])),
            ("spawn gpu", "", Offer::Names("/gpu")),
            ("kill", "w", Offer::Names("/worker")),
            ("kill worker-1", "", all(&[])),
            ("bind", "/w", Offer::Paths),
            ("bind /worker", "", Offer::Paths),
            ("mount gpu-bridge", "/", Offer::Paths),
        ] {
            assert_eq!(offer(&words(before), start), Some(offered), "{before} {start}");
        }
        assert_eq!(offer(&words("cat"), "/"), None);
        assert_eq!(offer(&[], "sp"), None);
    }
}
