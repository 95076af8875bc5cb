//! The program `cohsh`: its options, and what it runs.

use std::env;
use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args as _, Parser as _};

use crate::failure::{Failure, Result};
use crate::help::command_help;
use crate::output::Output;
use crate::target::{self, Endpoint, Target};
use crate::{FAILED, Input, Options, Stream, local, ticket};

/// What the program is, in a line.
const ABOUT: &str =
    "The hive's shell: lists, reads, follows and appends to the hive's files, and commands workers";
/// The rest.
const LONG_ABOUT: &str = "\
Without a command it reads lines: with a prompt from a terminal, as a script from anything else, \
which stops at the first line that fails. Exit code 0: done; 1: the hive refused, or did what it \
was to refuse; 2: wrong usage, or no link to the hive.";

/// What stands before a command.
#[derive(Debug, clap::Args)]
pub(crate) struct Global {
    #[command(flatten)]
    pub target: target::Asked,
    /// Who attaches
    #[arg(long, value_name = "NAME", default_value_t = Options::default().uname, value_hint = clap::ValueHint::Username)]
    uname: String,
    /// The tree to attach to [default: the hive's own]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true, value_hint = clap::ValueHint::Other)]
    aname: String,
    /// Print one JSON object a result, errors too
    #[arg(long)]
    json: bool,
    /// Run the lines of a file
    #[arg(long, value_name = "FILE", conflicts_with = "line", value_hint = clap::ValueHint::FilePath)]
    script: Option<PathBuf>,
    /// Run one line
    #[arg(short = 'c', value_name = "LINE", value_hint = clap::ValueHint::Other)]
    line: Option<String>,
}

#[derive(Debug, clap::Parser)]
#[command(name = "cohsh", version, about = ABOUT, after_help = command_help())]
#[command(long_about = format!("{ABOUT}\n\n{LONG_ABOUT}"))]
struct Arguments {
    #[command(flatten)]
    global: Global,
    /// Run one command
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    #[arg(conflicts_with_all = ["line", "script"])]
    words: Vec<String>,
}

/// The program with its options and without commands.
pub(crate) fn options() -> clap::Command {
    let program = clap::Command::new("cohsh").version(env!("CARGO_PKG_VERSION"));
    // Afterwards, for the options' own comment counts as one about the program.
    Global::augment_args(program).about(ABOUT).long_about(LONG_ABOUT)
}

/// Runs the program with the process' own arguments.
#[must_use]
pub fn main() -> ExitCode {
    let code = match Arguments::try_parse() {
        Ok(arguments) => {
            let json = arguments.global.json;
            start(arguments).unwrap_or_else(|failure| failed(json, &failure))
        }
        Err(error) if error.use_stderr() => {
            // clap says in its first line what is wrong, and a page of usage behind it.
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            let failure = Failure::usage(format!("{line}; `cohsh --help` shows what there is"));
            failed(env::args().any(|word| word == "--json"), &failure)
        }
        Err(help) => help.exit(),
    };
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

/// Tells a failure that came before anything ran.
fn failed(json: bool, failure: &Failure) -> i32 {
    let terminal = io::stdout().is_terminal();
    Output::new(Box::new(io::stdout()), terminal, json).failure("cohsh", failure);
    FAILED
}

fn start(arguments: Arguments) -> Result<i32> {
    let Arguments { global, words } = arguments;
    let Global { target, uname, aname, json, script, line } = global;
    if [&uname, &aname].iter().any(|name| name.contains(::ticket::PREFIX)) {
        return Err(Failure::usage(
            "a ticket is no argument, for others see those: write it to a file, and give that by \
             --ticket-file",
        ));
    }
    // Who asks for help may not have got the rest right yet.
    let is_help = words.first().is_some_and(|word| word == "help");
    let needs_hive = local::find(&words).is_none();
    let input = input(script, line, words)?;
    let options = Options { json, uname, aname };
    if !needs_hive {
        return Ok(crate::run(|| Err(anyhow::anyhow!("no hive is asked")), input, &options));
    }
    match attach(&target, options.clone()) {
        Ok((endpoint, options)) => Ok(crate::run(|| connect(&endpoint), input, &options)),
        Err(failure) if is_help => {
            Ok(crate::run(|| Err(anyhow::anyhow!("{failure}")), input, &options))
        }
        Err(failure) => Err(failure),
    }
}

/// Where the hive is, and the options with the ticket.
fn attach(asked: &target::Asked, options: Options) -> Result<(Endpoint, Options)> {
    let Target { endpoint, ticket_file } =
        target::resolve(asked, &|variable| env::var_os(variable))?;
    let aname = match ticket_file {
        Some(file) => ticket::attach_name(&file, &options.aname)?,
        None => options.aname,
    };
    Ok((endpoint, Options { aname, ..options }))
}

fn connect(endpoint: &Endpoint) -> anyhow::Result<Box<dyn Stream>> {
    match endpoint {
        Endpoint::Socket(path) => crate::unix(path),
        Endpoint::Tcp(address) => crate::tcp(address),
    }
}

fn input(script: Option<PathBuf>, line: Option<String>, words: Vec<String>) -> Result<Input> {
    if let Some(path) = script {
        let name = path.display().to_string();
        let file = File::open(path).map_err(|error| {
            Failure::usage(format!("the script cannot be read: {error}; check its path")).at(&name)
        })?;
        return Ok(Input::Script { name, lines: Box::new(BufReader::new(file)) });
    }
    Ok(match line {
        Some(line) => Input::Line(line),
        None if !words.is_empty() => Input::Words(words),
        None if io::stdin().is_terminal() && io::stdout().is_terminal() => Input::Terminal,
        None => {
            let lines = Box::new(BufReader::new(io::stdin()));
            Input::Script { name: "stdin".into(), lines }
        }
    })
}
