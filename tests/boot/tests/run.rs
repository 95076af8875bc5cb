//! `run` as a process: its output, its exit status, and that it never leaves QEMU behind.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};

use boot_tests::Scratch;
use boot_tests::guest::{Then, program};

fn run_image(scratch: &Scratch, text: &[u8], then: Then) -> Command {
    let image = scratch.write("guest.img", &program(text, then));
    let mut command = Command::new(env!("CARGO_BIN_EXE_run-image"));
    command.arg(image).env("COHESIX_OUT", scratch.path("out")).stdin(Stdio::null());
    command
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn signal(name: &str, pid: &str) -> bool {
    let kill = format!("kill -{name} {pid} 2>&-");
    Command::new("sh").args(["-c", &kill]).status().expect("sh is there").success()
}

#[test]
fn for_seconds_copies_the_output_and_ends_with_0() {
    let scratch = Scratch::new();
    let output = run_image(&scratch, b"hello\n", Then::Wait).args(["--for", "1"]).output();
    let output = output.expect("it runs");
    assert_eq!((output.stdout.as_slice(), stderr(&output)), (&b"hello\n"[..], String::new()));
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn an_end_before_the_time_is_a_failure() {
    let scratch = Scratch::new();
    let output = run_image(&scratch, b"bye\n", Then::Exit(0)).args(["--for", "60"]).output();
    let output = output.expect("it runs");
    assert_eq!(output.stdout, b"bye\n");
    assert_eq!(stderr(&output), "error: QEMU ended by itself too early (exit status: 0)\n");
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_reported_failure_stops_qemu() {
    let scratch = Scratch::new();
    let mut command = run_image(&scratch, b"panic: why\n\x15", Then::Wait);
    let output = command.arg("--headless").output().expect("it runs");
    assert_eq!(
        stderr(&output),
        "error: the VM reported a failure; its last lines:\n    panic: why\n"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn headless_returns_when_the_guest_ends() {
    let scratch = Scratch::new();
    let mut command = run_image(&scratch, b"to the log\n", Then::Exit(0));
    let output = command.arg("--headless").output().expect("it runs");
    let log = scratch.path("out").join("serial.log");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let (pid, rest) = said.split_once('\n').expect("two lines");
    assert!(pid.strip_prefix("qemu pid ").is_some_and(|pid| pid.parse::<u32>().is_ok()), "{pid}");
    assert_eq!(rest, format!("serial log {}\n", log.display()));
    assert_eq!(std::fs::read(&log).expect("the log"), b"to the log\n");
    assert_eq!(output.status.code(), Some(0));
}

fn ended_by(signal_name: &str, status: i32, scratch: &Scratch) {
    let mut command = run_image(scratch, b"", Then::Wait);
    let mut child = command.arg("--headless").stdout(Stdio::piped()).spawn().expect("it starts");
    let mut said = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut line = String::new();
    said.read_line(&mut line).expect("the first line");
    let qemu = line.trim().strip_prefix("qemu pid ").expect("QEMU's pid").to_owned();
    assert!(signal("0", &qemu), "QEMU runs");
    assert!(signal(signal_name, &child.id().to_string()));
    said.read_to_string(&mut line).expect("the rest");
    assert_eq!(child.wait().expect("it ends").code(), Some(status));
    assert!(!signal("0", &qemu), "QEMU is gone");
}

#[test]
fn sigterm_ends_qemu_too() {
    ended_by("TERM", 128 + 15, &Scratch::new());
}

#[test]
fn sigint_ends_qemu_too() {
    ended_by("INT", 128 + 2, &Scratch::new());
}

#[test]
fn an_unwritable_out_folder_is_one_line() {
    let scratch = Scratch::new();
    let file = scratch.write("file", b"");
    let mut command = run_image(&scratch, b"", Then::Wait);
    let output = command.arg("--headless").env("COHESIX_OUT", &file).output().expect("it runs");
    let said = stderr(&output);
    assert!(
        said.starts_with(&format!("error: cannot create {}: make it writable", file.display()))
    );
    assert_eq!((said.lines().count(), output.status.code()), (1, Some(1)));
}
