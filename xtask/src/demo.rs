//! `./cohesix demo gpu`: a lease, jobs, and the lease's end, on a hive that is started for it.
//!
//! Everything that is shown is looked at, too: the demo ends well only if all of it happened. What
//! it starts it ends, and its folder is made anew each time.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::programs::{self, Profile};
use crate::run::{self, Outcome, Payload};
use crate::stage::{self, Lines, PATIENCE, Program, Queen, Stage, output};
use crate::workspace;

/// The demo's folder in `out`.
const FOLDER: &str = "demo-gpu";

/// How long the lease lasts, in seconds. Both jobs have to be done by then.
const LEASE_S: u32 = 5;

/// The programs that it needs, built.
#[derive(Debug, Clone)]
pub struct Programs {
    bridge: PathBuf,
    simulator: PathBuf,
}

impl Programs {
    /// Builds them.
    pub fn build(profile: Profile) -> Result<Self> {
        Ok(Self {
            bridge: programs::build("cohesix-gpu-bridge", "gpu-bridge", profile)?,
            simulator: programs::build("cohesix-hive-sim", "hive-sim", profile)?,
        })
    }
}

/// Plays it on the hive of a VM. `mock`: the mock computes, also where a GPU is.
pub fn in_a_vm(payload: &Payload, programs: Programs, mock: bool) -> Result<Outcome> {
    let folder = stage::folder(&workspace::out(), FOLDER)?;
    run::attended(payload, move |socket, secret| {
        play(&Stage { socket, secret, folder }, &programs, mock)
    })
}

/// Plays it on a simulated hive.
pub fn simulated(programs: &Programs, mock: bool) -> Result<()> {
    let folder = stage::folder(&workspace::out(), FOLDER)?;
    let (socket, secret) = (folder.join("hive.sock"), folder.join("hive.sock.secret"));
    let arguments = [Path::new("--socket"), &socket];
    let mut simulator = Program::start("hive", &programs.simulator, &arguments, Lines::Shown)?;
    simulator.wait_for("secret in ", PATIENCE)?;
    play(&Stage { socket, secret, folder }, programs, mock)?;
    simulator.end(PATIENCE)
}

/// Plays it on the hive of `stage`.
fn play(stage: &Stage, programs: &Programs, mock: bool) -> Result<()> {
    let mut queen = Queen::attach(stage)?;
    title("A bridge publishes this machine's GPU");
    let bridge = start_bridge(stage, &programs.bridge, mock)?;
    let gpu = queen.gpu()?.context("the bridge has published nothing")?;
    queen.shell(&["gpu", "ls"], 0)?;
    queen.shell(&["gpu", "info", &gpu], 0)?;

    title(&format!("A worker has a lease of it for {LEASE_S} s"));
    let before = queen.workers()?;
    queen.shell(&["gpu", "lease", &gpu, "--mem-mb", "64", "--ttl", &LEASE_S.to_string()], 0)?;
    let worker = queen.workers()?.into_iter().find(|worker| !before.contains(worker));
    let worker = worker.context("no worker was spawned")?;

    title("It has two jobs computed: checked by the bridge, and again here");
    job(&queen, stage, &worker, "vadd", "100000", 0)?;
    job(&queen, stage, &worker, "matmul", "192", 0)?;
    let telemetry = format!("/worker/{worker}/telemetry");
    let status = format!("/gpu/{gpu}/status");
    for path in [&status, &telemetry] {
        // The worker tells of it at its next tick.
        queen.until(path, "\"state\":\"OK\"", 2)?;
        queen.shell(&["cat", path], 0)?;
    }

    title("The lease expires, and the next job is refused");
    let ended = format!("ended lease of {worker} gpu={gpu} reason=lease expired");
    queen.until("/log/queen.log", &ended, 1)?;
    job(&queen, stage, &worker, "vadd", "100000", 1)?;
    let refused = "\"state\":\"REFUSED\",\"errno\":\"EBADF\"";
    ensure!(queen.cat(&telemetry)?.contains(refused), "{telemetry} does not say EBADF");
    queen.shell(&["tail", "-n", "1", &telemetry], 0)?;

    title("The bridge goes, and the GPU with it");
    bridge.end(PATIENCE)?;
    ensure!(queen.gpu()?.is_none(), "{gpu} is still there");
    queen.shell(&["kill", &worker], 0)?;
    queen.shell(&["log", "-n", "8"], 0)?;
    title("All of it happened");
    Ok(())
}

fn title(text: &str) {
    println!("\n== {text}");
}

fn start_bridge(stage: &Stage, bridge: &Path, mock: bool) -> Result<Program> {
    let found = !mock && output(bridge, &["list"])?.status.success();
    let backend = if found { "auto" } else { "mock" };
    if !found {
        println!("No GPU is used: a mock computes on the CPU, and says so.");
    }
    stage.bridge(bridge, backend, Lines::Shown)
}

/// Has the worker run a job.
fn job(queen: &Queen, stage: &Stage, worker: &str, kernel: &str, n: &str, code: i32) -> Result<()> {
    let bundles = stage.bundles();
    let bundles = bundles.to_str().context("the folder's name is no UTF-8")?;
    let words =
        ["gpu", "run", kernel, "--worker", worker, "--n", n, "--bundles", bundles, "--verify"];
    queen.shell(&words, code)
}
