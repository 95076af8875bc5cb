//! Opens an seL4 that somebody else built, and refuses one that cannot work.

use std::path::Path;

use anyhow::{Result, bail};

use super::prefix::{self, GenConfig};
use super::{Kernel, KernelFacts, default, require};

/// Opens the install prefix `prefix`.
///
/// Fails, with everything that is wrong in one line, where a file is missing, `kernel.elf` is
/// not a kernel for AArch64, or the configuration is one that Cohesix cannot run on.
pub fn open_external(prefix: &Path) -> Result<Kernel> {
    check_files(prefix)?;
    prefix::check_elf(&prefix::elf_path(prefix))?;
    let config = GenConfig::read(prefix)?;
    let violations = require::violations(&config);
    if !violations.is_empty() {
        bail!("{}: {}", prefix.display(), require::explain(&violations));
    }
    Ok(describe(prefix, &config))
}

/// A kernel whose prefix has passed all checks.
pub(super) fn describe(prefix: &Path, config: &GenConfig) -> Kernel {
    let ours = config.on(default::MARK);
    let debug = config.on("DEBUG_BUILD");
    let build = if debug { "debug" } else { "release" };
    let description = if ours {
        format!("{}, {build}", default::DESCRIPTION)
    } else {
        let version = prefix::version(prefix).map(|v| format!(" {v}")).unwrap_or_default();
        format!("upstream seL4{version} (external prefix), {build}")
    };
    Kernel {
        prefix: prefix.to_path_buf(),
        elf: prefix::elf_path(prefix),
        facts: KernelFacts {
            description,
            gic: "GICv3".to_owned(),
            memory_mib: prefix::memory_mib(prefix),
            debug,
            printing: config.on("PRINTING"),
            upstream: !ours,
        },
    }
}

/// Tells a prefix of an seL4 that is too old from a folder that is no prefix at all.
fn check_files(prefix: &Path) -> Result<()> {
    let shown = prefix.display();
    if !prefix.is_dir() {
        bail!("{shown} is not a folder: give the folder that `cmake --install` of seL4 filled");
    }
    let named = [prefix::GEN_CONFIG, prefix::SYSCALLS].into_iter().chain(prefix::INTERFACES);
    let interface = prefix::missing(prefix, named);
    let image = prefix::missing(prefix, [prefix::ELF]);
    if prefix.join(prefix::OLD_INTERFACE).is_file() && !interface.is_empty() {
        bail!(
            "{shown} holds an seL4 older than 13 (it has {}, not {}): Cohesix needs seL4 13 or \
             newer",
            prefix::OLD_INTERFACE,
            prefix::INTERFACES[0]
        );
    }
    if image.is_empty() && interface.contains(&prefix::GEN_CONFIG) {
        bail!(
            "{shown} has a kernel but no {}: Cohesix needs seL4 13 or newer, installed with \
             `cmake --install`",
            prefix::GEN_CONFIG
        );
    }
    let missing = [image, interface].concat();
    if !missing.is_empty() {
        bail!(
            "{shown} is not an seL4 install prefix: missing {}; make one with `cmake --install`",
            missing.join(", ")
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests;
