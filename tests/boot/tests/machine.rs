//! Starting and ending QEMU, with hand-assembled guests.

use std::process::Command;
use std::time::Instant;

use boot_tests::guest::{self, Then};
use boot_tests::{DEADLINE, Scratch};
use xtask::qemu::{Event, Machine, Qemu, Running, Sentinel};

fn start(machine: &Machine) -> Running {
    machine.start(&Qemu::find().expect("QEMU is installed")).expect("QEMU starts")
}

fn is_running(pid: u32) -> bool {
    let status = Command::new("sh").args(["-c", &format!("kill -0 {pid} 2>&-")]).status();
    status.expect("sh is there").success()
}

#[test]
fn output_arrives_and_the_monitor_ends_qemu_with_status_0() {
    let scratch = Scratch::new();
    let mut running = start(&guest::machine(&scratch, b"one\ntwo\n\x06", Then::Wait));
    let deadline = Instant::now() + DEADLINE;
    let line = running.wait_for_line(|text| text == "two", deadline).expect("the line");
    assert!(line.at >= running.started());
    assert_eq!(running.wait_for_sentinel(deadline).expect("the byte"), Sentinel::Passed);
    assert!(is_running(running.pid()));
    let status = running.quit().expect("QEMU obeys");
    assert_eq!(status.code(), Some(0));
    assert!(!is_running(running.pid()));
    let log = std::fs::read(scratch.path("serial.log")).expect("QEMU's own log");
    assert_eq!(log, b"one\ntwo\n\x06");
}

#[test]
fn a_result_before_the_awaited_line_is_kept() {
    let scratch = Scratch::new();
    let mut running = start(&guest::machine(&scratch, b"\x15last\n", Then::Wait));
    let deadline = Instant::now() + DEADLINE;
    running.wait_for_line(|text| text == "last", deadline).expect("the line");
    assert_eq!(running.wait_for_sentinel(deadline).expect("the byte"), Sentinel::Failed);
}

#[test]
fn the_guest_ends_qemu_with_its_exit_status() {
    let scratch = Scratch::new();
    let mut running = start(&guest::machine(&scratch, b"bye", Then::Exit(3)));
    let deadline = Some(Instant::now() + DEADLINE);
    match running.next_event(deadline) {
        Some(Event::Line(line)) => assert_eq!(line.text, "bye"),
        other => panic!("{other:?}"),
    }
    assert_eq!(running.next_event(deadline), Some(Event::End));
    assert_eq!(running.wait().expect("a status").code(), Some(3));
    assert_eq!(running.quit().expect("it has ended").code(), Some(3));
}

#[test]
fn waiting_for_what_never_comes_ends_with_the_guest_and_shows_its_lines() {
    let scratch = Scratch::new();
    let mut running = start(&guest::machine(&scratch, b"hello\n", Then::Exit(1)));
    let error = running
        .wait_for_line(|text| text == "world", Instant::now() + DEADLINE)
        .expect_err("never printed");
    assert_eq!(error.to_string(), "QEMU ended (exit status: 1); the last lines:\n    hello");
}

#[test]
fn the_deadline_is_kept() {
    let scratch = Scratch::new();
    let mut running = start(&guest::machine(&scratch, b"", Then::Wait));
    let error = running.wait_for_line(|_| true, Instant::now()).expect_err("too early");
    assert_eq!(
        error.to_string(),
        "not seen within 0 s of QEMU's start; the last lines:\n    (no output)"
    );
}

#[test]
fn a_dropped_machine_leaves_no_process() {
    let scratch = Scratch::new();
    let running = start(&guest::machine(&scratch, b"", Then::Wait));
    let pid = running.pid();
    assert!(is_running(pid));
    drop(running);
    assert!(!is_running(pid));
}

#[test]
fn counted_instructions_do_not_wait_for_real_time() {
    let scratch = Scratch::new();
    let machine = guest::machine(&scratch, b"counted\n", Then::Exit(0));
    let mut running = start(&Machine { icount: true, ..machine });
    running.wait_for_line(|text| text == "counted", Instant::now() + DEADLINE).expect("the line");
    assert!(running.wait().expect("a status").success());
}

#[test]
fn an_image_that_is_missing_is_one_line() {
    let scratch = Scratch::new();
    let machine = guest::machine(&scratch, b"", Then::Wait);
    let image = scratch.path("absent.img");
    let qemu = Qemu::find().expect("QEMU is installed");
    let error = Machine { image: image.clone(), ..machine }.start(&qemu).expect_err("no image");
    assert_eq!(
        error.to_string(),
        format!("cannot read the image to boot, {}: build it first", image.display())
    );
}
