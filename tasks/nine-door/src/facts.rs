//! The system as the namespace sees it: asked of the root task.

use core::fmt;
use core::time::Duration;

use abi::service::Status;
use abi::workers::{self as wire, WorkerLimits};
use drivers::timer;
use heapless::String;
use namespace::{Budget, Ended, Host, Limits, Reason, Spawn, SpawnError, WorkerId, WorkerKind};
use runtime::workers::About;
use runtime::{service, workers};
use secure9p_core::Error;
use sel4::fault::Fault;
use ticket::Key;

/// The namespace's view of this system.
pub struct Facts {
    boot: String<4096>,
    /// Of heartbeat workers and of GPU workers, where this system has such.
    limits: [Option<Limits>; 2],
    /// Milliseconds since 1970 when the machine started; 0 where nobody knows.
    started_ms: u64,
}

impl Facts {
    /// Asks for what never changes, and for the key to check tickets with.
    ///
    /// # Panics
    /// Where the manifest does not grant that.
    pub fn ask() -> (Self, Key) {
        let mut boot = String::new();
        let asked = service::boot_text(|piece| {
            // What does not fit is missing from the end.
            let _ = boot.push_str(piece);
        });
        granted(asked, "facts");
        // Where there are none this system has no such workers, or NineDoor is not their server.
        let limits = [wire::WorkerKind::Heartbeat, wire::WorkerKind::Gpu]
            .map(|kind| workers::limits(kind).ok().map(|limits| read_limits(&limits)));
        let (key, started_ms) = match granted(workers::ticket_key(), "tickets") {
            Some((key, started_ms)) => (Key::from_bytes(key), started_ms),
            // Nobody has this key's secret, and without the time no ticket is valid.
            None => {
                runtime::log!("the machine has no secret: nobody can attach");
                (Key::from_bytes([0; 32]), 0)
            }
        };
        (Self { boot, limits, started_ms }, key)
    }
}

fn granted<T>(answer: Result<T, Status>, capability: &str) -> T {
    match answer {
        Ok(answer) => answer,
        Err(status) => {
            panic!("the root task does not tell ({status:?}): the manifest must grant {capability}")
        }
    }
}

fn read_limits(limits: &WorkerLimits) -> Limits {
    let small = |wide: u64| u32::try_from(wide).unwrap_or(u32::MAX);
    let budget = |index: usize| Budget {
        ticks: limits.ticks[index],
        ops: limits.ops[index],
        ttl_s: small(limits.ttl_s[index]),
    };
    let [period, least, most] = limits.period_ms.map(small);
    Limits {
        default: budget(0),
        most: budget(1),
        period_ms: period,
        least_period_ms: least,
        most_period_ms: most,
    }
}

impl Host for Facts {
    fn boot(&self) -> &str {
        &self.boot
    }

    // Divides 128 bits: once in the image is enough.
    #[inline(never)]
    fn now(&self) -> Duration {
        Duration::from_nanos(timer::now())
    }

    fn wall_ms(&self) -> u64 {
        match self.started_ms {
            0 => 0,
            started => started.saturating_add(timer::now() / 1_000_000),
        }
    }

    fn limits(&self, kind: WorkerKind) -> Option<&Limits> {
        let [heartbeat, gpu] = &self.limits;
        match kind {
            WorkerKind::Heartbeat => heartbeat.as_ref(),
            WorkerKind::Gpu => gpu.as_ref(),
        }
    }

    fn spawn(&mut self, spawn: &Spawn) -> Result<WorkerId, SpawnError> {
        let kind = match spawn.kind {
            WorkerKind::Heartbeat => wire::WorkerKind::Heartbeat,
            WorkerKind::Gpu => wire::WorkerKind::Gpu,
        };
        let Budget { ticks, ops, ttl_s } = spawn.budget;
        match workers::spawn(kind, spawn.period_ms.into(), [ticks, ops, ttl_s.into()]) {
            Ok((place, number)) => Ok(WorkerId { place, number }),
            Err(Status::Busy) => Err(SpawnError::Places),
            Err(Status::NoMemory) => Err(SpawnError::Memory),
            Err(Status::Resting) => Err(SpawnError::Throttled),
            Err(_) => Err(SpawnError::Kind),
        }
    }

    fn kill(&mut self, worker: WorkerId) -> Result<(), Error> {
        workers::kill(worker.place, worker.number).map_err(|_| Error::NotFound)
    }

    fn ended(&mut self) -> Option<Ended> {
        let ended = workers::take_ended()?;
        let reason = match ended.cause {
            wire::Cause::Ttl => Reason::Ttl,
            wire::Cause::Ticks => Reason::Ticks,
            wire::Cause::Fault([wire::FORBIDDEN_CALL, label, ip]) => {
                Reason::Fault { kind: "forbidden-call", address: label, ip }
            }
            wire::Cause::Fault([kind, address, ip]) => {
                Reason::Fault { kind: Fault::kind_of(kind), address, ip }
            }
            wire::Cause::Exit(code) => Reason::Exited { code },
        };
        Some(Ended { worker: WorkerId { place: ended.place, number: ended.number }, reason })
    }

    fn memory(&mut self, text: &mut dyn fmt::Write) -> fmt::Result {
        match service::memory() {
            Ok(memory) => {
                writeln!(text, "at-boot: {}", memory.at_boot)?;
                writeln!(text, "free: {}", memory.free)?;
                writeln!(text, "slots-free: {}", memory.slots)?;
                writeln!(text, "components: {}", memory.running)?;
                writeln!(text, "workers: {}", memory.workers)?;
                match memory.differences {
                    Some(0) => writeln!(text, "kernel: agrees about every slot"),
                    Some(count) => writeln!(text, "kernel: differs in {count} slots"),
                    None => writeln!(text, "kernel: does not tell (no debug build)"),
                }
            }
            Err(status) => writeln!(text, "unknown: {status:?}"),
        }
    }

    fn capabilities(&mut self, text: &mut dyn fmt::Write) -> fmt::Result {
        processes(About::Holdings, text)
    }

    fn schedule(&mut self, text: &mut dyn fmt::Write) -> fmt::Result {
        processes(About::Schedule, text)
    }
}

fn processes(about: About, text: &mut dyn fmt::Write) -> fmt::Result {
    let mut written = Ok(());
    let told = workers::processes(about, |line| {
        written = written.and_then(|()| writeln!(text, "{line}"));
    });
    written?;
    match told {
        Ok(()) => Ok(()),
        Err(status) => writeln!(text, "unknown: {status:?}"),
    }
}
