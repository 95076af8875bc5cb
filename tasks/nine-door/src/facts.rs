//! What NineDoor tells about the system it runs in: asked of the root task.

use core::fmt;
use core::time::Duration;

use drivers::timer;
use heapless::String;
use namespace::{Budget, Ended, Limits, Spawn, SpawnError, WorkerId};
use runtime::service;
use secure9p_core::Error;

/// Nobody spawns here yet, so nothing is limited.
static LIMITS: Limits = {
    let budget = Budget { ticks: 1, ops: 1, ttl_s: 1 };
    Limits {
        default: budget,
        most: budget,
        period_ms: 1000,
        least_period_ms: 1000,
        most_period_ms: 1000,
    }
};

/// The namespace's view of this system.
pub struct Facts {
    boot: String<4096>,
}

impl Facts {
    /// Asks for what never changes.
    pub fn ask() -> Self {
        let mut boot = String::new();
        let asked = service::boot_text(|piece| {
            // What does not fit is missing from the end.
            let _ = boot.push_str(piece);
        });
        if let Err(status) = asked {
            panic!(
                "the root task does not tell the facts ({status:?}): the manifest must grant it"
            );
        }
        Self { boot }
    }
}

impl namespace::Host for Facts {
    fn boot(&self) -> &str {
        &self.boot
    }

    fn memory(&mut self, text: &mut dyn fmt::Write) -> fmt::Result {
        match service::memory() {
            Ok(memory) => {
                writeln!(text, "at-boot: {}", memory.at_boot)?;
                writeln!(text, "free: {}", memory.free)?;
                writeln!(text, "slots-free: {}", memory.slots)?;
                writeln!(text, "components: {}", memory.running)
            }
            Err(status) => writeln!(text, "unknown: {status:?}"),
        }
    }

    fn now(&self) -> Duration {
        Duration::from_nanos(timer::now())
    }

    /// Nobody has told the time: no ticket is accepted.
    fn wall_ms(&self) -> u64 {
        0
    }

    fn limits(&self) -> &Limits {
        &LIMITS
    }

    fn spawn(&mut self, _: &Spawn) -> Result<WorkerId, SpawnError> {
        Err(SpawnError::Kind)
    }

    fn kill(&mut self, _: WorkerId) -> Result<(), Error> {
        Err(Error::NotFound)
    }

    fn ended(&mut self) -> Option<Ended> {
        None
    }

    fn capabilities(&mut self, _: &mut dyn fmt::Write) -> fmt::Result {
        Ok(())
    }

    fn schedule(&mut self, _: &mut dyn fmt::Write) -> fmt::Result {
        Ok(())
    }
}
