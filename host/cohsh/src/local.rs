//! Commands that need no hive: they come from another shell's words, and from there only.

use crate::failure::Result;
use crate::output::Output;
use crate::{generate, manual, ticket};

/// A command.
#[derive(Debug)]
pub(crate) struct Local {
    pub name: &'static str,
    pub usage: &'static str,
    /// What it does, in a line.
    pub help: &'static str,
    /// What else is to be known.
    pub more: &'static str,
    run: fn(&[String], &mut Output) -> Result<()>,
}

/// Every one, in order of the names.
pub(crate) static LOCALS: [Local; 3] = [
    Local {
        name: "completions",
        usage: "completions SHELL",
        help: "print completions for bash, zsh or fish",
        more: "docs/USERLAND_AND_CLI.md says where to put them.",
        run: generate::run,
    },
    Local {
        name: "man",
        usage: "man",
        help: "print the manual page, for `man -l`",
        more: "docs/USERLAND_AND_CLI.md says where to put it.",
        run: manual::run,
    },
    Local {
        name: "ticket",
        usage: "ticket mint|show ...",
        help: "mint and show tickets",
        more: "`cohsh ticket --help` shows how.",
        run: ticket::run,
    },
];

/// The command that these words begin with, if it is one of these.
pub(crate) fn find(words: &[String]) -> Option<&'static Local> {
    let name = words.first()?;
    LOCALS.iter().find(|local| local.name == name)
}

impl Local {
    /// Runs it with the words, of which the first is its name.
    pub fn run(&self, words: &[String], output: &mut Output) -> Result<()> {
        (self.run)(words.get(1..).unwrap_or_default(), output)
    }
}
