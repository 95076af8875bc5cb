//! `./cohesix run`: boots what was built and shows it.
//!
//! Three ways: interactive on a terminal; copying the serial output to stdout; headless with the
//! output in a log file. Only the last two read the output, so only they notice a failure that
//! the guest reports (the byte NAK). The caller holds the output folder's lock
//! ([`crate::lock::lock_out`]) from before the build until this returns.

mod shell;

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::hive::Hive;
use crate::qemu::{Event, Machine, Qemu, Running, Sentinel, Serial};
use crate::rootfs::check_rootfs;
use crate::secret::Secret;
use crate::workspace;

/// How long what works with a hive may take to notice that it is gone.
const WORK_ENDS: Duration = Duration::from_secs(10);

/// The options of `run`.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// QEMU's RAM in MiB instead of what the kernel was built for; never less than that.
    pub memory: Option<u32>,
    /// Serial output to `out/serial.log` only.
    pub headless: bool,
    /// Stop QEMU after so many seconds.
    pub for_seconds: Option<u64>,
    /// Only print the QEMU command.
    pub dry_run: bool,
    /// What the hive's tickets are made with; a random secret where it is absent.
    pub secret: Option<PathBuf>,
    /// Serve the hive at this TCP port, or address and port, too.
    pub listen: Option<String>,
}

/// What the build made.
#[derive(Debug, Clone)]
pub struct Payload {
    /// Our loader's raw image, or the ELF of another loader with everything inside.
    pub kernel_image: PathBuf,
    /// The boot archive for our loader.
    pub initrd: Option<PathBuf>,
    /// RAM in MiB that the kernel was compiled for.
    pub memory_mib: u32,
    /// The guest may end QEMU with an exit code.
    pub semihosting: bool,
    /// The guest drives a serial port to us, for 9P.
    pub link: bool,
}

/// How a run ended that did not fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Stopped as asked, or only the command was printed.
    Stopped,
    /// Stopped because of this signal to us.
    Interrupted(i32),
    /// The shell ended with this exit code.
    Exited(i32),
}

impl From<Outcome> for ExitCode {
    /// 0, or the shell's 128 + signal.
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Stopped => Self::SUCCESS,
            Outcome::Exited(code) => u8::try_from(code).map_or(Self::FAILURE, Self::from),
            Outcome::Interrupted(signal) => {
                u8::try_from(128 + signal).map_or(Self::FAILURE, Self::from)
            }
        }
    }
}

/// Where a run's serial output goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// A shell on the hive; the serial output goes to the log.
    Shell,
    Interactive,
    Copy,
    Headless,
}

impl Mode {
    fn of(options: &RunOptions, terminal: bool, link: bool) -> Self {
        match options {
            RunOptions { headless: true, .. } => Self::Headless,
            RunOptions { for_seconds: Some(_), .. } => Self::Copy,
            _ if link => Self::Shell,
            _ if terminal => Self::Interactive,
            _ => Self::Copy,
        }
    }
}

/// Boots `payload`. `Err` where it cannot start, where the guest reports a failure, and where QEMU
/// ends by itself too early or with a failing status.
pub fn run(payload: &Payload, options: &RunOptions) -> Result<Outcome> {
    let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
    let mode = Mode::of(options, terminal, payload.link);
    let log = workspace::out().join("serial.log");
    let secret = secret(payload, options)?;
    let file = secret.as_ref().map(|secret| secret.file().to_path_buf());
    let machine = machine(payload, options, mode, &log, file)?;
    if options.dry_run {
        println!("{}", machine.command_line(&Qemu::locate()?));
        return Ok(Outcome::Stopped);
    }
    if matches!(mode, Mode::Headless | Mode::Shell) {
        workspace::create_dir(&workspace::out())?;
        std::fs::write(&log, "").with_context(|| {
            format!(
                "cannot write {}: make it writable, or set COHESIX_OUT to another folder",
                log.display()
            )
        })?;
    }
    let mut running = machine.start(&Qemu::find()?)?;
    running.watch_signals()?;
    let hive = Hive::serve(&mut running, &workspace::out(), options.listen.as_deref())?;
    match mode {
        Mode::Interactive => eprintln!("The terminal is the VM's console; Ctrl-A X ends it."),
        Mode::Copy | Mode::Shell => {}
        Mode::Headless => {
            println!("qemu pid {}\nserial log {}", running.pid(), log.display());
            if let Some(hive) = &hive {
                println!("hive socket {}", hive.socket.display());
            }
            if let Some(secret) = &secret {
                println!("hive secret {}", secret.file().display());
            }
        }
    }
    if let Some(address) = hive.as_ref().and_then(Hive::tcp) {
        eprintln!("hive address {address}");
    }
    if let (Mode::Shell, Some(hive), Some(secret)) = (mode, &hive, &secret) {
        return shell::run(&mut running, hive, &secret.queen()?, terminal);
    }
    follow(&mut running, options, mode, &mut io::stdout().lock())
}

/// Boots `payload`, has `work` work with its hive's socket and secret, and stops QEMU.
pub fn attended(
    payload: &Payload,
    work: impl FnOnce(PathBuf, PathBuf) -> Result<()> + Send + 'static,
) -> Result<Outcome> {
    ensure!(payload.link, "this system has no link to the host: name another by --system");
    let options = RunOptions::default();
    let log = workspace::out().join("serial.log");
    let secret = secret(payload, &options)?.context("no secret")?;
    let file = secret.file().to_path_buf();
    let machine = machine(payload, &options, Mode::Shell, &log, Some(file.clone()))?;
    let mut running = machine.start(&Qemu::find()?)?;
    running.watch_signals()?;
    let hive = Hive::serve(&mut running, &workspace::out(), None)?.context("no link")?;
    let socket = hive.socket.clone();
    let (ended, has_ended) = mpsc::channel();
    let outcome = shell::attend(&mut running, &hive, false, move || {
        let done = work(socket, file);
        if let Err(error) = &done {
            eprintln!("cohesix: error: {error:#}");
        }
        // Nobody listens any more where it took too long.
        let _ = ended.send(());
        i32::from(done.is_err())
    });
    // Where QEMU ended first: without a hive the work ends, too, and what it has started.
    drop(hive);
    let _ = has_ended.recv_timeout(WORK_ENDS);
    outcome
}

/// The secret of a hive that has clients outside; a dry run makes none.
fn secret(payload: &Payload, options: &RunOptions) -> Result<Option<Secret>> {
    match &options.secret {
        Some(file) => Secret::of_operator(file).map(Some),
        None if !payload.link || options.dry_run => Ok(None),
        None => {
            workspace::create_dir(&workspace::out())?;
            Secret::random(&workspace::out()).map(Some)
        }
    }
}

/// Boots another loader with a kernel and a boot archive. The archive is checked before
/// `payload_from` (loader, kernel, archive) prepares what QEMU gets.
pub fn qemu_run(
    elfloader: &Path,
    kernel: &Path,
    rootfs: &Path,
    options: &RunOptions,
    payload_from: impl FnOnce(&Path, &Path, &Path) -> Result<Payload>,
) -> Result<Outcome> {
    for (file, what) in [(elfloader, "loader"), (kernel, "kernel")] {
        let meta = std::fs::metadata(file).with_context(|| {
            format!("cannot read the {what} {}: check the path", file.display())
        })?;
        ensure!(meta.is_file(), "the {what} {} is no file: check the path", file.display());
        ensure!(meta.len() > 0, "the {what} {} is empty: build it again", file.display());
    }
    check_rootfs(rootfs)?;
    run(&payload_from(elfloader, kernel, rootfs)?, options)
}

fn machine(
    payload: &Payload,
    options: &RunOptions,
    mode: Mode,
    log: &Path,
    secret: Option<PathBuf>,
) -> Result<Machine> {
    let built_for = payload.memory_mib;
    let memory_mib = options.memory.unwrap_or(built_for);
    ensure!(
        memory_mib >= built_for,
        "the kernel was built for {built_for} MiB and would crash with --memory {memory_mib}: \
         give at least {built_for}, or lower `memory` in the manifest and build again"
    );
    let serial = match mode {
        Mode::Interactive => Serial::Stdio,
        Mode::Copy => Serial::Pipe { log: None },
        Mode::Headless | Mode::Shell => Serial::Pipe { log: Some(log.to_path_buf()) },
    };
    Ok(Machine {
        image: payload.kernel_image.clone(),
        initrd: payload.initrd.clone(),
        memory_mib,
        serial,
        icount: false,
        semihosting: payload.semihosting,
        link: payload.link,
        secret,
        // Ctrl-C is the shell's, not QEMU's.
        own_group: mode == Mode::Shell,
    })
}

/// Watches a started QEMU until it ends or has to be ended.
fn follow(
    running: &mut Running,
    options: &RunOptions,
    mode: Mode,
    output: &mut impl Write,
) -> Result<Outcome> {
    let until = options.for_seconds.map(|for_| running.started() + Duration::from_secs(for_));
    loop {
        match running.next_event(until) {
            None => {
                running.quit()?;
                return Ok(Outcome::Stopped);
            }
            Some(Event::Line(line)) if mode == Mode::Copy => {
                writeln!(output, "{}", line.text)
                    .and_then(|()| output.flush())
                    .context("cannot write the serial output to stdout; QEMU is stopped")?;
            }
            Some(Event::Line(_) | Event::Sentinel(Sentinel::Passed) | Event::Woken) => {}
            Some(Event::Sentinel(Sentinel::Failed)) => {
                running.quit()?;
                bail!("the VM reported a failure{}", shown(running, mode));
            }
            Some(Event::Interrupted(signal)) => {
                running.quit()?;
                return Ok(Outcome::Interrupted(signal));
            }
            Some(Event::End) => return ended(running, options, mode),
        }
    }
}

/// QEMU ended without us.
fn ended(running: &mut Running, options: &RunOptions, mode: Mode) -> Result<Outcome> {
    let status = running.wait()?;
    // Ctrl-C in a terminal reaches QEMU as well as us; the signal counts, not who was first.
    if let Some(signal) = running.pending_signal() {
        return Ok(Outcome::Interrupted(signal));
    }
    let early = options.for_seconds.is_some();
    if status.success() && !early {
        return Ok(Outcome::Stopped);
    }
    let how = if early { "QEMU ended by itself too early" } else { "QEMU failed" };
    bail!("{how} ({status}){}", shown(running, mode));
}

/// The last lines for an error message, where they have not been shown already.
fn shown(running: &Running, mode: Mode) -> String {
    match mode {
        Mode::Headless => format!("; its last lines:\n{}", running.last_lines()),
        Mode::Interactive | Mode::Copy | Mode::Shell => String::new(),
    }
}

#[cfg(test)]
mod tests;
