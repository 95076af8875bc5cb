//! `gpu-bridge`: the bridge to the host's GPUs, as a program.
#![forbid(unsafe_code)]

use std::fmt;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::{self, ExitCode};
use std::thread::{self, JoinHandle};

use anyhow::{Context as _, Result, anyhow, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use gpu::{Job, Kernel, Shape, State};
use gpu_bridge::{
    Cancel, Choice, DeviceInfo, Endpoint, Executor, Grant, Measured, Options, Order, Serving,
    choose, measure, serve, stage,
};
use serde_json::json;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// A job that is not OK.
const NOT_OK: u8 = 1;
/// Wrong usage, or nothing to compute with.
const FAILED: u8 = 2;

/// The bridge to the host's GPUs
///
/// Exit code 0: done, the job is OK, or the hive was served; 1: the job is ERR, refused included; 2: wrong usage, or
/// nothing to compute with.
#[derive(Debug, Parser)]
#[command(name = "gpu-bridge", version)]
struct Arguments {
    #[command(flatten)]
    devices: Devices,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Args)]
struct Devices {
    /// What computes; auto: nvml, else wgpu, never mock
    #[arg(long, value_enum, default_value_t = Named::Auto, global = true)]
    backend: Named,
    /// The same as --backend mock: no GPU, the CPU computes
    #[arg(long, conflicts_with = "backend", global = true)]
    mock: bool,
    /// Memory of each device that can be leased, in MiB [default: what the backend finds]
    #[arg(long, value_name = "N", global = true, value_parser = clap::value_parser!(u32).range(1..=1 << 20))]
    memory_mb: Option<u32>,
    /// Jobs that a device runs side by side
    #[arg(long, value_name = "N", default_value_t = 4, global = true, value_parser = clap::value_parser!(u16).range(1..=1024))]
    streams: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Named {
    Auto,
    Nvml,
    Wgpu,
    Mock,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the devices, a JSON object a line
    List,
    /// Run the job that is the line in FILE, and print its status lines
    RunJob(RunJob),
    /// Serve a hive: publish the devices, and run what it orders, until SIGINT or SIGTERM
    Serve(Serve),
    /// Run a kernel as it is on the device, without a hive or a bundle; print how fast it was, a
    /// JSON object a round
    Measure(Measure),
    /// Make a bundle with inputs at random, and print a job's line for it
    Stage(Stage),
}

#[derive(Debug, Args)]
struct Serve {
    /// The hive's unix socket
    #[arg(long, value_name = "PATH", required_unless_present = "tcp")]
    socket: Option<PathBuf>,
    /// Connect by TCP instead
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "socket")]
    tcp: Option<String>,
    /// A file of mode 0600 with a ticket of the role gpu-bridge
    #[arg(long, value_name = "FILE")]
    ticket_file: PathBuf,
    /// A folder with a bundle for each hash, as `cohsh gpu run` fills it
    #[arg(long, value_name = "DIR", default_value = "bundles")]
    bundles: PathBuf,
    /// Where results go, and what is known of jobs that ended [default: .results in DIR]
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
}

#[derive(Debug, Args)]
struct RunJob {
    /// The job's line
    file: PathBuf,
    /// The folder with what it reads
    #[arg(long, value_name = "DIR")]
    bundle: PathBuf,
    /// Where results go, and what is known of jobs that ended
    #[arg(long, value_name = "DIR")]
    results: PathBuf,
    /// On which device [default: the first]
    #[arg(long, value_name = "ID")]
    device: Option<String>,
    /// Memory that it may use, in MiB [default: the device's]
    #[arg(long, value_name = "N")]
    mem_mb: Option<u32>,
}

#[derive(Debug, Args)]
struct Stage {
    /// The folder, which is made
    folder: PathBuf,
    /// The job's name
    #[arg(long, value_name = "ID", default_value = "jid-1")]
    job: String,
    /// What the inputs follow from
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// How long the job may run
    #[arg(long, value_name = "MS", default_value_t = 60_000, value_parser = clap::value_parser!(u32).range(1..=3_600_000))]
    timeout_ms: u32,
    #[command(subcommand)]
    kernel: Sizes,
}

#[derive(Debug, Args)]
struct Measure {
    /// On which device [default: the first]
    #[arg(long, value_name = "ID")]
    device: Option<String>,
    /// How often
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: u32,
    #[command(subcommand)]
    kernel: Sizes,
}

#[derive(Debug, Clone, Copy, Subcommand)]
enum Sizes {
    /// out = a + b, vectors of N values
    Vadd {
        /// Values
        #[arg(long)]
        n: u32,
        /// Threads of a block
        #[arg(long, default_value_t = 256)]
        block: u32,
    },
    /// out = a b, M by N, from M by K and K by N
    Matmul {
        /// Rows
        #[arg(long)]
        m: u32,
        /// Columns
        #[arg(long)]
        n: u32,
        /// What is summed up over
        #[arg(long)]
        k: u32,
        /// Threads of a block in both directions
        #[arg(long, default_value_t = 16)]
        block: u32,
    },
}

impl Sizes {
    /// The kernel, and its blocks.
    fn shaped(self) -> Result<(Kernel, Shape)> {
        let (kernel, block) = match self {
            Self::Vadd { n, block } => (Kernel::Vadd { n }, [block, 1, 1]),
            Self::Matmul { m, n, k, block } => (Kernel::Matmul { m, n, k }, [block, block, 1]),
        };
        let shape = Shape::of(kernel, block).map_err(|refused| anyhow!("{refused}"))?;
        Ok((kernel, shape))
    }
}

fn main() -> ExitCode {
    let Arguments { devices, command } = Arguments::parse();
    let code = match command {
        Command::List => list(&devices),
        Command::RunJob(arguments) => run_job(&devices, &arguments),
        Command::Serve(arguments) => serve_hive(&devices, arguments),
        Command::Measure(arguments) => measure_kernel(&devices, &arguments),
        Command::Stage(arguments) => make_bundle(&arguments),
    };
    code.unwrap_or_else(|error| {
        eprintln!("gpu-bridge: {error:#}");
        ExitCode::from(FAILED)
    })
}

/// Prints a line. Whoever read them may have gone, which is no reason to stop.
fn print(line: impl fmt::Display) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Does `end` at the first signal, and ends at once at the second.
fn heed(mut signals: Signals, end: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut signals = signals.forever();
        if signals.next().is_none() {
            return;
        }
        end();
        if let Some(signal) = signals.next() {
            process::exit(128 + signal);
        }
    })
}

fn open(devices: &Devices) -> Result<Box<dyn gpu_bridge::Backend>> {
    let Devices { backend, mock, memory_mb, streams } = *devices;
    let choice = match backend {
        _ if mock => Choice::Only(gpu::Backend::Mock),
        Named::Auto => Choice::Auto,
        Named::Nvml => Choice::Only(gpu::Backend::Nvml),
        Named::Wgpu => Choice::Only(gpu::Backend::Wgpu),
        Named::Mock => Choice::Only(gpu::Backend::Mock),
    };
    choose(choice, Grant { memory_mb, streams })
}

fn list(devices: &Devices) -> Result<ExitCode> {
    for device in open(devices)?.devices() {
        print(device.to_json());
    }
    Ok(ExitCode::SUCCESS)
}

fn run_job(devices: &Devices, arguments: &RunJob) -> Result<ExitCode> {
    let shown = arguments.file.display();
    let text = std::fs::read_to_string(&arguments.file)
        .with_context(|| format!("cannot read {shown}: check its path"))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let job = match Job::parse(line.as_bytes()) {
        Ok(job) => job,
        Err(refused) => {
            eprintln!("gpu-bridge: {shown}: {refused}");
            return Ok(ExitCode::from(NOT_OK));
        }
    };
    let executor = Executor::new(open(devices)?, &arguments.results)?;
    let device = pick(executor.devices(), arguments.device.as_deref())?;
    let cancel = Cancel::new();
    let signals = Signals::new([SIGINT, SIGTERM]).context("cannot wait for signals")?;
    let (handle, signalled) = (signals.handle(), cancel.clone());
    let waits = heed(signals, move || signalled.cancel("the bridge was told to end"));
    let order = Order {
        device: &device.id,
        mem_mb: arguments.mem_mb.unwrap_or(device.memory_mb),
        job: &job,
        bundle: &arguments.bundle,
    };
    let report = executor.run(&order, &cancel, &mut |status| print(status));
    handle.close();
    waits.join().map_err(|_| anyhow!("the thread that waits for signals failed"))?;
    Ok(if report.state == State::Ok { ExitCode::SUCCESS } else { ExitCode::from(NOT_OK) })
}

fn pick(all: Vec<DeviceInfo>, id: Option<&str>) -> Result<DeviceInfo> {
    let mut all = all.into_iter();
    let device = match id {
        Some(id) => all.find(|device| device.id == id),
        None => all.next(),
    };
    device.context("--device: there is no such device; `gpu-bridge list` shows them")
}

fn measure_kernel(devices: &Devices, arguments: &Measure) -> Result<ExitCode> {
    let (kernel, shape) = arguments.kernel.shaped()?;
    let backend = open(devices)?;
    let device = pick(backend.devices(), arguments.device.as_deref())?;
    for _ in 0..arguments.rounds {
        let Measured { ran, speed, checked } = measure(&*backend, &device.id, kernel, shape)?;
        let line = json!({
            "device": device.id,
            "name": device.name,
            "backend": device.backend.as_str(),
            "kernel": kernel.name(),
            "ran_ms": ran.as_secs_f64() * 1e3,
            "gop_s": speed / 1e9,
            "error": checked.worst,
        });
        print(line);
    }
    Ok(ExitCode::SUCCESS)
}

fn serve_hive(devices: &Devices, arguments: Serve) -> Result<ExitCode> {
    let Serve { socket, tcp, ticket_file, bundles, results } = arguments;
    let hive = match (socket, tcp) {
        (Some(socket), _) => Endpoint::Socket(socket),
        (None, Some(address)) => Endpoint::Tcp(address),
        (None, None) => bail!("which hive? --socket PATH or --tcp HOST:PORT"),
    };
    let results = results.unwrap_or_else(|| bundles.join(".results"));
    // Before anything is published, so that an early signal leaves nothing behind.
    let signals = Signals::new([SIGINT, SIGTERM]).context("cannot wait for signals")?;
    let executor = Executor::new(open(devices)?, &results)?;
    let serving = Serving::new(&executor)?;
    let (handle, stop) = (signals.handle(), serving.clone());
    let waits = heed(signals, move || stop.stop());
    let say = Box::new(|line: &str| print(line));
    let served = serve(executor, &Options { hive, ticket_file, bundles, say }, &serving);
    handle.close();
    waits.join().map_err(|_| anyhow!("the thread that waits for signals failed"))?;
    served.map(|()| ExitCode::SUCCESS)
}

fn make_bundle(arguments: &Stage) -> Result<ExitCode> {
    let (kernel, shape) = arguments.kernel.shaped()?;
    let name = |name| gpu::FileName::of(name).context("a file's name");
    let mut job = Job {
        id: gpu::JobId::of(&arguments.job)
            .context("--job: letters, digits, - and _, 32 at most")?,
        kernel,
        shape,
        bytes_hash: gpu::Hash([0; 32]),
        inputs: [name("a.f32")?, name("b.f32")?],
        output: name("out.f32")?,
        timeout_ms: arguments.timeout_ms,
    };
    job.bytes_hash = stage(&arguments.folder, kernel, arguments.seed)?;
    print(job);
    Ok(ExitCode::SUCCESS)
}
