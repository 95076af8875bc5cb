//! The checks that other programs do: rustfmt, clippy, shellcheck.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use super::Problems;
use super::members::Member;
use super::tree::Tree;
use crate::vm;

/// The cargo that runs xtask, in the workspace, where `.cargo/config.toml` applies.
pub(super) fn cargo(root: &Path) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.current_dir(root);
    command
}

/// rustfmt's opinion of every crate.
pub(super) fn format(root: &Path) -> Result<Problems> {
    judge(cargo(root).args(["fmt", "--all", "--check"]), "format: run `cargo fmt --all`")
}

/// clippy's opinion of everything as the host compiles it, tests included.
pub(super) fn clippy_host(root: &Path) -> Result<Problems> {
    let mut command = cargo(root);
    command.args(["clippy", "--quiet", "--workspace", "--all-targets"]);
    judge(deny_warnings(&mut command), "clippy (host): see above")
}

/// clippy's opinion of the VM's crates as the VM compiles them.
pub(super) fn clippy_vm(root: &Path, prefix: &Path, members: &[Member]) -> Result<Problems> {
    let mut command = cargo(root);
    command
        .args(["clippy", "--quiet", "--target", vm::TARGET])
        .env("COHESIX_SEL4_PREFIX", std::path::absolute(prefix)?);
    if builds_std() {
        command
            .args(["-Zbuild-std=core,alloc", "-Zbuild-std-features=compiler-builtins-mem"])
            .env("RUSTC_BOOTSTRAP", "1");
    }
    for member in members.iter().filter(|member| member.runs_in_vm()) {
        command.args(["--package", &member.name]);
    }
    judge(deny_warnings(&mut command), "clippy (VM): see above")
}

/// Warnings are errors, but only to the pinned clippy: Debian's, which is newer, knows lints that
/// nobody here has seen, and they must not fail a build on a machine that has no other.
fn deny_warnings(clippy: &mut Command) -> &mut Command {
    if builds_std() {
        println!("tidy: this is not the pinned clippy: its warnings are shown, and pass");
        return clippy;
    }
    clippy.args(["--", "-D", "warnings"])
}

/// Whether Debian's Rust is in use, which has no core library for the VM.
fn builds_std() -> bool {
    std::env::var("COHESIX_BUILD_STD").as_deref() == Ok("1")
}

/// shellcheck's opinion of every shell script. Where it is not installed that is said, and under
/// CI it is a problem.
pub(super) fn shellcheck(tree: &Tree) -> Result<Problems> {
    let scripts: Vec<PathBuf> = tree
        .texts()
        .filter(|(path, text)| is_shell(path, text))
        .map(|(path, _)| path.to_path_buf())
        .collect();
    let installed = Command::new("shellcheck")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok();
    if installed {
        return judge(
            Command::new("shellcheck").current_dir(tree.root()).arg("-x").args(scripts),
            "shellcheck: see above",
        );
    }
    if std::env::var_os("CI").is_some_and(|value| !value.is_empty()) {
        return Ok(vec!["shellcheck is missing: run `./cohesix setup`".to_owned()]);
    }
    println!("tidy: shellcheck is missing: the shell scripts were not checked (`./cohesix setup`)");
    Ok(Problems::new())
}

/// Whether the file is a shell script, by its name or its first line.
pub(super) fn is_shell(path: &Path, text: &str) -> bool {
    let by_name = path.extension().is_some_and(|ext| ext == "sh");
    let interpreter = text.lines().next().and_then(|line| line.strip_prefix("#!"));
    let by_line = interpreter.is_some_and(|line| {
        line.split(['/', ' ']).any(|word| matches!(word, "sh" | "bash" | "dash"))
    });
    by_name || by_line
}

/// Runs a program that writes its findings to the terminal itself.
fn judge(command: &mut Command, problem: &str) -> Result<Problems> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command
        .status()
        .with_context(|| format!("cannot start `{name}`: run `./cohesix setup`"))?;
    Ok(if status.success() { Problems::new() } else { vec![problem.to_owned()] })
}
