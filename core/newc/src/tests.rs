//! Archives written here by hand, whole and damaged.

extern crate std;
use std::format;
use std::string::String;
use std::vec::Vec;

use super::*;

fn append(archive: &mut Vec<u8>, name: &str, data: &[u8]) {
    let mut header = String::from("070701");
    for field in [1, 0o100644, 0, 0, 1, 0, data.len(), 0, 0, 0, 0, name.len() + 1, 0] {
        header.push_str(&format!("{field:08x}"));
    }
    archive.extend(header.as_bytes());
    archive.extend(name.as_bytes());
    archive.push(0);
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend(data);
    archive.resize(archive.len().next_multiple_of(4), 0);
}

fn sample() -> Vec<u8> {
    let mut archive = Vec::new();
    append(&mut archive, "kernel.elf", b"kernel");
    append(&mut archive, "./ping", b"");
    append(&mut archive, "root-task", &[7; 33]);
    append(&mut archive, "TRAILER!!!", b"");
    archive
}

#[test]
fn entries_come_in_order_and_the_trailer_ends_them() {
    let mut archive = sample();
    let whole = archive.len();
    archive.extend([0xff; 512]);
    let mut reader = entries(&archive);
    let names: Vec<_> = reader.by_ref().map(|e| e.expect("whole").name).collect();
    assert_eq!(names, ["kernel.elf", "ping", "root-task"]);
    assert_eq!(reader.offset(), whole);
    assert_eq!(find(&archive, "root-task"), Ok(Some(&[7; 33][..])));
    assert_eq!(find(&archive, "ping"), Ok(Some(&[][..])));
    assert_eq!(find(&archive, "pong"), Ok(None));
}

#[test]
fn every_truncation_is_an_error() {
    let archive = sample();
    let trailer = archive.len() - 124;
    for length in 0..trailer + HEADER {
        let last = entries(&archive[..length]).last().expect("not silently empty");
        assert!(matches!(last, Err(Error::Truncated(_))), "cut at {length}: {last:?}");
    }
}

#[test]
fn damage_is_named_with_its_place() {
    let mut archive = sample();
    archive[2] = b'x';
    assert_eq!(find(&archive, "root-task"), Err(Error::Header(0)));
    let mut archive = sample();
    archive[FILE_SIZE] = b'g';
    assert_eq!(find(&archive, "root-task"), Err(Error::Header(0)));
    let mut archive = sample();
    archive[FILE_SIZE..FILE_SIZE + 8].copy_from_slice(b"ffffffff");
    assert_eq!(find(&archive, "root-task"), Err(Error::Truncated(0)));
    let mut archive = sample();
    archive[HEADER + 10] = b'!';
    assert_eq!(find(&archive, "root-task"), Err(Error::Name(0)));
}

#[test]
fn no_single_wrong_byte_makes_it_panic() {
    let archive = sample();
    for at in 0..archive.len() {
        for value in [0, b'0', b'f', 0xff] {
            let mut damaged = archive.clone();
            damaged[at] = value;
            let _ = entries(&damaged).count();
        }
    }
}
