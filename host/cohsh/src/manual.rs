//! The manual page, made of the tables of commands and of the program's own options.

use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, italic, roman};
use serde_json::json;

use crate::failure::{Failure, Result};
use crate::help::entries;
use crate::output::Output;
use crate::target::VARIABLES;
use crate::{command, program, ticket};

/// What the commands have in common.
const LINES: &str = "\
Quotes ('...', \"...\") and backslashes work as in a shell; # starts a comment; there are no \
variables. Files are append-only, so > and >> are the same. From another shell quote the arrow: \
cohsh echo TEXT '>' PATH, or leave it out: cohsh echo TEXT /PATH.";

/// Exit codes.
const CODES: [(&str, &str); 3] = [
    ("0", "Everything was done."),
    ("1", "The hive refused, did what it was to refuse, or a ticket is not valid."),
    ("2", "Wrong usage, no link to the hive, or nowhere to write."),
];

/// What is read and written.
const FILES: [(&str, &str); 2] = [
    (
        "~/.config/cohesix/cohsh.toml",
        "Hives by their names: [hive.NAME] with socket or tcp, and ticket-file; default = \"NAME\" \
         says which is meant where nobody says. Options come first, then the environment, then \
         this file, then what is built in. Its paths are relative to its folder.",
    ),
    ("out/hive.sock", "Where ./cohesix run serves the hive."),
];

/// Some lines to begin with.
const EXAMPLES: [(&str, &str); 4] = [
    (
        "cohsh ticket mint --secret-file SECRET --role queen --out queen.ticket",
        "Mints a queen's ticket, good for a day.",
    ),
    ("cohsh --ticket-file queen.ticket spawn heartbeat --ticks 5", "Starts a worker."),
    ("cohsh --hive lab tail -f /worker/worker-1/telemetry", "Follows what it says."),
    ("cohsh --json workers", "Lists the workers as JSON objects, one a line."),
];

/// Runs the command behind the word `man`.
pub(crate) fn run(words: &[String], output: &mut Output) -> Result<()> {
    match words {
        [] => {}
        [option] if option == command::HELP => {
            return output.text("man: prints the manual page: `cohsh man | man -l -`\n");
        }
        _ => return Err(Failure::usage("man: takes nothing behind it")),
    }
    let page = page()?;
    match output.is_json() {
        true => output.object(&json!({ "man": page })),
        false => output.text(&page),
    }
}

fn page() -> Result<String> {
    let mut bytes = Vec::new();
    let man = Man::new(program::options()).manual("Cohesix");
    man.render_title(&mut bytes)?;
    man.render_name_section(&mut bytes)?;
    let mut roff = Roff::new();
    synopsis(&mut roff);
    roff.to_writer(&mut bytes)?;
    man.render_description_section(&mut bytes)?;
    man.render_options_section(&mut bytes)?;
    let mut roff = Roff::new();
    commands(&mut roff);
    tickets(&mut roff);
    let variables = VARIABLES.map(|variable| (variable.name, variable.help));
    for (title, list) in
        [("ENVIRONMENT", &variables[..]), ("FILES", &FILES), ("EXIT STATUS", &CODES)]
    {
        roff.control("SH", [title]);
        for (name, text) in list {
            item(&mut roff, name, text);
        }
    }
    roff.control("SH", ["EXAMPLES"]);
    for (line, text) in EXAMPLES {
        item(&mut roff, line, text);
    }
    roff.to_writer(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Something, and below it what it is.
fn item(roff: &mut Roff, what: &str, text: &str) {
    roff.control("TP", []);
    roff.text([bold(what)]);
    roff.text([roman(text)]);
}

fn synopsis(roff: &mut Roff) {
    roff.control("SH", ["SYNOPSIS"]);
    let ways = [("", "COMMAND"), ("-c ", "LINE"), ("--script ", "FILE"), ("", "")];
    for (option, value) in ways {
        let (options, end) = (italic("OPTIONS"), roman("] "));
        roff.text([bold("cohsh"), roman(" ["), options, end, bold(option), italic(value)]);
        roff.control("br", []);
    }
}

fn commands(roff: &mut Roff) {
    roff.control("SH", ["COMMANDS"]);
    roff.text([roman(LINES)]);
    for entry in entries() {
        item(roff, &entry.usage(None), entry.help());
        roff.control("RS", []);
        for (word, help) in entry.options(None) {
            item(roff, &word, &help);
        }
        roff.control("RE", []);
        for line in entry.more().lines() {
            roff.control("IP", []);
            roff.text([roman(line)]);
        }
    }
}

/// The options of `cohsh ticket`.
fn tickets(roff: &mut Roff) {
    roff.control("SH", ["TICKETS"]);
    let mut tickets = ticket::command().disable_help_subcommand(true);
    // How an argument is written is known only then.
    tickets.build();
    for command in tickets.get_subcommands() {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        item(roff, &format!("cohsh ticket {}", command.get_name()), &about);
        roff.control("RS", []);
        for argument in command.get_arguments() {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            item(roff, &argument.to_string(), &help);
        }
        roff.control("RE", []);
    }
}
