//! Images written here by hand, good and bad.

extern crate std;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

const R: u32 = 4;
const RW: u32 = 6;
const RX: u32 = 5;
const RWX: u32 = 7;

/// Offset, address, size in the file, size in memory, flags.
type Load = (u64, u64, u64, u64, u32);

fn file(entry: u64, loads: &[Load]) -> Vec<u8> {
    let mut bytes = vec![0; 0x1000];
    bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(16, &2u16.to_le_bytes());
    put(18, &183u16.to_le_bytes());
    put(20, &1u32.to_le_bytes());
    put(24, &entry.to_le_bytes());
    put(32, &64u64.to_le_bytes());
    put(52, &64u16.to_le_bytes());
    put(54, &56u16.to_le_bytes());
    put(56, &(loads.len() as u16).to_le_bytes());
    put(58, &64u16.to_le_bytes());
    for (i, (offset, address, file_size, size, flags)) in loads.iter().enumerate() {
        let at = 64 + i * 56;
        put(at, &1u32.to_le_bytes());
        put(at + 4, &flags.to_le_bytes());
        for (j, word) in [*offset, *address, *address, *file_size, *size, 4096].iter().enumerate() {
            put(at + 8 + j * 8, &word.to_le_bytes());
        }
    }
    bytes
}

const GOOD: [Load; 3] = [
    (0x800, 0x20_0000, 0x100, 0x100, R),
    (0x900, 0x20_1000, 0x80, 0x80, RX),
    (0xa00, 0x20_2800, 0x10, 0x2000, RW),
];

fn refused(entry: u64, loads: &[Load]) -> Error {
    Image::parse(&file(entry, loads)).expect_err("refused")
}

#[test]
fn a_good_image_shows_its_segments() {
    let bytes = file(0x20_1000, &GOOD);
    let image = Image::parse(&bytes).expect("good");
    let access: Vec<_> = image.segments.iter().map(|s| s.access).collect();
    assert_eq!(access, [Access::Read, Access::ReadExecute, Access::ReadWrite]);
    assert_eq!(image.span(), 0x20_0000..0x20_5000);
    assert_eq!(image.page_count(), 5);
    assert_eq!(image.instruction(0x20_1004), Some(0));
    assert_eq!(image.instruction(0x20_107e), None);
    assert_eq!(image.instruction(0x20_0000), None);
    let data = image.segments[2];
    assert_eq!(data.page_data(0x20_2000), (0x800, &[0; 16][..]));
    assert_eq!(data.page_data(0x20_3000), (0, &[][..]));
}

#[test]
fn a_page_gets_the_bytes_that_lie_in_it() {
    let mut bytes = file(0x20_0000, &[(0x400, 0x20_0800, 0x1800, 0x1800, RX)]);
    bytes.resize(0x2000, 0);
    bytes.iter_mut().enumerate().skip(0x400).for_each(|(i, b)| *b = (i % 251) as u8);
    bytes[24..32].copy_from_slice(&0x20_0800u64.to_le_bytes());
    let image = Image::parse(&bytes).expect("good");
    let segment = image.segments[0];
    assert_eq!(segment.page_data(0x20_0000), (0x800, &bytes[0x400..0xc00]));
    assert_eq!(segment.page_data(0x20_1000), (0, &bytes[0xc00..0x1c00]));
}

#[test]
fn bad_images_are_refused_with_their_reason() {
    let text = GOOD[1];
    assert_eq!(Image::parse(b""), Err(Error::NotElf));
    assert_eq!(Image::parse(b"\x7fELF"), Err(Error::NotElf));
    let mut x86 = file(0x20_1000, &GOOD);
    x86[18] = 62;
    assert_eq!(Image::parse(&x86), Err(Error::Machine));
    let mut shared = file(0x20_1000, &GOOD);
    shared[16] = 3;
    assert_eq!(Image::parse(&shared), Err(Error::NotStatic));
    let mut interpreted = file(0x20_1000, &GOOD);
    interpreted[64] = 3;
    assert_eq!(Image::parse(&interpreted), Err(Error::NotStatic));
    assert_eq!(refused(0, &[]), Error::Empty);
    assert_eq!(refused(0x20_0000, &GOOD), Error::Entry(0x20_0000));
    let writable = (0x800, 0x30_0000, 1, 1, RWX);
    assert_eq!(refused(0x20_1000, &[text, writable]), Error::WriteExecute(0x30_0000));
    let same_page = (0x800, 0x20_1ff0, 1, 1, RW);
    assert_eq!(refused(0x20_1000, &[text, same_page]), Error::Overlap(0x20_1ff0));
    assert_eq!(refused(0x20_1000, &[text, GOOD[0]]), Error::Overlap(0x20_0000));
    let outside = (0xfff, 0x30_0000, 2, 2, R);
    assert_eq!(refused(0x20_1000, &[text, outside]), Error::Truncated(0x30_0000));
    let shrinking = (0x800, 0x30_0000, 2, 1, R);
    assert_eq!(refused(0x20_1000, &[text, shrinking]), Error::Truncated(0x30_0000));
    for address in [0, LOWEST - 1, HIGHEST, u64::MAX] {
        assert_eq!(refused(0, &[(0x800, address, 1, 2, R)]), Error::Range(address));
    }
    let many: Vec<Load> = (0..9).map(|i| (0x800, 0x20_0000 + i * PAGE, 1, 1, RX)).collect();
    assert_eq!(refused(0x20_0000, &many), Error::TooManySegments);
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        let _ = Image::parse(&bytes);
    }

    #[test]
    fn no_damaged_image_makes_it_panic(at in 0usize..0x200, value: u8) {
        let mut bytes = file(0x20_1000, &GOOD);
        bytes[at] = value;
        if let Ok(image) = Image::parse(&bytes) {
            for segment in &image.segments {
                for page in segment.pages().step_by(PAGE as usize).take(16) {
                    let (offset, data) = segment.page_data(page);
                    prop_assert!(offset + data.len() <= PAGE as usize);
                }
            }
        }
    }
}
