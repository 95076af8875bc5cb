//! What the simulator tells about itself, and how it makes workers.

use std::fmt;
use std::time::{Duration, Instant, SystemTime};

use namespace::{Ended, Limits, Spawn, SpawnError, WorkerId, WorkerKind};
use secure9p_core::Error;

use crate::hive::MAX_CONNECTIONS;
use crate::staff::{self, Staff};

/// Milliseconds between two looks of a GPU worker at its files.
const GPU_PERIOD_MS: u32 = 20;

/// The namespace's view of this process.
#[derive(Debug)]
pub(crate) struct Facts {
    boot: String,
    started: Instant,
    /// What this host's clock said then, in milliseconds since 1970.
    started_ms: u64,
    /// Of heartbeat workers.
    limits: Limits,
    /// Of GPU workers: the same, but that they look at their files more often.
    of_gpus: Limits,
    /// Connections that are open; the hive counts them here.
    pub connections: usize,
    /// Memory of one, in bytes.
    each: usize,
    pub staff: Staff,
}

impl Facts {
    /// What is known at the start, which is now. `each` is the memory of a connection in bytes.
    pub fn new(started: Instant, each: usize, limits: Limits, staff: Staff) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        let boot = format!(
            "Cohesix {version}\nkernel: none, a simulator in one process of the host ({os} {arch})\n\
             components: nine-door\n"
        );
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let started_ms = since_1970.map_or(0, |since| since.as_millis() as u64);
        let period_ms = GPU_PERIOD_MS.clamp(limits.least_period_ms, limits.most_period_ms);
        let of_gpus = Limits { period_ms, ..limits };
        Self { boot, started, started_ms, limits, of_gpus, connections: 0, each, staff }
    }

    /// Ends the workers whose time is over.
    pub fn expire(&mut self) {
        let now = namespace::Host::now(self);
        self.staff.expire(now);
    }
}

impl namespace::Host for Facts {
    fn boot(&self) -> &str {
        &self.boot
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Counted from the start by the clock that does not go back.
    fn wall_ms(&self) -> u64 {
        self.started_ms.saturating_add(self.now().as_millis() as u64)
    }

    fn limits(&self, kind: WorkerKind) -> Option<&Limits> {
        Some(match kind {
            WorkerKind::Heartbeat => &self.limits,
            WorkerKind::Gpu => &self.of_gpus,
        })
    }

    fn spawn(&mut self, spawn: &Spawn) -> Result<WorkerId, SpawnError> {
        let (now, wall_ms) = (self.now(), self.wall_ms());
        self.staff.hire(spawn, now, wall_ms)
    }

    fn kill(&mut self, worker: WorkerId) -> Result<(), Error> {
        self.staff.dismiss(worker)
    }

    fn ended(&mut self) -> Option<Ended> {
        self.staff.ended()
    }

    /// The names of the VM's lines for what corresponds to them: memory for connections and
    /// workers.
    fn memory(&mut self, text: &mut dyn fmt::Write) -> fmt::Result {
        let workers = self.staff.count();
        let used = self.connections * self.each + workers * staff::MEMORY;
        let all = MAX_CONNECTIONS * self.each + self.staff.places() * staff::MEMORY;
        writeln!(text, "at-boot: {all}")?;
        writeln!(text, "free: {}", all.saturating_sub(used))?;
        writeln!(text, "connections: {}", self.connections)?;
        writeln!(text, "workers: {workers}")
    }

    /// There are no capabilities here: what would be a process' is a thread of this one.
    fn capabilities(&mut self, text: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(text, "nine-door capabilities=none threads={}", self.connections)?;
        self.staff.all().try_for_each(|worker| {
            writeln!(text, "{worker} capabilities=none threads=1 memory={}", staff::MEMORY)
        })
    }

    fn schedule(&mut self, text: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(text, "nine-door scheduler=host")
    }
}
