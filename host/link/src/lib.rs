//! Connections of the host to the hive, over the VM's serial port.
//!
//! The host's end of the protocol in `channels`: every socket that is attached becomes a channel,
//! an independent connection to NineDoor. Threads, not tasks: two per connection (one for each
//! direction) and one that reads the port. What the hive sends is bounded by the credit it was
//! given, so nothing here grows.
#![forbid(unsafe_code)]

mod channel;
mod serve;

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use channels::{CHANNELS, Event, HEADER, Header, Kind, MAX_DATA, Parser, credit, hello};

use channel::Channel;
pub use serve::{Server, Socket};

/// The host's end of the VM's port.
#[derive(Debug, Clone)]
pub struct Link(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// Writes whole frames to the port.
    port: Mutex<UnixStream>,
    state: Mutex<State>,
    /// Something in the state changed.
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    /// The hive has said hello.
    ready: bool,
    /// The port is closed: nothing will come any more.
    gone: bool,
    channels: [Channel; CHANNELS],
}

/// A poisoned lock belongs to a thread that panicked between two whole changes: go on.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::ConnectionAborted, "the VM's port is closed")
}

impl Link {
    /// Greets the hive at the other end of `port` and listens to it.
    pub fn start(port: UnixStream) -> io::Result<Self> {
        let reader = port.try_clone()?;
        let state = State {
            ready: false,
            gone: false,
            channels: std::array::from_fn(|_| Channel::default()),
        };
        let shared =
            Shared { port: Mutex::new(port), state: Mutex::new(state), changed: Condvar::new() };
        let link = Self(Arc::new(shared));
        link.write(&hello())?;
        let listener = link.clone();
        thread::Builder::new().name("link".into()).spawn(move || listener.listen(reader))?;
        Ok(link)
    }

    /// Whether the hive has answered the greeting.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        lock(&self.0.state).ready
    }

    /// Waits until the hive has answered the greeting.
    pub fn wait_ready(&self, limit: Duration) -> io::Result<()> {
        let deadline = Instant::now() + limit;
        let mut state = lock(&self.0.state);
        while !state.ready {
            let left = deadline.saturating_duration_since(Instant::now());
            if state.gone {
                return Err(gone());
            }
            if left.is_zero() {
                let what = "the hive does not answer: does its system have a host-link?";
                return Err(io::Error::new(io::ErrorKind::TimedOut, what));
            }
            state = self.wait(state, left);
        }
        Ok(())
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, limit: Duration) -> MutexGuard<'a, State> {
        self.0.changed.wait_timeout(state, limit).unwrap_or_else(PoisonError::into_inner).0
    }

    fn write(&self, frame: &[u8]) -> io::Result<()> {
        lock(&self.0.port).write_all(frame)
    }

    fn write_close(&self, channel: usize) -> io::Result<()> {
        let header = Header { channel: channel as u8, kind: Kind::Close, length: 0 };
        self.write(&header.encode())
    }

    /// Reads the port until it is closed.
    fn listen(&self, mut port: UnixStream) {
        let mut parser = Parser::new();
        let mut buffer = [0; 16 << 10];
        loop {
            let length = match port.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            let mut input = &buffer[..length];
            let mut state = lock(&self.0.state);
            while let Some(event) = parser.next(&mut input) {
                state.take(event);
            }
            drop(state);
            self.0.changed.notify_all();
        }
        let mut state = lock(&self.0.state);
        state.gone = true;
        drop(state);
        self.0.changed.notify_all();
    }

    /// Whether the port is closed: nothing will come any more.
    fn is_gone(&self) -> bool {
        lock(&self.0.state).gone
    }

    /// Opens a channel, waiting until one is free.
    fn open(&self) -> io::Result<usize> {
        let mut state = lock(&self.0.state);
        let index = loop {
            if state.gone {
                return Err(gone());
            }
            let free = state.channels.iter().position(Channel::is_free);
            match free.filter(|_| state.ready) {
                Some(index) => break index,
                None => state = self.wait(state, Duration::from_secs(60)),
            }
        };
        state.channels[index].open();
        drop(state);
        let header = Header { channel: index as u8, kind: Kind::Open, length: 0 };
        self.write(&header.encode())?;
        Ok(index)
    }

    /// Sends `socket`'s bytes to the hive until it ends or the hive hangs up.
    fn upstream(&self, index: usize, mut socket: impl Read) {
        let mut frame = [0; HEADER + MAX_DATA];
        while let Some(credit) = self.wait_for_credit(index) {
            let limit = HEADER + MAX_DATA.min(credit as usize);
            let length = match socket.read(&mut frame[HEADER..limit]) {
                Ok(0) => break,
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            lock(&self.0.state).channels[index].spend(length as u32);
            let header = Header { channel: index as u8, kind: Kind::Data, length: length as u16 };
            frame[..HEADER].copy_from_slice(&header.encode());
            if self.write(&frame[..HEADER + length]).is_err() {
                break;
            }
        }
        self.close(index);
    }

    /// Closes this end of a channel.
    fn close(&self, index: usize) {
        let owed = lock(&self.0.state).channels[index].close_here();
        if owed {
            // Where the port is gone there is nobody to tell.
            let _ = self.write_close(index);
        }
        self.0.changed.notify_all();
    }

    /// Bytes that may be sent now; `None` once the hive has hung up.
    fn wait_for_credit(&self, index: usize) -> Option<u32> {
        let mut state = lock(&self.0.state);
        loop {
            let channel = &state.channels[index];
            if state.gone || channel.is_closed_there() {
                return None;
            }
            if channel.credit() > 0 {
                return Some(channel.credit());
            }
            state = self.wait(state, Duration::from_secs(60));
        }
    }

    /// Writes what the hive sends to `socket`, until it hangs up or the socket does.
    fn downstream(&self, index: usize, mut socket: impl Write) {
        while let Some(bytes) = self.wait_for_bytes(index) {
            // After a failed write the bytes still come, and are dropped.
            let _ = socket.write_all(&bytes);
            let earned = lock(&self.0.state).channels[index].earn(bytes.len() as u32);
            if earned > 0 {
                let _ = self.write(&credit(index as u8, earned));
            }
        }
        let _ = socket.flush();
    }

    /// Everything that has come for the channel; `None` once nothing will.
    fn wait_for_bytes(&self, index: usize) -> Option<Vec<u8>> {
        let mut state = lock(&self.0.state);
        loop {
            let gone = state.gone;
            let channel = &mut state.channels[index];
            let bytes = channel.take();
            if !bytes.is_empty() {
                return Some(bytes);
            }
            if gone || channel.is_closed_there() {
                return None;
            }
            state = self.wait(state, Duration::from_secs(60));
        }
    }
}

impl State {
    fn take(&mut self, event: Event) {
        match event {
            Event::Hello => self.ready = true,
            // The hive never sends garbage; if it did, everybody would have to start anew.
            Event::Garbage => self.gone = true,
            Event::Data(index, bytes) => self.with(index, |channel| channel.receive(bytes)),
            Event::Credit(index, bytes) => self.with(index, |channel| channel.grant(bytes)),
            Event::Close(index) => self.with(index, Channel::close_there),
            // Only the host opens channels.
            Event::Open(_) => {}
        }
    }

    fn with(&mut self, index: u8, change: impl FnOnce(&mut Channel)) {
        if let Some(channel) = self.channels.get_mut(usize::from(index)) {
            change(channel);
        }
    }
}
