//! Writer of a Linux guest's initramfs: a newc archive of directories, programs and secrets.

const DIRECTORY: u32 = 0o040_755;
const PROGRAM: u32 = 0o100_755;
const SECRET: u32 = 0o100_600;

/// An archive in the making, as the kernel's Documentation/driver-api/early-userspace/
/// buffer-format.rst describes it.
#[derive(Debug, Default)]
pub struct Initramfs {
    bytes: Vec<u8>,
    entries: usize,
}

impl Initramfs {
    /// Adds a directory.
    #[must_use]
    pub fn directory(self, name: &str) -> Self {
        self.entry(name, DIRECTORY, &[])
    }

    /// Adds a file that may be run.
    #[must_use]
    pub fn program(self, name: &str, data: &[u8]) -> Self {
        self.entry(name, PROGRAM, data)
    }

    /// Adds a file for root alone.
    #[must_use]
    pub fn secret(self, name: &str, data: &[u8]) -> Self {
        self.entry(name, SECRET, data)
    }

    /// The whole archive.
    #[must_use]
    pub fn finish(self) -> Vec<u8> {
        self.entry("TRAILER!!!", 0, &[]).bytes
    }

    fn entry(mut self, name: &str, mode: u32, data: &[u8]) -> Self {
        self.entries += 1;
        let links = if mode == DIRECTORY { 2 } else { 1 };
        self.bytes.extend(b"070701");
        let (inode, mode) = (self.entries, mode as usize);
        let (size, name_size) = (data.len(), name.len() + 1);
        for field in [inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0] {
            self.bytes.extend(format!("{field:08x}").bytes());
        }
        self.bytes.extend(name.bytes());
        self.bytes.push(0);
        self.pad();
        self.bytes.extend(data);
        self.pad();
        self
    }

    fn pad(&mut self) {
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }
}
