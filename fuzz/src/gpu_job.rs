//! The target that reads the lines of a GPU's files and does what they say, its seeds and its
//! runner.
//!
//! Held to: a job's, a ctl's and a status's own text is a line that means the same; a refusal is
//! one short line; whatever is granted, leases never exceed the device, and whatever ended is
//! closed, cancelled and freed.

use std::fmt;
use std::io;
use std::time::Duration;

use gpu::{Ctl, Device, Event, Gpu, Job, Outcome, Status, Submitted, WorkerId};

use crate::control::mutated;
use crate::corpus::{Corpus, corpus};
use crate::mutate::Random;
use crate::run::{Finding, guard};

/// Longest text of a refusal, in bytes.
const MAX_REFUSAL: usize = 200;
const DEVICE: Device = Device { memory_mb: 8192, streams: 4 };

/// How lines went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GpuSummary {
    /// Jobs that were taken.
    pub jobs: u64,
    /// Lines of ctl that were done.
    pub done: u64,
    /// Lines that are a status.
    pub statuses: u64,
    /// Lines that were refused, as what they are or by the device.
    pub refused: u64,
    /// Jobs that were cancelled at a lease's end.
    pub cancelled: u64,
}

impl fmt::Display for GpuSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { jobs, done, statuses, refused, cancelled } = self;
        write!(
            f,
            "GPU lines: {jobs} jobs taken, {done} of ctl done, {statuses} statuses, {refused} \
             refused; {cancelled} jobs cancelled"
        )
    }
}

/// Takes each line of `data` as one of a GPU's files, a second after the one before.
///
/// # Panics
/// Where something is wrong.
pub fn fuzz_gpu_job(data: &[u8]) -> GpuSummary {
    let mut gpu = Gpu::<(), 3, 10>::new(DEVICE);
    let mut summary = GpuSummary::default();
    for (second, line) in (0..).zip(data.split(|byte| *byte == b'\n')) {
        let now = Duration::from_secs(second);
        take(&mut gpu, now, line, &mut summary);
        // Every other second the device starts a job, or ends what it runs.
        if second % 2 == 0 {
            gpu.start(now);
        } else {
            settle(&mut gpu);
        }
        follow(&mut gpu, now, &mut summary);
    }
    gpu.lose();
    follow(&mut gpu, Duration::MAX, &mut summary);
    assert_eq!(gpu.leases().iter().count(), 0, "a lost device has leases");
    assert!(gpu.jobs().iter().all(|(_, holder, _)| gpu.jobs().used(holder).jobs == 0));
    summary
}

type Small = Gpu<(), 3, 10>;

fn take(gpu: &mut Small, now: Duration, line: &[u8], summary: &mut GpuSummary) {
    let job = Job::parse(line);
    if let Ok(job) = &job {
        let text = job.to_string();
        assert_eq!(Job::parse(text.as_bytes()).as_ref(), Ok(job), "{text}");
        assert!(text.len() <= gpu::limits::JOB_LINE_BYTES, "{text}");
        match gpu.submit(now, WorkerId(1), job, ()) {
            Ok(Submitted::New) => summary.jobs += 1,
            Ok(Submitted::Known(_)) => {}
            Err(error) => refused(&error, summary),
        }
        return;
    }
    let status = Status::parse(line);
    if let Ok(status) = &status {
        let text = status.to_string();
        assert_eq!(Status::parse(text.as_bytes()).as_ref(), Ok(status), "{text}");
        summary.statuses += 1;
        return;
    }
    match Ctl::parse(line) {
        Ok(ctl) => {
            assert_eq!(Ctl::parse(ctl.to_string().as_bytes()), Ok(ctl));
            match gpu.apply(now, ctl) {
                Ok(()) => summary.done += 1,
                Err(Some(error)) => refused(&error, summary),
                Err(None) => summary.refused += 1,
            }
        }
        Err(error) => {
            for text in [job.map(|_| ()), status.map(|_| ()), Err(error)].map(Result::unwrap_err) {
                refused(&text, &mut GpuSummary::default());
            }
            summary.refused += 1;
        }
    }
}

fn refused(error: &dyn fmt::Display, summary: &mut GpuSummary) {
    let text = error.to_string();
    assert!(text.contains(": ") && text.len() <= MAX_REFUSAL, "{text}");
    assert!(!text.contains(char::is_control), "{text:?}");
    summary.refused += 1;
}

/// Ends whatever runs.
fn settle(gpu: &mut Small) {
    let running = |known: &gpu::JobState| known.state == gpu::State::Running;
    let ids: Vec<_> = gpu
        .jobs()
        .iter()
        .filter(|(_, _, known)| running(known))
        .map(|(id, ..)| id.clone())
        .collect();
    for id in ids {
        gpu.finish(&id, Outcome::Err).expect("it runs");
    }
}

/// Does what is to be done, and looks at what comes of it.
fn follow(gpu: &mut Small, now: Duration, summary: &mut GpuSummary) {
    while let Some(event) = gpu.poll(now) {
        match event {
            Event::Closed(ended) => assert!(gpu.leases().live(now, ended.holder).is_none()),
            Event::Cancelled { .. } => summary.cancelled += 1,
            Event::Freed(holder) => assert_eq!(gpu.jobs().used(holder).jobs, 0),
        }
    }
    let memory: u32 = gpu.leases().iter().map(|lease| lease.share.mem_mb).sum();
    let streams: u16 = gpu.leases().iter().map(|lease| lease.share.streams).sum();
    assert!(memory <= DEVICE.memory_mb && streams <= DEVICE.streams, "{memory} {streams}");
}

const JOB: &str = r#"{"job":"jid-9","kernel":"vadd","n":1000,"grid":[4],"block":[256],"bytes_hash":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","inputs":["a.f32","b.f32"],"outputs":["out.f32"],"timeout_ms":5000}"#;
const PRODUCT: &str = r#"{"job":"m-1","kernel":"matmul","m":30,"n":100,"k":7,"grid":[7,4],"block":[16,8],"bytes_hash":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855","inputs":["a","b"],"outputs":["c"],"timeout_ms":1}"#;
const OK: &str = r#"{"job":"jid-9","state":"OK","progress":100,"backend":"mock","detail":"1 ms","result":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}"#;

/// What the corpus starts from.
#[must_use]
pub fn gpu_seeds() -> Vec<(String, Vec<u8>)> {
    let lease = "LEASE worker-1 4096 2 120 1";
    let texts = [
        ("vadd", JOB.to_owned()),
        ("matmul", PRODUCT.to_owned()),
        ("status", OK.to_owned()),
        ("status-queued", r#"{"job":"j","state":"QUEUED","progress":0,"detail":""}"#.to_owned()),
        ("lease", lease.to_owned()),
        ("release", format!("{lease}\n{JOB}\nRELEASE worker-1\n{JOB}")),
        ("expiry", format!("LEASE worker-1 1 1 2\n{JOB}\n{PRODUCT}\n\n\n{JOB}")),
        ("reset", format!("{lease}\n{JOB}\nRESET\n\nLEASE worker-2 8192 4 1")),
        ("again", format!("{lease}\n{JOB}\n{JOB}\n{}", JOB.replace("5000", "5001"))),
        ("full", format!("{lease}\nLEASE worker-2 4097 1 9\nLEASE worker-3 4096 3 9\n{lease}")),
        (
            "priority",
            format!("{lease}\n{JOB}\n{PRODUCT}\nPRIORITY worker-1 9\nPRIORITY worker-2 9"),
        ),
        ("grid", JOB.replace("[4]", "[5]")),
        ("escape", JOB.replace("jid-9", "jid\\u002d9")),
        ("doubled", JOB.replace("\"n\":1000", "\"n\":1000,\"n\":1")),
        ("slash", JOB.replace("a.f32", "../a")),
    ];
    texts.into_iter().map(|(name, text)| (name.to_owned(), text.into_bytes())).collect()
}

/// Does what lines say that are made from the corpus and `seed`, `iterations` times.
///
/// # Errors
/// As of [`crate::run`].
pub fn run_gpu_job(iterations: u64, seed: u64) -> Result<GpuSummary, Finding> {
    let inputs: Vec<_> = corpus(Corpus::GpuJob)
        .map_err(Finding::Corpus)?
        .into_iter()
        .map(|entry| entry.bytes)
        .collect();
    if inputs.is_empty() {
        return Err(Finding::Corpus(io::Error::other("it has no lines of a GPU")));
    }
    let mut random = Random::new(seed);
    let mut all = GpuSummary::default();
    for iteration in 0..iterations {
        let mut input = mutated(&mut random, &inputs);
        for _ in 0..random.below(3) {
            input.push(b'\n');
            input.extend(mutated(&mut random, &inputs));
        }
        let one = guard("gpu_job", iteration, &input, fuzz_gpu_job)?;
        all.jobs += one.jobs;
        all.done += one.done;
        all.statuses += one.statuses;
        all.refused += one.refused;
        all.cancelled += one.cancelled;
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_does_the_same_again_and_reaches_every_outcome() {
        let summary = run_gpu_job(3000, 1).expect("nothing is found");
        assert_eq!(summary, run_gpu_job(3000, 1).expect("nothing is found"));
        assert_ne!(summary, run_gpu_job(3000, 2).expect("nothing is found"));
        let GpuSummary { jobs, done, statuses, refused, cancelled } = summary;
        assert!(jobs > 300 && done > 1000 && statuses > 100, "{summary}");
        assert!(refused > 2000 && cancelled > 100, "{summary}");
    }
}
