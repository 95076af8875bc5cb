//! What the simulator tells about itself.

use std::fmt;
use std::time::{Duration, Instant};

use crate::hive::MAX_CONNECTIONS;

/// The namespace's view of this process.
#[derive(Debug)]
pub(crate) struct Facts {
    boot: String,
    started: Instant,
    /// Connections that are open; the hive counts them here.
    pub connections: usize,
    /// Memory of one, in bytes.
    each: usize,
}

impl Facts {
    /// What is known at the start. `each` is the memory of a connection in bytes.
    pub fn new(each: usize) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        let boot = format!(
            "Cohesix {version}\nkernel: none, a simulator in one process of the host ({os} {arch})\n\
             components: nine-door\n"
        );
        Self { boot, started: Instant::now(), connections: 0, each }
    }
}

impl namespace::Host for Facts {
    fn boot(&self) -> &str {
        &self.boot
    }

    /// The names of the VM's lines for what corresponds to them: memory for connections.
    fn memory(&mut self, text: &mut dyn fmt::Write) -> fmt::Result {
        let left = MAX_CONNECTIONS.saturating_sub(self.connections);
        writeln!(text, "at-boot: {}", MAX_CONNECTIONS * self.each)?;
        writeln!(text, "free: {}", left * self.each)?;
        writeln!(text, "connections: {}", self.connections)
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}
