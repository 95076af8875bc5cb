//! The workspace's crates: licences, subtitles, `forbid(unsafe_code)`, and who may depend on whom.
//!
//! Dependencies point one way (ARCHITECTURE.md). [`ALLOWED`] is the whole of it: an edge that it
//! does not name is an error, so a new kind of edge is a decision, not an accident.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::Problems;
use super::tree::Tree;
use crate::workspace;

/// Folder of a crate, and the folders or crates that it may depend on.
const ALLOWED: &[(&str, &[&str])] = &[
    ("core", &["core"]),
    ("sys", &["core", "sys"]),
    ("tasks", &["core", "sys"]),
    // The loader's console is the system's.
    ("loader", &["core", "sys/drivers"]),
    ("host", &["core", "host"]),
    ("fuzz", &["core"]),
    // `./cohesix run` gives the hive a socket and a shell.
    ("xtask", &["core", "host", "sys/sel4-abigen"]),
    ("tests", &["core", "host", "tests/boot", "xtask"]),
];

/// Where unsafe code may be at all; its amount is [`super::unsafe_budget`]'s. On the host that is
/// one crate: a launch on a GPU hands pointers to a kernel.
const UNSAFE_ALLOWED: &[&str] = &["sys", "loader", "tasks", "host/gpu-cuda"];

/// What runs in the VM, but for the ABI generator.
const IN_VM: &[&str] = &["sys", "loader", "tasks"];

const LICENSE: &str = "Apache-2.0 OR MIT";

/// One crate of the workspace.
#[derive(Debug, Clone, Default)]
pub(super) struct Member {
    pub name: String,
    /// Its folder, relative to the root, with `/`.
    pub dir: String,
    pub license: Option<String>,
    /// Root files of its library and programs, relative to the root.
    pub roots: Vec<PathBuf>,
    /// Folders of the workspace's crates that it depends on, relative to the root.
    pub depends_on: Vec<String>,
}

impl Member {
    /// Whether its folder is `folder` or lies in it.
    pub fn is_in(&self, folder: &str) -> bool {
        lies_in(&self.dir, folder)
    }

    /// Whether it runs in the VM: the ABI generator alone, of `sys`, is a build-time crate.
    pub fn runs_in_vm(&self) -> bool {
        IN_VM.iter().any(|folder| self.is_in(folder)) && self.dir != "sys/sel4-abigen"
    }
}

fn lies_in(dir: &str, folder: &str) -> bool {
    Path::new(dir).starts_with(folder)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    license: Option<String>,
    manifest_path: PathBuf,
    targets: Vec<Target>,
    dependencies: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
    src_path: PathBuf,
}

#[derive(Deserialize)]
struct Dependency {
    path: Option<PathBuf>,
}

/// The workspace's crates, from `cargo metadata`.
pub(super) fn load(root: &Path) -> Result<Vec<Member>> {
    let json = workspace::run(super::lints::cargo(root).args([
        "metadata",
        "--no-deps",
        "--format-version",
        "1",
    ]) as &mut Command)?;
    parse(&json, root)
}

/// Reads `cargo metadata`'s JSON. Dependencies of every kind count: a test or build edge is an
/// edge.
pub(super) fn parse(json: &[u8], root: &Path) -> Result<Vec<Member>> {
    let metadata: Metadata =
        serde_json::from_slice(json).context("`cargo metadata` wrote something unexpected")?;
    let relative = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_path_buf();
    let dir = |path: &Path| relative(path).to_string_lossy().replace('\\', "/");
    Ok(metadata
        .packages
        .into_iter()
        .map(|package| Member {
            name: package.name,
            dir: package.manifest_path.parent().map(dir).unwrap_or_default(),
            license: package.license,
            roots: package
                .targets
                .iter()
                .filter(|target| {
                    target
                        .kind
                        .iter()
                        .any(|k| k.ends_with("lib") || k == "bin" || k == "proc-macro")
                })
                .map(|target| relative(&target.src_path))
                .collect(),
            depends_on: package
                .dependencies
                .iter()
                .filter_map(|d| d.path.as_deref())
                .map(dir)
                .collect(),
        })
        .collect())
}

/// Checks every crate.
pub(super) fn check(members: &[Member], tree: &Tree) -> Problems {
    let mut problems = Problems::new();
    for member in members {
        problems.extend(check_edges(member));
        if member.license.as_deref() != Some(LICENSE) {
            problems.push(format!(
                "{}/Cargo.toml: the licence is {}; write `license.workspace = true` ({LICENSE})",
                member.dir,
                member.license.as_deref().unwrap_or("missing"),
            ));
        }
        for root in &member.roots {
            problems.extend(check_root(member, root, &tree.text(root).unwrap_or_default()));
        }
    }
    problems
}

pub(super) fn check_edges(member: &Member) -> Problems {
    let allowed =
        ALLOWED.iter().find(|(folder, _)| member.is_in(folder)).map(|(_, allowed)| *allowed);
    let Some(allowed) = allowed else {
        return vec![format!(
            "{}: no layer lies there; put the crate into one of ARCHITECTURE.md's",
            member.dir
        )];
    };
    member
        .depends_on
        .iter()
        .filter(|dep| !allowed.iter().any(|folder| lies_in(dep, folder)))
        .map(|dep| {
            format!(
                "{}/Cargo.toml: the edge {} -> {dep} is not allowed; from here only: {}",
                member.dir,
                member.dir,
                allowed.join(", "),
            )
        })
        .collect()
}

pub(super) fn check_root(member: &Member, root: &Path, text: &str) -> Problems {
    let mut problems = Problems::new();
    let subtitle = text.lines().next().and_then(|line| line.strip_prefix("//! "));
    if !subtitle.is_some_and(|words| words.chars().any(char::is_alphabetic)) {
        problems
            .push(format!("{}:1: the first line is no `//!` subtitle; write one", root.display()));
    }
    let unsafe_allowed = UNSAFE_ALLOWED.iter().any(|folder| member.is_in(folder));
    if !unsafe_allowed && !text.lines().any(|line| line.trim() == "#![forbid(unsafe_code)]") {
        problems.push(format!(
            "{}: unsafe code belongs in {}; write `#![forbid(unsafe_code)]`",
            root.display(),
            UNSAFE_ALLOWED.join(", "),
        ));
    }
    problems
}
