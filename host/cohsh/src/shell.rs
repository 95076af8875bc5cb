//! The shell at a terminal.

use std::cell::RefCell;

use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;
use rustyline::{CompletionType, Config, Editor};

use crate::command::Command;
use crate::complete::Completion;
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::session::Session;
use crate::stream::Interrupts;
use crate::{FAILED, OK};

const PROMPT: &str = "coh> ";
/// Whose messages these are.
const NAME: &str = "cohsh";

/// Runs lines of the terminal until it ends. What fails is told, and the next line is asked for.
pub(crate) fn run(session: Session, output: &mut Output) -> i32 {
    let session = RefCell::new(session);
    match lines(&session, output) {
        Ok(()) => OK,
        Err(failure) => {
            output.failure(NAME, &failure);
            FAILED
        }
    }
}

/// An editor of lines.
type Lines<'a, 's> = Editor<Completion<'a, 's>, MemHistory>;

fn editor<'a, 's>(session: &'a RefCell<Session<'s>>) -> rustyline::Result<Lines<'a, 's>> {
    let config = Config::builder()
        .auto_add_history(true)
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .build();
    let history = MemHistory::with_config(&config);
    let mut editor = Editor::with_history(config, history)?;
    editor.set_helper(Some(Completion(session)));
    Ok(editor)
}

fn no_terminal(error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("the terminal does not work: {error}; use --script"))
}

fn lines(session: &RefCell<Session>, output: &mut Output) -> Result<()> {
    let interrupts = Interrupts::watch().map_err(|error| no_terminal(&error))?;
    session.borrow_mut().set_interrupts(interrupts);
    let mut editor = editor(session).map_err(|error| no_terminal(&error))?;
    loop {
        output.fresh_line()?;
        let line = match editor.readline(PROMPT) {
            Ok(line) => line,
            Err(ReadlineError::Eof) => return Ok(()),
            // Ctrl-C leaves the line; a signal of the window's size leaves nothing.
            Err(ReadlineError::Interrupted | ReadlineError::Signal(_)) => continue,
            Err(error) => return Err(no_terminal(&error)),
        };
        let mut session = session.borrow_mut();
        session.clear_interrupts();
        let command = Command::of_line(&line);
        match command.and_then(|command| session.execute(&command, output).map(|()| command)) {
            Ok(Command::Exit) => return Ok(()),
            Ok(_) => {}
            Err(failure) if failure.is_broken_pipe() => return Err(failure),
            Err(failure) => output.failure(NAME, &failure),
        }
    }
}
