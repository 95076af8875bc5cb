//! QEMU's machine protocol: how QEMU is told to end.
//!
//! One JSON object a line each way (<https://www.qemu.org/docs/master/interop/qmp-spec.html>): a
//! greeting from QEMU, `qmp_capabilities` from us, then commands. A thread reads, so that every
//! wait has a deadline without polling. The end of the stream is QEMU's end.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Instant;

use anyhow::{Result, bail};
use serde_json::{Value, json};

/// Our end of the monitor's connection.
#[derive(Debug)]
pub(super) struct Monitor {
    socket: UnixStream,
    /// What QEMU said; disconnected once QEMU has closed its end.
    messages: Receiver<Value>,
    negotiated: bool,
}

impl Monitor {
    /// Starts to read; `ended` is called once QEMU has closed its end.
    pub(super) fn new(
        socket: UnixStream,
        ended: impl FnOnce() + Send + 'static,
    ) -> std::io::Result<Self> {
        let reader = BufReader::new(socket.try_clone()?);
        let (sender, messages) = mpsc::channel();
        thread::Builder::new().name("qemu monitor".into()).spawn(move || {
            for line in reader.lines().map_while(Result::ok) {
                if let Ok(message) = serde_json::from_str(&line) {
                    // Nobody listens any more once the monitor is dropped: read on for `ended`.
                    let _ = sender.send(message);
                }
            }
            drop(sender);
            ended();
        })?;
        Ok(Self { socket, messages, negotiated: false })
    }

    /// Tells QEMU to end. `Ok` once QEMU has closed the connection; it may have ended by itself
    /// before.
    pub(super) fn quit(&mut self, deadline: Instant) -> Result<()> {
        if !self.negotiated {
            if self.wait_for("QMP", deadline)?.is_none() {
                return Ok(());
            }
            self.execute("qmp_capabilities", deadline)?;
            self.negotiated = true;
        }
        self.execute("quit", deadline)?;
        while self.receive(deadline)?.is_some() {}
        Ok(())
    }

    /// Sends a command and waits for its result; a connection closed by QEMU is no error.
    fn execute(&mut self, command: &str, deadline: Instant) -> Result<()> {
        let line = format!("{}\n", json!({ "execute": command }));
        if self.socket.write_all(line.as_bytes()).is_err() {
            return Ok(());
        }
        self.wait_for("return", deadline).map(drop)
    }

    /// The next message that has `key`; `None` where QEMU closed the connection.
    fn wait_for(&self, key: &str, deadline: Instant) -> Result<Option<Value>> {
        while let Some(message) = self.receive(deadline)? {
            if let Some(error) = message.get("error") {
                bail!("QEMU's monitor refused a command: {error}");
            }
            if message.get(key).is_some() {
                return Ok(Some(message));
            }
        }
        Ok(None)
    }

    fn receive(&self, deadline: Instant) -> Result<Option<Value>> {
        let left = deadline.saturating_duration_since(Instant::now());
        match self.messages.recv_timeout(left) {
            Ok(message) => Ok(Some(message)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => bail!("QEMU's monitor does not answer"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(10)
    }

    /// Plays QEMU: greets, answers each of `answers` to one command and closes.
    fn fake_qemu(socket: UnixStream, answers: Vec<&'static str>) -> thread::JoinHandle<String> {
        thread::spawn(move || {
            let mut socket = socket;
            let mut heard = String::new();
            let mut reader = BufReader::new(socket.try_clone().expect("a clone"));
            socket.write_all(b"{\"QMP\": {}}\r\n").expect("greeting");
            for answer in answers {
                reader.read_line(&mut heard).expect("a command");
                socket.write_all(answer.as_bytes()).expect("answer");
            }
            heard
        })
    }

    #[test]
    fn negotiates_then_quits_and_sees_the_end() {
        let (ours, theirs) = UnixStream::pair().expect("pair");
        let qemu = fake_qemu(
            theirs,
            vec!["{\"return\": {}}\r\n", "{\"event\": \"SHUTDOWN\"}\r\n{\"return\": {}}\r\n"],
        );
        let (sender, ended) = mpsc::channel();
        let mut monitor = Monitor::new(ours, move || sender.send(()).expect("a receiver"))
            .expect("the reader thread starts");
        monitor.quit(soon()).expect("quits");
        ended.recv_timeout(Duration::from_secs(10)).expect("the end is told");
        let heard = qemu.join().expect("the fake ends");
        assert_eq!(heard, "{\"execute\":\"qmp_capabilities\"}\n{\"execute\":\"quit\"}\n");
    }

    #[test]
    fn a_refused_command_is_an_error() {
        let (ours, theirs) = UnixStream::pair().expect("pair");
        let qemu = fake_qemu(theirs, vec!["{\"error\": {\"desc\": \"no\"}}\r\n"]);
        let mut monitor = Monitor::new(ours, || ()).expect("the reader thread starts");
        let error = monitor.quit(soon()).expect_err("refused");
        assert_eq!(error.to_string(), "QEMU's monitor refused a command: {\"desc\":\"no\"}");
        qemu.join().expect("the fake ends");
    }

    #[test]
    fn qemu_that_has_ended_needs_no_quit() {
        let (ours, theirs) = UnixStream::pair().expect("pair");
        drop(theirs);
        let mut monitor = Monitor::new(ours, || ()).expect("the reader thread starts");
        monitor.quit(soon()).expect("already ended");
    }

    #[test]
    fn silence_ends_at_the_deadline() {
        let (ours, _theirs) = UnixStream::pair().expect("pair");
        let mut monitor = Monitor::new(ours, || ()).expect("the reader thread starts");
        let error = monitor.quit(Instant::now()).expect_err("silent");
        assert_eq!(error.to_string(), "QEMU's monitor does not answer");
    }
}
