//! `workers`: who lives and what each may still spend, as `/proc/sched` says.

use ::control::WorkerId;
use client::Errno;
use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::files;
use crate::output::Output;
use crate::session::Hive;

/// A line a worker, and lines of what else runs.
const SCHEDULE: &str = "/proc/sched";
/// A directory a worker, whose version changes as they come and go.
const WORKERS: &str = "/worker";
/// How often the schedule is read while workers come and go.
const TRIES: usize = 16;
/// What the columns are called.
const TITLE: [&str; 5] = ["NAME", "KIND", "TICKS LEFT", "OPS LEFT", "TTL LEFT"];

/// A worker's line.
#[derive(Debug, PartialEq, Eq)]
struct Worker {
    id: WorkerId,
    kind: String,
    period_ms: u64,
    ticks_left: u64,
    ops_left: u64,
    ttl_left_s: u64,
}

impl Worker {
    /// The worker whose line this is: `worker-7 kind=heartbeat period_ms=1000 …`.
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let id = WorkerId::of(words.next()?)?;
        let fields: Vec<_> = words.filter_map(|word| word.split_once('=')).collect();
        let field = |name| {
            let mut named = fields.iter().filter(|(other, _)| *other == name);
            named.next().map(|(_, value)| *value)
        };
        let number = |name| field(name)?.parse().ok();
        Some(Self {
            id,
            kind: field("kind")?.to_owned(),
            period_ms: number("period_ms")?,
            ticks_left: number("ticks_left")?,
            ops_left: number("ops_left")?,
            ttl_left_s: number("ttl_left_s")?,
        })
    }

    fn object(&self) -> Value {
        let Self { id, kind, period_ms, ticks_left, ops_left, ttl_left_s } = self;
        json!({
            "worker": id.to_string(),
            "kind": kind,
            "period_ms": period_ms,
            "ticks_left": ticks_left,
            "ops_left": ops_left,
            "ttl_left_s": ttl_left_s,
        })
    }

    fn cells(&self) -> [String; 5] {
        let Self { id, kind, ticks_left, ops_left, ttl_left_s, .. } = self;
        [
            id.to_string(),
            kind.clone(),
            ticks_left.to_string(),
            ops_left.to_string(),
            format!("{ttl_left_s} s"),
        ]
    }
}

/// The workers of a schedule, in order of their numbers.
fn workers(schedule: &str) -> Vec<Worker> {
    let mut workers: Vec<_> = schedule.lines().filter_map(Worker::parse).collect();
    workers.sort_by_key(|worker| worker.id);
    workers
}

/// Names to the left, numbers to the right.
fn table(workers: &[Worker]) -> String {
    let rows: Vec<_> = [TITLE.map(ToOwned::to_owned)]
        .into_iter()
        .chain(workers.iter().map(Worker::cells))
        .collect();
    let widest = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(String::len).max().unwrap_or_default()
    };
    let widths: [usize; 5] = std::array::from_fn(widest);
    let mut table = String::new();
    for [name, kind, numbers @ ..] in &rows {
        let [first, second, rest @ ..] = widths;
        let mut line = format!("{name:<first$}  {kind:<second$}");
        for (number, width) in numbers.iter().zip(rest) {
            line += &format!("  {number:>width$}");
        }
        table += &line;
        table.push('\n');
    }
    table
}

/// Changes as workers come and go; `None` where this session cannot see it.
fn version(hive: &mut Hive) -> Result<Option<u32>> {
    match hive.with_file(WORKERS, |hive, file| hive.getattr(file)) {
        Ok(attributes) => Ok(Some(attributes.qid.version)),
        Err(client::Error::Refused(Errno::EACCES)) => Ok(None),
        Err(error) => Err(Failure::from(error).at(WORKERS)),
    }
}

/// Lists the workers.
///
/// A long schedule is read in pieces, between which workers may come and go; then it is read again.
pub(crate) fn list(hive: &mut Hive, output: &mut Output) -> Result<()> {
    let mut schedule = Vec::new();
    for _ in 0..TRIES {
        let before = version(hive)?;
        schedule = files::read_whole(hive, SCHEDULE).map_err(|failure| failure.at(SCHEDULE))?;
        if version(hive)? == before {
            break;
        }
    }
    let workers = workers(&String::from_utf8_lossy(&schedule));
    if output.is_json() {
        return workers.iter().try_for_each(|worker| output.object(&worker.object()));
    }
    let table = table(&workers);
    let lines: Vec<_> = table.lines().map(|line| output.name(line)).collect();
    output.text(&(lines.join("\n") + "\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCHEDULE: &str = "\
nine-door scheduler=host
worker-12 kind=heartbeat period_ms=1000 ticks_left=99995      ops_left=7          ttl_left_s=60      \n\
worker-2 kind=gpu period_ms=1000 ticks_left=1          ops_left=999988     ttl_left_s=3595    \n\
worker-3 kind=heartbeat period_ms=1000 ticks_left=1
";

    #[test]
    fn a_schedule_is_a_table() {
        assert_eq!(
            table(&workers(SCHEDULE)),
            "NAME       KIND       TICKS LEFT  OPS LEFT  TTL LEFT\n\
             worker-2   gpu                 1    999988    3595 s\n\
             worker-12  heartbeat       99995         7      60 s\n"
        );
        assert_eq!(table(&[]), "NAME  KIND  TICKS LEFT  OPS LEFT  TTL LEFT\n");
    }

    #[test]
    fn only_whole_lines_of_workers_are_workers() {
        assert!(Worker::parse("worker-07 kind=x").is_none());
        assert_eq!(workers(SCHEDULE).len(), 2);
    }
}
