//! What a process finds at its start, besides its capabilities.
//!
//! The page of the IPC buffer is larger than the buffer. Behind it, from [`OFFSET`] on, the root
//! task leaves a list of the memory that it mapped for the process: its device's registers, its
//! DMA memory, the regions that it shares.

/// Where the list starts in the IPC buffer's page, in bytes.
pub const OFFSET: usize = 1024;
/// Most entries.
pub const MAX_AREAS: usize = 11;
/// Most bytes of a region's name.
pub const MAX_NAME: usize = 24;
/// Bytes of an entry.
const ENTRY: usize = 64;
/// Most bytes of a list.
pub const MAX_BYTES: usize = 8 + MAX_AREAS * ENTRY;

/// What an area of memory is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Registers of the process' device.
    Device,
    /// Memory for its device to reach, physically contiguous.
    Dma,
    /// Memory that it shares with another process.
    Region,
    /// Memory for the frames of workers: a worker's own page, or the pages of all workers in the
    /// order of their places, for the server.
    Frames,
}

/// An area of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// What it is.
    pub kind: Kind,
    /// Where it is mapped.
    pub address: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Physical address; 0 for a region.
    pub physical: u64,
    /// Index of the component on the other side of a region.
    pub peer: u8,
    name: [u8; MAX_NAME],
}

impl Area {
    /// An area; `name` is cut to [`MAX_NAME`] bytes.
    #[must_use]
    pub fn new(kind: Kind, address: u64, size: u64) -> Self {
        Self { kind, address, size, physical: 0, peer: 0, name: [0; MAX_NAME] }
    }

    /// The same with a physical address.
    #[must_use]
    pub fn at(self, physical: u64) -> Self {
        Self { physical, ..self }
    }

    /// The same with the component on the other side.
    #[must_use]
    pub fn with(self, peer: u8) -> Self {
        Self { peer, ..self }
    }

    /// The same with a region's name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        for (place, byte) in self.name.iter_mut().zip(name.bytes()) {
            *place = byte;
        }
        self
    }

    /// Whether it is the region of this name.
    #[must_use]
    pub fn is_region(&self, name: &str) -> bool {
        let length = self.name.iter().position(|byte| *byte == 0).unwrap_or(MAX_NAME);
        self.kind == Kind::Region && self.name.get(..length) == Some(name.as_bytes())
    }

    fn encode(&self) -> [u8; ENTRY] {
        let mut entry = [0; ENTRY];
        let kind = match self.kind {
            Kind::Device => 1,
            Kind::Dma => 2,
            Kind::Region => 3,
            Kind::Frames => 4,
        };
        let words = [kind, self.address, self.size, self.physical, u64::from(self.peer)];
        for (place, word) in entry.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        entry[ENTRY - MAX_NAME..].copy_from_slice(&self.name);
        entry
    }

    fn decode(entry: &[u8]) -> Option<Self> {
        let word = |index: usize| {
            let raw = entry.get(index * 8..)?.first_chunk()?;
            Some(u64::from_le_bytes(*raw))
        };
        let kind = match word(0)? {
            1 => Kind::Device,
            2 => Kind::Dma,
            3 => Kind::Region,
            4 => Kind::Frames,
            _ => return None,
        };
        Some(Self {
            kind,
            address: word(1)?,
            size: word(2)?,
            physical: word(3)?,
            peer: word(4)? as u8,
            name: *entry.get(ENTRY - MAX_NAME..)?.first_chunk()?,
        })
    }
}

/// Writes the list of at most [`MAX_AREAS`] areas and returns the bytes used.
pub fn encode(areas: &[Area], into: &mut [u8; MAX_BYTES]) -> usize {
    let count = areas.len().min(MAX_AREAS);
    into[..8].copy_from_slice(&(count as u64).to_le_bytes());
    for (place, area) in into[8..].chunks_exact_mut(ENTRY).zip(areas) {
        place.copy_from_slice(&area.encode());
    }
    8 + count * ENTRY
}

/// Reads a list.
pub fn areas(bytes: &[u8]) -> impl Iterator<Item = Area> + use<'_> {
    let count = bytes.first_chunk().map_or(0, |raw| u64::from_le_bytes(*raw) as usize);
    let entries = bytes.get(8..).unwrap_or_default().chunks_exact(ENTRY);
    entries.take(count.min(MAX_AREAS)).filter_map(Area::decode)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_reads_back() {
        let list = [
            Area::new(Kind::Device, 0x1000_0e00, 0x200).at(0xa00_3e00),
            Area::new(Kind::Region, 0x1020_0000, 1 << 20).named("link").with(3),
        ];
        let mut bytes = [0xff; MAX_BYTES];
        let used = encode(&list, &mut bytes);
        let mut read = areas(&bytes[..used]);
        assert_eq!((read.next(), read.next(), read.next()), (Some(list[0]), Some(list[1]), None));
        assert!(list[1].is_region("link") && !list[1].is_region("lin"));
        assert!(!list[0].is_region(""));
    }

    #[test]
    fn damaged_lists_end_early() {
        assert_eq!(areas(&[]).count(), 0);
        assert_eq!(areas(&[0xff; 8]).count(), 0);
        assert_eq!(areas(&[0xff; 200]).count(), 0);
    }
}
