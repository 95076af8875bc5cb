//! The manifests under `systems/` and `tests/manifests/`, and what has no file there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use ::manifest::workers::{Budget, Kind, Period, Worker};
use ::manifest::{Capabilities, Device, Facts, Limits, OnPanic, Start, System, Target, Ticket};

use super::*;
use crate::workspace;

/// The files of `dir` that end in `.extension`, in order.
fn files(dir: &Path, extension: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .collect();
    files.sort();
    files
}

fn facts() -> Facts {
    let text = |text: &str| ::manifest::Text::try_from(text).unwrap();
    Facts {
        version: text("0.1.0"),
        git: text("0123456789ab-dirty"),
        kernel: text("seL4 5.0.0, unverified AArch64 port, patched"),
        gic: text("GICv3"),
        images: ::manifest::Images::new(),
    }
}

fn encoded(system: &System) -> Vec<u8> {
    system.encode(&mut [0; 8192]).unwrap().to_vec()
}

#[test]
fn bad_manifests_give_exactly_the_expected_messages() {
    let dir = workspace::root().join("tests/manifests/bad");
    let manifests = files(&dir, "toml");
    assert!(manifests.len() >= 20, "only {} bad manifests", manifests.len());
    let mut wrong = String::new();
    for path in &manifests {
        let expected = std::fs::read_to_string(path.with_extension("txt"));
        let found = match load(path) {
            Ok(_) => "accepted\n".to_owned(),
            Err(error) => format!("{error}\n"),
        };
        if expected.as_ref().ok() != Some(&found) {
            let expected = expected.unwrap_or_else(|error| format!("(no .txt: {error})\n"));
            wrong += &format!("{}:\nexpected {expected}found    {found}", path.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn every_expectation_has_its_manifest() {
    let dir = workspace::root().join("tests/manifests/bad");
    let stems = |extension| -> BTreeSet<PathBuf> {
        files(&dir, extension).iter().map(|path| path.with_extension("")).collect()
    };
    assert_eq!(stems("txt"), stems("toml"));
}

#[test]
fn every_system_loads_under_its_own_name_and_survives_encoding() {
    let systems = files(&workspace::root().join("systems"), "toml");
    assert!(!systems.is_empty());
    for path in systems {
        let checked = load(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(Some(checked.name.as_str()), path.file_stem().unwrap().to_str());
        let system = checked.into_system(facts());
        assert_eq!(System::decode(&encoded(&system)).as_ref(), Ok(&system), "{}", path.display());
    }
}

#[test]
fn good_manifests_load() {
    let manifests = files(&workspace::root().join("tests/manifests/good"), "toml");
    assert!(!manifests.is_empty());
    for path in manifests {
        load(&path).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn every_field_arrives() {
    let path = workspace::root().join("tests/manifests/good/every-field.toml");
    let system = load(&path).unwrap().into_system(facts());
    assert_eq!(system.name, "every-field");
    assert_eq!((system.memory_mib, system.tick_ms), (1024, 250));
    assert_eq!(system.on_panic, OnPanic::Exit);
    let selftest = system.selftest.unwrap();
    assert_eq!((selftest.component, selftest.cycles, selftest.panic), (1, 7, true));
    let [server, client] = system.components.as_slice() else { panic!("two components") };
    assert_eq!((server.name.as_str(), server.image.as_str()), ("server", "server"));
    assert_eq!((server.argument, server.start), (0, Start::Boot));
    assert_eq!(server.calls.as_slice(), [Target::RootTask]);
    assert_eq!(server.capabilities, Capabilities::WORKERS | Capabilities::TICKETS);
    assert_eq!(server.limits, Limits { ttl_ms: 0, log_lines_per_s: 0 });
    assert_eq!((client.name.as_str(), client.image.as_str()), ("client", "probe-2"));
    assert_eq!((client.priority, client.stack, client.memory), (1, 0x8000, 0x10_0000));
    assert_eq!((client.argument, client.start), (u64::MAX, Start::Demand));
    assert_eq!(client.calls.as_slice(), [Target::Component(0), Target::RootTask]);
    assert_eq!(client.capabilities, Capabilities::all() - Capabilities::WORKERS);
    assert_eq!(client.limits, Limits { ttl_ms: 86_400_000, log_lines_per_s: 1000 });
    assert_eq!(server.device, Some(Device { transport: 31, dma: 1 << 20 }));
    assert_eq!((server.ticket, client.ticket), (Some(Ticket::Observer), None));
    assert_eq!(client.device, Some(Device { transport: 0, dma: 4 << 10 }));
    let [link, named_as_the_system] = system.regions.as_slice() else { panic!("two regions") };
    assert_eq!((link.name.as_str(), link.size, link.components), ("link", 4 << 20, [1, 0]));
    assert_eq!((named_as_the_system.name.as_str(), named_as_the_system.size), ("system", 4 << 10));
    assert_eq!(named_as_the_system.components, [0, 1]);
}

#[test]
fn every_field_of_workers_arrives() {
    let path = workspace::root().join("tests/manifests/good/every-field.toml");
    let name = |text: &str| Name::try_from(text).unwrap();
    let budget = |ticks, ops, ttl_s| Budget { ticks, ops, ttl_s };
    let heartbeat = Worker {
        kind: Kind::Heartbeat,
        image: name("worker-heart"),
        priority: 248,
        stack: 4 << 10,
        memory: 64 << 10,
        argument: 0,
        places: 1,
        period_ms: Period { default: 10, least: 10, most: 10 },
        budget: budget(1, 1, 1),
        most: budget(1, 1, 1),
    };
    let gpu = Worker {
        kind: Kind::Gpu,
        image: name("probe-2"),
        priority: 1,
        stack: 32 << 10,
        memory: 1 << 20,
        argument: u64::MAX,
        places: 239,
        period_ms: Period { default: 1000, least: 11, most: 86_400_000 },
        budget: budget(2, 3, 4),
        most: budget(u64::MAX, u64::MAX - 1, 31_536_000),
    };
    let expected = Workers { server: 0, kinds: [heartbeat, gpu].into_iter().collect() };
    let workers = load(&path).unwrap().into_system(facts()).workers.unwrap();
    assert_eq!(workers, expected);
    assert_eq!(workers.places(), 240);
    assert_eq!(workers.of(Kind::Gpu), workers.kinds.last());
}

#[test]
fn without_regions_and_devices_there_are_none() {
    let checked = load(&workspace::root().join("systems/bench.toml")).unwrap();
    assert!(checked.regions.is_empty());
    assert!(checked.components.iter().all(|component| component.device.is_none()));
}

#[test]
fn a_logging_component_has_a_limit_unless_told_otherwise() {
    let checked = load(&workspace::root().join("systems/qemu-virt.toml")).unwrap();
    let ping = checked.components.first().unwrap();
    assert_eq!(ping.limits, Limits { ttl_ms: 0, log_lines_per_s: 10 });
}

#[test]
fn an_absent_image_is_named_with_those_that_are_there() {
    let path = workspace::root().join("systems/bench.toml");
    let checked = load(&path).unwrap();
    available_check(&checked, &["ping", "drill", "bench-ipc"]).unwrap();
    let error = available_check(&checked, &["ping", "drill"]).unwrap_err().to_string();
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(
        lines,
        [
            "systems/bench.toml:17: component `ipc-server`: image `bench-ipc` is not among the \
             images that are built (ping, drill)",
            "systems/bench.toml:28: component `ipc-client`: image `bench-ipc` is not among the \
             images that are built (ping, drill)"
        ]
    );
}

#[test]
fn an_absent_image_of_a_worker_is_named_too() {
    let path = workspace::root().join("tests/manifests/good/every-field.toml");
    let checked = load(&path).unwrap();
    available_check(&checked, &["server", "probe-2", "worker-heart"]).unwrap();
    let error = available_check(&checked, &["server"]).unwrap_err().to_string();
    let absent = |line: u32, scope: &str, image: &str| {
        format!(
            "tests/manifests/good/every-field.toml:{line}: {scope}: image `{image}` is not among \
             the images that are built (server)"
        )
    };
    let lines: Vec<&str> = error.lines().collect();
    assert_eq!(
        lines,
        [
            absent(26, "component `client`", "probe-2"),
            absent(63, "[workers.heartbeat]", "worker-heart"),
            absent(73, "[workers.gpu]", "probe-2"),
        ]
    );
}

#[test]
fn a_missing_file_is_one_line() {
    let error = load(&workspace::root().join("systems/absent.toml")).unwrap_err().to_string();
    assert!(error.starts_with("systems/absent.toml: cannot be read: "), "{error}");
    assert_eq!(error.lines().count(), 1);
}

/// Cuts every system short at every byte: a message or a manifest, never a panic.
#[test]
fn truncated_manifests_give_messages() {
    for path in files(&workspace::root().join("systems"), "toml") {
        let text = std::fs::read_to_string(&path).unwrap();
        for end in 0..text.len() {
            if let Err(error) = parse("cut.toml", text.get(..end).unwrap()) {
                let error = error.to_string();
                assert!(error.lines().all(|line| line.starts_with("cut.toml:")), "{error}");
            }
        }
    }
}

/// Replaces each value by values of every other kind: a message for that line, never a panic.
#[test]
fn a_value_of_another_kind_gives_messages() {
    let path = workspace::root().join("tests/manifests/good/every-field.toml");
    let text = std::fs::read_to_string(path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let others = ["[1]", "{}", "-1", "1.5", "1979-05-27", "\"\\n\"", "99999999999999999999"];
    let mut replaced = 0;
    for (index, line) in lines.iter().enumerate() {
        let Some((key, value)) = line.split_once(" = ").filter(|(_, value)| *value != "[") else {
            continue;
        };
        for other in others {
            let changed = format!("{key} = {other}");
            let mut lines = lines.clone();
            *lines.get_mut(index).unwrap() = &changed;
            let error = parse("x.toml", &lines.join("\n")).expect_err(&changed).to_string();
            assert!(error.lines().all(|line| line.starts_with("x.toml:")), "{error}");
            let here = format!("x.toml:{}: ", index + 1);
            assert!(error.contains(&here), "{changed} for {value}: {error}");
            replaced += 1;
        }
    }
    assert!(replaced > 100, "only {replaced} values were replaced");
}
