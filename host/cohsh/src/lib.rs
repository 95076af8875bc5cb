//! The hive's shell: files of a hive listed, read, followed and appended to, and a queen's commands.
//!
//! [`run`] is all of it: it runs one command, a script, or a shell at the terminal, over
//! connections that `connect` makes, and returns the exit code. `./cohesix run` embeds it with
//! connections of its own; the program `cohsh` connects to a socket.
//!
//! Nothing that a file holds moves the cursor: on a terminal control characters are shown as
//! escapes, and raw bytes go only where there is no terminal.
//!
//! Some words of [`Input::Words`] need no hive: `ticket` mints and shows tickets, `completions` and
//! `man` print what other programs read. [`program`] is the program around it all, with its options,
//! the environment and the configuration.
//!
//! Deliberately absent: variables, pipes, and files of this machine but for tickets and the
//! inputs of GPU jobs; the shell
//! outside has those. The history of a terminal's lines is gone at its end, for lines may hold
//! tickets.
#![forbid(unsafe_code)]

mod builtin;
mod command;
mod complete;
mod config;
mod control;
mod explain;
mod failure;
mod files;
mod generate;
mod gpu;
mod help;
mod job;
mod local;
mod manual;
mod output;
mod private;
pub mod program;
mod refusal;
mod session;
mod shell;
mod stream;
mod tail;
mod target;
mod ticket;
mod utc;
mod whoami;
mod words;
mod workers;

use std::fmt;
use std::io::{self, BufRead, IsTerminal as _};
use std::path::Path;

pub use stream::{Stream, tcp, unix};

use command::Command;
use failure::{Failure, Result};
use output::Output;
use session::Session;

/// Exit code: everything was done.
pub const OK: i32 = 0;
/// Exit code: the hive refused, or did what it was to refuse.
pub const REFUSED: i32 = 1;
/// Exit code: wrong usage, no link to the hive, or nowhere to write.
pub const FAILED: i32 = 2;

/// What to run.
pub enum Input {
    /// One command, as words of another shell. `echo`'s arrow is the word before the last; without
    /// one the last word is the path if it begins with a slash.
    Words(Vec<String>),
    /// One command, as a line of this shell.
    Line(String),
    /// Lines, until one fails.
    Script {
        /// What messages call it.
        name: String,
        /// Where they come from.
        lines: Box<dyn BufRead>,
    },
    /// A shell at the terminal, which must be stdin and stdout: prompt `coh> `, Tab completes,
    /// Ctrl-C interrupts a command, Ctrl-D ends. While it lives it watches for SIGINT; other
    /// watchers that use `signal-hook` hear the signal, too.
    Terminal,
}

/// How to run it.
#[derive(Clone)]
pub struct Options {
    /// One JSON object a result, errors too, all to stdout.
    pub json: bool,
    /// Who attaches.
    pub uname: String,
    /// With which ticket and to which tree ([`attach_name`]); "" is the hive's own, without one.
    pub aname: String,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The names may hold a ticket.
        f.debug_struct("Options").field("json", &self.json).finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self { json: false, uname: "queen".into(), aname: String::new() }
    }
}

/// What [`Options::aname`] is with the ticket in the file `ticket`: the ticket, and behind it the
/// path `tree`, which is empty or begins with a slash.
///
/// # Errors
/// Where it cannot be read, others may use it (its mode is not 0600), or it holds no ticket.
pub fn attach_name(ticket: &Path, tree: &str) -> anyhow::Result<String> {
    ticket::attach_name(ticket, tree).map_err(|failure| anyhow::anyhow!("{failure}"))
}

/// Runs `input` and returns [`OK`], [`REFUSED`] or [`FAILED`]; results go to stdout, messages to
/// stderr. Connects when the first command needs the hive, and again when a connection broke.
///
/// ```no_run
/// use cohsh::{Input, Options};
/// let input = Input::Line("cat /proc/boot".into());
/// let code = cohsh::run(|| cohsh::unix("out/hive.sock".as_ref()), input, &Options::default());
/// assert_eq!(code, cohsh::OK);
/// ```
pub fn run(
    connect: impl Fn() -> anyhow::Result<Box<dyn Stream>>,
    input: Input,
    options: &Options,
) -> i32 {
    let terminal = io::stdout().is_terminal();
    let mut output = Output::new(Box::new(io::stdout()), terminal, options.json);
    let session = Session::new(&connect, options);
    match input {
        Input::Words(words) => match local::find(&words) {
            Some(local) => ended(local.run(&words, &mut output), &mut output),
            None => once(session, Command::of_words(&words), &mut output),
        },
        Input::Line(line) => once(session, Command::of_line(&line), &mut output),
        Input::Script { name, lines } => script(session, &name, lines, &mut output),
        Input::Terminal => shell::run(session, &mut output),
    }
}

/// Runs one command.
fn once(mut session: Session, command: Result<Command>, output: &mut Output) -> i32 {
    ended(command.and_then(|command| session.execute(&command, output)), output)
}

/// Tells what failed.
fn ended(done: Result<()>, output: &mut Output) -> i32 {
    match done {
        Ok(()) => OK,
        Err(failure) => {
            output.failure("cohsh", &failure);
            failure.code()
        }
    }
}

/// Runs lines until one fails or says `exit`.
fn script(
    mut session: Session,
    name: &str,
    mut lines: Box<dyn BufRead>,
    output: &mut Output,
) -> i32 {
    let mut bytes = Vec::new();
    for number in 1.. {
        bytes.clear();
        let read = lines.read_until(b'\n', &mut bytes);
        let done = match read {
            Ok(0) => return OK,
            Ok(_) => script_line(&mut session, &bytes, output),
            Err(error) => Err(Failure::usage(format!("cannot be read: {error}"))),
        };
        match done {
            Ok(true) => {}
            Ok(false) => return OK,
            Err(failure) => {
                output.failure(&format!("{name}:{number}"), &failure);
                return failure.code();
            }
        }
    }
    OK
}

/// Whether to go on.
fn script_line(session: &mut Session, bytes: &[u8], output: &mut Output) -> Result<bool> {
    let line = str::from_utf8(bytes).map_err(|_| Failure::usage("the line is not UTF-8"))?;
    let command = Command::of_line(line)?;
    session.execute(&command, output)?;
    Ok(!matches!(command, Command::Exit))
}
