//! Builds the default kernel: seL4 5.0.0 with our port and patches.
//!
//! Inputs are `kernel/`, the package that it pins, a C toolchain and Python. Output is an
//! install prefix, `out/kernel/NAME/`, in the layout that an external kernel has, plus
//! `include-generated/` (headers that the kernel's own generators made) and
//! `kernel.debug.elf` (the kernel with symbols). A stamp in it tells what it was made from;
//! as long as that is the same, there is nothing to do.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use super::compile::{self, Build};
use super::config::Configuration;
use super::prefix;
use super::toolchain::{Choice, Family, Toolchain};
use super::{Kernel, external, package, patches, python};
use crate::workspace;

/// What the default kernel is called; the build's kind follows.
pub const DESCRIPTION: &str = "seL4 5.0.0, unverified AArch64 port, patched";
/// The option that marks a build of our port in `gen_config.json`.
pub const MARK: &str = "COHESIX_PORT";

const STAMP: &str = "stamp";
const SYMBOLS: &str = "kernel.debug.elf";
/// RAM in MiB: sizes from the least that a loader and components fit in to the most tried.
const MEMORY_MIB: std::ops::RangeInclusive<u32> = 128..=16 * 1024;

/// This recipe: a change of it makes another kernel.
const RECIPE: [&str; 4] = [
    include_str!("compile.rs"),
    include_str!("config.rs"),
    include_str!("default.rs"),
    include_str!("toolchain.rs"),
];

/// What of `kernel/` goes into the build.
const INPUTS: [&str; 4] = ["config.toml", "patches.toml", "port", "package/Cargo.lock"];

/// Interface files of 5.0.0, and where upstream's prefix has them.
const INTERFACE: [(&str, &str); 4] = [
    ("include/api/syscall.xml", prefix::SYSCALLS),
    ("libsel4/include/interfaces/sel4.xml", prefix::INTERFACES[0]),
    ("libsel4/sel4_arch_include/aarch64/interfaces/sel4arch.xml", prefix::INTERFACES[1]),
    ("libsel4/arch_include/arm/interfaces/sel4arch.xml", prefix::INTERFACES[2]),
];

/// What kind of default kernel to build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DefaultOptions {
    /// With assertions, debug system calls and messages on the serial port.
    pub debug: bool,
    /// The compiler to use.
    pub toolchain: Choice,
    /// RAM of the machine, in MiB; 128 to 16,384. With less, the kernel does not boot.
    pub memory_mib: u32,
}

impl Default for DefaultOptions {
    /// A release kernel for 512 MiB.
    fn default() -> Self {
        Self { debug: false, toolchain: Choice::Auto, memory_mib: 512 }
    }
}

/// Builds the default kernel, or finds that it is built.
///
/// Fails with one line that says what to do: a tool or module is missing, the package cannot be
/// had, a patch does not match, `out/` is not writable, or the memory is out of range.
pub fn build_default(options: &DefaultOptions) -> Result<Kernel> {
    if !MEMORY_MIB.contains(&options.memory_mib) {
        let (least, most) = (MEMORY_MIB.start(), MEMORY_MIB.end());
        let asked = options.memory_mib;
        bail!("the default kernel runs with {least} to {most} MiB of memory, not {asked} MiB");
    }
    let kernel_dir = workspace::root().join("kernel");
    let toolchain = Toolchain::find(options.toolchain)?;
    let stamp = stamp(&kernel_dir, options, &toolchain)?;
    let out = std::path::absolute(workspace::out())?.join("kernel");
    let target = out.join(name(options, &toolchain));
    if is_current(&target, &stamp) {
        return open(&target);
    }
    // One build at a time, in any process: whoever waited may find the work done.
    let _lock = lock(&out)?;
    if is_current(&target, &stamp) {
        return open(&target);
    }
    // Built aside and renamed, so that a build that stops half-way leaves nothing to be used.
    let aside = out.join(".building");
    remove(&aside)?;
    workspace::create_dir(&aside)?;
    let built = build(&kernel_dir, &aside, options, &toolchain, &stamp);
    let placed = built.and_then(|()| replace(&aside, &target));
    if placed.is_err() {
        let _ = remove(&aside);
    }
    placed?;
    open(&target)
}

/// Waits until no other build uses `out`; the lock ends with the file that is returned.
fn lock(out: &Path) -> Result<File> {
    workspace::create_dir(out)?;
    let path = out.join("lock");
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

/// Makes the whole prefix in `dir`.
fn build(
    kernel_dir: &Path,
    dir: &Path,
    options: &DefaultOptions,
    toolchain: &Toolchain,
    stamp: &str,
) -> Result<()> {
    let python = python::find()?;
    let path = kernel_dir.join("config.toml");
    let configuration = Configuration::read(&path, options.debug, options.memory_mib)?;
    let source = dir.join(compile::SOURCE);
    workspace::create_dir(&source)?;
    package::copy_source(&package::locate(kernel_dir)?, &source)?;
    patches::apply(&kernel_dir.join("patches.toml"), &source)?;
    package::copy(&kernel_dir.join(compile::PORT), &dir.join(compile::PORT))?;
    let configuration = &configuration;
    let debug = options.debug;
    Build { dir, toolchain, python: &python, configuration, debug }.kernel(prefix::ELF, SYMBOLS)?;
    for (file, place) in INTERFACE {
        put(dir, place, std::fs::read(source.join(file)).with_context(|| file.to_owned())?)?;
    }
    put(dir, prefix::GEN_CONFIG, configuration.gen_config())?;
    put(dir, prefix::PLATFORM, platform(options.memory_mib))?;
    put(dir, prefix::VERSION, "5.0.0\n")?;
    put(dir, STAMP, stamp)
}

/// The part of upstream's file of that name that is read here.
fn platform(memory_mib: u32) -> String {
    const START: u64 = 0x4000_0000;
    let end = START + (u64::from(memory_mib) << 20);
    format!("memory:\n- end: {end:#x}\n  start: {START:#x}\n")
}

/// The prefix's folder: different kernels can lie side by side.
fn name(options: &DefaultOptions, toolchain: &Toolchain) -> String {
    let kind = if options.debug { "debug" } else { "release" };
    let family = match toolchain.family {
        Family::Gcc => "gcc",
        Family::Clang => "clang",
    };
    format!("5.0.0-{kind}-{}m-{family}", options.memory_mib)
}

/// SHA-256 over everything that the kernel is made from, in hexadecimal. The package is in it
/// by the checksum in `kernel/package/Cargo.lock`.
fn stamp(kernel_dir: &Path, options: &DefaultOptions, toolchain: &Toolchain) -> Result<String> {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    RECIPE.iter().for_each(|text| add(text.as_bytes()));
    add(format!("{} {}", options.debug, options.memory_mib).as_bytes());
    add(toolchain.identity.as_bytes());
    let inputs = INPUTS.iter().map(|input| files(&kernel_dir.join(input)));
    for path in inputs.collect::<Result<Vec<_>>>()?.concat() {
        let name = path.strip_prefix(kernel_dir).unwrap_or(&path);
        add(name.to_string_lossy().as_bytes());
        add(&std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Every file below `dir`, sorted; or the one file that it is.
fn files(dir: &Path) -> Result<Vec<PathBuf>> {
    if dir.is_file() {
        return Ok(vec![dir.to_path_buf()]);
    }
    let mut found = Vec::new();
    let entries =
        std::fs::read_dir(dir).with_context(|| format!("cannot read {}", dir.display()))?;
    for entry in entries {
        let path = entry.with_context(|| format!("cannot read {}", dir.display()))?.path();
        found.extend(files(&path)?);
    }
    found.sort();
    Ok(found)
}

/// Whether the prefix was made from the same things and is still whole.
fn is_current(target: &Path, stamp: &str) -> bool {
    let files = [prefix::ELF, prefix::GEN_CONFIG, prefix::SYSCALLS, prefix::PLATFORM];
    std::fs::read_to_string(target.join(STAMP)).is_ok_and(|found| found == stamp)
        && prefix::missing(target, files.into_iter().chain(prefix::INTERFACES)).is_empty()
}

/// Opens the prefix that was built; checks the same as for an external one.
fn open(target: &Path) -> Result<Kernel> {
    external::open_external(target)
}

/// Puts the folder `new` in the place of `target`.
fn replace(new: &Path, target: &Path) -> Result<()> {
    let old = target.with_file_name(".old");
    remove(&old)?;
    if target.exists() {
        std::fs::rename(target, &old)
            .with_context(|| format!("cannot replace {}", target.display()))?;
    }
    std::fs::rename(new, target)
        .with_context(|| format!("cannot move the kernel to {}", target.display()))?;
    remove(&old)
}

/// Removes a folder that may be absent.
fn remove(dir: &Path) -> Result<()> {
    match std::fs::remove_dir_all(dir) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", dir.display()))
        }
        _ => Ok(()),
    }
}

/// Writes a file below `dir`, with the folders on its way.
fn put(dir: &Path, file: &str, contents: impl AsRef<[u8]>) -> Result<()> {
    let path = dir.join(file);
    path.parent().map_or(Ok(()), workspace::create_dir)?;
    std::fs::write(&path, contents).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests;
