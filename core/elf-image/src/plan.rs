//! What a process needs, computed before anything is made.
//!
//! Address space of a process: the image where its ELF file says, a guard page, the stack, a
//! guard page, the IPC buffer; from [`MAPPINGS`] on what it shares with others or with a device,
//! each from a multiple of 2 MiB. Guard pages are never mapped: a stack that overflows faults.

use crate::{Image, PAGE};

/// log2 of the slots in a process' CNode.
pub const CNODE_BITS: u32 = 5;
/// Address of the first mapping: behind every image.
pub const MAPPINGS: u64 = crate::HIGHEST;
/// Bytes that one page table covers (2 MiB).
pub const TABLE_SPAN: u64 = PAGE * 512;
/// Kernel objects smaller than a page: TCB (2^11), CNode of 32 slots (2^10), endpoint (2^4),
/// notification (2^5, 2^6 on some kernels).
const SMALL_OBJECTS: u64 = (1 << 11) + (32 << CNODE_BITS) + (1 << 4) + (1 << 6);
/// Page tables above the lowest level. The whole address space lies in the first GiB.
const UPPER_TABLES: u32 = 2;

/// A process does not fit its memory: it needs this many bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooBig(pub u64);

/// Where everything goes and how much it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// Pages of the image.
    pub image_pages: u32,
    /// Pages of the stack.
    pub stack_pages: u32,
    /// Lowest address of the stack; the page below is not mapped.
    pub stack_bottom: u64,
    /// Address past the stack: the first stack pointer.
    pub stack_top: u64,
    /// Address of the IPC buffer's page.
    pub ipc_buffer: u64,
    /// First address that the lowest page tables cover.
    pub tables_start: u64,
    /// Number of lowest page tables.
    pub lowest_tables: u32,
    /// Number of page tables for mappings.
    pub mapping_tables: u32,
    /// Whether the process serves an endpoint.
    pub serves: bool,
    /// Whether it has a notification of its own.
    pub notified: bool,
}

/// What a process is given besides its image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// Stack in bytes.
    pub stack: u32,
    /// Memory to make everything from, in bytes.
    pub memory: u32,
    /// Number of page tables for mappings.
    pub mapping_tables: u32,
    /// Whether it serves an endpoint.
    pub serves: bool,
    /// Whether it has a notification of its own, which goes with it.
    pub notified: bool,
}

impl Plan {
    /// Plans a process.
    pub fn new(image: &Image, needs: &Needs) -> Result<Self, TooBig> {
        let Needs { stack, memory, mapping_tables, serves, notified } = *needs;
        let span = image.span();
        let stack_pages = u64::from(stack).div_ceil(PAGE);
        let stack_bottom = span.end + PAGE;
        let stack_top = stack_bottom + stack_pages * PAGE;
        let ipc_buffer = stack_top + PAGE;
        let tables_start = span.start - span.start % TABLE_SPAN;
        let lowest_tables = (ipc_buffer + PAGE - tables_start).div_ceil(TABLE_SPAN);
        let plan = Self {
            // Image::parse bounds the span to 256 MiB: these counts fit.
            image_pages: image.page_count() as u32,
            stack_pages: stack_pages as u32,
            stack_bottom,
            stack_top,
            ipc_buffer,
            tables_start,
            lowest_tables: lowest_tables as u32,
            mapping_tables,
            serves,
            notified,
        };
        if plan.bytes() > u64::from(memory) { Err(TooBig(plan.bytes())) } else { Ok(plan) }
    }

    /// Number of paging structures: the root table and the tables below.
    #[must_use]
    pub fn tables(&self) -> u32 {
        1 + UPPER_TABLES + self.lowest_tables + self.mapping_tables
    }

    /// Number of pages: image, stack and IPC buffer.
    #[must_use]
    pub fn pages(&self) -> u32 {
        self.image_pages + self.stack_pages + 1
    }

    /// Number of slots for its objects.
    #[must_use]
    pub fn slots(&self) -> u32 {
        self.tables() + self.pages() + 2 + u32::from(self.serves) + u32::from(self.notified)
    }

    /// Untyped memory for its objects, in bytes. Page-sized ones come first, so nothing is lost
    /// to alignment.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        u64::from(self.tables() + self.pages()) * PAGE + SMALL_OBJECTS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Access, Segment};

    fn image(address: u64, size: u64) -> Image<'static> {
        let segment = Segment { address, data: &[], size, access: Access::ReadExecute };
        Image { entry: address, segments: [segment].into_iter().collect() }
    }

    fn plan(image: &Image, stack: u32, memory: u32, serves: bool) -> Result<Plan, TooBig> {
        Plan::new(image, &Needs { stack, memory, mapping_tables: 0, serves, notified: false })
    }

    #[test]
    fn guards_lie_around_the_stack() {
        let plan = plan(&image(0x20_0000, 0x3001), 0x4000, 1 << 20, true).expect("fits");
        assert_eq!(plan.image_pages, 4);
        assert_eq!(plan.stack_bottom, 0x20_5000);
        assert_eq!(plan.stack_top, 0x20_9000);
        assert_eq!(plan.ipc_buffer, 0x20_a000);
        assert_eq!((plan.tables(), plan.pages(), plan.slots()), (4, 9, 16));
        assert_eq!(plan.bytes(), 13 * 4096 + 2048 + 1024 + 16 + 64);
    }

    #[test]
    fn tables_cover_an_image_that_crosses_2_mib() {
        let plan = plan(&image(0x3f_f000, 0x1000), 0x1000, 1 << 20, false).expect("fits");
        assert_eq!((plan.tables_start, plan.lowest_tables), (0x20_0000, 2));
    }

    #[test]
    fn mappings_cost_their_tables() {
        let needs = Needs {
            stack: 0x1000,
            memory: 1 << 20,
            mapping_tables: 3,
            serves: false,
            notified: true,
        };
        let with = Plan::new(&image(0x20_0000, 0x1000), &needs).expect("fits");
        let without = plan(&image(0x20_0000, 0x1000), 0x1000, 1 << 20, false).expect("fits");
        assert_eq!(with.slots(), without.slots() + 4);
        assert_eq!(with.bytes(), without.bytes() + 3 * 4096);
    }

    #[test]
    fn what_does_not_fit_says_how_much_it_needs() {
        let error = plan(&image(0x20_0000, 0x3_0000), 0x4000, 1 << 16, false);
        assert_eq!(error, Err(TooBig(57 * 4096 + 2048 + 1024 + 16 + 64)));
    }
}
