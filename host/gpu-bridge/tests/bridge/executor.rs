//! The executor on the mock, and on backends that fail.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use gpu::{Job, Kernel, State};
use gpu_bridge::{Cancel, Executor, LIST, Mock, Order};

use crate::backends::{Fault, Faulty, endless, stuck};
use crate::work::{Bundle, MATMUL, VADD};

fn mock() -> Mock {
    Mock::new(1, 1024, 4)
}

#[test]
fn the_mock_computes_and_says_that_it_is_one() {
    for kernel in [VADD, MATMUL] {
        let bundle = Bundle::of(kernel);
        let executor = bundle.executor(mock());
        assert_eq!(executor.devices()[0].to_json()["backend"], "mock");
        let ran = bundle.run(&executor, &bundle.line("j", 60_000));
        ran.assert_ok(&bundle);
        assert!(ran.told.iter().all(|line| line.contains("\"backend\":\"mock\"")));
        assert!(ran.told.iter().all(|line| line.contains("mock: no GPU")), "{:?}", ran.told);
        // By hand, once more.
        let (a, b, out) = (bundle.values("a.f32"), bundle.values("b.f32"), bundle.result("j"));
        let value = |index: usize| match kernel {
            Kernel::Vadd { .. } => a[index] + b[index],
            Kernel::Matmul { n, k, .. } => {
                let (row, column) = (index / n as usize, index % n as usize);
                (0..k as usize).map(|i| a[row * k as usize + i] * b[i * n as usize + column]).sum()
            }
        };
        assert_eq!(out.len() as u64, kernel.output());
        for index in [0, 1, out.len() / 2, out.len() - 1] {
            assert!((out[index] - value(index)).abs() < 1e-4, "{index}");
        }
    }
}

#[test]
fn it_computes_the_same_every_time() {
    let bundle = Bundle::of(MATMUL);
    let executor = bundle.executor(mock());
    let [one, two] = ["one", "two"].map(|id| bundle.run(&executor, &bundle.line(id, 60_000)));
    assert!(one.report.result.is_some() && one.report.result == two.report.result);
}

#[test]
fn what_is_not_as_it_was_hashed_never_runs() {
    for (name, says) in [
        ("a.f32", "bundle: a.f32 is not what SHA256SUMS says"),
        // The mock does not read it, and the bundle is wrong all the same.
        ("vadd.wgsl", "bundle: vadd.wgsl is not what SHA256SUMS says"),
        (LIST, "bytes_hash: the bundle's SHA256SUMS has another"),
    ] {
        let bundle = Bundle::of(VADD);
        let path = bundle.path().join(name);
        let mut bytes = fs::read(&path).expect("a file");
        bytes[10] ^= 1;
        fs::write(&path, bytes).expect("written");
        let faulty = Faulty::new(Fault::None);
        let runs = faulty.runs.clone();
        let executor = bundle.executor(faulty);
        bundle.run(&executor, &bundle.line("j", 60_000)).assert_err(says, false);
        assert_eq!(runs.load(Ordering::Relaxed), 0);
        assert!(!bundle.results().join("j").exists());
    }
}

#[test]
fn a_bundle_that_is_no_whole_one_never_runs() {
    let mut bundle = Bundle::of(VADD);
    let executor = bundle.executor(mock());
    let refused = |bundle: &Bundle, id: &str, says: &str| {
        bundle.run(&executor, &bundle.line(id, 60_000)).assert_err(says, false);
    };
    let list = fs::read_to_string(bundle.path().join(LIST)).expect("a list");
    let line = list.lines().find(|line| line.ends_with("  a.f32")).expect("it has one").to_owned();
    let (digits, _) = line.split_once(' ').expect("two parts");
    for (id, list, says) in [
        ("twice", format!("{list}{line}\n"), "bytes_hash: SHA256SUMS: a.f32 stands twice"),
        ("cut", list.trim_end().to_owned(), "bytes_hash: SHA256SUMS is no text of whole lines"),
        ("empty", String::new(), "bytes_hash: SHA256SUMS is no text"),
        ("without", list.replace(&format!("{line}\n"), ""), "inputs: a.f32 is not in the bundle's"),
        ("slash", format!("{list}{digits}  ../x\n"), "bytes_hash: SHA256SUMS: each line must be"),
        ("short", format!("{list}12  x\n"), "bytes_hash: SHA256SUMS: each line must be"),
        ("gone", format!("{list}{digits}  gone\n"), "bundle: gone: cannot be read"),
    ] {
        bundle.put_list(&list);
        refused(&bundle, id, says);
    }
    // What is large is not read for ever.
    let huge = fs::File::create(bundle.path().join("huge")).expect("a file");
    bundle.put_list(&format!("{list}{digits}  huge\n"));
    huge.set_len(1 << 40).expect("sparse");
    refused(&bundle, "huge", "bundle: huge is longer than");
    huge.set_len(3 << 30).expect("sparse");
    let line = bundle.line("slow", 300);
    bundle.run(&executor, &line).assert_err("timeout_ms: not done after 300 ms", false);
    fs::remove_file(bundle.path().join("huge")).expect("it is there");
    bundle.put_list(&list);
    let line = bundle.line("source", 60_000).replace("a.f32", "vadd.wgsl");
    let says = "inputs: vadd.wgsl has ";
    bundle.run(&executor, &line).assert_err(says, false);
    bundle.put("a.f32", &[0; 399_996]);
    refused(&bundle, "small", "inputs: a.f32 has 399996 bytes instead of 400000");
    bundle.put("a.f32", &[0; 400_004]);
    refused(&bundle, "large", "inputs: a.f32 has 400004 bytes instead of 400000");
    let mut bytes = vec![0; 400_000];
    bytes[40..44].copy_from_slice(&f32::INFINITY.to_le_bytes());
    bundle.put("a.f32", &bytes);
    refused(&bundle, "infinite", "inputs: value 10 of a.f32 is not finite");
    fs::remove_file(bundle.path().join("a.f32")).expect("it is there");
    std::os::unix::fs::symlink("b.f32", bundle.path().join("a.f32")).expect("a link");
    refused(&bundle, "link", "inputs: a.f32: is no plain file");
    fs::remove_file(bundle.path().join(LIST)).expect("it is there");
    refused(&bundle, "listless", "bytes_hash: SHA256SUMS: cannot be read");
}

#[test]
fn a_wrong_result_is_an_error_however_it_is_wrong() {
    for kernel in [VADD, MATMUL] {
        let bundle = Bundle::of(kernel);
        for (fault, says) in [
            (Fault::Off(1e-3), "wrong result: value "),
            (Fault::Off(f32::INFINITY), "wrong result: value "),
            (Fault::NotANumber, "wrong result: value "),
            (Fault::Short, "wrong result: "),
            (Fault::Fails, "the device is gone"),
            (Fault::Panics, "mock: the driver failed badly"),
        ] {
            let executor = bundle.executor(Faulty::new(fault));
            let id = format!("{fault:?}").replace(['(', ')', '.'], "_");
            bundle.run(&executor, &bundle.line(&id, 60_000)).assert_err(says, true);
            assert!(!bundle.results().join(id).exists());
        }
        let executor = bundle.executor(Faulty::new(Fault::None));
        bundle.run(&executor, &bundle.line("right", 60_000)).assert_ok(&bundle);
    }
}

/// The bound is just above what f32 does, and well below a wrong term.
#[test]
fn the_tolerance_is_as_it_is_stated() {
    let mut bundle = Bundle::of(Kernel::Vadd { n: 2 });
    let bytes = |values: [f32; 2]| values.map(f32::to_le_bytes).concat();
    bundle.put("a.f32", &bytes([1.0, 1.0]));
    bundle.put("b.f32", &bytes([0.0, 1e-30]));
    // 1 + 2^-24 is half a step, and rounds to 1; a whole step is wrong.
    let one = f32::EPSILON;
    let executor = bundle.executor(Faulty::new(Fault::None));
    bundle.run(&executor, &bundle.line("right", 60_000)).assert_ok(&bundle);
    drop(executor);
    let executor = bundle.executor(Faulty::new(Fault::Off(one)));
    bundle.run(&executor, &bundle.line("step", 60_000)).assert_err("wrong result: value 1", true);
}

#[test]
fn a_job_is_cancelled_and_timed_out_in_mid_run() {
    let bundle = Bundle::of(VADD);
    let executor = bundle.executor(endless());
    let cancel = Cancel::new();
    let ran =
        bundle.run_until(&executor, &bundle.line("cancelled", 3_600_000), &cancel, |status| {
            if status.progress >= 20 {
                cancel.cancel("lease expired");
                cancel.cancel("a later reason");
            }
        });
    ran.assert_err("cancelled: lease expired", true);
    assert!(ran.report.progress >= 20);
    let ran = bundle.run(&executor, &bundle.line("late", 30));
    ran.assert_err("timeout_ms: not done after 30 ms", true);
    // One that was cancelled before it began does not begin.
    let early = Cancel::new();
    early.cancel("worker ended");
    let ran = bundle.run_until(&executor, &bundle.line("early", 3_600_000), &early, |_| {});
    ran.assert_err("cancelled: worker ended", false);
    assert_eq!(ran.report.progress, 0);
}

#[test]
fn a_driver_that_does_not_return_keeps_its_device_and_nobody_else() {
    let bundle = Bundle::of(VADD);
    let go = Arc::new(AtomicBool::new(false));
    let executor = bundle.executor(stuck(Arc::clone(&go)));
    let ran = bundle.run(&executor, &bundle.line("stuck", 50));
    ran.assert_err("timeout_ms: not done after 50 ms", true);
    // Nothing is given to the device meanwhile.
    let cancel = Cancel::new();
    let ran = bundle.run_until(&executor, &bundle.line("cancelled", 60_000), &cancel, |_| {
        cancel.cancel("lease expired");
    });
    ran.assert_err("cancelled: lease expired", true);
    let ran = bundle.run(&executor, &bundle.line("behind", 50));
    ran.assert_err("device: a kernel that was stopped does not end", true);
    go.store(true, Ordering::Relaxed);
    bundle.run(&executor, &bundle.line("after", 60_000)).assert_ok(&bundle);
}

#[test]
fn a_job_that_ended_is_not_run_again_also_after_a_restart() {
    let bundle = Bundle::of(VADD);
    let line = bundle.line("j", 60_000);
    let faulty = Faulty::new(Fault::None);
    let runs = faulty.runs.clone();
    let executor = bundle.executor(faulty);
    let first = bundle.run(&executor, &line);
    first.assert_ok(&bundle);
    let again = bundle.run(&executor, &line);
    assert!(again.report.known && again.told.len() == 1, "{:?}", again.told);
    assert_eq!(again.told.last(), first.told.last());
    assert_eq!(runs.load(Ordering::Relaxed), 1);
    // Two bridges would do it twice.
    let second = Executor::new(Box::new(mock()), &bundle.results()).expect_err("it is taken");
    assert!(second.to_string().contains("is another bridge's"), "{second}");
    drop(executor);
    let executor = bundle.executor(Faulty::new(Fault::Panics));
    let again = bundle.run(&executor, &line);
    assert_eq!(again.told.last(), first.told.last());
    // Another job has no right to the name, and what is known stays known.
    bundle
        .run(&executor, &bundle.line("j", 1234))
        .assert_err("job: names a job that asked for", false);
    assert_eq!(bundle.run(&executor, &line).told.last(), first.told.last());
    // An error is the last word, too.
    bundle.run(&executor, &bundle.line("bad", 60_000)).assert_err("mock: the driver", true);
    drop(executor);
    let executor = bundle.executor(mock());
    bundle.run(&executor, &bundle.line("bad", 60_000)).assert_err("mock: the driver", false);
}

/// What a bridge leaves that ends between a result and the note of it.
#[test]
fn a_result_without_a_note_is_done_again() {
    let bundle = Bundle::of(VADD);
    let line = bundle.line("j", 60_000);
    let executor = bundle.executor(mock());
    bundle.run(&executor, &line).assert_ok(&bundle);
    fs::remove_file(bundle.results().join("j.done")).expect("it is there");
    fs::create_dir(bundle.results().join("j.new")).expect("half a result");
    fs::write(bundle.results().join("j.note"), "half a note").expect("written");
    let ran = bundle.run(&executor, &line);
    ran.assert_ok(&bundle);
    assert!(!ran.report.known);
    let mut left: Vec<_> = fs::read_dir(bundle.results())
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("text"))
        .collect();
    left.sort();
    assert_eq!(left, [".lock", "j", "j.done"]);
    fs::write(bundle.results().join("j.done"), "no record\n").expect("written");
    bundle.run(&executor, &line).assert_err("results: ", false);
}

#[test]
fn a_job_must_fit_the_lease_and_the_device() {
    let bundle = Bundle::of(Kernel::Vadd { n: 1_000_000 });
    let executor = bundle.executor(mock());
    let path = bundle.path();
    let refused = |id: &str, device: &str, mem_mb: u32, says: &str| {
        let line = bundle.line(id, 60_000);
        let job = Job::parse(line.as_bytes()).expect("a job");
        let order = Order { device, mem_mb, job: &job, bundle: &path };
        let report = executor.run(&order, &Cancel::new(), &mut |_| {});
        assert_eq!(report.detail, says);
    };
    refused("lease", "GPU-0", 11, "kernel: needs 12 MiB, and the lease has 11");
    refused("other", "GPU-1", 1000, "device: there is no GPU-1");
    drop(executor);
    let executor = bundle.executor(Mock::new(1, 11, 1));
    let line = bundle.line("device", 60_000);
    bundle.run(&executor, &line).assert_err("kernel: needs 12 MiB, and the lease has 11", false);
    drop(executor);
    let executor = bundle.executor(mock());
    let line = bundle.line("block", 60_000);
    bundle.run(&executor, &line).assert_ok(&bundle);
}

#[test]
fn jobs_run_side_by_side_but_none_twice() {
    let bundle = Bundle::of(VADD);
    let executor = bundle.executor(endless());
    let (line, cancel) = (bundle.line("j", 3_600_000), Cancel::new());
    let (runs, running) = mpsc::channel();
    let both = Barrier::new(2);
    thread::scope(|scope| {
        let first = scope.spawn(|| {
            bundle.run_until(&executor, &line, &cancel, |_| {
                // Whoever waits for the first status may be gone at the last.
                let _ = runs.send(());
            })
        });
        running.recv().expect("it runs");
        let again = bundle.run(&executor, &line);
        assert_eq!(again.report.state, State::Running);
        assert!(again.report.known && again.report.detail == "is running already");
        // Another one does not wait for it.
        let other = Cancel::new();
        bundle
            .run_until(&executor, &bundle.line("other", 3_600_000), &other, |_| {
                other.cancel("enough")
            })
            .assert_err("cancelled: enough", true);
        cancel.cancel("enough");
        scope.spawn(|| both.wait());
        both.wait();
        first.join().expect("it ends").assert_err("cancelled: enough", true);
    });
}

#[test]
fn a_bundle_is_made_whole_or_not_at_all() {
    let bundle = Bundle::of(MATMUL);
    let again = gpu_bridge::stage(&bundle.path(), MATMUL, 7).expect_err("it is there");
    assert!(again.to_string().contains("is there already"), "{again}");
    let nowhere = bundle.folder.join("no/where");
    assert!(gpu_bridge::stage(&nowhere, MATMUL, 7).is_err());
    let same = gpu_bridge::stage(&bundle.folder.join("same"), MATMUL, 7).expect("a bundle");
    let other = gpu_bridge::stage(&bundle.folder.join("other"), MATMUL, 8).expect("a bundle");
    assert!(bundle.line("j", 1).contains(&same.to_string()));
    assert_ne!(same, other);
    assert!(bundle.values("a.f32").iter().all(|value| (-1.0..1.0).contains(value)));
    assert!(!bundle.folder.join("same.new").exists());
}
