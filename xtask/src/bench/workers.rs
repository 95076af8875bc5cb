//! Workers: what their start, end and heartbeats cost by how many there are, and how many
//! heartbeats a second a full house reaches.
//!
//! The costs are measured by a client inside the VM that runs when nobody else does
//! (`systems/bench-workers.toml`). How much a full house does is seen from the host, for inside
//! nobody below the workers runs then.

use std::collections::BTreeMap;
use std::fmt;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use client::{Client, Mode, Who};
use link::Link;
use serde::Serialize;
use serde_json::json;

use super::goals::{self, Goal};
use super::{DEADLINE, Findings, Measured, Systems, boot, start_with_secret};
use crate::cpu_time;
use crate::image::Built;
use crate::qemu::Qemu;

/// How many workers there were, as tasks/bench-9p has it.
const POPULATIONS: [u32; 4] = [1, 10, 100, 200];
/// What the VM prints last.
const LAST: &str = "exited: component=client";
/// How long a full house's heartbeats are counted.
const COUNTED: Duration = Duration::from_secs(5);

/// What is measured, and the names of its sum and of its count in what the VM prints, before and
/// behind the number of workers.
const COSTS: [(&str, &str, &str); 4] = [
    ("spawn", "spawn", "lives"),
    ("kill", "kill", "lives"),
    ("first beat", "first", "firsts"),
    (BEAT, "beat", "beats"),
];

/// What is not known in real time: the host's own noise is larger.
const BEAT: &str = "heartbeat";

/// Costs by their names, by how many workers there were.
#[derive(Debug, Serialize)]
#[serde(transparent)]
struct Table(BTreeMap<u32, BTreeMap<&'static str, f64>>);

/// Heartbeats a second, next to the costs.
const PER_SECOND: &str = "beats/s";

impl Table {
    /// Of a boot that counted instructions.
    fn exact(measured: &Measured) -> Result<Self> {
        let row = |n: u32| {
            let mut row = BTreeMap::new();
            for (name, sum, count) in COSTS {
                row.insert(name, measured.each(&format!("{sum}_{n}_ns"), &format!("{count}_{n}"))?);
            }
            let rate = measured.each(&format!("beats_{n}"), &format!("window_{n}_ns"))?;
            row.insert(PER_SECOND, rate * 1e9);
            Ok((n, row))
        };
        POPULATIONS.into_iter().map(row).collect::<Result<_>>().map(Self)
    }

    /// Of a boot in real time.
    fn wall(measured: &Measured) -> Result<Self> {
        let Self(mut rows) = Self::exact(measured)?;
        rows.values_mut().for_each(|row| {
            row.remove(BEAT);
        });
        Ok(Self(rows))
    }

    /// A line for each number of workers; costs divided by `unit`, with so many digits.
    fn print(&self, title: &str, unit: f64, digits: usize) {
        let names = COSTS.map(|(name, ..)| name);
        let header = names.map(|name| format!(" {name:>12}")).concat();
        println!("{title:<16}{header} {PER_SECOND:>12}");
        for (n, row) in &self.0 {
            let costs = names.map(|name| match row.get(name) {
                Some(cost) => format!(" {:>12.digits$}", cost / unit),
                None => format!(" {:>12}", "-"),
            });
            let costs = costs.concat();
            println!("{:<16}{costs} {:>12.0}", format!("{n} workers"), row[PER_SECOND]);
        }
    }

    fn growth(&self) -> impl Iterator<Item = Goal> {
        COSTS.iter().map(|(name, ..)| {
            let what = format!("{name} with 200 workers");
            goals::growth(&what, self.0[&10][name], self.0[&200][name])
        })
    }

    /// That the dearest of all is like the others.
    fn dearest(&self, name: &str, cost: f64) -> Goal {
        goals::growth(&format!("dearest {name} of all"), self.0[&10][name], cost)
    }
}

/// Measures, prints tables and adds goals.
pub fn measure(qemu: &Qemu, systems: &Systems, findings: &mut Findings) -> Result<()> {
    let exact = boot(qemu, &systems.workers, true, LAST)?;
    let wall = boot(qemu, &systems.workers, false, LAST)?;
    let (instructions, wall) = (Table::exact(&exact)?, Table::wall(&wall)?);
    let dearest =
        [("spawn", exact.get("dearest_spawn_ns")?), ("kill", exact.get("dearest_kill_ns")?)];
    let (spawn, kill) = (exact.get("log_spawn_bytes")?, exact.get("log_kill_bytes")?);
    println!("kernel: {}", systems.workers.system.facts.kernel);
    instructions.print("instructions", 1.0, 0);
    wall.print("wall, us", 1000.0, 1);
    println!("log: {spawn} bytes a spawn, {kill} a kill, none a heartbeat");
    let full = FullHouse::count(qemu, &systems.main)?;
    println!("{full}");
    findings.goals.extend(instructions.growth());
    findings.goals.extend(dearest.map(|(name, cost)| instructions.dearest(name, cost)));
    let report = json!({
        "instructions": instructions,
        "wall_ns": wall,
        "dearest": BTreeMap::from(dearest),
        "log_bytes": { "spawn": spawn, "kill": kill },
        "full_house": full,
    });
    findings.report.insert("workers".to_owned(), report);
    Ok(())
}

/// Every place taken by a worker that ticks as often as it may.
#[derive(Debug, Serialize)]
struct FullHouse {
    workers: u32,
    period_ms: u32,
    /// Heartbeats a second that are appended.
    per_second: f64,
    /// Share of a host's core that QEMU takes.
    cpu: f64,
}

impl FullHouse {
    fn count(qemu: &Qemu, built: &Built) -> Result<Self> {
        let kinds = built.system.workers.as_ref().map(|workers| &workers.kinds);
        let kind = kinds.and_then(|kinds| kinds.first()).context("the system has no workers")?;
        let (workers, period_ms) = (u32::from(kind.places), kind.period_ms.least);
        let (mut running, secret) = start_with_secret(qemu, built, false)?;
        let port = running.take_link().context("the system has no link")?;
        let link = Link::start(port)?;
        link.wait_ready(DEADLINE)?;
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_read_timeout(Some(DEADLINE))?;
        link.attach(theirs)?;
        let who = Who { uname: "bench".into(), aname: secret.queen()?.as_str().into() };
        let mut client = Client::attach(ours, &who)?;
        client.with_open("/queen/ctl", Mode::Append, |client, control| {
            let line = format!("{{\"spawn\":\"heartbeat\",\"period_ms\":{period_ms}}}\n");
            (0..workers).try_for_each(|_| client.write(control, 0, line.as_bytes()).map(drop))
        })?;
        let pid = running.pid();
        let (before, from) = (ticks_left(&mut client, workers)?, Instant::now());
        let cpu_before = cpu_time::of(pid)?;
        std::thread::sleep(COUNTED);
        let (after, passed) = (ticks_left(&mut client, workers)?, from.elapsed().as_secs_f64());
        let cpu = (cpu_time::of(pid)? - cpu_before).as_secs_f64() / passed;
        running.quit()?;
        Ok(Self { workers, period_ms, per_second: (before - after) as f64 / passed, cpu })
    }
}

impl fmt::Display for FullHouse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { workers, period_ms, per_second, cpu } = self;
        let asked = f64::from(*workers) * 1000.0 / f64::from(*period_ms);
        let each = cpu / per_second * 1e6;
        let cpu = cpu * 100.0;
        write!(
            f,
            "{workers} workers with a period of {period_ms} ms: {per_second:.0} heartbeats/s of \
             {asked:.0}, {cpu:.0} % of one host core, {each:.0} us of it each"
        )
    }
}

/// Heartbeats that all workers may still append.
fn ticks_left(client: &mut Client<UnixStream>, workers: u32) -> Result<u64> {
    let text = client.read_whole("/proc/sched")?;
    let text = String::from_utf8(text).context("/proc/sched is text")?;
    let left = text.split_whitespace().filter_map(|word| word.strip_prefix("ticks_left="));
    let left: Vec<u64> = left.map(str::parse).collect::<Result<_, _>>()?;
    ensure!(left.len() == workers as usize, "{} workers of {workers} live", left.len());
    Ok(left.iter().sum())
}
