//! Checks the ELF image of a process before anything of it is mapped.
//!
//! The build refuses a bad image and the root task does it again before it spends memory: both
//! call [`Image::parse`]. What passes is a static AArch64 executable whose segments lie in
//! ascending order, never share a page, and are never writable and executable at once.
//! Reference: System V ABI (gABI) chapters 4 and 5, ELF for the Arm 64-bit Architecture.
//! Deliberately absent: relocations, interpreters, thread-local storage.
#![no_std]
#![forbid(unsafe_code)]

use elf::ElfBytes;
use elf::abi::{EM_AARCH64, ET_EXEC, PF_W, PF_X, PT_DYNAMIC, PT_INTERP, PT_LOAD, PT_TLS};
use elf::endian::LittleEndian;
use elf::file::Class;
use heapless::Vec;

pub mod plan;

/// Size of a page in bytes.
pub const PAGE: u64 = 4096;
/// Most loadable segments of an image.
pub const MAX_SEGMENTS: usize = 8;
/// Lowest address of an image: below it nothing is ever mapped, so that null faults.
pub const LOWEST: u64 = 0x1_0000;
/// Segments end below this address (256 MiB).
pub const HIGHEST: u64 = 0x1000_0000;

/// What a process may do with a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read only.
    Read,
    /// Read and write, never execute.
    ReadWrite,
    /// Read and execute, never write.
    ReadExecute,
}

/// A loadable segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// Address of its first byte.
    pub address: u64,
    /// Bytes from the file; the rest of the segment is zero.
    pub data: &'a [u8],
    /// Its size in memory, in bytes.
    pub size: u64,
    /// How it is mapped.
    pub access: Access,
}

/// A checked image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image<'a> {
    /// Address of the first instruction.
    pub entry: u64,
    /// Segments in ascending order of address.
    pub segments: Vec<Segment<'a>, MAX_SEGMENTS>,
}

/// Why an image is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// Not an ELF file, or its headers are cut off.
    NotElf,
    /// For another machine than 64-bit little-endian AArch64.
    Machine,
    /// Not a static executable (a library, an object file, or dynamically linked).
    NotStatic,
    /// No loadable segment.
    Empty,
    /// More than [`MAX_SEGMENTS`].
    TooManySegments,
    /// The segment at this address lies outside the file, or its sizes contradict each other.
    Truncated(u64),
    /// The segment at this address lies outside [`LOWEST`] to [`HIGHEST`].
    Range(u64),
    /// The segment at this address is writable and executable.
    WriteExecute(u64),
    /// The segment at this address shares a page with the one before, or lies below it.
    Overlap(u64),
    /// The entry point does not lie in an executable segment.
    Entry(u64),
}

impl core::fmt::Display for Error {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::NotElf => f.write_str("not an ELF file, or its headers are cut off"),
            Self::Machine => f.write_str("not for 64-bit little-endian AArch64"),
            Self::NotStatic => f.write_str("not a static executable"),
            Self::Empty => f.write_str("it has no loadable segment"),
            Self::TooManySegments => write!(f, "more than {MAX_SEGMENTS} loadable segments"),
            Self::Truncated(at) => write!(f, "the segment at {at:#x} is cut off"),
            Self::Range(at) => {
                write!(f, "the segment at {at:#x} lies outside {LOWEST:#x}..{HIGHEST:#x}")
            }
            Self::WriteExecute(at) => {
                write!(f, "the segment at {at:#x} is writable and executable")
            }
            Self::Overlap(at) => {
                write!(f, "the segment at {at:#x} overlaps the one before or shares its page")
            }
            Self::Entry(at) => write!(f, "the entry point {at:#x} is not executable"),
        }
    }
}

impl core::error::Error for Error {}

impl<'a> Image<'a> {
    /// Checks `file` as far as its memory image goes; section tables are not looked at.
    pub fn parse(file: &'a [u8]) -> Result<Self, Error> {
        let elf = ElfBytes::<LittleEndian>::minimal_parse(file).map_err(|_| Error::NotElf)?;
        if elf.ehdr.class != Class::ELF64 || elf.ehdr.e_machine != EM_AARCH64 {
            return Err(Error::Machine);
        }
        if elf.ehdr.e_type != ET_EXEC {
            return Err(Error::NotStatic);
        }
        let mut image = Self { entry: elf.ehdr.e_entry, segments: Vec::new() };
        for header in elf.segments().ok_or(Error::Empty)?.iter() {
            match header.p_type {
                PT_INTERP | PT_DYNAMIC | PT_TLS => return Err(Error::NotStatic),
                PT_LOAD if header.p_memsz > 0 => image.add(file, &header)?,
                _ => {}
            }
        }
        let executable = |s: &Segment| s.access == Access::ReadExecute;
        let inside = |s: &Segment| (s.address..s.address + s.size).contains(&image.entry);
        if image.segments.is_empty() {
            Err(Error::Empty)
        } else if !image.segments.iter().any(|s| executable(s) && inside(s)) {
            Err(Error::Entry(image.entry))
        } else {
            Ok(image)
        }
    }

    fn add(&mut self, file: &'a [u8], header: &elf::segment::ProgramHeader) -> Result<(), Error> {
        let address = header.p_vaddr;
        let end = address.checked_add(header.p_memsz).ok_or(Error::Range(address))?;
        if address < LOWEST || end > HIGHEST {
            return Err(Error::Range(address));
        }
        let access = match (header.p_flags & PF_W != 0, header.p_flags & PF_X != 0) {
            (true, true) => return Err(Error::WriteExecute(address)),
            (true, false) => Access::ReadWrite,
            (false, true) => Access::ReadExecute,
            (false, false) => Access::Read,
        };
        if self.segments.last().is_some_and(|last| last.pages().end > page_floor(address)) {
            return Err(Error::Overlap(address));
        }
        let range =
            usize::try_from(header.p_offset).ok().zip(usize::try_from(header.p_filesz).ok());
        let data = range
            .and_then(|(offset, size)| file.get(offset..)?.get(..size))
            .filter(|_| header.p_filesz <= header.p_memsz)
            .ok_or(Error::Truncated(address))?;
        let segment = Segment { address, data, size: header.p_memsz, access };
        self.segments.push(segment).map_err(|_| Error::TooManySegments)
    }

    /// Addresses of the image's pages, gaps included.
    #[must_use]
    pub fn span(&self) -> core::ops::Range<u64> {
        match (self.segments.first(), self.segments.last()) {
            (Some(first), Some(last)) => first.pages().start..last.pages().end,
            _ => 0..0,
        }
    }

    /// Number of pages that its segments fill.
    #[must_use]
    pub fn page_count(&self) -> u64 {
        self.segments.iter().map(Segment::page_count).sum()
    }

    /// The four bytes of the instruction at `address`, where the image has one there.
    #[must_use]
    pub fn instruction(&self, address: u64) -> Option<u32> {
        let segment = self.segments.iter().find(|s| {
            s.access == Access::ReadExecute && {
                (s.address..s.address + s.size).contains(&address)
            }
        })?;
        let offset = usize::try_from(address - segment.address).ok()?;
        let bytes = segment.data.get(offset..)?.first_chunk()?;
        Some(u32::from_le_bytes(*bytes))
    }
}

impl<'a> Segment<'a> {
    /// Addresses of its pages.
    #[must_use]
    pub fn pages(&self) -> core::ops::Range<u64> {
        // Both ends were checked to be below HIGHEST: no overflow.
        page_floor(self.address)..page_floor(self.address + self.size + PAGE - 1)
    }

    /// Number of its pages.
    #[must_use]
    pub fn page_count(&self) -> u64 {
        (self.pages().end - self.pages().start) / PAGE
    }

    /// The file's bytes for the page at `page`, and how far into the page they start.
    #[must_use]
    pub fn page_data(&self, page: u64) -> (usize, &'a [u8]) {
        let skip = page.saturating_sub(self.address).min(self.data.len() as u64) as usize;
        let offset = self.address.saturating_sub(page).min(PAGE) as usize;
        let rest = self.data.get(skip..).unwrap_or_default();
        (offset, &rest[..rest.len().min(PAGE as usize - offset)])
    }
}

fn page_floor(address: u64) -> u64 {
    address & !(PAGE - 1)
}

#[cfg(test)]
mod tests;
