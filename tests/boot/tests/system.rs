//! The system that people run: its banner, its clock, its two processes that talk, its end.

use std::process::Command;
use std::time::Duration;

use boot_tests::{Boot, period_s};

/// `tick-ms` of systems/qemu-virt.toml, in seconds.
const PERIOD_S: f64 = 1.0;

/// What follows `label: ` in the banner.
#[track_caller]
fn fact(boot: &mut Boot, label: &str) -> String {
    let start = format!("{label}: ");
    let line = boot.line(&start);
    let value = line.text.trim_start_matches(&start).trim().to_owned();
    assert!(!value.is_empty(), "{label} says nothing");
    value
}

#[test]
fn the_banner_says_what_runs() {
    let mut boot = Boot::start("qemu-virt");
    let title = boot.line("Cohesix ");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(title.text.split_whitespace().nth(1), Some(version), "{}", title.text);
    let after = title.at.duration_since(boot.started());
    println!("the banner came {} ms after QEMU's start", after.as_millis());
    // Only bounds a hang: a loaded host may take several times what an idle one does.
    assert!(after < Duration::from_secs(10), "{after:?}");
    let git = fact(&mut boot, "git");
    let revision = git.strip_suffix("-dirty").unwrap_or(&git);
    assert!(revision.len() >= 7 && is_commit(revision), "git: {git}");
    assert!(fact(&mut boot, "kernel").contains("seL4 "));
    assert!(fact(&mut boot, "gic").contains('3'));
    assert!(fact(&mut boot, "ram").contains(" MiB"));
    assert!(fact(&mut boot, "components").contains("ping"));
    boot.quit();
}

/// Whether it names a commit of this repository: of HEAD it need not be, for there may have been a
/// commit since the build. Where there is no git (a source archive), any revision is fine.
fn is_commit(revision: &str) -> bool {
    let git = |arguments: &[&str]| {
        let mut git = Command::new("git");
        git.args(arguments).current_dir(env!("CARGO_MANIFEST_DIR"));
        git.output().is_ok_and(|output| output.status.success())
    };
    let commit = format!("{revision}^{{commit}}");
    !git(&["rev-parse", "HEAD"]) || git(&["rev-parse", "--verify", "--quiet", &commit])
}

#[test]
fn ticks_are_real_time_within_2_percent() {
    let mut boot = Boot::start("qemu-virt");
    boot.tick(12);
    let ticks: Vec<_> = boot.ticks().into_iter().filter(|&(number, _)| number >= 2).collect();
    let numbers: Vec<u64> = ticks.iter().map(|&(number, _)| number).collect();
    assert_eq!(numbers, (2..=12).collect::<Vec<_>>());
    let period = period_s(&ticks);
    println!("the period is {period:.4} s");
    assert!((period - PERIOD_S).abs() < 0.02 * PERIOD_S, "{period} s");
    boot.quit();
}

#[test]
fn ping_and_pong_come_exactly_once() {
    let mut boot = Boot::start("qemu-virt");
    boot.wait("PING 1", |text| text.ends_with("PING 1"));
    boot.wait("PONG 1", |text| text.ends_with("PONG 1"));
    boot.more_ticks(3);
    let count = |word: &str| boot.lines().filter(|text| text.contains(word)).count();
    assert_eq!((count("PING"), count("PONG")), (1, 1));
    boot.quit();
}

#[test]
fn the_monitor_ends_a_running_system_cleanly() {
    let mut boot = Boot::start("qemu-virt");
    boot.tick(1);
    boot.quit();
}

/// Boots the first system some other way and waits for its clock.
fn boots_otherwise(boot: Option<Boot>, what: &str) {
    let Some(mut boot) = boot else {
        println!("skipped: {what}");
        return;
    };
    boot.wait("PONG 1", |text| text.ends_with("PONG 1"));
    boot.tick(1);
    boot.quit();
}

#[test]
fn a_kernel_built_by_clang_boots() {
    boots_otherwise(Boot::start_if_built("qemu-virt-clang"), "no clang, or an external kernel");
}

#[test]
fn an_upstream_elfloader_boots_the_same_payload() {
    boots_otherwise(Boot::start_elfloader("qemu-virt"), "no --elfloader was given");
}
