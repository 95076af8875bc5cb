//! Lines written to `/queen/ctl`, joined from pieces.
//!
//! One write may hold several lines, or a part of one; what an open file has of an unfinished
//! line is kept until its end comes. A write is taken as a whole or not at all. Where one is
//! refused in the middle of a line, the rest of that line must not pass for a line of its own: so
//! everything is refused up to and with the write that ends in a line end.
//!
//! A connection has one unfinished line at a time, whatever it opens and however often it attaches,
//! and there are as many places as the VM has connections. So nobody keeps anybody from being heard.

use heapless::Vec;
use secure9p_core::{ConnectionId, Error};

/// Longest line, in bytes, without its end.
pub const MAX_CONTROL_LINE: usize = 8192;
/// Unfinished lines at the same time: one for each of 24 connections of the host and 7 inside.
pub const MAX_UNFINISHED: usize = 32;

type Pending = Vec<u8, MAX_CONTROL_LINE>;

/// What an open file has written of a line so far.
#[derive(Debug, PartialEq, Eq)]
pub enum Writer {
    /// Nothing.
    Whole,
    /// A part, in this place.
    Part(u8),
    /// A part that was refused, with this.
    Refused(Refusal),
}

/// Why a write is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A line in it is too long.
    Long,
    /// The connection has an unfinished line already.
    Second,
    /// There are as many unfinished lines as can be.
    Full,
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Long => Self::TooBig,
            Refusal::Second | Refusal::Full => Self::Busy,
        }
    }
}

/// An unfinished line.
#[derive(Debug)]
struct Begun {
    by: ConnectionId,
    bytes: Pending,
}

/// Every unfinished line.
#[derive(Debug)]
pub struct Joiners {
    begun: [Option<Begun>; MAX_UNFINISHED],
}

impl Joiners {
    pub const fn new() -> Self {
        Self { begun: [const { None }; MAX_UNFINISHED] }
    }

    /// The writer is gone, and an unfinished line with it. Whether there was one.
    pub fn close(&mut self, writer: Writer) -> bool {
        match writer {
            Writer::Part(place) => {
                self.free(place);
                true
            }
            Writer::Whole | Writer::Refused(_) => false,
        }
    }

    fn free(&mut self, place: u8) {
        if let Some(place) = self.begun.get_mut(usize::from(place)) {
            *place = None;
        }
    }

    /// Takes `data` that came over the connection `by`, or nothing of it: then what was unfinished
    /// is dropped as well. Gives every line that is whole now, without its end, to `line`.
    pub fn write(
        &mut self,
        by: ConnectionId,
        writer: &mut Writer,
        data: &[u8],
        line: impl FnMut(&[u8]),
    ) -> Result<(), Refusal> {
        let taken = match *writer {
            Writer::Refused(refusal) => Err(refusal),
            Writer::Whole => self.take(by, None, data, line),
            Writer::Part(place) => self.take(by, Some(place), data, line),
        };
        *writer = match taken {
            Ok(None) => Writer::Whole,
            Ok(Some(place)) => Writer::Part(place),
            Err(_) if data.last() == Some(&b'\n') => Writer::Whole,
            Err(refusal) => Writer::Refused(refusal),
        };
        taken.map(|_| ())
    }

    /// The place of what is unfinished afterwards, where something is.
    fn take(
        &mut self,
        by: ConnectionId,
        place: Option<u8>,
        data: &[u8],
        mut line: impl FnMut(&[u8]),
    ) -> Result<Option<u8>, Refusal> {
        let begun = place.and_then(|place| self.begun(place)).map_or(0, |begun| begun.bytes.len());
        let ends = data.last() == Some(&b'\n');
        let place = match place {
            _ if is_long(begun, data) => Err(Refusal::Long),
            None if !ends => self.vacancy(by),
            None => Ok(MAX_UNFINISHED),
            Some(place) => Ok(usize::from(place)),
        }
        .inspect_err(|_| place.into_iter().for_each(|place| self.free(place)))?;
        // A whole line that lies in the data is not copied.
        let mut pieces = data.split_inclusive(|byte| *byte == b'\n');
        if begun > 0
            && let Some(Some(Begun { bytes, .. })) = self.begun.get_mut(place)
            && let Some(first) = pieces.next()
        {
            // It was counted above.
            let _ = bytes.extend_from_slice(without_end(first));
            if first.last() == Some(&b'\n') {
                line(bytes);
                bytes.clear();
            }
        }
        for piece in pieces {
            if piece.last() == Some(&b'\n') {
                line(without_end(piece));
            } else if let Some(slot) = self.begun.get_mut(place) {
                let begun = slot.get_or_insert(Begun { by, bytes: Pending::new() });
                let _ = begun.bytes.extend_from_slice(piece);
            }
        }
        let place = place as u8;
        if ends {
            self.free(place);
        }
        Ok((!ends).then_some(place))
    }

    /// A place for another unfinished line of the connection `by`.
    fn vacancy(&self, by: ConnectionId) -> Result<usize, Refusal> {
        if self.begun.iter().flatten().any(|begun| begun.by == by) {
            return Err(Refusal::Second);
        }
        self.begun.iter().position(Option::is_none).ok_or(Refusal::Full)
    }

    fn begun(&self, place: u8) -> Option<&Begun> {
        self.begun.get(usize::from(place))?.as_ref()
    }
}

/// Whether a line in `data` is too long, with `begun` bytes before it.
fn is_long(begun: usize, data: &[u8]) -> bool {
    let mut pieces = data.split(|byte| *byte == b'\n').map(<[u8]>::len);
    let first = pieces.next().unwrap_or(0).saturating_add(begun);
    first > MAX_CONTROL_LINE || pieces.any(|length| length > MAX_CONTROL_LINE)
}

fn without_end(piece: &[u8]) -> &[u8] {
    piece.strip_suffix(b"\n").unwrap_or(piece)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::String;
    use std::vec;

    use proptest::prelude::*;

    use super::*;

    type Lines = std::vec::Vec<String>;

    /// An open file and the connection that it is on.
    struct Opened(ConnectionId, Writer);

    fn opened(by: u32) -> Opened {
        Opened(ConnectionId(by), Writer::Whole)
    }

    fn write(joiners: &mut Joiners, opened: &mut Opened, data: &[u8]) -> Result<Lines, Refusal> {
        let mut lines = vec![];
        let take = |line: &[u8]| lines.push(String::from_utf8_lossy(line).into_owned());
        joiners.write(opened.0, &mut opened.1, data, take)?;
        Ok(lines)
    }

    fn ok(lines: &[&str]) -> Result<Lines, Refusal> {
        Ok(lines.iter().map(|line| String::from(*line)).collect())
    }

    #[test]
    fn lines_are_joined_per_writer() {
        let mut joiners = Joiners::new();
        let (mut a, mut b) = (opened(1), opened(2));
        assert_eq!(write(&mut joiners, &mut a, b"one\ntw"), ok(&["one"]));
        assert_eq!(write(&mut joiners, &mut b, b"x"), ok(&[]));
        assert_eq!(write(&mut joiners, &mut a, b"o\n\nthree\n"), ok(&["two", "", "three"]));
        assert_eq!(write(&mut joiners, &mut b, b"y\n"), ok(&["xy"]));
        assert_eq!((a.1, b.1), (Writer::Whole, Writer::Whole));
    }

    #[test]
    fn a_line_that_never_ends_is_refused_and_its_rest_is_no_line() {
        let mut joiners = Joiners::new();
        let mut writer = opened(1);
        let longest = [b'a'; MAX_CONTROL_LINE];
        assert_eq!(write(&mut joiners, &mut writer, &longest), ok(&[]));
        assert_eq!(write(&mut joiners, &mut writer, b"b"), Err(Refusal::Long));
        assert_eq!(write(&mut joiners, &mut writer, b"{\"kill\":1}\nx"), Err(Refusal::Long));
        assert_eq!(write(&mut joiners, &mut writer, b"rest\n"), Err(Refusal::Long));
        assert_eq!(write(&mut joiners, &mut writer, b"next\n"), ok(&["next"]));
        assert!(joiners.begun.iter().all(Option::is_none));
    }

    #[test]
    fn the_longest_line_is_taken_and_a_refused_write_not_in_part() {
        let mut joiners = Joiners::new();
        let mut writer = opened(1);
        let longest = "a".repeat(MAX_CONTROL_LINE);
        let line = std::format!("{longest}\n");
        assert_eq!(write(&mut joiners, &mut writer, line.as_bytes()), ok(&[&longest]));
        let both = std::format!("first\n{longest}b\n");
        assert_eq!(write(&mut joiners, &mut writer, both.as_bytes()), Err(Refusal::Long));
        assert_eq!(write(&mut joiners, &mut writer, b"next\n"), ok(&["next"]));
    }

    #[test]
    fn only_unfinished_lines_take_a_place_and_a_writer_that_goes_gives_it_back() {
        let mut joiners = Joiners::new();
        let mut writers: std::vec::Vec<_> = (0..MAX_UNFINISHED as u32).map(opened).collect();
        for writer in &mut writers {
            assert_eq!(write(&mut joiners, writer, b"half"), ok(&[]));
        }
        let mut other = opened(1000);
        assert_eq!(write(&mut joiners, &mut other, b"whole\n"), ok(&["whole"]));
        assert_eq!(write(&mut joiners, &mut other, b"whole\nhalf"), Err(Refusal::Full));
        assert_eq!(write(&mut joiners, &mut other, b"rest\n"), Err(Refusal::Full));
        assert!(joiners.close(writers.pop().expect("several").1));
        assert_eq!(write(&mut joiners, &mut other, b"x"), ok(&[]));
        assert_eq!(write(&mut joiners, &mut other, b"\n"), ok(&["x"]));
        assert!(!joiners.close(other.1));
    }

    #[test]
    fn one_connections_unfinished_lines_keep_nobody_out() {
        let mut joiners = Joiners::new();
        let mut greedy: std::vec::Vec<_> = (0..2 * MAX_UNFINISHED).map(|_| opened(7)).collect();
        for (index, writer) in greedy.iter_mut().enumerate() {
            let expected = if index == 0 { ok(&[]) } else { Err(Refusal::Second) };
            assert_eq!(write(&mut joiners, writer, b"half"), expected);
        }
        for other in 1..MAX_UNFINISHED as u32 {
            assert_eq!(write(&mut joiners, &mut opened(100 + other), b"half"), ok(&[]), "{other}");
        }
        // Its first line goes on, whole lines need no place, and its place is free after the end.
        assert_eq!(write(&mut joiners, &mut opened(7), b"whole\n"), ok(&["whole"]));
        assert_eq!(write(&mut joiners, &mut greedy[0], b"way\n"), ok(&["halfway"]));
        assert_eq!(write(&mut joiners, &mut opened(7), b"next"), ok(&[]));
    }

    proptest! {
        /// However the text is cut into writes, of two writers in turn, the lines are the same.
        #[test]
        fn cuts_do_not_matter(
            texts in proptest::array::uniform2("([a-z]{0,5}\n?){0,12}"),
            cuts in proptest::collection::vec((0_usize..2, 1_usize..7), 0..40),
        ) {
            let mut joiners = Joiners::new();
            let mut writers = [opened(1), opened(2)];
            let mut lines = [vec![], vec![]];
            let mut rests = [texts[0].as_bytes(), texts[1].as_bytes()];
            let all = cuts.into_iter().chain([(0, usize::MAX), (1, usize::MAX)]);
            for (who, length) in all {
                let (data, rest) = rests[who].split_at(length.min(rests[who].len()));
                rests[who] = rest;
                if !data.is_empty() {
                    lines[who].extend(write(&mut joiners, &mut writers[who], data).expect("short"));
                }
            }
            for (who, writer) in writers.into_iter().enumerate() {
                let mut expected: Lines = texts[who].split('\n').map(String::from).collect();
                let unfinished = expected.pop().expect("split gives one at least");
                prop_assert_eq!(&lines[who], &expected);
                prop_assert_eq!(joiners.close(writer.1), !unfinished.is_empty());
            }
            prop_assert!(joiners.begun.iter().all(Option::is_none));
        }
    }
}
