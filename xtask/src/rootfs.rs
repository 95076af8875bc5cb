//! Checks a boot archive before anything is booted from it.
//!
//! The loader checks the archive's form once more in the VM; here the images' SHA-256 in
//! `system.bin` are compared too, so that a flipped byte is found before QEMU starts.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};
use manifest::System;
use sha2::{Digest, Sha256};

/// What every boot archive has.
const REQUIRED: [&str; 3] = ["kernel.elf", "root-task", "system.bin"];

/// Reads the boot archive at `path` and returns its files' names and sizes in bytes, in order.
/// The error is one line that names the damage.
pub fn check_rootfs(path: &Path) -> Result<Vec<(String, u64)>> {
    let name = path.display();
    let archive = std::fs::read(path)
        .with_context(|| format!("cannot read {name}: make it with `./cohesix build`"))?;
    let files = check(&archive)
        .map_err(|why| anyhow!("{name} {why:#}: make it again with `./cohesix build`"))?;
    Ok(files.into_iter().map(|(name, data)| (name.to_owned(), data.len() as u64)).collect())
}

/// The files of `archive`; the error continues a sentence that starts with the archive's name.
fn check(archive: &[u8]) -> Result<Vec<(&str, &[u8])>> {
    ensure!(!archive.is_empty(), "is empty");
    let mut files = Vec::new();
    let mut by_name = BTreeMap::new();
    let mut entries = newc::entries(archive);
    for entry in entries.by_ref() {
        let entry = entry.map_err(|error| anyhow!("is damaged: {error}"))?;
        files.push((entry.name, entry.data));
        let first = by_name.insert(entry.name, entry.data).is_none();
        ensure!(first, "has the file {} twice", entry.name);
    }
    let rest = archive.get(entries.offset()..).unwrap_or_default();
    ensure!(rest.iter().all(|&byte| byte == 0), "is damaged: something follows its trailer");
    for required in REQUIRED {
        let data = by_name.get(required).with_context(|| format!("has no file {required}"))?;
        ensure!(!data.is_empty(), "has an empty file {required}");
    }
    check_images(&by_name)?;
    Ok(files)
}

/// Compares the images with what `system.bin` says about them.
fn check_images(files: &BTreeMap<&str, &[u8]>) -> Result<()> {
    let system = files.get("system.bin").copied().unwrap_or_default();
    let Ok(system) = System::decode(system) else {
        bail!("is damaged: its system.bin is none, or is of another version");
    };
    for image in &system.facts.images {
        let name = image.name.as_str();
        let data = files.get(name).with_context(|| format!("has no file {name}"))?;
        let same = data.len() == image.size as usize && Sha256::digest(data)[..] == image.sha256;
        ensure!(same, "is damaged: {name} is not the file that system.bin was made for");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
