//! Its frames go to NineDoor, its ticks come from the root task.

use core::time::Duration;

use abi::startup::Kind;
use abi::workers::MAX_FRAME;
use drivers::timer;
use gpu_worker::{GpuWorker, Next};
use runtime::frames::Client;
use runtime::memory;
use sel4::{Cap, Notification};

/// Signals arrive here at each tick.
const TICK: Notification = Cap::new(abi::slot::NOTIFICATION);

/// Exit code of a worker that cannot start.
const UNWIRED: u64 = 2;
/// Exit code of a worker that NineDoor refused.
const REFUSED: u64 = 1;

/// Works until NineDoor refuses what it cannot do without.
pub fn run(_argument: u64) -> u64 {
    let frames = memory::take().into_iter().find(|given| given.area().kind == Kind::Frames);
    let (Some(frames), Some(birth)) = (frames, memory::birth()) else { return UNWIRED };
    let client = Client::of_worker(frames.frames());
    let start = Duration::from_nanos(birth.start);
    let mut worker = GpuWorker::new(birth.ticket(), start, Duration::from_nanos(birth.period));
    let (mut frame, mut reply) = ([0; MAX_FRAME], [0; MAX_FRAME]);
    loop {
        match worker.next(Duration::from_nanos(timer::now()), &mut frame) {
            Next::Send(length) => match client.exchange(&frame[..length], &mut reply) {
                Ok(reply) => worker.reply(reply),
                Err(_) => return REFUSED,
            },
            // The root task signals at the same times: a tick's number is the clock's.
            Next::Wait(_) => {
                TICK.wait();
            }
            Next::Ended(_) => return REFUSED,
        }
    }
}
