//! The rewriting against a small elfloader made here.
//!
//! What an elfloader does is done here by hand: read the archive in its memory image, then copy
//! each segment from its file's place plus the segment's offset.

use super::*;

/// An AArch64 executable of one segment each: address, bytes.
fn executable(segments: &[(u64, &[u8])]) -> Vec<u8> {
    let mut file = vec![0; EHDR];
    file[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
    file[16..18].copy_from_slice(&2u16.to_le_bytes());
    file[18..20].copy_from_slice(&183u16.to_le_bytes());
    file[20] = 1;
    file[24..32].copy_from_slice(&segments[0].0.to_le_bytes());
    file[32..40].copy_from_slice(&(EHDR as u64).to_le_bytes());
    file[52..54].copy_from_slice(&(EHDR as u16).to_le_bytes());
    let mut offset = EHDR + segments.len() * PHDR;
    for (address, bytes) in segments {
        file.extend(phdr(&ProgramHeader {
            p_type: PT_LOAD,
            p_flags: 5,
            p_offset: offset as u64,
            p_vaddr: *address,
            p_paddr: *address,
            p_filesz: bytes.len() as u64,
            p_memsz: bytes.len() as u64 + 100,
            p_align: PAGE,
        }));
        offset += bytes.len();
    }
    set_count(&mut file, segments.len());
    for (_, bytes) in segments {
        file.extend_from_slice(bytes);
    }
    file
}

const KERNEL: &[u8] = &[0xaa; 5000];
const TEXT: &[u8] = &[0xbb; 300];
const DATA: &[u8] = &[0xcc; 77];
const ROOT_AT: u64 = 0x20_0000;

fn rootfs() -> Vec<u8> {
    let files = [
        ("kernel.elf".to_owned(), executable(&[(0x4000_0000, KERNEL)])),
        ("root-task".to_owned(), executable(&[(ROOT_AT, TEXT), (ROOT_AT + PAGE, DATA)])),
        ("system.bin".to_owned(), b"manifest".to_vec()),
        ("ping".to_owned(), vec![0xdd; 9000]),
    ];
    archive(&files).expect("an archive")
}

/// An elfloader at `address` with an archive between other bytes.
fn elfloader(address: u64, room: usize) -> Vec<u8> {
    let inside =
        [("kernel.elf".to_owned(), vec![1; room]), ("sel4test-driver".to_owned(), vec![2; room])];
    let mut image = vec![0x11; 256];
    image.extend(archive(&inside).expect("an archive"));
    image.extend([0x22; 64]);
    executable(&[(address, &image)])
}

/// What an ELF loader puts at `address`, `length` bytes.
fn loaded(file: &[u8], address: u64, length: u64) -> Vec<u8> {
    let elf = Elf::minimal_parse(file).expect("an ELF file");
    let load = segments(&elf)
        .into_iter()
        .find(|s| s.p_paddr <= address && address + length <= s.p_paddr + s.p_filesz)
        .expect("a segment with these addresses");
    let at = (load.p_offset + address - load.p_paddr) as usize;
    file[at..at + length as usize].to_vec()
}

#[test]
fn an_elfloader_finds_every_byte_of_the_payload() {
    let original = elfloader(0x5000_0000, 2000);
    let rootfs = rootfs();
    let combined = rewrite(&original, &rootfs).expect("rewritten");
    let place = find_archive(&combined).expect("an archive");
    let old = find_archive(&original).expect("an archive");
    assert_eq!(combined[..EHDR - 8 - 24], original[..EHDR - 8 - 24], "same entry and machine");
    assert_eq!(combined[old.end..original.len()], original[old.end..], "nothing else changed");

    let entries: Vec<_> =
        newc::entries(&combined[place]).map(|entry| entry.expect("whole")).collect();
    let names: Vec<_> = entries.iter().map(|entry| entry.name).collect();
    assert_eq!(names, ["kernel.elf", "root-task"]);
    let segment = segments(&Elf::minimal_parse(&combined).expect("an ELF file"))[0];
    let mut found = Vec::new();
    for entry in &entries {
        let in_file = entry.data.as_ptr() as u64 - combined.as_ptr() as u64;
        let base = segment.p_paddr + in_file - segment.p_offset;
        for load in segments(&Elf::minimal_parse(entry.data).expect("headers")) {
            let bytes = loaded(&combined, base + load.p_offset, load.p_filesz);
            found.push((load.p_vaddr, load.p_memsz, bytes));
        }
    }
    let rest = newc::entries(&rootfs).nth(1).expect("two").expect("whole").data.as_ptr_range().end;
    let rest_at = (rest as usize - rootfs.as_ptr() as usize).next_multiple_of(4);
    let rest = &rootfs[rest_at..];
    assert!(newc::find(rest, "ping").is_ok_and(|ping| ping.is_some()));
    assert_eq!(
        found,
        [
            (0x4000_0000, 5100, KERNEL.to_vec()),
            (ROOT_AT, 400, TEXT.to_vec()),
            (ROOT_AT + PAGE, 177, DATA.to_vec()),
            (ROOT_AT + 2 * PAGE, rest.len() as u64, rest.to_vec()),
        ]
    );
}

#[test]
fn what_cannot_work_is_refused() {
    let refused =
        |elfloader: &[u8]| format!("{:#}", rewrite(elfloader, &rootfs()).expect_err("refused"));
    let low = refused(&elfloader(0x4000_1000, 2000));
    assert!(low.contains("-DIMAGE_START_ADDR=0x50000000"), "{low}");
    let small = refused(&elfloader(0x5000_0000, 20));
    assert!(small.contains("build it with a real root task"), "{small}");
    let mut object = elfloader(0x5000_0000, 2000);
    object[16] = 1;
    assert!(refused(&object).contains("object file"));
    assert!(refused(b"\x7fEL").contains("not an ELF file"));
    let empty = executable(&[(0x5000_0000, &[0; 500])]);
    assert!(refused(&empty).contains("no archive with kernel.elf"));
}
