//! GPUs as the program shows them, leases and jobs, with a bridge whose device is a mock.

use std::fs;
use std::path::PathBuf;
use std::thread::{self, JoinHandle};

use gpu_bridge::{Endpoint, Executor, Mock, Options, Serving, serve};
use serde_json::Value;
use ticket::Role;

use crate::hive::{Hive, claims};
use crate::program::Following;

/// A bridge in a thread, gone when it is dropped.
pub struct Bridge {
    serving: Serving,
    thread: Option<JoinHandle<()>>,
    bundles: PathBuf,
}

impl Bridge {
    /// One whose device is there.
    pub fn new(hive: &Hive) -> Self {
        let bundles = hive.path("bundles");
        let executor = Executor::new(Box::new(Mock::new(1, 4000, 4)), &bundles.join(".results"));
        let executor = executor.expect("a bridge");
        let serving = Serving::new(&executor).expect("pipes");
        let (published, ready) = std::sync::mpsc::channel();
        let options = Options {
            hive: Endpoint::Socket(hive.socket()),
            ticket_file: hive.ticket_file("bridge.ticket", &claims(Role::GpuBridge)).into(),
            bundles: bundles.clone(),
            say: Box::new(move |line| {
                if line.contains("published") {
                    // The test may be over.
                    let _ = published.send(());
                }
            }),
        };
        let stop = serving.clone();
        let thread = thread::spawn(move || serve(executor, &options, &stop).expect("served"));
        ready.recv_timeout(crate::hive::LIMIT).expect("published");
        Self { serving, thread: Some(thread), bundles }
    }

    pub fn folder(&self) -> &str {
        self.bundles.to_str().expect("UTF-8")
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.serving.stop();
        let joined = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || joined.is_some_and(|joined| joined.is_ok()));
    }
}

fn objects(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// The arguments of a job.
fn job<'a>(kernel: &'a str, n: &'a str, worker: &'a str, bridge: &'a Bridge) -> Vec<&'a str> {
    vec!["gpu", "run", kernel, "--worker", worker, "--n", n, "--bundles", bridge.folder()]
}

#[test]
fn gpus_are_a_table_and_objects() {
    let hive = Hive::new();
    let title = "ID  BACKEND  MEMORY MB  FREE MB  STREAMS  FREE STREAMS  NAME\n";
    assert_eq!(hive.ok(&["gpu", "ls"]), title);
    let (code, _, err) = hive.run(&["gpu", "info", "GPU-0"]);
    assert!(code == 1 && err.contains("`gpu ls` lists those"), "{err}");
    let _bridge = Bridge::new(&hive);
    assert_eq!(hive.ok(&["gpu", "lease", "GPU-0", "--mem-mb", "500"]), "worker-1\n");
    let table = hive.ok(&["gpu", "ls"]);
    let row: Vec<_> = table.lines().nth(1).expect("a row").split_whitespace().collect();
    assert_eq!(row[..6], ["GPU-0", "mock", "4000", "3500", "4", "3"], "{table}");
    let info = hive.ok(&["gpu", "info", "GPU-0"]);
    assert!(info.contains("backend: mock\n") && info.contains("leases.held: 1\n"), "{info}");
    for words in [&["--json", "gpu", "ls"][..], &["--json", "gpu", "info", "GPU-0"]] {
        let object = objects(&hive.ok(words)).remove(0);
        assert_eq!(
            (&object["id"], &object["leases"]["streams_free"]),
            (&"GPU-0".into(), &3.into())
        );
    }
    // An observer may look, and no more.
    let observer = hive.ticket_file("observer.ticket", &claims(Role::Observer));
    let (code, out, err) = hive.run(&["--ticket-file", &observer, "gpu", "info", "GPU-0"]);
    assert_eq!((code, &*err, out.lines().next()), (0, "", Some("backend: mock")), "{out}");
    let (code, _, err) = hive.run(&["--ticket-file", &observer, "gpu", "lease", "GPU-0"]);
    assert!(code == 1 && err.contains("this takes a queen's"), "{err}");
}

#[test]
fn jobs_are_followed_to_their_end() {
    let hive = Hive::new();
    let bridge = Bridge::new(&hive);
    let leased = objects(&hive.ok(&["--json", "gpu", "lease", "GPU-0"])).remove(0);
    let worker = leased["result"].as_str().expect("a name");
    let out = hive.ok(&job("vadd", "1000", worker, &bridge));
    let lines: Vec<_> = out.lines().collect();
    assert!(lines[0].ends_with(" QUEUED") && lines[1].ends_with(" RUNNING 0 %"), "{out}");
    assert!(lines.last().expect("a line").contains(" OK: mock: no GPU"), "{out}");
    let mut words = job("matmul", "64", worker, &bridge);
    words.insert(0, "--json");
    words.push("--verify");
    let said = objects(&hive.ok(&words));
    let [.., ok, verified] = &said[..] else { panic!("{said:?}") };
    assert_eq!((&ok["state"], &ok["backend"]), (&"OK".into(), &"mock".into()));
    assert_eq!((&verified["verified"], &verified["result"]), (&true.into(), &ok["result"]));
    // Without a name it is the GPU worker that was started last.
    let last = hive.ok(&["gpu", "lease", "GPU-0"]);
    hive.ok(&["spawn", "heartbeat"]);
    hive.ok(&["gpu", "run", "vadd", "--n", "1000", "--bundles", bridge.folder()]);
    let telemetry = format!("/worker/{}/telemetry", last.trim_end());
    let mut following = Following::of(&hive, &["tail", "-f", &telemetry]);
    while !following.line().contains(r#""state":"OK""#) {}
    assert_eq!(following.end(), "");
    // The same inputs are staged once, and what is wrong with them is an error.
    let bundles = || fs::read_dir(&bridge.bundles).expect("a folder").flatten();
    assert_eq!(bundles().count(), 3, "two bundles, and results");
    for bundle in bundles().filter(|entry| entry.file_name() != ".results") {
        fs::write(bundle.path().join("a.f32"), [0; 4000]).expect("written");
    }
    let (code, out, err) = hive.run(&job("vadd", "1000", worker, &bridge));
    assert!(code == 1 && err.is_empty() && out.contains(" ERR: bundle: a.f32 is not"), "{out}");
}

#[test]
fn a_result_that_is_wrong_is_not_verified() {
    let hive = Hive::new();
    let bridge = Bridge::new(&hive);
    let worker = hive.ok(&["gpu", "lease", "GPU-0"]);
    // Another's results: what is read is not what the bridge wrote.
    let other = hive.path("other");
    let other = other.to_str().expect("UTF-8");
    let mut words = job("vadd", "1000", worker.trim_end(), &bridge);
    words.push("--verify");
    hive.ok(&words);
    std::os::unix::fs::symlink(&bridge.bundles, other).expect("a link");
    hive.ok(&words);
    fs::remove_file(other).expect("ours");
    let copy = std::process::Command::new("cp").args(["-r", bridge.folder(), other]).status();
    assert!(copy.expect("ran").success());
    let place = words.iter().position(|word| *word == bridge.folder()).expect("there");
    words[place] = other;
    let (code, _, err) = hive.run(&words);
    assert!(code == 2 && err.contains("is --bundles the bridge's"), "{err}");
}

#[test]
fn a_job_without_a_lease_or_a_worker_fails() {
    let hive = Hive::new();
    let bridge = Bridge::new(&hive);
    let words = ["gpu", "run", "vadd", "--n", "1000", "--bundles", bridge.folder()];
    let (code, _, err) = hive.run(&words);
    assert!(code == 1 && err.contains("no GPU worker lives: start one"), "{err}");
    let (code, _, err) = hive.run(&job("vadd", "1000", "worker-9", &bridge));
    assert!(code == 1 && err.contains("/worker/worker-9/tasks: no such file"), "{err}");
    let worker = hive.ok(&["gpu", "lease", "GPU-0", "--ttl", "1"]);
    let worker = worker.trim_end();
    // The log says when it is over.
    let ended = format!("ended lease of {worker} gpu=GPU-0");
    let mut following = Following::of(&hive, &["tail", "-f", "/log/queen.log"]);
    while !following.line().contains(&ended) {}
    assert_eq!(following.end(), "");
    let (code, out, err) = hive.run(&job("vadd", "1000", worker, &bridge));
    assert!(code == 1 && err.is_empty(), "{err}");
    assert!(out.ends_with(" REFUSED: EBADF: its lease has ended\n"), "{out}");
}
