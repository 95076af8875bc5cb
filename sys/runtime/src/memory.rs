//! Memory that the root task mapped for this process: device, DMA, shared regions.

use core::slice;
use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};

use abi::startup::{Area, Kind, MAX_AREAS, MAX_BYTES, OFFSET, areas};
use abi::workers::{self, Birth};
use drivers::Registers;
use drivers::virtio_serial::Dma;
use heapless::Vec;
use sel4::syscall::with_ipc_buffer;

/// Bytes of a region that hold words rather than bytes: its first page.
pub const WORDS_BYTES: usize = 4096;

static TAKEN: AtomicBool = AtomicBool::new(false);

/// An area that this process alone has: it can be claimed once.
#[derive(Debug)]
pub struct Given(Area);

/// A region: words for counters, and bytes. Both change under one's hands.
#[derive(Debug, Clone, Copy)]
pub struct Region {
    /// The first page.
    pub words: &'static [AtomicU32],
    /// The rest.
    pub bytes: &'static [AtomicU8],
    /// The same in units of eight bytes, for whole copies. A region is used through one of the
    /// two: accesses of different sizes to the same bytes must not race.
    pub units: &'static [AtomicU64],
    /// Index of the component on the other side.
    pub peer: u8,
    /// The region's number among one's own: of its doorbell, and of the slot to ring with.
    pub number: u32,
}

/// What was mapped for this process, in the manifest's order.
///
/// # Panics
/// On the second call: each area has one owner.
#[must_use]
pub fn take() -> Vec<Given, MAX_AREAS> {
    assert!(!TAKEN.swap(true, Ordering::Relaxed), "areas are taken once");
    let buffer = with_ipc_buffer(|buffer| core::ptr::from_mut(buffer).cast::<u8>().cast_const());
    // SAFETY: the buffer is the start of a page; behind it, from OFFSET on, lies the list that the
    // root task wrote before this process started and that nobody writes to afterwards.
    let bytes = unsafe { slice::from_raw_parts(buffer.add(OFFSET), MAX_BYTES) };
    areas(bytes).map(Given).collect()
}

impl Given {
    /// Its description.
    #[must_use]
    pub fn area(&self) -> &Area {
        &self.0
    }

    /// The registers of a device.
    ///
    /// # Panics
    /// Where it is something else.
    #[must_use]
    pub fn registers(self) -> Registers {
        assert_eq!(self.0.kind, Kind::Device);
        // SAFETY: the root task mapped the device's registers there, uncached, for good and for
        // this process alone; `take` made one `Given` of them, which ends here.
        unsafe { Registers::new(self.0.address as usize) }
    }

    /// Memory for a device.
    ///
    /// # Panics
    /// Where it is something else.
    #[must_use]
    pub fn dma(self) -> Dma {
        assert_eq!(self.0.kind, Kind::Dma);
        // SAFETY: as for `registers`; the root task made the pages of one untyped, so they are
        // physically contiguous.
        unsafe { Dma::new(self.0.address as usize, self.0.physical, self.0.size as usize) }
    }

    /// A shared region; `number` is its place among this process' regions.
    ///
    /// # Panics
    /// Where it is something else, or smaller than two pages.
    #[must_use]
    pub fn region(self, number: u32) -> Region {
        assert_eq!(self.0.kind, Kind::Region);
        let (address, size) = (self.0.address as usize, self.0.size as usize);
        assert!(size > WORDS_BYTES, "a page of words and something behind it");
        // SAFETY: the root task mapped the region there for good, page aligned. Another process
        // writes to it at any time, which atomics allow; they are all anybody here sees of it.
        unsafe {
            Region {
                words: slice::from_raw_parts(address as *const AtomicU32, WORDS_BYTES / 4),
                bytes: slice::from_raw_parts(
                    (address + WORDS_BYTES) as *const AtomicU8,
                    size - WORDS_BYTES,
                ),
                units: slice::from_raw_parts(
                    (address + WORDS_BYTES) as *const AtomicU64,
                    (size - WORDS_BYTES) / 8,
                ),
                peer: self.0.peer,
                number,
            }
        }
    }
}

impl Given {
    /// Pages for frames of workers, in units of eight bytes.
    ///
    /// # Panics
    /// Where it is something else.
    #[must_use]
    pub fn frames(self) -> &'static [AtomicU64] {
        assert_eq!(self.0.kind, Kind::Frames);
        let (address, size) = (self.0.address as *const AtomicU64, self.0.size as usize / 8);
        // SAFETY: the root task mapped the pages there for good. The process on the other side
        // writes to them at any time, which atomics allow; they are all anybody here sees of them.
        unsafe { slice::from_raw_parts(address, size) }
    }
}

/// What this process was told at its start, with its ticket; `None` where it has none.
#[must_use]
pub fn birth() -> Option<Birth> {
    let buffer = with_ipc_buffer(|buffer| core::ptr::from_mut(buffer).cast::<u8>().cast_const());
    // SAFETY: as for `take`: the root task wrote it before this process started, into the same page
    // behind the list of areas.
    let bytes = unsafe { &*buffer.add(workers::OFFSET).cast::<[u8; workers::SIZE]>() };
    Birth::decode(bytes).filter(|birth| !birth.ticket().is_empty())
}

/// Copies bytes out of shared memory, as many as `into` has and `units` hold.
pub fn load(units: &[AtomicU64], into: &mut [u8]) {
    // Whole units by themselves: copies of a known size need no call.
    let (whole, rest) = into.as_chunks_mut::<8>();
    for (chunk, unit) in whole.iter_mut().zip(units) {
        *chunk = unit.load(Ordering::Relaxed).to_le_bytes();
    }
    if let Some(unit) = units.get(whole.len()) {
        let bytes = unit.load(Ordering::Relaxed).to_le_bytes();
        for (place, byte) in rest.iter_mut().zip(bytes) {
            *place = byte;
        }
    }
}

/// Copies bytes into shared memory, as many as `units` hold. The last unit is filled with zeros.
pub fn store(units: &[AtomicU64], from: &[u8]) {
    let (whole, rest) = from.as_chunks::<8>();
    for (chunk, unit) in whole.iter().zip(units) {
        unit.store(u64::from_le_bytes(*chunk), Ordering::Relaxed);
    }
    if let (Some(unit), false) = (units.get(whole.len()), rest.is_empty()) {
        let mut bytes = [0; 8];
        for (place, byte) in bytes.iter_mut().zip(rest) {
            *place = *byte;
        }
        unit.store(u64::from_le_bytes(bytes), Ordering::Relaxed);
    }
}

impl Region {
    /// Signals the process on the other side.
    pub fn ring(&self) {
        let slot = abi::slot::DOORBELLS + u64::from(self.number);
        sel4::Notification::new(slot).signal();
    }
}
