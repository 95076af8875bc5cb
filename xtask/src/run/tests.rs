//! Tests of what needs no QEMU; tests/boot/tests/run.rs runs the rest.

use super::*;

fn payload() -> Payload {
    Payload {
        kernel_image: "loader.img".into(),
        initrd: Some("rootfs.cpio".into()),
        memory_mib: 512,
        semihosting: false,
        link: false,
    }
}

fn made(options: &RunOptions, mode: Mode) -> Result<Machine> {
    machine(&payload(), options, mode, Path::new("out/serial.log"), None)
}

#[test]
fn less_memory_than_built_for_is_refused() {
    let less = RunOptions { memory: Some(256), ..RunOptions::default() };
    assert_eq!(
        made(&less, Mode::Copy).expect_err("refused").to_string(),
        "the kernel was built for 512 MiB and would crash with --memory 256: \
         give at least 512, or lower `memory` in the manifest and build again"
    );
}

#[test]
fn more_memory_is_given_to_qemu() {
    let more = RunOptions { memory: Some(1024), ..RunOptions::default() };
    assert_eq!(made(&more, Mode::Copy).expect("fine").memory_mib, 1024);
    assert_eq!(made(&RunOptions::default(), Mode::Copy).expect("fine").memory_mib, 512);
}

#[test]
fn only_a_terminal_without_a_limit_is_interactive() {
    let plain = RunOptions::default();
    let limited = RunOptions { for_seconds: Some(1), ..RunOptions::default() };
    let headless = RunOptions { headless: true, ..RunOptions::default() };
    assert_eq!(Mode::of(&plain, true, false), Mode::Interactive);
    assert_eq!(Mode::of(&plain, false, false), Mode::Copy);
    assert_eq!(Mode::of(&limited, true, true), Mode::Copy);
    assert_eq!(Mode::of(&headless, true, true), Mode::Headless);
    for terminal in [true, false] {
        assert_eq!(Mode::of(&plain, terminal, true), Mode::Shell);
    }
}

#[test]
fn each_mode_has_its_serial_port() {
    let serial = |mode| made(&RunOptions::default(), mode).expect("fine").serial;
    assert_eq!(serial(Mode::Interactive), Serial::Stdio);
    assert_eq!(serial(Mode::Copy), Serial::Pipe { log: None });
    assert_eq!(serial(Mode::Headless), Serial::Pipe { log: Some("out/serial.log".into()) });
}

#[test]
fn bad_files_are_refused_before_the_payload_is_prepared() {
    let dir = std::env::temp_dir().join(format!("cohesix-run-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder");
    let (empty, full) = (dir.join("empty"), dir.join("full"));
    std::fs::write(&empty, "").expect("a file");
    std::fs::write(&full, "x").expect("a file");
    let refused = |loader: &Path, kernel: &Path, rootfs: &Path| {
        let prepare = |_: &Path, _: &Path, _: &Path| panic!("prepared in spite of a bad file");
        qemu_run(loader, kernel, rootfs, &RunOptions::default(), prepare)
            .expect_err("refused")
            .to_string()
            .replace(&dir.display().to_string(), "DIR")
    };
    let messages = [
        refused(&dir.join("absent"), &full, &full),
        refused(&dir, &full, &full),
        refused(&full, &empty, &full),
        refused(&full, &full, &empty),
    ];
    std::fs::remove_dir_all(&dir).expect("removed");
    assert_eq!(
        messages,
        [
            "cannot read the loader DIR/absent: check the path",
            "the loader DIR is no file: check the path",
            "the kernel DIR/empty is empty: build it again",
            "DIR/empty is empty: make it again with `./cohesix build`",
        ]
    );
}
