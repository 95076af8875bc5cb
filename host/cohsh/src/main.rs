//! `cohsh`: the hive's shell, as a program.
#![forbid(unsafe_code)]

use std::fs::File;
use std::io::{self, BufReader, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use cohsh::{FAILED, Input, Options, command_help};

/// Where `./cohesix run` serves the hive.
const SOCKET: &str = "out/hive.sock";

/// [`FAILED`], as it is before there is anything to run.
const USAGE: u8 = 2;

/// The hive's shell: lists, reads, follows and appends to the hive's files
///
/// Without a command it reads lines: with a prompt from a terminal, as a script from anything
/// else, which stops at the first line that fails. Exit code 0: done; 1: the hive refused; 2:
/// wrong usage, or no link to the hive.
#[derive(Debug, Parser)]
#[command(name = "cohsh", version, after_help = command_help())]
struct Arguments {
    /// The hive's unix socket [default: $COHESIX_SOCKET, else out/hive.sock]
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Connect by TCP instead
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "socket")]
    tcp: Option<String>,
    /// Who attaches
    #[arg(long, value_name = "NAME", default_value_t = Options::default().uname)]
    uname: String,
    /// Attach with the ticket in a file of mode 0600 [default: $COHSH_TICKET_FILE, else none]
    #[arg(long, value_name = "FILE")]
    ticket_file: Option<PathBuf>,
    /// The tree to attach to [default: the hive's own]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    aname: String,
    /// Print one JSON object a result, errors too
    #[arg(long)]
    json: bool,
    /// Run the lines of a file
    #[arg(long, value_name = "FILE", conflicts_with_all = ["line", "words"])]
    script: Option<PathBuf>,
    /// Run one line
    #[arg(short = 'c', value_name = "LINE", conflicts_with = "words")]
    line: Option<String>,
    /// Run one command
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    words: Vec<String>,
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            // clap says in its first line what is wrong, and a page of usage behind it.
            let text = error.to_string();
            let line = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
            eprintln!("cohsh: {line}; `cohsh --help` shows what there is");
            return ExitCode::from(USAGE);
        }
        Err(help) => help.exit(),
    };
    let code = match start(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cohsh: {error:#}");
            FAILED
        }
    };
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}

fn start(arguments: Arguments) -> Result<i32> {
    let Arguments { socket, tcp, uname, ticket_file, aname, json, script, line, words } = arguments;
    if [&uname, &aname].iter().any(|name| name.contains("cohesix-ticket-")) {
        bail!(
            "a ticket is no argument, for others see those: write it to a file, and give that by --ticket-file"
        );
    }
    let socket = socket.or_else(|| path_from("COHESIX_SOCKET")).unwrap_or_else(|| SOCKET.into());
    let connect = || match &tcp {
        Some(address) => cohsh::tcp(address),
        None => cohsh::unix(&socket),
    };
    let input = input(script.as_deref(), line, words)?;
    // `cohsh ticket` asks no hive.
    let attaches = !matches!(&input, Input::Words(words) if words.first().is_some_and(|word| word == "ticket"));
    let aname = match ticket_file.or_else(|| path_from("COHSH_TICKET_FILE")) {
        Some(ticket) if attaches => cohsh::attach_name(&ticket, &aname)?,
        _ => aname,
    };
    Ok(cohsh::run(connect, input, &Options { json, uname, aname }))
}

/// The path in a variable of the environment.
fn path_from(variable: &str) -> Option<PathBuf> {
    std::env::var_os(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
}

fn input(script: Option<&Path>, line: Option<String>, words: Vec<String>) -> Result<Input> {
    if let Some(path) = script {
        let name = path.display().to_string();
        let file = File::open(path)
            .with_context(|| format!("cannot read the script {name}: check its path"))?;
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
