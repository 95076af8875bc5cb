//! `gpu`: which GPUs there are, leases of them, and jobs on them.
//!
//! The files are the hive's (`/gpu`); a lease is a GPU worker's, so to lease is to spawn one. A job
//! is [`crate::job`]'s.

use std::fmt::Write as _;
use std::path::PathBuf;

use ::control::WorkerId;
use ::gpu::{GpuId, Kernel};
use client::Errno;
use serde_json::Value;

use crate::builtin::{self, Builtin};
use crate::control;
use crate::failure::{Failure, Result};
use crate::files;
use crate::job::{self, Run};
use crate::output::Output;
use crate::session::Hive;

/// A directory a GPU, and a file for bridges.
pub(crate) const GPUS: &str = "/gpu";
/// What the first column of the table is called, and the others.
const TITLE: [&str; 7] =
    ["ID", "BACKEND", "MEMORY MB", "FREE MB", "STREAMS", "FREE STREAMS", "NAME"];
/// What a lease has where nothing is said: memory in MiB, streams, seconds.
const LEASE: [(&str, &str, &str); 3] = [
    ("--mem-mb", "--mem-mb", "1024"),
    ("--streams", "--streams", "1"),
    ("--ttl", "--lease-ttl", "60"),
];

/// Where the bridge has its bundles, where nothing is said.
const BUNDLES: &str = "bundles";

/// Sides of matrices that are square: their product is within what a job may multiply.
const SQUARE: (u64, u64) = (1, 4096);
const _: () = assert!(SQUARE.1.pow(3) <= ::gpu::limits::MATMUL_WORK);

/// A command of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Gpu {
    List,
    Info {
        id: String,
    },
    /// A worker is spawned, with a lease.
    Lease(control::Order),
    Run(Run),
}

/// The words behind a command of the table, each in its place.
struct Given<'a> {
    builtin: &'static Builtin,
    flags: Vec<(&'static str, &'a str)>,
    places: Vec<&'a str>,
}

impl<'a> Given<'a> {
    fn of(builtin: &'static Builtin, words: &'a [String]) -> Result<Self> {
        let wrong = |what: String| wrong(builtin, &what);
        let mut given = Self { builtin, flags: Vec::new(), places: Vec::new() };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            if word.len() > 1 && word.starts_with('-') {
                let flag = builtin.flags.iter().find(|flag| flag.word == *word);
                let flag = flag.ok_or_else(|| wrong(format!("no option {word}")))?;
                if given.has(flag.word) {
                    return Err(wrong(format!("{word} stands twice")));
                }
                let value = match flag.value {
                    None => "",
                    Some(_) => {
                        words.next().ok_or_else(|| wrong(format!("{word} takes a value")))?
                    }
                };
                given.flags.push((flag.word, value));
            } else if given.places.len() < builtin.places.len() {
                given.places.push(word);
            } else {
                return Err(wrong(format!("`{word}` is too much")));
            }
        }
        let place = builtin.places.get(given.places.len()).map(|place| place.word);
        let flag = builtin.flags.iter().find(|flag| flag.required && !given.has(flag.word));
        match place.or(flag.map(|flag| flag.word)) {
            Some(missing) => Err(wrong(format!("{missing} is missing"))),
            None => Ok(given),
        }
    }

    fn has(&self, flag: &str) -> bool {
        self.value(flag).is_some()
    }

    fn value(&self, flag: &str) -> Option<&'a str> {
        self.flags.iter().find(|(word, _)| *word == flag).map(|(_, value)| *value)
    }

    /// A number of the range.
    fn number(&self, flag: &str, (least, most): (u64, u64), without: u32) -> Result<u32> {
        let Some(text) = self.value(flag) else { return Ok(without) };
        let number = text.parse::<u64>().ok().filter(|number| number.to_string() == text);
        let number = number.filter(|number| (least..=most).contains(number));
        number.and_then(|number| u32::try_from(number).ok()).ok_or_else(|| {
            let must = format!("{flag}: must be a whole number from {least} to {most}");
            wrong(self.builtin, &must)
        })
    }
}

fn wrong(builtin: &Builtin, what: &str) -> Failure {
    Failure::usage(format!("{}: {what}: `{}`", builtin.name, builtin.usage(None)))
}

/// The command that these words are, behind `gpu`.
pub(crate) fn parse(words: &[String]) -> Result<Gpu> {
    let kind = words.first().and_then(|word| builtin::find(&format!("gpu {word}")));
    let Some(builtin) = kind else {
        let kinds = builtin::second_words("gpu").map(|word| format!("`gpu {word}`"));
        let kinds = kinds.collect::<Vec<_>>().join(" or ");
        return Err(Failure::usage(format!("gpu: what of them? {kinds}")));
    };
    let given = Given::of(builtin, words.get(1..).unwrap_or_default())?;
    let first = given.places.first().copied().unwrap_or_default();
    match builtin.name {
        "gpu info" => match GpuId::of(first) {
            Some(_) => Ok(Gpu::Info { id: first.to_owned() }),
            None => Err(wrong(builtin, "must be a GPU like GPU-0; `gpu ls` lists them")),
        },
        "gpu lease" => lease(&given, first).map(Gpu::Lease),
        "gpu run" => run(&given, first).map(Gpu::Run),
        _ => Ok(Gpu::List),
    }
}

/// The line that spawns a worker with the lease.
fn lease(given: &Given<'_>, gpu: &str) -> Result<control::Order> {
    let mut words = vec!["gpu".to_owned(), gpu.to_owned()];
    for (word, field, without) in LEASE {
        words.extend([field.to_owned(), given.value(word).unwrap_or(without).to_owned()]);
    }
    control::order("spawn", &words)
}

fn run(given: &Given<'_>, kernel: &str) -> Result<Run> {
    use ::gpu::limits::{TIMEOUT_MS, VADD_N};
    let wrong = |what: &str| wrong(given.builtin, what);
    let kernel = match kernel {
        "vadd" => Kernel::Vadd { n: given.number("--n", VADD_N, 0)? },
        "matmul" => {
            let n = given.number("--n", SQUARE, 0)?;
            Kernel::Matmul { m: n, n, k: n }
        }
        _ => return Err(wrong("must be vadd or matmul")),
    };
    let no_worker = || wrong("--worker: must be a worker like worker-7");
    let worker = given.value("--worker").map(|id| WorkerId::of(id).ok_or_else(no_worker));
    Ok(Run {
        kernel,
        worker: worker.transpose()?,
        bundles: PathBuf::from(given.value("--bundles").unwrap_or(BUNDLES)),
        timeout_ms: given.number("--timeout-ms", TIMEOUT_MS, 60_000)?,
        verify: given.has("--verify"),
    })
}

/// Does what the command says.
pub(crate) fn execute(hive: &mut Hive, command: &Gpu, output: &mut Output) -> Result<()> {
    match command {
        Gpu::List => list(hive, output),
        Gpu::Info { id } => info(hive, id, output),
        Gpu::Lease(order) => control::run(hive, order, output),
        Gpu::Run(run) => job::run(hive, run, output),
    }
}

/// The names of the GPUs that are published.
pub(crate) fn names(hive: &mut Hive) -> Result<Vec<String>> {
    let entries = hive.list(GPUS).map_err(|error| Failure::from(error).at(GPUS))?;
    let directories = entries.into_iter().filter(|entry| entry.kind == client::Kind::Directory);
    Ok(directories.map(|entry| entry.name).collect())
}

fn read(hive: &mut Hive, id: &str) -> Result<Value> {
    let path = format!("{GPUS}/{id}/info");
    let bytes = files::read_whole(hive, &path).map_err(|failure| match failure.errno() {
        Some(Errno::ENOENT) => failure.advised("`gpu ls` lists those that a bridge publishes"),
        _ => failure,
    });
    let bytes = bytes.map_err(|failure| failure.at(&path))?;
    serde_json::from_slice(&bytes).map_err(|error| {
        Failure::usage(format!("is no object: {error}; connect to a hive")).at(&path)
    })
}

fn list(hive: &mut Hive, output: &mut Output) -> Result<()> {
    let mut rows = vec![TITLE.map(ToOwned::to_owned)];
    for id in names(hive)? {
        let info = match read(hive, &id) {
            Ok(info) => info,
            // Gone since it was listed.
            Err(failure) if matches!(failure.errno(), Some(Errno::ENOENT | Errno::EBADF)) => {
                continue;
            }
            Err(failure) => return Err(failure),
        };
        if output.is_json() {
            output.object(&info)?;
        }
        rows.push(
            [
                &info["id"],
                &info["backend"],
                &info["memory_mb"],
                &info["leases"]["memory_mb_free"],
                &info["streams"],
                &info["leases"]["streams_free"],
                &info["name"],
            ]
            .map(plain),
        );
    }
    if output.is_json() {
        return Ok(());
    }
    let widest = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or_default();
    let widths: [usize; TITLE.len()] = std::array::from_fn(widest);
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<_> =
            row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        // Cannot fail: it is a string. (So below.)
        let _ = writeln!(text, "{}", output.name(cells.join("  ").trim_end()));
    }
    output.text(&text)
}

/// A value as a cell.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => "-".to_owned(),
        other => other.to_string(),
    }
}

fn info(hive: &mut Hive, id: &str, output: &mut Output) -> Result<()> {
    let info = read(hive, id)?;
    if output.is_json() {
        return output.object(&info);
    }
    let mut text = String::new();
    for (name, value) in info.as_object().into_iter().flatten() {
        match value.as_object() {
            Some(inner) => {
                for (inner, value) in inner {
                    let _ = writeln!(
                        text,
                        "{}",
                        output.name(&format!("{name}.{inner}: {}", plain(value)))
                    );
                }
            }
            None => {
                let _ = writeln!(text, "{}", output.name(&format!("{name}: {}", plain(value))));
            }
        }
    }
    output.text(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(line: &str) -> Result<Gpu> {
        let words: Vec<_> = line.split_whitespace().map(ToOwned::to_owned).collect();
        parse(&words)
    }

    #[test]
    fn words_are_commands() {
        assert_eq!(of("ls").expect("a command"), Gpu::List);
        assert_eq!(of("info GPU-0").expect("a command"), Gpu::Info { id: "GPU-0".into() });
        let lease = "spawn gpu GPU-0 --mem-mb 9 --streams 1 --lease-ttl 5";
        let lease: Vec<_> = lease.split(' ').map(ToOwned::to_owned).collect();
        let lease = control::order("spawn", &lease[1..]).expect("an order");
        assert_eq!(of("lease GPU-0 --ttl 5 --mem-mb 9").expect("a command"), Gpu::Lease(lease));
        let Ok(Gpu::Run(run)) = of("run matmul --n 7 --verify --worker worker-3 --bundles /b")
        else {
            panic!("no job")
        };
        assert_eq!((run.kernel, run.verify), (Kernel::Matmul { m: 7, n: 7, k: 7 }, true));
        assert_eq!((run.worker, run.timeout_ms), (WorkerId::of("worker-3"), 60_000));
        let Ok(Gpu::Run(run)) = of("run vadd --n 1048576 --verify") else { panic!("no job") };
        assert_eq!((run.worker, run.bundles), (None, PathBuf::from("bundles")));
    }

    #[test]
    fn what_is_wrong_is_told_with_what_is_right() {
        for (line, says) in [
            ("", "`gpu info` or `gpu lease` or `gpu ls` or `gpu run`"),
            ("list", "gpu: what of them?"),
            ("ls x", "gpu ls: `x` is too much: `gpu ls`"),
            ("info", "gpu info: GPU is missing"),
            ("info a/b", "must be a GPU"),
            ("lease GPU-0 --mem-mb 0", "lease.mem_mb: must be a whole number"),
            ("lease GPU-0 --mem 0", "no option --mem"),
            ("run vadd --worker worker-1", "--n is missing"),
            ("run vadd --n 0 --worker worker-1 --bundles b", "--n: must be a whole number from 1"),
            ("run vadd --n 5 --n 6", "--n stands twice"),
            ("run matmul --n 4097", "--n: must be a whole number from 1 to 4096"),
            ("run vsub --n 5 --worker worker-1 --bundles b", "must be vadd or matmul"),
            ("run vadd --n 5 --worker 1 --bundles b", "must be a worker"),
            ("run vadd --n", "--n takes a value"),
        ] {
            let failure = of(line).expect_err(line).to_string();
            assert!(failure.contains(says), "{line}: {failure}");
        }
    }
}
