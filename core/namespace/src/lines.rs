//! Doing what lines of the GPUs' files say.
//!
//! A write holds whole lines; the last may lack its line end. As with `/queen/ctl` all are parsed
//! before the first is acted on, then each is done in turn; the first that cannot be done ends it,
//! and those before have happened. What is refused is logged with its reason.
//!
//! A lease ends in one order, whatever ended it: the job files that were open with it are closed,
//! its waiting jobs are ERR, the bridge is told to stop those that it has, and when none runs any
//! more its share is free.

use core::borrow::BorrowMut;
use core::fmt;

use gpu::{
    About, Ctl, Event, GrantError, Job, JobId, JobState, NotRunning, Outcome, Publish, Reason,
    Refused, Share, State, Status, SubmitError, Submitted,
};
use secure9p_core::Error;

use crate::Namespace;
use crate::gpus::{DeviceId, GpuName, Gpus, holder, job_line};
use crate::host::Host;
use crate::joiner::Line;
use crate::nodes::{File, Fixed, Part};
use crate::sessions::SessionId;
use crate::workers::{Place, WorkerId};

/// Why a line of a GPU's file is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// The GPU is gone.
    Gone,
    /// No GPU of this name is published.
    NoGpu,
    /// Another session has published it.
    NotYours,
    /// It is published already.
    Taken,
    /// There are as many GPUs as can be.
    Gpus,
    /// No such GPU worker lives.
    NoWorker,
    /// There are as many GPU workers as can be.
    Desks,
    /// There is no lease, for this reason.
    Grant(GrantError),
    /// The worker has no lease of it.
    NoLease,
    /// The job is not taken, for this reason.
    Submit(SubmitError),
    /// The lease that the file was opened with has ended.
    Ended,
    /// What is said of the job cannot be.
    State,
    /// The name is a file's.
    Reserved,
    /// It was done too often.
    TooOften,
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Grant(error) => return error.fmt(f),
            Self::Submit(error) => return error.fmt(f),
            Self::Gone => "the device is gone",
            Self::NoGpu => "no bridge has published this device: start one",
            Self::NotYours => "id: another bridge has published this device",
            Self::Taken => "id: the device is published already: withdraw it first",
            Self::Gpus => "there are as many devices as can be: withdraw one first",
            Self::NoWorker => "worker: no such GPU worker lives",
            Self::Desks => "there are as many GPU workers as can be: kill one first",
            Self::NoLease => "worker: has no lease of this device",
            Self::Ended => "the lease has ended: jobs are no longer taken",
            Self::State => "state: the job does not run here, or did not just end so",
            Self::Reserved => "id: a file has this name: choose another",
            Self::TooOften => "this was done too often: wait a second",
        })
    }
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        use gpu::EnqueueError::{Differs, Full, NotYours};
        match denial {
            Denial::Gone | Denial::Ended | Denial::Submit(SubmitError::Closed) => Self::Closed,
            Denial::NotYours | Denial::Submit(SubmitError::Enqueue(NotYours)) => Self::Permission,
            Denial::NoWorker | Denial::NoLease => Self::NotFound,
            Denial::NoGpu
            | Denial::Taken
            | Denial::Gpus
            | Denial::Desks
            | Denial::TooOften
            | Denial::Grant(GrantError::Held | GrantError::Busy(..) | GrantError::Places)
            | Denial::Submit(SubmitError::Enqueue(Full)) => Self::Busy,
            Denial::Submit(SubmitError::TooBig { .. }) => Self::TooBig,
            Denial::Grant(GrantError::TooBig(..) | GrantError::Nothing)
            | Denial::Submit(SubmitError::Enqueue(Differs))
            | Denial::State
            | Denial::Reserved => Self::Invalid,
        }
    }
}

/// Does what a line says, in a tree.
type Act<'a, Tree> = &'a mut dyn FnMut(&mut Tree, &[u8]) -> Result<(), Denial>;

/// Whose lines they are, with what the log calls the file.
enum Whose<'a> {
    Queen(fmt::Arguments<'a>),
    Other(fmt::Arguments<'a>),
}

/// A blank line says nothing.
fn lines(data: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = data.split_inclusive(|byte| *byte == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\n").unwrap_or(line));
    lines.filter(|line| !line.trim_ascii().is_empty())
}

fn status(line: &[u8]) -> Result<Status<'_>, Refused> {
    let status = Status::parse(line)?;
    if status.state == State::Queued {
        let must = Reason::Must("must be RUNNING, OK or ERR: who queues says QUEUED");
        return Err(Refused { field: gpu::Where::Known("state"), reason: must });
    }
    Ok(status)
}

impl<H, P, L, G> Namespace<H, P, L, G>
where
    H: Host,
    P: BorrowMut<[Place]>,
    L: BorrowMut<[Line]>,
    G: BorrowMut<Gpus>,
{
    /// Parses every line of `data`, then acts on each. `who` is what the log calls the file.
    fn take_lines(
        &mut self,
        who: &Whose<'_>,
        data: &[u8],
        check: fn(&[u8]) -> Result<(), Refused>,
        act: Act<'_, Self>,
    ) -> Result<(), Error> {
        for line in lines(data) {
            if let Err(refused) = check(line) {
                self.log_line(who, &refused, line);
                return Err(Error::Invalid);
            }
        }
        for line in lines(data) {
            if let Err(denial) = act(self, line) {
                self.log_line(who, &denial, line);
                return Err(denial.into());
            }
        }
        Ok(())
    }

    /// Whoever is no queen must not be able to push everything else out of the log, and what
    /// others may not read where it was written does not stand there either.
    fn log_line(&mut self, who: &Whose<'_>, why: &dyn fmt::Display, line: &[u8]) {
        let who = match who {
            Whose::Queen(who) => return self.log_refusal(&format_args!("{who}: {why}"), line),
            Whose::Other(who) => who,
        };
        let Some(passed_over) = self.gpu_refusals.take(self.host.now()) else { return };
        if passed_over > 0 {
            self.log(format_args!("refused: {passed_over} more lines of GPUs"));
        }
        let job = Job::parse(line).map(|job| job.id);
        let job = job.or_else(|_| Status::parse(line).map(|status| status.job));
        match job {
            Ok(job) => self.log(format_args!("refused: {who}: {why}: job={job}")),
            Err(_) => self.log(format_args!("refused: {who}: {why}")),
        }
    }

    fn gpu_name(&self, device: DeviceId) -> GpuName {
        // It was one when it was published.
        GpuName::try_from(self.gpus.borrow().name(device)).unwrap_or_default()
    }

    /// Takes a write to `/gpu/publish`.
    pub(crate) fn publish(&mut self, id: SessionId, data: &[u8]) -> Result<(), Error> {
        let check = |line: &[u8]| Publish::parse(line).map(|_| ());
        let who = Whose::Other(format_args!("publish"));
        self.take_lines(&who, data, check, &mut |tree, line| {
            match Publish::parse(line) {
                Ok(Publish::Device(about)) => tree.publish_device(id, about),
                Ok(Publish::Gauge { id: name, gauge }) => {
                    let device = tree.own_gpu(id, name.as_str())?;
                    let published = tree.gpus.borrow_mut().get_mut(device);
                    published.ok_or(Denial::Gone)?.set_gauge(gauge);
                    Ok(())
                }
                Ok(Publish::Withdraw(name)) => {
                    let device = tree.own_gpu(id, name.as_str())?;
                    tree.lose(device, "withdrawn");
                    Ok(())
                }
                // It was parsed before.
                Err(_) => Ok(()),
            }
        })
    }

    /// The GPU of this name, where the session has published it.
    fn own_gpu(&self, id: SessionId, name: &str) -> Result<DeviceId, Denial> {
        let gpus: &Gpus = self.gpus.borrow();
        let device = gpus.named(name.as_bytes()).ok_or(Denial::NotYours)?;
        if gpus.is_bridge(id, device) { Ok(device) } else { Err(Denial::NotYours) }
    }

    fn publish_device(&mut self, id: SessionId, about: About) -> Result<(), Denial> {
        if Fixed::Gpus.child(about.id().as_bytes()).is_some() {
            return Err(Denial::Reserved);
        }
        if self.gpus.borrow().named(about.id().as_bytes()).is_some() {
            return Err(Denial::Taken);
        }
        self.publishes.take(self.host.now()).ok_or(Denial::TooOften)?;
        let gpus: &mut Gpus = self.gpus.borrow_mut();
        let device = gpus.add(id, about.clone()).ok_or(Denial::Gpus)?;
        self.changed(File::Gpu(device), Some(0));
        let About { device: gpu::Device { memory_mb, streams }, backend, .. } = about;
        self.log(format_args!(
            "published gpu={} backend={backend} memory_mb={memory_mb} streams={streams} \
             session={id}",
            about.id()
        ));
        Ok(())
    }

    /// The session is over: what it has published goes.
    pub(crate) fn lose_bridge(&mut self, id: SessionId) {
        while let Some(device) = self.gpus.borrow().published_by(id) {
            self.lose(device, "bridge lost");
        }
    }

    fn lose(&mut self, device: DeviceId, reason: &str) {
        if let Some(published) = self.gpus.borrow_mut().get_mut(device) {
            published.gpu_mut().lose();
        }
        self.settle(device);
        self.log(format_args!("gone gpu={} reason={reason}", self.gpu_name(device)));
        self.changed(File::Gpu(device), None);
        self.gpus.borrow_mut().remove(device);
    }

    /// Takes a write to `/gpu/ID/ctl`.
    pub(crate) fn gpu_control(&mut self, device: DeviceId, data: &[u8]) -> Result<(), Error> {
        let name = self.gpu_name(device);
        let check = |line: &[u8]| Ctl::parse(line).map(|_| ());
        let who = Whose::Queen(format_args!("gpu={name}"));
        self.take_lines(&who, data, check, &mut |tree, line| {
            // It was parsed before.
            let Ok(ctl) = Ctl::parse(line) else { return Ok(()) };
            // Whose time is over makes room first.
            tree.settle(device);
            tree.apply(device, ctl)?;
            tree.log(format_args!("done gpu={name} {ctl}"));
            tree.settle(device);
            Ok(())
        })
    }

    fn apply(&mut self, device: DeviceId, ctl: Ctl) -> Result<(), Denial> {
        let now = self.host.now();
        let living = self.workers.living();
        let gpus: &mut Gpus = self.gpus.borrow_mut();
        let tenant = match ctl {
            Ctl::Lease { worker, .. } => {
                let worker = living.find(worker.0);
                let worker = worker.filter(|worker| gpus.tasks(*worker).is_some());
                Some(worker.ok_or(Denial::NoWorker)?)
            }
            _ => None,
        };
        let published = gpus.get_mut(device).ok_or(Denial::Gone)?;
        let applied = published.gpu_mut().apply(now, ctl);
        applied.map_err(|error| error.map_or(Denial::NoLease, Denial::Grant))?;
        if let Some(worker) = tenant {
            gpus.let_to(worker, device);
        }
        Ok(())
    }

    /// The GPU that a worker with this share could be made for now.
    pub(crate) fn admit(&mut self, name: &str, share: Share) -> Result<DeviceId, Denial> {
        let device = self.gpus.borrow().named(name.as_bytes()).ok_or(Denial::NoGpu)?;
        self.settle(device);
        let gpus: &Gpus = self.gpus.borrow();
        if !gpus.has_desk() {
            return Err(Denial::Desks);
        }
        let published = gpus.get(device).ok_or(Denial::Gone)?;
        published.gpu().admits(share).map_err(Denial::Grant)?;
        Ok(device)
    }

    /// Gives a worker that has just been made its desk and its lease.
    pub(crate) fn seat(
        &mut self,
        worker: WorkerId,
        device: DeviceId,
        share: Share,
    ) -> Result<(), Denial> {
        if !self.gpus.borrow_mut().seat(worker) {
            return Err(Denial::Desks);
        }
        let ctl = Ctl::Lease { worker: holder(worker), share };
        self.apply(device, ctl).inspect_err(|_| self.gpus.borrow_mut().unseat(worker))
    }

    /// Ends every lease of a worker that does nothing any more.
    pub(crate) fn end_leases(&mut self, worker: WorkerId) {
        if self.gpus.borrow().tasks(worker).is_none() {
            return;
        }
        let mut next = 0;
        while let Some(device) = self.gpus.borrow().next_from(next) {
            if let Some(published) = self.gpus.borrow_mut().get_mut(device)
                && published.gpu_mut().end(holder(worker), gpu::EndReason::Killed)
            {
                self.settle(device);
            }
            next = usize::from(device.place) + 1;
        }
        self.gpus.borrow_mut().unseat(worker);
    }

    /// Takes a write to `/gpu/ID/job` over a file that was opened with this lease of the worker's.
    pub(crate) fn submit(
        &mut self,
        worker: WorkerId,
        device: DeviceId,
        lease: u32,
        data: &[u8],
    ) -> Result<(), Error> {
        let name = self.gpu_name(device);
        let who = Whose::Other(format_args!("gpu={name} {worker}"));
        let holds =
            |tree: &Self| tree.gpus.borrow().lease(worker, device, tree.host.now()) == Some(lease);
        // Closed is closed, whatever is written.
        if !holds(self) {
            self.log_line(&who, &Denial::Ended, data);
            return Err(Denial::Ended.into());
        }
        let check = |line: &[u8]| Job::parse(line).map(|_| ());
        self.take_lines(&who, data, check, &mut |tree, line| {
            if !holds(tree) {
                return Err(Denial::Ended);
            }
            // It was parsed before.
            let Ok(job) = Job::parse(line) else { return Ok(()) };
            tree.submit_job(worker, device, &job)
        })
    }

    fn submit_job(
        &mut self,
        worker: WorkerId,
        device: DeviceId,
        job: &Job<'_>,
    ) -> Result<(), Denial> {
        let now = self.host.now();
        let published = self.gpus.borrow_mut().get_mut(device).ok_or(Denial::Gone)?;
        // Every job's line is within the limit.
        let payload = job_line(job).unwrap_or_default();
        let submitted = published.gpu_mut().submit(now, holder(worker), job, payload);
        let backend = published.about().backend;
        let (known, detail) = match submitted.map_err(Denial::Submit)? {
            Submitted::New => (JobState { state: State::Queued, progress: 0, result: None }, ""),
            Submitted::Known(known) => {
                // What others have not read yet of their jobs is not pushed out by this.
                self.repeats.take(now).ok_or(Denial::TooOften)?;
                (known, "known already")
            }
        };
        let JobState { state, progress, result } = known;
        let job = job.id.clone();
        let backend = Some(backend);
        self.say(device, &Status { job, state, progress, backend, detail, result });
        self.settle(device);
        Ok(())
    }

    /// Takes a write of the bridge to `/gpu/ID/status`.
    pub(crate) fn report(&mut self, device: DeviceId, data: &[u8]) -> Result<(), Error> {
        let name = self.gpu_name(device);
        let check = |line: &[u8]| status(line).map(|_| ());
        let who = Whose::Other(format_args!("gpu={name} bridge"));
        self.take_lines(&who, data, check, &mut |tree, line| {
            // It was parsed before.
            let Ok(said) = status(line) else { return Ok(()) };
            let published = tree.gpus.borrow_mut().get_mut(device).ok_or(Denial::Gone)?;
            let gpu = published.gpu_mut();
            let news = match (said.state, said.result) {
                (State::Ok, Some(result)) => {
                    gpu.finish(&said.job, Outcome::Ok(result)).map(|()| true)
                }
                (State::Err, _) => gpu.finish(&said.job, Outcome::Err).map(|()| true),
                (State::Running, _) => gpu.progress(&said.job, said.progress),
                _ => Err(NotRunning),
            };
            // How far a job is is said when that is more than before.
            if news.map_err(|_| Denial::State)? {
                tree.say(device, &said);
                tree.settle(device);
            }
            Ok(())
        })
    }

    fn say(&mut self, device: DeviceId, status: &Status<'_>) {
        let Some(room) = self.gpus.borrow_mut().room_mut(device) else { return };
        room.say(status);
        let length = room.status().len();
        self.changed(File::OfGpu(device, Part::Status), Some(length));
    }

    fn ordered(&mut self, device: DeviceId) {
        let length = self.gpus.borrow().room(device).map(|room| room.orders().len());
        self.changed(File::OfGpu(device, Part::Job), length);
    }

    /// Does all that has to be done after something of the GPU changed, or a lease's time is over:
    /// ends leases, cancels jobs, and hands those to the bridge that may run now.
    pub(crate) fn settle(&mut self, device: DeviceId) {
        let now = self.host.now();
        let name = self.gpu_name(device);
        loop {
            let Some(published) = self.gpus.borrow_mut().get_mut(device) else { return };
            match published.gpu_mut().poll(now) {
                Some(Event::Closed(gpu::Ended { holder, reason })) => {
                    // Who waits is asked again: what it has open may be closed.
                    self.changes = self.changes.wrapping_add(1);
                    self.log(format_args!("ended lease of {holder} gpu={name} reason={reason}"));
                }
                Some(Event::Cancelled { job, holder, reason, running }) => {
                    let state = if running { "stopping" } else { "ERR" };
                    self.log(format_args!(
                        "cancelled job={job} of {holder} gpu={name} state={state} reason={reason}"
                    ));
                    self.cancelled(device, job, reason, running);
                }
                Some(Event::Freed(holder)) => {
                    self.log(format_args!("freed share of {holder} gpu={name}"));
                }
                None => break,
            }
        }
        while self.gpus.borrow_mut().hand_out(device, now) {
            self.ordered(device);
        }
    }

    fn cancelled(&mut self, device: DeviceId, job: JobId, reason: gpu::EndReason, running: bool) {
        let gpus: &mut Gpus = self.gpus.borrow_mut();
        if running {
            if let Some(room) = gpus.room_mut(device) {
                room.cancel(&job);
            }
            self.ordered(device);
            return;
        }
        let Some(published) = gpus.get(device) else { return };
        let progress = published.gpu().jobs().state(&job).map_or(0, |state| state.progress);
        let backend = Some(published.about().backend);
        let (state, result, detail) = (State::Err, None, reason.as_str());
        self.say(device, &Status { job, state, progress, backend, detail, result });
    }
}
