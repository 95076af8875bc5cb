//! A heartbeat at each tick.

use heartbeat::Heartbeat;
use runtime::worker::{Given, UNWIRED};

/// Beats until NineDoor refuses a request.
pub fn run(_argument: u64) -> u64 {
    let Some(given) = Given::take() else { return UNWIRED };
    let (ticket, start, period) = given.birth();
    given.live(&mut Heartbeat::new(ticket, start, period))
}
