//! The shell on a VM that runs: at a terminal, or a script from stdin.
//!
//! The shell has a thread of its own; this one watches QEMU. Whoever ends first ends the other.

use std::io::{self, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cohsh::{Input, Options, Stream};
use link::Link;
use signal_hook::consts::SIGINT;
use ticket::Ticket;

use super::Outcome;
use crate::hive::Hive;
use crate::qemu::{Event, Running, Sentinel};

/// How long the hive may take to answer after QEMU's start.
const READY: Duration = Duration::from_secs(60);
/// How often the link is asked whether it is ready, while the VM boots.
const STEP: Duration = Duration::from_millis(20);

/// Runs a shell on `hive` until it ends; then stops QEMU. `terminal`: the shell is interactive.
pub fn run(running: &mut Running, hive: &Hive, ticket: &Ticket, terminal: bool) -> Result<Outcome> {
    let link = hive.link.clone();
    let options = Options { aname: ticket.as_str().to_owned(), ..Options::default() };
    attend(running, hive, terminal, move || {
        cohsh::run(|| connect(&link), input(terminal), &options)
    })
}

/// Runs `work` when `hive` answers, until it ends with an exit code; then stops QEMU. `terminal`:
/// it has the terminal in its hands.
pub fn attend(
    running: &mut Running,
    hive: &Hive,
    terminal: bool,
    work: impl FnOnce() -> i32 + Send + 'static,
) -> Result<Outcome> {
    if let Some(outcome) = boot(running, &hive.link, terminal)? {
        return Ok(outcome);
    }
    if terminal {
        eprintln!("The hive is at {}; Ctrl-D ends it.", hive.socket.display());
    }
    let (ended, exit_code) = mpsc::channel();
    let wake = running.waker();
    thread::Builder::new().name("shell".into()).spawn(move || {
        let code = work();
        // Nobody listens any more where QEMU has ended.
        let _ = ended.send(code);
        wake();
    })?;
    let outcome = watch(running, &exit_code, terminal);
    if terminal && outcome.is_err() {
        // The shell had the terminal in its hands when it was left behind.
        let _ = std::process::Command::new("stty").arg("sane").status();
    }
    outcome
}

fn input(terminal: bool) -> Input {
    if terminal {
        return Input::Terminal;
    }
    Input::Script { name: "stdin".into(), lines: Box::new(BufReader::new(io::stdin())) }
}

fn connect(link: &Link) -> Result<Box<dyn Stream>> {
    let (ours, theirs) = UnixStream::pair().context("cannot make a socket pair")?;
    link.attach(theirs).context("the VM does not take another connection")?;
    Ok(Box::new(ours))
}

/// Waits until the hive answers; at a terminal the VM's output is shown meanwhile. An outcome ends
/// the run before there is a shell.
fn boot(running: &mut Running, link: &Link, terminal: bool) -> Result<Option<Outcome>> {
    let deadline = running.started() + READY;
    while !link.is_ready() {
        match running.next_event(Some(Instant::now() + STEP)) {
            None if Instant::now() < deadline => {}
            None => {
                bail!("the hive does not answer; the VM's last lines:\n{}", running.last_lines())
            }
            Some(Event::Line(line)) if terminal => {
                writeln!(io::stdout(), "{}", line.text).context("cannot write to stdout")?;
            }
            Some(event) => {
                if let Some(outcome) = stop(running, &event)? {
                    return Ok(Some(outcome));
                }
            }
        }
    }
    Ok(None)
}

/// Watches QEMU until the shell has ended.
fn watch(
    running: &mut Running,
    exit_code: &mpsc::Receiver<i32>,
    terminal: bool,
) -> Result<Outcome> {
    loop {
        let Some(event) = running.next_event(None) else { continue };
        if let Ok(code) = exit_code.try_recv() {
            running.quit()?;
            return Ok(Outcome::Exited(code));
        }
        // At a terminal Ctrl-C is the shell's: it interrupts a command.
        if terminal && event == Event::Interrupted(SIGINT) {
            continue;
        }
        if let Some(outcome) = stop(running, &event)? {
            return Ok(outcome);
        }
    }
}

/// What ends the run, whatever the shell does.
fn stop(running: &mut Running, event: &Event) -> Result<Option<Outcome>> {
    match event {
        Event::Line(_) | Event::Sentinel(Sentinel::Passed) | Event::Woken => Ok(None),
        Event::Sentinel(Sentinel::Failed) => {
            running.quit()?;
            bail!("the VM reported a failure; its last lines:\n{}", running.last_lines());
        }
        Event::Interrupted(signal) => {
            running.quit()?;
            Ok(Some(Outcome::Interrupted(*signal)))
        }
        Event::End => {
            let status = running.wait()?;
            bail!("QEMU ended by itself ({status}); its last lines:\n{}", running.last_lines());
        }
    }
}
