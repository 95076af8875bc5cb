//! `./cohesix COMMAND`: what each command does, in order.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::demo::{self, Programs};
use crate::image::{self, BuildOptions, Built};
use crate::kernel::Toolchain;
use crate::lock::lock_out;
use crate::programs::Profile;
use crate::run::{self, Outcome, RunOptions};
use crate::{bench, programs, sizes, test, tidy, vm, workspace};

/// The system that `run` and `build` take when none is named.
const DEFAULT_SYSTEM: &str = "systems/qemu-virt.toml";

#[derive(Parser)]
#[command(name = "cohesix", version, about = "Builds, boots and tests Cohesix")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing; --check only reports (done by ./cohesix itself)
    Setup,
    /// Build kernel, loader and images into out/
    Build(Build),
    /// Build and boot; a system with NineDoor gets the shell, another its console
    Run(Run),
    /// Run every test; `quick` leaves out those that boot
    Test(test::Options),
    /// Measure and hold to the goals; prints tables and writes out/bench.json, out/bench-9p.json
    Bench(Bench),
    /// Play mutated 9P sessions to the server's code
    Fuzz(Fuzz),
    /// Serve a simulated hive: NineDoor's code in one process of this host
    Sim(Sim),
    /// Show what Cohesix does, step by step; ends well only if all of it happened
    #[command(subcommand)]
    Demo(Demo),
    /// Sizes of the images
    Sizes(Build),
    /// Check format, lints and the repository's own rules
    Tidy,
    /// Remove what was built
    Clean,
    /// Boot LOADER with KERNEL and ROOTFS (scripts/qemu-run.sh)
    QemuRun(QemuRun),
}

#[derive(Args)]
struct Build {
    /// Install prefix of an upstream seL4 kernel (default: $SEL4_PREFIX, else seL4 5.0.0)
    #[arg(long, value_name = "PREFIX")]
    sel4: Option<PathBuf>,
    /// Manifest of the system
    #[arg(long, value_name = "FILE")]
    system: Option<PathBuf>,
    /// RAM in MiB (default: the manifest's)
    #[arg(long, value_name = "MIB")]
    memory: Option<u32>,
    /// Build the default kernel with assertions and printing
    #[arg(long)]
    debug_kernel: bool,
    /// C toolchain for the default kernel
    #[arg(long, value_enum, default_value_t = CToolchain::Auto)]
    toolchain: CToolchain,
}

#[derive(Args)]
struct Run {
    #[command(flatten)]
    build: Build,
    /// Boot with this finished upstream elfloader instead of our loader
    #[arg(long, value_name = "FILE")]
    elfloader: Option<PathBuf>,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
struct Bench {
    /// What to measure
    #[arg(value_enum, default_value_t = bench::What::All)]
    what: bench::What,
    #[command(flatten)]
    build: Build,
}

#[derive(Args)]
struct Fuzz {
    /// How many sessions
    #[arg(long, value_name = "N", default_value_t = programs::FUZZ_ITERATIONS)]
    iterations: u64,
    /// Another seed plays other sessions
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
}

#[derive(Args)]
struct Sim {
    /// Where clients connect (default: out/sim.sock)
    #[arg(long, value_name = "PATH")]
    socket: Option<PathBuf>,
    /// Serve by TCP, too
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// The secret that tickets are minted with (default: a random one, in the file SOCKET.secret)
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,
}

#[derive(Subcommand)]
enum Demo {
    /// A GPU: leased, used, and refused when the lease is over
    Gpu(DemoGpu),
}

#[derive(Args)]
struct DemoGpu {
    /// On a simulated hive, without a VM
    #[arg(long)]
    sim: bool,
    /// The CPU computes, also where a GPU is
    #[arg(long)]
    mock: bool,
    #[command(flatten)]
    build: Build,
}

#[derive(Args)]
struct QemuRun {
    /// Our loader.img, or a finished upstream elfloader
    loader: PathBuf,
    /// The kernel that ROOTFS was built with
    kernel: PathBuf,
    /// The boot archive
    rootfs: PathBuf,
    /// RAM in MiB (default: what the archive was built for)
    #[arg(long, value_name = "MIB")]
    memory: Option<u32>,
    #[command(flatten)]
    how: How,
}

#[derive(Args)]
struct How {
    /// Serial output to out/serial.log; returns when QEMU stops
    #[arg(long)]
    headless: bool,
    /// Stop QEMU after so many seconds
    #[arg(long = "for", value_name = "SECONDS")]
    for_seconds: Option<u64>,
    /// Print the QEMU command and start nothing
    #[arg(long)]
    dry_run: bool,
    /// Make the hive's tickets with this secret (default: a random one, in out/queen.secret)
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,
    /// Serve the hive by TCP, too: a port of this host, or an address and port
    #[arg(long, value_name = "[ADDRESS:]PORT")]
    listen: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum CToolchain {
    Auto,
    Gcc,
    Clang,
}

impl How {
    fn options(&self, memory: Option<u32>) -> RunOptions {
        RunOptions {
            memory,
            headless: self.headless,
            for_seconds: self.for_seconds,
            dry_run: self.dry_run,
            secret: self.secret.clone(),
            listen: self.listen.clone(),
        }
    }
}

impl Build {
    fn options(&self) -> BuildOptions {
        BuildOptions {
            sel4: self.sel4.clone(),
            debug_kernel: self.debug_kernel,
            toolchain: match self.toolchain {
                CToolchain::Auto => Toolchain::Auto,
                CToolchain::Gcc => Toolchain::Gcc,
                CToolchain::Clang => Toolchain::Clang,
            },
            memory: self.memory,
        }
    }

    fn manifest(&self) -> PathBuf {
        self.system.clone().unwrap_or_else(|| workspace::root().join(DEFAULT_SYSTEM))
    }

    fn build(&self) -> Result<Built> {
        image::build(&self.manifest(), &self.options(), &workspace::out())
    }
}

/// Runs the command line of this process. Exit code: 0 done, 1 failed or refused, 2 usage.
pub fn main() -> ExitCode {
    match dispatch(Cli::parse().command) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("cohesix: error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(command: Command) -> Result<ExitCode> {
    match command {
        Command::Setup => {
            println!("setup is done by ./cohesix itself: `./cohesix setup [--check]`");
            return Ok(ExitCode::from(2));
        }
        Command::Build(build) => {
            let _lock = lock_out(&workspace::out())?;
            let built = build.build()?;
            println!("{}\n{}", built.loader.display(), built.rootfs.display());
        }
        Command::Run(run) => return Ok(boot(&run)?.into()),
        Command::Test(options) => test::run(&options)?,
        Command::Bench(bench) => {
            let _lock = lock_out(&workspace::out())?;
            bench::run(bench.what, &bench.build.options())?;
        }
        Command::Fuzz(fuzz) => programs::fuzz(fuzz.iterations, fuzz.seed)?,
        Command::Sim(Sim { socket, listen, secret }) => {
            programs::simulate(socket.as_deref(), listen.as_deref(), secret.as_deref())?;
        }
        Command::Demo(Demo::Gpu(options)) => return Ok(demo_gpu(&options)?.into()),
        Command::Sizes(build) => {
            let _lock = lock_out(&workspace::out())?;
            sizes::print(&build.build()?)?;
        }
        Command::Tidy => tidy::run(None)?,
        Command::Clean => clean()?,
        Command::QemuRun(qemu_run) => return Ok(boot_files(&qemu_run)?.into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn boot(options: &Run) -> Result<Outcome> {
    let _lock = lock_out(&workspace::out())?;
    let built = options.build.build()?;
    let mut payload = built.payload();
    if let Some(file) = &options.elfloader {
        let bytes = fs::read(file)
            .with_context(|| format!("cannot read the elfloader {}", file.display()))?;
        payload = image::with_elfloader(&payload, file, &bytes)?;
    }
    run::run(&payload, &options.how.options(options.build.memory))
}

fn demo_gpu(options: &DemoGpu) -> Result<Outcome> {
    let _lock = lock_out(&workspace::out())?;
    let programs = Programs::build(Profile::Release)?;
    if options.sim {
        demo::simulated(&programs, options.mock)?;
        return Ok(Outcome::Stopped);
    }
    demo::in_a_vm(&options.build.build()?.payload(), programs, options.mock)
}

fn boot_files(options: &QemuRun) -> Result<Outcome> {
    let _lock = lock_out(&workspace::out())?;
    let how = options.how.options(options.memory);
    let QemuRun { loader, kernel, rootfs, .. } = options;
    run::qemu_run(loader, kernel, rootfs, &how, image::payload_from)
}

fn clean() -> Result<()> {
    let out = workspace::out();
    {
        let _lock = lock_out(&out)?;
    }
    image::remove(&out)?;
    image::remove(&workspace::root().join("target").join(vm::TARGET))
}
