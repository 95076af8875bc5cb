//! One job, from its bundle to its last status.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use gpu::{Hash, Job, JobId, Kernel, State, Status};
use gpu_bundle::{self as bundle, MAX_SOURCE, Size};

use crate::aside::{Aside, Task};
use crate::backend::{Backend, DeviceInfo};
use crate::record::Records;
use gpu_bundle::{Cancel, Deadline};
use gpu_bundle::{Checked, check, values};

/// A job, and what it may use.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// On which device.
    pub device: &'a str,
    /// Memory that its lease has, in MiB.
    pub mem_mb: u32,
    /// What.
    pub job: &'a Job<'a>,
    /// Where its bundle is.
    pub bundle: &'a Path,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Which.
    pub job: JobId,
    /// OK or ERR. RUNNING: it was running already, and nothing was done here.
    pub state: State,
    /// How much was computed, in percent.
    pub progress: u8,
    /// What computed it.
    pub backend: gpu::Backend,
    /// More, for people.
    pub detail: String,
    /// Of the result.
    pub result: Option<Hash>,
    /// Whether this was known, and nothing ran now.
    pub known: bool,
    /// What was measured, if it ran.
    pub times: Option<Times>,
}

/// How long it took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    /// On the device, copies to and from it included.
    pub ran: Duration,
    /// Comparing with the CPU.
    pub checked: Duration,
}

impl Report {
    /// Its status line.
    #[must_use]
    pub fn status(&self) -> Status<'_> {
        Status {
            job: self.job.clone(),
            state: self.state,
            progress: self.progress,
            backend: Some(self.backend),
            detail: &self.detail,
            result: self.result,
        }
    }
}

/// Runs jobs on a backend, and remembers how they ended. Jobs side by side are one thread each.
///
/// What a device still has of a job that was stopped keeps the backend open when it is dropped.
pub struct Executor {
    aside: Aside,
    records: Records,
    running: Mutex<HashSet<String>>,
}

impl std::fmt::Debug for Executor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Executor").field("backend", &self.kind()).finish_non_exhaustive()
    }
}

impl Executor {
    /// One that keeps results in the folder `results`.
    ///
    /// # Errors
    /// The folder cannot be used, or another bridge uses it.
    pub fn new(backend: Box<dyn Backend>, results: &Path) -> Result<Self> {
        let records = Records::open(results)?;
        Ok(Self { aside: Aside::new(backend.into()), records, running: Mutex::default() })
    }

    /// What computes.
    #[must_use]
    pub fn kind(&self) -> gpu::Backend {
        self.aside.backend().kind()
    }

    /// Its devices, as they are now.
    #[must_use]
    pub fn devices(&self) -> Vec<DeviceInfo> {
        self.aside.backend().devices()
    }

    /// Runs a job to its end, and tells `tell` each status as it comes, the last one included: on
    /// this thread, until it is done. A job that ended before, under this executor or one before
    /// it, is not run again: its last status is told again.
    pub fn run(
        &self,
        order: &Order<'_>,
        cancel: &Cancel,
        tell: &mut dyn FnMut(&Status<'_>),
    ) -> Report {
        let report = if let Some(_running) = Running::start(&self.running, order.job.id.as_str()) {
            self.run_once(order, cancel, tell)
        } else {
            let known = "is running already";
            Report { state: State::Running, known: true, ..self.report(order, known.to_owned()) }
        };
        tell(&report.status());
        report
    }

    fn run_once(
        &self,
        order: &Order<'_>,
        cancel: &Cancel,
        tell: &mut dyn FnMut(&Status<'_>),
    ) -> Report {
        match self.records.find(order.job) {
            Ok(None) => {}
            Ok(Some(line)) => return known(order.job, &line, self.kind()),
            // It is not noted: what was said of the id once stays true.
            Err(error) => return self.report(order, format!("{error:#}")),
        }
        let mut told = 0;
        let report = match self.compute(order, cancel, tell, &mut told) {
            Ok(report) => report,
            Err(error) => Report { progress: told, ..self.report(order, format!("{error:#}")) },
        };
        match self.records.note(order.job, &report.status()) {
            Ok(()) => report,
            Err(error) => {
                self.records.forget(order.job);
                Report { progress: told, ..self.report(order, format!("{error:#}")) }
            }
        }
    }

    /// That it is ERR, and why.
    fn report(&self, order: &Order<'_>, detail: String) -> Report {
        Report {
            job: order.job.id.clone(),
            state: State::Err,
            progress: 0,
            backend: self.kind(),
            detail,
            result: None,
            known: false,
            times: None,
        }
    }

    fn compute(
        &self,
        order: &Order<'_>,
        cancel: &Cancel,
        tell: &mut dyn FnMut(&Status<'_>),
        told: &mut u8,
    ) -> Result<Report> {
        let job = order.job;
        let device = self.fitting_device(order)?;
        let timeout = Duration::from_millis(job.timeout_ms.into());
        let task = Arc::new(self.task(order, cancel, timeout)?);
        let kind = self.kind();
        let mut running = |progress| {
            *told = progress;
            let (job, state, backend) = (job.id.clone(), State::Running, Some(kind));
            tell(&Status { job, state, progress, backend, detail: &device.name, result: None });
        };
        running(0);
        let start = Instant::now();
        let deadline = Deadline::new(cancel, timeout);
        let output = self.aside.run(order.device, &task, &deadline, &mut running)?;
        let ran = start.elapsed();
        let checked = check(job.kernel, task.inputs(), &output, cancel);
        let times = Times { ran, checked: start.elapsed().saturating_sub(ran) };
        let checked = checked.map_err(|wrong| anyhow!("{wrong}"))?;
        let result = self.records.keep(job, &output)?;
        Ok(Report {
            state: State::Ok,
            progress: 100,
            detail: summary(job.kernel, &device, times, checked),
            result: Some(result),
            times: Some(times),
            ..self.report(order, String::new())
        })
    }

    /// The device, if the job fits it and the lease.
    fn fitting_device(&self, order: &Order<'_>) -> Result<DeviceInfo> {
        let Order { job, mem_mb, .. } = *order;
        let devices = self.devices();
        let device = devices.into_iter().find(|device| device.id == order.device);
        let device = device.with_context(|| format!("device: there is no {}", order.device))?;
        let needs = job.kernel.bytes().div_ceil(1 << 20);
        for (whose, has) in [("lease", mem_mb), ("device", device.memory_mb)] {
            ensure!(needs <= has.into(), "kernel: needs {needs} MiB, and the {whose} has {has}");
        }
        let [a, b] = job.kernel.inputs();
        let largest = a.max(b).max(job.kernel.output()).saturating_mul(4);
        let most = device.limits.buffer;
        ensure!(largest <= most, "kernel: a matrix or vector may have {most} bytes on this device");
        let threads = device.limits.threads;
        ensure!(job.shape.threads() <= threads, "block: this device takes {threads} threads");
        let sides = job.shape.block().into_iter().zip(device.limits.block);
        for (index, (side, most)) in sides.enumerate() {
            ensure!(side <= most, "block: number {} may be {most} on this device", index + 1);
        }
        Ok(device)
    }

    /// What is to be computed, checked; that may take as long as the job itself may.
    fn task(&self, order: &Order<'_>, cancel: &Cancel, timeout: Duration) -> Result<Task> {
        let job = order.job;
        let names = job.inputs.map(|name| name.as_str());
        let lengths = job.kernel.inputs().map(|values| values.saturating_mul(4));
        if names[0] == names[1] {
            ensure!(lengths[0] == lengths[1], "inputs: one file cannot have two lengths");
        }
        let source = self.aside.backend().source(job.kernel);
        if let Some(source) = source.as_deref() {
            ensure!(!names.contains(&source), "inputs: {source} is the kernel's source");
        }
        let mut keep =
            vec![(names[0], Size::Exactly(lengths[0])), (names[1], Size::Exactly(lengths[1]))];
        keep.extend(source.iter().map(|name| (name.as_str(), Size::AtMost(MAX_SOURCE))));
        let deadline = Deadline::new(cancel, timeout);
        let mut files = bundle::open(order.bundle, job.bytes_hash, &keep, &deadline)?;
        let text = match &source {
            Some(name) => files.remove(name).unwrap_or_default(),
            None => Vec::new(),
        };
        let text = String::from_utf8(text).ok().filter(|text| !text.contains('\0'));
        let source = text.context("kernel: its source is no text")?;
        let b = files.get(names[1]).cloned().unwrap_or_default();
        let a = files.remove(names[0]).unwrap_or_default();
        for (name, bytes) in names.into_iter().zip([&a, &b]) {
            if let Some(index) = values(bytes).position(|value| !value.is_finite()) {
                bail!("inputs: value {index} of {name} is not finite");
            }
        }
        Ok(Task { kernel: job.kernel, shape: job.shape, source, inputs: [a, b] })
    }
}

/// That a job runs, until it is dropped.
struct Running<'a> {
    all: &'a Mutex<HashSet<String>>,
    id: &'a str,
}

impl<'a> Running<'a> {
    /// `None` where it runs already.
    fn start(all: &'a Mutex<HashSet<String>>, id: &'a str) -> Option<Self> {
        let is_new = all.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned());
        is_new.then(|| Self { all, id })
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(self.id);
    }
}

fn known(job: &Job<'_>, line: &str, backend: gpu::Backend) -> Report {
    let status = Status::parse(line.as_bytes());
    let (state, progress, backend, detail, result) = match &status {
        Ok(s) => (s.state, s.progress, s.backend.unwrap_or(backend), s.detail, s.result),
        // It was parsed when it was found.
        Err(_) => (State::Err, 0, backend, "", None),
    };
    let detail = detail.to_owned();
    let job = job.id.clone();
    Report { job, state, progress, backend, detail, result, known: true, times: None }
}

/// What is said of a result.
fn summary(kernel: Kernel, device: &DeviceInfo, times: Times, checked: Checked) -> String {
    let seconds = times.ran.as_secs_f64().max(1e-9);
    let name: String = device.name.chars().take(40).collect();
    format!(
        "{name}: {} values in {:.3} ms, {:.3} Gop/s; checked in {:.3} ms, error {:.3} of what is allowed",
        kernel.output(),
        seconds * 1e3,
        kernel.operations() as f64 / seconds / 1e9,
        times.checked.as_secs_f64() * 1e3,
        checked.worst,
    )
}
