//! A line of `/gpu/<id>/ctl`.

use core::fmt;

use control::WorkerId;
use control::scan::whole_number;

use crate::lease::Share;
use crate::limits;
use crate::refused::{Reason, Refused};

/// What is to be done with a device's leases. Its text is its line, without the line end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ctl {
    /// `LEASE <worker> <mem_mb> <streams> <ttl_s> [priority]`: give a worker a share.
    Lease {
        /// Whom.
        worker: WorkerId,
        /// How much, and how long.
        share: Share,
    },
    /// `RELEASE <worker>`: end its lease.
    Release(WorkerId),
    /// `PRIORITY <worker> <n>`: its waiting jobs count that much from now on.
    Priority {
        /// Whose.
        worker: WorkerId,
        /// The new one.
        priority: u8,
    },
    /// `RESET`: end every lease, cancel every job.
    Reset,
}

impl Ctl {
    /// What `line` says, which has no line end any more: words with one blank between them.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(line: &[u8]) -> Result<Self, Refused> {
        let line = str::from_utf8(line).map_err(|_| Refused::line("must be UTF-8"))?;
        let mut words = Words(line.split(' '));
        let ctl = match words.next() {
            Some("LEASE") => {
                let worker = words.worker()?;
                let mem_mb = words.number("mem_mb", limits::MEM_MB)?;
                let streams = words.number("streams", limits::STREAMS)?;
                let ttl_s = words.number("ttl_s", limits::TTL_S)?;
                let priority = words.optional("priority", limits::PRIORITY)?.unwrap_or(0);
                Self::Lease { worker, share: Share { mem_mb, streams, ttl_s, priority } }
            }
            Some("RELEASE") => Self::Release(words.worker()?),
            Some("PRIORITY") => Self::Priority {
                worker: words.worker()?,
                priority: words.number("priority", limits::PRIORITY)?,
            },
            Some("RESET") => Self::Reset,
            _ => {
                return Err(Refused::line(
                    "must be LEASE <worker> <mem_mb> <streams> <ttl_s> [priority], RELEASE \
                     <worker>, PRIORITY <worker> <n> or RESET, with one blank between words",
                ));
            }
        };
        match words.next() {
            None => Ok(ctl),
            Some(_) => Err(Refused::line("must end with its last word: nothing behind it")),
        }
    }
}

struct Words<'a>(core::str::Split<'a, char>);

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    fn worker(&mut self) -> Result<WorkerId, Refused> {
        let must = Reason::Must("must be a worker like worker-7");
        self.next().and_then(WorkerId::of).ok_or(Refused::field("worker", must))
    }

    fn number<N: TryFrom<u64>>(
        &mut self,
        name: &'static str,
        range: (u64, u64),
    ) -> Result<N, Refused> {
        self.optional(name, range)?.ok_or(Refused::field(name, Reason::Missing))
    }

    fn optional<N: TryFrom<u64>>(
        &mut self,
        name: &'static str,
        (min, max): (u64, u64),
    ) -> Result<Option<N>, Refused> {
        let Some(word) = self.next() else { return Ok(None) };
        let number = whole_number(word).filter(|number| (min..=max).contains(number));
        let number = number.and_then(|number| N::try_from(number).ok());
        number.map(Some).ok_or(Refused::field(name, Reason::Number { min, max }))
    }
}

impl fmt::Display for Ctl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lease { worker, share: Share { mem_mb, streams, ttl_s, priority } } => {
                write!(f, "LEASE {worker} {mem_mb} {streams} {ttl_s} {priority}")
            }
            Self::Release(worker) => write!(f, "RELEASE {worker}"),
            Self::Priority { worker, priority } => write!(f, "PRIORITY {worker} {priority}"),
            Self::Reset => f.write_str("RESET"),
        }
    }
}
