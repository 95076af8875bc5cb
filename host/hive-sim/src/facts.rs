//! What the simulator says of itself.

use std::fmt;
use std::time::{Duration, Instant};

/// The namespace's view of this process.
#[derive(Debug)]
pub struct Facts {
    boot: String,
    started: Instant,
}

impl Facts {
    pub fn new() -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let boot = format!(
            "Cohesix {version}\nkernel: none, a simulator in one process of the host\ncomponents: \
             nine-door\n"
        );
        Self { boot, started: Instant::now() }
    }
}

impl namespace::Host for Facts {
    fn boot(&self) -> &str {
        &self.boot
    }

    fn memory(&mut self, text: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(text, "simulated: the host's memory is not counted")
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }
}
