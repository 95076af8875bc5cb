//! `./cohesix test`: every test there is, in order of their cost.
//!
//! `quick` is what needs no VM: the repository's rules, the host tests, for which a Vulkan driver is
//! set up ([`gpu`]), and the scripts' own tests. Without it the systems of systems/ are built for the chosen kernel and booted by the
//! tests in tests/boot, tests/conformance and tests/interop; for the last, other people's 9P
//! clients are set up ([`interop`]). Last comes the demo, which looks at all that it shows.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};

use crate::demo::{self, Programs};
use crate::image::{self, BuildOptions, Built};
use crate::kernel::{DefaultOptions, Kernel, Toolchain, build_default, select};
use crate::lock::lock_out;
use crate::programs::Profile;
use crate::run::{Outcome, Payload};
use crate::{gpu, interop, manifest, programs, tidy, vm, workspace};

/// Systems that the boot tests boot.
const SYSTEMS: [&str; 6] = ["qemu-virt", "drills", "churn", "panic", "bench", "worker-drills"];
/// The first one with a kernel that clang built.
const CLANG: &str = "qemu-virt-clang";
/// The same with a kernel that tells what it has.
const DEBUG: &str = "qemu-virt-debug";

/// What to test.
#[derive(Debug, Args)]
pub struct Options {
    /// `quick` leaves out what boots
    #[arg(value_enum, default_value_t = Tier::All)]
    tier: Tier,
    /// Install prefix of an upstream seL4 kernel (default: $SEL4_PREFIX, else seL4 5.0.0)
    #[arg(long, value_name = "PREFIX")]
    sel4: Option<PathBuf>,
    /// A finished upstream elfloader to boot the first system with, too
    #[arg(long, value_name = "FILE")]
    elfloader: Option<PathBuf>,
    /// Only the boot tests whose name contains this
    #[arg(long, value_name = "NAME")]
    only: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Tier {
    Quick,
    All,
}

/// Runs the tests; fails at the first step that fails.
pub fn run(options: &Options) -> Result<()> {
    let out = workspace::out();
    let _lock = lock_out(&out)?;
    let kernel = select(options.sel4.as_deref(), &DefaultOptions::default())?;
    if options.only.is_none() {
        step("rules", || tidy::run(Some(&kernel.prefix)))?;
        step("gpu driver", gpu::set_up)?;
        step("host tests", || cargo_test(&["--quiet"], &kernel))?;
        step("scripts", scripts)?;
        step("fuzz", || programs::fuzz(programs::FUZZ_ITERATIONS, 1))?;
    }
    let mut lacking = Vec::new();
    if options.tier == Tier::All {
        let folder = out.join("systems");
        let mut first = None;
        step("images", || {
            first = build(&kernel, options, &folder)?;
            Ok(())
        })?;
        step("size", || {
            let archive = folder.join(SYSTEMS[0]).join("rootfs.cpio");
            script("ci/size_guard.sh", &[archive.as_os_str()])
        })?;
        if has_interop(options, &kernel, &folder)? {
            step("interop clients", || {
                lacking = interop::set_up()?;
                Ok(())
            })?;
        }
        step("boot tests", || boot_tests(options, &kernel, &folder))?;
        if let (Some(first), None) = (first, &options.only) {
            step("demo gpu", || demo_gpu(&first.payload()))?;
        }
    }
    if lacking.is_empty() {
        println!("test: everything passed");
    } else {
        println!("test: passed; skipped: interop with {}", lacking.join(", "));
    }
    Ok(())
}

fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("test: {name}");
    let start = Instant::now();
    work().with_context(|| format!("test: {name} failed"))?;
    println!("test: {name} passed in {:.1} s", start.elapsed().as_secs_f64());
    Ok(())
}

fn cargo_test(arguments: &[&str], kernel: &Kernel) -> Result<()> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace::root()).args(["test", "--locked"]).args(arguments);
    if kernel.facts.upstream {
        cargo.env("SEL4_PREFIX", &kernel.prefix);
    }
    status(&mut cargo)
}

fn status(command: &mut Command) -> Result<()> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().with_context(|| format!("cannot start {name}"))?;
    ensure!(status.success(), "{name} failed ({status}); its output stands above");
    Ok(())
}

fn script(name: &str, arguments: &[&std::ffi::OsStr]) -> Result<()> {
    status(Command::new("sh").arg(workspace::root().join(name)).args(arguments))
}

fn scripts() -> Result<()> {
    script("ci/test_scripts.sh", &[])
}

/// A GPU worker's life, with the mock in a VM, and with this machine's GPU or lavapipe.
fn demo_gpu(payload: &Payload) -> Result<()> {
    let programs = Programs::build(Profile::Dev)?;
    demo::simulated(&programs, false)?;
    for mock in [true, false] {
        let outcome = demo::in_a_vm(payload, programs.clone(), mock)?;
        ensure!(outcome == Outcome::Exited(0), "the demo failed; why stands above");
    }
    Ok(())
}

/// Builds what is booted; returns the first system.
fn build(kernel: &Kernel, options: &Options, folder: &Path) -> Result<Option<Built>> {
    let programs = vm::build(kernel)?;
    let mut systems = Vec::new();
    for name in SYSTEMS {
        let checked = manifest::load(&workspace::root().join(format!("systems/{name}.toml")))?;
        systems.push(image::assemble(&checked, kernel, &programs, &folder.join(name))?);
    }
    let clang = DefaultOptions { toolchain: Toolchain::Clang, ..DefaultOptions::default() };
    let debug = DefaultOptions { debug: true, ..DefaultOptions::default() };
    for (name, options) in [(CLANG, clang), (DEBUG, debug)] {
        let folder = folder.join(name);
        if kernel.facts.upstream {
            image::remove(&folder)?;
        } else {
            build_with(&options, &folder)?;
        }
    }
    let first = folder.join(SYSTEMS[0]);
    image::remove_file(&first.join(image::ELFLOADER))?;
    if let Some(elfloader) = &options.elfloader {
        let how = BuildOptions::for_kernel(kernel);
        let manifest = workspace::root().join(format!("systems/{}.toml", SYSTEMS[0]));
        let built = image::build(&manifest, &how, &first)?;
        let bytes = std::fs::read(elfloader)
            .with_context(|| format!("cannot read the elfloader {}", elfloader.display()))?;
        image::with_elfloader(&built.payload(), elfloader, &bytes)?;
    }
    Ok(systems.into_iter().next())
}

/// The first system with another build of the default kernel; the other compiler may be missing.
fn build_with(options: &DefaultOptions, folder: &Path) -> Result<()> {
    let kernel = match build_default(options) {
        Err(error) if options.toolchain == Toolchain::Clang => {
            println!("skipped: no kernel by clang: {error:#}");
            return image::remove(folder);
        }
        kernel => kernel?,
    };
    let checked = manifest::load(&workspace::root().join("systems/qemu-virt.toml"))?;
    image::assemble(&checked, &kernel, &vm::build(&kernel)?, folder)?;
    Ok(())
}

/// Whether tests that need other people's clients are to run.
fn has_interop(options: &Options, kernel: &Kernel, folder: &Path) -> Result<bool> {
    let Some(name) = &options.only else { return Ok(true) };
    let listed = boot_test_command(kernel, folder)?.args(["--", "--list", name]).output();
    let listed = listed.context("cannot start cargo")?;
    if !listed.status.success() {
        // They do not build: the run says so.
        return Ok(false);
    }
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    let mut tests = listed.lines().filter(|line| line.ends_with(": test")).peekable();
    ensure!(tests.peek().is_some(), "--only {name}: no boot test has that in its name");
    Ok(tests.any(|test| test.starts_with(interop::TESTS)))
}

fn boot_tests(options: &Options, kernel: &Kernel, folder: &Path) -> Result<()> {
    let mut cargo = boot_test_command(kernel, folder)?;
    // A machine per core: QEMU's emulation takes one each.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    cargo.arg("--").args(["--test-threads", &cores.to_string()]);
    cargo.args(&options.only);
    status(&mut cargo)
}

fn boot_test_command(kernel: &Kernel, folder: &Path) -> Result<Command> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace::root()).args(["test", "--locked"]);
    for package in ["boot-tests", "conformance-tests", "interop-tests"] {
        cargo.args(["--package", package]);
    }
    cargo
        .env("COHESIX_BOOT_IMAGES", std::path::absolute(folder)?)
        .env("COHESIX_OUT", std::path::absolute(workspace::out())?)
        .env("COHESIX_KERNEL_IS_UPSTREAM", if kernel.facts.upstream { "1" } else { "0" });
    Ok(cargo)
}
