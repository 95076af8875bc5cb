//! Jobs through the whole chain: the queen's line, NineDoor, the worker in the VM, NineDoor again,
//! the bridge, the device, and back; with every backend that this machine has.
//!
//! What the chain leaves of a device's speed is taken next to the same kernel on the same device
//! without it (`gpu-bridge measure`), in turns: the fastest of each, for what disturbs a run only
//! makes it slower, and hits one or the other. The times are real ones, of a VM in an emulator.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use client::{Errno, File, Mode};
use gpu::{FileName, Hash, Job, JobId, Kernel, Shape, State, Status};
use gpu_bundle::stage_in;
use serde::Serialize;
use serde_json::{Value, json};

use super::goals::{self, Goal, Limit};
use super::{Findings, Systems};
use crate::programs::{self, Profile};
use crate::run::Payload;
use crate::stage::{self, Lines, PATIENCE, Queen, Stage, output};
use crate::{run, workspace};

/// What may compute.
const BACKENDS: [&str; 3] = ["mock", "wgpu", "nvml"];
/// Jobs one at a time.
const SINGLE: usize = 50;
/// Jobs as fast as they go, and how many of them are on their way at a time: their lines have to
/// fit a worker's tasks.
const MANY: usize = 300;
const ON_THEIR_WAY: usize = 12;
/// Values of those jobs: so few that what is measured is the chain.
const SMALL: u32 = 1024;
/// Side of the matrices for the device's speed.
const SIDE: u32 = 2048;
/// How often its speed is measured with and without the chain.
const ROUNDS: usize = 7;
/// Fewer are enough where one takes longer than that.
const LONG: Duration = Duration::from_secs(30);
const LONG_ROUNDS: usize = 3;
/// Least share of the device's own speed that must be left.
const SHARE_GOAL: f64 = 0.95;
/// How long a job may run: longer than any will.
const TIMEOUT_MS: u32 = 3_600_000;

/// Measures with every backend there is, prints tables and adds goals.
pub fn measure(systems: &Systems, findings: &mut Findings) -> Result<()> {
    let bridge = programs::build("cohesix-gpu-bridge", "gpu-bridge", Profile::Release)?;
    let payload = systems.main.payload();
    let mut report = serde_json::Map::new();
    println!("kernel: {}", systems.main.system.facts.kernel);
    for backend in BACKENDS {
        let listed = output(&bridge, &["--backend", backend, "list"])?;
        if !listed.status.success() {
            println!("skipped: jobs on {backend}: {}", last_line(&listed.stderr));
            continue;
        }
        let found = in_a_vm(&payload, bridge.clone(), backend)?;
        println!("{found}");
        findings.goals.push(found.goal());
        report.insert(backend.to_owned(), json!(found));
    }
    findings.report.insert("gpu".to_owned(), Value::Object(report));
    Ok(())
}

fn last_line(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).lines().next_back().unwrap_or_default().to_owned()
}

/// Boots a VM for one backend.
fn in_a_vm(payload: &Payload, bridge: PathBuf, backend: &'static str) -> Result<Found> {
    let folder = stage::folder(&workspace::out(), "bench-gpu")?;
    let (send, measured) = mpsc::channel();
    let outcome = run::attended(payload, move |socket, secret| {
        let stage = Stage { socket, secret, folder };
        // It is read below.
        let _ = send.send(with(&stage, &bridge, backend));
        Ok(())
    })?;
    measured.try_recv().map_err(|_| anyhow!("the VM ended before its time: {outcome:?}"))?
}

fn with(stage: &Stage, bridge: &Path, backend: &'static str) -> Result<Found> {
    let running = stage.bridge(bridge, backend, Lines::Kept)?;
    let mut chain = Chain::start(stage)?;
    let (small, hash) = chain.bundle(stage, Kernel::Vadd { n: SMALL })?;
    // Whatever is made once is made now.
    chain.one(small, hash)?;
    let single: Result<Vec<_>> = (0..SINGLE).map(|_| chain.one(small, hash)).collect();
    let single = single?;
    let jobs_per_s = chain.many(small, hash, MANY)?;
    let matmul = Kernel::Matmul { m: SIDE, n: SIDE, k: SIDE };
    let (matmul, hash) = chain.bundle(stage, matmul)?;
    let mut rounds = Vec::new();
    while rounds.len() < ROUNDS {
        let alone = Alone::measure(bridge, backend)?;
        let times = chain.one(matmul, hash)?;
        let chain = times.computed()?;
        rounds.push(Round { alone_ms: alone.ran_ms, chain_ms: chain, ok_ms: ms(times.ok) });
        let is_long = Duration::from_secs_f64(alone.ran_ms / 1e3) > LONG;
        if is_long && rounds.len() >= LONG_ROUNDS {
            break;
        }
    }
    let device = chain.device()?;
    running.end(PATIENCE)?;
    Found::of(backend, device, &single, jobs_per_s, rounds)
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// What a device reaches without the chain.
struct Alone {
    ran_ms: f64,
}

impl Alone {
    fn measure(bridge: &Path, backend: &str) -> Result<Self> {
        let side = SIDE.to_string();
        let arguments =
            ["measure", "--backend", backend, "--rounds", "2", "matmul", "--m", &side, "--n"];
        let arguments: Vec<_> = arguments.into_iter().chain([&*side, "--k", &side]).collect();
        let output = output(bridge, &arguments)?;
        ensure!(output.status.success(), "gpu-bridge: {}", last_line(&output.stderr));
        // The second time nothing is new to the driver, as in the chain.
        let line: Value =
            serde_json::from_str(&last_line(&output.stdout)).context("gpu-bridge measure")?;
        let ran_ms = line["ran_ms"].as_f64().context("gpu-bridge measure says no ran_ms")?;
        Ok(Self { ran_ms })
    }
}

/// A worker with the whole GPU, and what is read of it.
struct Chain {
    queen: Queen,
    gpu: String,
    tasks: String,
    events: (File, u64),
    status: (File, u64),
    /// What came of a line before its end.
    rest: Vec<u8>,
    jobs: usize,
}

/// When what was said of a job was seen, from its line on.
#[derive(Debug, Clone, Default)]
struct Times {
    queued: Duration,
    running: Duration,
    ok: Duration,
    detail: String,
}

impl Times {
    /// How long the bridge says that it computed, in ms.
    fn computed(&self) -> Result<f64> {
        let words: Vec<_> = self.detail.split(' ').collect();
        let time = words.windows(3).find_map(|words| match words {
            ["in", ms, "ms," | "ms;"] => ms.parse().ok(),
            _ => None,
        });
        time.with_context(|| format!("how long it computed? `{}`", self.detail))
    }
}

fn open(queen: &mut Queen, path: &str) -> Result<(File, u64)> {
    let file = queen.client.walk(path).with_context(|| path.to_owned())?;
    queen.client.open(&file, Mode::Read).with_context(|| path.to_owned())?;
    Ok((file, 0))
}

fn info(queen: &mut Queen, gpu: &str) -> Result<Value> {
    serde_json::from_str(&queen.cat(&format!("/gpu/{gpu}/info"))?).context("the GPU's info")
}

impl Chain {
    fn start(stage: &Stage) -> Result<Self> {
        let mut queen = Queen::attach(stage)?;
        let gpu = queen.gpu()?.context("the bridge has published nothing")?;
        let info = info(&mut queen, &gpu)?;
        let lease = json!({
            "spawn": "gpu",
            "lease": {
                "gpu_id": gpu,
                "mem_mb": 64,
                "streams": info["streams"],
                "ttl_s": 24 * 3600,
            },
        });
        queen.append("/queen/ctl", &format!("{lease}\n"))?;
        let worker = queen.workers()?.pop().context("no worker was spawned")?;
        let events = open(&mut queen, "/proc/events")?;
        let status = open(&mut queen, &format!("/gpu/{gpu}/status"))?;
        let tasks = format!("/worker/{worker}/tasks");
        Ok(Self { queen, gpu, tasks, events, status, rest: Vec::new(), jobs: 0 })
    }

    /// What computes.
    fn device(&mut self) -> Result<String> {
        let info = info(&mut self.queen, &self.gpu)?;
        Ok(info["name"].as_str().context("the GPU has no name")?.to_owned())
    }

    fn bundle(&self, stage: &Stage, kernel: Kernel) -> Result<(Kernel, Hash)> {
        Ok((kernel, stage_in(&stage.bundles(), kernel, 1)?))
    }

    /// A new job's line.
    fn line(&mut self, kernel: Kernel, bytes_hash: Hash) -> Result<(JobId, String)> {
        let block = match kernel {
            Kernel::Vadd { .. } => [256, 1, 1],
            Kernel::Matmul { .. } => [16, 16, 1],
        };
        self.jobs += 1;
        let name = |name| FileName::of(name).context("a file's name");
        let job = Job {
            id: JobId::of(&format!("bench-{}", self.jobs)).context("a job's id")?,
            kernel,
            shape: Shape::of(kernel, block).map_err(|refused| anyhow!("{refused}"))?,
            bytes_hash,
            inputs: [name("a.f32")?, name("b.f32")?],
            output: name("out.f32")?,
            timeout_ms: TIMEOUT_MS,
        };
        Ok((job.id.clone(), format!("{job}\n")))
    }

    /// Waits for more lines of the status: whole ones.
    fn statuses(&mut self) -> Result<Vec<u8>> {
        loop {
            let (file, offset) = &mut self.status;
            let read = self.queen.client.read(file, *offset, u32::MAX).context("status")?;
            *offset += read.len() as u64;
            self.rest.extend_from_slice(read);
            if let Some(end) = self.rest.iter().rposition(|byte| *byte == b'\n') {
                return Ok(self.rest.drain(..=end).collect());
            }
            if !read.is_empty() {
                continue;
            }
            let (file, offset) = &mut self.events;
            match self.queen.client.read(file, *offset, u32::MAX) {
                Ok(bytes) => *offset += bytes.len() as u64,
                // Some were lost: anything may have changed.
                Err(client::Error::Refused(Errno::EOVERFLOW)) => {
                    self.events = open(&mut self.queen, "/proc/events")?;
                }
                Err(error) => return Err(error).context("waiting for the job's status"),
            }
        }
    }

    /// Has one job done, and nothing besides.
    fn one(&mut self, kernel: Kernel, hash: Hash) -> Result<Times> {
        let (id, line) = self.line(kernel, hash)?;
        let start = Instant::now();
        self.queen.append(&self.tasks.clone(), &line)?;
        let mut times = Times::default();
        loop {
            let bytes = self.statuses()?;
            let now = start.elapsed();
            for status in statuses(&bytes).filter(|status| status.job == id) {
                match status.state {
                    State::Queued => times.queued = now,
                    State::Running if times.running.is_zero() => times.running = now,
                    State::Running => {}
                    State::Err => bail!("{id}: {}", status.detail),
                    State::Ok => {
                        (times.ok, times.detail) = (now, status.detail.to_owned());
                        return Ok(times);
                    }
                }
            }
        }
    }

    /// Has so many done, some at a time: jobs a second, over all but the first ones.
    fn many(&mut self, kernel: Kernel, hash: Hash, count: usize) -> Result<f64> {
        let tasks = self.tasks.clone();
        let (mut told, mut done, mut start) = (0, 0, Instant::now());
        while done < count + ON_THEIR_WAY {
            let room = (ON_THEIR_WAY + done - told).min(count + ON_THEIR_WAY - told);
            if room > 0 {
                let lines: Result<Vec<_>> = (0..room).map(|_| self.line(kernel, hash)).collect();
                let lines: String = lines?.into_iter().map(|(_, line)| line).collect();
                self.queen.append(&tasks, &lines)?;
                told += room;
            }
            let bytes = self.statuses()?;
            for status in statuses(&bytes).filter(|status| status.state.is_final()) {
                ensure!(status.state == State::Ok, "{}: {}", status.job, status.detail);
                done += 1;
                if done == ON_THEIR_WAY {
                    start = Instant::now();
                }
            }
        }
        Ok(count as f64 / start.elapsed().as_secs_f64())
    }
}

/// The status lines of what was read.
fn statuses(bytes: &[u8]) -> impl Iterator<Item = Status<'_>> {
    bytes.split(|byte| *byte == b'\n').filter_map(|line| Status::parse(line).ok())
}

/// Times of a matmul, in ms: on the device without the chain, with it, and from its line to OK.
#[derive(Debug, Clone, Copy, Serialize)]
struct Round {
    alone_ms: f64,
    chain_ms: f64,
    ok_ms: f64,
}

/// Of some times in ms.
#[derive(Debug, Clone, Copy, Serialize)]
struct Spread {
    median: f64,
    most: f64,
}

impl Spread {
    fn of(times: impl Iterator<Item = Duration>) -> Result<Self> {
        let times: Vec<_> = times.map(ms).collect();
        let most = times.iter().copied().fold(0.0, f64::max);
        Ok(Self { median: goals::median(times).context("nothing was measured")?, most })
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>10.1} {:>10.1}", self.median, self.most)
    }
}

/// What was measured with one backend.
#[derive(Debug, Serialize)]
struct Found {
    backend: &'static str,
    device: String,
    /// From the queen's line until the worker has submitted the job.
    line_to_queued_ms: Spread,
    queued_to_running_ms: Spread,
    queued_to_ok_ms: Spread,
    jobs_per_s: f64,
    matmul: Vec<Round>,
    /// The matmul's speed with the chain, as a share of that without.
    share: f64,
}

impl Found {
    fn of(
        backend: &'static str,
        device: String,
        single: &[Times],
        jobs_per_s: f64,
        matmul: Vec<Round>,
    ) -> Result<Self> {
        let spread = |time: fn(&Times) -> Duration| Spread::of(single.iter().map(time));
        let fastest = |time: fn(&Round) -> f64| {
            matmul.iter().map(time).min_by(f64::total_cmp).context("nothing was measured")
        };
        let share = fastest(|round| round.alone_ms)? / fastest(|round| round.chain_ms)?;
        Ok(Self {
            backend,
            device,
            line_to_queued_ms: spread(|times| times.queued)?,
            queued_to_running_ms: spread(|times| times.running.saturating_sub(times.queued))?,
            queued_to_ok_ms: spread(|times| times.ok.saturating_sub(times.queued))?,
            jobs_per_s,
            share,
            matmul,
        })
    }

    fn goal(&self) -> Goal {
        Goal {
            what: format!(
                "{}: matmul {SIDE} on the device, speed in the chain / alone",
                self.backend
            ),
            value: self.share,
            limit: Limit::AtLeast(SHARE_GOAL),
        }
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: {}", self.backend, self.device)?;
        writeln!(f, "{:<28} {:>10} {:>10}", "  ms, vadd of 1024 values", "median", "most")?;
        writeln!(f, "{:<28} {}", "  line to QUEUED", self.line_to_queued_ms)?;
        writeln!(f, "{:<28} {}", "  QUEUED to RUNNING", self.queued_to_running_ms)?;
        writeln!(f, "{:<28} {}", "  QUEUED to OK", self.queued_to_ok_ms)?;
        writeln!(f, "{:<28} {:>10.1}", "  jobs a second", self.jobs_per_s)?;
        let operations = 2.0 * f64::from(SIDE).powi(3);
        let gflops = |ms: f64| operations / ms / 1e6;
        let name = format!("  GFLOP/s, matmul {SIDE}");
        write!(f, "{name:<28} {:>10} {:>10} {:>10}", "alone", "chain", "line to OK")?;
        for round in &self.matmul {
            let Round { alone_ms, chain_ms, ok_ms } = *round;
            let [alone, chain, ok] = [alone_ms, chain_ms, ok_ms].map(gflops);
            write!(f, "\n{:<28} {alone:>10.3} {chain:>10.3} {ok:>10.3}", "")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_long_it_computed_is_what_the_documented_status_says() {
        let document = include_str!("../../../docs/gpu.md");
        let ok = document.lines().filter(|line| line.contains("\"state\":\"OK\""));
        let ok: Vec<_> = ok.map(|line| Status::parse(line.as_bytes()).expect("a status")).collect();
        assert!(!ok.is_empty());
        for status in ok {
            let times = Times { detail: status.detail.to_owned(), ..Times::default() };
            assert!(times.computed().expect("a time") > 0.0, "{status}");
        }
        assert!(Times { detail: "in a while".into(), ..Times::default() }.computed().is_err());
    }

    #[test]
    fn a_chain_that_slows_the_device_down_misses_its_goal() {
        let round = |chain_ms| Round { alone_ms: 95.0, chain_ms, ok_ms: 200.0 };
        let found = |rounds: Vec<Round>| {
            Found::of("mock", "a mock".into(), &[Times::default()], 1.0, rounds).expect("found")
        };
        assert!(found(vec![round(100.0); 3]).goal().is_met());
        // Disturbed rounds do not count.
        assert!(found(vec![round(100.0), round(300.0), round(200.0)]).goal().is_met());
        assert!(!found(vec![round(101.0); 3]).goal().is_met());
    }
}
