//! What a device's thread is told while it waits for the hive.
//!
//! A letter wakes it: there is a byte in a pipe that it looks at together with its socket.

use std::collections::VecDeque;
use std::io::{self, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use client::streams::wait_for;
use gpu::JobId;

/// What is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Letter {
    /// A line for the device's status file, without its end.
    Status(String),
    /// The job's thread is done; all its statuses came before.
    Ended(JobId),
}

/// Letters for one thread, in order, and whether it is to stop.
#[derive(Debug)]
pub(crate) struct Mailbox {
    letters: Mutex<VecDeque<Letter>>,
    stop: AtomicBool,
    told: UnixStream,
    tell: UnixStream,
}

impl Mailbox {
    pub fn new() -> io::Result<Self> {
        let (told, tell) = UnixStream::pair()?;
        told.set_nonblocking(true)?;
        tell.set_nonblocking(true)?;
        Ok(Self { letters: Mutex::default(), stop: AtomicBool::new(false), told, tell })
    }

    fn wake(&self) {
        // Where the pipe is full, there is enough in it to wake anybody.
        let _ = (&self.tell).write(&[1]);
    }

    pub fn put(&self, letter: Letter) {
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).push_back(letter);
        self.wake();
    }

    /// Has the thread stop.
    pub fn stop(&self) {
        self.stop.store(true, Ordering::Release);
        self.wake();
    }

    pub fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Every letter that is there.
    pub fn take(&self) -> VecDeque<Letter> {
        while (&self.told).read(&mut [0; 64]).is_ok_and(|count| count > 0) {}
        std::mem::take(&mut *self.letters.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until something is told, or so long.
    pub fn wait(&self, time: Duration) -> io::Result<()> {
        wait_for([self.told.as_fd()], Some(Instant::now() + time)).map(|_| ())
    }
}

impl AsFd for Mailbox {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.told.as_fd()
    }
}
