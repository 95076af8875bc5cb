//! One device at one hive: published, given orders, said how it is.
//!
//! A connection a device, for a device is its session's. While the connection is gone so is the
//! device, and its leases with it: so nothing runs then, and it is published anew, with nothing of
//! before, when the hive is there again.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Error, Result, ensure};
use client::{Errno, File, Mode};
use gpu::{Order, Status};

use crate::backend::DeviceInfo;
use crate::describe;
use crate::link::{Hive, attach, read_ticket};
use crate::mailbox::{Letter, Mailbox};
use crate::running::{Jobs, Shop};
use crate::serve::Options;

/// Between two gauges.
const GAUGE: Duration = Duration::from_secs(1);
/// How long to wait before the hive is tried again: at first, and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));
/// Bytes of one read: as many as a message carries.
const READ: u32 = u32::MAX;
/// Longest part of a line that is kept: no order is so long.
const MAX_LINE: usize = 4096;

/// A device's thread.
pub(crate) struct Lane<'a> {
    options: &'a Options,
    mailbox: Arc<Mailbox>,
    device: DeviceInfo,
    shop: Shop,
    jobs: Jobs,
    /// It was published once.
    published: bool,
}

/// The device's files, open.
struct Files {
    publish: File,
    job: File,
    status: File,
}

impl<'a> Lane<'a> {
    pub fn new(options: &'a Options, shop: Shop, device: DeviceInfo) -> Self {
        let jobs = Jobs::new(shop.clone(), &device);
        Self { options, mailbox: Arc::clone(&shop.mailbox), device, shop, jobs, published: false }
    }

    /// Serves the device until it is told to stop.
    ///
    /// # Errors
    /// The hive never let it in, and says that it will not.
    pub fn run(&mut self) -> Result<()> {
        let mut pause = PAUSE.0;
        loop {
            let was_published = std::mem::take(&mut self.published);
            let served = self.session();
            self.jobs.clear(match served {
                Ok(()) => "the bridge was told to end",
                Err(_) => "the hive is gone",
            });
            // Nobody is left to hear of what has ended now.
            self.mailbox.take();
            let Err(error) = served else { return Ok(()) };
            if self.mailbox.is_stopped() {
                return Ok(());
            }
            if self.published {
                pause = PAUSE.0;
            } else if !was_published && is_for_good(&error) {
                return Err(error);
            }
            self.published |= was_published;
            let (device, hive) = (&self.device.id, &self.options.hive);
            (self.options.say)(&format!("{device}: {hive}: {error:#}; trying again"));
            self.rest(pause)?;
            pause = pause.saturating_mul(2).min(PAUSE.1);
            if self.mailbox.is_stopped() {
                return Ok(());
            }
        }
    }

    /// Waits so long, or until it is told to stop.
    fn rest(&self, pause: Duration) -> Result<()> {
        let until = Instant::now() + pause;
        while !self.mailbox.is_stopped() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.mailbox.wait(left).context("cannot wait")?;
            self.mailbox.take();
        }
        Ok(())
    }

    /// Serves over one connection.
    ///
    /// # Errors
    /// It broke, or the hive refused.
    fn session(&mut self) -> Result<()> {
        if self.mailbox.is_stopped() {
            return Ok(());
        }
        let ticket = read_ticket(&self.options.ticket_file)?;
        let mut hive = attach(&self.options.hive, ticket, &self.mailbox)?;
        let publish = open(&mut hive, "/gpu/publish", Mode::Append)?;
        append(&mut hive, &publish, &describe::publish(&self.device)?).context("publish")?;
        self.published = true;
        let path = format!("/gpu/{}", self.device.id);
        let job = open(&mut hive, &format!("{path}/job"), Mode::Read)?;
        let status = open(&mut hive, &format!("{path}/status"), Mode::Append)?;
        let DeviceInfo { id, name, .. } = &self.device;
        (self.options.say)(&format!("{id}: published at {}: {name}", self.options.hive));
        self.work(&mut hive, &Files { publish, job, status })
    }

    fn work(&mut self, hive: &mut Hive, files: &Files) -> Result<()> {
        let (mut offset, mut rest, mut gauge) = (0, Vec::new(), Instant::now());
        loop {
            self.tell(hive, files)?;
            if self.mailbox.is_stopped() {
                return self.wind_up(hive, files);
            }
            if Instant::now() >= gauge {
                self.gauge(hive, files)?;
                gauge = Instant::now() + GAUGE;
            }
            hive.stream_mut().heed(gauge);
            let read = match hive.read(&files.job, offset, READ) {
                Ok(bytes) => Ok(bytes.to_vec()),
                Err(error) => Err(error),
            };
            hive.stream_mut().ignore();
            match read {
                Ok(bytes) => {
                    ensure!(!bytes.is_empty(), "reads of orders do not wait: it is no hive");
                    offset += bytes.len() as u64;
                    rest.extend(bytes);
                    self.orders(&mut rest)?;
                }
                Err(client::Error::Interrupted) => {}
                Err(error) => return Err(Error::new(error).context("orders")),
            }
        }
    }

    /// Takes every whole line of `rest`.
    fn orders(&mut self, rest: &mut Vec<u8>) -> Result<()> {
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = rest.drain(..=end).collect();
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            match Order::parse(line) {
                Ok(Order::Run { priority, mem_mb, job, .. }) => {
                    ensure!(
                        self.jobs.add(&job, priority, mem_mb),
                        "orders do not end: it is no hive"
                    );
                }
                Ok(Order::Cancel(job)) => self.jobs.cancel(&job, "the hive ended its lease"),
                // What it is about cannot be told, so neither can the hive.
                Err(refused) => {
                    let line = String::from_utf8_lossy(line);
                    let line = line.escape_debug();
                    (self.options.say)(&format!("passed over an order: {refused}: {line}"));
                }
            }
        }
        ensure!(rest.len() <= MAX_LINE, "an order does not end: it is no hive");
        Ok(())
    }

    /// Tells the hive what jobs have said.
    fn tell(&mut self, hive: &mut Hive, files: &Files) -> Result<()> {
        for letter in self.mailbox.take() {
            match letter {
                Letter::Ended(job) => self.jobs.ended(&job),
                Letter::Status(line) => match append(hive, &files.status, &line) {
                    Ok(()) => self.note(&line, ""),
                    // It was ended there meanwhile.
                    Err(error) if refused(&error) == Some(Errno::EINVAL) => {
                        self.note(&line, "; the hive had ended it");
                    }
                    Err(error) => return Err(error.context("status")),
                },
            }
        }
        Ok(())
    }

    /// Says how a job has ended.
    fn note(&self, line: &str, more: &str) {
        if let Ok(Status { job, state, detail, .. }) = Status::parse(line.as_bytes())
            && state.is_final()
        {
            let device = &self.device.id;
            (self.options.say)(&format!("{device}: {job} {state}: {detail}{more}"));
        }
    }

    fn gauge(&self, hive: &mut Hive, files: &Files) -> Result<()> {
        let devices = self.shop.executor.devices();
        // One that its driver no longer shows is not gauged.
        let device = devices.into_iter().find(|device| device.id == self.device.id);
        let Some(device) = device else { return Ok(()) };
        let line = describe::gauge(&device, self.jobs.used_mb())?;
        append(hive, &files.publish, &line).context("gauge")
    }

    /// Ends all jobs and says so, then takes the device away.
    fn wind_up(&mut self, hive: &mut Hive, files: &Files) -> Result<()> {
        self.jobs.cancel_all("the bridge was told to end");
        loop {
            self.tell(hive, files)?;
            if self.jobs.is_empty() {
                break;
            }
            self.mailbox.wait(GAUGE).context("cannot wait")?;
        }
        append(hive, &files.publish, &describe::withdraw(&self.device.id)?).context("withdraw")
    }
}

fn open(hive: &mut Hive, path: &str, mode: Mode) -> Result<File> {
    let file = hive.walk(path).with_context(|| path.to_owned())?;
    // Where it is not opened the connection is given up, and its fid with it.
    hive.open(&file, mode).with_context(|| path.to_owned())?;
    Ok(file)
}

/// Appends a line, in one message.
fn append(hive: &mut Hive, file: &File, line: &str) -> Result<()> {
    let line = format!("{line}\n");
    let written = hive.write(file, 0, line.as_bytes())? as usize;
    ensure!(written == line.len(), "the hive took a part of a line");
    Ok(())
}

/// What the hive answered, where it refused.
fn refused(error: &Error) -> Option<Errno> {
    match error.downcast_ref::<client::Error>() {
        Some(client::Error::Refused(errno)) => Some(*errno),
        _ => None,
    }
}

/// Whether it will be no other the next time: the hive does not let this ticket in, or there is
/// none. What is not there yet, busy, or broken may be.
fn is_for_good(error: &Error) -> bool {
    let is_client = error.downcast_ref::<client::Error>().is_some();
    let is_link = error.downcast_ref::<std::io::Error>().is_some();
    match refused(error) {
        Some(errno) => matches!(errno, Errno::EACCES | Errno::EPERM | Errno::EINVAL),
        None => !is_client && !is_link,
    }
}
