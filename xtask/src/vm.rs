//! Builds the programs that run in the VM.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::kernel::Kernel;
use crate::workspace;

/// The target of the VM's programs.
pub const TARGET: &str = "aarch64-unknown-none";
const PROFILE: &str = "vm";
/// The boot loader: not part of the boot archive.
pub const LOADER: &str = "loader";
/// The root task, and the one that can run self-tests.
pub const ROOT_TASK: &str = "root-task";
/// The root task with self-tests.
pub const ROOT_TASK_SELFTEST: &str = "root-task-selftest";

/// The programs by name.
#[derive(Debug)]
pub struct Programs(BTreeMap<String, PathBuf>);

impl Programs {
    /// The ELF file of a program.
    pub fn file(&self, name: &str) -> Result<&Path> {
        let file = self.0.get(name).with_context(|| format!("no program {name} was built"))?;
        Ok(file)
    }

    /// Names that a manifest may use as a component's image.
    pub fn images(&self) -> Vec<&str> {
        let special = [LOADER, ROOT_TASK, ROOT_TASK_SELFTEST];
        self.0.keys().map(String::as_str).filter(|name| !special.contains(name)).collect()
    }
}

/// Packages whose programs run in the VM: the loader and everything in tasks/.
fn packages() -> Result<Vec<String>> {
    let tasks = workspace::root().join("tasks");
    let mut packages = vec![LOADER.to_owned()];
    for entry in tasks.read_dir().with_context(|| format!("cannot read {}", tasks.display()))? {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            packages.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    packages.sort();
    Ok(packages)
}

/// Builds every program for `kernel`. Cargo's messages go to stderr.
pub fn build(kernel: &Kernel) -> Result<Programs> {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .current_dir(workspace::root())
        .args(["build", "--quiet", "--locked", "--bins", "--target", TARGET, "--profile", PROFILE])
        .arg("--message-format=json-render-diagnostics")
        .env("COHESIX_SEL4_PREFIX", std::path::absolute(&kernel.prefix)?)
        .stderr(std::process::Stdio::inherit());
    for package in packages()? {
        cargo.args(["--package", &package]);
    }
    if std::env::var("COHESIX_BUILD_STD").as_deref() == Ok("1") {
        // A toolchain without the target's core library: build that from source.
        cargo.env("RUSTC_BOOTSTRAP", "1").args(["-Zbuild-std=core,alloc"]);
        cargo.arg("-Zbuild-std-features=compiler-builtins-mem");
    }
    let output = cargo.output().context("cannot start cargo: run `./cohesix setup`")?;
    if !output.status.success() {
        bail!("the VM's programs do not build; cargo's errors stand above");
    }
    programs(&output.stdout)
}

/// Reads cargo's messages, one JSON object a line.
fn programs(messages: &[u8]) -> Result<Programs> {
    let mut found = BTreeMap::new();
    for line in messages.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let message: Value = serde_json::from_slice(line).context("cargo's messages")?;
        if let (Some(file), Some(name)) =
            (message["executable"].as_str(), message["target"]["name"].as_str())
        {
            found.insert(name.to_owned(), PathBuf::from(file));
        }
    }
    Ok(Programs(found))
}
