//! Stopping a job in mid-run, and saying how far it is.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Cancels a job: clones are of the same job. The first reason counts.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<OnceLock<String>>);

impl Cancel {
    /// Of a job that is not cancelled.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Cancels it; `why` will stand in its last status.
    pub fn cancel(&self, why: &str) {
        // It was cancelled before: that reason stays.
        let _ = self.0.set(why.to_owned());
    }

    /// Why it was cancelled, if it was.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }
}

/// Why a job was stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stopped {
    /// It was cancelled, with this reason.
    Cancelled(String),
    /// It ran longer than it may.
    TimedOut(Duration),
}

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(why) => write!(f, "cancelled: {why}"),
            Self::TimedOut(after) => {
                write!(f, "timeout_ms: not done after {} ms", after.as_millis())
            }
        }
    }
}

impl std::error::Error for Stopped {}

/// Until when a job may go on: it is cancelled, or its time is over. Clones are of the same job.
#[derive(Debug, Clone)]
pub struct Deadline {
    cancel: Cancel,
    started: Instant,
    timeout: Duration,
}

impl Deadline {
    /// Of a job that starts now.
    #[must_use]
    pub fn new(cancel: &Cancel, timeout: Duration) -> Self {
        Self { cancel: cancel.clone(), started: Instant::now(), timeout }
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// Not to.
    pub fn check(&self) -> Result<(), Stopped> {
        if let Some(why) = self.cancel.reason() {
            return Err(Stopped::Cancelled(why.to_owned()));
        }
        if self.started.elapsed() >= self.timeout {
            return Err(Stopped::TimedOut(self.timeout));
        }
        Ok(())
    }
}

/// Whether a job that runs may go on, and whom to tell how far it is.
pub struct Watch<'a> {
    deadline: Deadline,
    tell: &'a mut dyn FnMut(u8),
    told: u8,
}

impl fmt::Debug for Watch<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("deadline", &self.deadline).finish_non_exhaustive()
    }
}

/// Percent between two lines that say how far a job is.
const STEP: u8 = 10;

impl<'a> Watch<'a> {
    /// Of a job that nothing is computed of yet.
    pub fn new(deadline: Deadline, tell: &'a mut dyn FnMut(u8)) -> Self {
        Self { deadline, tell, told: 0 }
    }

    /// Whether to go on.
    ///
    /// # Errors
    /// Not to.
    pub fn check(&self) -> Result<(), Stopped> {
        self.deadline.check()
    }

    /// Says that `done` parts of `all` are computed, and whether to go on. When all are, the time
    /// no longer matters.
    ///
    /// # Errors
    /// Not to go on.
    pub fn at(&mut self, done: u64, all: u64) -> Result<(), Stopped> {
        let percent = done.saturating_mul(100).checked_div(all).unwrap_or(100);
        // 100 is said of what was checked, too.
        let percent = u8::try_from(percent).unwrap_or(99).min(99);
        if percent / STEP > self.told / STEP {
            self.told = percent;
            (self.tell)(percent);
        }
        if done >= all && self.deadline.cancel.reason().is_none() { Ok(()) } else { self.check() }
    }

    /// How far it said that it is, in percent.
    #[must_use]
    pub const fn told(&self) -> u8 {
        self.told
    }
}
