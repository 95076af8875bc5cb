//! Where things are, and running the tools that make them.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

/// The workspace's root folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("xtask lies in the workspace")
        .to_path_buf()
}

/// Where everything built goes: `$COHESIX_OUT`, else `out/` in the workspace.
pub fn out() -> PathBuf {
    match std::env::var_os("COHESIX_OUT") {
        Some(dir) if !dir.is_empty() => PathBuf::from(dir),
        _ => root().join("out"),
    }
}

/// Creates `dir` with its parents; the error says what to do.
pub fn create_dir(dir: &Path) -> Result<()> {
    std::fs::create_dir_all(dir).with_context(|| {
        format!(
            "cannot create {}: make it writable, or set COHESIX_OUT to another folder",
            dir.display()
        )
    })
}

/// Runs `command`; its output is shown only when it fails.
pub fn run(command: &mut Command) -> Result<Vec<u8>> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .with_context(|| format!("cannot start `{name}`: run `./cohesix setup`"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    bail!("`{name}` failed ({}):\n{}", output.status, stderr.trim_end());
}
