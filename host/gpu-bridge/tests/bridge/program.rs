//! The program: what it prints, and its exit codes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Output, Stdio};

use gpu::{State, Status};

use crate::vulkan::shaders;
use crate::work::{Bundle, Folder, VADD};

fn gpu_bridge(folder: &Folder, words: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-bridge"));
    command.current_dir(&folder.0).args(words.split_whitespace()).stdin(Stdio::null());
    command
}

fn run(folder: &Folder, words: &str) -> (i32, String, String) {
    let Output { status, stdout, stderr } = gpu_bridge(folder, words).output().expect("it starts");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    (status.code().expect("it exits"), text(stdout), text(stderr))
}

#[test]
fn a_job_goes_from_its_bundle_to_its_result() {
    let folder = Folder::new();
    let (code, line, _) = run(&folder, "stage bundle --job jid-9 matmul --m 40 --n 30 --k 20");
    assert_eq!(code, 0);
    fs::write(folder.join("job"), &line).expect("written");
    let words = "--mock run-job job --bundle bundle --results results";
    let (code, told, _) = run(&folder, words);
    assert_eq!(code, 0, "{told}");
    let last = told.lines().last().expect("a line").to_owned();
    assert_eq!(Status::parse(last.as_bytes()).expect(&last).state, State::Ok);
    assert_eq!(fs::metadata(folder.join("results/jid-9/out.f32")).expect("a result").len(), 4800);
    // Once more: what is known.
    assert_eq!(run(&folder, words), (0, format!("{last}\n"), String::new()));
    // A wrong input: ERR, and its code.
    fs::write(folder.join("bundle/a.f32"), vec![0; 3200]).expect("written");
    fs::write(folder.join("job"), line.replace("jid-9", "jid-10")).expect("written");
    let (code, told, _) = run(&folder, words);
    assert_eq!(code, 1);
    assert!(told.contains("\"ERR\"") && told.contains("a.f32 is not what"), "{told}");
    // A wrong line: told, with the field.
    fs::write(folder.join("job"), line.replace("\"k\":20", "\"k\":0")).expect("written");
    let (code, told, error) = run(&folder, words);
    assert_eq!((code, &*told), (1, ""));
    assert!(error.contains("job: k: must be a whole number"), "{error}");
}

#[test]
fn devices_are_listed_and_a_mock_says_so() {
    let folder = Folder::new();
    let (code, told, _) = run(&folder, "--mock --memory-mb 512 --streams 2 list");
    assert_eq!(code, 0);
    let info: serde_json::Value = serde_json::from_str(&told).expect("one object");
    assert_eq!((&info["backend"], &info["id"]), (&"mock".into(), &"GPU-0".into()));
    assert_eq!((&info["memory_mb"], &info["streams"]), (&512.into(), &2.into()));
    assert!(info["temperature"].is_null() && info["sm_count"].is_null());
    for words in ["list --backend cuda", "--mock --backend wgpu list", "--streams 0 list", ""] {
        assert_eq!(run(&folder, words).0, 2, "{words}");
    }
    // Real or not, it is said in one line, and never a panic.
    let (code, _, error) = run(&folder, "--backend nvml list");
    let lines = error.lines().filter(|line| line.starts_with("gpu-bridge: nvml: ")).count();
    assert!(code == 0 || (code == 2 && lines == 1), "{error}");
    assert!(!error.contains("panicked"), "{error}");
}

#[test]
fn without_a_gpu_auto_does_not_become_a_mock() {
    let folder = Folder::new();
    let mut command = gpu_bridge(&folder, "list");
    // No Vulkan driver is named by these.
    command.env("VK_DRIVER_FILES", "/nowhere").env("VK_ICD_FILENAMES", "/nowhere");
    let Output { status, stdout, stderr } = command.output().expect("it starts");
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(!stdout.contains("mock"), "{stdout}");
    if status.code() != Some(0) {
        assert_eq!(status.code(), Some(2));
        assert!(stderr.contains("gpu-bridge: no GPU: nvml: "), "{stderr}");
        assert!(stderr.contains("; wgpu: no Vulkan or Metal driver"), "{stderr}");
    }
}

/// What compiles it recurses that deep.
#[test]
fn a_source_that_is_nested_deep_ends_its_job_alone() {
    if shaders().is_none() {
        return;
    }
    let mut bundle = Bundle::of(VADD);
    let source = fs::read_to_string(bundle.path().join("vadd.wgsl")).expect("a source");
    let sum = format!("a[i] + b[i]{}", "+z".repeat(30_000));
    let source = source.replace("out[i] = a[i] + b[i]", &format!("let z = 0.0; out[i] = {sum}"));
    assert!(source.contains(&sum));
    bundle.put("vadd.wgsl", source.as_bytes());
    fs::write(bundle.folder.join("job"), bundle.line("deep", 2000)).expect("written");
    let words = "--backend wgpu run-job job --bundle bundle --results results";
    let (code, told, error) = run(&bundle.folder, words);
    assert!(code == 0 || code == 1, "{code} {told} {error}");
}

#[test]
fn a_job_is_done_though_nobody_reads_what_is_said_of_it() {
    let bundle = Bundle::of(VADD);
    fs::write(bundle.folder.join("job"), bundle.line("unread", 60_000)).expect("written");
    let mut program =
        gpu_bridge(&bundle.folder, "--mock run-job job --bundle bundle --results results");
    let mut child = program.stdout(Stdio::piped()).spawn().expect("it starts");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let done = fs::read_to_string(bundle.results().join("unread.done")).expect("noted");
    assert!(done.contains("\"OK\""), "{done}");
}

#[test]
fn a_signal_cancels_the_job() {
    let folder = Folder::new();
    let (_, line, _) =
        run(&folder, "stage bundle --timeout-ms 3600000 matmul --m 8192 --n 4096 --k 256");
    fs::write(folder.join("job"), line).expect("written");
    let words = "--mock run-job job --bundle bundle --results results";
    let mut bridge = gpu_bridge(&folder, words).stdout(Stdio::piped()).spawn().expect("it starts");
    let mut lines = BufReader::new(bridge.stdout.take().expect("a pipe")).lines();
    let first = lines.next().expect("a line").expect("text");
    assert!(first.contains("RUNNING"), "{first}");
    let pid = bridge.id().to_string();
    assert!(Command::new("kill").args(["-INT", &pid]).status().expect("kill").success());
    let last = lines.map(|line| line.expect("text")).last().expect("a line");
    assert!(last.contains("cancelled: the bridge was told to end"), "{last}");
    assert_eq!(bridge.wait().expect("it ends").code(), Some(1));
}
