//! Pages of device registers.
//!
//! Device untypeds are consumed from the bottom, so a page in the middle needs fillers below it,
//! and pages must be asked for in ascending order. Only the pages' own capabilities are kept.

#[cfg(target_os = "none")]
use heapless::Vec;
#[cfg(target_os = "none")]
use sel4::{Cap, Object, Page, SlotRange, Untyped, initial};

#[cfg(target_os = "none")]
use crate::{Error, slots::Slots};

/// Two runs of powers of two, up and down, are the longest way through 2^40 bytes.
#[cfg(target_os = "none")]
const MAX_FILLERS: usize = 80;

/// The largest piece to pass over next on the way from offset `from` to offset `to` of an
/// untyped: log2 of its size. Pieces are aligned to their size, as the kernel aligns them.
#[must_use]
pub fn filler(from: u64, to: u64) -> Option<u32> {
    let gap = to.checked_sub(from).filter(|gap| *gap > 0)?;
    let fits = gap.ilog2();
    Some(if from == 0 { fits } else { fits.min(from.trailing_zeros()) })
}

/// A device untyped and how much of it is used up.
#[cfg(target_os = "none")]
#[derive(Debug, Clone, Copy)]
pub struct Region {
    untyped: Untyped,
    start: u64,
    size: u64,
    used: u64,
}

#[cfg(target_os = "none")]
impl Region {
    /// The region of a device untyped that nothing was made from.
    #[must_use]
    pub fn new(region: sel4::bootinfo::UntypedRegion) -> Self {
        Self {
            untyped: Cap::new(region.slot),
            start: region.address,
            size: 1 << region.size_bits,
            used: 0,
        }
    }

    /// Whether the physical `address` lies in it.
    #[must_use]
    pub fn contains(&self, address: u64) -> bool {
        address.checked_sub(self.start).is_some_and(|offset| offset < self.size)
    }

    /// The page at the physical `address`, a multiple of 4096.
    pub fn page(&mut self, address: u64, slots: &mut Slots) -> Result<Page, Error> {
        let offset = address.wrapping_sub(self.start);
        if offset < self.used || offset >= self.size {
            return Err(Error::NoDevice(address));
        }
        let mut fillers = Vec::new();
        let page = self.pass_over(offset, slots, &mut fillers).and_then(|()| {
            let slot = slots.take(1)?;
            match self.untyped.retype(Object::Page, slot) {
                Ok(()) => Ok(slot.cap(0)),
                Err(error) => {
                    slots.give_back(slot);
                    Err(error.into())
                }
            }
        });
        // The kernel's watermark stays where it is as long as the page is there.
        for filler in fillers {
            initial::CNODE.delete(filler.first)?;
            slots.give_back(filler);
        }
        if page.is_ok() {
            self.used = offset + elf_image::PAGE;
        }
        page
    }

    fn pass_over(
        &self,
        offset: u64,
        slots: &mut Slots,
        fillers: &mut Vec<SlotRange, MAX_FILLERS>,
    ) -> Result<(), Error> {
        let mut used = self.used;
        while let Some(bits) = filler(used, offset) {
            let slot = slots.take(1)?;
            if let Err(error) = self.untyped.retype(Object::Untyped(bits), slot) {
                slots.give_back(slot);
                return Err(error.into());
            }
            fillers.push(slot).map_err(|_| Error::OutOfSlots)?;
            used += 1 << bits;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fillers_lead_exactly_to_the_page_and_stay_aligned() {
        for (mut from, to) in
            [(0, 0), (0, 0x100_0000), (0x1000, 0x5000), (0, 0xa00_3000), (0x3000, 0x10_0000)]
        {
            while let Some(bits) = filler(from, to) {
                assert_eq!(from % (1 << bits), 0);
                from += 1 << bits;
            }
            assert_eq!(from, to);
        }
        assert_eq!(filler(0x2000, 0x1000), None);
    }
}
