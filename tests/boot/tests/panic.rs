//! A panic of the root task is seen: on the console, by the result's byte, by QEMU's exit status.

use boot_tests::Boot;
use xtask::qemu::Sentinel;

#[test]
fn a_panic_ends_qemu_with_a_failing_status() {
    let mut boot = Boot::start("panic");
    boot.wait("the panic's message", |text| text.contains("panic:"));
    assert_eq!(boot.sentinel(), Sentinel::Failed);
    let status = boot.ended();
    assert!(status.code().is_some_and(|code| code != 0), "{status}");
}
