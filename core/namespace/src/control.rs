//! Lines written to `/queen/ctl`, joined from pieces.
//!
//! One write may hold several lines, or a part of one; what an open file has of an unfinished
//! line is kept until its end comes.

use heapless::Vec;
use secure9p_core::Error;

/// Longest line, in bytes, without its end.
pub const MAX_CONTROL_LINE: usize = 8192;
/// Files that may be open for writing at the same time.
const MAX_WRITERS: usize = 4;

type Pending = Vec<u8, MAX_CONTROL_LINE>;

/// A place among the writers.
#[derive(Debug, PartialEq, Eq)]
pub struct Writer(u8);

/// What every writer has of an unfinished line.
#[derive(Debug)]
pub struct Joiners {
    pending: [Option<Pending>; MAX_WRITERS],
}

impl Joiners {
    pub const fn new() -> Self {
        Self { pending: [const { None }; MAX_WRITERS] }
    }

    /// A writer that has written nothing.
    pub fn open(&mut self) -> Result<Writer, Error> {
        let free = self.pending.iter().position(Option::is_none).ok_or(Error::Busy)?;
        if let Some(place) = self.pending.get_mut(free) {
            *place = Some(Pending::new());
        }
        Ok(Writer(free as u8))
    }

    /// The writer is gone, and an unfinished line with it.
    pub fn close(&mut self, writer: Writer) {
        if let Some(place) = self.pending.get_mut(usize::from(writer.0)) {
            *place = None;
        }
    }

    /// Takes `data`, or nothing of it where a line in it is too long: then the unfinished line is
    /// dropped as well. Gives every line that is whole now, without its end, to `line`.
    pub fn write(
        &mut self,
        writer: &Writer,
        data: &[u8],
        mut line: impl FnMut(&[u8]),
    ) -> Result<(), Error> {
        let place = self.pending.get_mut(usize::from(writer.0)).and_then(Option::as_mut);
        let pending = place.ok_or(Error::Closed)?;
        let mut have = pending.len();
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            let ends = piece.last() == Some(&b'\n');
            have += piece.len() - usize::from(ends);
            if have > MAX_CONTROL_LINE {
                pending.clear();
                return Err(Error::TooBig);
            }
            have = if ends { 0 } else { have };
        }
        for piece in data.split_inclusive(|byte| *byte == b'\n') {
            match piece.split_last() {
                Some((b'\n', text)) => {
                    // It was counted above.
                    let _ = pending.extend_from_slice(text);
                    line(pending);
                    pending.clear();
                }
                _ => {
                    let _ = pending.extend_from_slice(piece);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::String;
    use std::vec;

    use super::*;

    type Lines = std::vec::Vec<String>;

    fn write(joiners: &mut Joiners, writer: &Writer, data: &[u8]) -> Result<Lines, Error> {
        let mut lines = vec![];
        let take = |line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
        joiners.write(writer, data, take)?;
        Ok(lines)
    }

    fn ok(lines: &[&str]) -> Result<Lines, Error> {
        Ok(lines.iter().map(|line| String::from(*line)).collect())
    }

    #[test]
    fn lines_are_joined_per_writer() {
        let mut joiners = Joiners::new();
        let (a, b) = (joiners.open().expect("room"), joiners.open().expect("room"));
        assert_eq!(write(&mut joiners, &a, b"one\ntw"), ok(&["one"]));
        assert_eq!(write(&mut joiners, &b, b"x"), ok(&[]));
        assert_eq!(write(&mut joiners, &a, b"o\n\nthree\n"), ok(&["two", "", "three"]));
        assert_eq!(write(&mut joiners, &b, b"y\n"), ok(&["xy"]));
    }

    #[test]
    fn a_line_that_never_ends_is_refused_and_forgotten() {
        let mut joiners = Joiners::new();
        let writer = joiners.open().expect("room");
        assert_eq!(write(&mut joiners, &writer, &[b'a'; MAX_CONTROL_LINE]), ok(&[]));
        assert_eq!(write(&mut joiners, &writer, b"bc\nwhole\n"), Err(Error::TooBig));
        assert_eq!(write(&mut joiners, &writer, b"next\n"), ok(&["next"]));
    }

    #[test]
    fn a_writer_that_goes_leaves_nothing_to_the_next() {
        let mut joiners = Joiners::new();
        let first = joiners.open().expect("room");
        assert_eq!(write(&mut joiners, &first, b"half"), ok(&[]));
        joiners.close(first);
        let writers: std::vec::Vec<_> = (0..MAX_WRITERS).map(|_| joiners.open()).collect();
        assert_eq!(joiners.open(), Err(Error::Busy));
        for writer in writers {
            assert_eq!(write(&mut joiners, &writer.expect("room"), b"\n"), ok(&[""]));
        }
    }
}
