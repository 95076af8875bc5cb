//! Reads the sections of a manifest and checks each field by itself.
//!
//! A draft keeps `None` where a field was refused; the checks between fields leave those out, so
//! that one mistake gives one message.

use ::manifest::{
    Capabilities, Limits, MAX_COMPONENTS, MEMORY, Name, OnPanic, ROOT_PRIORITY, Start, Ticket,
};
use toml::de::{DeTable, DeValue};

use super::field::{At, Section, kind};
use super::problem::{Problems, quote};
use super::sharing::{self, DeviceDraft, RegionDraft};
use super::value::{self, KIB, show_size};
use super::workers::{self, WorkersDraft};

/// RAM of a system in MiB. Less than 512 does not boot: the default kernel is built for that
/// much, and the loader starts 256 MiB above the start of RAM. 2048 ends at the physical address
/// 3 GiB, which leaves a host with 4 GiB of memory some of it and keeps addresses in 32 bits.
const MEMORY_MIB: std::ops::RangeInclusive<i128> = 512..=2048;
/// Period of the tick line: under emulation a timer is late by some milliseconds, so that below
/// 10 ms the lines would no longer be even; a minute is long enough to tell a system from a dead one.
const TICK_MS: std::ops::RangeInclusive<i128> = 10..=60_000;
/// A day; whoever wants longer wants no limit.
const TTL_MS: std::ops::RangeInclusive<i128> = 0..=86_400_000;
const LOG_LINES: std::ops::RangeInclusive<i128> = 1..=1000;
const CYCLES: std::ops::RangeInclusive<i128> = 1..=1_000_000;
pub(super) const PAGE: u64 = 4 * KIB;

/// A manifest whose fields were read.
pub(super) struct Draft<'t> {
    pub(super) system: Option<SystemDraft>,
    pub(super) selftest: Option<SelftestDraft<'t>>,
    pub(super) components: Vec<ComponentDraft<'t>>,
    pub(super) regions: Vec<RegionDraft<'t>>,
    /// `None` where the system has no workers.
    pub(super) workers: Option<WorkersDraft<'t>>,
}

/// `[system]`
pub(super) struct SystemDraft {
    pub(super) name: Option<Name>,
    pub(super) memory_mib: Option<u32>,
    pub(super) tick_ms: Option<u32>,
    pub(super) on_panic: Option<OnPanic>,
}

/// `[selftest]`
pub(super) struct SelftestDraft<'t> {
    pub(super) section: Section<'t>,
    pub(super) component: Option<At<&'t str>>,
    pub(super) cycles: Option<u32>,
    pub(super) panic: Option<bool>,
}

/// `[[component]]`
pub(super) struct ComponentDraft<'t> {
    pub(super) section: Section<'t>,
    /// The name as written, allowed or not: other components refer to it by that.
    pub(super) written: Option<At<&'t str>>,
    pub(super) name: Option<Name>,
    pub(super) image: Option<At<Name>>,
    pub(super) priority: Option<At<u8>>,
    pub(super) stack: Option<At<u32>>,
    pub(super) memory: Option<At<u32>>,
    pub(super) argument: Option<u64>,
    pub(super) start: Option<Start>,
    pub(super) calls: Option<At<Vec<At<&'t str>>>>,
    pub(super) capabilities: Option<At<Capabilities>>,
    /// `None` where the component has no device.
    pub(super) device: Option<DeviceDraft>,
    /// `None` where it was refused.
    pub(super) ticket: Option<Option<Ticket>>,
    pub(super) limits: Option<Limits>,
}

/// Reads the whole file.
pub(super) fn read<'t>(root: &'t DeTable<'t>, problems: &mut Problems) -> Draft<'t> {
    let file = Section::new("manifest".into(), 1, root);
    file.only(&["system", "selftest", "component", "region", "workers"], problems);
    let system = match file.find("system") {
        Some(value) => {
            Section::open("[system]", value, problems).map(|section| system(&section, problems))
        }
        None => {
            problems.report(1, "no [system]: a manifest begins with one");
            None
        }
    };
    let selftest = file.find("selftest").and_then(|value| {
        Section::open("[selftest]", value, problems).map(|section| selftest(section, problems))
    });
    let components = components(&file, problems);
    let regions = sharing::regions(&file, problems);
    Draft { system, selftest, components, regions, workers: workers::read(&file, problems) }
}

fn system(section: &Section, problems: &mut Problems) -> SystemDraft {
    section.only(&["name", "memory-mib", "tick-ms", "on-panic"], problems);
    let name = section.text("name", problems);
    let choices = [("halt", OnPanic::Halt), ("exit", OnPanic::Exit)];
    SystemDraft {
        name: name.and_then(|text| named(section, "name", text, value::name, problems)),
        memory_mib: section.integer("memory-mib", MEMORY_MIB, None, problems).and_then(narrow),
        tick_ms: section.integer("tick-ms", TICK_MS, None, problems).and_then(narrow),
        on_panic: section.choice("on-panic", &choices, None, problems).map(|at| at.value),
    }
}

fn selftest<'t>(section: Section<'t>, problems: &mut Problems) -> SelftestDraft<'t> {
    section.only(&["component", "cycles", "panic"], problems);
    SelftestDraft {
        component: section.text("component", problems),
        cycles: section.integer("cycles", CYCLES, None, problems).and_then(narrow),
        panic: section.boolean("panic", false, problems),
        section,
    }
}

fn components<'t>(file: &Section<'t>, problems: &mut Problems) -> Vec<ComponentDraft<'t>> {
    let Some(found) = file.find("component") else {
        problems.report(1, "no component: a system has at least one [[component]]");
        return Vec::new();
    };
    let line = problems.line(found.span().start);
    let DeValue::Array(array) = found.get_ref() else {
        let reason = format!("components are written as [[component]], not as {}", kind(found));
        problems.report(line, reason);
        return Vec::new();
    };
    if array.is_empty() {
        problems.report(line, "no component: a system has at least one [[component]]");
    }
    if let Some(first_over) = array.get(MAX_COMPONENTS) {
        let line = problems.line(first_over.span().start);
        let count = array.len();
        problems.report(line, format!("{count} components: at most {MAX_COMPONENTS} are possible"));
    }
    let mut drafts = Vec::new();
    for (index, value) in array.iter().enumerate() {
        let scope = format!("component number {}", index + 1);
        if let Some(section) = Section::open(&scope, value, problems) {
            drafts.push(component(section, problems));
        }
    }
    drafts
}

fn component<'t>(mut section: Section<'t>, problems: &mut Problems) -> ComponentDraft<'t> {
    let written = section.text("name", problems);
    if let Some(written) = written {
        section.scope = format!("component {}", quote(written.value));
    }
    section.only(
        &[
            "name",
            "image",
            "priority",
            "stack",
            "memory",
            "argument",
            "start",
            "calls",
            "capabilities",
            "device",
            "ticket",
            "limits",
        ],
        problems,
    );
    let name =
        written.and_then(|text| named(&section, "name", text, value::process_name, problems));
    let starts = [("boot", Start::Boot), ("demand", Start::Demand)];
    let argument_range = 0..=i128::from(u64::MAX);
    let memory = memory(&section, problems);
    let capabilities = capabilities(&section, problems);
    ComponentDraft {
        written,
        image: image(&section, written, &name, problems),
        name,
        priority: priority(&section, problems),
        stack: stack(&section, memory, problems),
        memory,
        argument: section.integer("argument", argument_range, Some(0), problems).and_then(narrow),
        start: section.choice("start", &starts, Some(Start::Boot), problems).map(|at| at.value),
        calls: section.texts("calls", problems),
        capabilities,
        device: sharing::device(&section, problems),
        ticket: ticket(&section, problems),
        limits: limits(&section, capabilities, problems),
        section,
    }
}

pub(super) fn named(
    section: &Section,
    field: &str,
    text: At<&str>,
    rule: fn(&str) -> Result<Name, String>,
    problems: &mut Problems,
) -> Option<Name> {
    rule(text.value)
        .map_err(|reason| section.report(text.line, &format!("`{field}` {reason}"), problems))
        .ok()
}

/// The image, which is called as the component where nothing else is said.
fn image(
    section: &Section,
    written: Option<At<&str>>,
    name: &Option<Name>,
    problems: &mut Problems,
) -> Option<At<Name>> {
    if section.find("image").is_none() {
        return Some(written?.with(name.clone()?));
    }
    let text = section.text("image", problems)?;
    let image = named(section, "image", text, value::process_name, problems)?;
    Some(text.with(image))
}

pub(super) fn priority(section: &Section, problems: &mut Problems) -> Option<At<u8>> {
    let most = i128::from(ROOT_PRIORITY) - 1;
    let found = section.integer("priority", i128::MIN..=i128::MAX, None, problems)?;
    if found.value > most {
        let reason =
            format!("priority {} is not below the root task's {ROOT_PRIORITY}", found.value);
        section.report(found.line, &reason, problems);
    } else if found.value < 1 {
        let reason = format!("priority {} is not in 1 to {most}", found.value);
        section.report(found.line, &reason, problems);
    }
    (1..=most).contains(&found.value).then(|| narrow(found).map(|value| found.with(value)))?
}

pub(super) fn memory(section: &Section, problems: &mut Problems) -> Option<At<u32>> {
    let found = section.size("memory", problems)?;
    let fits = |bytes: &u32| bytes.is_power_of_two() && MEMORY.contains(bytes);
    if let Some(bytes) = u32::try_from(found.value).ok().filter(fits) {
        return Some(found.with(bytes));
    }
    let [found_size, least, most] =
        [found.value, (*MEMORY.start()).into(), (*MEMORY.end()).into()].map(show_size);
    let reason = format!("memory {found_size} is no power of two from {least} to {most}");
    section.report(found.line, &reason, problems);
    None
}

pub(super) fn stack(
    section: &Section,
    memory: Option<At<u32>>,
    problems: &mut Problems,
) -> Option<At<u32>> {
    let found = section.size("stack", problems)?;
    let shown = show_size(found.value);
    let reason = if found.value < PAGE {
        format!("stack {shown} is less than a page, {}", show_size(PAGE))
    } else if !found.value.is_multiple_of(PAGE) {
        format!("stack {shown} is no multiple of a page, {}", show_size(PAGE))
    } else if let Some(memory) = memory.filter(|memory| found.value * 2 >= memory.value.into()) {
        let memory = show_size(memory.value.into());
        format!("stack {shown} is not below half of the memory, {memory}")
    } else {
        return u32::try_from(found.value).ok().map(|value| found.with(value));
    };
    section.report(found.line, &reason, problems);
    None
}

fn capabilities(section: &Section, problems: &mut Problems) -> Option<At<Capabilities>> {
    const WORDS: [(&str, Capabilities); 6] = [
        ("ping", Capabilities::PING),
        ("log", Capabilities::LOG),
        ("exit", Capabilities::EXIT),
        ("facts", Capabilities::FACTS),
        ("workers", Capabilities::WORKERS),
        ("tickets", Capabilities::TICKETS),
    ];
    let texts = section.texts("capabilities", problems)?;
    let mut held = Some(Capabilities::empty());
    for text in &texts.value {
        match WORDS.iter().find(|(word, _)| *word == text.value) {
            Some((_, capability)) => held = held.map(|held| held | *capability),
            None => {
                let allowed = WORDS.map(|(word, _)| word).join(", ");
                let reason =
                    format!("unknown capability {}; allowed: {allowed}", quote(text.value));
                section.report(text.line, &reason, problems);
                held = None;
            }
        }
    }
    held.map(|held| texts.with(held))
}

/// As what the component may attach; the inner `None` where it has no ticket.
fn ticket(component: &Section, problems: &mut Problems) -> Option<Option<Ticket>> {
    if component.find("ticket").is_none() {
        return Some(None);
    }
    let choices = [("queen", Ticket::Queen), ("observer", Ticket::Observer)];
    component.choice("ticket", &choices, None, problems).map(|at| Some(at.value))
}

fn limits(
    component: &Section,
    capabilities: Option<At<Capabilities>>,
    problems: &mut Problems,
) -> Option<Limits> {
    const LOG_FIELD: &str = "log-lines-per-s";
    let prints = Capabilities::LOG | Capabilities::PING;
    let logs = capabilities.is_some_and(|held| held.value.intersects(prints));
    // Nothing to count where no line is ever printed.
    let default = if logs { 10 } else { 0 };
    let Some(value) = component.find("limits") else {
        return Some(Limits { ttl_ms: 0, log_lines_per_s: default });
    };
    let section = Section::open(&format!("{}: limits", component.scope), value, problems)?;
    section.only(&["ttl-ms", LOG_FIELD], problems);
    let ttl_ms = section.integer("ttl-ms", TTL_MS, Some(0), problems).and_then(narrow);
    let lines = section.integer(LOG_FIELD, LOG_LINES, Some(default.into()), problems);
    if section.find(LOG_FIELD).is_some() && capabilities.is_some() && !logs {
        let line = lines.map_or(section.line, |lines| lines.line);
        let reason = format!("`{LOG_FIELD}` is set, but neither `log` nor `ping` is held");
        section.report(line, &reason, problems);
        return None;
    }
    Some(Limits { ttl_ms: ttl_ms?, log_lines_per_s: lines.and_then(narrow)? })
}

/// The value in the type that [`::manifest`] stores; its range was checked.
pub(super) fn narrow<T: TryFrom<i128>>(at: At<i128>) -> Option<T> {
    T::try_from(at.value).ok()
}
