//! Images and archives made here, good and bad.

use super::*;

/// An AArch64 executable: address, flags, bytes of each segment; then what is not loaded.
fn executable(segments: &[(u64, u32, usize)], rest: usize) -> Vec<u8> {
    let mut file = vec![0; 64];
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    file[16] = 2;
    file[18] = 183;
    file[20] = 1;
    file[24..32].copy_from_slice(&segments[0].0.to_le_bytes());
    file[32] = 64;
    file[52] = 64;
    file[54] = 56;
    file[56] = segments.len() as u8;
    file[58] = 64;
    let mut offset = 64 + 56 * segments.len();
    for (address, flags, size) in segments {
        let words = [offset as u64, *address, *address, *size as u64, *size as u64, 4096];
        file.extend(1u32.to_le_bytes());
        file.extend(flags.to_le_bytes());
        file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
        offset += size;
    }
    for (_, flags, size) in segments {
        file.extend(vec![*flags as u8; *size]);
    }
    if rest >= 128 {
        // A table of two sections behind everything, which must go.
        let table = file.len() as u64;
        file[40..48].copy_from_slice(&table.to_le_bytes());
        file[60] = 2;
    }
    file.resize(file.len() + rest, 0);
    file
}

fn system() -> System {
    let manifest = workspace::root().join("systems/qemu-virt.toml");
    let checked = crate::manifest::load(&manifest).expect("a good manifest");
    let text = |text: &str| Text::try_from(text).expect("short");
    let images = manifest::Images::new();
    let facts =
        Facts { version: text("1"), git: text("g"), kernel: text("k"), gic: text("3"), images };
    checked.into_system(facts)
}

/// The component `ping`: 256 KiB of memory.
fn check(file: &[u8]) -> Result<()> {
    let system = system();
    let index = system.components.iter().position(|component| component.name == "ping");
    check_image(&system, index.expect("it is there"), file)
}

#[test]
fn what_is_not_loaded_is_cut_off() {
    let whole = executable(&[(0x20_0000, 5, 100), (0x20_1000, 6, 50)], 5000);
    let kept = loadable(&whole).expect("an ELF file");
    assert_eq!(kept.len(), whole.len() - 5000);
    assert_eq!((&kept[40..48], &kept[60..64]), (&[0; 8][..], &[0; 4][..]));
    assert_eq!(loadable(&kept).expect("an ELF file"), kept);
    check(&kept).expect("a good image");
    let plain = executable(&[(0x20_0000, 5, 100)], 0);
    let cut = loadable(&plain[..plain.len() - 1]).expect_err("truncated");
    assert_eq!(cut.to_string(), "the ELF file is truncated");
    assert!(loadable(b"#!/bin/sh").is_err());
}

#[test]
fn images_that_the_root_task_would_refuse_are_not_built_in() {
    let refused = |file: &[u8]| format!("{:#}", check(file).expect_err("refused"));
    let mut x86 = executable(&[(0x20_0000, 5, 100)], 0);
    x86[18] = 62;
    assert!(refused(&x86).contains("AArch64"));
    let writable_text = executable(&[(0x20_0000, 7, 100)], 0);
    assert!(refused(&writable_text).contains("writable and executable"));
    let overlapping = executable(&[(0x20_0000, 5, 100), (0x20_0800, 6, 100)], 0);
    assert!(refused(&overlapping).contains("overlaps"));
    let big = executable(&[(0x20_0000, 5, 300 << 10)], 0);
    let message = refused(&big);
    assert!(message.starts_with("component ping needs "), "{message}");
    assert!(message.ends_with("bytes of memory and has 262144: give it more in the manifest"));
}

#[test]
fn images_of_workers_are_checked_against_their_own_memory() {
    let manifest = workspace::root().join("tests/manifests/good/every-field.toml");
    let workers = crate::manifest::load(&manifest).expect("a good manifest").workers;
    let mut worker = workers.expect("some").kinds[0].clone();
    (worker.memory, worker.stack) = (128 << 10, 16 << 10);
    // 32 pages: 21 of the image, 4 of the stack, the IPC buffer, 5 tables, the small objects.
    check_worker(&worker, &executable(&[(0x20_0000, 5, 21 << 12)], 0)).expect("it fits");
    let refused = |file: &[u8]| check_worker(&worker, file).expect_err("refused").to_string();
    let needed = (32 << 12) + (1 << 11) + (1 << 10) + (1 << 4) + (1 << 6);
    assert_eq!(
        refused(&executable(&[(0x20_0000, 5, 22 << 12)], 0)),
        format!(
            "each worker of kind heartbeat needs {needed} bytes of memory and has 131072: give it \
             more in the manifest"
        )
    );
    assert!(refused(&executable(&[(0x20_0000, 7, 100)], 0)).contains("writable and executable"));
}

#[test]
fn an_archive_is_the_same_for_the_same_files_and_reads_back() {
    let files = vec![("kernel.elf".to_owned(), vec![1; 7]), ("ping".to_owned(), vec![2; 4])];
    let first = archive(&files).expect("an archive");
    assert_eq!(first, archive(&files).expect("an archive"));
    assert_eq!(newc::find(&first, "ping"), Ok(Some(&[2; 4][..])));
}

#[test]
fn a_raw_image_has_its_segments_where_they_run() {
    let file = executable(&[(0x5000_0000, 5, 16), (0x5000_0100, 6, 4)], 0);
    let image = flatten(&file).expect("an image");
    assert_eq!(image.len(), 0x104);
    assert_eq!((image[15], image[16], image[0x100]), (5, 0, 6));
}
