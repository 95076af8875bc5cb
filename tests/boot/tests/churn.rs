//! 1,000 times spawn and kill: everything comes back.

use boot_tests::{Boot, Fields};
use xtask::qemu::Sentinel;

#[test]
fn a_thousand_spawns_and_kills_lose_nothing() {
    let mut boot = Boot::start("churn");
    let line = boot.line("selftest: cycles=");
    let report = Fields::of(&line.text, "selftest").expect("just waited for");
    assert_eq!(report.number("cycles"), 1000);
    assert!(report.number("free_before") > 0);
    assert_eq!(report.number("free_before"), report.number("free_after"));
    assert_eq!(report.number("slots_before"), report.number("slots_after"));
    assert_eq!(boot.sentinel(), Sentinel::Passed);
    boot.quit();
}
