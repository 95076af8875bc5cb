//! Boots our payload with a finished upstream elfloader.
//!
//! An elfloader carries its archive inside: kernel.elf, then the root task, each copied by its
//! program headers relative to its place in the archive. That place cannot grow, so the archive
//! is rewritten where it is: both files shrink to their headers, whose segments' offsets point
//! forward to a new segment behind the elfloader, where the bytes are. The root task gets one
//! more segment, behind its image: the rest of the boot archive, just as our own loader leaves
//! it there. No code of the elfloader is touched. See docs/adr/0003-elfloader.md.

use anyhow::{Context, Result, bail, ensure};
use elf::ElfBytes;
use elf::abi::{EM_AARCH64, ET_EXEC, ET_REL, PT_LOAD};
use elf::endian::LittleEndian;
use elf::segment::ProgramHeader;

use crate::image::archive;

const PAGE: u64 = 4096;
/// Where the new segment starts: the elfloader maps itself in coarse blocks.
const ALIGNMENT: u64 = 64 << 10;
const EHDR: usize = 64;
const PHDR: usize = 56;
const MAGIC: &[u8] = b"070701";
const NEWC_HEADER: usize = 110;

/// Whether `file` is an ELF file.
#[must_use]
pub fn is_elf(file: &[u8]) -> bool {
    file.starts_with(b"\x7fELF")
}

type Elf<'a> = ElfBytes<'a, LittleEndian>;

fn segments(elf: &Elf) -> Vec<ProgramHeader> {
    let table = elf.segments();
    table.into_iter().flatten().filter(|s| s.p_type == PT_LOAD && s.p_memsz > 0).collect()
}

/// `elfloader` with the kernel, root task and rest of the boot archive `rootfs` inside.
pub fn rewrite(elfloader: &[u8], rootfs: &[u8]) -> Result<Vec<u8>> {
    let elf = Elf::minimal_parse(elfloader).context("not an ELF file")?;
    ensure!(
        elf.ehdr.e_type != ET_REL,
        "an object file: give the finished elfloader that seL4's build makes from it"
    );
    let right = elf.ehdr.e_type == ET_EXEC && elf.ehdr.e_machine == EM_AARCH64;
    ensure!(right, "not an AArch64 executable");
    let loads = segments(&elf);
    let end = loads.iter().map(|s| s.p_paddr + s.p_memsz).max().context("it loads nothing")?;
    let start = loads.iter().map(|s| s.p_paddr).min().unwrap_or(end);
    let place = find_archive(elfloader)?;
    let load = loads
        .iter()
        .find(|s| (s.p_offset..s.p_offset + s.p_filesz).contains(&(place.start as u64)))
        .context("its archive is not in a loaded segment")?;
    let archive_address = load.p_paddr + (place.start as u64 - load.p_offset);

    let blob_address = end.next_multiple_of(ALIGNMENT);
    let Shrunk { files, blob, top } = shrink(rootfs, archive_address, blob_address)?;
    ensure!(
        top + PAGE <= start,
        "it runs at {start:#x}, but kernel and root task need the memory up to {:#x}: build it \
         with -DIMAGE_START_ADDR=0x50000000",
        top + PAGE
    );
    let small = archive(&files)?;
    ensure!(
        small.len() <= place.len(),
        "the archive in it has only {} bytes, {} are needed: build it with a real root task",
        place.len(),
        small.len()
    );
    let mut combined = elfloader.to_vec();
    combined[place.clone()].fill(0);
    combined[place.start..place.start + small.len()].copy_from_slice(&small);
    append_segment(&mut combined, &elf, blob_address, &blob);
    Ok(combined)
}

/// Where the archive lies in the elfloader's file.
fn find_archive(elfloader: &[u8]) -> Result<std::ops::Range<usize>> {
    let name = NEWC_HEADER..NEWC_HEADER + 11;
    let starts = elfloader.windows(name.end).enumerate().filter(|(_, window)| {
        window.starts_with(MAGIC) && window.get(name.clone()) == Some(b"kernel.elf\0")
    });
    let mut starts = starts.map(|(at, _)| at);
    let Some(start) = starts.next() else {
        bail!("no archive with kernel.elf in it: is it an seL4 elfloader?")
    };
    ensure!(starts.next().is_none(), "more than one archive in it");
    let mut entries = newc::entries(&elfloader[start..]);
    if let Some(error) = entries.by_ref().find_map(Result::err) {
        bail!("the archive in it is damaged: {error}");
    }
    Ok(start..start + entries.offset())
}

/// The payload in the elfloader's terms.
struct Shrunk {
    /// The two small files for the archive.
    files: Vec<(String, Vec<u8>)>,
    /// The bytes for the new segment.
    blob: Vec<u8>,
    /// First address above what the elfloader will load.
    top: u64,
}

/// Splits `rootfs` into headers for the archive at `archive_address` and bytes for a new segment
/// at `blob_address`.
fn shrink(rootfs: &[u8], archive_address: u64, blob_address: u64) -> Result<Shrunk> {
    let mut entries = newc::entries(rootfs);
    let mut next = |name: &str| -> Result<(Vec<u8>, usize)> {
        match entries.next() {
            Some(Ok(entry)) if entry.name == name => Ok((entry.data.to_vec(), entries.offset())),
            Some(Err(error)) => bail!("rootfs.cpio is damaged: {error}"),
            _ => bail!("rootfs.cpio must start with kernel.elf and root-task"),
        }
    };
    let (kernel, _) = next("kernel.elf")?;
    let (root, rest_at) = next("root-task")?;
    let rest = &rootfs[rest_at..];

    let kernel_loads = segments(&Elf::minimal_parse(&kernel)?);
    let kernel_end = kernel_loads.iter().map(|s| s.p_paddr + s.p_memsz).max().unwrap_or(0);
    let root_loads = segments(&Elf::minimal_parse(&root)?);
    let low = root_loads.iter().map(|s| s.p_vaddr).min().unwrap_or(0) & !(PAGE - 1);
    let high = root_loads.iter().map(|s| s.p_vaddr + s.p_memsz).max().unwrap_or(0);
    let payload_address = high.next_multiple_of(PAGE);
    let payload_size = (rest.len() as u64).next_multiple_of(PAGE);
    let top = kernel_end.next_multiple_of(PAGE) + (payload_address - low) + payload_size;

    let mut blob = kernel.clone();
    blob.resize(blob.len().next_multiple_of(16), 0);
    let root_at = blob.len() as u64;
    blob.extend_from_slice(&root);
    blob.resize(blob.len().next_multiple_of(16), 0);
    let rest_in_blob = blob.len() as u64;
    blob.extend_from_slice(rest);

    let kernel_data = archive_address + data_offset("kernel.elf");
    let small_kernel = headers(&kernel, &kernel_loads, blob_address - kernel_data);
    let root_data =
        kernel_data + (small_kernel.len() as u64).next_multiple_of(4) + data_offset("root-task");
    let mut small_root = headers(&root, &root_loads, blob_address + root_at - root_data);
    let payload = ProgramHeader {
        p_type: PT_LOAD,
        p_offset: blob_address + rest_in_blob - root_data,
        p_vaddr: payload_address,
        p_paddr: payload_address,
        p_filesz: rest.len() as u64,
        p_memsz: rest.len() as u64,
        p_flags: elf::abi::PF_R,
        p_align: PAGE,
    };
    small_root.extend(phdr(&payload));
    set_count(&mut small_root, root_loads.len() + 1);
    let files = vec![("kernel.elf".into(), small_kernel), ("root-task".into(), small_root)];
    Ok(Shrunk { files, blob, top })
}

/// Bytes from a newc entry's start to its data.
fn data_offset(name: &str) -> u64 {
    (NEWC_HEADER + name.len() + 1).next_multiple_of(4) as u64
}

/// An ELF file of headers only: the segments' bytes lie `forward` bytes further.
fn headers(file: &[u8], loads: &[ProgramHeader], forward: u64) -> Vec<u8> {
    let mut small = file[..EHDR].to_vec();
    small[32..40].copy_from_slice(&(EHDR as u64).to_le_bytes());
    small[40..48].fill(0);
    small[60..64].fill(0);
    for load in loads {
        small.extend(phdr(&ProgramHeader { p_offset: load.p_offset + forward, ..*load }));
    }
    set_count(&mut small, loads.len());
    small
}

fn set_count(file: &mut [u8], segments: usize) {
    file[54..56].copy_from_slice(&(PHDR as u16).to_le_bytes());
    file[56..58].copy_from_slice(&(segments as u16).to_le_bytes());
}

fn phdr(header: &ProgramHeader) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(PHDR);
    bytes.extend(header.p_type.to_le_bytes());
    bytes.extend(header.p_flags.to_le_bytes());
    let words = [
        header.p_offset,
        header.p_vaddr,
        header.p_paddr,
        header.p_filesz,
        header.p_memsz,
        header.p_align,
    ];
    bytes.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    bytes
}

/// Appends `blob` as a segment at `address`, and a new table of program headers.
fn append_segment(file: &mut Vec<u8>, elf: &Elf, address: u64, blob: &[u8]) {
    file.resize(file.len().next_multiple_of(PAGE as usize), 0);
    let segment = ProgramHeader {
        p_type: PT_LOAD,
        p_offset: file.len() as u64,
        p_vaddr: address,
        p_paddr: address,
        p_filesz: blob.len() as u64,
        p_memsz: blob.len() as u64,
        p_flags: elf::abi::PF_R,
        p_align: PAGE,
    };
    file.extend_from_slice(blob);
    file.resize(file.len().next_multiple_of(8), 0);
    let table = file.len() as u64;
    let mut headers: Vec<_> = elf.segments().into_iter().flatten().collect();
    headers.push(segment);
    for header in &headers {
        file.extend(phdr(header));
    }
    file[32..40].copy_from_slice(&table.to_le_bytes());
    set_count(file, headers.len());
}

#[cfg(test)]
mod tests;
