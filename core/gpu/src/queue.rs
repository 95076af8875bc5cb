//! Jobs that wait, run and have ended, each known by its id.
//!
//! A job sent again is not run again: its id answers with what is known of it, as long as it is
//! remembered. Of the jobs that ended, those forgotten to make room are the ones that were put in
//! first; jobs that wait or run are never forgotten.

use core::fmt;

use control::WorkerId;
use heapless::Vec;

use crate::names::{Hash, JobId};
use crate::status::State;

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Computed and checked; the result's hash.
    Ok(Hash),
    /// Otherwise.
    Err,
}

/// What is known of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct JobState {
    /// How far it is.
    pub state: State,
    /// In percent.
    pub progress: u8,
    /// Of the result, if it is OK.
    pub result: Option<Hash>,
}

/// What became of a job that was put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Submitted {
    /// It waits now.
    New,
    /// It was known, and nothing changed: this is how far it is.
    Known(JobState),
}

/// Why a job is not taken. Nothing changed then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EnqueueError {
    /// As many jobs wait and run as can be, or as may be of this holder.
    Full,
    /// The id is another holder's.
    NotYours,
    /// The id is of a job that asks for something else.
    Differs,
}

impl fmt::Display for EnqueueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "line: the device's queue is full: wait until a job has ended",
            Self::NotYours => "job: is another holder's: choose another id",
            Self::Differs => "job: names a job that asks for something else: choose another id",
        })
    }
}

impl core::error::Error for EnqueueError {}

/// A job that is to be run now.
#[derive(Debug, PartialEq, Eq)]
pub struct Started<T> {
    /// Which.
    pub job: JobId,
    /// Whose.
    pub holder: WorkerId,
    /// What was put in with it.
    pub payload: T,
}

/// A job that was cancelled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancelled {
    /// Which.
    pub job: JobId,
    /// Whether it runs: then whoever runs it is to stop it, and [`Jobs::finish`] says when it has.
    /// A job that waited has ended with this.
    pub running: bool,
}

/// That the job does not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotRunning;

#[derive(Debug, Clone)]
enum Phase<T> {
    Waits(T),
    /// `said`: something was said of how far it is.
    Runs {
        progress: u8,
        said: bool,
        stopping: bool,
    },
    Ended {
        progress: u8,
        outcome: Outcome,
    },
}

#[derive(Debug, Clone)]
struct Entry<T> {
    job: JobId,
    holder: WorkerId,
    fingerprint: u64,
    /// Memory that it needs while it runs, in MiB.
    mem_mb: u64,
    phase: Phase<T>,
}

impl<T> Entry<T> {
    const fn is_active(&self) -> bool {
        !matches!(self.phase, Phase::Ended { .. })
    }

    fn state(&self) -> JobState {
        let of = |state, progress, result| JobState { state, progress, result };
        match self.phase {
            Phase::Waits(_) => of(State::Queued, 0, None),
            Phase::Runs { progress, .. } => of(State::Running, progress, None),
            Phase::Ended { outcome: Outcome::Ok(result), .. } => of(State::Ok, 100, Some(result)),
            Phase::Ended { outcome: Outcome::Err, progress } => of(State::Err, progress, None),
        }
    }
}

/// A job that is put in.
#[derive(Debug, Clone)]
pub struct Entrant<T> {
    /// Which.
    pub job: JobId,
    /// Whose.
    pub holder: WorkerId,
    /// [`crate::Job::fingerprint`].
    pub fingerprint: u64,
    /// Memory that it needs while it runs, in MiB.
    pub mem_mb: u64,
    /// What whoever starts it needs of it.
    pub payload: T,
}

/// What a holder uses of a device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Use {
    /// Jobs side by side.
    pub jobs: usize,
    /// Memory, in MiB.
    pub mem_mb: u64,
}

/// The jobs of one device, `ROOM` at most, those that ended and are remembered included. `T` is
/// what whoever starts a job needs of it.
#[derive(Debug, Clone)]
pub struct Jobs<T, const ROOM: usize> {
    /// In the order in which they were put in.
    entries: Vec<Entry<T>, ROOM>,
}

impl<T, const ROOM: usize> Default for Jobs<T, ROOM> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T, const ROOM: usize> Jobs<T, ROOM> {
    /// None.
    #[must_use]
    pub const fn new() -> Self {
        Self { entries: Vec::new() }
    }

    /// Puts a job in; `most` are the jobs of its holder that may wait and run with it. Where one
    /// must be forgotten for it, it is the oldest of the holder's own that ended, then of somebody
    /// of whom nothing `is_kept`, then of anybody.
    ///
    /// # Errors
    /// See [`EnqueueError`].
    pub fn submit(
        &mut self,
        entrant: Entrant<T>,
        most: usize,
        is_kept: impl Fn(WorkerId) -> bool,
    ) -> Result<Submitted, EnqueueError> {
        let Entrant { job, holder, fingerprint, mem_mb, payload } = entrant;
        if let Some(known) = self.entries.iter().find(|entry| entry.job == job) {
            return match known {
                known if known.holder != holder => Err(EnqueueError::NotYours),
                known if known.fingerprint != fingerprint => Err(EnqueueError::Differs),
                known => Ok(Submitted::Known(known.state())),
            };
        }
        if self.active(holder) >= most {
            return Err(EnqueueError::Full);
        }
        if self.entries.is_full() {
            let ended = |of: &dyn Fn(WorkerId) -> bool| {
                self.entries.iter().position(|entry| !entry.is_active() && of(entry.holder))
            };
            let oldest = ended(&|of| of == holder)
                .or_else(|| ended(&|of| !is_kept(of)))
                .or_else(|| ended(&|_| true));
            self.entries.remove(oldest.ok_or(EnqueueError::Full)?);
        }
        let phase = Phase::Waits(payload);
        let entry = Entry { job, holder, fingerprint, mem_mb, phase };
        self.entries.push(entry).map_err(|_| EnqueueError::Full)?;
        Ok(Submitted::New)
    }

    /// Starts the next job: of the holders whose first one may run, that of the highest priority,
    /// then the one that was put in first. A holder's jobs start in their order: one that needs
    /// much is not passed by those that need little. `rank` is given a holder and what it would
    /// use then, those being stopped included, and says its priority, or `None` where that is too
    /// much.
    pub fn start(
        &mut self,
        mut rank: impl FnMut(WorkerId, Use) -> Option<u8>,
    ) -> Option<Started<T>> {
        let mut next: Option<(usize, u8)> = None;
        for (place, entry) in self.entries.iter().enumerate() {
            if !matches!(entry.phase, Phase::Waits(_)) || !self.is_first(place, entry.holder) {
                continue;
            }
            let used = self.used(entry.holder);
            let with =
                Use { jobs: used.jobs + 1, mem_mb: used.mem_mb.saturating_add(entry.mem_mb) };
            let Some(priority) = rank(entry.holder, with) else { continue };
            if next.is_none_or(|(_, best)| priority > best) {
                next = Some((place, priority));
            }
        }
        let entry = self.entries.get_mut(next?.0)?;
        let runs = Phase::Runs { progress: 0, said: false, stopping: false };
        match core::mem::replace(&mut entry.phase, runs) {
            Phase::Waits(payload) => {
                Some(Started { job: entry.job.clone(), holder: entry.holder, payload })
            }
            // Only those that wait were looked at.
            other => {
                entry.phase = other;
                None
            }
        }
    }

    /// Notes that a job that waited runs: for who does not start it, but is told.
    ///
    /// # Errors
    /// It did not wait.
    pub fn started(&mut self, job: &JobId) -> Result<T, NotRunning> {
        let entry = self.entries.iter_mut().find(|entry| entry.job == *job).ok_or(NotRunning)?;
        let runs = Phase::Runs { progress: 0, said: false, stopping: false };
        match core::mem::replace(&mut entry.phase, runs) {
            Phase::Waits(payload) => Ok(payload),
            other => {
                entry.phase = other;
                Err(NotRunning)
            }
        }
    }

    /// Notes how far a job is, in percent. It never goes back. Whether it is the first that is
    /// said of it, or more than before.
    ///
    /// # Errors
    /// It does not run.
    pub fn progress(&mut self, job: &JobId, percent: u8) -> Result<bool, NotRunning> {
        match self.phase(job) {
            Some(Phase::Runs { progress, said, .. }) => {
                let percent = percent.min(100);
                let is_first = !core::mem::replace(said, true);
                let is_more = percent > *progress;
                *progress = percent.max(*progress);
                Ok(is_first || is_more)
            }
            _ => Err(NotRunning),
        }
    }

    /// Notes how a job ended. One that was to be cancelled may have been done before.
    ///
    /// # Errors
    /// It does not run.
    pub fn finish(&mut self, job: &JobId, outcome: Outcome) -> Result<(), NotRunning> {
        match self.phase(job) {
            Some(phase) => {
                let Phase::Runs { progress, .. } = *phase else { return Err(NotRunning) };
                *phase = Phase::Ended { progress, outcome };
                Ok(())
            }
            None => Err(NotRunning),
        }
    }

    /// Cancels a job that waits or runs; `None` where it does neither, or is being stopped.
    pub fn cancel(&mut self, job: &JobId) -> Option<Cancelled> {
        self.entries.iter_mut().find(|entry| entry.job == *job).and_then(cancel)
    }

    /// Cancels a job of `holder`, the first that was put in; `None` when none is left to cancel.
    pub fn cancel_next_of(&mut self, holder: WorkerId) -> Option<Cancelled> {
        self.entries.iter_mut().filter(|entry| entry.holder == holder).find_map(cancel)
    }

    /// Takes the first job of `holder` that runs for ended: nobody is left who would say so.
    pub fn abandon_next_of(&mut self, holder: WorkerId) -> Option<JobId> {
        self.entries.iter_mut().filter(|entry| entry.holder == holder).find_map(|entry| {
            let Phase::Runs { progress, .. } = entry.phase else { return None };
            entry.phase = Phase::Ended { progress, outcome: Outcome::Err };
            Some(entry.job.clone())
        })
    }

    /// Whether no job of `holder` that was put in before this place waits.
    fn is_first(&self, place: usize, holder: WorkerId) -> bool {
        let before = self.entries.iter().take(place);
        !before
            .into_iter()
            .any(|entry| entry.holder == holder && matches!(entry.phase, Phase::Waits(_)))
    }

    /// What the jobs of `holder` that run use, those being stopped included.
    #[must_use]
    pub fn used(&self, holder: WorkerId) -> Use {
        let runs =
            |entry: &&Entry<T>| entry.holder == holder && matches!(entry.phase, Phase::Runs { .. });
        self.entries.iter().filter(runs).fold(Use::default(), |used, entry| Use {
            jobs: used.jobs + 1,
            mem_mb: used.mem_mb.saturating_add(entry.mem_mb),
        })
    }

    /// How many jobs of `holder` wait and run.
    #[must_use]
    pub fn active(&self, holder: WorkerId) -> usize {
        self.entries.iter().filter(|entry| entry.holder == holder && entry.is_active()).count()
    }

    /// What is known of a job.
    #[must_use]
    pub fn state(&self, job: &JobId) -> Option<JobState> {
        self.entries.iter().find(|entry| entry.job == *job).map(Entry::state)
    }

    /// Whose a job is.
    #[must_use]
    pub fn holder(&self, job: &JobId) -> Option<WorkerId> {
        self.entries.iter().find(|entry| entry.job == *job).map(|entry| entry.holder)
    }

    /// Every job that is known, in the order in which they were put in.
    pub fn iter(&self) -> impl Iterator<Item = (&JobId, WorkerId, JobState)> {
        self.entries.iter().map(|entry| (&entry.job, entry.holder, entry.state()))
    }

    fn phase(&mut self, job: &JobId) -> Option<&mut Phase<T>> {
        let entry = self.entries.iter_mut().find(|entry| entry.job == *job)?;
        Some(&mut entry.phase)
    }
}

fn cancel<T>(entry: &mut Entry<T>) -> Option<Cancelled> {
    let running = match &mut entry.phase {
        Phase::Waits(_) => {
            entry.phase = Phase::Ended { progress: 0, outcome: Outcome::Err };
            false
        }
        Phase::Runs { stopping, .. } if !*stopping => {
            *stopping = true;
            true
        }
        Phase::Runs { .. } | Phase::Ended { .. } => return None,
    };
    Some(Cancelled { job: entry.job.clone(), running })
}
