//! Tasks to jobs, status to telemetry.

use gpu_worker::GpuWorker;
use runtime::worker::{Given, UNWIRED};

/// Works until NineDoor refuses what it cannot do without.
pub fn run(_argument: u64) -> u64 {
    let Some(given) = Given::take() else { return UNWIRED };
    let (ticket, start, period) = given.birth();
    given.live(&mut GpuWorker::new(ticket, start, period))
}
