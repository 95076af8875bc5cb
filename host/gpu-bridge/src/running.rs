//! The jobs that a device has been given: those that run, a thread each, and those that wait.

use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use gpu::{Job, JobId, State, Status};
use gpu_bundle::place;

use crate::backend::DeviceInfo;
use crate::executor::{Executor, Order};
use crate::mailbox::{Letter, Mailbox};
use gpu_bundle::Cancel;

/// Most jobs that wait: a hive hands out no more than a device has streams, and remembers fewer.
const MOST: usize = 1024;

/// What jobs need of their bridge.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub executor: Arc<Executor>,
    /// A folder with a bundle for each hash.
    pub bundles: PathBuf,
    /// Where statuses go.
    pub mailbox: Arc<Mailbox>,
}

#[derive(Debug)]
struct Running {
    id: JobId,
    /// What it needs, in MiB.
    mem_mb: u32,
    cancel: Cancel,
    thread: JoinHandle<()>,
}

#[derive(Debug)]
struct Waiting {
    id: JobId,
    priority: u8,
    /// Memory of its lease, in MiB.
    lease_mb: u32,
    /// Canonical.
    line: String,
}

/// The jobs of one device.
#[derive(Debug)]
pub(crate) struct Jobs {
    shop: Shop,
    device: String,
    /// Most that run side by side.
    streams: usize,
    running: Vec<Running>,
    waiting: Vec<Waiting>,
}

impl Jobs {
    pub fn new(shop: Shop, device: &DeviceInfo) -> Self {
        Self {
            shop,
            device: device.id.clone(),
            streams: device.streams.into(),
            running: Vec::new(),
            waiting: Vec::new(),
        }
    }

    fn has(&self, id: &JobId) -> bool {
        self.running.iter().any(|job| job.id == *id) || self.waiting.iter().any(|job| job.id == *id)
    }

    /// Takes a job of a lease with this priority and memory in MiB. One that it has already is the
    /// same. `false`: there are more than a hive hands out.
    pub fn add(&mut self, job: &Job<'_>, priority: u8, lease_mb: u32) -> bool {
        if self.waiting.len() >= MOST {
            return false;
        }
        if !self.has(&job.id) {
            let (id, line) = (job.id.clone(), job.to_string());
            self.waiting.push(Waiting { id, priority, lease_mb, line });
        }
        self.start();
        true
    }

    /// Starts what there is a stream for: the highest priority, of those the first.
    fn start(&mut self) {
        while self.running.len() < self.streams {
            let highest = self.waiting.iter().map(|job| job.priority).max();
            let next = self.waiting.iter().position(|job| Some(job.priority) == highest);
            let Some(next) = next else { return };
            let job = self.waiting.remove(next);
            self.run(job);
        }
    }

    fn run(&mut self, waiting: Waiting) {
        let Waiting { id, lease_mb, line, .. } = waiting;
        let (cancel, shop) = (Cancel::new(), self.shop.clone());
        let (device, stop, job) = (self.device.clone(), cancel.clone(), id.clone());
        let bytes = Job::parse(line.as_bytes()).map_or(0, |job| job.kernel.bytes());
        let thread = thread::spawn(move || {
            let mut last = Last { shop: &shop, job, said: false };
            run(&mut last, &device, lease_mb, &line, &stop);
        });
        let mem_mb = u32::try_from(bytes.div_ceil(1 << 20)).unwrap_or(u32::MAX);
        self.running.push(Running { id, mem_mb, cancel, thread });
    }

    /// Stops a job. One that it does not have has ended: the hive passes over what is said of it
    /// then, or has not heard yet that it is nowhere.
    pub fn cancel(&mut self, id: &JobId, why: &str) {
        if !self.has(id) {
            self.shop.mailbox.put(Letter::Status(failed(&self.shop, id.clone(), why)));
        }
        if let Some(job) = self.running.iter().find(|job| job.id == *id) {
            job.cancel.cancel(why);
        }
        let is_it = |job: &mut Waiting| job.id == *id;
        for job in self.waiting.extract_if(.., is_it) {
            self.shop.mailbox.put(Letter::Status(failed(&self.shop, job.id, why)));
        }
    }

    /// Stops all jobs.
    pub fn cancel_all(&mut self, why: &str) {
        let running = self.running.iter().map(|job| job.id.clone());
        let all: Vec<_> = running.chain(self.waiting.iter().map(|job| job.id.clone())).collect();
        for id in all {
            self.cancel(&id, why);
        }
    }

    /// Notes that a job's thread is done.
    pub fn ended(&mut self, id: &JobId) {
        for job in self.running.extract_if(.., |job| job.id == *id) {
            // It says so as the last thing that it does.
            let _ = job.thread.join();
        }
        self.start();
    }

    /// Stops all jobs, and waits until none runs.
    pub fn clear(&mut self, why: &str) {
        self.cancel_all(why);
        for job in self.running.drain(..) {
            let _ = job.thread.join();
        }
    }

    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Memory of those that run, in MiB.
    pub fn used_mb(&self) -> u32 {
        self.running.iter().map(|job| job.mem_mb).fold(0, u32::saturating_add)
    }
}

/// That the job is ERR, as a line.
fn failed(shop: &Shop, job: JobId, detail: &str) -> String {
    let backend = Some(shop.executor.kind());
    Status { job, state: State::Err, progress: 0, backend, detail, result: None }.to_string()
}

/// Says the last of a job, whatever becomes of its thread: else its share would never be free.
struct Last<'a> {
    shop: &'a Shop,
    job: JobId,
    /// How it ended was said.
    said: bool,
}

impl Drop for Last<'_> {
    fn drop(&mut self) {
        if !self.said {
            let line = failed(self.shop, self.job.clone(), "the bridge failed badly");
            self.shop.mailbox.put(Letter::Status(line));
        }
        self.shop.mailbox.put(Letter::Ended(self.job.clone()));
    }
}

/// Runs the job that is `line` to its end, and tells all that it says.
fn run(last: &mut Last<'_>, device: &str, mem_mb: u32, line: &str, cancel: &Cancel) {
    let shop = last.shop;
    // It was parsed before, and is canonical.
    let Ok(job) = Job::parse(line.as_bytes()) else { return };
    let bundle = place(&shop.bundles, job.bytes_hash);
    let order = Order { device, mem_mb, job: &job, bundle: &bundle };
    let tell = |line| shop.mailbox.put(Letter::Status(line));
    let report = shop.executor.run(&order, cancel, &mut |status| tell(status.to_string()));
    if !report.state.is_final() {
        tell(failed(shop, job.id.clone(), "job: runs on another device already"));
    }
    last.said = true;
}
