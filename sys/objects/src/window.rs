//! A window in the root task's own address space.
//!
//! Through it the root task fills the pages of a process and reaches device registers. The
//! window is one lowest-level page table wide (2 MiB); page 0 is for filling, the rest is handed
//! out once and for all.

use drivers::Registers;
use elf_image::PAGE;
use sel4::{Object, Page, PageTable, Rights, VmAttributes, initial};

use crate::Error;
use crate::memory::{Kernel, Memory};

/// Lowest page table, counted top down below the root table.
const LOWEST_LEVEL: usize = 2;

/// The window.
#[derive(Debug)]
pub struct Window {
    address: u64,
    next: u64,
}

impl Window {
    /// Opens the window at `address`, a multiple of 2 MiB in the first GiB that nothing is
    /// mapped in. Its table comes out of `memory` for good.
    pub fn open<K: Kernel>(address: u64, memory: &mut Memory<K>) -> Result<Self, Error> {
        let piece = memory.take(12)?;
        let slot = memory.slots().take(1)?;
        memory.untyped(piece).retype(Object::PageTable(LOWEST_LEVEL), slot)?;
        let table: PageTable = slot.cap(0);
        table.map(LOWEST_LEVEL, initial::VSPACE, address)?;
        Ok(Self { address, next: address + PAGE })
    }

    /// Maps device registers for good. `page` must be the only capability to them in use.
    pub fn map_device(&mut self, page: Page) -> Result<Registers, Error> {
        let address = self.next;
        page.map(initial::VSPACE, address, Rights::READ_WRITE, VmAttributes::DEVICE)?;
        self.next += PAGE;
        // SAFETY: mapped right here, uncached, and never unmapped; `next` moves on, so no other
        // value for this address is ever made.
        Ok(unsafe { Registers::new(address as usize) })
    }

    /// Fills a page with zeros that another process has had. `page` must not be mapped.
    pub fn clear(&mut self, page: Page) -> Result<(), Error> {
        const ZEROS: [u8; PAGE as usize] = [0; PAGE as usize];
        self.fill(page, 0, &ZEROS, false)
    }

    /// Copies `data` into `page` from byte `offset` on. Code is made visible to instruction fetch.
    pub fn fill(
        &mut self,
        page: Page,
        offset: usize,
        data: &[u8],
        code: bool,
    ) -> Result<(), Error> {
        assert!(offset + data.len() <= PAGE as usize, "the data fits the page");
        page.map(initial::VSPACE, self.address, Rights::READ_WRITE, VmAttributes::DATA)?;
        // SAFETY: the page was just mapped writable at `self.address`, which only this method
        // uses, and `data` cannot lie in it; the assertion bounds the copy to the page.
        unsafe {
            let target = (self.address as *mut u8).add(offset);
            target.copy_from_nonoverlapping(data.as_ptr(), data.len());
        }
        let unified = if code { page.unify_instruction() } else { Ok(()) };
        page.unmap()?;
        Ok(unified?)
    }
}
