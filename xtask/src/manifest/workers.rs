//! Workers: what each kind is and may be asked for, read, checked by itself and against the rest.

use std::ops::RangeInclusive;

use ::manifest::workers::{
    Budget, Kind, LEAST_PERIOD_MS, MAX_WORKERS, MOST_PERIOD_MS, MOST_TTL_S, Period, Worker, Workers,
};
use ::manifest::{Capabilities, Name, Start};

use super::draft::{self, ComponentDraft, PAGE, narrow};
use super::field::{At, Section};
use super::problem::{Problems, quote};
use super::relation::{find, index};
use super::value::{self, show_size};

/// What the server of workers needs: to spawn and kill them, and to check their tickets.
const SERVER: [(&str, Capabilities); 2] =
    [("workers", Capabilities::WORKERS), ("tickets", Capabilities::TICKETS)];

/// How messages call the table.
const SCOPE: &str = "[workers]";

/// `[workers]`
pub(super) struct WorkersDraft<'t> {
    /// Unknown where nothing of the table could be read.
    server: Option<At<&'t str>>,
    kinds: Vec<WorkerDraft<'t>>,
}

/// `[workers.KIND]`
struct WorkerDraft<'t> {
    section: Section<'t>,
    kind: Kind,
    image: Option<At<Name>>,
    priority: Option<At<u8>>,
    stack: Option<At<u32>>,
    memory: Option<At<u32>>,
    argument: Option<u64>,
    places: Option<At<u8>>,
    period_ms: Option<Period>,
    budget: Option<Budget>,
    most: Option<Budget>,
}

/// Fields of a budget and their lines. What was refused is `None`.
struct BudgetDraft {
    ticks: Option<At<u64>>,
    ops: Option<At<u64>>,
    ttl_s: Option<At<u64>>,
}

/// Reads the workers of the file; `None` where it has none.
pub(super) fn read<'t>(file: &Section<'t>, problems: &mut Problems) -> Option<WorkersDraft<'t>> {
    let found = file.find("workers")?;
    let Some(section) = Section::open(SCOPE, found, problems) else {
        return Some(WorkersDraft { server: None, kinds: Vec::new() });
    };
    let words = Kind::ALL.map(Kind::word);
    section.only(&[["server"].as_slice(), &words].concat(), problems);
    let server = section.text("server", problems);
    let mut kinds = Vec::new();
    for kind in Kind::ALL {
        let Some(value) = section.find(kind.word()) else { continue };
        if let Some(section) = Section::open(&format!("[workers.{}]", kind.word()), value, problems)
        {
            kinds.push(worker(section, kind, problems));
        }
    }
    if words.iter().all(|word| section.find(word).is_none()) {
        let known = words.map(|word| format!("[workers.{word}]")).join(" or ");
        section.report(section.line, &format!("no kind of worker: expected {known}"), problems);
    }
    Some(WorkersDraft { server, kinds })
}

fn worker<'t>(section: Section<'t>, kind: Kind, problems: &mut Problems) -> WorkerDraft<'t> {
    section.only(
        &[
            "image",
            "priority",
            "stack",
            "memory",
            "argument",
            "places",
            "period-ms",
            "budget",
            "most",
        ],
        problems,
    );
    let image = section.text("image", problems).and_then(|text| {
        let name = draft::named(&section, "image", text, value::process_name, problems)?;
        Some(text.with(name))
    });
    let memory = draft::memory(&section, problems);
    let argument_range = 0..=i128::from(u64::MAX);
    let most = budget(&section, "most", problems);
    let budget = budget(&section, "budget", problems);
    if let (Some(budget), Some(most)) = (&budget, &most) {
        budget.check_within(most, &section, problems);
    }
    WorkerDraft {
        kind,
        image,
        priority: draft::priority(&section, problems),
        stack: draft::stack(&section, memory, problems),
        memory,
        argument: section.integer("argument", argument_range, Some(0), problems).and_then(narrow),
        places: places(&section, problems),
        period_ms: period(&section, problems),
        budget: budget.and_then(|budget| budget.finish()),
        most: most.and_then(|most| most.finish()),
        section,
    }
}

fn places(section: &Section, problems: &mut Problems) -> Option<At<u8>> {
    let range = 1..=i128::try_from(MAX_WORKERS).ok()?;
    let places = section.integer("places", range, None, problems)?;
    narrow(places).map(|value| places.with(value))
}

/// Opens a field of a kind that is a table.
fn part<'t>(kind: &Section<'t>, field: &str, problems: &mut Problems) -> Option<Section<'t>> {
    let Some(value) = kind.find(field) else {
        kind.report(kind.line, &format!("`{field}` is missing"), problems);
        return None;
    };
    Section::open(&format!("{}: {field}", kind.scope), value, problems)
}

fn period(kind: &Section, problems: &mut Problems) -> Option<Period> {
    let section = part(kind, "period-ms", problems)?;
    section.only(&["default", "least", "most"], problems);
    let range: RangeInclusive<i128> = LEAST_PERIOD_MS.into()..=MOST_PERIOD_MS.into();
    let [least, most, default] = ["least", "most", "default"].map(|field| {
        let found = section.integer(field, range.clone(), None, problems)?;
        narrow::<u32>(found).map(|value| found.with(value))
    });
    if let (Some(least), Some(most)) = (least, most)
        && least.value > most.value
    {
        let reason = format!("`least` {} is above `most` {}", least.value, most.value);
        section.report(least.line, &reason, problems);
        return None;
    }
    let (least, most, default) = (least?, most?, default?);
    let period = Period { default: default.value, least: least.value, most: most.value };
    if !period.allows(period.default) {
        let reason = format!(
            "`default` {} is not in {} to {}, `least` to `most`",
            period.default, period.least, period.most
        );
        section.report(default.line, &reason, problems);
        return None;
    }
    Some(period)
}

fn budget(kind: &Section, field: &str, problems: &mut Problems) -> Option<BudgetDraft> {
    let section = part(kind, field, problems)?;
    section.only(&["ticks", "ops", "ttl-s"], problems);
    let mut number = |field, most: u64| {
        let found = section.integer(field, 1..=i128::from(most), None, problems)?;
        narrow::<u64>(found).map(|value| found.with(value))
    };
    Some(BudgetDraft {
        ticks: number("ticks", u64::MAX),
        ops: number("ops", u64::MAX),
        ttl_s: number("ttl-s", MOST_TTL_S),
    })
}

impl BudgetDraft {
    /// Reports what a spawn would get without asking, but may not ask for.
    fn check_within(&self, most: &Self, kind: &Section, problems: &mut Problems) {
        let fields = [
            ("ticks", self.ticks, most.ticks),
            ("ops", self.ops, most.ops),
            ("ttl-s", self.ttl_s, most.ttl_s),
        ];
        for (field, own, most) in fields {
            let (Some(own), Some(most)) = (own, most) else { continue };
            if own.value > most.value {
                let reason = format!(
                    "budget: `{field}` {} is above the {} of `most`, on line {}",
                    own.value, most.value, most.line
                );
                kind.report(own.line, &reason, problems);
            }
        }
    }

    fn finish(&self) -> Option<Budget> {
        Some(Budget { ticks: self.ticks?.value, ops: self.ops?.value, ttl_s: self.ttl_s?.value })
    }
}

/// Reports what does not fit the components, apart from memory.
pub(super) fn check(
    components: &[ComponentDraft],
    workers: Option<&WorkersDraft>,
    problems: &mut Problems,
) {
    let server = workers.and_then(|workers| workers.server);
    let reason = match workers {
        None => Some("holds `workers`, but the system has no [workers]".to_owned()),
        // Where the server cannot be read, any component may be it.
        Some(_) => server.map(|at| {
            format!("holds `workers`, but the server of [workers] is {}", quote(at.value))
        }),
    };
    for component in components {
        let Some(reason) = &reason else { break };
        // A component without a readable name was reported, and may be the one that is meant.
        let other = match server {
            Some(server) => component.written.is_some_and(|at| at.value != server.value),
            None => true,
        };
        let held = component.capabilities.filter(|at| at.value.contains(Capabilities::WORKERS));
        if let Some(held) = held.filter(|_| other) {
            component.section.report(held.line, reason, problems);
        }
    }
    let Some(workers) = workers else { return };
    workers.check_server(components, problems);
    workers.check_places(problems);
}

impl WorkersDraft<'_> {
    fn check_server(&self, components: &[ComponentDraft], problems: &mut Problems) {
        let Some(name) = self.server else { return };
        let target = quote(name.value);
        let Some(server) = find(components, name.value) else {
            // A component without a readable name was reported, and may be the one that is meant.
            if components.iter().all(|component| component.written.is_some()) {
                let reason = format!("{SCOPE}: `server` {target} is no component of this system");
                problems.report(name.line, reason);
            }
            return;
        };
        if server.start == Some(Start::Demand) {
            let reason =
                format!("{SCOPE}: `server` {target} starts on demand: it needs start = \"boot\"");
            problems.report(name.line, reason);
        }
        for (word, capability) in SERVER {
            if server.capabilities.is_some_and(|held| !held.value.contains(capability)) {
                let reason = format!("{SCOPE}: `server` {target} lacks the capability `{word}`");
                problems.report(name.line, reason);
            }
        }
        for kind in &self.kinds {
            kind.check_priority(name.value, server, problems);
        }
    }

    fn check_places(&self, problems: &mut Problems) {
        let mut places = 0;
        for kind in &self.kinds {
            let Some(own) = kind.places else { continue };
            let before = places;
            places += usize::from(own.value);
            if places > MAX_WORKERS && before <= MAX_WORKERS {
                let reason = format!(
                    "with these there are {places} places of all kinds: at most {MAX_WORKERS} \
                     are possible"
                );
                kind.section.report(own.line, &reason, problems);
            }
        }
    }

    /// Reports workers that do not fit into `room` bytes next to the `taken` ones of what starts at
    /// boot: a spawn in a free place never lacks memory. `there` says what the room is made of.
    pub(super) fn check_memory(&self, taken: u64, room: u64, there: &str, problems: &mut Problems) {
        let mut taken = taken;
        for kind in &self.kinds {
            let (Some(places), Some(memory)) = (kind.places, kind.memory) else { continue };
            // Each has a page for its frames besides its own memory.
            let each = u64::from(memory.value) + PAGE;
            let needed = taken + each * u64::from(places.value);
            if needed > room {
                let fit = room.saturating_sub(taken) / each;
                let reason = format!(
                    "`places` is {}, {} each: with what starts at boot {} are needed, {there}; {}",
                    places.value,
                    show_size(each),
                    show_size(needed),
                    if fit == 0 { "none fits".to_owned() } else { format!("at most {fit} fit") }
                );
                kind.section.report(places.line, &reason, problems);
                return;
            }
            taken = needed;
        }
    }
}

impl WorkerDraft<'_> {
    /// Calls go only up the priority order: a worker calls its server.
    fn check_priority(&self, name: &str, server: &ComponentDraft, problems: &mut Problems) {
        if let (Some(own), Some(above)) = (self.priority, server.priority)
            && own.value >= above.value
        {
            let reason = format!(
                "priority {} is not below the {} of its server {}",
                own.value,
                above.value,
                quote(name)
            );
            self.section.report(own.line, &reason, problems);
        }
    }
}

/// The checked workers of a draft without a problem, if it has any, and the lines of their
/// images; `None` where something is missing.
pub(super) fn assemble(
    draft: Option<WorkersDraft>,
    names: &[Name],
) -> Option<(Option<Workers>, Vec<u32>)> {
    let Some(draft) = draft else { return Some((None, Vec::new())) };
    let server = index(names, draft.server?.value)?;
    let lines = draft.kinds.iter().map(|kind| Some(kind.image.as_ref()?.line));
    let lines = lines.collect::<Option<_>>()?;
    let kinds = draft.kinds.into_iter().map(|kind| {
        Some(Worker {
            kind: kind.kind,
            image: kind.image?.value,
            priority: kind.priority?.value,
            stack: kind.stack?.value,
            memory: kind.memory?.value,
            argument: kind.argument?,
            places: kind.places?.value,
            period_ms: kind.period_ms?,
            budget: kind.budget?,
            most: kind.most?,
        })
    });
    Some((Some(Workers { server, kinds: kinds.collect::<Option<_>>()? }), lines))
}
