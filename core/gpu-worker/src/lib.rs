//! What a GPU worker says to NineDoor, and when.
//!
//! A [`GpuWorker`] is a [`Worker`]; the process in the VM and the thread in the simulator are loops
//! around it.
//!
//! It attaches with its ticket, opens its tasks, its telemetry, and of the GPU that it was leased
//! (the first that `/gpu` lists) `job` and `status`. Then, at each of its ticks, it submits what
//! its tasks say, a line at a time, and appends to its telemetry what the status says of its own
//! jobs, as it stands there, when it has changed. A line that is refused is told as
//! `{"job":"jid-9","state":"REFUSED","errno":"EBADF"}` (the job `null` where it cannot be read);
//! EBADF means that the lease has ended, and there is no other: where `job` is closed it looks
//! whether the device is still the same, opens it anew and tries once more. It goes on in any case.
//! Where the device goes it tells of each of its jobs that it ended so. What it reads too late is
//! told as `{"tasks":"LOST"}` and `{"status":"LOST"}`.
//!
//! Invariants: a frame is at most [`MSIZE`] bytes, and so is the reply. No request is made while
//! another waits for its reply. Nothing grows: a task's line is at most [`MAX_TASK`] bytes, and
//! what is longer is passed over and told as refused (EMSGSIZE).
//!
//! Deliberately absent: judging jobs (who takes them does), knowledge of its budget and its lease,
//! and every transport.
#![no_std]
#![forbid(unsafe_code)]

mod lines;
mod requests;

use core::time::Duration;

use gpu::{Job, State, Status};
use heapless::{String, Vec};
use lines::{Own, Text, errno_name, first_line};
use secure9p_codec::{Dirents, Reply, decode_reply};
use worker::{DIALECT, Ticks};
pub use worker::{Ended, MSIZE, Next, Worker};

/// Longest line of a task, in bytes, without its end: a job's line may have blanks.
pub const MAX_TASK: usize = 1024;
/// Most bytes of one read of the tasks: a line with its end, so that one that is longer is known.
const TASK_READ: usize = MAX_TASK + 1;
/// Most bytes of one read of the status: several lines.
const STATUS_READ: usize = 1536;

/// Linux's errno (`asm-generic/errno-base.h`, `errno.h`).
const ENOENT: u32 = 2;
const EBADF: u32 = 9;
const EOVERFLOW: u32 = 75;
const EMSGSIZE: u32 = 90;

/// A file that it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Tasks,
    Telemetry,
    Gpus,
    Job,
    Status,
}

/// What comes behind a line of telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Tasks,
    Status,
    /// The device is gone: the next of its jobs is told of.
    Gone,
}

/// Which request is next, or waits for its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Version,
    Attach,
    /// Gives a fid up, so that it can be used anew.
    Drop(Target),
    Walk(Target),
    Open(Target),
    /// Looks which GPU there is.
    List,
    /// Waits for its next tick.
    Rest,
    ReadTasks,
    Submit,
    ReadStatus,
    Tell(Then),
    Over(Ended),
}

/// A GPU worker.
#[derive(Debug)]
pub struct GpuWorker<'t> {
    ticket: &'t str,
    ticks: Ticks,
    /// The tick that it looked at its files last.
    last: u64,
    step: Step,
    gpu: String<{ gpu::limits::GPU_ID_BYTES }>,
    /// All files were opened once, or could not be.
    ready: bool,
    job_open: bool,
    status_open: bool,
    /// The job file was opened anew for this task.
    anew: bool,
    /// Where the tasks go on.
    tasks_at: u64,
    /// Lines of the status were gone before they were read.
    status_lost: bool,
    /// A line that is too long is being passed over.
    passing_over: bool,
    /// The line that is to be submitted; none where empty.
    task: Vec<u8, TASK_READ>,
    /// Where the status goes on.
    status_at: u64,
    own: Own,
    /// What is to be told.
    text: Text,
}

impl<'t> GpuWorker<'t> {
    /// A worker that has just started: `start` is now, of whatever clock. A period of 0 is taken
    /// for a millisecond.
    #[must_use]
    pub const fn new(ticket: &'t str, start: Duration, period: Duration) -> Self {
        Self {
            ticket,
            ticks: Ticks::new(start, period),
            last: 0,
            step: Step::Version,
            gpu: String::new(),
            ready: false,
            job_open: false,
            status_open: false,
            anew: false,
            tasks_at: 0,
            status_lost: false,
            passing_over: false,
            task: Vec::new(),
            status_at: 0,
            own: Own::new(),
            text: Text::new(),
        }
    }

    /// The GPU that it uses; nothing before it has found it.
    #[must_use]
    pub fn gpu(&self) -> &str {
        &self.gpu
    }

    /// What comes behind an answer.
    fn answered(&mut self, reply: &Reply<'_>) -> Step {
        match (self.step, *reply) {
            (Step::Version, Reply::Version { version, msize })
                if version == DIALECT.version() && msize as usize <= MSIZE =>
            {
                Step::Attach
            }
            (Step::Attach, Reply::Attach { .. }) => Step::Walk(Target::Tasks),
            (Step::Drop(target), Reply::Clunk) => Step::Walk(target),
            (Step::Walk(target), Reply::Walk { qids }) if qids.len() == target.depth() => {
                Step::Open(target)
            }
            // The server found a part of the path.
            (Step::Walk(_), Reply::Walk { .. }) => self.refused(ENOENT),
            (Step::Open(target), Reply::Lopen { .. }) => self.opened(target),
            (Step::List, Reply::Readdir { data }) => self.found(data),
            (Step::ReadTasks, Reply::Read { data }) => self.read_tasks(data),
            (Step::Submit, Reply::Write { count }) if count as usize == self.task.len() => {
                if let Some(job) = self.job() {
                    self.own.add(job);
                }
                self.task.clear();
                Step::ReadTasks
            }
            (Step::ReadStatus, Reply::Read { data }) => self.read_status(data),
            (Step::Tell(then), Reply::Write { count }) if count as usize == self.text.len() => {
                self.told(then)
            }
            _ => Step::Over(Ended::Botched),
        }
    }

    /// What comes behind an error.
    fn refused(&mut self, errno: u32) -> Step {
        match self.step {
            // There was no such fid.
            Step::Drop(target) => Step::Walk(target),
            Step::Walk(Target::Job) | Step::Open(Target::Job) if self.ready => {
                self.refuse_task(errno)
            }
            Step::Walk(Target::Job) | Step::Open(Target::Job) => Step::Walk(Target::Status),
            Step::Walk(Target::Status) | Step::Open(Target::Status) => self.go_on(),
            Step::ReadTasks if errno == EOVERFLOW => Step::Drop(Target::Tasks),
            // Its lease has ended. It may have another by now, perhaps of another device: what
            // became of its jobs comes first.
            Step::Submit if errno == EBADF && !core::mem::replace(&mut self.anew, true) => {
                self.job_open = false;
                self.look()
            }
            Step::Submit => {
                self.job_open = errno != EBADF;
                self.refuse_task(errno)
            }
            Step::ReadStatus if errno == EOVERFLOW => {
                self.status_lost = true;
                Step::Drop(Target::Status)
            }
            Step::ReadStatus if errno == EBADF => {
                (self.job_open, self.status_open) = (false, false);
                self.told(Then::Gone)
            }
            _ => Step::Over(Ended::Refused(errno)),
        }
    }

    fn opened(&mut self, target: Target) -> Step {
        match target {
            Target::Tasks if self.ready => {
                (self.tasks_at, self.passing_over) = (0, false);
                self.text.lost("tasks");
                Step::Tell(Then::Status)
            }
            Target::Tasks => Step::Walk(Target::Telemetry),
            Target::Telemetry => Step::Walk(Target::Gpus),
            Target::Gpus => Step::List,
            Target::Job => {
                self.job_open = true;
                match (self.ready, self.status_open) {
                    (true, true) => Step::Submit,
                    (true, false) => Step::Drop(Target::Status),
                    (false, _) => Step::Walk(Target::Status),
                }
            }
            Target::Status => {
                (self.status_open, self.status_at) = (true, 0);
                if core::mem::take(&mut self.status_lost) {
                    self.text.lost("status");
                    return Step::Tell(Then::Status);
                }
                self.go_on()
            }
        }
    }

    /// The status was opened, or could not be.
    fn go_on(&mut self) -> Step {
        self.ready = true;
        if self.task.is_empty() { Step::Rest } else { Step::Submit }
    }

    /// The directory of GPUs has these entries.
    fn found(&mut self, data: &[u8]) -> Step {
        let Some(Ok(entry)) = Dirents::new(data).next() else {
            return Step::Over(Ended::Refused(ENOENT));
        };
        match String::try_from(entry.name.as_str()) {
            Ok(name) => {
                self.gpu = name;
                Step::Walk(Target::Job)
            }
            Err(_) => Step::Over(Ended::Botched),
        }
    }

    /// Takes one line of the tasks: the rest is read again.
    fn read_tasks(&mut self, data: &[u8]) -> Step {
        let Some((line, length)) = first_line(data) else {
            let is_long = data.len() >= TASK_READ;
            if is_long || self.passing_over {
                self.passing_over = true;
                self.tasks_at = self.tasks_at.saturating_add(data.len() as u64);
            }
            return if is_long { Step::ReadTasks } else { self.look() };
        };
        self.tasks_at = self.tasks_at.saturating_add(length);
        if core::mem::take(&mut self.passing_over) {
            return self.refuse_task(EMSGSIZE);
        }
        if line.trim_ascii().is_empty() {
            return Step::ReadTasks;
        }
        self.task.clear();
        // A line with its end is no longer than what is read at once.
        if self.task.extend_from_slice(line).is_err() || self.task.push(b'\n').is_err() {
            return self.refuse_task(EMSGSIZE);
        }
        self.anew = !self.job_open;
        if self.job_open { Step::Submit } else { Step::Drop(Target::Job) }
    }

    /// The job that is to be submitted, where it can be read.
    fn job(&self) -> Option<gpu::JobId> {
        let line = self.task.strip_suffix(b"\n").unwrap_or(&self.task);
        Job::parse(line).ok().map(|job| job.id)
    }

    fn refuse_task(&mut self, errno: u32) -> Step {
        let job = self.job();
        self.task.clear();
        self.text.refused(job.as_ref(), errno_name(errno));
        Step::Tell(Then::Tasks)
    }

    /// The status comes behind the tasks, where it is open.
    fn look(&self) -> Step {
        if self.status_open { Step::ReadStatus } else { self.rest() }
    }

    /// There is no more to tell: a task that waits for a new lease is tried once more.
    fn rest(&self) -> Step {
        if self.task.is_empty() { Step::Rest } else { Step::Drop(Target::Job) }
    }

    /// Passes over what is not new of its own jobs, up to a line that is.
    fn read_status(&mut self, data: &[u8]) -> Step {
        let mut rest = data;
        while let Some((line, length)) = first_line(rest) {
            self.status_at = self.status_at.saturating_add(length);
            rest = rest.get(line.len() + 1..).unwrap_or_default();
            let Ok(status) = Status::parse(line) else { continue };
            if self.own.is_news(&status) {
                self.text.status(&status);
                return Step::Tell(Then::Status);
            }
        }
        if rest.len() == data.len() && data.len() >= STATUS_READ {
            // No status is so long.
            self.status_at = self.status_at.saturating_add(data.len() as u64);
        }
        if data.len() >= STATUS_READ { Step::ReadStatus } else { self.rest() }
    }

    /// The telemetry has the line.
    fn told(&mut self, then: Then) -> Step {
        match then {
            Then::Tasks => Step::ReadTasks,
            Then::Status => self.look(),
            Then::Gone => match self.own.take() {
                Some(job) => {
                    let detail = "device gone";
                    let (state, progress, backend, result) = (State::Err, 0, None, None);
                    let status = Status { job, state, progress, backend, detail, result };
                    self.text.status(&status);
                    Step::Tell(Then::Gone)
                }
                None => self.rest(),
            },
        }
    }
}

impl Worker for GpuWorker<'_> {
    fn next(&mut self, now: Duration, frame: &mut [u8]) -> Next {
        if self.step == Step::Rest {
            let tick = self.ticks.at(now);
            if tick <= self.last {
                return Next::Wait(self.ticks.time_of(self.last.saturating_add(1)));
            }
            self.last = tick;
            self.step = Step::ReadTasks;
        }
        match self.request(frame) {
            Ok(length) => Next::Send(length),
            Err(ended) => {
                self.step = Step::Over(ended);
                Next::Ended(ended)
            }
        }
    }

    fn reply(&mut self, frame: &[u8]) {
        self.step = match (self.step, decode_reply(DIALECT, frame)) {
            (Step::Over(ended), _) => Step::Over(ended),
            (_, Ok((tag, reply))) if tag == self.tag() => match reply {
                Reply::Lerror { ecode } => self.refused(ecode),
                reply => self.answered(&reply),
            },
            _ => Step::Over(Ended::Botched),
        };
    }
}

#[cfg(test)]
mod tests;
