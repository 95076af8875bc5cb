//! Workers as processes: what they may use, what they leave behind, and what a bad one costs.

use std::time::{Duration, Instant};

use boot_tests::{Boot, Linked, Queen};

const LOG: &str = "/log/queen.log";

/// A number of `/proc/mem`.
#[track_caller]
fn memory(queen: &mut Queen, name: &str) -> u64 {
    let text = queen.text("/proc/mem");
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

/// Everything that a worker takes of the system.
fn free(queen: &mut Queen) -> (u64, u64) {
    (memory(queen, "free"), memory(queen, "slots-free"))
}

/// The system without the component that ends by itself.
fn settled(system: &str) -> Linked {
    let mut hive = Linked::start(system);
    hive.boot().line("reaped: component=ping ");
    hive
}

/// Waits until the log says how `worker` ended, and returns the reason.
fn end(queen: &mut Queen, worker: &str) -> String {
    let start = format!("ended {worker} reason=");
    let log = queen.wait(LOG, |log| log.lines().any(|line| line.starts_with(&start)));
    let line = log.lines().find_map(|line| line.strip_prefix(&start));
    line.expect("it was waited for").to_owned()
}

#[test]
fn a_worker_beats_until_its_ticks_are_spent_and_leaves_nothing() {
    let mut hive = settled("qemu-virt");
    let mut queen = Queen::attach(&hive);
    let before = free(&mut queen);
    let worker = queen.spawn(r#"{"spawn":"heartbeat","ticks":5,"period_ms":200}"#);
    let telemetry = format!("/worker/{worker}/telemetry");
    let beats = queen.wait(&telemetry, |text| text.contains("heartbeat 5\n"));
    assert_eq!(beats, (1..=5).map(|n| format!("heartbeat {n}\n")).collect::<String>());
    assert_eq!(end(&mut queen, &worker), "ticks");
    assert_eq!(queen.list("/worker"), [""; 0]);
    assert_eq!(free(&mut queen), before);
    drop(queen);
    hive.boot().more_ticks(1);
}

/// In the machine's own time, told by another worker that beats twice in a tenth of a second.
#[test]
fn a_time_to_live_is_kept_to_a_tenth_of_a_second() {
    const PERIOD_MS: u64 = 50;
    const TTL_S: u64 = 3;
    let hive = Linked::start_counting("qemu-virt");
    let (mut queen, mut watcher) = (Queen::attach(&hive), Queen::attach(&hive));
    let steady = queen.spawn(&format!(r#"{{"spawn":"heartbeat","period_ms":{PERIOD_MS}}}"#));
    let line = format!(r#"{{"spawn":"heartbeat","period_ms":10000,"budget":{{"ttl_s":{TTL_S}}}}}"#);
    let events = watcher.record(
        || queen.command(&line).expect("a place is free"),
        |event| event.starts_with("/worker/") && event.ends_with(" gone"),
    );
    let born =
        events.iter().position(|event| event.starts_with("/worker/") && event.ends_with(" 0"));
    let life = events.get(born.expect("it was spawned")..).unwrap_or_default();
    let beat = format!("/worker/{steady}/telemetry ");
    let lived_ms = PERIOD_MS * life.iter().filter(|event| event.starts_with(&beat)).count() as u64;
    println!("a worker with {TTL_S} s to live lived {lived_ms} ms");
    assert!(lived_ms.abs_diff(TTL_S * 1000) <= 100, "{lived_ms} ms");
}

#[test]
fn a_time_to_live_ends_one_worker_and_a_kill_another_at_once() {
    let hive = settled("qemu-virt");
    let mut queen = Queen::attach(&hive);
    let before = free(&mut queen);
    let started = Instant::now();
    let short = queen.spawn(r#"{"spawn":"heartbeat","budget":{"ttl_s":2}}"#);
    let long = queen.spawn(r#"{"spawn":"heartbeat","budget":{"ttl_s":60}}"#);
    assert_eq!(end(&mut queen, &short), "ttl");
    let lived = started.elapsed();
    // Above it is the host's own load: the test before this one measures inside.
    assert!(lived >= Duration::from_secs(2), "{lived:?}");
    assert_eq!(queen.list("/worker"), [long.as_str()]);
    queen.command(&format!(r#"{{"kill":"{long}"}}"#)).expect("it lives");
    assert_eq!(queen.list("/worker"), [""; 0]);
    assert_eq!(free(&mut queen), before);
    assert!(queen.command(&format!(r#"{{"kill":"{long}"}}"#)).is_err());
}

#[test]
fn a_full_house_refuses_and_every_worker_in_it_beats() {
    const PLACES: usize = 200;
    let hive = settled("qemu-virt");
    let mut queen = Queen::attach(&hive);
    let before = free(&mut queen);
    let line = r#"{"spawn":"heartbeat","period_ms":1000}"#;
    let workers: Vec<String> = (0..PLACES).map(|_| queen.spawn(line)).collect();
    let full = free(&mut queen);
    let refused = queen.command(line).expect_err("every place is taken");
    assert!(refused.to_string().contains("usy"), "{refused}");
    assert_eq!((free(&mut queen), queen.list("/worker").len()), (full, PLACES));
    for worker in &workers {
        queen.wait(&format!("/worker/{worker}/telemetry"), |text| text.lines().count() >= 2);
    }
    let taken = before.0 - full.0;
    println!("{PLACES} workers take {} KiB and {} slots", taken >> 10, before.1 - full.1);
    for worker in &workers {
        queen.command(&format!(r#"{{"kill":"{worker}"}}"#)).expect("it lives");
    }
    assert_eq!(free(&mut queen), before);
}

#[test]
fn a_bad_worker_costs_itself_alone() {
    let mut hive = Linked::start("worker-drills");
    let mut queen = Queen::attach(&hive);
    let crashed = "fault: component=null-read kind=vm-read address=0x0 ip=0x";
    queen.wait(LOG, |log| log.lines().any(|line| line.starts_with(crashed)));
    let before = free(&mut queen);
    let spawn = |queen: &mut Queen, number: u32, line: &str| {
        assert_eq!(queen.spawn(line), format!("worker-{number}"));
    };
    let plain = r#"{"spawn":"heartbeat"}"#;
    let brief = r#"{"spawn":"heartbeat","budget":{"ttl_s":2}}"#;
    spawn(&mut queen, 1, plain);
    let fault = end(&mut queen, "worker-1");
    assert!(fault.starts_with("fault kind=vm-read address=0x0 ip=0x"), "{fault}");
    // These go on at the same time as all that follow.
    spawn(&mut queen, 2, brief);
    spawn(&mut queen, 3, plain);
    spawn(&mut queen, 4, brief);
    spawn(&mut queen, 5, brief);
    spawn(&mut queen, 6, plain);
    let said = queen.wait("/worker/worker-6/telemetry", |text| text.contains("trespass: "));
    assert_eq!(said, "trespass: done\n");
    spawn(&mut queen, 7, plain);
    assert_eq!(end(&mut queen, "worker-7"), "exited code=7");
    spawn(&mut queen, 8, brief);
    spawn(&mut queen, 9, plain);
    let said = queen.wait("/worker/worker-9/telemetry", |text| !text.is_empty());
    assert_eq!(said, "forge: refused\n");
    spawn(&mut queen, 10, plain);
    assert_eq!(end(&mut queen, "worker-10"), "ticks");
    assert_eq!(end(&mut queen, "worker-3"), "ops");
    assert_eq!(end(&mut queen, "worker-2"), "ttl");
    assert_eq!(end(&mut queen, "worker-8"), "ttl");
    for flooder in ["worker-4", "worker-5"] {
        let reason = end(&mut queen, flooder);
        assert!(matches!(reason.as_str(), "ttl" | "ops"), "{flooder}: {reason}");
    }
    // The timer is everybody's; the clock that watches over it is not.
    spawn(&mut queen, 11, brief);
    assert_eq!(end(&mut queen, "worker-11"), "ttl");
    spawn(&mut queen, 12, plain);
    let fault = end(&mut queen, "worker-12");
    assert!(fault.starts_with("fault kind=forbidden-call address=0xa "), "{fault}");
    for quiet in [6, 9] {
        queen.command(&format!(r#"{{"kill":"worker-{quiet}"}}"#)).expect("it lives");
    }
    assert_eq!((queen.list("/worker").len(), free(&mut queen)), (0, before));
    let log = queen.text(LOG);
    assert!(!log.contains("cohesix-ticket-") && !log.contains("breach"), "{log}");
    drop(queen);
    hive.boot().more_ticks(2);
}

/// Spawns and kills in the lines of one write: the next worker's number is known.
fn cycles(first: u32, count: u32) -> String {
    let pair = |number| format!("{{\"spawn\":\"heartbeat\"}}\n{{\"kill\":\"worker-{number}\"}}\n");
    let text: String = (first..first + count).map(pair).collect();
    text.trim_end().to_owned()
}

#[test]
fn ten_thousand_spawns_and_kills_lose_nothing() {
    const CYCLES: u32 = 10_000;
    const AT_ONCE: u32 = 100;
    let hive = settled("qemu-virt");
    let mut queen = Queen::attach(&hive);
    let before = free(&mut queen);
    for first in (1..CYCLES).step_by(AT_ONCE as usize) {
        queen.command(&cycles(first, AT_ONCE)).expect("each is spawned and killed");
    }
    assert_eq!(queen.text("/queen/last"), format!("worker-{CYCLES}\n"));
    assert_eq!((queen.list("/worker").len(), free(&mut queen)), (0, before));
}

#[test]
fn workers_that_crash_one_after_another_are_not_spawned_for_a_while() {
    let hive = Linked::start("worker-drills");
    let mut queen = Queen::attach(&hive);
    let plain = r#"{"spawn":"heartbeat"}"#;
    // Those before have other things to do.
    for number in 1..13 {
        queen.spawn(r#"{"spawn":"heartbeat","budget":{"ttl_s":60}}"#);
        let _ = queen.command(&format!(r#"{{"kill":"worker-{number}"}}"#));
    }
    let mut crashes = 0;
    let refused = loop {
        match queen.command(plain) {
            Ok(()) => crashes += 1,
            Err(error) => break error,
        }
        assert!(crashes < 20, "they are spawned for ever");
        let worker = queen.text("/queen/last");
        assert!(end(&mut queen, worker.trim_end()).starts_with("fault "));
    };
    assert!(refused.to_string().contains("usy"), "{refused}");
    assert!((6..=8).contains(&crashes), "{crashes}");
    let log = queen.text(LOG);
    assert!(
        log.lines().any(|line| line.starts_with("refused: ") && line.contains("wait")),
        "{log}"
    );
}

/// The line of `/proc/mem` that says what the kernel says.
#[track_caller]
fn kernel(queen: &mut Queen) -> String {
    let text = queen.text("/proc/mem");
    let line = text.lines().find(|line| line.starts_with("kernel: "));
    line.unwrap_or_else(|| panic!("no kernel in {text}")).to_owned()
}

#[test]
fn a_kernel_that_tells_agrees_with_the_book_about_every_slot() {
    const AGREES: &str = "kernel: agrees about every slot";
    // An external kernel may be a debug build, or not.
    let built = Boot::images_if_built("qemu-virt-debug").is_some();
    let hive = settled(if built { "qemu-virt-debug" } else { "qemu-virt" });
    let mut queen = Queen::attach(&hive);
    if !built && kernel(&mut queen).starts_with("kernel: does not tell") {
        println!("skipped: the external kernel is no debug build");
        return;
    }
    assert_eq!(kernel(&mut queen), AGREES);
    let workers: Vec<_> =
        (0..10).map(|_| queen.spawn(r#"{"spawn":"heartbeat","period_ms":100}"#)).collect();
    assert_eq!(kernel(&mut queen), AGREES);
    for worker in &workers {
        queen.wait(&format!("/worker/{worker}/telemetry"), |text| text.lines().count() >= 3);
        queen.command(&format!(r#"{{"kill":"{worker}"}}"#)).expect("it lives");
    }
    assert_eq!(kernel(&mut queen), AGREES);
    let capabilities = queen.text("/proc/caps");
    assert!(capabilities.contains("\nnine-door ") && !capabilities.contains("worker-"));
}
