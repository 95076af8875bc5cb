//! ELF images, copied to where they run.

use core::ops::Range;

use elf::ElfBytes;
use elf::abi::{EM_AARCH64, ET_EXEC, PT_LOAD};
use elf::endian::LittleEndian;
use elf::file::Class;
use elf::segment::ProgramHeader;

/// Size of a page in bytes.
pub const PAGE: u64 = 4096;

/// An image whose headers were checked.
pub struct Image<'a> {
    file: &'a [u8],
    elf: ElfBytes<'a, LittleEndian>,
    /// Its addresses, page aligned.
    pub span: Range<u64>,
    /// Physical address of its first page, as the file says.
    pub physical: u64,
    /// Its entry point.
    pub entry: u64,
}

impl<'a> Image<'a> {
    /// Checks `file`; the error says what is wrong with it.
    pub fn parse(file: &'a [u8]) -> Result<Self, &'static str> {
        let elf = ElfBytes::minimal_parse(file).map_err(|_| "is not an ELF file")?;
        let header = elf.ehdr;
        if header.class != Class::ELF64 || header.e_machine != EM_AARCH64 {
            return Err("is not for AArch64");
        }
        if header.e_type != ET_EXEC {
            return Err("is not a static executable");
        }
        let span = Range { start: u64::MAX, end: 0 };
        let mut image = Self { file, elf, span, physical: 0, entry: header.e_entry };
        for segment in image.segments() {
            let end = segment.p_vaddr.checked_add(segment.p_memsz).ok_or("has a bad segment")?;
            if data(file, &segment).is_none() || segment.p_filesz > segment.p_memsz {
                return Err("is truncated");
            }
            if segment.p_vaddr < image.span.start {
                image.span.start = segment.p_vaddr & !(PAGE - 1);
                image.physical = segment.p_paddr & !(PAGE - 1);
            }
            let end = end.checked_next_multiple_of(PAGE).ok_or("has a bad segment")?;
            image.span.end = image.span.end.max(end);
        }
        if image.span.is_empty() { Err("has no loadable segment") } else { Ok(image) }
    }

    fn segments(&self) -> impl Iterator<Item = ProgramHeader> + use<'a> {
        let table = self.elf.segments();
        table.into_iter().flatten().filter(|s| s.p_type == PT_LOAD && s.p_memsz > 0)
    }

    /// Size in memory, in bytes: a multiple of [`PAGE`].
    pub fn size(&self) -> u64 {
        self.span.end - self.span.start
    }

    /// Copies the image into `target`, whose first byte stands for the span's first.
    pub fn copy_to(&self, target: &mut [u8]) {
        target.fill(0);
        for segment in self.segments() {
            let start = (segment.p_vaddr - self.span.start) as usize;
            let source = data(self.file, &segment).unwrap_or_default();
            if let Some(place) = target.get_mut(start..start + source.len()) {
                place.copy_from_slice(source);
            }
        }
    }
}

fn data<'a>(file: &'a [u8], segment: &ProgramHeader) -> Option<&'a [u8]> {
    let start = usize::try_from(segment.p_offset).ok()?;
    file.get(start..)?.get(..usize::try_from(segment.p_filesz).ok()?)
}
