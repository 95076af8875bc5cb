//! One forbidden thing per component: each is caught, told and reaped, and the system goes on.

use std::collections::BTreeSet;

use boot_tests::{Boot, Fields, period_s};

/// `tick-ms` of systems/drills.toml, in seconds.
const PERIOD_S: f64 = 0.2;
/// The component that faults never; its time to live ends it.
const LOOP: &str = "endless-loop";
/// Components that fault, and how.
const FAULTS: [(&str, &str); 8] = [
    ("null-read", "vm-read"),
    ("wild-write", "vm-write"),
    ("write-text", "vm-write"),
    ("execute-data", "vm-execute"),
    ("illegal-instruction", "illegal-instruction"),
    ("stack-overflow", "vm-write"),
    ("empty-slot", "capability"),
    ("eavesdropper", "capability"),
];

/// Boots and waits until all nine components have been reaped.
#[track_caller]
fn drilled() -> Boot {
    let mut boot = Boot::start("drills");
    let mut reaped = BTreeSet::new();
    boot.wait("all nine components to be reaped", |text| {
        if let Some(fields) = Fields::of(text, "reaped") {
            reaped.insert(fields.text("component").to_owned());
        }
        reaped.len() == FAULTS.len() + 1
    });
    boot
}

/// The lines with this label about `component`, each with its place in the output.
fn reports<'a>(boot: &'a Boot, label: &str, component: &str) -> Vec<(usize, Fields<'a>)> {
    let fields = |(place, text)| Some((place, Fields::of(text, label)?));
    let about = |(_, fields): &(usize, Fields)| fields.text("component") == component;
    boot.lines().enumerate().filter_map(fields).filter(about).collect()
}

/// The only such line.
#[track_caller]
fn report<'a>(boot: &'a Boot, label: &str, component: &str) -> (usize, Fields<'a>) {
    match reports(boot, label, component)[..] {
        [report] => report,
        ref other => panic!("{} lines `{label}:` about {component}", other.len()),
    }
}

#[test]
fn each_fault_is_told_with_its_kind_and_then_reaped() {
    let boot = drilled();
    for (component, kind) in FAULTS {
        let (told, fault) = report(&boot, "fault", component);
        assert_eq!(fault.text("kind"), kind, "{component}");
        assert_ne!(fault.number("ip"), 0, "{component}");
        // Where the fetch itself faulted there was no instruction.
        match kind {
            "vm-execute" => assert_eq!(fault.text("instruction"), "none"),
            "illegal-instruction" => assert_eq!(fault.number("instruction"), 0),
            _ => assert_ne!(fault.number("instruction"), 0, "{component}"),
        }
        let address = fault.number("address");
        match component {
            "null-read" => assert!(address < 4096, "{address:#x}"),
            "execute-data" => assert_eq!(address, fault.number("ip")),
            _ => {}
        }
        reaped_after(&boot, component, told);
    }
    // An empty slot is answered with an error; only an address without a slot is a fault.
    let refused = "[empty-slot] a call on an empty slot: Err(InvalidCapability)";
    assert!(boot.lines().any(|text| text == refused));
    boot.quit();
}

#[test]
fn the_endless_loop_is_killed_by_its_time_to_live() {
    let boot = drilled();
    let (told, killed) = report(&boot, "killed", LOOP);
    assert_eq!(killed.text("reason"), "ttl");
    assert!(reports(&boot, "fault", LOOP).is_empty());
    reaped_after(&boot, LOOP, told);
    boot.quit();
}

#[track_caller]
fn reaped_after(boot: &Boot, component: &str, place: usize) {
    let (reaped_at, reaped) = report(boot, "reaped", component);
    assert!(reaped_at > place, "{component} was reaped before it was told");
    assert!(reaped.number("memory") > 0, "{component}");
    assert!(reaped.number("slots") > 0, "{component}");
}

#[test]
fn the_system_ticks_at_its_rate_during_and_after_the_drills() {
    let mut boot = Boot::start("drills");
    let killed = boot.line(&format!("killed: component={LOOP} "));
    boot.more_ticks(5);
    let (during, after): (Vec<_>, Vec<_>) =
        boot.ticks().into_iter().partition(|&(_, at)| at < killed.at);
    assert!(during.len() >= 3, "only {} ticks while it looped", during.len());
    // Few and short periods: what counts is that the loop delays none of them by much.
    for (when, ticks) in [("during", during), ("after", after)] {
        let period = period_s(&ticks);
        println!("the period {when} the loop is {period:.4} s");
        assert!((period - PERIOD_S).abs() < 0.1 * PERIOD_S, "{when}: {period} s");
    }
    boot.quit();
}

#[test]
fn all_memory_and_slots_come_back() {
    let mut boot = drilled();
    boot.more_ticks(5);
    let free = |text| {
        let memory = Fields::of(text, "memory")?;
        Some((memory.number("free"), memory.number("slots")))
    };
    let reports: Vec<(u64, u64)> = boot.lines().filter_map(free).collect();
    assert!(reports.len() >= 2, "{} lines `memory:`", reports.len());
    assert_eq!(reports.first(), reports.last());
    boot.quit();
}
