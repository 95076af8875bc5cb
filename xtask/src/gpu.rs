//! The Vulkan driver that host/gpu-bridge is tested with where no GPU is.
//!
//! `ci/setup_gpu.sh` installs Mesa's lavapipe. Under CI on Debian for x86-64 that must succeed;
//! elsewhere (macOS, no network) the tests say themselves that they are skipped.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{interop, workspace};

/// Installs it where it is missing. Fails where it [is required](interop::is_required).
pub fn set_up() -> Result<()> {
    let script = workspace::root().join("ci/setup_gpu.sh");
    let status = Command::new("sh").arg(script).status().context("cannot start sh")?;
    if !status.success() {
        ensure!(!interop::is_required(), "ci/setup_gpu.sh failed; its output stands above");
        println!("skipped: jobs on Vulkan, if no other driver is there: the lines above say why");
    }
    Ok(())
}
