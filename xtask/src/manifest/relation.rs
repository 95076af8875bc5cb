//! Checks between the parts of a manifest: names, call edges, memory, the self-test.

use ::manifest::{
    Calls, Component, Components, MAX_CALLS, Name, ROOT_PRIORITY, Selftest, Start, Target,
};

use super::Checked;
use super::draft::{ComponentDraft, Draft, SelftestDraft};
use super::field::At;
use super::problem::{Problems, quote};
use super::sharing;
use super::value::{MIB, show_size};
use super::workers;

/// RAM that components do not get: the kernel, the root task's image with the boot archive
/// behind it, and what the root task itself needs, rounded up generously.
const RESERVED_MIB: u32 = 16;
/// How call edges name the root task.
const ROOT: &str = "root-task";

/// Reports what does not fit together.
pub(super) fn check(draft: &Draft, problems: &mut Problems) {
    names(&draft.components, problems);
    for component in &draft.components {
        calls(component, &draft.components, problems);
    }
    sharing::check(&draft.components, &draft.regions, problems);
    workers::check(&draft.components, draft.workers.as_ref(), problems);
    memory(draft, problems);
    if let Some(selftest) = &draft.selftest {
        self_test(selftest, &draft.components, problems);
    }
}

pub(super) fn find<'d, 't>(
    components: &'d [ComponentDraft<'t>],
    name: &str,
) -> Option<&'d ComponentDraft<'t>> {
    components.iter().find(|component| component.written.is_some_and(|at| at.value == name))
}

fn names(components: &[ComponentDraft], problems: &mut Problems) {
    for (index, component) in components.iter().enumerate() {
        let Some(written) = component.written else { continue };
        let earlier = components.get(..index).unwrap_or_default();
        if let Some(first) = find(earlier, written.value).and_then(|first| first.written) {
            let reason = format!("`name` is taken already, on line {}", first.line);
            component.section.report(written.line, &reason, problems);
        }
    }
}

fn calls(caller: &ComponentDraft, components: &[ComponentDraft], problems: &mut Problems) {
    let Some(calls) = &caller.calls else { return };
    if calls.value.len() > MAX_CALLS {
        let count = calls.value.len();
        let reason = format!("{count} calls: at most {MAX_CALLS} are possible");
        caller.section.report(calls.line, &reason, problems);
    }
    for call in &calls.value {
        call_edge(caller, call, components, problems);
    }
    let reaches_root = calls.value.iter().any(|call| call.value == ROOT);
    if let Some(held) = caller.capabilities.filter(|held| !held.value.is_empty() && !reaches_root) {
        let reason = format!("capabilities are used by calling {ROOT}, which `calls` lacks");
        caller.section.report(held.line, &reason, problems);
    }
}

/// Calls go only up the priority order: then no two processes can wait for each other.
fn call_edge(
    caller: &ComponentDraft,
    call: &At<&str>,
    components: &[ComponentDraft],
    problems: &mut Problems,
) {
    if call.value == ROOT {
        return;
    }
    let target = quote(call.value);
    if caller.written.is_some_and(|name| name.value == call.value) {
        caller.section.report(call.line, "calls itself", problems);
        return;
    }
    let Some(callee) = find(components, call.value) else {
        // A component without a readable name was reported, and may be the one that is meant.
        if components.iter().all(|component| component.written.is_some()) {
            let reason = format!("calls {target}, which is no component of this system");
            caller.section.report(call.line, &reason, problems);
        }
        return;
    };
    if let (Some(from), Some(to)) = (caller.priority, callee.priority)
        && to.value <= from.value
    {
        let reason = format!(
            "calls {target} of priority {}, which is not above its own {}",
            to.value, from.value
        );
        caller.section.report(call.line, &reason, problems);
    }
}

/// What starts at boot fits into RAM at the same time, with a worker in every place; so does what
/// the self-test spawns, which is gone before there are workers.
fn memory(draft: &Draft, problems: &mut Problems) {
    let Some(memory_mib) = draft.system.as_ref().and_then(|system| system.memory_mib) else {
        return;
    };
    let room = u64::from(memory_mib.saturating_sub(RESERVED_MIB)) * MIB;
    let there = format!(
        "{} are there: {memory_mib} MiB less {RESERVED_MIB} MiB for kernel and root task",
        show_size(room)
    );
    let shared = sharing::memory(&draft.components, &draft.regions);
    let with = match shared {
        0 => String::new(),
        bytes => format!(", {} of them for regions and DMA", show_size(bytes)),
    };
    let mut needed = shared;
    for component in draft.components.iter().filter(|one| one.start == Some(Start::Boot)) {
        let Some(memory) = component.memory else { continue };
        let before = needed;
        needed += u64::from(memory.value);
        if needed > room && before <= room {
            let needed = show_size(needed);
            let reason = format!("the components up to here need {needed} at boot{with}, {there}");
            component.section.report(memory.line, &reason, problems);
        }
    }
    if let Some(workers) = draft.workers.as_ref().filter(|_| needed <= room) {
        workers.check_memory(needed, room, &there, problems);
    }
    let spawned = draft.selftest.as_ref().and_then(|selftest| selftest.component);
    let spawned = spawned.and_then(|name| find(&draft.components, name.value));
    if let Some((component, memory)) = spawned.and_then(|one| Some((one, one.memory?)))
        && component.start == Some(Start::Demand)
        && needed <= room
        && needed + u64::from(memory.value) > room
    {
        let needed = show_size(needed + u64::from(memory.value));
        let reason = format!("next to what starts at boot the self-test needs {needed}, {there}");
        component.section.report(memory.line, &reason, problems);
    }
}

fn self_test(selftest: &SelftestDraft, components: &[ComponentDraft], problems: &mut Problems) {
    let Some(name) = selftest.component else { return };
    let target = quote(name.value);
    let reason = match find(components, name.value) {
        Some(component) if component.start == Some(Start::Boot) => {
            format!("`component` {target} starts at boot: it needs start = \"demand\"")
        }
        None if components.iter().all(|component| component.written.is_some()) => {
            format!("`component` {target} is no component of this system")
        }
        _ => return,
    };
    selftest.section.report(name.line, &reason, problems);
}

/// Makes the checked manifest of a draft without a problem; `None` where something is missing.
pub(super) fn assemble(draft: Draft, file: &str) -> Option<Checked> {
    let system = draft.system?;
    let names: Vec<Name> =
        draft.components.iter().map(|one| one.name.clone()).collect::<Option<_>>()?;
    let selftest = match draft.selftest {
        None => None,
        Some(selftest) => Some(Selftest {
            component: index(&names, selftest.component?.value)?,
            cycles: selftest.cycles?,
            panic: selftest.panic?,
        }),
    };
    let image_lines =
        draft.components.iter().map(|one| Some(one.image.as_ref()?.line)).collect::<Option<_>>()?;
    let (workers, worker_lines) = workers::assemble(draft.workers, &names)?;
    let mut components = Components::new();
    for one in draft.components {
        components.push(component(one, &names)?).ok()?;
    }
    Some(Checked {
        name: system.name?,
        memory_mib: system.memory_mib?,
        tick_ms: system.tick_ms?,
        on_panic: system.on_panic?,
        selftest,
        components,
        regions: sharing::assemble(draft.regions, &names)?,
        workers,
        file: file.to_owned(),
        image_lines,
        worker_lines,
    })
}

fn component(draft: ComponentDraft, names: &[Name]) -> Option<Component> {
    let mut calls = Calls::new();
    for call in draft.calls?.value {
        let target = match call.value {
            ROOT => Target::RootTask,
            name => Target::Component(index(names, name)?),
        };
        calls.push(target).ok()?;
    }
    Some(Component {
        name: draft.name?,
        image: draft.image?.value,
        priority: draft.priority.filter(|priority| priority.value < ROOT_PRIORITY)?.value,
        stack: draft.stack?.value,
        memory: draft.memory?.value,
        argument: draft.argument?,
        start: draft.start?,
        calls,
        capabilities: draft.capabilities?.value,
        device: sharing::assemble_device(draft.device)?,
        ticket: draft.ticket?,
        limits: draft.limits?,
    })
}

pub(super) fn index(names: &[Name], name: &str) -> Option<u8> {
    u8::try_from(names.iter().position(|known| known == name)?).ok()
}
