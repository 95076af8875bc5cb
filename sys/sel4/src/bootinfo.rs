//! BootInfo: what the kernel tells the first thread.
//!
//! A page of memory with a C struct (`seL4_BootInfo`). 5.0.0 packs it, so that everything behind
//! the one-byte CNode size is off by one, and its untyped descriptors are shorter. The view
//! reads bytes at offsets: no reference to a misaligned field ever exists.

use core::ops::Range;

/// Where the fields lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layout {
    untyped: usize,
    descriptors: usize,
    descriptor_size: usize,
    size_bits: usize,
}

impl Layout {
    /// seL4 5.0.0: packed.
    pub const V5: Self =
        Self { untyped: 153, descriptors: 169, descriptor_size: 12, size_bits: 10 };
    /// seL4 13 and later.
    pub const V13: Self =
        Self { untyped: 152, descriptors: 168, descriptor_size: 16, size_bits: 8 };
}

/// A piece of untyped memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UntypedRegion {
    /// Slot of its capability.
    pub slot: u64,
    /// Physical address.
    pub address: u64,
    /// log2 of its size in bytes.
    pub size_bits: u8,
    /// Device memory: no kernel objects, not cleared.
    pub is_device: bool,
}

const IPC_BUFFER: usize = 32;
const EMPTY: usize = 40;
const USER_IMAGE_FRAMES: usize = 72;
const CNODE_BITS: usize = 136;

/// A view of BootInfo's bytes.
#[derive(Debug, Clone, Copy)]
pub struct BootInfo<'a> {
    bytes: &'a [u8],
    layout: Layout,
}

impl<'a> BootInfo<'a> {
    /// Size of BootInfo in bytes: one page.
    pub const SIZE: usize = 4096;

    /// A view of `bytes`; fields past their end read as 0.
    #[must_use]
    pub fn new(bytes: &'a [u8], layout: Layout) -> Self {
        Self { bytes, layout }
    }

    fn byte(&self, at: usize) -> u8 {
        self.bytes.get(at).copied().unwrap_or(0)
    }

    fn word(&self, at: usize) -> u64 {
        let raw = self.bytes.get(at..).and_then(|rest| rest.first_chunk());
        raw.map_or(0, |raw| u64::from_le_bytes(*raw))
    }

    fn range(&self, at: usize) -> Range<u64> {
        self.word(at)..self.word(at + 8)
    }

    /// Address of the first thread's IPC buffer.
    #[must_use]
    pub fn ipc_buffer(&self) -> u64 {
        self.word(IPC_BUFFER)
    }

    /// Empty slots of the root CNode.
    #[must_use]
    pub fn empty(&self) -> Range<u64> {
        self.range(EMPTY)
    }

    /// Slots of the frames that the root task's image lies in, in ascending order of address.
    #[must_use]
    pub fn user_image_frames(&self) -> Range<u64> {
        self.range(USER_IMAGE_FRAMES)
    }

    /// log2 of the number of slots of the root CNode.
    #[must_use]
    pub fn cnode_bits(&self) -> u8 {
        self.byte(CNODE_BITS)
    }

    /// All untyped memory.
    pub fn untyped(&self) -> impl Iterator<Item = UntypedRegion> + use<'a> {
        let this = *self;
        let slots = this.range(this.layout.untyped);
        slots.enumerate().map(move |(i, slot)| {
            let at = this.layout.descriptors + i * this.layout.descriptor_size;
            UntypedRegion {
                slot,
                address: this.word(at),
                size_bits: this.byte(at + this.layout.size_bits),
                is_device: this.byte(at + this.layout.size_bits + 1) != 0,
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(bytes: &mut [u8], at: usize, value: u64) {
        bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    }

    fn sample(untyped: usize, list: usize, stride: usize, size: usize) -> Vec<u8> {
        let mut bytes = vec![0; BootInfo::SIZE];
        put(&mut bytes, 32, 0x41_5000);
        put(&mut bytes, 40, 300);
        put(&mut bytes, 48, 8192);
        put(&mut bytes, 72, 16);
        put(&mut bytes, 80, 99);
        bytes[136] = 13;
        put(&mut bytes, untyped, 200);
        put(&mut bytes, untyped + 8, 202);
        for (i, (address, bits, device)) in
            [(0x900_0000, 12, 1), (0x4100_0000, 24, 0)].iter().enumerate()
        {
            put(&mut bytes, list + i * stride, *address);
            bytes[list + i * stride + size] = *bits;
            bytes[list + i * stride + size + 1] = *device;
        }
        bytes
    }

    fn check(bytes: &[u8], layout: Layout) {
        let info = BootInfo::new(bytes, layout);
        assert_eq!(info.ipc_buffer(), 0x41_5000);
        assert_eq!(info.empty(), 300..8192);
        assert_eq!(info.user_image_frames(), 16..99);
        assert_eq!(info.cnode_bits(), 13);
        let regions: Vec<_> = info.untyped().collect();
        assert_eq!(
            regions,
            [
                UntypedRegion { slot: 200, address: 0x900_0000, size_bits: 12, is_device: true },
                UntypedRegion { slot: 201, address: 0x4100_0000, size_bits: 24, is_device: false },
            ]
        );
    }

    #[test]
    fn both_layouts_read() {
        check(&sample(153, 169, 12, 10), Layout::V5);
        check(&sample(152, 168, 16, 8), Layout::V13);
    }

    #[test]
    fn a_short_page_reads_as_nothing() {
        let info = BootInfo::new(&[], Layout::V13);
        assert_eq!((info.empty(), info.untyped().count()), (0..0, 0));
    }
}
