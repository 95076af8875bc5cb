//! What `help` and `cohsh --help` show: made of the tables of commands.

use std::fmt::Write as _;

use ::control::{Form, Issuer, TABLE, Takes};
use serde_json::{Value, json};
use ticket::Role;

use crate::builtin::{BUILTINS, Builtin, Flag};
use crate::control::{usage, values};
use crate::failure::{Failure, Result};
use crate::local::{LOCALS, Local};

/// Characters of the column in which usage stands.
const COLUMN: usize = 27;

/// A command.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Entry {
    Builtin(&'static Builtin),
    /// A line for `/queen/ctl`.
    Order(&'static Form),
    /// One that needs no hive.
    Local(&'static Local),
}

/// Every command.
pub(crate) fn entries() -> impl Iterator<Item = Entry> {
    let builtins = BUILTINS.iter().map(Entry::Builtin);
    builtins.chain(TABLE.iter().map(Entry::Order)).chain(LOCALS.iter().map(Entry::Local))
}

/// As whom a command of control is written.
pub(crate) fn issuer(issuer: Issuer) -> Role {
    match issuer {
        Issuer::Queen => Role::Queen,
    }
}

impl Entry {
    pub fn name(self) -> &'static str {
        match self {
            Self::Builtin(builtin) => builtin.name,
            Self::Order(form) => form.name,
            Self::Local(local) => local.name,
        }
    }

    /// How it is written, with the options that `role` may use; without one all of them.
    pub fn usage(self, role: Option<Role>) -> String {
        match self {
            Self::Builtin(builtin) => builtin.usage(role),
            Self::Order(form) => usage(form),
            Self::Local(local) => local.usage.to_owned(),
        }
    }

    /// What it does, in a line.
    pub fn help(self) -> &'static str {
        match self {
            Self::Builtin(builtin) => builtin.help,
            Self::Order(form) => form.help,
            Self::Local(local) => local.help,
        }
    }

    /// Who may use it.
    pub fn roles(self) -> Vec<Role> {
        match self {
            Self::Builtin(builtin) => builtin.roles.to_vec(),
            Self::Order(form) => form.issuers.iter().copied().map(issuer).collect(),
            Self::Local(_) => Role::ALL.to_vec(),
        }
    }

    fn is_for(self, role: Option<Role>) -> bool {
        role.is_none_or(|role| self.roles().contains(&role))
    }

    /// What stands behind its name, with what it is for.
    pub fn options(self, role: Option<Role>) -> Vec<(String, String)> {
        match self {
            Self::Builtin(builtin) => builtin.flags_of(role).map(flag).collect(),
            Self::Order(form) => values(form)
                .into_iter()
                .map(|field| match field.takes {
                    Takes::Number { min, max } => {
                        (format!("{} N", field.word), format!("{} ({min} to {max})", field.help))
                    }
                    _ => (field.word.to_owned(), field.help.to_owned()),
                })
                .collect(),
            Self::Local(_) => Vec::new(),
        }
    }

    /// What else is to be known.
    pub fn more(self) -> String {
        let more = match self {
            Self::Builtin(builtin) => builtin.more,
            Self::Local(local) => local.more,
            Self::Order(_) => "It is written to /queen/ctl and answered when it is done.",
        };
        let roles = self.roles();
        if roles.len() == Role::ALL.len() {
            return more.to_owned();
        }
        let names: Vec<_> = roles.into_iter().map(Role::name).collect();
        let for_whom = format!("For sessions with a ticket of: {}.", names.join(", "));
        if more.is_empty() { for_whom } else { format!("{more}\n{for_whom}") }
    }

    fn object(self, role: Option<Role>) -> Value {
        let roles: Vec<_> = self.roles().into_iter().map(Role::name).collect();
        json!({
            "command": self.name(),
            "usage": self.usage(role),
            "help": self.help(),
            "roles": roles,
            "usable": role.map(|_| self.is_for(role)),
        })
    }

    /// What it does, as a page.
    fn page(self, role: Option<Role>) -> String {
        let mut page = format!("{}\n    {}\n", self.usage(role), self.help());
        for (word, help) in self.options(role) {
            // Cannot fail: it is a string. (So below.)
            let _ = writeln!(page, "      {word:<14} {help}");
        }
        for line in self.more().lines() {
            let _ = writeln!(page, "    {line}");
        }
        page
    }
}

fn flag(flag: &Flag) -> (String, String) {
    let value = flag.value.map_or(String::new(), |value| format!(" {value}"));
    (format!("{}{value}", flag.word), flag.help.to_owned())
}

/// What stands below the commands.
const BELOW: &str = "\
`help COMMAND` says more. Quotes ('...', \"...\") and backslashes work as in a shell; # starts a
comment; there are no variables. From another shell quote the arrow: cohsh echo TEXT '>' PATH, or
cohsh echo TEXT /PATH, or cohsh -c 'echo TEXT > PATH'.
";

/// The commands that this role may use; without one all of them.
pub(crate) fn commands(role: Option<Role>) -> String {
    let usable = || entries().filter(|entry| entry.is_for(role));
    let mut text = match role {
        Some(role) => format!("Commands of this session, which is {}:\n", of(role)),
        None => "Commands:\n".to_owned(),
    };
    for entry in usable().filter(|entry| matches!(entry, Entry::Builtin(_))) {
        let usage = entry.usage(role);
        let _ = match usage.len() <= COLUMN {
            true => writeln!(text, "  {usage:<COLUMN$} {}", entry.help()),
            false => writeln!(text, "  {usage}\n  {:COLUMN$} {}", "", entry.help()),
        };
    }
    let mut title = "\nCommands of a queen:\n";
    for entry in usable().filter(|entry| matches!(entry, Entry::Order(_))) {
        let _ = writeln!(text, "{title}  {}\n      {}", entry.usage(role), entry.help());
        title = "";
        for (word, help) in entry.options(role) {
            let _ = writeln!(text, "      {word:<14} {help}");
        }
    }
    text += "\nFrom another shell only:\n";
    for local in &LOCALS {
        let _ = writeln!(text, "  {:<COLUMN$} {}", local.usage, local.help);
    }
    let others: Vec<_> = entries().filter(|entry| !entry.is_for(role)).map(Entry::name).collect();
    if !others.is_empty() {
        let _ = writeln!(text, "\nWith another ticket also: {}", others.join(", "));
    }
    text.push('\n');
    text + BELOW
}

/// The commands, for people.
pub(crate) fn command_help() -> String {
    commands(None)
}

/// The role's name with what it is called: `a queen's`.
pub(crate) fn of(role: Role) -> String {
    let article = if role == Role::Observer { "an" } else { "a" };
    format!("{article} {}'s", role.name())
}

/// The same as objects, one a command.
pub(crate) fn objects(role: Option<Role>) -> Vec<Value> {
    entries().map(|entry| entry.object(role)).collect()
}

/// The commands that are meant: `spawn` means several.
pub(crate) fn meant(topic: &str) -> Result<Vec<Entry>> {
    let is_meant = |entry: &Entry| {
        let (name, first) = (entry.name(), entry.name().split(' ').next());
        name == topic || first == Some(topic)
    };
    let meant: Vec<_> = entries().filter(is_meant).collect();
    if meant.is_empty() {
        let names: Vec<_> = entries().map(Entry::name).collect();
        let names = names.join(", ");
        return Err(Failure::usage(format!("help: `{topic}` is no command; there are {names}")));
    }
    Ok(meant)
}

/// What these commands do, and how.
pub(crate) fn pages(entries: &[Entry]) -> String {
    let pages: Vec<_> = entries.iter().map(|entry| entry.page(None)).collect();
    pages.join("\n")
}

/// The same as objects.
pub(crate) fn page_objects(entries: &[Entry]) -> Vec<Value> {
    entries.iter().map(|entry| entry.object(None)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_command_and_option() {
        let all = commands(None);
        for entry in entries() {
            assert!(all.contains(&format!("\n  {}", entry.usage(None))), "{all}");
            assert!(all.contains(entry.help()));
            let page = pages(&meant(entry.name()).expect("a command"));
            assert!(page.starts_with(&entry.usage(None)) && page.contains(entry.help()), "{page}");
            for (word, help) in entry.options(None) {
                assert!(page.contains(&format!("{word} ")) && page.contains(&help), "{page}");
            }
        }
        assert!(all.contains("seconds that a worker lives (1 to 31536000)"));
    }

    #[test]
    fn a_role_is_shown_what_it_may_use() {
        let observer = commands(Some(Role::Observer));
        assert!(observer.starts_with("Commands of this session, which is an observer's:\n"));
        assert!(!observer.contains("  spawn heartbeat") && !observer.contains("  echo"));
        let others = "\nWith another ticket also: echo, gpu lease, gpu run, spawn heartbeat, ";
        assert!(observer.contains(others));
        assert!(observer.contains("\n  workers"));
        let worker = commands(Some(Role::WorkerHeartbeat));
        assert!(worker.contains("  echo") && worker.contains("  tail [-n N] PATH"), "{worker}");
        assert!(!commands(Some(Role::Queen)).contains("With another ticket"));
    }

    #[test]
    fn a_verb_means_all_its_commands() {
        let spawn = meant("spawn").expect("commands");
        let names: Vec<_> = spawn.into_iter().map(Entry::name).collect();
        assert_eq!(names, ["spawn heartbeat", "spawn gpu"]);
        assert_eq!(meant("spawn gpu").expect("a command").len(), 1);
        let failure = meant("bogus").expect_err("none").to_string();
        assert!(failure.contains("`bogus` is no command; there are attach, "), "{failure}");
    }
}
