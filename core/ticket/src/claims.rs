//! What a ticket claims.

use core::fmt;
use core::num::{NonZeroU32, NonZeroU64};

use heapless::Vec;

use crate::error::{ClaimsError, Field, TicketError};
use crate::names::{Name, Path};
use crate::{MAX_SCOPES, MAX_SKEW_MS, MAX_TTL_S};

/// As what its holder may attach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Role {
    /// Controls everything.
    Queen = 0,
    /// A worker that tells that it lives.
    WorkerHeartbeat = 1,
    /// A worker that computes on a GPU.
    WorkerGpu = 2,
    /// Reads, and changes nothing.
    Observer = 3,
    /// Publishes the host's GPUs.
    GpuBridge = 4,
}

impl Role {
    /// Every role, by its number.
    pub const ALL: [Self; 5] =
        [Self::Queen, Self::WorkerHeartbeat, Self::WorkerGpu, Self::Observer, Self::GpuBridge];

    /// Its number in the claims.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The role of this number.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.number() == number)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Queen => "queen",
            Self::WorkerHeartbeat => "worker-heartbeat",
            Self::WorkerGpu => "worker-gpu",
            Self::Observer => "observer",
            Self::GpuBridge => "gpu-bridge",
        }
    }

    /// The role of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether it is a worker's: such a ticket names its worker and dies with it.
    #[must_use]
    pub const fn is_worker(self) -> bool {
        matches!(self, Self::WorkerHeartbeat | Self::WorkerGpu)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How much of what; nothing where there is no limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Budget {
    /// Ticks: heartbeats, or quanta of the scheduler.
    pub ticks: Option<u64>,
    /// Requests.
    pub ops: Option<u64>,
    /// Seconds from [`Claims::issued_at_ms`] on.
    pub ttl_s: Option<u64>,
}

/// A service that the holder's session mounts.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Mount {
    /// What is mounted.
    pub service: Name,
    /// Where.
    pub at: Path,
}

/// What may be done with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Verb {
    /// Reading.
    Read = 0,
    /// Writing.
    Write = 1,
    /// Both.
    ReadWrite = 2,
}

impl Verb {
    /// Its number in the claims.
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The verb of this number.
    #[must_use]
    pub fn of_number(number: u8) -> Option<Self> {
        [Self::Read, Self::Write, Self::ReadWrite].into_iter().find(|verb| verb.number() == number)
    }

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::ReadWrite => "read-write",
        }
    }
}

/// A part of the tree that the ticket is limited to.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Scope {
    /// The path, and all below it.
    pub path: Path,
    /// What may be done there.
    pub verb: Verb,
    /// Operations a second; `None`: any number.
    pub rate_per_s: Option<NonZeroU32>,
}

/// The scopes of a ticket; none where it is limited by its role alone.
pub type Scopes = Vec<Scope, MAX_SCOPES>;

/// How much may be used in all; `None`: any amount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Quotas {
    /// Bytes read and written.
    pub bandwidth_bytes: Option<NonZeroU64>,
    /// How often a reader may go on where it stopped.
    pub cursor_resumes: Option<NonZeroU32>,
    /// How often a reader may skip ahead.
    pub cursor_advances: Option<NonZeroU32>,
}

/// What a ticket claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// As what its holder may attach.
    pub role: Role,
    /// Limits.
    pub budget: Budget,
    /// The worker that it is for; of other roles, whoever holds it.
    pub subject: Option<Name>,
    /// When it was minted, in milliseconds since 1970 (UTC).
    pub issued_at_ms: u64,
    /// What its session mounts.
    pub mount: Option<Mount>,
    /// Parts of the tree that it is limited to.
    pub scopes: Scopes,
    /// Amounts that it is limited to.
    pub quotas: Quotas,
    /// A random number: makes tickets differ that were minted in the same millisecond.
    pub nonce: Option<u64>,
}

impl Claims {
    /// The claim to be `role`, made at `issued_at_ms`, and nothing else yet.
    #[must_use]
    pub const fn new(role: Role, issued_at_ms: u64) -> Self {
        Self {
            role,
            budget: Budget { ticks: None, ops: None, ttl_s: None },
            subject: None,
            issued_at_ms,
            mount: None,
            scopes: Vec::new(),
            quotas: Quotas { bandwidth_bytes: None, cursor_resumes: None, cursor_advances: None },
            nonce: None,
        }
    }

    /// When they end, in milliseconds since 1970; `None`: with their worker.
    #[must_use]
    pub fn expires_at_ms(&self) -> Option<u64> {
        let ttl_ms = self.budget.ttl_s?.saturating_mul(1000);
        Some(self.issued_at_ms.saturating_add(ttl_ms))
    }

    /// Whether they hold at the time `now_ms`, in milliseconds since 1970.
    ///
    /// # Errors
    /// [`TicketError::NotYetValid`] or [`TicketError::Expired`].
    pub fn hold_at(&self, now_ms: u64) -> Result<(), TicketError> {
        if self.issued_at_ms > now_ms.saturating_add(MAX_SKEW_MS) {
            return Err(TicketError::NotYetValid);
        }
        match self.expires_at_ms() {
            Some(end) if now_ms >= end => Err(TicketError::Expired),
            _ => Ok(()),
        }
    }

    /// What a role needs: a worker's id, or an end.
    pub(crate) fn check_rules(&self) -> Result<(), ClaimsError> {
        if self.role.is_worker() {
            return self.subject.as_ref().map(|_| ()).ok_or(ClaimsError::Missing(Field::Subject));
        }
        match self.budget.ttl_s {
            None => Err(ClaimsError::Missing(Field::Ttl)),
            Some(1..=MAX_TTL_S) => Ok(()),
            Some(_) => Err(ClaimsError::Value(Field::Ttl)),
        }
    }
}
