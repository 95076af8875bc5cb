//! `run` with a script on stdin: the hive's shell, on a VM that was booted for it.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use boot_tests::Scratch;

/// What `printf SCRIPT | ./cohesix run` does.
fn run(script: &str) -> Output {
    let scratch = Scratch::new();
    let mut child = Command::new(env!("CARGO_BIN_EXE_run-image"))
        .args(["--system", "qemu-virt"])
        .env("COHESIX_OUT", scratch.path("out"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(script.as_bytes()).expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

#[test]
fn a_script_on_stdin_runs_on_the_hive() {
    let output = run("ls /\ncat /proc/boot\necho hello > /log/queen.log\ncat /log/queen.log\n");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("log/\nproc/\nqueen/\nworker/\nCohesix "), "{said}");
    assert!(said.contains("\nkernel: ") && said.ends_with("\nhello\n"), "{said}");
    assert_eq!(output.stderr, b"");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_script_stops_at_what_the_hive_refuses() {
    let output = run("ls /proc\necho x > /proc/boot\nls /\n");
    assert_eq!(output.stdout, b"boot\ncaps\nevents\nmem\nsched\nself\nsessions\n");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("stdin:2: /proc/boot: ") && said.contains("Permission"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}
