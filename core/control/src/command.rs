//! Commands as values, and their text.

use core::fmt;

use crate::ids::{GpuId, Path, Service, TicketId, WorkerId};
use crate::table::{Field, Key, Kind, Takes};

/// A command. Its text is its canonical line, without the line end: [`crate::parse`] gives the
/// same command back, if its numbers are in the table's ranges and a `Budget` says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Command<'a> {
    /// Start a worker that writes heartbeats.
    SpawnHeartbeat {
        /// Heartbeats after which it ends.
        ticks: Option<u64>,
        /// ms between two.
        period_ms: Option<u32>,
        /// What else it may spend.
        limits: Limits,
    },
    /// Start a worker with a lease of a GPU.
    SpawnGpu {
        /// The lease.
        lease: Lease<'a>,
        /// What it may spend.
        limits: Limits,
    },
    /// End a worker.
    Kill(WorkerId),
    /// Set what later workers may spend by default; what is `None` stays as it is.
    Budget {
        /// Time and requests.
        limits: Limits,
        /// Heartbeats.
        ticks: Option<u64>,
    },
    /// Show `from` at `to`, in this session.
    Bind {
        /// What is to be seen.
        from: Path<'a>,
        /// Where.
        to: Path<'a>,
    },
    /// Show a service's tree, in this session.
    Mount {
        /// Whose.
        service: Service<'a>,
        /// Where.
        at: Path<'a>,
    },
    /// End a ticket and every session that came with it.
    Revoke(TicketId),
}

/// What a worker may spend: the object `budget` of a spawn. `None` is the default.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Limits {
    /// Seconds that it lives.
    pub ttl_s: Option<u32>,
    /// Requests that it is served.
    pub ops: Option<u64>,
}

/// A share of a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Lease<'a> {
    /// The device.
    pub gpu_id: GpuId<'a>,
    /// Device memory, in MiB.
    pub mem_mb: u32,
    /// Streams.
    pub streams: u16,
    /// Seconds that it lasts.
    pub ttl_s: u32,
    /// Priority among leases.
    pub priority: Option<u8>,
}

/// What a field that is no object holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A whole number.
    Number(u64),
    /// A word of the table.
    Word(&'static str),
    /// A worker.
    Worker(WorkerId),
    /// A GPU.
    Gpu(GpuId<'a>),
    /// A path.
    Path(Path<'a>),
    /// A service.
    Service(Service<'a>),
    /// A ticket's name.
    Ticket(TicketId),
}

impl fmt::Display for Value<'_> {
    /// As it stands in a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Word(word) => write!(f, "\"{word}\""),
            Self::Worker(worker) => write!(f, "\"{worker}\""),
            Self::Gpu(gpu) => write!(f, "\"{gpu}\""),
            Self::Path(path) => write!(f, "\"{path}\""),
            Self::Service(service) => write!(f, "\"{service}\""),
            Self::Ticket(ticket) => write!(f, "\"{ticket}\""),
        }
    }
}

impl<'a> Command<'a> {
    /// Which command it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::SpawnHeartbeat { .. } => Kind::SpawnHeartbeat,
            Self::SpawnGpu { .. } => Kind::SpawnGpu,
            Self::Kill(_) => Kind::Kill,
            Self::Budget { .. } => Kind::Budget,
            Self::Bind { .. } => Kind::Bind,
            Self::Mount { .. } => Kind::Mount,
            Self::Revoke(_) => Kind::Revoke,
        }
    }

    /// The value of a field; `None` where it has none, and for objects and words.
    #[must_use]
    pub fn get(&self, key: Key) -> Option<Value<'a>> {
        let number = |number: Option<u64>| number.map(Value::Number);
        match (*self, key) {
            (Self::SpawnHeartbeat { ticks, .. } | Self::Budget { ticks, .. }, Key::Ticks) => {
                number(ticks)
            }
            (Self::SpawnHeartbeat { period_ms, .. }, Key::PeriodMs) => {
                number(period_ms.map(u64::from))
            }
            (
                Self::SpawnHeartbeat { limits, .. }
                | Self::SpawnGpu { limits, .. }
                | Self::Budget { limits, .. },
                Key::TtlS | Key::Ops,
            ) => number(if key == Key::Ops { limits.ops } else { limits.ttl_s.map(u64::from) }),
            (Self::SpawnGpu { lease, .. }, _) => lease.get(key),
            (Self::Kill(worker), Key::Kill) => Some(Value::Worker(worker)),
            (Self::Bind { from, .. }, Key::From) => Some(Value::Path(from)),
            (Self::Bind { to, .. }, Key::To) => Some(Value::Path(to)),
            (Self::Mount { service, .. }, Key::Service) => Some(Value::Service(service)),
            (Self::Mount { at, .. }, Key::At) => Some(Value::Path(at)),
            (Self::Revoke(ticket), Key::Ticket) => Some(Value::Ticket(ticket)),
            _ => None,
        }
    }
}

impl<'a> Lease<'a> {
    fn get(self, key: Key) -> Option<Value<'a>> {
        match key {
            Key::GpuId => Some(Value::Gpu(self.gpu_id)),
            Key::MemMb => Some(Value::Number(self.mem_mb.into())),
            Key::Streams => Some(Value::Number(self.streams.into())),
            Key::LeaseTtlS => Some(Value::Number(self.ttl_s.into())),
            Key::Priority => self.priority.map(|priority| Value::Number(priority.into())),
            _ => None,
        }
    }
}

impl fmt::Display for Command<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_object(f, self.kind().form().fields)
    }
}

impl Command<'_> {
    fn write_object(&self, f: &mut fmt::Formatter<'_>, fields: &[Field]) -> fmt::Result {
        let mut sign = "{";
        for Field { key, name, takes, .. } in fields {
            let value = match *takes {
                Takes::Word(word) => Some(Value::Word(word)),
                Takes::Object(inner) if inner.iter().any(|field| self.get(field.key).is_some()) => {
                    write!(f, "{sign}\"{name}\":")?;
                    sign = ",";
                    self.write_object(f, inner)?;
                    continue;
                }
                _ => self.get(*key),
            };
            if let Some(value) = value {
                write!(f, "{sign}\"{name}\":{value}")?;
                sign = ",";
            }
        }
        f.write_str(if sign == "{" { "{}" } else { "}" })
    }
}

/// What the fields of a line hold, as far as it has been read.
#[derive(Debug)]
pub(crate) struct Values<'a>([Option<Value<'a>>; Key::COUNT]);

impl<'a> Values<'a> {
    pub const fn new() -> Self {
        Self([None; Key::COUNT])
    }

    pub fn set(&mut self, key: Key, value: Value<'a>) {
        if let Some(place) = self.0.get_mut(key as usize) {
            *place = Some(value);
        }
    }

    fn get(&self, key: Key) -> Option<Value<'a>> {
        self.0.get(key as usize).copied().flatten()
    }

    /// The command that they make, or the field that lacks.
    pub fn command(&self, kind: Kind) -> Result<Command<'a>, Key> {
        Ok(match kind {
            Kind::SpawnHeartbeat => Command::SpawnHeartbeat {
                ticks: self.number(Key::Ticks),
                period_ms: self.number(Key::PeriodMs),
                limits: self.limits(),
            },
            Kind::SpawnGpu => Command::SpawnGpu { lease: self.lease()?, limits: self.limits() },
            Kind::Kill => match self.get(Key::Kill) {
                Some(Value::Worker(worker)) => Command::Kill(worker),
                _ => return Err(Key::Kill),
            },
            Kind::Budget => {
                Command::Budget { limits: self.limits(), ticks: self.number(Key::Ticks) }
            }
            Kind::Bind => Command::Bind { from: self.path(Key::From)?, to: self.path(Key::To)? },
            Kind::Mount => match self.get(Key::Service) {
                Some(Value::Service(service)) => {
                    Command::Mount { service, at: self.path(Key::At)? }
                }
                _ => return Err(Key::Service),
            },
            Kind::Revoke => match self.get(Key::Ticket) {
                Some(Value::Ticket(ticket)) => Command::Revoke(ticket),
                _ => return Err(Key::Ticket),
            },
        })
    }

    /// The table's ranges fit the types.
    fn number<N: TryFrom<u64>>(&self, key: Key) -> Option<N> {
        match self.get(key)? {
            Value::Number(number) => N::try_from(number).ok(),
            _ => None,
        }
    }

    fn limits(&self) -> Limits {
        Limits { ttl_s: self.number(Key::TtlS), ops: self.number(Key::Ops) }
    }

    fn path(&self, key: Key) -> Result<Path<'a>, Key> {
        match self.get(key) {
            Some(Value::Path(path)) => Ok(path),
            _ => Err(key),
        }
    }

    fn lease(&self) -> Result<Lease<'a>, Key> {
        let Some(Value::Gpu(gpu_id)) = self.get(Key::GpuId) else { return Err(Key::GpuId) };
        Ok(Lease {
            gpu_id,
            mem_mb: self.number(Key::MemMb).ok_or(Key::MemMb)?,
            streams: self.number(Key::Streams).ok_or(Key::Streams)?,
            ttl_s: self.number(Key::LeaseTtlS).ok_or(Key::LeaseTtlS)?,
            priority: self.number(Key::Priority),
        })
    }
}
