//! Lines written to `/queen/ctl`, joined from pieces.
//!
//! One write may hold several lines, or a part of one; what an open file has of an unfinished
//! line is kept until its end comes. A write is taken as a whole or not at all. Where one is
//! refused in the middle of a line, the rest of that line must not pass for a line of its own: so
//! everything is refused up to and with the write that ends in a line end.
//!
//! A connection has one unfinished line at a time, whatever it opens and however often it attaches.
//! Where there are as many places as connections nobody keeps anybody from being heard.

use core::borrow::BorrowMut;
use core::fmt;

use heapless::Vec;
use secure9p_core::{ConnectionId, Error};

/// Longest line, in bytes, without its end.
pub const MAX_CONTROL_LINE: usize = 8192;
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
    /// A line in it was refused, with this.
    Line(Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Long => "a line is too long",
            Self::Second => "another line of the connection is unfinished",
            Self::Full => "too many unfinished lines",
            Self::Line(_) => "it goes on with a line that was refused",
        })
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Long => Self::TooBig,
            Refusal::Second | Refusal::Full => Self::Busy,
            Refusal::Line(error) => error,
        }
    }
}

/// An unfinished line.
#[derive(Debug)]
struct Begun {
    by: ConnectionId,
    bytes: Pending,
}

/// Room for one unfinished line.
#[derive(Debug, Default)]
pub struct Line(Option<Begun>);

impl Line {
    /// An empty one.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }
}

/// What a write came to.
#[derive(Debug)]
pub struct Joined<'d> {
    /// The line that was begun before and is whole now.
    first: Option<Begun>,
    /// Whole lines.
    whole: &'d [u8],
    /// The beginning of a line.
    rest: &'d [u8],
}

impl Joined<'_> {
    /// Every line that is whole now, without its end.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        let first = self.first.iter().map(|begun| &*begun.bytes);
        let whole = self.whole.split_inclusive(|byte| *byte == b'\n');
        first.chain(whole.map(|line| line.strip_suffix(b"\n").unwrap_or(line)))
    }
}

/// Every unfinished line.
#[derive(Debug)]
pub struct Joiners<L> {
    lines: L,
}

impl<L> Joiners<L> {
    pub const fn new(lines: L) -> Self {
        Self { lines }
    }
}

impl<L: BorrowMut<[Line]>> Joiners<L> {
    /// The line in this place, or room for one.
    fn line(&mut self, place: usize) -> Option<&mut Option<Begun>> {
        self.lines.borrow_mut().get_mut(place).map(|line| &mut line.0)
    }

    fn vacant(&self) -> Option<usize> {
        self.lines.borrow().iter().position(|line| line.0.is_none())
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
        if let Some(line) = self.line(usize::from(place)) {
            *line = None;
        }
    }

    /// Takes `data` that came over the connection `by`, or nothing of it: then what was unfinished
    /// is dropped as well. What is whole now has to be acted on, and then the writer goes on with
    /// [`Self::keep`] or [`Self::refuse`].
    pub fn join<'d>(
        &mut self,
        by: ConnectionId,
        writer: &mut Writer,
        data: &'d [u8],
    ) -> Result<Joined<'d>, Refusal> {
        let joined = match *writer {
            Writer::Refused(refusal) => Err(refusal),
            Writer::Whole => self.take(by, None, data),
            Writer::Part(place) => self.take(by, Some(place), data),
        };
        joined.inspect_err(|refusal| self.refuse(writer, data, *refusal))
    }

    fn take<'d>(
        &mut self,
        by: ConnectionId,
        place: Option<u8>,
        data: &'d [u8],
    ) -> Result<Joined<'d>, Refusal> {
        let begun = place.and_then(|place| self.begun(place)).map_or(0, |begun| begun.bytes.len());
        if is_long(begun, data) {
            return Err(Refusal::Long);
        }
        let (whole, rest) = match data.iter().rposition(|byte| *byte == b'\n') {
            Some(end) => data.split_at(end + 1),
            None => (&[][..], data),
        };
        let Some(place) = place else {
            if !rest.is_empty() {
                self.vacancy(by)?;
            }
            return Ok(Joined { first: None, whole, rest });
        };
        let mut pieces = whole.splitn(2, |byte| *byte == b'\n');
        let (Some(end), Some(whole)) = (pieces.next(), pieces.next()) else {
            return Ok(Joined { first: None, whole: &[], rest });
        };
        let mut first = self.line(usize::from(place)).and_then(Option::take);
        if let Some(first) = &mut first {
            // It was counted above.
            let _ = first.bytes.extend_from_slice(end);
        }
        Ok(Joined { first, whole, rest })
    }

    /// Keeps what `joined` has of a line that is not finished.
    pub fn keep(&mut self, by: ConnectionId, writer: &mut Writer, joined: &Joined<'_>) {
        let place = match *writer {
            // Its line is over.
            Writer::Part(_) if joined.first.is_some() => None,
            Writer::Part(place) => Some(usize::from(place)),
            Writer::Whole | Writer::Refused(_) => None,
        };
        if joined.rest.is_empty() && place.is_none() {
            *writer = Writer::Whole;
            return;
        }
        let place = place.or_else(|| self.vacant());
        let line = place.and_then(|place| self.line(place));
        if let (Some(place), Some(line)) = (place, line) {
            let begun = line.get_or_insert(Begun { by, bytes: Pending::new() });
            // It was counted, and the place was there, when it was joined.
            let _ = begun.bytes.extend_from_slice(joined.rest);
            *writer = Writer::Part(place as u8);
        }
    }

    /// Nothing of `data` is taken: what was unfinished is dropped, and so is the rest of a line
    /// that `data` begins.
    pub fn refuse(&mut self, writer: &mut Writer, data: &[u8], refusal: Refusal) {
        if let Writer::Part(place) = *writer {
            self.free(place);
        }
        let ends = data.last() == Some(&b'\n');
        *writer = if ends { Writer::Whole } else { Writer::Refused(refusal) };
    }

    /// A place for another unfinished line of the connection `by`.
    fn vacancy(&self, by: ConnectionId) -> Result<usize, Refusal> {
        let mut begun = self.lines.borrow().iter().flat_map(|line| &line.0);
        if begun.any(|begun| begun.by == by) {
            return Err(Refusal::Second);
        }
        self.vacant().ok_or(Refusal::Full)
    }

    fn begun(&self, place: u8) -> Option<&Begun> {
        self.lines.borrow().get(usize::from(place))?.0.as_ref()
    }
}

/// Whether a line in `data` is too long, with `begun` bytes before it.
fn is_long(begun: usize, data: &[u8]) -> bool {
    let mut pieces = data.split(|byte| *byte == b'\n').map(<[u8]>::len);
    let first = pieces.next().unwrap_or(0).saturating_add(begun);
    first > MAX_CONTROL_LINE || pieces.any(|length| length > MAX_CONTROL_LINE)
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::String;
    use std::vec;

    use proptest::prelude::*;

    use super::*;

    type Lines = std::vec::Vec<String>;

    const MAX_UNFINISHED: usize = 32;

    fn joiners() -> Joiners<std::vec::Vec<Line>> {
        Joiners::new(core::iter::repeat_with(Line::new).take(MAX_UNFINISHED).collect())
    }

    /// An open file and the connection that it is on.
    struct Opened(ConnectionId, Writer);

    fn opened(by: u32) -> Opened {
        Opened(ConnectionId(by), Writer::Whole)
    }

    fn write(
        joiners: &mut Joiners<std::vec::Vec<Line>>,
        opened: &mut Opened,
        data: &[u8],
    ) -> Result<Lines, Refusal> {
        let joined = joiners.join(opened.0, &mut opened.1, data)?;
        let lines = joined.lines().map(|line| String::from_utf8_lossy(line).into_owned());
        let lines = lines.collect();
        joiners.keep(opened.0, &mut opened.1, &joined);
        Ok(lines)
    }

    fn ok(lines: &[&str]) -> Result<Lines, Refusal> {
        Ok(lines.iter().map(|line| String::from(*line)).collect())
    }

    #[test]
    fn lines_are_joined_per_writer() {
        let mut joiners = joiners();
        let (mut a, mut b) = (opened(1), opened(2));
        assert_eq!(write(&mut joiners, &mut a, b"one\ntw"), ok(&["one"]));
        assert_eq!(write(&mut joiners, &mut b, b"x"), ok(&[]));
        assert_eq!(write(&mut joiners, &mut a, b"o\n\nthree\n"), ok(&["two", "", "three"]));
        assert_eq!(write(&mut joiners, &mut b, b"y\n"), ok(&["xy"]));
        assert_eq!((a.1, b.1), (Writer::Whole, Writer::Whole));
    }

    #[test]
    fn a_line_that_never_ends_is_refused_and_its_rest_is_no_line() {
        let mut joiners = joiners();
        let mut writer = opened(1);
        let longest = [b'a'; MAX_CONTROL_LINE];
        assert_eq!(write(&mut joiners, &mut writer, &longest), ok(&[]));
        assert_eq!(write(&mut joiners, &mut writer, b"b"), Err(Refusal::Long));
        assert_eq!(write(&mut joiners, &mut writer, b"{\"kill\":1}\nx"), Err(Refusal::Long));
        assert_eq!(write(&mut joiners, &mut writer, b"rest\n"), Err(Refusal::Long));
        assert_eq!(write(&mut joiners, &mut writer, b"next\n"), ok(&["next"]));
        assert!(joiners.lines.iter().all(|line| line.0.is_none()));
    }

    #[test]
    fn the_longest_line_is_taken_and_a_refused_write_not_in_part() {
        let mut joiners = joiners();
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
        let mut joiners = joiners();
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
        let mut joiners = joiners();
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
            let mut joiners = joiners();
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
            prop_assert!(joiners.lines.iter().all(|line| line.0.is_none()));
        }
    }
}
