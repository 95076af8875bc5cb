//! One test per kind of damage.

use super::*;
use manifest::{Facts, Image, OnPanic};

const KERNEL: &[u8] = b"\x7fELF kernel";
const ROOT: &[u8] = b"\x7fELF root task, odd";

fn name<const N: usize>(text: &str) -> heapless::String<N> {
    heapless::String::try_from(text).expect("it fits")
}

fn image(file: &str, data: &[u8]) -> Image {
    Image {
        name: name(file),
        size: u32::try_from(data.len()).expect("small"),
        sha256: Sha256::digest(data).into(),
    }
}

fn system_bin() -> Vec<u8> {
    let mut images = heapless::Vec::new();
    images.push(image("kernel.elf", KERNEL)).expect("room");
    images.push(image("root-task", ROOT)).expect("room");
    let facts =
        Facts { version: name("1"), git: name("g"), kernel: name("k"), gic: name("3"), images };
    let system = System {
        name: name("test"),
        memory_mib: 512,
        tick_ms: 1000,
        on_panic: OnPanic::Halt,
        selftest: None,
        components: heapless::Vec::new(),
        regions: heapless::Vec::new(),
        workers: None,
        facts,
    };
    let mut buffer = [0; 1024];
    system.encode(&mut buffer).expect("it fits").to_vec()
}

fn append(archive: &mut Vec<u8>, name: &str, data: &[u8]) {
    let header = [0, 0o100_644, 0, 0, 1, 0, data.len(), 0, 0, 0, 0, name.len() + 1, 0];
    archive.extend_from_slice(b"070701");
    for field in header {
        archive.extend_from_slice(format!("{field:08x}").as_bytes());
    }
    archive.extend_from_slice(name.as_bytes());
    archive.push(0);
    archive.resize(archive.len().next_multiple_of(4), 0);
    archive.extend_from_slice(data);
    archive.resize(archive.len().next_multiple_of(4), 0);
}

fn pack(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, data) in files {
        append(&mut archive, name, data);
    }
    append(&mut archive, "TRAILER!!!", b"");
    archive
}

fn good() -> Vec<u8> {
    pack(&[("kernel.elf", KERNEL), ("root-task", ROOT), ("system.bin", &system_bin())])
}

fn refusal(archive: &[u8]) -> String {
    format!("{:#}", check(archive).expect_err("refused"))
}

#[test]
fn a_whole_archive_is_listed_with_sizes() {
    let archive = good();
    let files = check(&archive).expect("whole");
    assert_eq!(files[..2], [("kernel.elf", KERNEL), ("root-task", ROOT)]);
    assert_eq!(files.len(), 3);
}

#[test]
fn padding_after_the_trailer_is_fine() {
    let mut archive = good();
    archive.resize(archive.len().next_multiple_of(512), 0);
    check(&archive).expect("whole");
}

#[test]
fn an_empty_file() {
    assert_eq!(refusal(b""), "is empty");
}

#[test]
fn no_archive_at_all() {
    assert_eq!(refusal(&[b'x'; 400]), "is damaged: no cpio (newc) header at offset 0");
}

#[test]
fn another_cpio_format() {
    let mut archive = good();
    archive[5] = b'2';
    assert_eq!(refusal(&archive), "is damaged: no cpio (newc) header at offset 0");
}

#[test]
fn a_size_that_is_no_number() {
    let mut archive = good();
    archive[54] = b'z';
    assert_eq!(refusal(&archive), "is damaged: no cpio (newc) header at offset 0");
}

#[test]
fn a_size_beyond_the_file() {
    let mut archive = good();
    archive[54] = b'7';
    assert_eq!(refusal(&archive), "is damaged: truncated: the entry at offset 0 is cut off");
}

#[test]
fn a_name_without_an_end() {
    let mut archive = good();
    archive[110 + "kernel.elf".len()] = b'x';
    assert_eq!(refusal(&archive), "is damaged: the entry at offset 0 has no proper name");
}

#[test]
fn truncated_anywhere() {
    let archive = good();
    // The last three bytes only pad the trailer; without them nothing is lost.
    for length in 1..archive.len() - 3 {
        let why = refusal(&archive[..length]);
        assert!(why.starts_with("is damaged: truncated: "), "{length}: {why}");
    }
}

#[test]
fn no_trailer() {
    let mut archive = good();
    let trailer = archive.windows(10).position(|name| name == b"TRAILER!!!").expect("one");
    archive[trailer] = b'X';
    let why = refusal(&archive);
    assert!(why.starts_with("is damaged: truncated: the entry at offset "), "{why}");
}

#[test]
fn bytes_after_the_trailer() {
    let mut archive = good();
    archive.push(1);
    assert_eq!(refusal(&archive), "is damaged: something follows its trailer");
}

#[test]
fn a_missing_an_empty_and_a_double_file() {
    let bin = system_bin();
    let archive = pack(&[("kernel.elf", KERNEL), ("system.bin", &bin)]);
    assert_eq!(refusal(&archive), "has no file root-task");
    let archive = pack(&[("kernel.elf", b""), ("root-task", ROOT), ("system.bin", &bin)]);
    assert_eq!(refusal(&archive), "has an empty file kernel.elf");
    let archive = pack(&[("kernel.elf", KERNEL), ("kernel.elf", KERNEL)]);
    assert_eq!(refusal(&archive), "has the file kernel.elf twice");
}

#[test]
fn a_flipped_byte_in_an_image() {
    let mut archive = good();
    let at = archive.windows(ROOT.len()).position(|data| data == ROOT).expect("one");
    archive[at + 6] ^= 0x20;
    assert_eq!(
        refusal(&archive),
        "is damaged: root-task is not the file that system.bin was made for"
    );
}

#[test]
fn a_system_bin_of_another_format() {
    let mut bin = system_bin();
    bin[0] ^= 0xff;
    let archive = pack(&[("kernel.elf", KERNEL), ("root-task", ROOT), ("system.bin", &bin)]);
    assert_eq!(refusal(&archive), "is damaged: its system.bin is none, or is of another version");
}

#[test]
fn the_line_names_the_file_and_what_to_do() {
    let missing = Path::new("no/such/rootfs.cpio");
    assert_eq!(
        check_rootfs(missing).expect_err("missing").to_string(),
        "cannot read no/such/rootfs.cpio: make it with `./cohesix build`"
    );
    let path = std::env::temp_dir().join(format!("cohesix-rootfs-{}", std::process::id()));
    std::fs::write(&path, b"").expect("a file");
    let error = check_rootfs(&path).expect_err("empty").to_string();
    std::fs::remove_file(&path).expect("removed");
    assert_eq!(error, format!("{} is empty: make it again with `./cohesix build`", path.display()));
}
