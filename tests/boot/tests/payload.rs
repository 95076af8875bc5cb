//! The loader refuses a damaged boot archive with one line that says what to do.

use boot_tests::{Boot, rootfs};

const SYSTEM: &str = "qemu-virt";
const MAGIC: &[u8] = b"070701";

/// Waits for the loader's complaint about `archive`, which has to say `damage` and what to do.
#[track_caller]
fn refused(mut boot: Boot, damage: &str) {
    let line = boot.line("loader: error: ");
    assert!(line.text.contains("rootfs.cpio"), "{}", line.text);
    assert!(line.text.contains(damage), "{}", line.text);
    assert!(line.text.contains("./cohesix build"), "{}", line.text);
    let errors = boot.lines().filter(|text| text.contains("error")).count();
    assert_eq!(errors, 1, "more than one line");
    boot.quit();
}

#[test]
fn an_empty_archive() {
    // QEMU does not load an empty file, so the loader sees none.
    refused(Boot::start_with_rootfs(SYSTEM, b""), "no ");
}

#[test]
fn a_truncated_archive() {
    let mut archive = rootfs(SYSTEM);
    archive.truncate(archive.len() / 2);
    refused(Boot::start_with_rootfs(SYSTEM, &archive), "truncated");
}

#[test]
fn a_corrupted_archive() {
    let mut archive = rootfs(SYSTEM);
    let headers = archive.windows(MAGIC.len()).enumerate().filter(|&(_, bytes)| bytes == MAGIC);
    let second = headers.map(|(at, _)| at).nth(1).expect("several files");
    if let Some(byte) = archive.get_mut(second) {
        *byte = b'x';
    }
    refused(Boot::start_with_rootfs(SYSTEM, &archive), "header");
}
