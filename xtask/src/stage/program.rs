//! A program that is started, whose lines are read, and that is ended.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

/// What becomes of a program's lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lines {
    /// They are shown behind its name.
    Shown,
    /// They are only waited for.
    Kept,
}

/// It runs; killed when it is dropped before it was ended.
#[derive(Debug)]
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    lines: Receiver<String>,
    reads: Option<JoinHandle<()>>,
}

impl Program {
    /// Starts it, under this name.
    pub fn start(
        name: &'static str,
        path: &Path,
        arguments: &[impl AsRef<OsStr>],
        show: Lines,
    ) -> Result<Self> {
        let mut command = Command::new(path);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child =
            command.spawn().with_context(|| format!("cannot start {}", path.display()))?;
        let out = child.stdout.take().context("no pipe")?;
        let (send, lines) = mpsc::channel();
        let reads = thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                if show == Lines::Shown {
                    println!("[{name}] {line}");
                }
                // Whoever waited for lines may have enough of them.
                let _ = send.send(line);
            }
        });
        Ok(Self { name, child, lines, reads: Some(reads) })
    }

    /// Waits for a line with this.
    pub fn wait_for(&mut self, text: &str, patience: Duration) -> Result<()> {
        let until = Instant::now() + patience;
        loop {
            match self.lines.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(text) => return Ok(()),
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => {
                    bail!("{} has not said `{text}` in {} s", self.name, patience.as_secs())
                }
                Err(RecvTimeoutError::Disconnected) => {
                    bail!("{} ended; what it said stands above", self.name)
                }
            }
        }
    }

    /// Tells it to end, which it must do in order.
    pub fn end(mut self, patience: Duration) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)
            .with_context(|| format!("cannot end {}", self.name))?;
        // Its end closes the pipe.
        let until = Instant::now() + patience;
        while self.lines.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok() {}
        ensure!(Instant::now() < until, "{} does not end", self.name);
        let status = self.child.wait().with_context(|| format!("cannot wait for {}", self.name))?;
        if let Some(reads) = self.reads.take() {
            // It has shown every line.
            let _ = reads.join();
        }
        ensure!(status.success(), "{} failed ({status})", self.name);
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Both fail where it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the program to its end; what it says is not shown.
pub(crate) fn output(path: &Path, arguments: &[&str]) -> Result<Output> {
    let mut command = Command::new(path);
    command.args(arguments).stdin(Stdio::null());
    command.output().with_context(|| format!("cannot start {}", path.display()))
}
