//! Files that whoever started QEMU handed over: `-fw_cfg name=NAME,file=FILE`.
//!
//! The device's layout is QEMU's "Firmware Configuration (fw_cfg) Device" (docs/specs/fw_cfg): a
//! selector at offset 8, big-endian, and a data register at offset 0 that gives the selected item
//! byte by byte. The DMA interface is not used.

use crate::Registers;

const SELECTOR: usize = 8;
/// Selects the signature, `QEMU`.
const SIGNATURE: u16 = 0;
/// Selects the list of files.
const DIRECTORY: u16 = 0x19;
/// Most files that are looked at; QEMU's own are a dozen or two.
const MAX_FILES: u32 = 256;
const NAME: usize = 56;

/// Reads the file `name` into `buffer`. `None` where there is no such file, or no such device; a
/// longer file is cut.
pub fn read<'a>(registers: &Registers, name: &str, buffer: &'a mut [u8]) -> Option<&'a [u8]> {
    let device = Device(registers.address());
    device.select(SIGNATURE);
    if device.array::<4>() != *b"QEMU" {
        return None;
    }
    device.select(DIRECTORY);
    let count = u32::from_be_bytes(device.array()).min(MAX_FILES);
    // The data register moves on, so each entry is read to its end.
    let mut entries = (0..count).map(|_| device.entry());
    let (size, selector) = entries.find_map(|(size, selector, entry)| {
        let length = entry.iter().position(|byte| *byte == 0).unwrap_or(NAME);
        (entry.get(..length) == Some(name.as_bytes())).then_some((size, selector))
    })?;
    let length = buffer.len().min(size as usize);
    let file = buffer.get_mut(..length)?;
    device.select(selector);
    file.fill_with(|| device.byte());
    Some(file)
}

struct Device(usize);

impl Device {
    fn select(&self, item: u16) {
        // SAFETY: `Registers` says that the device is mapped there for good; the selector is 16
        // bits wide.
        unsafe { ((self.0 + SELECTOR) as *mut u16).write_volatile(item.to_be()) };
    }

    fn byte(&self) -> u8 {
        // SAFETY: as above; the data register may be read byte by byte.
        unsafe { (self.0 as *const u8).read_volatile() }
    }

    fn array<const N: usize>(&self) -> [u8; N] {
        core::array::from_fn(|_| self.byte())
    }

    /// A file's size, selector and name.
    fn entry(&self) -> (u32, u16, [u8; NAME]) {
        let size = u32::from_be_bytes(self.array());
        let selector = u16::from_be_bytes(self.array());
        let _reserved: [u8; 2] = self.array();
        (size, selector, self.array())
    }
}
