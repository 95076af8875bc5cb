//! Tests of what needs no QEMU; tests/boot/tests/machine.rs starts one.

use super::*;

fn machine() -> Machine {
    Machine {
        image: "out/loader.img".into(),
        initrd: Some("out/rootfs.cpio".into()),
        memory_mib: 512,
        serial: Serial::Stdio,
        icount: false,
        semihosting: false,
        secret: None,
        link: false,
        own_group: false,
    }
}

fn line(machine: &Machine) -> String {
    machine.command_line(&Qemu { program: "qemu-system-aarch64".into() })
}

#[test]
fn the_interactive_command() {
    assert_eq!(
        line(&machine()),
        "qemu-system-aarch64 -machine virt,gic-version=3,virtualization=off -cpu cortex-a57 \
         -smp 1 -display none -nic none -no-reboot -global virtio-mmio.force-legacy=false -m 512 \
         -serial mon:stdio -kernel out/loader.img -initrd out/rootfs.cpio"
    );
}

#[test]
fn a_pipe_with_a_log_whose_path_has_a_comma() {
    let machine = Machine { serial: Serial::Pipe { log: Some("a,b".into()) }, ..machine() };
    assert!(line(&machine).contains(
        " -chardev stdio,id=serial,signal=off,logfile=a,,b -serial chardev:serial -monitor none "
    ));
}

#[test]
fn counted_instructions_and_semihosting() {
    let machine = Machine { icount: true, semihosting: true, initrd: None, ..machine() };
    assert!(line(&machine).ends_with(
        " -icount shift=0,sleep=off -rtc base=2026-01-01,clock=vm \
         -semihosting-config enable=on,userspace=on,target=native -kernel out/loader.img"
    ));
}

#[test]
fn words_for_a_shell() {
    assert_eq!(shell_quote("a=b,c"), "a=b,c");
    assert_eq!(shell_quote("two words"), "'two words'");
    assert_eq!(shell_quote("it's"), r"'it'\''s'");
    assert_eq!(shell_quote(""), "''");
}

#[test]
fn versions() {
    let debian = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)\nCopyright";
    assert_eq!(Version::parse(debian), Some(Version { major: 7, minor: 2 }));
    check_version(debian).expect("new enough");
    check_version("QEMU emulator version 10.0.2").expect("newer");
    let old = check_version("QEMU emulator version 6.2.0").expect_err("too old");
    assert_eq!(old.to_string(), "QEMU 6.2 found; 7.2 or newer is needed: run `./cohesix setup`");
    check_version("hello").expect_err("no version");
}
