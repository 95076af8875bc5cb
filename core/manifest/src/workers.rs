//! What a system says of its workers: processes that are spawned on command.
//!
//! All of one kind run the same image with the same memory; what a spawn may choose (period and
//! budget) has a default and bounds. Every worker calls one component, its server, and shares a
//! page of memory with it for frames.

use heapless::Vec;
use serde::{Deserialize, Serialize};

use crate::{Component, MEMORY, Name};

/// Most kinds of workers.
pub const MAX_KINDS: usize = 2;
/// Most workers at the same time, of all kinds. A process' index has 8 bits, and components take
/// the first [`crate::MAX_COMPONENTS`].
pub const MAX_WORKERS: usize = 256 - crate::MAX_COMPONENTS;
/// Shortest period of a worker's tick that a manifest may allow, in milliseconds.
pub const LEAST_PERIOD_MS: u32 = 10;
/// Longest period, in milliseconds: a day.
pub const MOST_PERIOD_MS: u32 = 86_400_000;
/// Longest time to live, in seconds: a year.
pub const MOST_TTL_S: u64 = 31_536_000;

/// The workers of a system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workers {
    /// The component that every worker calls.
    pub server: u8,
    /// The kinds that the system has, in the order of [`Kind::ALL`]. Places are counted through.
    pub kinds: Vec<Worker, MAX_KINDS>,
}

/// What a kind of worker is for, as a spawn names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// Appends a heartbeat to its telemetry at each of its ticks.
    Heartbeat,
    /// Submits jobs to a GPU that it leased.
    Gpu,
}

impl Kind {
    /// Each kind, in the order in which a system lists them.
    pub const ALL: [Self; MAX_KINDS] = [Self::Heartbeat, Self::Gpu];

    /// The word for it in manifests and in spawns.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Heartbeat => "heartbeat",
            Self::Gpu => "gpu",
        }
    }
}

/// A kind of worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    /// What for.
    pub kind: Kind,
    /// Name of its ELF image in the boot archive.
    pub image: Name,
    /// seL4 priority, from 1 and below the server's: calls go up.
    pub priority: u8,
    /// Stack size in bytes: a multiple of 4096.
    pub stack: u32,
    /// Memory that each is built from, in bytes: a power of two in [`MEMORY`].
    pub memory: u32,
    /// Handed to each in its second argument register.
    pub argument: u64,
    /// Most of this kind at the same time, from 1.
    pub places: u8,
    /// Period of its tick.
    pub period_ms: Period,
    /// Budget where a spawn names none.
    pub budget: Budget,
    /// Most that a spawn may ask for.
    pub most: Budget,
}

/// A period in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Period {
    /// Where a spawn names none.
    pub default: u32,
    /// Least that a spawn may ask for.
    pub least: u32,
    /// Most that a spawn may ask for.
    pub most: u32,
}

/// How much a worker may use. Whatever is spent first ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Ticks: its telemetry takes as many appends.
    pub ticks: u64,
    /// Requests to its server.
    pub ops: u64,
    /// Real time, in seconds.
    pub ttl_s: u64,
}

impl Budget {
    /// Whether nothing of it is above `most`, and nothing is zero.
    #[must_use]
    pub fn is_within(&self, most: &Self) -> bool {
        (1..=most.ticks).contains(&self.ticks)
            && (1..=most.ops).contains(&self.ops)
            && (1..=most.ttl_s).contains(&self.ttl_s)
    }
}

impl Period {
    /// Whether a spawn may ask for `period` milliseconds.
    #[must_use]
    pub fn allows(&self, period: u32) -> bool {
        (self.least..=self.most).contains(&period)
    }

    fn is_sound(&self) -> bool {
        self.least >= LEAST_PERIOD_MS && self.most <= MOST_PERIOD_MS && self.allows(self.default)
    }
}

impl Workers {
    /// The kind that a spawn names.
    #[must_use]
    pub fn of(&self, kind: Kind) -> Option<&Worker> {
        self.kinds.iter().find(|worker| worker.kind == kind)
    }

    /// Places of all kinds.
    #[must_use]
    pub fn places(&self) -> usize {
        self.kinds.iter().map(|worker| usize::from(worker.places)).sum()
    }

    /// Whether workers of a system with these `components` can be built as it says.
    pub(crate) fn is_sound(&self, components: &[Component]) -> bool {
        let Some(server) = components.get(usize::from(self.server)) else { return false };
        (1..=MAX_WORKERS).contains(&self.places())
            && self.kinds.is_sorted_by(|one, next| (one.kind as u8) < next.kind as u8)
            && self.kinds.iter().all(|worker| worker.is_sound(server.priority))
    }
}

impl Worker {
    fn is_sound(&self, server_priority: u8) -> bool {
        (1..server_priority).contains(&self.priority)
            && self.stack > 0
            && self.stack.is_multiple_of(4096)
            && self.memory.is_power_of_two()
            && MEMORY.contains(&self.memory)
            && self.stack < self.memory
            && self.places > 0
            && self.period_ms.is_sound()
            && self.most.ttl_s <= MOST_TTL_S
            && self.budget.is_within(&self.most)
    }
}
