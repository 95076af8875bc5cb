//! A connection to a hive whose wait for orders ends early.
//!
//! The hive lets only the session that published a device read its orders, and a session has one
//! connection. So the read that waits for orders is interrupted (flushed, in 9P) when there is
//! something to write, and asked again. Nothing is lost by that: orders stay where they are.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use client::streams::{Stream, connect, read_on, wait_for};
use client::{Client, Who};

use crate::mailbox::Mailbox;

/// How long a hive may take to answer what does not wait: beyond it counts as gone.
const PATIENCE: Duration = Duration::from_secs(20);
/// Most bytes of a ticket's file.
const MAX_TICKET: u64 = 4096;
/// Permissions of everybody but the owner.
const OTHERS: u32 = 0o077;

/// Where a hive is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// A unix socket.
    Socket(PathBuf),
    /// `HOST:PORT`.
    Tcp(String),
}

impl std::fmt::Display for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Socket(path) => path.display().fmt(f),
            Self::Tcp(address) => f.write_str(address),
        }
    }
}

/// The stream below a hive's client.
pub(crate) struct Link {
    stream: Box<dyn Stream>,
    mailbox: Arc<Mailbox>,
    /// The next wait ends when there is a letter, or then.
    heeds: Option<Instant>,
}

/// A hive's client.
pub(crate) type Hive = Client<Link>;

impl Link {
    /// Has the next wait end when there is a letter, or at `until`.
    pub fn heed(&mut self, until: Instant) {
        self.heeds = Some(until);
    }

    /// Has waits end as usual.
    pub fn ignore(&mut self) {
        self.heeds = None;
    }
}

impl Read for Link {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if let Some(until) = self.heeds {
            let sources = [self.stream.as_fd(), self.mailbox.as_fd()];
            let [answered, _] = wait_for(sources, Some(until))?;
            if !answered {
                // The flush of the request is waited for as anything else.
                self.heeds = None;
                return Err(ErrorKind::Interrupted.into());
            }
        } else {
            let [answered] = wait_for([self.stream.as_fd()], Some(Instant::now() + PATIENCE))?;
            if !answered {
                return Err(ErrorKind::TimedOut.into());
            }
        }
        read_on(&mut *self.stream, into)
    }
}

impl Write for Link {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// Connects, and attaches with `ticket`.
pub(crate) fn attach(endpoint: &Endpoint, ticket: String, mailbox: &Arc<Mailbox>) -> Result<Hive> {
    let stream: Box<dyn Stream> = match endpoint {
        Endpoint::Socket(path) => {
            let stream = UnixStream::connect(path).context("nobody listens there")?;
            stream.set_write_timeout(Some(PATIENCE)).context("cannot set up the connection")?;
            Box::new(stream)
        }
        Endpoint::Tcp(address) => {
            let stream = connect(address, PATIENCE).context("nobody listens there")?;
            stream.set_write_timeout(Some(PATIENCE)).context("cannot set up the connection")?;
            // Requests are small and each waits for its answer.
            stream.set_nodelay(true).context("cannot set up the connection")?;
            Box::new(stream)
        }
    };
    let link = Link { stream, mailbox: Arc::clone(mailbox), heeds: None };
    let who = Who { uname: "gpu-bridge".to_owned(), aname: ticket };
    Client::attach(link, &who).context("attach")
}

/// The ticket in a file that only its owner may use.
pub(crate) fn read_ticket(path: &Path) -> Result<String> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("{shown}: cannot be read"))?;
    let mode = file.metadata().with_context(|| format!("{shown}: cannot be read"))?.mode();
    ensure!(mode & OTHERS == 0, "{shown}: others may use this file: `chmod 600` it");
    let mut text = String::new();
    let length = file.take(MAX_TICKET).read_to_string(&mut text);
    let length = length.with_context(|| format!("{shown}: holds no ticket"))?;
    let ticket = text.trim_end();
    ensure!(
        (1..MAX_TICKET as usize).contains(&length) && !ticket.is_empty(),
        "{shown}: holds no ticket: mint one with `cohsh ticket mint --role gpu-bridge`"
    );
    Ok(ticket.to_owned())
}
