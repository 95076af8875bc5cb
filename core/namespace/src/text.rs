//! Text that is made here: lines for logs, and files that are written when they are read.

use core::fmt;

use heapless::Vec;

/// Longest line that is logged, in bytes, its line end included.
pub const MAX_LINE: usize = 512;
/// What a ticket starts with: nothing from there to the next blank is ever shown.
const TICKET: &str = "cohesix-ticket-";
/// What is shown instead.
const HIDDEN: &str = "(ticket)";

/// A line that is being written: control characters are escaped, tickets are left out, and what
/// is too long is cut.
#[derive(Debug, Default)]
pub struct Line {
    bytes: Vec<u8, MAX_LINE>,
}

impl Line {
    /// An empty line.
    pub const fn new() -> Self {
        Self { bytes: Vec::new() }
    }

    /// The line with its end.
    pub fn finish(&mut self) -> &[u8] {
        self.hide_tickets();
        self.bytes.truncate(MAX_LINE - 1);
        // There is room for one byte now.
        let _ = self.bytes.push(b'\n');
        &self.bytes
    }

    /// Cuts out what looks like a ticket, wherever the pieces of the line came from.
    fn hide_tickets(&mut self) {
        while let Some(start) = find(&self.bytes, TICKET.as_bytes()) {
            let tail = self.bytes.get(start..).unwrap_or_default();
            let length = tail.iter().position(|b| b" \",".contains(b)).unwrap_or(tail.len());
            let rest: Vec<u8, MAX_LINE> =
                tail.get(length..).unwrap_or_default().iter().copied().collect();
            self.bytes.truncate(start);
            // Shorter than what it stands for.
            let _ = self.bytes.extend_from_slice(HIDDEN.as_bytes());
            let _ = self.bytes.extend_from_slice(&rest);
        }
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if character.is_control() {
                for escaped in character.escape_default() {
                    self.write_char(escaped)?;
                }
                continue;
            }
            let mut buffer = [0; 4];
            let encoded = character.encode_utf8(&mut buffer).as_bytes();
            self.bytes.extend_from_slice(encoded).map_err(|_| fmt::Error)?;
        }
        Ok(())
    }
}

/// Most digits of a number.
pub const MAX_DIGITS: usize = 20;

/// Writes `number` in decimal: on every append, so without the formatting machinery.
pub fn decimal(mut number: u64, digits: &mut [u8; MAX_DIGITS]) -> &[u8] {
    let mut first = MAX_DIGITS;
    for (index, place) in digits.iter_mut().enumerate().rev() {
        *place = b'0' + (number % 10) as u8;
        number /= 10;
        first = index;
        if number == 0 {
            break;
        }
    }
    digits.get(first..).unwrap_or_default()
}

/// Takes the part of a text that a read asked for.
#[derive(Debug)]
pub struct Slice<'a> {
    /// Bytes still to be passed over.
    skip: u64,
    into: &'a mut [u8],
    used: usize,
}

impl<'a> Slice<'a> {
    /// Takes what comes from byte `offset` on, as much as fits.
    pub const fn new(offset: u64, into: &'a mut [u8]) -> Self {
        Self { skip: offset, into, used: 0 }
    }

    /// How much was taken.
    pub const fn used(&self) -> usize {
        self.used
    }
}

impl fmt::Write for Slice<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let skip = self.skip.min(text.len() as u64);
        self.skip -= skip;
        let rest = text.as_bytes().get(skip as usize..).unwrap_or_default();
        let free = self.into.get_mut(self.used..).unwrap_or_default();
        let count = rest.len().min(free.len());
        for (place, byte) in free.iter_mut().zip(rest) {
            *place = *byte;
        }
        self.used += count;
        Ok(())
    }
}

/// Counts a text's bytes.
#[derive(Debug, Default)]
pub struct Count(pub u64);

impl fmt::Write for Count {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len() as u64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;
    use std::string::String;

    use core::fmt::Write;

    use super::*;

    fn line(text: &str) -> String {
        let mut line = Line::new();
        let _ = line.write_str(text);
        String::from_utf8(line.finish().to_vec()).expect("UTF-8")
    }

    #[test]
    fn nothing_moves_the_cursor() {
        assert_eq!(line("a\nb\x1b[2Jc\0é"), "a\\nb\\u{1b}[2Jc\\u{0}é\n");
    }

    #[test]
    fn numbers_are_written_as_usual() {
        for number in [0, 1, 9, 10, 65_536, u64::MAX] {
            let mut digits = [0; MAX_DIGITS];
            assert_eq!(decimal(number, &mut digits), format!("{number}").as_bytes());
        }
    }

    #[test]
    fn tickets_are_hidden() {
        let secret = format!("{TICKET}00ff.abcd");
        assert_eq!(line(&format!("uname={secret} ok")), "uname=(ticket) ok\n");
        assert_eq!(
            line(&format!("{{\"a\":\"{secret}\",\"b\":\"{secret}\"}}")),
            "{\"a\":\"(ticket)\",\"b\":\"(ticket)\"}\n"
        );
        assert_eq!(line(&secret), "(ticket)\n");
    }

    #[test]
    fn a_long_line_is_cut_and_ends() {
        let long = line(&"x".repeat(2 * MAX_LINE));
        assert_eq!((long.len(), long.ends_with("x\n")), (MAX_LINE, true));
    }

    #[test]
    fn a_slice_takes_what_was_asked_for() {
        for offset in 0..14 {
            for size in 0..14 {
                let mut into = [0; 14];
                let mut slice = Slice::new(offset, &mut into[..size]);
                for piece in ["hello", ", ", "", "world"] {
                    slice.write_str(piece).expect("never fails");
                }
                let used = slice.used();
                let text = b"hello, world";
                let rest = &text[(offset as usize).min(text.len())..];
                assert_eq!(&into[..used], &rest[..rest.len().min(size)]);
            }
        }
    }
}
