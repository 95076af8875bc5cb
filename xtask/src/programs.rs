//! Programs of this workspace that run on the host.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Sessions that `./cohesix fuzz` and CI play.
pub const FUZZ_ITERATIONS: u64 = 200_000;

/// Plays `iterations` mutated sessions.
pub fn fuzz(iterations: u64, seed: u64) -> Result<()> {
    let arguments = [iterations.to_string(), seed.to_string()];
    run("cohesix-fuzz", "cohesix-fuzz", &arguments)
}

/// Serves a simulated hive until it is told to stop: this process becomes the server, so that what
/// ends the one ends the other.
pub fn simulate(socket: Option<&Path>, listen: Option<&str>, secret: Option<&Path>) -> Result<()> {
    let out = std::path::absolute(workspace::out())?;
    workspace::create_dir(&out)?;
    let socket = match socket {
        Some(socket) => std::path::absolute(socket)?,
        None => out.join("sim.sock"),
    };
    let mut arguments = vec!["--socket".to_owned(), socket.display().to_string()];
    if let Some(listen) = listen {
        arguments.extend(["--listen".to_owned(), listen.to_owned()]);
    }
    if let Some(secret) = secret {
        let secret = std::path::absolute(secret)?;
        arguments.extend(["--secret".to_owned(), secret.display().to_string()]);
    }
    let server = build("cohesix-hive-sim", "hive-sim", Profile::Release)?;
    let error = Command::new(&server).args(&arguments).exec();
    Err(error).with_context(|| format!("cannot start {}", server.display()))
}

/// Measures 9P servers next to each other; what is printed ends with a line of JSON.
pub fn nine_bench() -> Result<String> {
    let folder = std::path::absolute(workspace::out())?.join("bench/9p");
    workspace::create_dir(&folder)?;
    let arguments = [folder.display().to_string()];
    let output = workspace::run(&mut command("cohesix-nine-bench", "nine-bench", &arguments))?;
    String::from_utf8(output).context("nine-bench prints text")
}

/// Measures the codec; prints a line `NAME NUMBER ns` for each message.
pub fn codec_bench() -> Result<String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace::root()).args(["bench", "--quiet", "--locked"]).args([
        "--package",
        "cohesix-secure9p-codec",
        "--bench",
        "messages",
    ]);
    String::from_utf8(workspace::run(&mut command)?).context("the codec's benchmark prints text")
}

/// How a program is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// For speed.
    Release,
    /// As tests are: most of it is there where they were built.
    Dev,
}

/// Builds a program; where it is.
pub fn build(package: &str, program: &str, profile: Profile) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.current_dir(workspace::root()).stderr(Stdio::inherit());
    command.args(["build", "--quiet", "--locked", "--package", package]);
    if profile == Profile::Release {
        command.arg("--release");
    }
    command.args(["--bin", program, "--message-format=json"]);
    let output = command.output().context("cannot start cargo: run `./cohesix setup`")?;
    if !output.status.success() {
        bail!("{program} cannot be built ({}); why stands above", output.status);
    }
    let lines = String::from_utf8(output.stdout).context("cargo prints text")?;
    let messages = lines.lines().filter_map(|line| serde_json::from_str(line).ok());
    let is_it = |message: &serde_json::Value| message["target"]["name"] == program;
    let mut paths = messages
        .filter(is_it)
        .filter_map(|message: serde_json::Value| message["executable"].as_str().map(PathBuf::from));
    paths.next_back().with_context(|| format!("cargo does not say where {program} is"))
}

fn command(package: &str, program: &str, arguments: &[String]) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .current_dir(workspace::root())
        .args(["run", "--quiet", "--locked", "--release", "--package", package, "--bin", program])
        .arg("--")
        .args(arguments);
    command
}

fn run(package: &str, program: &str, arguments: &[String]) -> Result<()> {
    let status = command(package, program, arguments)
        .status()
        .context("cannot start cargo: run `./cohesix setup`")?;
    // Ctrl-C ends both: that is how a server is stopped.
    if status.success() || status.code().is_none() {
        return Ok(());
    }
    bail!("{program} failed ({status}); its output stands above")
}
