//! Serves a simulated hive until it is told to stop.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Parser;
use hive_sim::{Hive, serve_tcp, serve_unix};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// NineDoor's code in one process of the host: the same files, without a VM.
#[derive(Parser)]
#[command(name = "hive-sim", version)]
struct Options {
    /// Where clients connect
    #[arg(long, value_name = "PATH", default_value = "hive.sock")]
    socket: PathBuf,
    /// Serve by TCP, too
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
}

fn main() -> Result<()> {
    let options = Options::parse();
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("cannot watch for signals")?;
    let hive = Arc::new(Hive::new());
    let socket = &options.socket;
    let _unix = serve_unix(&hive, socket)
        .with_context(|| format!("cannot serve at {}: give another --socket", socket.display()))?;
    println!("listening on {}", socket.display());
    let _tcp = match &options.listen {
        None => None,
        Some(listen) => {
            let server = serve_tcp(&hive, listen)
                .with_context(|| format!("cannot listen at {listen}: give ADDRESS:PORT"))?;
            if let Some(address) = server.address() {
                println!("listening on {address}");
            }
            Some(server)
        }
    };
    // The sockets go with the servers.
    signals.forever().next();
    Ok(())
}
