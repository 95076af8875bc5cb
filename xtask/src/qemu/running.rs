//! A started QEMU: its serial output as events, and its end.
//!
//! Invariant: a `Running` that is dropped leaves no QEMU behind. It only ever ends the child that
//! it started, by that child's own process id.

use std::collections::VecDeque;
use std::fmt;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::process::{Child, ExitStatus};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};

use super::monitor::Monitor;

/// How long QEMU may take to end once its monitor was told so.
const QUIT: Duration = Duration::from_secs(10);
/// Lines kept in memory: many more than any test prints, yet bounded for a long run.
const TRANSCRIPT: usize = 10_000;
/// A longer line is cut into several, so that a guest cannot fill the host's memory.
const LONGEST_LINE: usize = 8 * 1024;
/// Lines that an error message shows.
const SHOWN: usize = 12;
const ACK: u8 = 0x06;
const NAK: u8 = 0x15;

/// One line of serial output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When its end arrived on the host.
    pub at: Instant,
    /// Its text without the line end.
    pub text: String,
}

/// A byte by which the guest tells a test's result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sentinel {
    /// ACK (0x06): the self-test passed.
    Passed,
    /// NAK (0x15): the self-test failed, or something panicked.
    Failed,
}

/// What can happen while QEMU runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The guest printed a line.
    Line(Line),
    /// The guest told a result.
    Sentinel(Sentinel),
    /// A [`Running::waker`] was called.
    Woken,
    /// This process got a signal that asks it to end (after [`Running::watch_signals`]).
    Interrupted(i32),
    /// QEMU has ended, or is just about to.
    End,
}

/// A started QEMU.
pub struct Running {
    child: Child,
    monitor: Monitor,
    started: Instant,
    events: Receiver<Event>,
    sender: Sender<Event>,
    transcript: VecDeque<Line>,
    /// Results that arrived while a line was waited for.
    results: VecDeque<Sentinel>,
    status: Option<ExitStatus>,
    signals: Option<Handle>,
    link: Option<UnixStream>,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running").field("pid", &self.pid()).finish_non_exhaustive()
    }
}

impl Running {
    /// Takes over a child and our end of its monitor's socket.
    pub(super) fn new(
        mut child: Child,
        socket: UnixStream,
        link: Option<UnixStream>,
        started: Instant,
    ) -> Result<Self> {
        let (sender, events) = mpsc::channel();
        let serial = child.stdout.take();
        let end = serial.is_none().then(|| sender.clone());
        let monitor = Monitor::new(socket, move || {
            if let Some(end) = end {
                let _ = end.send(Event::End);
            }
        })
        .and_then(|monitor| {
            if let Some(serial) = serial {
                read_serial(serial, sender.clone())?;
            }
            Ok(monitor)
        });
        match monitor {
            Ok(monitor) => Ok(Self {
                child,
                monitor,
                started,
                events,
                sender,
                transcript: VecDeque::new(),
                results: VecDeque::new(),
                status: None,
                signals: None,
                link,
            }),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error).context("cannot start the threads that watch QEMU")
            }
        }
    }

    /// QEMU's process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A function that makes [`Running::next_event`] return [`Event::Woken`].
    pub fn waker(&self) -> impl Fn() + Send + use<> {
        let sender = self.sender.clone();
        move || {
            // Nobody waits any more where the `Running` is gone.
            let _ = sender.send(Event::Woken);
        }
    }

    /// Our end of the guest's serial port for 9P; `None` the second time, and where it has none.
    pub fn take_link(&mut self) -> Option<UnixStream> {
        self.link.take()
    }

    /// When QEMU was started.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.started
    }

    /// The lines so far: the last 10,000.
    #[must_use]
    pub fn transcript(&self) -> &VecDeque<Line> {
        &self.transcript
    }

    /// The last few lines, indented for an error message.
    #[must_use]
    pub fn last_lines(&self) -> String {
        let skipped = self.transcript.len().saturating_sub(SHOWN);
        let lines = self.transcript.iter().skip(skipped);
        let lines: Vec<String> = lines.map(|line| format!("    {}", line.text)).collect();
        if lines.is_empty() { "    (no output)".into() } else { lines.join("\n") }
    }

    /// From now on SIGINT, SIGTERM and SIGHUP to this process arrive as [`Event::Interrupted`]
    /// instead of ending it and orphaning QEMU.
    pub fn watch_signals(&mut self) -> Result<()> {
        let mut signals =
            Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot watch for signals")?;
        self.signals = Some(signals.handle());
        let sender = self.sender.clone();
        thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in signals.forever() {
                if sender.send(Event::Interrupted(signal)).is_err() {
                    break;
                }
            }
        })?;
        Ok(())
    }

    /// The next event; `None` when there was none until `deadline`.
    pub fn next_event(&mut self, deadline: Option<Instant>) -> Option<Event> {
        let event = match deadline {
            // We hold a sender ourselves, so the channel never closes.
            None => self.events.recv().ok()?,
            Some(deadline) => {
                let left = deadline.saturating_duration_since(Instant::now());
                self.events.recv_timeout(left).ok()?
            }
        };
        match &event {
            Event::Line(line) => {
                if self.transcript.len() == TRANSCRIPT {
                    self.transcript.pop_front();
                }
                self.transcript.push_back(line.clone());
            }
            // Later waits must see the end too.
            Event::End => drop(self.sender.send(Event::End)),
            Event::Sentinel(_) | Event::Interrupted(_) | Event::Woken => {}
        }
        Some(event)
    }

    /// The next line that `wanted` accepts. An error says why none came and shows the last lines.
    pub fn wait_for_line(
        &mut self,
        mut wanted: impl FnMut(&str) -> bool,
        deadline: Instant,
    ) -> Result<Line> {
        loop {
            match self.next_event(Some(deadline)) {
                Some(Event::Line(line)) if wanted(&line.text) => return Ok(line),
                Some(Event::Line(_) | Event::Woken) => {}
                Some(Event::Sentinel(result)) => self.results.push_back(result),
                other => self.no_more(other)?,
            }
        }
    }

    /// The next result that the guest tells.
    pub fn wait_for_sentinel(&mut self, deadline: Instant) -> Result<Sentinel> {
        if let Some(result) = self.results.pop_front() {
            return Ok(result);
        }
        loop {
            match self.next_event(Some(deadline)) {
                Some(Event::Sentinel(result)) => return Ok(result),
                Some(Event::Line(_) | Event::Woken) => {}
                other => self.no_more(other)?,
            }
        }
    }

    /// A signal that has arrived but was not taken by [`Running::next_event`]; discards the rest.
    pub fn pending_signal(&mut self) -> Option<i32> {
        self.events.try_iter().find_map(|event| match event {
            Event::Interrupted(signal) => Some(signal),
            _ => None,
        })
    }

    fn no_more(&mut self, event: Option<Event>) -> Result<()> {
        let why = match event {
            None => format!("not seen within {} s of QEMU's start", self.uptime().as_secs()),
            Some(Event::Interrupted(signal)) => format!("interrupted by signal {signal}"),
            _ => format!("QEMU ended ({})", self.wait()?),
        };
        bail!("{why}; the last lines:\n{}", self.last_lines());
    }

    /// Time since QEMU was started.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// Blocks until QEMU ends by itself.
    pub fn wait(&mut self) -> Result<ExitStatus> {
        let status = self.child.wait().context("cannot wait for QEMU")?;
        self.status = Some(status);
        Ok(status)
    }

    /// Ends QEMU through its monitor and returns its exit status; kills it only when it does not
    /// obey within ten seconds, which is an error. The rest of the output can still be read with
    /// [`Running::next_event`] up to [`Event::End`].
    pub fn quit(&mut self) -> Result<ExitStatus> {
        if let Some(status) = self.status {
            return Ok(status);
        }
        if let Err(error) = self.monitor.quit(Instant::now() + QUIT) {
            self.child.kill().context("cannot kill QEMU")?;
            self.wait()?;
            return Err(error).with_context(|| format!("had to kill QEMU (pid {})", self.pid()));
        }
        self.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(signals) = self.signals.take() {
            signals.close();
        }
        if self.status.is_none() {
            // Errors mean that it has ended already.
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

fn read_serial(mut serial: impl Read + Send + 'static, to: Sender<Event>) -> std::io::Result<()> {
    thread::Builder::new().name("serial".into()).spawn(move || {
        let mut splitter = Splitter::default();
        let mut chunk = [0; 4096];
        loop {
            let read = match serial.read(&mut chunk) {
                Ok(read) if read > 0 => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                _ => break,
            };
            let now = Instant::now();
            for &byte in chunk.iter().take(read) {
                splitter.push(byte, now, |event| drop(to.send(event)));
            }
        }
        splitter.end_line(Instant::now(), |event| drop(to.send(event)));
        let _ = to.send(Event::End);
    })?;
    Ok(())
}

/// Cuts the serial byte stream into events.
#[derive(Default)]
struct Splitter {
    line: Vec<u8>,
}

impl Splitter {
    fn push(&mut self, byte: u8, at: Instant, mut emit: impl FnMut(Event)) {
        let sentinel = match byte {
            b'\n' => {
                let text = take_text(&mut self.line);
                return emit(Event::Line(Line { at, text }));
            }
            ACK => Sentinel::Passed,
            NAK => Sentinel::Failed,
            _ => {
                if self.line.len() == LONGEST_LINE {
                    self.end_line(at, &mut emit);
                }
                return self.line.push(byte);
            }
        };
        self.end_line(at, &mut emit);
        emit(Event::Sentinel(sentinel));
    }

    /// Emits what has been read of a line that did not end.
    fn end_line(&mut self, at: Instant, mut emit: impl FnMut(Event)) {
        if !self.line.is_empty() {
            let text = take_text(&mut self.line);
            emit(Event::Line(Line { at, text }));
        }
    }
}

fn take_text(line: &mut Vec<u8>) -> String {
    let bytes = std::mem::take(line);
    let text = String::from_utf8_lossy(&bytes);
    text.trim_end_matches('\r').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(bytes: &[u8]) -> Vec<String> {
        let at = Instant::now();
        let mut seen = Vec::new();
        let mut splitter = Splitter::default();
        let mut emit = |event| {
            seen.push(match event {
                Event::Line(line) => line.text,
                other => format!("{other:?}"),
            });
        };
        for &byte in bytes {
            splitter.push(byte, at, &mut emit);
        }
        splitter.end_line(at, &mut emit);
        seen
    }

    #[test]
    fn cuts_lines_and_keeps_empty_and_unfinished_ones() {
        assert_eq!(split(b"one\r\n\ntwo"), ["one", "", "two"]);
    }

    #[test]
    fn sentinels_stand_between_the_text_around_them() {
        assert_eq!(
            split(b"done\x06\x15rest\n"),
            ["done", "Sentinel(Passed)", "Sentinel(Failed)", "rest"]
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_shown_replaced() {
        assert_eq!(split(b"a\xffb\n"), ["a\u{fffd}b"]);
    }

    #[test]
    fn an_endless_line_is_cut() {
        let lines = split(&vec![b'x'; LONGEST_LINE + 1]);
        assert_eq!(lines.iter().map(String::len).collect::<Vec<_>>(), [LONGEST_LINE, 1]);
    }
}
