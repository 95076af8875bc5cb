//! Devices and shared regions: read, checked by themselves and against the components.

use ::manifest::{
    DMA, Device, MAX_REGIONS, MAX_REGIONS_PER_COMPONENT, Name, REGION, Region, Regions, TRANSPORTS,
    TRANSPORTS_PER_PAGE,
};
use toml::de::DeValue;

use super::draft::ComponentDraft;
use super::field::{At, Section, kind};
use super::problem::{Problems, quote};
use super::value::{self, show_size};

const PAGE: u64 = 4 * value::KIB;

/// `device = { … }` of a component.
pub(super) struct DeviceDraft {
    transport: Option<At<u8>>,
    dma: Option<At<u32>>,
}

/// `[[region]]`
pub(super) struct RegionDraft<'t> {
    section: Section<'t>,
    written: Option<At<&'t str>>,
    name: Option<Name>,
    size: Option<At<u32>>,
    between: Option<At<Vec<At<&'t str>>>>,
}

/// Reads a component's device; `None` where it has none.
pub(super) fn device(component: &Section, problems: &mut Problems) -> Option<DeviceDraft> {
    let value = component.find("device")?;
    let section = Section::open(&format!("{}: device", component.scope), value, problems)?;
    section.only(&["transport", "dma"], problems);
    let transports = 0..=i128::from(TRANSPORTS) - 1;
    let transport = section.integer("transport", transports, None, problems);
    Some(DeviceDraft {
        transport: transport.and_then(|at| Some(at.with(u8::try_from(at.value).ok()?))),
        dma: dma(&section, problems),
    })
}

fn dma(section: &Section, problems: &mut Problems) -> Option<At<u32>> {
    let found = section.size("dma", problems)?;
    let fits = |bytes: &u32| bytes.is_power_of_two() && DMA.contains(bytes);
    if let Some(bytes) = u32::try_from(found.value).ok().filter(fits) {
        return Some(found.with(bytes));
    }
    let [size, least, most] =
        [found.value, (*DMA.start()).into(), (*DMA.end()).into()].map(show_size);
    let reason = format!("dma {size} is no power of two from {least} to {most}");
    section.report(found.line, &reason, problems);
    None
}

/// Reads every region of the file.
pub(super) fn regions<'t>(file: &Section<'t>, problems: &mut Problems) -> Vec<RegionDraft<'t>> {
    let Some(found) = file.find("region") else { return Vec::new() };
    let line = problems.line(found.span().start);
    let DeValue::Array(array) = found.get_ref() else {
        let reason = format!("regions are written as [[region]], not as {}", kind(found));
        problems.report(line, reason);
        return Vec::new();
    };
    if let Some(first_over) = array.get(MAX_REGIONS) {
        let line = problems.line(first_over.span().start);
        let count = array.len();
        problems.report(line, format!("{count} regions: at most {MAX_REGIONS} are possible"));
    }
    let mut drafts = Vec::new();
    for (index, value) in array.iter().enumerate() {
        let scope = format!("region number {}", index + 1);
        if let Some(section) = Section::open(&scope, value, problems) {
            drafts.push(region(section, problems));
        }
    }
    drafts
}

fn region<'t>(mut section: Section<'t>, problems: &mut Problems) -> RegionDraft<'t> {
    let written = section.text("name", problems);
    if let Some(written) = written {
        section.scope = format!("region {}", quote(written.value));
    }
    section.only(&["name", "size", "between"], problems);
    let name = written.and_then(|text| {
        let report = |reason: String| {
            section.report(text.line, &format!("`name` {reason}"), problems);
        };
        value::name(text.value).map_err(report).ok()
    });
    let between = between(&section, problems);
    let size = size(&section, problems);
    RegionDraft { written, name, size, between, section }
}

/// The two ends as they are written; counted here, where one that is there twice is not yet gone.
fn between<'t>(section: &Section<'t>, problems: &mut Problems) -> Option<At<Vec<At<&'t str>>>> {
    let Some(found) = section.find("between") else {
        section.report(section.line, "`between` is missing", problems);
        return None;
    };
    if let DeValue::Array(array) = found.get_ref()
        && array.len() != 2
    {
        let line = problems.line(found.span().start);
        let reason = format!("`between` must name two components, not {}", array.len());
        section.report(line, &reason, problems);
    }
    section.texts("between", problems)
}

fn size(section: &Section, problems: &mut Problems) -> Option<At<u32>> {
    let found = section.size("size", problems)?;
    let fits = |bytes: &u32| u64::from(*bytes).is_multiple_of(PAGE) && REGION.contains(bytes);
    if let Some(bytes) = u32::try_from(found.value).ok().filter(fits) {
        return Some(found.with(bytes));
    }
    let [size, page, least, most] =
        [found.value, PAGE, (*REGION.start()).into(), (*REGION.end()).into()].map(show_size);
    let reason = format!("size {size} is no multiple of {page} from {least} to {most}");
    section.report(found.line, &reason, problems);
    None
}

/// Reports what does not fit the components or each other.
pub(super) fn check(
    components: &[ComponentDraft],
    regions: &[RegionDraft],
    problems: &mut Problems,
) {
    transports(components, problems);
    for (index, region) in regions.iter().enumerate() {
        let earlier = regions.get(..index).unwrap_or_default();
        taken(region, earlier, problems);
        ends(region, components, problems);
    }
    for component in components {
        let Some(name) = component.written else { continue };
        let mut mine = regions.iter().filter(|region| region.joins(name.value));
        if let Some(over) = mine.nth(MAX_REGIONS_PER_COMPONENT) {
            let name = quote(name.value);
            let reason = format!("{name} is in more than {MAX_REGIONS_PER_COMPONENT} regions");
            over.section.report(over.section.line, &reason, problems);
        }
    }
}

fn transports(components: &[ComponentDraft], problems: &mut Problems) {
    let transport = |one: &ComponentDraft| one.device.as_ref()?.transport;
    for (index, component) in components.iter().enumerate() {
        let Some(own) = transport(component) else { continue };
        let earlier = components.get(..index).unwrap_or_default();
        let owner = earlier.iter().filter_map(transport).find(|other| other.value == own.value);
        if let Some(owner) = owner {
            let reason =
                format!("transport {} is taken already, on line {}", own.value, owner.line);
            component.section.report(own.line, &reason, problems);
            continue;
        }
        let page = |transport: u8| transport / TRANSPORTS_PER_PAGE;
        let near = |other: &At<u8>| page(other.value) == page(own.value);
        if let Some(near) = earlier.iter().filter_map(transport).find(near) {
            let first = page(own.value) * TRANSPORTS_PER_PAGE;
            let reason = format!(
                "transport {} shares its page of registers with transport {} on line {}: whoever \
                 has one could use the other; take one outside {first} to {}",
                own.value,
                near.value,
                near.line,
                first + TRANSPORTS_PER_PAGE - 1
            );
            component.section.report(own.line, &reason, problems);
        }
    }
}

fn taken(region: &RegionDraft, earlier: &[RegionDraft], problems: &mut Problems) {
    let Some(written) = region.written else { return };
    let same = |other: &&RegionDraft| other.written.is_some_and(|at| at.value == written.value);
    if let Some(first) = earlier.iter().find(same).and_then(|first| first.written) {
        let reason = format!("`name` is taken already, on line {}", first.line);
        region.section.report(written.line, &reason, problems);
    }
}

fn ends(region: &RegionDraft, components: &[ComponentDraft], problems: &mut Problems) {
    let Some(between) = &region.between else { return };
    // A component without a readable name was reported, and may be the one that is meant.
    let complete = components.iter().all(|component| component.written.is_some());
    for end in &between.value {
        let known = |one: &ComponentDraft| one.written.is_some_and(|at| at.value == end.value);
        if complete && !components.iter().any(known) {
            let reason = format!("{} is no component of this system", quote(end.value));
            region.section.report(end.line, &reason, problems);
        }
    }
}

/// Memory of all regions and devices, in bytes. The root task takes all of it at boot, also what
/// belongs to a component that starts on demand.
pub(super) fn memory(components: &[ComponentDraft], regions: &[RegionDraft]) -> u64 {
    let dma = components.iter().filter_map(|one| one.device.as_ref()?.dma);
    regions.iter().filter_map(|one| one.size).chain(dma).map(|at| u64::from(at.value)).sum()
}

impl RegionDraft<'_> {
    fn joins(&self, component: &str) -> bool {
        let between = self.between.as_ref().map(|at| at.value.as_slice()).unwrap_or_default();
        between.iter().any(|end| end.value == component)
    }
}

/// The checked device of a draft without a problem; the outer `None` where something is missing.
pub(super) fn assemble_device(draft: Option<DeviceDraft>) -> Option<Option<Device>> {
    match draft {
        None => Some(None),
        Some(draft) => {
            Some(Some(Device { transport: draft.transport?.value, dma: draft.dma?.value }))
        }
    }
}

/// The checked regions of drafts without a problem; `None` where something is missing.
pub(super) fn assemble(drafts: Vec<RegionDraft>, names: &[Name]) -> Option<Regions> {
    let mut regions = Regions::new();
    for draft in drafts {
        let between = draft.between?.value;
        let index =
            |end: &At<&str>| u8::try_from(names.iter().position(|name| name == end.value)?).ok();
        let [one, other] = between.as_slice() else { return None };
        let components = [index(one)?, index(other)?];
        let region = Region { name: draft.name?, size: draft.size?.value, components };
        regions.push(region).ok()?;
    }
    Some(regions)
}
