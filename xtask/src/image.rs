//! The boot archive and the loader's raw image of a system.
//!
//! For each system a folder gets `rootfs.cpio` (kernel.elf, root-task, system.bin and the images of
//! components and workers, in that order), `loader.img` and `payload.json`. Files are only written
//! when their bytes change, and then by renaming, so a second build does nothing and a failed
//! one leaves the last good state.

use std::collections::BTreeMap;
use std::fs;
use std::io::Cursor;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use elf_image::plan::{Needs, Plan, TABLE_SPAN, TooBig};
use elf_image::{Image, PAGE};
use manifest::workers::Worker;
use manifest::{Facts, OnPanic, System, Text};
use sha2::{Digest, Sha256};

use crate::kernel::{self, DefaultOptions, Kernel, Toolchain};
use crate::manifest::{Checked, available_check};
use crate::run::Payload;
use crate::vm::{self, LOADER, Programs, ROOT_TASK, ROOT_TASK_SELFTEST};
use crate::{elfloader, workspace};

/// Name of the file with an elfloader and everything inside, beside the boot archive.
pub const ELFLOADER: &str = "elfloader.elf";

/// What to build.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// Install prefix of an external kernel, instead of `$SEL4_PREFIX` or the default kernel.
    pub sel4: Option<PathBuf>,
    /// Build the default kernel with assertions and printing.
    pub debug_kernel: bool,
    /// C toolchain for the default kernel.
    pub toolchain: Toolchain,
    /// RAM in MiB that the default kernel is built for, instead of the manifest's.
    pub memory: Option<u32>,
}

impl BuildOptions {
    /// To build for a kernel that is there already.
    #[must_use]
    pub fn for_kernel(kernel: &Kernel) -> Self {
        Self {
            sel4: Some(kernel.prefix.clone()).filter(|_| kernel.facts.upstream),
            debug_kernel: kernel.facts.debug,
            toolchain: Toolchain::Auto,
            memory: None,
        }
    }
}

/// A system's files.
#[derive(Debug)]
pub struct Built {
    /// Our loader, raw, for QEMU's -kernel.
    pub loader: PathBuf,
    /// The boot archive.
    pub rootfs: PathBuf,
    /// The manifest as it was compiled in.
    pub system: System,
}

impl Built {
    /// How to boot it with our own loader.
    #[must_use]
    pub fn payload(&self) -> Payload {
        Payload {
            kernel_image: self.loader.clone(),
            initrd: Some(self.rootfs.clone()),
            memory_mib: self.system.memory_mib,
            semihosting: semihosting(&self.system),
            link: has_link(&self.system),
        }
    }
}

fn semihosting(system: &System) -> bool {
    system.on_panic == OnPanic::Exit
}

/// Whether the system drives a port to the host.
fn has_link(system: &System) -> bool {
    system.components.iter().any(|component| component.device.is_some())
}

/// The kernel for a manifest, and whether both agree on the RAM.
pub fn kernel_for(checked: &Checked, options: &BuildOptions) -> Result<Kernel> {
    let made_for = checked.memory_mib;
    let memory_mib = options.memory.unwrap_or(made_for);
    ensure!(
        memory_mib >= made_for,
        "the system {} is made for {made_for} MiB: give --memory {made_for} or more",
        checked.name
    );
    let default =
        DefaultOptions { debug: options.debug_kernel, toolchain: options.toolchain, memory_mib };
    let kernel = kernel::select(options.sel4.as_deref(), &default)?;
    if let Some(built_for) = kernel.facts.memory_mib {
        ensure!(
            built_for <= memory_mib,
            "the kernel in {} is built for {built_for} MiB and would crash with {memory_mib}: \
             give --memory {built_for}, or build it with -DQEMU_MEMORY={memory_mib}",
            kernel.prefix.display()
        );
        ensure!(
            built_for >= made_for,
            "the kernel in {} uses {built_for} MiB, the system {} is made for {made_for}: \
             build it with -DQEMU_MEMORY={made_for}",
            kernel.prefix.display(),
            checked.name
        );
    }
    Ok(kernel)
}

/// Makes the files of a system in `folder`.
pub fn assemble(
    checked: &Checked,
    kernel: &Kernel,
    programs: &Programs,
    folder: &Path,
) -> Result<Built> {
    available_check(checked, &programs.images())?;
    let root = if checked.selftest.is_some() { ROOT_TASK_SELFTEST } else { ROOT_TASK };
    let mut files = vec![
        ("kernel.elf".to_owned(), loadable(&read(&kernel.elf)?)?),
        (ROOT_TASK.to_owned(), loadable(&read(programs.file(root)?)?)?),
    ];
    let mut images = BTreeMap::new();
    let mut system = checked.clone().into_system(facts(kernel, std::iter::empty())?);
    for (index, component) in checked.components.iter().enumerate() {
        let file = programs.file(&component.image)?;
        let image = loadable(&read(file)?)?;
        check_image(&system, index, &image).with_context(|| format!("image {}", file.display()))?;
        images.insert(component.image.to_string(), image);
    }
    for worker in checked.workers.iter().flat_map(|workers| &workers.kinds) {
        let file = programs.file(&worker.image)?;
        let image = loadable(&read(file)?)?;
        check_worker(worker, &image).with_context(|| format!("image {}", file.display()))?;
        images.insert(worker.image.to_string(), image);
    }
    let recorded = files.iter().map(|(name, data)| (name.as_str(), data.as_slice()));
    let recorded = recorded.chain(images.iter().map(|(name, data)| (&**name, data.as_slice())));
    system.facts = facts(kernel, recorded)?;
    system.memory_mib = kernel.facts.memory_mib.unwrap_or(system.memory_mib);
    let mut buffer = vec![0; 16 << 10];
    let encoded = system.encode(&mut buffer).map_err(|error| anyhow!("system.bin: {error}"))?;
    files.push(("system.bin".to_owned(), encoded.to_vec()));
    files.extend(images);

    workspace::create_dir(folder)?;
    let built =
        Built { loader: folder.join("loader.img"), rootfs: folder.join("rootfs.cpio"), system };
    update(&built.rootfs, &archive(&files)?)?;
    update(&built.loader, &flatten(&read(programs.file(LOADER)?)?)?)?;
    let json = serde_json::json!({
        "memory_mib": built.system.memory_mib,
        "semihosting": semihosting(&built.system),
        "link": has_link(&built.system),
    });
    update(&folder.join("payload.json"), json.to_string().as_bytes())?;
    Ok(built)
}

/// Refuses an image that the root task would refuse.
fn check_image(system: &System, index: usize, file: &[u8]) -> Result<()> {
    let component = &system.components[index];
    let image = Image::parse(file).map_err(|error| anyhow!("{error}"))?;
    // The frames of all workers are mapped for their server.
    let workers = system.workers.iter().filter(|workers| usize::from(workers.server) == index);
    let frames = workers.map(|workers| workers.places() as u64 * PAGE);
    let shared = system.mapped(index).map(|mapped| u64::from(mapped.size())).chain(frames);
    let needs = Needs {
        stack: component.stack,
        memory: component.memory,
        mapping_tables: shared.map(|bytes| bytes.div_ceil(TABLE_SPAN) as u32).sum(),
        serves: true,
        notified: true,
    };
    match Plan::new(&image, &needs) {
        Ok(_) => Ok(()),
        Err(TooBig(needed)) => Err(anyhow!(
            "component {} needs {needed} bytes of memory and has {}: give it more in the manifest",
            component.name,
            component.memory
        )),
    }
}

/// Refuses an image that the root task would refuse for a worker.
fn check_worker(worker: &Worker, file: &[u8]) -> Result<()> {
    let image = Image::parse(file).map_err(|error| anyhow!("{error}"))?;
    // One page is mapped for it, that of its frames.
    let needs = Needs {
        stack: worker.stack,
        memory: worker.memory,
        mapping_tables: 1,
        serves: false,
        notified: true,
    };
    match Plan::new(&image, &needs) {
        Ok(_) => Ok(()),
        Err(TooBig(needed)) => Err(anyhow!(
            "each worker of kind {} needs {needed} bytes of memory and has {}: give it more in the \
             manifest",
            worker.kind.word(),
            worker.memory
        )),
    }
}

fn facts<'a>(kernel: &Kernel, files: impl Iterator<Item = (&'a str, &'a [u8])>) -> Result<Facts> {
    let text = |text: &str| -> Result<Text> {
        text.try_into().map_err(|_| anyhow!("{text:?} is too long for the banner"))
    };
    let images = files.map(|(name, data)| {
        Ok(manifest::Image {
            name: name.try_into().map_err(|_| anyhow!("the name {name} is too long"))?,
            size: u32::try_from(data.len())?,
            sha256: Sha256::digest(data).into(),
        })
    });
    Ok(Facts {
        version: text(env!("CARGO_PKG_VERSION"))?,
        git: text(&git_revision())?,
        kernel: text(&kernel.facts.description)?,
        gic: text(&kernel.facts.gic)?,
        images: images.collect::<Result<_>>()?,
    })
}

/// The revision that is built, `-dirty` where tracked files differ from it.
fn git_revision() -> String {
    let git = |arguments: &[&str]| {
        let mut git = std::process::Command::new("git");
        let output = git.current_dir(workspace::root()).args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let Some(revision) = git(&["rev-parse", "--short=12", "HEAD"]) else {
        return "unknown".to_owned();
    };
    match git(&["status", "--porcelain", "--untracked-files=no"]) {
        Some(changes) if changes.is_empty() => revision,
        _ => revision + "-dirty",
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}

/// Removes a folder with everything in it; that it is not there is fine.
pub fn remove(folder: &Path) -> Result<()> {
    removed(folder, fs::remove_dir_all(folder))
}

/// Removes a file; that it is not there is fine.
pub fn remove_file(file: &Path) -> Result<()> {
    removed(file, fs::remove_file(file))
}

fn removed(path: &Path, result: std::io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Writes `file` if its bytes differ.
pub fn update(file: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(file).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    let new = file.with_extension("new");
    fs::write(&new, bytes).and_then(|()| fs::rename(&new, file)).with_context(|| {
        format!("cannot write {}: make its folder writable, or set COHESIX_OUT", file.display())
    })
}

/// An ELF file without what is not loaded: everything behind the last segment is cut off.
pub fn loadable(file: &[u8]) -> Result<Vec<u8>> {
    let header: &[u8; 64] = file.first_chunk().context("not an ELF file: it is too short")?;
    let elf = elf::ElfBytes::<elf::endian::LittleEndian>::minimal_parse(file)?;
    let segments = elf.segments().context("an ELF file without segments")?;
    let table = elf.ehdr.e_phoff + u64::from(elf.ehdr.e_phentsize) * u64::from(elf.ehdr.e_phnum);
    let end = segments.iter().map(|s| s.p_offset.saturating_add(s.p_filesz)).chain([table]).max();
    let end = usize::try_from(end.unwrap_or(0))?;
    let mut kept = file.get(..end).context("the ELF file is truncated")?.to_vec();
    // e_shoff, e_shnum, e_shstrndx: no sections any more.
    kept[..64].copy_from_slice(header);
    kept[40..48].fill(0);
    kept[60..64].fill(0);
    Ok(kept)
}

/// The bytes of an ELF file as they lie in memory from its lowest address on.
fn flatten(file: &[u8]) -> Result<Vec<u8>> {
    let elf = elf::ElfBytes::<elf::endian::LittleEndian>::minimal_parse(file)?;
    let segments: Vec<_> = elf
        .segments()
        .context("the loader has no segments")?
        .iter()
        .filter(|segment| segment.p_type == elf::abi::PT_LOAD && segment.p_filesz > 0)
        .collect();
    let lowest = segments.iter().map(|s| s.p_vaddr).min().context("the loader is empty")?;
    let mut image = Vec::new();
    for segment in segments {
        let at = usize::try_from(segment.p_vaddr - lowest)?;
        let data = elf.segment_data(&segment)?;
        image.resize(image.len().max(at + data.len()), 0);
        image[at..at + data.len()].copy_from_slice(data);
    }
    Ok(image)
}

/// A newc archive, the same for the same files.
pub fn archive(files: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    const REGULAR_FILE: u32 = 0o100_644;
    let inputs = files.iter().zip(1..).map(|((name, data), inode)| {
        let header = cpio::NewcBuilder::new(name).ino(inode).nlink(1).mode(REGULAR_FILE);
        (header, Cursor::new(data))
    });
    cpio::write_cpio(inputs, Vec::new()).context("cannot make the boot archive")
}

/// Prepares a boot with the loader, kernel and archive that the caller names.
///
/// `loader` is our raw image or a finished upstream elfloader. `kernel` must be the one that the
/// archive was made with: the programs in it speak that kernel's ABI.
pub fn payload_from(loader: &Path, kernel: &Path, rootfs: &Path) -> Result<Payload> {
    let archive = read(rootfs)?;
    let file = |name: &str| match newc::find(&archive, name) {
        Ok(Some(data)) => Ok(data),
        _ => Err(anyhow!("{} has no {name}: make it with `./cohesix build`", rootfs.display())),
    };
    ensure!(
        loadable(&read(kernel)?)? == file("kernel.elf")?,
        "{} is not the kernel that {} was built with, and its ABI may differ: build the archive \
         with `./cohesix build --sel4 PREFIX`",
        kernel.display(),
        rootfs.display()
    );
    let system = System::decode(file("system.bin")?).map_err(|error| {
        anyhow!("{}: system.bin: {error:?}: make it with `./cohesix build`", rootfs.display())
    })?;
    let ours = Payload {
        kernel_image: loader.to_path_buf(),
        initrd: Some(rootfs.to_path_buf()),
        memory_mib: system.memory_mib,
        semihosting: semihosting(&system),
        link: has_link(&system),
    };
    let loader_bytes = read(loader)?;
    if elfloader::is_elf(&loader_bytes) {
        with_elfloader(&ours, loader, &loader_bytes)
    } else {
        ensure!(
            loader_bytes.get(56..60) == Some(b"ARM\x64"),
            "{} is neither a Linux arm64 Image nor an ELF elfloader",
            loader.display()
        );
        Ok(ours)
    }
}

/// The same boot with a finished upstream elfloader instead of our loader.
pub fn with_elfloader(payload: &Payload, name: &Path, elfloader: &[u8]) -> Result<Payload> {
    let rootfs = payload.initrd.as_deref().context("the payload has no boot archive")?;
    let combined = elfloader::rewrite(elfloader, &read(rootfs)?)
        .with_context(|| format!("elfloader {}", name.display()))?;
    let file = rootfs.with_file_name(ELFLOADER);
    update(&file, &combined)?;
    Ok(Payload { kernel_image: file, initrd: None, ..payload.clone() })
}

/// Everything of one system, from its manifest to its files.
pub fn build(manifest: &Path, options: &BuildOptions, folder: &Path) -> Result<Built> {
    let checked = crate::manifest::load(manifest)?;
    let kernel = kernel_for(&checked, options)?;
    let programs = vm::build(&kernel)?;
    assemble(&checked, &kernel, &programs, folder)
}

#[cfg(test)]
mod tests;
