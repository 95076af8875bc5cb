//! Hours of work in virtual time: nothing drifts.
//!
//! `COHESIX_SOAK_HOURS` says how many, two by default. The machine's time is what it has done, so
//! they pass in minutes.

use boot_tests::{Linked, Queen};
use xtask::qemu::COUNTED_START_MS;

/// Seconds that each round's short worker lives.
const TTL_S: u64 = 100;

fn hours() -> u64 {
    let hours = std::env::var("COHESIX_SOAK_HOURS").ok();
    hours.map_or(2, |text| text.parse().expect("COHESIX_SOAK_HOURS: a whole number of hours"))
}

/// A number of `/proc/mem`, or of another file of such lines.
#[track_caller]
fn number(text: &str, name: &str) -> u64 {
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

fn free(queen: &mut Queen) -> (u64, u64) {
    let text = queen.text("/proc/mem");
    (number(&text, "free"), number(&text, "slots-free"))
}

/// Seconds since the machine's start.
fn now(queen: &mut Queen) -> u64 {
    queen.modified("/log/queen.log") - COUNTED_START_MS / 1000
}

/// The number of the last heartbeat in what telemetry holds.
fn last_beat(text: &str) -> u64 {
    let beat = text.lines().last().and_then(|line| line.strip_prefix("heartbeat "));
    beat.map_or(0, |number| number.parse().expect("a number"))
}

/// Spawns one that expires, one that has few ticks and one that is killed; each ends as it should.
fn round(queen: &mut Queen) {
    let budget = format!(r#""budget":{{"ttl_s":{TTL_S}}}"#);
    let short = queen.spawn(&format!(r#"{{"spawn":"heartbeat","period_ms":1000,{budget}}}"#));
    let few = queen.spawn(r#"{"spawn":"heartbeat","period_ms":500,"ticks":20}"#);
    let killed = queen.spawn(r#"{"spawn":"heartbeat","period_ms":700}"#);
    let telemetry = format!("/worker/{killed}/telemetry");
    queen.wait(&telemetry, |text| last_beat(text) >= 10);
    queen.command(&format!(r#"{{"kill":"{killed}"}}"#)).expect("it lives");
    for (worker, reason) in [(few, "ticks"), (short, "ttl")] {
        let line = format!("ended {worker} reason={reason}");
        queen.wait("/log/queen.log", |log| log.lines().any(|found| found == line));
    }
}

#[test]
fn hours_of_work_drift_in_nothing() {
    let mut hive = Linked::start_counting("qemu-virt");
    hive.boot().line("reaped: component=ping ");
    let mut queen = Queen::attach(&hive);
    let before = free(&mut queen);
    // Beats all the time: its ticks are counted by the clock.
    let steady = queen.spawn(r#"{"spawn":"heartbeat","period_ms":1000}"#);
    let start = now(&mut queen);
    let telemetry = format!("/worker/{steady}/telemetry");
    let mut rounds = 0;
    while now(&mut queen) < start + hours() * 3600 {
        round(&mut queen);
        rounds += 1;
        let beats = last_beat(&queen.text(&telemetry));
        let passed = now(&mut queen) - start;
        assert!(passed.abs_diff(beats) <= 2, "{beats} beats after {passed} s");
    }
    queen.command(&format!(r#"{{"kill":"{steady}"}}"#)).expect("it lives");
    assert_eq!((queen.list("/worker").len(), free(&mut queen)), (0, before));
    let end = now(&mut queen);
    println!("{rounds} rounds in {} s of virtual time", end - start);
    drop(queen);
    // The root task has counted the same seconds, each once and none late.
    hive.boot().tick(end);
    let ticks: Vec<u64> = hive.boot().ticks().into_iter().map(|(number, _)| number).collect();
    assert!(ticks.iter().copied().eq(1..=ticks.len() as u64), "a tick is missing or doubled");
}
