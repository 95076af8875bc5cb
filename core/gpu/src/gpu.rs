//! A device: its leases and its jobs, kept in step.
//!
//! The order at a lease's end is always the same: its holder's job file is closed
//! ([`Event::Closed`]), each of its jobs is cancelled ([`Event::Cancelled`]), and when none of them
//! runs any more its share is free ([`Event::Freed`]). [`Gpu::poll`] says each once.

use core::fmt;
use core::time::Duration;

use control::WorkerId;

use crate::ctl::Ctl;
use crate::job::Job;
use crate::lease::{Device, EndReason, Ended, GrantError, Leases, Share};
use crate::names::JobId;
use crate::queue::{EnqueueError, Entrant, Jobs, NotRunning, Outcome, Started, Submitted};

/// Jobs that every holder can have waiting and running, however many others have.
pub const KEPT_JOBS: usize = 2;

/// Something that whoever has the device is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The job file of the holder is closed from now on; log the reason.
    Closed(Ended),
    /// The job is cancelled: say ERR of one that waited, have the bridge stop one that runs.
    Cancelled {
        /// Which.
        job: JobId,
        /// Whose.
        holder: WorkerId,
        /// Why.
        reason: EndReason,
        /// Whether it runs.
        running: bool,
    },
    /// The share of the holder is free.
    Freed(WorkerId),
}

/// Why a job is not taken. Nothing changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmitError {
    /// Who sent it has no lease.
    Closed,
    /// It needs more memory than the lease has: that many MiB, of that many.
    TooBig {
        /// What it needs.
        needs_mb: u64,
        /// What the lease has.
        mem_mb: u32,
    },
    /// The queue does not take it.
    Enqueue(EnqueueError),
}

impl fmt::Display for SubmitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("line: the lease has ended: jobs are no longer taken"),
            Self::TooBig { needs_mb, mem_mb } => {
                write!(f, "kernel: needs {needs_mb} MiB, and the lease has {mem_mb}: ask for more")
            }
            Self::Enqueue(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for SubmitError {}

/// A device with `PLACES` leases at most and `ROOM` jobs at most.
#[derive(Debug, Clone)]
pub struct Gpu<T, const PLACES: usize, const ROOM: usize> {
    leases: Leases<PLACES>,
    jobs: Jobs<T, ROOM>,
    /// Whether nobody can stop its jobs any more.
    lost: bool,
}

impl<T, const PLACES: usize, const ROOM: usize> Gpu<T, PLACES, ROOM> {
    /// A device that nobody uses.
    #[must_use]
    pub const fn new(device: Device) -> Self {
        Self { leases: Leases::new(device), jobs: Jobs::new(), lost: false }
    }

    /// Who holds what.
    #[must_use]
    pub const fn leases(&self) -> &Leases<PLACES> {
        &self.leases
    }

    /// What is known of its jobs.
    #[must_use]
    pub const fn jobs(&self) -> &Jobs<T, ROOM> {
        &self.jobs
    }

    /// Gives a worker a share.
    ///
    /// # Errors
    /// See [`GrantError`]; a device whose bridge is lost has nothing to give.
    pub fn grant(
        &mut self,
        now: Duration,
        holder: WorkerId,
        share: Share,
    ) -> Result<(), GrantError> {
        if self.lost {
            return Err(GrantError::Places);
        }
        self.leases.grant(now, holder, share)
    }

    /// Whether somebody who holds nothing yet would be given `share` now.
    ///
    /// # Errors
    /// As [`Gpu::grant`].
    pub fn admits(&self, share: Share) -> Result<(), GrantError> {
        if self.lost { Err(GrantError::Places) } else { self.leases.admits(share) }
    }

    /// Ends a worker's lease: killed, or given back. Whether it had one.
    pub fn end(&mut self, holder: WorkerId, reason: EndReason) -> bool {
        self.leases.end(holder, reason)
    }

    /// Ends everything because the bridge went. What it was running counts as ended, for nobody
    /// is left to say otherwise.
    pub fn lose(&mut self) {
        self.lost = true;
        self.leases.end_all(EndReason::BridgeLost);
    }

    /// Does what a line says.
    ///
    /// # Errors
    /// A lease that is not granted; no lease to release or rank is `None`.
    pub fn apply(&mut self, now: Duration, ctl: Ctl) -> Result<(), Option<GrantError>> {
        let found = match ctl {
            Ctl::Lease { worker, share } => return self.grant(now, worker, share).map_err(Some),
            Ctl::Release(worker) => self.leases.end(worker, EndReason::Released),
            Ctl::Priority { worker, priority } => self.leases.set_priority(worker, priority),
            Ctl::Reset => {
                self.leases.end_all(EndReason::Reset);
                true
            }
        };
        if found { Ok(()) } else { Err(None) }
    }

    /// Takes a job of `holder`.
    ///
    /// # Errors
    /// See [`SubmitError`].
    pub fn submit(
        &mut self,
        now: Duration,
        holder: WorkerId,
        job: &Job<'_>,
        payload: T,
    ) -> Result<Submitted, SubmitError> {
        let lease = self.leases.live(now, holder).ok_or(SubmitError::Closed)?;
        let (needs_mb, mem_mb) = (job.kernel.bytes().div_ceil(1 << 20), lease.share.mem_mb);
        if needs_mb > mem_mb.into() {
            return Err(SubmitError::TooBig { needs_mb, mem_mb });
        }
        let (job, fingerprint) = (job.id.clone(), job.fingerprint());
        let most = self.most_of(holder);
        let Self { leases, jobs, .. } = self;
        let is_kept = |holder| leases.iter().any(|lease| lease.holder == holder);
        let entrant = Entrant { job, holder, fingerprint, mem_mb: needs_mb, payload };
        jobs.submit(entrant, most, is_kept).map_err(SubmitError::Enqueue)
    }

    /// How many jobs of `holder` may wait and run: what others have is not for it, nor the
    /// [`KEPT_JOBS`] of each that has fewer, those included that may have a lease yet.
    fn most_of(&self, holder: WorkerId) -> usize {
        let others = self.leases.iter().filter(|lease| lease.holder != holder);
        let (count, taken) = others.fold((0, 0), |(count, taken), other| {
            (count + 1, taken + self.jobs.active(other.holder).max(KEPT_JOBS))
        });
        let to_come = PLACES.saturating_sub(1 + count).saturating_mul(KEPT_JOBS);
        ROOM.saturating_sub(taken).saturating_sub(to_come)
    }

    /// The job that is to run now, if there is one: of the highest priority, then the first. What
    /// a holder runs side by side is no more than the streams and the memory of its lease.
    pub fn start(&mut self, now: Duration) -> Option<Started<T>> {
        let Self { leases, jobs, .. } = self;
        jobs.start(|holder, with| {
            let share = leases.live(now, holder)?.share;
            let fits =
                with.jobs <= usize::from(share.streams) && with.mem_mb <= share.mem_mb.into();
            fits.then_some(share.priority)
        })
    }

    /// Notes that a job runs that somebody else started.
    ///
    /// # Errors
    /// It did not wait.
    pub fn started(&mut self, job: &JobId) -> Result<T, NotRunning> {
        self.jobs.started(job)
    }

    /// Notes how far a job is, in percent. Whether that is news.
    ///
    /// # Errors
    /// It does not run.
    pub fn progress(&mut self, job: &JobId, percent: u8) -> Result<bool, NotRunning> {
        self.jobs.progress(job, percent)
    }

    /// Notes how a job ended.
    ///
    /// # Errors
    /// It does not run.
    pub fn finish(&mut self, job: &JobId, outcome: Outcome) -> Result<(), NotRunning> {
        self.jobs.finish(job, outcome)
    }

    /// When to call [`Gpu::poll`] at the latest.
    #[must_use]
    pub fn next_expiry(&self) -> Option<Duration> {
        self.leases.next_expiry()
    }

    /// What is to be done next; call it until there is nothing. After every change, and when
    /// [`Gpu::next_expiry`] is reached.
    pub fn poll(&mut self, now: Duration) -> Option<Event> {
        self.leases.expire(now);
        if let Some(ended) = self.leases.next_ended() {
            return Some(Event::Closed(ended));
        }
        let Self { leases, jobs, lost } = self;
        let ended = || leases.iter().filter_map(|lease| Some((lease.holder, lease.ended?)));
        for (holder, reason) in ended() {
            let Some(cancelled) = jobs.cancel_next_of(holder) else { continue };
            if cancelled.running && *lost {
                // It runs: that was just said.
                let _ = jobs.finish(&cancelled.job, Outcome::Err);
            }
            let running = cancelled.running && !*lost;
            return Some(Event::Cancelled { job: cancelled.job, holder, reason, running });
        }
        if *lost {
            // Those that were being stopped when the bridge went.
            for (holder, _) in ended() {
                let Some(job) = jobs.abandon_next_of(holder) else { continue };
                let reason = EndReason::BridgeLost;
                return Some(Event::Cancelled { job, holder, reason, running: false });
            }
        }
        let (holder, _) = ended().find(|(holder, _)| jobs.used(*holder).jobs == 0)?;
        self.leases.free(holder);
        Some(Event::Freed(holder))
    }
}
