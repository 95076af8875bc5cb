//! The life of a worker: its frames go to NineDoor, its ticks come from the root task.

use core::time::Duration;

use abi::startup::Kind;
use abi::workers::{Birth, MAX_FRAME};
use drivers::timer;
use sel4::{Cap, Notification};
use worker::{Next, Worker};

use crate::frames::Client;
use crate::memory;

/// Signals arrive here at each tick.
const TICK: Notification = Cap::new(abi::slot::NOTIFICATION);

/// Exit code of a worker that cannot start.
pub const UNWIRED: u64 = 2;
/// Exit code of a worker that NineDoor refused.
pub const REFUSED: u64 = 1;

/// What a worker was born with, its ticket among it.
pub struct Given {
    client: Client,
    birth: Birth,
}

impl Given {
    /// Takes it; `None` where there is none, or it was taken before.
    #[must_use]
    pub fn take() -> Option<Self> {
        let frames = memory::take().into_iter().find(|given| given.area().kind == Kind::Frames)?;
        Some(Self { client: Client::of_worker(frames.frames()), birth: memory::birth()? })
    }

    /// Its ticket, its start and the period of its ticks.
    #[must_use]
    pub fn birth(&self) -> (&str, Duration, Duration) {
        let Self { birth, .. } = self;
        (birth.ticket(), Duration::from_nanos(birth.start), Duration::from_nanos(birth.period))
    }

    /// Lives until NineDoor refuses what the worker cannot do without; the exit code.
    pub fn live(&self, worker: &mut impl Worker) -> u64 {
        let (mut frame, mut reply) = ([0; MAX_FRAME], [0; MAX_FRAME]);
        loop {
            match worker.next(Duration::from_nanos(timer::now()), &mut frame) {
                Next::Send(length) => match self.client.exchange(&frame[..length], &mut reply) {
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
}
