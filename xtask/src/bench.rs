//! `./cohesix bench`: what things cost, in instructions and in time.
//!
//! Each system is booted twice: under `-icount shift=0`, where the machine's clock counts
//! instructions and every number is exact and repeatable, and in real time. The ratio of our
//! calls to the bare ones is taken inside one boot of one image.

mod goals;
mod gpu;
mod workers;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use serde_json::{Map, Value, json};

use goals::{Goal, Limit, Servers};

use crate::image::{self, BuildOptions, Built};
use crate::qemu::{Event, Machine, Qemu, Running, Serial};
use crate::secret::Secret;
use crate::{cpu_time, manifest, programs, sizes, workspace};

/// How long a boot may take to print what is waited for.
const DEADLINE: Duration = Duration::from_secs(120);
/// Ticks (seconds) over which the idle system's host CPU is taken.
const IDLE_TICKS: u64 = 5;
/// The goal for our typed calls next to the bare ones.
const RATIO_GOAL: f64 = 1.05;

/// The goal for an append over 9P next to a bare call.
const APPEND_GOAL: f64 = 6.0;

/// The 9P server's image, and the goal for its size in KiB.
const SERVER: &str = "nine-door";
const IMAGE_GOAL: f64 = 200.0;

/// Nanoseconds by name, as one boot printed them. Under -icount they are instructions.
#[derive(Debug, Default)]
struct Measured(BTreeMap<String, u64>);

impl Measured {
    fn get(&self, name: &str) -> Result<f64> {
        let value = self.0.get(name).with_context(|| format!("the VM did not print {name}"))?;
        Ok(*value as f64)
    }

    /// A sum divided by how many it is of.
    fn each(&self, sum: &str, count: &str) -> Result<f64> {
        Ok(self.get(sum)? / self.get(count)?)
    }

    /// Takes `name=value` pairs and the banner's boot time.
    fn take(&mut self, line: &str) {
        if let Some(rest) = line.strip_prefix("boot: ")
            && let Some(Ok(us)) = rest.split(' ').next().map(str::parse::<u64>)
        {
            self.0.insert("boot_ns".to_owned(), us * 1000);
        }
        if line.contains("bench: ") {
            let pairs = line.split(' ').filter_map(|word| word.split_once('='));
            let pairs =
                pairs.filter_map(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
            self.0.extend(pairs);
        }
    }
}

/// What to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum What {
    /// Everything.
    All,
    /// Calls, processes, boot and sizes, in the VM.
    Vm,
    /// 9P: servers on this host next to each other, the codec, an append in the VM.
    #[value(name = "9p")]
    NineP,
    /// Workers: start, end and heartbeats, by how many there are, in the VM.
    Workers,
    /// Jobs on GPUs through the whole chain, in the VM, and on the mock.
    Gpu,
}

/// What is found of the system: by name, for `out/bench.json`, and next to its goals.
#[derive(Debug, Default)]
struct Findings {
    report: Map<String, Value>,
    goals: Vec<Goal>,
}

/// Measures, prints tables and writes `out/bench.json` and `out/bench-9p.json`. Then prints every
/// goal of what was measured, and fails where one is missed.
pub fn run(what: What, options: &BuildOptions) -> Result<()> {
    let qemu = Qemu::find()?;
    let systems = build(options)?;
    let mut findings = Findings::default();
    match what {
        What::All | What::Vm => vm(&qemu, &systems, &mut findings)?,
        What::NineP => findings.goals = append(&qemu, &systems)?,
        What::Workers | What::Gpu => {}
    }
    if matches!(what, What::All | What::Workers) {
        workers::measure(&qemu, &systems, &mut findings)?;
    }
    if matches!(what, What::All | What::Gpu) {
        gpu::measure(&systems, &mut findings)?;
    }
    let Findings { mut report, mut goals } = findings;
    if !report.is_empty() {
        let facts = &systems.main.system.facts;
        report.insert("kernel".to_owned(), json!(facts.kernel.as_str()));
        report.insert("git".to_owned(), json!(facts.git.as_str()));
        let file = workspace::out().join("bench.json");
        image::update(&file, format!("{:#}\n", Value::Object(report)).as_bytes())?;
        println!("written to {}", file.display());
    }
    if matches!(what, What::All | What::NineP) {
        goals.extend(servers()?);
        goals.push(codec()?);
    }
    goals::enforce(&goals)
}

/// Our simulator next to a server that does nothing and to other people's.
fn servers() -> Result<Vec<Goal>> {
    let printed = programs::nine_bench()?;
    let (table, json) = printed.trim_end().rsplit_once('\n').context("a table and a report")?;
    println!("{table}");
    let report: serde_json::Value = serde_json::from_str(json).context("nine-bench's report")?;
    let file = workspace::out().join("bench-9p.json");
    image::update(&file, format!("{report:#}\n").as_bytes())?;
    println!("written to {}", file.display());
    serde_json::from_value::<Servers>(report).context("nine-bench's report")?.goals()
}

fn codec() -> Result<Goal> {
    let printed = programs::codec_bench()?;
    print!("{printed}");
    goals::codec(&printed)
}

/// What an append costs in the VM, and what its server weighs.
fn append(qemu: &Qemu, systems: &Systems) -> Result<Vec<Goal>> {
    let Systems { bench, nine, .. } = systems;
    let bare = boot(qemu, bench, true, "exited: component=ipc-client")?;
    let append = boot(qemu, nine, true, "exited: component=client")?;
    append_goals(&bare, &append, nine)
}

fn append_goals(bare: &Measured, append: &Measured, nine: &Built) -> Result<Vec<Goal>> {
    let bare = bare.each("ipc_bare_ns", "rounds")?;
    let append = append.each("append_ns", "appends")?;
    let images = &nine.system.facts.images;
    let image = images.iter().find(|image| image.name.as_str() == SERVER);
    let image = image.with_context(|| format!("{} has no {SERVER}", "systems/bench-9p.toml"))?;
    Ok(vec![
        Goal {
            what: format!("9P append ({append:.0} instructions) / bare call ({bare:.0})"),
            value: append / bare,
            limit: Limit::AtMost(APPEND_GOAL),
        },
        Goal {
            what: format!("{SERVER}'s image, KiB"),
            value: f64::from(image.size) / 1024.0,
            limit: Limit::AtMost(IMAGE_GOAL),
        },
    ])
}

fn vm(qemu: &Qemu, systems: &Systems, findings: &mut Findings) -> Result<()> {
    let Systems { bench, nine, main, .. } = systems;
    let exact = boot(qemu, bench, true, "exited: component=ipc-client")?;
    let wall = boot(qemu, bench, false, "exited: component=ipc-client")?;
    let append = boot(qemu, nine, true, "exited: component=client")?;
    let real_append = boot(qemu, nine, false, "exited: component=client")?;
    let start = boot(qemu, main, true, "tick 1")?;
    let real_start = boot(qemu, main, false, "tick 1")?;
    let idle = idle_cpu(qemu, main)?;
    let ratio = exact.get("ipc_typed_ns")? / exact.get("ipc_bare_ns")?;
    let append_ratio =
        append.each("append_ns", "appends")? / exact.each("ipc_bare_ns", "rounds")?;

    let sizes = sizes::collect(main)?;
    let row = |m: &Measured, w: &Measured, sum: &str, count: &str| -> Result<(f64, f64)> {
        Ok((m.each(sum, count)?, w.each(sum, count)?))
    };
    let rows = [
        ("call, typed", row(&exact, &wall, "ipc_typed_ns", "rounds")?),
        ("call, bare svc", row(&exact, &wall, "ipc_bare_ns", "rounds")?),
        ("9P append, 64 B", row(&append, &real_append, "append_ns", "appends")?),
        ("spawn", row(&exact, &wall, "spawn_ns", "cycles")?),
        ("kill", row(&exact, &wall, "kill_ns", "cycles")?),
        ("boot to banner", (start.get("boot_ns")?, real_start.get("boot_ns")?)),
    ];
    println!("kernel: {}", bench.system.facts.kernel);
    println!("{:<16} {:>14} {:>14}", "", "instructions", "wall, us");
    for (name, (instructions, ns)) in &rows {
        println!("{name:<16} {instructions:>14.0} {:>14.1}", ns / 1000.0);
    }
    println!("idle host CPU: {:.1} % of one core", idle * 100.0);
    for (name, bytes) in &sizes {
        println!("{name:<16} {bytes:>14} bytes");
    }
    let rows: BTreeMap<_, _> = rows
        .iter()
        .map(|(name, (instructions, ns))| {
            (name, json!({"instructions": instructions, "wall_ns": ns}))
        })
        .collect();
    let sizes: BTreeMap<_, _> = sizes.iter().cloned().collect();
    findings.report.extend([
        ("costs".to_owned(), json!(rows)),
        ("typed_to_bare".to_owned(), json!(ratio)),
        ("append_to_bare".to_owned(), json!(append_ratio)),
        ("idle_host_cpu".to_owned(), json!(idle)),
        ("bytes".to_owned(), json!(sizes)),
    ]);
    findings.goals.extend(append_goals(&exact, &append, nine)?);
    findings.goals.push(Goal {
        what: "call, typed / bare".to_owned(),
        value: ratio,
        limit: Limit::AtMost(RATIO_GOAL),
    });
    Ok(())
}

/// What is booted.
struct Systems {
    bench: Built,
    nine: Built,
    workers: Built,
    main: Built,
}

fn build(options: &BuildOptions) -> Result<Systems> {
    let load = |name: &str| manifest::load(&workspace::root().join("systems").join(name));
    let main = load("qemu-virt.toml")?;
    let kernel = image::kernel_for(&main, options)?;
    let programs = crate::vm::build(&kernel)?;
    let folder = workspace::out().join("bench");
    let assemble = |checked, name| image::assemble(checked, &kernel, &programs, &folder.join(name));
    Ok(Systems {
        bench: assemble(&load("bench.toml")?, "bench")?,
        nine: assemble(&load("bench-9p.toml")?, "bench-9p")?,
        workers: assemble(&load("bench-workers.toml")?, "bench-workers")?,
        main: assemble(&main, "qemu-virt")?,
    })
}

fn start(qemu: &Qemu, built: &Built, icount: bool) -> Result<Running> {
    Ok(start_with_secret(qemu, built, icount)?.0)
}

fn start_with_secret(qemu: &Qemu, built: &Built, icount: bool) -> Result<(Running, Secret)> {
    let payload = built.payload();
    let secret = Secret::random(&workspace::out())?;
    let machine = Machine {
        image: payload.kernel_image,
        initrd: payload.initrd,
        memory_mib: payload.memory_mib,
        serial: Serial::Pipe { log: None },
        icount,
        semihosting: payload.semihosting,
        secret: Some(secret.file().to_path_buf()),
        link: payload.link,
        own_group: false,
    };
    Ok((machine.start(qemu)?, secret))
}

/// Boots until a line starts with `last` and returns what was printed until then.
fn boot(qemu: &Qemu, built: &Built, icount: bool, last: &str) -> Result<Measured> {
    let mut running = start(qemu, built, icount)?;
    let mut measured = Measured::default();
    let deadline = Instant::now() + DEADLINE;
    loop {
        match running.next_event(Some(deadline)) {
            Some(Event::Line(line)) => {
                measured.take(&line.text);
                if line.text.starts_with(last) {
                    break;
                }
            }
            Some(Event::Sentinel(_)) => {}
            other => bail!("the VM did not print {last:?}: {other:?}"),
        }
    }
    running.quit()?;
    Ok(measured)
}

/// Share of a host core that the idle system takes.
fn idle_cpu(qemu: &Qemu, built: &Built) -> Result<f64> {
    let mut running = start(qemu, built, false)?;
    let deadline = Instant::now() + DEADLINE;
    running.wait_for_line(|text| text == "tick 2", deadline)?;
    let (from, busy_from) = (Instant::now(), cpu_time::of(running.pid())?);
    let last = format!("tick {}", 2 + IDLE_TICKS);
    running.wait_for_line(|text| text == last, deadline)?;
    let busy = cpu_time::of(running.pid())? - busy_from;
    let share = busy.as_secs_f64() / from.elapsed().as_secs_f64();
    running.quit()?;
    Ok(share)
}
