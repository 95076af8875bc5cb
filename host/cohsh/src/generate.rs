//! Completions for other shells, made of the tables of commands and of the program's own options.

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command, ValueHint};
use clap_complete::Shell;
use serde_json::json;

use ::control::{Field, Form, TABLE, Takes as Value};

use crate::builtin::{BUILTINS, Builtin, Flag, Place, Takes, first_words};
use crate::control::{is_option, values};
use crate::failure::{Failure, Result};
use crate::local::{LOCALS, Local};
use crate::output::Output;
use crate::{command, control, program, ticket};

/// What the program is called.
const NAME: &str = "cohsh";
/// Every shell.
const SHELLS: [(&str, Shell); 3] =
    [("bash", Shell::Bash), ("zsh", Shell::Zsh), ("fish", Shell::Fish)];

/// Runs the command behind the word `completions`.
pub(crate) fn run(words: &[String], output: &mut Output) -> Result<()> {
    let usage = || {
        let names = SHELLS.map(|(name, _)| name).join("|");
        format!("completions: for which shell? `cohsh completions {names}`")
    };
    let [name] = words else { return Err(Failure::usage(usage())) };
    if name == command::HELP {
        return output.text(&format!("{}\n", usage()));
    }
    let shell = SHELLS.iter().find(|(other, _)| other == name);
    let (_, shell) = shell.ok_or_else(|| Failure::usage(usage()))?;
    let mut text = Vec::new();
    clap_complete::generate(*shell, &mut tree(), NAME, &mut text);
    let text = String::from_utf8_lossy(&text);
    match output.is_json() {
        true => output.object(&json!({ "shell": name, "completions": text })),
        false => output.text(&text),
    }
}

/// The program with every command. Its words are taken apart by `command`, not by this.
fn tree() -> Command {
    let builtins = first_words().map(builtins);
    let orders = control::names().map(order);
    let locals = LOCALS.iter().map(local);
    program::options()
        .disable_help_subcommand(true)
        .subcommands(builtins.chain(orders).chain(locals))
}

/// A command that is asked by `--help` alone what it does.
fn plain(name: &'static str, about: &'static str) -> Command {
    let help = Arg::new(command::HELP).long("help").action(ArgAction::SetTrue);
    Command::new(name).about(about).disable_help_flag(true).arg(help.help("Show what it does"))
}

/// The builtins with this first word.
fn builtins(first: &'static str) -> Command {
    let mut all = BUILTINS.iter().filter(|builtin| builtin.first_word() == first);
    if let Some(one) = all.clone().find(|builtin| builtin.name == first) {
        return builtin(one, first);
    }
    let kinds = all.by_ref().filter_map(|one| Some(builtin(one, one.name.split_once(' ')?.1)));
    plain(first, "list, lease and use GPUs").disable_help_subcommand(true).subcommands(kinds)
}

fn builtin(builtin: &'static Builtin, name: &'static str) -> Command {
    let command = plain(name, builtin.help).args(builtin.flags.iter().map(flag));
    // What stands before something that must be there counts as required: clap wants it so, and
    // for completion it is all the same.
    let last = builtin.places.iter().rposition(|place| place.required);
    let places = builtin.places.iter().enumerate();
    command.args(
        places.map(|(index, one)| place(one).required(last.is_some_and(|last| index <= last))),
    )
}

fn flag(flag: &'static Flag) -> Arg {
    let arg = Arg::new(flag.word).help(flag.help);
    let arg = match flag.word.strip_prefix("--") {
        Some(long) => arg.long(long),
        None => arg.short(flag.word.chars().nth(1).unwrap_or('-')),
    };
    match flag.value {
        Some("DIR") => arg.value_name("DIR").value_hint(ValueHint::DirPath),
        Some(value) => arg.value_name(value).value_hint(ValueHint::Other),
        None => arg.action(ArgAction::SetTrue),
    }
}

fn place(place: &'static Place) -> Arg {
    let name = place.word.trim_start_matches("> ");
    let arg = Arg::new(place.word).value_name(name);
    let arg = if place.many { arg.num_args(1..) } else { arg };
    match place.takes {
        // Paths are the hive's, and not those of the files here.
        Takes::Path | Takes::Text | Takes::Gpu => arg.value_hint(ValueHint::Other),
        Takes::OneOf => {
            arg.value_name("KERNEL").value_parser(PossibleValuesParser::new(place.word.split('|')))
        }
        Takes::File => arg.value_hint(ValueHint::FilePath),
        Takes::Command => arg.value_parser(PossibleValuesParser::new(command::names())),
    }
}

/// The commands of control with this verb.
fn order(verb: &'static str) -> Command {
    let mut forms = TABLE.iter().filter(|form| form.verb() == verb).peekable();
    match forms.peek() {
        Some(form) if form.word().is_none() => fields(plain(verb, form.help), form),
        _ => {
            let kinds = forms.filter_map(|form| Some(fields(plain(form.word()?, form.help), form)));
            plain(verb, "start a worker").disable_help_subcommand(true).subcommands(kinds)
        }
    }
}

fn fields(command: Command, form: &'static Form) -> Command {
    command.args(values(form).into_iter().map(field))
}

fn field(field: &'static Field) -> Arg {
    let arg = Arg::new(field.word).help(field.help).value_hint(ValueHint::Other);
    let value = if matches!(field.takes, Value::Number { .. }) { "N" } else { field.word };
    match is_option(field) {
        true => arg.long(field.word.trim_start_matches('-')).value_name(value),
        false => arg.value_name(field.word).required(field.required),
    }
}

fn local(local: &'static Local) -> Command {
    match local.name {
        "ticket" => ticket::command().about(local.help).disable_help_subcommand(true),
        "completions" => {
            let names = PossibleValuesParser::new(SHELLS.map(|(name, _)| name));
            plain(local.name, local.help).arg(Arg::new("SHELL").required(true).value_parser(names))
        }
        name => plain(name, local.help),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_makes_sense_to_clap() {
        tree().debug_assert();
    }
}
