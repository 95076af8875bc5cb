//! Stamps and places of the default kernel. That it builds and boots is for the boot tests.

use super::*;
use crate::kernel::scratch::Scratch;

fn toolchain_of(family: Family) -> Toolchain {
    Toolchain::for_test(family, "some version")
}

/// A copy of `kernel/` to change.
fn kernel_copy() -> Scratch {
    let scratch = Scratch::new();
    package::copy(&workspace::root().join("kernel"), &scratch.path().join("kernel")).unwrap();
    scratch
}

fn stamp_of(scratch: &Scratch, options: &DefaultOptions, toolchain: &Toolchain) -> String {
    stamp(&scratch.path().join("kernel"), options, toolchain).unwrap()
}

#[test]
fn the_stamp_follows_everything_that_goes_into_the_kernel() {
    let scratch = kernel_copy();
    let (options, gcc) = (DefaultOptions::default(), toolchain_of(Family::Gcc));
    let first = stamp_of(&scratch, &options, &gcc);
    assert_eq!(stamp_of(&scratch, &options, &gcc), first);

    let debug = DefaultOptions { debug: true, ..options.clone() };
    let larger = DefaultOptions { memory_mib: 1024, ..options.clone() };
    let newer = Toolchain::for_test(Family::Gcc, "newer version");
    let mut stamps = vec![
        first,
        stamp_of(&scratch, &debug, &gcc),
        stamp_of(&scratch, &larger, &gcc),
        stamp_of(&scratch, &options, &newer),
    ];
    for file in [
        "kernel/config.toml",
        "kernel/patches.toml",
        "kernel/package/Cargo.lock",
        "kernel/port/src/plat/qemu-virt/linker.lds",
        "kernel/port/include/plat/qemu-virt/plat/machine/gic_v3.h",
    ] {
        let text = scratch.read(file);
        scratch.write(file, text + "\n");
        stamps.push(stamp_of(&scratch, &options, &gcc));
    }
    let count = stamps.len();
    stamps.sort_unstable();
    stamps.dedup();
    assert_eq!(stamps.len(), count, "a change left the stamp as it was");
}

#[test]
fn the_text_about_it_is_not_in_the_stamp() {
    let scratch = kernel_copy();
    let (options, gcc) = (DefaultOptions::default(), toolchain_of(Family::Gcc));
    let before = stamp_of(&scratch, &options, &gcc);
    scratch.write("kernel/README.md", "other words");
    assert_eq!(stamp_of(&scratch, &options, &gcc), before);
}

#[test]
fn different_kernels_have_different_places() {
    let options = DefaultOptions::default();
    assert_eq!(name(&options, &toolchain_of(Family::Gcc)), "5.0.0-release-512m-gcc");
    let debug = DefaultOptions { debug: true, memory_mib: 256, ..options };
    assert_eq!(name(&debug, &toolchain_of(Family::Clang)), "5.0.0-debug-256m-clang");
}

#[test]
fn memory_out_of_range_is_refused() {
    for memory_mib in [0, 127, 16 * 1024 + 1, u32::MAX] {
        let options = DefaultOptions { memory_mib, ..DefaultOptions::default() };
        assert_eq!(
            build_default(&options).unwrap_err().to_string(),
            format!(
                "the default kernel runs with 128 to 16384 MiB of memory, not {memory_mib} MiB"
            )
        );
    }
}

#[test]
fn the_platform_file_says_the_memory() {
    let scratch = Scratch::new();
    scratch.write(prefix::PLATFORM, platform(768));
    assert_eq!(prefix::memory_mib(scratch.path()), Some(768));
}

#[test]
fn a_prefix_is_current_while_whole_and_of_the_same_stamp() {
    let scratch = Scratch::new();
    let files = [prefix::ELF, prefix::GEN_CONFIG, prefix::SYSCALLS, prefix::PLATFORM];
    for file in files.into_iter().chain(prefix::INTERFACES) {
        scratch.write(file, "");
    }
    assert!(!is_current(scratch.path(), "abc"));
    scratch.write(STAMP, "abc");
    assert!(is_current(scratch.path(), "abc"));
    assert!(!is_current(scratch.path(), "abd"));
    scratch.remove(prefix::INTERFACES[2]);
    assert!(!is_current(scratch.path(), "abc"));
}

#[test]
fn the_new_prefix_takes_the_old_ones_place() {
    let scratch = Scratch::new();
    scratch.write("old/file", "old");
    scratch.write("new/file", "new");
    let (new, old) = (scratch.path().join("new"), scratch.path().join("old"));
    replace(&new, &old).unwrap();
    assert_eq!(scratch.read("old/file"), "new");
    let left = std::fs::read_dir(scratch.path()).unwrap().count();
    assert_eq!(left, 1);
}
