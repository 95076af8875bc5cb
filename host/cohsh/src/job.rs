//! `gpu run`: a job for a worker, from its inputs to what came of it.
//!
//! The inputs are staged on this machine, in the folder where the bridge looks for them. The job is
//! a line in the worker's tasks; what becomes of it stands in the GPU's status, and where the worker
//! could not submit it, in its telemetry. A read of `/proc/events` waits for both.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ::control::WorkerId;
use ::gpu::{FileName, Hash, Job, JobId, Kernel, Shape, State, Status};
use client::Errno;
use gpu_bundle::{Cancel, check, hash_of, place, stage_in};
use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::files;
use crate::gpu::{GPUS, names};
use crate::output::Output;
use crate::session::Hive;
use crate::tail::Events;
use crate::workers;

/// Inputs of a bundle, as [`stage_in`] calls them, and the result.
const INPUTS: [&str; 2] = ["a.f32", "b.f32"];
const RESULT: &str = "out.f32";
/// Where a bridge keeps results, in the folder of bundles.
const RESULTS: &str = ".results";
/// What the inputs follow from: the same each time, so they are staged once.
const SEED: u64 = 1;
/// Threads of a block of `vadd`, and of one of `matmul` in both directions.
const BLOCKS: (u32, u32) = (256, 16);

/// How long a worker may take to submit a job.
const SUBMITTED: Duration = Duration::from_secs(30);

/// A job, as it is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Run {
    pub kernel: Kernel,
    /// The GPU worker that was started last, where it is `None`.
    pub worker: Option<WorkerId>,
    /// The folder that the bridge has its bundles in.
    pub bundles: PathBuf,
    pub timeout_ms: u32,
    /// Whether to compute the result here, too, and compare.
    pub verify: bool,
}

/// What is known of the job.
struct Followed {
    id: JobId,
    worker: WorkerId,
    /// How far it was when that was told last.
    told: Option<(u8, u8)>,
}

/// What became of the job.
enum End {
    /// OK: with this result.
    Ok(Hash),
    /// Told as a line.
    Failed,
}

/// Stages, submits, follows, and perhaps computes it again.
pub(crate) fn run(hive: &mut Hive, run: &Run, output: &mut Output) -> Result<()> {
    let worker = match run.worker {
        Some(worker) => worker,
        None => workers::last_of(hive, "gpu")?.ok_or_else(|| {
            Failure::refused_here("no GPU worker lives: start one with a lease by `gpu lease GPU`")
        })?,
    };
    let tasks = format!("/worker/{worker}/tasks");
    // Before inputs are made for nobody.
    hive.with_file(&tasks, |_, _| Ok::<_, Failure>(())).map_err(|failure| failure.at(&tasks))?;
    let folder = run.bundles.display().to_string();
    let cannot = |error: anyhow::Error| Failure::usage(format!("{error:#}")).at(&folder);
    let hash = stage_in(&run.bundles, run.kernel, SEED).map_err(cannot)?;
    let (id, line) = line(run, hash)?;
    let mut followed = Followed { id, worker, told: None };
    let end = Events::with(hive, |hive, events| {
        files::append_whole(hive, &tasks, format!("{line}\n").as_bytes())?;
        let until = Instant::now() + SUBMITTED;
        loop {
            if let Some(end) = look(hive, &mut followed, output)? {
                return Ok(end);
            }
            if followed.told.is_some() {
                events.next(hive)?;
            } else {
                followed.wait(hive, events, until)?;
            }
        }
    })?;
    match end {
        End::Ok(result) if run.verify => verify(run, &followed.id, hash, result, output),
        End::Ok(_) => Ok(()),
        End::Failed => Err(Failure::told()),
    }
}

/// The job's name, which nobody had before, and its line.
fn line(run: &Run, bytes_hash: Hash) -> Result<(JobId, String)> {
    let broken = |what: &str| Failure::usage(format!("gpu run: {what}"));
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let nanos = u64::try_from(since.as_nanos()).unwrap_or_default();
    let id = format!("run-{:x}-{nanos:x}", std::process::id());
    let id = JobId::of(&id).ok_or_else(|| broken("this machine's clock is wrong"))?;
    let block = match run.kernel {
        Kernel::Vadd { .. } => [BLOCKS.0, 1, 1],
        Kernel::Matmul { .. } => [BLOCKS.1, BLOCKS.1, 1],
    };
    let shape = Shape::of(run.kernel, block).map_err(|refused| broken(&refused.to_string()))?;
    let [a, b, output] = [INPUTS[0], INPUTS[1], RESULT].map(FileName::of);
    let (Some(a), Some(b), Some(output)) = (a, b, output) else {
        return Err(broken("a file's name is none"));
    };
    let job = Job {
        id: id.clone(),
        kernel: run.kernel,
        shape,
        bytes_hash,
        inputs: [a, b],
        output,
        timeout_ms: run.timeout_ms,
    };
    Ok((id, job.to_string()))
}

/// Looks what is said of the job, and tells what is new. Its end, if it has come to one.
fn look(hive: &mut Hive, followed: &mut Followed, output: &mut Output) -> Result<Option<End>> {
    let mut known = false;
    for gpu in names(hive)? {
        let path = format!("{GPUS}/{gpu}/status");
        let text = text(hive, &path)?.unwrap_or_default();
        for line in text.lines() {
            let Ok(status) = Status::parse(line.as_bytes()) else { continue };
            if status.job != followed.id {
                continue;
            }
            known = true;
            if let Some(end) = followed.take(&status, line, output)? {
                return Ok(Some(end));
            }
        }
    }
    let path = format!("/worker/{}/telemetry", followed.worker);
    let Some(text) = text(hive, &path)? else {
        let gone = format!("{} has ended: `log` says why", followed.worker);
        return if known { Ok(None) } else { Err(Failure::refused_here(gone)) };
    };
    for line in text.lines() {
        if let Some(end) = followed.take_telemetry(line, output)? {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

/// What a file holds; nothing where it is gone.
fn text(hive: &mut Hive, path: &str) -> Result<Option<String>> {
    match files::read_whole(hive, path) {
        Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
        Err(failure) => match failure.errno() {
            // Also one that went while it was read.
            Some(Errno::ENOENT | Errno::EBADF | Errno::ESTALE) => Ok(None),
            // It was written meanwhile, and so it is looked at again.
            Some(Errno::EOVERFLOW) => Ok(Some(String::new())),
            _ => Err(failure.at(path)),
        },
    }
}

impl Followed {
    /// Waits for news of a job that nothing was said of yet.
    fn wait(&self, hive: &mut Hive, events: &mut Events, until: Instant) -> Result<()> {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            let (id, worker, seconds) = (&self.id, self.worker, SUBMITTED.as_secs());
            return Err(Failure::refused_here(format!(
                "{worker} has not submitted {id} in {seconds} s: was it given more lines than it \
                 could read (LOST in its telemetry)? Run it again"
            )));
        }
        hive.stream_mut().set_patience(Some(left));
        let news = events.next(hive);
        hive.stream_mut().set_patience(None);
        match news {
            Err(failure) if failure.is_interruption() && Instant::now() >= until => Ok(()),
            news => news.map(drop),
        }
    }

    /// Tells a status that is new.
    fn take(
        &mut self,
        status: &Status<'_>,
        line: &str,
        output: &mut Output,
    ) -> Result<Option<End>> {
        let rank = match status.state {
            State::Queued => 0,
            State::Running => 1,
            State::Ok | State::Err => 2,
        };
        let at = Some((rank, status.progress));
        if at <= self.told {
            return Ok(None);
        }
        self.told = at;
        let Status { job, state, progress, detail, .. } = status;
        if output.is_json() {
            object(line, output)?;
        } else {
            let text = match state {
                State::Queued => format!("{job} {state}\n"),
                State::Running => format!("{job} {state} {progress} %\n"),
                State::Ok | State::Err => format!("{job} {state}: {}\n", output.name(detail)),
            };
            output.text(&text)?;
        }
        Ok(match (state, status.result) {
            (State::Ok, Some(result)) => Some(End::Ok(result)),
            (State::Err, _) => Some(End::Failed),
            _ => None,
        })
    }

    /// Tells what only the worker says of its job: that it was not taken, or that its GPU is gone.
    fn take_telemetry(&mut self, line: &str, output: &mut Output) -> Result<Option<End>> {
        if let Ok(status) = Status::parse(line.as_bytes()) {
            let ours = status.job == self.id && status.state == State::Err;
            return if ours { self.take(&status, line, output) } else { Ok(None) };
        }
        let Ok(said) = serde_json::from_str::<Value>(line) else { return Ok(None) };
        if said["job"] != *self.id.as_str() || said["state"] != "REFUSED" {
            return Ok(None);
        }
        if output.is_json() {
            object(line, output)?;
        } else {
            let errno = said["errno"].as_str().unwrap_or("another");
            let why = match errno {
                "EBADF" => "its lease has ended",
                "EINVAL" => "the hive's log says why",
                "EBUSY" => "its queue is full",
                _ => "docs/INTERFACES.md says what that means",
            };
            output.text(&format!("{} REFUSED: {}: {why}\n", self.id, output.name(errno)))?;
        }
        Ok(Some(End::Failed))
    }
}

fn object(line: &str, output: &mut Output) -> Result<()> {
    let object: Value = serde_json::from_str(line)
        .map_err(|error| Failure::usage(format!("a status is no object: {error}")))?;
    output.object(&object)
}

/// Reads the result that the bridge wrote, and compares it with what this machine computes.
fn verify(run: &Run, id: &JobId, hash: Hash, result: Hash, output: &mut Output) -> Result<()> {
    let read = |path: PathBuf| {
        fs::read(&path).map_err(|error| {
            let text = format!("cannot be read: {error}; is --bundles the bridge's, and here?");
            Failure::usage(text).at(&path.display().to_string())
        })
    };
    let bundle = place(&run.bundles, hash);
    let bytes = read(run.bundles.join(RESULTS).join(id.as_str()).join(RESULT))?;
    let (a, b) = (read(bundle.join(INPUTS[0]))?, read(bundle.join(INPUTS[1]))?);
    let found = hash_of(&bytes);
    if found != result {
        return Err(Failure::refused_here(format!(
            "{id}: the result is not what was said: {found}"
        )));
    }
    match check(run.kernel, [&a, &b], &bytes, &Cancel::new()) {
        Ok(checked) if output.is_json() => output.object(&json!({
            "job": id.as_str(), "verified": true, "error": checked.worst, "result": found.to_string(),
        })),
        Ok(checked) => output.text(&format!(
            "{id} verified here: error {:.3} of what is allowed, {found}\n",
            checked.worst
        )),
        Err(wrong) => Err(Failure::refused_here(format!("{id}: {wrong}"))),
    }
}
