//! `hive-sim`: serves a simulated hive until it is told to stop.
#![forbid(unsafe_code)]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use hive_sim::{Hive, Secret, SecretFile, serve_tcp, serve_unix};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

/// Exit code for a usage or a link that does not work.
const FAILED: u8 = 2;

/// NineDoor's code in one process of the host: the same files, without a VM.
#[derive(Debug, Parser)]
#[command(name = "hive-sim", version)]
struct Options {
    /// Where clients connect: mode 0600, and removed at the end
    #[arg(long, value_name = "PATH", default_value = "hive.sock")]
    socket: PathBuf,
    /// Serve by TCP, too, to whoever has a ticket; a port alone means this host only
    #[arg(long, value_name = "[ADDRESS:]PORT")]
    listen: Option<String>,
    /// The secret that tickets are minted with [default: a random one, in the file SOCKET.secret
    /// as long as this runs]
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("hive-sim: {error:#}");
            ExitCode::from(FAILED)
        }
    }
}

fn run(options: &Options) -> Result<()> {
    // Before the socket is there, so that an early signal leaves none behind.
    let mut told = signals().context("cannot watch for signals")?;
    let socket = &options.socket;
    let secret = secret(options.secret.as_deref())?;
    let hive = Hive::start(secret.bytes()).context("cannot start: give another --secret")?;
    let tcp = match &options.listen {
        None => None,
        Some(listen) => Some(serve_tcp(&hive, tcp_address(listen)).with_context(|| {
            format!("cannot listen at {listen}: give another --listen, PORT or ADDRESS:PORT")
        })?),
    };
    let unix = serve_unix(&hive, socket)
        .with_context(|| format!("cannot serve at {}: give another --socket", socket.display()))?;
    // Now the socket is ours, so a file of that name is nobody's.
    let written =
        if options.secret.is_none() { Some(write_secret(&secret, socket)?) } else { None };
    if let Some(address) = tcp.as_ref().and_then(|tcp| tcp.address()) {
        println!("listening on {address}");
    }
    println!("listening on {}", socket.display());
    if let Some((_, path)) = &written {
        println!("secret in {}", path.display());
    }
    std::io::stdout().flush().context("cannot say that it is ready")?;
    let _ = told.read(&mut [0]);
    drop((unix, tcp, written));
    Ok(())
}

fn secret(given: Option<&Path>) -> Result<Secret> {
    match given {
        Some(path) => Secret::read(path)
            .with_context(|| format!("cannot read {}: give another --secret", path.display())),
        None => Secret::random().context("cannot make a secret: give one by --secret"),
    }
}

/// Writes a secret that was made here next to the socket, and says where.
fn write_secret(secret: &Secret, socket: &Path) -> Result<(SecretFile, PathBuf)> {
    let mut path = socket.as_os_str().to_owned();
    path.push(".secret");
    let path = PathBuf::from(path);
    let written = secret.write(&path).with_context(|| {
        format!("cannot write the secret to {}: give one by --secret", path.display())
    })?;
    Ok((written, path))
}

/// A port alone means this host only.
fn tcp_address(listen: &str) -> String {
    if listen.contains(':') { listen.to_owned() } else { format!("127.0.0.1:{listen}") }
}

/// The end of a pipe that a byte comes out of when the process is told to stop.
fn signals() -> std::io::Result<UnixStream> {
    let (told, tell) = UnixStream::pair()?;
    pipe::register(SIGINT, tell.try_clone()?)?;
    pipe::register(SIGTERM, tell)?;
    Ok(told)
}
