//! What was appended last: a bounded window over a growing text.
//!
//! Offsets count from the first byte that was ever appended. When there is no room the oldest
//! lines go, whole ones as far as there are line ends, so that a reader who starts at the window's
//! start starts with a line.

/// Why bytes are not there to read, or cannot be appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The bytes from this offset on were dropped: so many.
    Lost(u64),
    /// The data is longer than the window.
    TooBig,
}

/// A window of at most `N` bytes.
#[derive(Debug)]
pub struct Window<const N: usize> {
    bytes: [u8; N],
    ends: Ends,
}

/// Where a window starts and ends. What it does is the same for windows of every size, so that it
/// is there once.
#[derive(Debug)]
struct Ends {
    /// Offset of the oldest byte that is kept.
    start: u64,
    /// Offset behind the newest byte.
    end: u64,
    /// How often something was appended; wraps.
    version: u32,
}

impl<const N: usize> Window<N> {
    /// An empty window.
    #[must_use]
    pub const fn new() -> Self {
        Self { bytes: [0; N], ends: Ends { start: 0, end: 0, version: 0 } }
    }

    /// Forgets everything: offsets begin at 0 again.
    pub const fn clear(&mut self) {
        (self.ends.start, self.ends.end) = (0, 0);
        self.ends.version = self.ends.version.wrapping_add(1);
    }

    /// Bytes that are kept.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.ends.end - self.ends.start
    }

    /// Whether nothing is kept.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.ends.start == self.ends.end
    }

    /// Offset of the oldest byte that is kept.
    #[must_use]
    pub const fn start(&self) -> u64 {
        self.ends.start
    }

    /// Changes with every append.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.ends.version
    }

    /// Appends all of `data`.
    ///
    /// # Errors
    /// [`Error::TooBig`] where it is longer than the window.
    pub fn append(&mut self, data: &[u8]) -> Result<(), Error> {
        self.ends.append(&mut self.bytes, data)
    }

    /// Copies bytes from `offset` on into `into` and returns how many; 0 at the end.
    ///
    /// # Errors
    /// [`Error::Lost`] where `offset` is no longer kept.
    pub fn read(&self, offset: u64, into: &mut [u8]) -> Result<usize, Error> {
        self.ends.read(&self.bytes, offset, into)
    }
}

impl Ends {
    #[inline(never)]
    fn append(&mut self, bytes: &mut [u8], data: &[u8]) -> Result<(), Error> {
        let size = bytes.len();
        if data.len() > size {
            return Err(Error::TooBig);
        }
        let end = self.end + data.len() as u64;
        let oldest = end.saturating_sub(size as u64);
        if oldest > self.start {
            self.start = self.line_start(bytes, oldest.min(self.end));
        }
        let at = place(self.end, size);
        let (first, second) = data.split_at(data.len().min(size - at));
        if let Some(place) = bytes.get_mut(at..at + first.len()) {
            place.copy_from_slice(first);
        }
        if let Some(place) = bytes.get_mut(..second.len()) {
            place.copy_from_slice(second);
        }
        self.end = end;
        self.version = self.version.wrapping_add(1);
        Ok(())
    }

    /// The first offset from `offset` on that starts a line, or the end of what is kept.
    fn line_start(&self, bytes: &[u8], offset: u64) -> u64 {
        // A line starts behind a line end: looked for from the byte before on, in the one or two
        // pieces that lie together in memory.
        let size = bytes.len();
        let mut at = offset.saturating_sub(1);
        while at < self.end {
            let place = place(at, size);
            let left = usize::try_from(self.end - at).unwrap_or(size).min(size - place);
            let piece = bytes.get(place..place + left).unwrap_or_default();
            if let Some(found) = piece.iter().position(|byte| *byte == b'\n') {
                return at + found as u64 + 1;
            }
            at += left as u64;
        }
        self.end
    }

    #[inline(never)]
    fn read(&self, bytes: &[u8], offset: u64, into: &mut [u8]) -> Result<usize, Error> {
        if offset < self.start {
            return Err(Error::Lost(self.start - offset));
        }
        let size = bytes.len();
        let left = self.end.saturating_sub(offset);
        let count = into.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let at = place(offset, size);
        let (first, second) = into.split_at_mut(count.min(size - at));
        if let Some(bytes) = bytes.get(at..at + first.len()) {
            first.copy_from_slice(bytes);
        }
        let rest = count - first.len();
        if let (Some(into), Some(bytes)) = (second.get_mut(..rest), bytes.get(..rest)) {
            into.copy_from_slice(bytes);
        }
        Ok(count)
    }
}

/// Where the byte of this offset lies in a window of so many bytes, at least one.
fn place(offset: u64, size: usize) -> usize {
    offset.checked_rem(size as u64).unwrap_or(0) as usize
}

impl<const N: usize> Default for Window<N> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::String;
    use std::vec;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn text<const N: usize>(window: &Window<N>, offset: u64) -> Result<String, Error> {
        let mut into = vec![0; N];
        let count = window.read(offset, &mut into)?;
        Ok(String::from_utf8_lossy(&into[..count]).into_owned())
    }

    #[test]
    fn the_oldest_lines_go_whole() {
        let mut window = Window::<16>::new();
        for line in ["one\n", "two\n", "three\n"] {
            window.append(line.as_bytes()).expect("it fits");
        }
        assert_eq!(text(&window, 0).as_deref(), Ok("one\ntwo\nthree\n"));
        window.append(b"four\n").expect("it fits");
        assert_eq!(window.start(), 4);
        assert_eq!(text(&window, 4).as_deref(), Ok("two\nthree\nfour\n"));
        assert_eq!(text(&window, 1), Err(Error::Lost(3)));
        assert_eq!(text(&window, 19).as_deref(), Ok(""));
        assert_eq!(window.append(&[0; 17]), Err(Error::TooBig));
        assert_eq!(text(&window, 14).as_deref(), Ok("four\n"));
    }

    #[test]
    fn text_without_line_ends_is_dropped_too() {
        let mut window = Window::<4>::new();
        window.append(b"abcd").expect("it fits");
        window.append(b"e").expect("it fits");
        assert_eq!(text(&window, 4).as_deref(), Ok("e"));
        window.append(b"fghi").expect("it fits");
        assert_eq!(text(&window, 5).as_deref(), Ok("fghi"));
    }

    proptest! {
        #[test]
        fn it_is_the_tail_of_all_that_was_appended(
            appends in proptest::collection::vec("[a-z\n]{0,12}", 0..60)
        ) {
            let mut window = Window::<32>::new();
            let mut all: Vec<u8> = Vec::new();
            for data in appends {
                window.append(data.as_bytes()).expect("it fits");
                all.extend(data.as_bytes());
                let start = window.start() as usize;
                prop_assert_eq!(window.len() as usize, all.len() - start);
                prop_assert!(window.len() <= 32);
                let mut into = vec![0; 40];
                for offset in start..=all.len() {
                    let count = window.read(offset as u64, &mut into).expect("kept");
                    prop_assert_eq!(&into[..count], &all[offset..]);
                }
                if start > 0 && start < all.len() {
                    prop_assert_eq!(all[start - 1], b'\n');
                }
                if start > 0 {
                    prop_assert_eq!(window.read(0, &mut into), Err(Error::Lost(start as u64)));
                }
            }
        }
    }
}
