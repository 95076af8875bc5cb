//! The program serves a hive, and a GPU worker's jobs go through both.

use std::fs;
use std::time::Instant;

use gpu::{Job, Kernel, Shape, State, Status};
use rustix::process::Signal;
use ticket::Role;

use crate::hive::{Bridge, Hive};
use crate::vulkan::shaders;
use crate::work::{Bundle, MATMUL, VADD};

const STATUS: &str = "/gpu/GPU-0/status";
const LOG: &str = "/log/queen.log";
/// Takes the mock seconds, and the check after it many.
const LONG: Kernel = Kernel::Matmul { m: 8192, n: 8192, k: 1024 };

/// Stages a bundle where the bridge looks for it: a job's line.
fn job(hive: &Hive, id: &str, kernel: Kernel) -> String {
    let bytes_hash = gpu_bundle::stage_in(&hive.bundles(), kernel, 7).expect("a bundle");
    let name = |name| gpu::FileName::of(name).expect("a name");
    let job = Job {
        id: gpu::JobId::of(id).expect("an id"),
        kernel,
        shape: Shape::of(kernel, [16, 16, 1])
            .or_else(|_| Shape::of(kernel, [256, 1, 1]))
            .expect("a shape"),
        bytes_hash,
        inputs: [name("a.f32"), name("b.f32")],
        output: name("out.f32"),
        timeout_ms: 600_000,
    };
    job.to_string()
}

fn give(hive: &mut Hive, worker: &str, line: &str) {
    hive.append(&format!("/worker/{worker}/tasks"), line);
}

/// A bridge that runs a long job of a worker's; the job's line.
fn at_work(hive: &mut Hive) -> (Bridge, String) {
    let bridge = hive.bridge();
    let worker = hive.spawn(600);
    let line = job(hive, "long", LONG);
    give(hive, &worker, &line);
    running(hive, "long");
    (bridge, line)
}

fn running(hive: &mut Hive, id: &str) {
    let line = format!("{{\"job\":\"{id}\",\"state\":\"RUNNING\"");
    hive.until(STATUS, |text| text.contains(&line));
}

/// Nothing of the device is left.
fn is_gone(hive: &mut Hive) {
    hive.until(LOG, |log| {
        log.matches("gone gpu=GPU-0 ").count() == log.matches("published gpu=GPU-0 ").count()
    });
    assert!(hive.cat("/gpu/GPU-0/info").is_err());
}

#[test]
fn jobs_of_a_worker_are_computed_and_checked() {
    let mut hive = Hive::new();
    let bridge = hive.bridge();
    let worker = hive.spawn(600);
    for (id, kernel) in [("add", VADD), ("multiply", MATMUL)] {
        let line = job(&hive, id, kernel);
        give(&mut hive, &worker, &line);
        let last = hive.last_status(&worker, id);
        let status = Status::parse(last.as_bytes()).expect(&last);
        assert_eq!((status.state, status.progress), (State::Ok, 100), "{last}");
        assert!(status.detail.contains("mock: no GPU") && status.detail.contains("; checked in "));
        // What it says of the result is true.
        let result = hive.bundles().join(".results").join(id).join("out.f32");
        let bytes = fs::read(result).expect("a result");
        assert_eq!(bytes.len() as u64, kernel.output() * 4);
        assert_eq!(status.result, Some(gpu_bundle::hash_of(&bytes)));
        let states: Vec<_> = hive
            .cat(STATUS)
            .expect("a file")
            .lines()
            .map(|line| Status::parse(line.as_bytes()).expect(line).to_string())
            .filter(|line| line.contains(&format!("\"job\":\"{id}\"")))
            .collect();
        assert!(states[0].contains("QUEUED") && states[1].contains("RUNNING"), "{states:?}");
    }
    let (code, said) = bridge.end(Signal::TERM);
    assert!(code.success() && said.contains("GPU-0: add OK: "), "{said}");
    is_gone(&mut hive);
    let log = hive.cat(LOG).expect("a log");
    assert!(log.contains("gone gpu=GPU-0 reason=withdrawn"), "{log}");
}

#[test]
fn a_bundle_that_is_not_what_the_job_says_is_an_error() {
    let mut hive = Hive::new();
    let _bridge = hive.bridge();
    let worker = hive.spawn(600);
    let line = job(&hive, "changed", VADD);
    let hash = Job::parse(line.as_bytes()).expect("a job").bytes_hash;
    let file = gpu_bundle::place(&hive.bundles(), hash).join("a.f32");
    let mut bytes = fs::read(&file).expect("an input");
    bytes[5] ^= 1;
    fs::write(&file, &bytes).expect("written");
    give(&mut hive, &worker, &line);
    let last = hive.last_status(&worker, "changed");
    assert!(
        last.contains("\"ERR\"") && last.contains("a.f32 is not what SHA256SUMS says"),
        "{last}"
    );
    // A bundle that is nowhere.
    let hex = hash.hex().to_string();
    let line = line.replace(&hex, &"0".repeat(64)).replace("changed", "nowhere");
    give(&mut hive, &worker, &line);
    let last = hive.last_status(&worker, "nowhere");
    assert!(last.contains("\"ERR\"") && last.contains("bytes_hash: SHA256SUMS"), "{last}");
    assert!(!hive.bundles().join(".results/changed").exists());
}

#[test]
fn a_killed_bridge_comes_back_and_does_nothing_twice() {
    for when in ["before", "during", "after"] {
        let mut hive = Hive::new();
        let bridge = hive.bridge();
        let worker = hive.spawn(600);
        let kernel = if when == "during" { LONG } else { VADD };
        let line = job(&hive, "one", kernel);
        match when {
            "before" => {}
            "during" => {
                give(&mut hive, &worker, &line);
                running(&mut hive, "one");
            }
            _ => {
                give(&mut hive, &worker, &line);
                assert!(hive.last_status(&worker, "one").contains("\"OK\""));
            }
        }
        let (code, _) = bridge.end(Signal::KILL);
        assert_eq!(code.code(), None);
        is_gone(&mut hive);
        if when == "during" {
            let last = hive.last_status(&worker, "one");
            assert!(last.contains("\"ERR\"") && last.contains("device gone"), "{last}");
            assert!(!hive.bundles().join(".results/one.done").exists());
        }
        let done = hive.bundles().join(".results/one.done");
        let before = fs::metadata(&done).and_then(|file| file.modified()).ok();
        let bridge = hive.bridge();
        let second = hive.spawn(600);
        give(&mut hive, &second, &line);
        if when == "during" {
            // It is not known how far it was: it runs from its beginning.
            running(&mut hive, "one");
        } else {
            let last = hive.last_status(&second, "one");
            assert!(last.contains("\"OK\""), "{when}: {last}");
        }
        if when == "after" {
            // Nothing was computed: the record is the old one, and it did not run.
            let after = fs::metadata(&done).and_then(|file| file.modified()).ok();
            assert_eq!(before, after);
            let status = hive.cat(STATUS).expect("a status");
            assert!(!status.contains("RUNNING"), "{status}");
        }
        let (code, _) = bridge.end(Signal::INT);
        assert!(code.success());
        is_gone(&mut hive);
    }
}

#[test]
fn a_bridge_that_is_told_to_end_ends_its_job_and_leaves_nothing() {
    let mut hive = Hive::new();
    let (bridge, line) = at_work(&mut hive);
    hive.until("/gpu/GPU-0/info", |info| info.contains("\"memory_used_mb\":320"));
    let start = Instant::now();
    let (code, said) = bridge.end(Signal::TERM);
    assert!(code.success() && start.elapsed().as_secs() < 10, "{code}");
    assert!(said.contains("GPU-0: long ERR: cancelled: the bridge was told to end"), "{said}");
    is_gone(&mut hive);
    // How it ended stays true.
    let bridge = hive.bridge();
    let worker = hive.spawn(600);
    give(&mut hive, &worker, &line);
    let last = hive.last_status(&worker, "long");
    assert!(last.contains("\"ERR\"") && last.contains("told to end"), "{last}");
    drop(bridge);
}

#[test]
fn a_lease_that_expires_in_mid_job_stops_it_and_frees_its_share() {
    let mut hive = Hive::new();
    let bridge = hive.bridge();
    // Its inputs first: that takes a while.
    let (line, next) = (job(&hive, "long", LONG), job(&hive, "next", VADD));
    let worker = hive.spawn(4);
    give(&mut hive, &worker, &line);
    let status = hive.until(STATUS, |text| text.contains("\"state\":\"ERR\""));
    assert!(status.contains("RUNNING") && status.contains("the hive ended its lease"), "{status}");
    hive.until(LOG, |log| log.contains(&format!("freed share of {worker} gpu=GPU-0\n")));
    give(&mut hive, &worker, &next);
    let last = hive.last_status(&worker, "next");
    assert!(last.contains("\"REFUSED\"") && last.contains("EBADF"), "{last}");
    // The bridge is free for others.
    let other = hive.spawn(600);
    give(&mut hive, &other, &next);
    assert!(hive.last_status(&other, "next").contains("\"OK\""));
    let (code, _) = bridge.end(Signal::TERM);
    assert!(code.success());
}

#[test]
fn a_hive_that_goes_and_comes_back_is_served_again() {
    let mut hive = Hive::new();
    let (bridge, _) = at_work(&mut hive);
    hive.end();
    is_gone(&mut hive);
    hive.serve();
    hive.until("/gpu/GPU-0/info", |info| info.contains("\"backend\":\"mock\""));
    let worker = hive.spawn(600);
    let line = job(&hive, "next", VADD);
    give(&mut hive, &worker, &line);
    assert!(hive.last_status(&worker, "next").contains("\"OK\""));
    let (code, said) = bridge.end(Signal::TERM);
    assert!(code.success() && said.contains("trying again"), "{said}");
    assert_eq!(said.matches("published at").count(), 2, "{said}");
}

#[test]
fn a_bridge_that_is_not_let_in_says_so_and_ends() {
    let hive = Hive::new();
    hive.ticket("observer.ticket", Role::Observer);
    for (ticket, says) in [("observer.ticket", "permission denied"), ("none", "cannot be read")] {
        let output = hive.program(ticket).output().expect("ran");
        let err = String::from_utf8(output.stderr).expect("UTF-8");
        assert!(output.status.code() == Some(2) && err.contains(says), "{err}");
    }
    let mut program = hive.program("bridge.ticket");
    program.args(["--socket", "/nowhere/hive.sock"]);
    let output = program.output().expect("ran");
    assert_eq!(output.status.code(), Some(2), "a socket twice is wrong usage");
}

#[test]
fn a_bridge_waits_for_its_hive() {
    let mut hive = Hive::new();
    hive.end();
    let mut bridge = Bridge::start(hive.program("bridge.ticket"));
    let said = bridge.wait_for("trying again");
    assert!(said.contains("nobody listens there"), "{said}");
    hive.serve();
    hive.until("/gpu/GPU-0/info", |info| info.contains("\"backend\":\"mock\""));
    let (code, _) = bridge.end(Signal::INT);
    assert!(code.success());
    is_gone(&mut hive);
}

/// lavapipe is given a loop that goes on for minutes: nobody waits for it but its device.
#[test]
fn a_kernel_without_an_end_holds_up_neither_jobs_nor_leases_nor_the_bridge() {
    if shaders().is_none() {
        return;
    }
    let mut hive = Hive::new();
    let bridge = Bridge::start(hive.program_with("bridge.ticket", "wgpu"));
    hive.until("/gpu/GPU-0/info", |info| info.contains("\"backend\":\"wgpu\""));
    let mut bundle = Bundle::of(Kernel::Vadd { n: 2_097_152 });
    let source = fs::read_to_string(bundle.path().join("vadd.wgsl")).expect("a source");
    let endless = "var j = 0u; loop { j = j * 7u + 3u; if a[(i + j) % part.n] > 5.0 { break; } } \
                   out[i] = f32(j)";
    let source = source.replace("out[i] = a[i] + b[i]", endless);
    assert!(source.contains(endless));
    bundle.put("vadd.wgsl", source.as_bytes());
    let line = bundle.line("endless", 2000);
    let hash = Job::parse(line.as_bytes()).expect("a job").bytes_hash;
    let next = job(&hive, "next", VADD).replace("600000", "2000");
    fs::rename(bundle.path(), gpu_bundle::place(&hive.bundles(), hash)).expect("moved");
    let worker = hive.spawn(600);
    give(&mut hive, &worker, &line);
    let last = hive.last_status(&worker, "endless");
    assert!(last.contains("timeout_ms: not done after 2000 ms"), "{last}");
    give(&mut hive, &worker, &next);
    let last = hive.last_status(&worker, "next");
    assert!(last.contains("\"ERR\"") && last.contains("start the bridge anew"), "{last}");
    hive.append("/gpu/GPU-0/ctl", &format!("RELEASE {worker}"));
    hive.until(LOG, |log| log.contains(&format!("freed share of {worker} gpu=GPU-0\n")));
    let start = Instant::now();
    let (code, said) = bridge.end(Signal::TERM);
    assert!(code.success() && start.elapsed().as_secs() < 20, "{code} {said}");
    is_gone(&mut hive);
}
