//! Streams to a hive, and waits that end early.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
pub use client::streams::Stream;
use client::streams::{connect, read_on, wait_for};
use signal_hook::SigId;
use signal_hook::consts::SIGINT;
use signal_hook::low_level::{pipe, unregister};

/// How long an address may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Connects to the unix socket `path`.
///
/// # Errors
/// Where nobody listens there.
pub fn unix(path: &Path) -> Result<Box<dyn Stream>> {
    let stream = UnixStream::connect(path).map_err(|error| {
        let next = match error.kind() {
            ErrorKind::PermissionDenied => {
                "it is another user's: ask for a ticket and for --tcp, or give your own hive's \
                 --socket"
            }
            _ => {
                "start one with `./cohesix run --headless`, or `./cohesix sim` for a simulated \
                 one, or give --socket, --tcp or --hive"
            }
        };
        anyhow!("no hive at {} ({error}): {next}", path.display())
    })?;
    Ok(Box::new(stream))
}

/// Connects to the TCP address `HOST:PORT`.
///
/// # Errors
/// Where nobody listens there.
pub fn tcp(address: &str) -> Result<Box<dyn Stream>> {
    let stream = connect(address, PATIENCE).map_err(|error| {
        anyhow!(
            "no hive at {address} ({error}): start one there with `./cohesix run --headless \
             --listen ADDRESS:PORT`, or give another HOST:PORT"
        )
    })?;
    // Requests are small and each waits for its answer.
    stream.set_nodelay(true).context("cannot set up the connection")?;
    Ok(Box::new(stream))
}

/// Hears of Ctrl-C for as long as it lives.
pub(crate) struct Interrupts {
    told: UnixStream,
    signal: SigId,
}

impl Interrupts {
    pub fn watch() -> io::Result<Self> {
        let (told, tell) = UnixStream::pair()?;
        told.set_nonblocking(true)?;
        let signal = pipe::register(SIGINT, tell)?;
        Ok(Self { told, signal })
    }

    /// Forgets what was heard.
    pub fn clear(&self) {
        drain(&self.told);
    }
}

impl Drop for Interrupts {
    fn drop(&mut self) {
        unregister(self.signal);
    }
}

/// Takes what is there; the stream does not block.
fn drain(mut told: &UnixStream) {
    while told.read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
}

/// A stream whose reads end with [`ErrorKind::Interrupted`] at Ctrl-C, or when they have lasted
/// too long.
pub(crate) struct Interruptible {
    stream: Box<dyn Stream>,
    told: Option<UnixStream>,
    /// How long a read may last.
    patience: Option<Duration>,
}

impl Interruptible {
    pub fn new(stream: Box<dyn Stream>, interrupts: Option<&Interrupts>) -> io::Result<Self> {
        let told = interrupts.map(|interrupts| interrupts.told.try_clone()).transpose()?;
        Ok(Self { stream, told, patience: None })
    }

    pub fn set_patience(&mut self, patience: Option<Duration>) {
        self.patience = patience;
    }

    /// Waits until there is something to read. `false` where it is not worth waiting any more.
    fn wait(&self) -> io::Result<bool> {
        let end = self.patience.map(|patience| Instant::now() + patience);
        // Without interrupts the stream stands in for them: the second look at it is the first.
        let told = self.told.as_ref().map_or(self.stream.as_fd(), AsFd::as_fd);
        let [answered, is_told] = wait_for([self.stream.as_fd(), told], end)?;
        if let Some(told) = &self.told
            && is_told
        {
            drain(told);
            return Ok(false);
        }
        Ok(answered)
    }
}

impl Read for Interruptible {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if !self.wait()? {
            return Err(ErrorKind::Interrupted.into());
        }
        read_on(&mut *self.stream, into)
    }
}

impl Write for Interruptible {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
