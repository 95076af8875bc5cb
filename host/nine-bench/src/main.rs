//! Measures 9P servers next to each other with one client: `nine-bench FOLDER`.
//!
//! Our simulator, a server that only parses and answers constants (what any server costs on this
//! host), and two peers: the crate `p9` and Debian's diod, where it is installed. All at unix
//! sockets in FOLDER, in one run, with rounds of each in turn, so that noise hits all alike.
#![forbid(unsafe_code)]

mod client;
mod servers;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::json;

use client::{Client, Operation};
use servers::Target;

/// Rounds per server and operation; the median counts.
const ROUNDS: usize = 15;
/// How long one round takes at least.
const ROUND: Duration = Duration::from_millis(30);
/// Requests on their way at the same time.
const DEPTHS: [usize; 2] = [1, 16];

/// Nanoseconds per operation in each round, by operation and depth.
type Results = BTreeMap<(Operation, usize), Vec<f64>>;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("nine-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let folder = std::env::args_os().nth(1).context("usage: nine-bench FOLDER")?;
    let mut targets = servers::start(Path::new(&folder))?;
    let mut results: Vec<Results> = targets.iter().map(|_| Results::new()).collect();
    for operation in Operation::ALL {
        for depth in DEPTHS {
            for _ in 0..ROUNDS {
                for (target, results) in targets.iter_mut().zip(&mut results) {
                    let took = round(&mut target.client, operation, depth)
                        .with_context(|| format!("{}: {operation:?}", target.name))?;
                    results.entry((operation, depth)).or_default().push(took);
                }
            }
        }
    }
    print(&targets, &results);
    println!("{}", report(&targets, &results));
    Ok(())
}

/// Nanoseconds per operation, over at least [`ROUND`].
fn round(client: &mut Client, operation: Operation, depth: usize) -> Result<f64> {
    let mut operations = 0;
    let start = Instant::now();
    loop {
        for _ in 0..32 {
            client.run(operation, depth)?;
        }
        operations += 32 * depth;
        let elapsed = start.elapsed();
        if elapsed >= ROUND {
            return Ok(elapsed.as_nanos() as f64 / operations as f64);
        }
    }
}

fn print(targets: &[Target], results: &[Results]) {
    println!("{:<24}{}", "ns per operation", header(targets));
    for operation in Operation::ALL {
        for depth in DEPTHS {
            let row = results.iter().map(|results| {
                let rounds = results.get(&(operation, depth));
                rounds.map_or_else(String::new, |rounds| format!("{:>12.0}", median(rounds)))
            });
            let name = format!("{}, depth {depth}", operation.name());
            println!("{name:<24}{}", row.collect::<String>());
        }
    }
}

/// The middle one of what is not nothing.
fn median(rounds: &[f64]) -> f64 {
    let mut sorted = rounds.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

fn header(targets: &[Target]) -> String {
    targets.iter().map(|target| format!("{:>12}", target.name)).collect()
}

/// One line for whoever runs this: a JSON object of each server's rounds.
fn report(targets: &[Target], results: &[Results]) -> serde_json::Value {
    let servers = targets.iter().zip(results).map(|(target, results)| {
        let results = results
            .iter()
            .map(|((operation, depth), ns)| (format!("{}/{depth}", operation.name()), json!(ns)));
        (target.name.to_owned(), results.collect::<serde_json::Value>())
    });
    servers.collect()
}
