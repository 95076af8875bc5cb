//! `workers`: who lives and what each may still spend, as `/proc/sched` says.

use std::collections::{BTreeMap, BTreeSet};

use ::control::WorkerId;
use client::Errno;
use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::files;
use crate::output::Output;
use crate::session::Hive;

/// A line a worker, and lines of what else runs.
const SCHEDULE: &str = "/proc/sched";
/// A directory a worker.
const WORKERS: &str = "/worker";
/// How often the schedule is read at most.
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

/// Workers in order of their numbers.
type Workers = BTreeMap<WorkerId, Worker>;

/// Names to the left, numbers to the right.
fn table(workers: &Workers) -> String {
    let rows: Vec<_> = [TITLE.map(ToOwned::to_owned)]
        .into_iter()
        .chain(workers.values().map(Worker::cells))
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

/// The whole lines in what was read behind another line's end, and how many bytes they are. Where
/// it does not begin with such an end something has moved, and what it begins with is the rest of a
/// line.
fn whole_lines(bytes: &[u8], is_first: bool) -> (&[u8], usize) {
    let is_end = |byte: &u8| *byte == b'\n';
    let start = if is_first { Some(0) } else { bytes.iter().position(is_end).map(|at| at + 1) };
    let end = bytes.iter().rposition(is_end).map_or(0, |at| at + 1);
    let lines = start.and_then(|start| bytes.get(start..end)).unwrap_or_default();
    (lines, end)
}

/// What one reading of the schedule finds.
///
/// It takes several reads, between which workers come and go and lines move. Each read begins at
/// the line end that the last one came to, so that no line is put together of two. A line may be
/// missed all the same.
fn read_once(hive: &mut Hive) -> Result<Workers> {
    let read = hive.with_file(SCHEDULE, |hive, file| {
        files::open(hive, file)?;
        let (mut workers, mut offset, mut is_first) = (Workers::new(), 0, true);
        loop {
            let bytes = hive.read(file, offset, u32::MAX)?;
            let (lines, end) = whole_lines(bytes, is_first);
            let text = String::from_utf8_lossy(lines);
            let found = text.lines().filter_map(Worker::parse);
            workers.extend(found.map(|worker| (worker.id, worker)));
            // The end of its last line is read again, and where there is no more it is all.
            let least = if is_first { 0 } else { 1 };
            if end <= least {
                return Ok(workers);
            }
            offset += end as u64 - 1;
            is_first = false;
        }
    });
    read.map_err(|failure: Failure| failure.at(SCHEDULE))
}

/// Who lives; `None` where this session cannot see it. A directory's entries do not move.
fn living(hive: &mut Hive) -> Result<Option<BTreeSet<WorkerId>>> {
    match hive.list(WORKERS) {
        Ok(entries) => {
            Ok(Some(entries.iter().filter_map(|entry| WorkerId::of(&entry.name)).collect()))
        }
        Err(client::Error::Refused(Errno::EACCES)) => Ok(None),
        Err(error) => Err(Failure::from(error).at(WORKERS)),
    }
}

/// Reads the schedule until everybody who lives was found, or, where that cannot be seen, until it
/// twice says the same. Where workers come and go all the time the youngest may be missing.
fn gather(hive: &mut Hive) -> Result<Workers> {
    let (mut all, mut last) = (Workers::new(), None);
    for _ in 0..TRIES {
        let read = read_once(hive)?;
        let found: BTreeSet<_> = read.keys().copied().collect();
        all.extend(read);
        let is_all = match living(hive)? {
            Some(living) => {
                all.retain(|id, _| living.contains(id));
                all.len() == living.len()
            }
            None => last.as_ref() == Some(&found),
        };
        if is_all {
            break;
        }
        last = Some(found);
    }
    Ok(all)
}

/// The worker of this kind that was started last.
pub(crate) fn last_of(hive: &mut Hive, kind: &str) -> Result<Option<WorkerId>> {
    let mut workers = gather(hive)?.into_values().rev();
    Ok(workers.find(|worker| worker.kind == kind).map(|worker| worker.id))
}

/// Lists the workers.
pub(crate) fn list(hive: &mut Hive, output: &mut Output) -> Result<()> {
    let workers = gather(hive)?;
    if output.is_json() {
        return workers.values().try_for_each(|worker| output.object(&worker.object()));
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

    fn workers(schedule: &str) -> Workers {
        schedule.lines().filter_map(Worker::parse).map(|worker| (worker.id, worker)).collect()
    }

    #[test]
    fn lines_are_taken_whole() {
        assert_eq!(whole_lines(b"a\nb\nc", true), (&b"a\nb\n"[..], 4));
        assert_eq!(whole_lines(b"\na\nb\nc", false), (&b"a\nb\n"[..], 5));
        // Something has moved.
        assert_eq!(whole_lines(b"c\na\nb\n", false), (&b"a\nb\n"[..], 6));
        assert_eq!(whole_lines(b"\n", false), (&b""[..], 1));
        assert_eq!(whole_lines(b"", false), (&b""[..], 0));
        assert_eq!(whole_lines(b"too long", true), (&b""[..], 0));
    }

    #[test]
    fn a_schedule_is_a_table() {
        assert_eq!(
            table(&workers(SCHEDULE)),
            "NAME       KIND       TICKS LEFT  OPS LEFT  TTL LEFT\n\
             worker-2   gpu                 1    999988    3595 s\n\
             worker-12  heartbeat       99995         7      60 s\n"
        );
        assert_eq!(table(&Workers::new()), "NAME  KIND  TICKS LEFT  OPS LEFT  TTL LEFT\n");
    }

    #[test]
    fn only_whole_lines_of_workers_are_workers() {
        assert!(Worker::parse("worker-07 kind=x").is_none());
        assert_eq!(workers(SCHEDULE).len(), 2);
    }
}
