//! The kernel that a system boots: the default one, or an external install prefix.
//!
//! Both come as one layout, the install prefix that upstream seL4's `cmake --install` makes, so
//! whatever reads a kernel (the ABI generator, the boot archive, QEMU's settings) has one case:
//!
//! ```text
//! bin/kernel.elf
//! libsel4/include/kernel/gen_config.json        configuration
//! libsel4/include/api/syscall.xml               system calls
//! libsel4/include/interfaces/object-api*.xml    invocations (three files)
//! support/platform_gen.yaml                     RAM that the kernel was built for
//! VERSION                                       only in the default kernel's
//! ```
//!
//! Invariant: a [`Kernel`] that this module returned has all of these but the last two, an
//! AArch64 executable as `kernel.elf`, and a configuration that Cohesix can run on. This module
//! has no way to build upstream seL4: an external kernel is the user's.

mod compile;
mod config;
mod default;
mod external;
mod package;
mod patches;
mod prefix;
mod python;
mod require;
#[cfg(test)]
mod scratch;
mod toolchain;

use std::path::{Path, PathBuf};

use anyhow::Result;

pub use default::{DefaultOptions, build_default};
pub use external::open_external;
pub use toolchain::Choice as Toolchain;

/// A kernel to boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kernel {
    /// The install prefix: what `SEL4_PREFIX` is to the crates that read a kernel's interface.
    pub prefix: PathBuf,
    /// `bin/kernel.elf` in it.
    pub elf: PathBuf,
    /// What it is.
    pub facts: KernelFacts,
}

/// What a kernel is, for the banner and for QEMU's settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KernelFacts {
    /// Name, version, standing and configuration: one line of at most 80 bytes.
    pub description: String,
    /// The interrupt controller that it drives: always `GICv3`.
    pub gic: String,
    /// RAM that it was built for, in MiB: with less it does not boot. `None`: not recorded.
    pub memory_mib: Option<u32>,
    /// Built with assertions and debug system calls.
    pub debug: bool,
    /// Prints on the serial port.
    pub printing: bool,
    /// An external kernel, as opposed to the default kernel's unverified port.
    pub upstream: bool,
}

/// The kernel to use: `sel4` where given, else `$SEL4_PREFIX` where set, else the default one,
/// which is built if necessary.
pub fn select(sel4: Option<&Path>, default: &DefaultOptions) -> Result<Kernel> {
    let variable = std::env::var_os("SEL4_PREFIX").filter(|value| !value.is_empty());
    match external_choice(sel4, variable.map(PathBuf::from)) {
        Some(prefix) => open_external(&prefix),
        None => build_default(default),
    }
}

/// An explicit choice comes before the environment's.
fn external_choice(explicit: Option<&Path>, variable: Option<PathBuf>) -> Option<PathBuf> {
    explicit.map(Path::to_path_buf).or(variable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn explicit_prefix_wins() {
        let explicit = Path::new("explicit");
        let variable = Some(PathBuf::from("variable"));
        assert_eq!(external_choice(Some(explicit), variable.clone()), Some(explicit.into()));
        assert_eq!(external_choice(None, variable.clone()), variable);
        assert_eq!(external_choice(None, None), None);
    }
}
