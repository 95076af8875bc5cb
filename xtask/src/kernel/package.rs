//! Gets the default kernel's source: the `seL4` folder of a package from crates.io.
//!
//! cargo downloads the package, checks it against the checksum of `kernel/package/Cargo.lock`
//! and unpacks it. Nothing of it is compiled or run by cargo, and its folder, which belongs to
//! cargo, is only read.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

use crate::workspace;

const NAME: &str = "sel4-sys";
const VERSION: &str = "0.0.28";
/// SHA-256 of the package. Also in Cargo.lock; here so that a changed lock does not go unseen.
const CHECKSUM: &str = "b42578af4c4eb8468e57beaabecc86541ac3a94eca1e92a611457b71f6034822";
/// What the build reads of the kernel's source, and the licences that come with it.
const PARTS: [&str; 7] =
    ["include", "src", "libsel4", "tools", "VERSION", "LICENSE_BSD2.txt", "LICENSE_GPLv2.txt"];

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    manifest_path: PathBuf,
}

/// The kernel's source in cargo's folder; downloads it where necessary.
pub fn locate(kernel_dir: &Path) -> Result<PathBuf> {
    let dir = kernel_dir.join("package");
    check_lock(&dir.join("Cargo.lock"))?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = workspace::run(
        Command::new(cargo)
            .args(["metadata", "--locked", "--format-version", "1", "--manifest-path"])
            .arg(dir.join("Cargo.toml"))
            .current_dir(&dir),
    )
    .with_context(|| {
        format!(
            "cannot get the package {NAME} {VERSION}, which the default kernel is built from: \
             cargo has to reach its registry once (or use another kernel with --sel4)"
        )
    })?;
    let metadata: Metadata =
        serde_json::from_slice(&output).context("cannot read what `cargo metadata` printed")?;
    let found = metadata.packages.iter().find(|p| p.name == NAME && p.version == VERSION);
    let folder = found.and_then(|package| package.manifest_path.parent());
    match folder.map(|folder| folder.join("seL4")) {
        Some(source) if source.is_dir() => Ok(source),
        _ => bail!("cargo does not tell where {NAME} {VERSION} lies, or has removed its source"),
    }
}

fn check_lock(path: &Path) -> Result<()> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let lock: Lock = toml::from_str(&text).with_context(|| format!("{}", path.display()))?;
    let locked = lock.package.iter().find(|p| p.name == NAME && p.version == VERSION);
    if locked.and_then(|p| p.checksum.as_deref()) != Some(CHECKSUM) {
        bail!("{} does not pin {NAME} {VERSION} to the checksum {CHECKSUM}", path.display());
    }
    Ok(())
}

/// Copies what the build needs of `source` to `target`.
pub fn copy_source(source: &Path, target: &Path) -> Result<()> {
    PARTS.iter().try_for_each(|part| copy(&source.join(part), &target.join(part)))
}

/// Copies a file, or a folder with everything in it.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    let context = || format!("cannot copy {} to {}", from.display(), to.display());
    if from.is_file() {
        // Not fs::copy: the copy shall be writable whatever the original's permissions.
        let bytes = std::fs::read(from).with_context(context)?;
        return std::fs::write(to, bytes).with_context(context);
    }
    workspace::create_dir(to)?;
    for entry in std::fs::read_dir(from).with_context(context)? {
        let entry = entry.with_context(context)?;
        copy(&entry.path(), &to.join(entry.file_name()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::scratch::Scratch;

    #[test]
    fn the_lock_pins_the_package() {
        let lock = workspace::root().join("kernel/package/Cargo.lock");
        check_lock(&lock).unwrap();
        let scratch = Scratch::new();
        let text = std::fs::read_to_string(lock).unwrap();
        scratch.write("Cargo.lock", text.replace("b42578af", "b42578a0"));
        let error = check_lock(&scratch.path().join("Cargo.lock")).unwrap_err().to_string();
        assert!(error.contains("does not pin sel4-sys 0.0.28 to the checksum b42578af"), "{error}");
    }

    #[test]
    fn folders_are_copied_whole() {
        let scratch = Scratch::new();
        scratch.write("from/a", "1");
        scratch.write("from/b/c", "2");
        copy(&scratch.path().join("from"), &scratch.path().join("to")).unwrap();
        assert_eq!((scratch.read("to/a"), scratch.read("to/b/c")), ("1".into(), "2".into()));
    }
}
