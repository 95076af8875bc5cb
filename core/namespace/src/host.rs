//! What the tree knows of the system around it, and what it asks of it.

use core::fmt;
use core::time::Duration;

use secure9p_core::Error;
use ticket::Role;

use crate::workers::WorkerId;

/// The system around the tree: NineDoor's is the root task, the simulator's a process of the host.
pub trait Host {
    /// The boot text: what the system is made of. It never changes.
    fn boot(&self) -> &str;

    /// Time since the system's start. It never goes back.
    fn now(&self) -> Duration;

    /// Milliseconds since 1970 (UTC); 0 where nobody knows, and then no ticket is accepted.
    fn wall_ms(&self) -> u64;

    /// What workers may have.
    fn limits(&self) -> &Limits;

    /// Makes a worker and starts it. Its ticket says `worker-<number>`, and is handed to nobody but
    /// the worker. What it says before this returns is served afterwards.
    ///
    /// # Errors
    /// Where there is none; then nothing has changed.
    fn spawn(&mut self, spawn: &Spawn) -> Result<WorkerId, SpawnError>;

    /// Ends a worker: when this returns it does nothing any more, and what it had is given back.
    ///
    /// # Errors
    /// [`Error::NotFound`] where it has ended by itself.
    fn kill(&mut self, worker: WorkerId) -> Result<(), Error>;

    /// A worker that has ended by itself and was not told of yet. Its place is free for the next
    /// [`Self::spawn`] only afterwards.
    fn ended(&mut self) -> Option<Ended>;

    /// Writes how much memory there is and is left, a line per fact.
    ///
    /// # Errors
    /// Those of `text`.
    fn memory(&mut self, text: &mut dyn fmt::Write) -> fmt::Result;

    /// Writes what each process holds, a line per process.
    ///
    /// # Errors
    /// Those of `text`.
    fn capabilities(&mut self, text: &mut dyn fmt::Write) -> fmt::Result;

    /// Writes what runs and when, a line per process. What workers may still spend is written by
    /// the tree behind it.
    ///
    /// # Errors
    /// Those of `text`.
    fn schedule(&mut self, text: &mut dyn fmt::Write) -> fmt::Result;
}

/// What kind of worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerKind {
    /// Appends heartbeats.
    Heartbeat,
    /// Computes on a GPU.
    Gpu,
}

impl WorkerKind {
    /// The role of its ticket.
    #[must_use]
    pub const fn role(self) -> Role {
        match self {
            Self::Heartbeat => Role::WorkerHeartbeat,
            Self::Gpu => Role::WorkerGpu,
        }
    }

    /// Its name in a line of control and in the log.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Heartbeat => "heartbeat",
            Self::Gpu => "gpu",
        }
    }
}

/// What a worker may spend. Whoever asks for more than is left is ended by that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Appends to its telemetry.
    pub ticks: u64,
    /// Frames that it sends to NineDoor, also those that are none.
    pub ops: u64,
    /// Seconds from its start on.
    pub ttl_s: u32,
}

/// What workers may have: the manifest's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The budget of who asks for none.
    pub default: Budget,
    /// The most of each.
    pub most: Budget,
    /// Milliseconds between two heartbeats of who asks for none.
    pub period_ms: u32,
    /// The fewest.
    pub least_period_ms: u32,
    /// The most.
    pub most_period_ms: u32,
}

/// A worker that is wanted. All of it is within the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spawn {
    /// What kind.
    pub kind: WorkerKind,
    /// Milliseconds between two heartbeats.
    pub period_ms: u32,
    /// What it may spend; the host enforces `ttl_s`, the tree the rest.
    pub budget: Budget,
}

/// Why there is no worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpawnError {
    /// All places are taken.
    Places,
    /// There is not enough memory, or not enough of what else it takes.
    Memory,
    /// This system has no such workers.
    Kind,
    /// Workers of this kind end too fast, and wait before the next starts.
    Throttled,
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Places => "every place is taken: kill a worker first",
            Self::Memory => "there is not enough memory left: kill a worker first",
            Self::Kind => "this system has no such workers",
            Self::Throttled => "such workers failed one after another: wait a while",
        })
    }
}

impl From<SpawnError> for Error {
    fn from(error: SpawnError) -> Self {
        match error {
            SpawnError::Places | SpawnError::Memory | SpawnError::Throttled => Self::Busy,
            SpawnError::Kind => Self::NotFound,
        }
    }
}

/// A worker that has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Which.
    pub worker: WorkerId,
    /// Why.
    pub reason: Reason,
}

/// Why a worker has ended. Its text is what the log says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Its time is over.
    Ttl,
    /// Its ticks are spent, and it was about to have or to append one more.
    Ticks,
    /// It sent more frames than it may.
    Ops,
    /// The queen killed it.
    Killed,
    /// The kernel stopped it.
    Fault {
        /// What it did, in a word: `vm-read`, `capability` and so on.
        kind: &'static str,
        /// The address that it wanted.
        address: u64,
        /// Where its code was.
        ip: u64,
    },
    /// It said that it is done.
    Exited {
        /// With this.
        code: u64,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ttl => f.write_str("ttl"),
            Self::Ticks => f.write_str("ticks"),
            Self::Ops => f.write_str("ops"),
            Self::Killed => f.write_str("killed"),
            Self::Fault { kind, address, ip } => {
                write!(f, "fault kind={kind} address={address:#x} ip={ip:#x}")
            }
            Self::Exited { code } => write!(f, "exited code={code}"),
        }
    }
}
