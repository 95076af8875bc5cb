//! The 9P clients of other people: having them set up, and what to do where they cannot be had.
//!
//! `ci/setup_interop.sh` does it, a group at a time. Under CI on Debian for x86-64, where all of
//! them can be had, a group that fails is an error; elsewhere (macOS, no network) its tests are
//! skipped, which the end of `./cohesix test` says.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace;

/// What the names of the tests that need the clients start with.
pub const TESTS: &str = "interop::";

/// The script's groups, and what is lacking without each.
const GROUPS: [(&str, &str); 4] = [
    ("packages", "diod and the Linux guest"),
    ("p9fs", "p9fs"),
    ("codec", "python-9p"),
    ("linux", "the Linux guest"),
];

/// Whether a client that is not there fails the tests: where `CI` is not empty, on a machine that
/// has them all.
#[must_use]
pub fn is_required() -> bool {
    let ci = std::env::var_os("CI").is_some_and(|ci| !ci.is_empty());
    ci && cfg!(all(target_os = "linux", target_arch = "x86_64"))
}

/// Sets up what is missing, and returns what is lacking afterwards. Fails where that
/// [is required](is_required).
pub fn set_up() -> Result<Vec<&'static str>> {
    let mut lacking = Vec::new();
    for (group, without) in GROUPS {
        let status = Command::new("sh")
            .arg(workspace::root().join("ci/setup_interop.sh"))
            .arg(group)
            .status()
            .context("cannot start sh")?;
        if status.success() {
            continue;
        }
        ensure!(!is_required(), "ci/setup_interop.sh {group} failed; its output stands above");
        println!("skipped: interop with {without}: the lines above say why");
        if !lacking.contains(&without) {
            lacking.push(without);
        }
    }
    Ok(lacking)
}
