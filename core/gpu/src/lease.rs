//! Who has how much of a device, until when.
//!
//! A lease ends in two steps. First it is *ended* ([`Leases::next_ended`] says so once): its
//! holder's job file is closed and its jobs are to be cancelled. Its share stays taken until
//! [`Leases::free`], when none of its jobs runs any more: so two holders never share what one has.

use core::fmt;
use core::time::Duration;

use control::WorkerId;
use heapless::Vec;

/// What of a device can be leased.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Device {
    /// Memory, in MiB.
    pub memory_mb: u32,
    /// Jobs that run side by side.
    pub streams: u16,
}

/// What a lease asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Share {
    /// Memory, in MiB.
    pub mem_mb: u32,
    /// Jobs that run side by side.
    pub streams: u16,
    /// How long, in seconds.
    pub ttl_s: u32,
    /// The jobs of the highest go first.
    pub priority: u8,
}

impl From<&control::Lease<'_>> for Share {
    /// The share of a spawn; without a priority it is 0.
    fn from(lease: &control::Lease<'_>) -> Self {
        let control::Lease { mem_mb, streams, ttl_s, priority, .. } = *lease;
        Self { mem_mb, streams, ttl_s, priority: priority.unwrap_or(0) }
    }
}

/// A share that somebody holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lease {
    /// Who.
    pub holder: WorkerId,
    /// How much.
    pub share: Share,
    /// When it expires, on the caller's clock.
    pub until: Duration,
    /// Why it has ended, if it has and its jobs are still running out.
    pub ended: Option<EndReason>,
    /// Whether [`Leases::next_ended`] said so.
    told: bool,
}

/// Why a lease ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// Its time was up.
    Expired,
    /// It was given back or taken away.
    Released,
    /// Its worker ended.
    Killed,
    /// The device was reset.
    Reset,
    /// The bridge went, and the device with it.
    BridgeLost,
}

impl EndReason {
    /// The same in words: the detail of a job that it cancels.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "lease expired",
            Self::Released => "lease released",
            Self::Killed => "worker ended",
            Self::Reset => "device reset",
            Self::BridgeLost => "bridge lost",
        }
    }
}

impl fmt::Display for EndReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// That a lease has ended: the holder's job file is closed now, and its jobs are to be cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Whose.
    pub holder: WorkerId,
    /// Why.
    pub reason: EndReason,
}

/// What there is too little of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource {
    /// Memory, in MiB.
    Memory,
    /// Streams.
    Streams,
}

impl Resource {
    const fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Memory => ("mem_mb", "MiB"),
            Self::Streams => ("streams", "streams"),
        }
    }
}

/// Why a lease is not granted. Nothing changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantError {
    /// The worker holds one, or its last one is still running out.
    Held,
    /// More than the device has at all.
    TooBig(Resource, u32),
    /// More than is free; this much is.
    Busy(Resource, u32),
    /// There are as many leases as can be.
    Places,
    /// Nothing of it, or no time: there is no such lease.
    Nothing,
}

impl fmt::Display for GrantError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Held => f.write_str(
                "worker: has a lease of this device, or jobs of its last one still run: release \
                 it and wait",
            ),
            Self::TooBig(what, most) => {
                let (field, unit) = what.words();
                write!(f, "{field}: must be at most {most}: the device has no more {unit}")
            }
            Self::Busy(what, free) => {
                let (field, unit) = what.words();
                write!(f, "{field}: only {free} {unit} are free: ask for less, or wait")
            }
            Self::Places => f.write_str("lease: the device has no room for another holder: wait"),
            Self::Nothing => f.write_str("lease: must be of some memory, streams and time"),
        }
    }
}

impl core::error::Error for GrantError {}

/// The leases of one device: at most `PLACES`, each held by another worker.
#[derive(Debug, Clone)]
pub struct Leases<const PLACES: usize> {
    device: Device,
    held: Vec<Lease, PLACES>,
}

impl<const PLACES: usize> Leases<PLACES> {
    /// Of a device that nobody holds anything of.
    #[must_use]
    pub const fn new(device: Device) -> Self {
        Self { device, held: Vec::new() }
    }

    /// The device.
    #[must_use]
    pub const fn device(&self) -> Device {
        self.device
    }

    /// Gives `holder` its share from `now` on. What ended but is not free counts as taken.
    ///
    /// # Errors
    /// See [`GrantError`].
    pub fn grant(
        &mut self,
        now: Duration,
        holder: WorkerId,
        share: Share,
    ) -> Result<(), GrantError> {
        if self.held.iter().any(|lease| lease.holder == holder) {
            return Err(GrantError::Held);
        }
        self.admits(share)?;
        let until = now.saturating_add(Duration::from_secs(share.ttl_s.into()));
        let lease = Lease { holder, share, until, ended: None, told: false };
        self.held.push(lease).map_err(|_| GrantError::Places)
    }

    /// Whether somebody who holds nothing yet would be given `share` now.
    ///
    /// # Errors
    /// Why not.
    pub fn admits(&self, share: Share) -> Result<(), GrantError> {
        if share.mem_mb == 0 || share.streams == 0 || share.ttl_s == 0 {
            return Err(GrantError::Nothing);
        }
        let (free_mb, free_streams) = self.free_share();
        let Device { memory_mb, streams } = self.device;
        let (asked, all, free) = (share.mem_mb, memory_mb, free_mb);
        fits(Resource::Memory, asked, all, free)?;
        let (asked, all, free) = (share.streams.into(), streams.into(), free_streams.into());
        fits(Resource::Streams, asked, all, free)?;
        if self.held.is_full() { Err(GrantError::Places) } else { Ok(()) }
    }

    /// The lease that is `holder`'s and has not ended: one whose time is up at `now` has, also
    /// where nobody has called [`Leases::expire`] yet.
    #[must_use]
    pub fn live(&self, now: Duration, holder: WorkerId) -> Option<&Lease> {
        let live = |lease: &&Lease| lease.holder == holder && lease.ended.is_none();
        self.held.iter().find(live).filter(|lease| now < lease.until)
    }

    /// Ends the lease of `holder`. Whether there was one.
    pub fn end(&mut self, holder: WorkerId, reason: EndReason) -> bool {
        let live = |lease: &&mut Lease| lease.holder == holder && lease.ended.is_none();
        let lease = self.held.iter_mut().find(live);
        lease.map(|lease| lease.ended = Some(reason)).is_some()
    }

    /// Ends every lease.
    pub fn end_all(&mut self, reason: EndReason) {
        for lease in self.held.iter_mut().filter(|lease| lease.ended.is_none()) {
            lease.ended = Some(reason);
        }
    }

    /// Ends every lease whose time is up at `now`.
    pub fn expire(&mut self, now: Duration) {
        let due = |lease: &&mut Lease| lease.ended.is_none() && lease.until <= now;
        for lease in self.held.iter_mut().filter(due) {
            lease.ended = Some(EndReason::Expired);
        }
    }

    /// A lease that ended and was not told of yet, the oldest first; `None` when all were.
    pub fn next_ended(&mut self) -> Option<Ended> {
        let lease = self.held.iter_mut().find(|lease| lease.ended.is_some() && !lease.told)?;
        let ended = Ended { holder: lease.holder, reason: lease.ended? };
        lease.told = true;
        Some(ended)
    }

    /// Gives the share of an ended lease back, when none of its holder's jobs runs any more.
    /// Whether there was one that had been told of.
    pub fn free(&mut self, holder: WorkerId) -> bool {
        let ended = |lease: &Lease| lease.holder == holder && lease.told;
        let Some(place) = self.held.iter().position(ended) else { return false };
        self.held.remove(place);
        true
    }

    /// Sets the priority of a lease that has not ended. Whether there was one.
    pub fn set_priority(&mut self, holder: WorkerId, priority: u8) -> bool {
        let live = |lease: &&mut Lease| lease.holder == holder && lease.ended.is_none();
        let lease = self.held.iter_mut().find(live);
        lease.map(|lease| lease.share.priority = priority).is_some()
    }

    /// When the next lease expires, for the caller's timer.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Duration> {
        self.held.iter().filter(|lease| lease.ended.is_none()).map(|lease| lease.until).min()
    }

    /// Every lease, the oldest first, those that ended and are not free included.
    pub fn iter(&self) -> impl Iterator<Item = &Lease> {
        self.held.iter()
    }

    /// Memory in MiB and streams that nobody holds.
    #[must_use]
    pub fn free_share(&self) -> (u32, u16) {
        let Device { memory_mb, streams } = self.device;
        self.held.iter().fold((memory_mb, streams), |(memory, streams), lease| {
            (memory.saturating_sub(lease.share.mem_mb), streams.saturating_sub(lease.share.streams))
        })
    }
}

fn fits(what: Resource, asked: u32, all: u32, free: u32) -> Result<(), GrantError> {
    match asked {
        asked if asked > all => Err(GrantError::TooBig(what, all)),
        asked if asked > free => Err(GrantError::Busy(what, free)),
        _ => Ok(()),
    }
}
