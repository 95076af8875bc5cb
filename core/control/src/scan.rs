//! A line read from left to right: blanks, signs, texts, numbers.
//!
//! The strict half of JSON that every line here is written in, for this crate's commands and for
//! other crates' lines. It reads; what must stand where is the parser's.
//!
//! Invariants: never reads behind the line's end or within a character; every step is linear in
//! what it passes over. Deliberately absent: escapes, fractions, exponents, signs of numbers.

use core::fmt;

/// What of the line has not been read.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    rest: &'a str,
}

impl<'a> Cursor<'a> {
    /// All of `line`, which has no line end.
    #[must_use]
    pub const fn new(line: &'a str) -> Self {
        Self { rest: line }
    }

    /// What comes next behind blanks. (A line end is none: it ends the line.)
    pub fn peek(&mut self) -> Option<u8> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\r']);
        self.rest.bytes().next()
    }

    /// Passes over `sign`, if it comes next behind blanks.
    pub fn take(&mut self, sign: char) -> bool {
        self.peek();
        let rest = self.rest.strip_prefix(sign);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Passes over a character.
    pub fn skip(&mut self) {
        let mut characters = self.rest.chars();
        characters.next();
        self.rest = characters.as_str();
    }

    /// Passes over a text, whatever is in it, and gives it as it stands.
    pub fn skip_text(&mut self) -> &'a str {
        self.skip();
        let mut escaped = false;
        let end = self.rest.bytes().position(|byte| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends
        });
        let (text, rest) =
            self.rest.split_at_checked(end.unwrap_or(self.rest.len())).unwrap_or_default();
        self.rest = rest;
        self.skip();
        text
    }

    /// The text in quotes that comes next: `None` where none begins; what is wrong with it, and
    /// how it begins, where it is not plain.
    pub fn text(&mut self) -> Option<Result<&'a str, (&'a str, NotPlain)>> {
        if !self.take('"') {
            return None;
        }
        let odd = |byte: u8| byte < b' ' || byte == b'"' || byte == b'\\';
        let end = self.rest.bytes().position(odd).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at_checked(end).unwrap_or_default();
        Some(match rest.bytes().next() {
            Some(b'"') => {
                self.rest = rest.get(1..).unwrap_or_default();
                Ok(text)
            }
            Some(b'\\') => Err((text, NotPlain::Escape)),
            _ => Err((text, NotPlain::Unended)),
        })
    }

    /// The whole number that comes next, and nothing but it up to a sign or a blank.
    pub fn number(&mut self) -> Option<u64> {
        self.peek();
        let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
        let end = self.rest.bytes().position(|byte| !inside(byte)).unwrap_or(self.rest.len());
        let (digits, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        whole_number(digits)
    }
}

/// Why a text in quotes is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotPlain {
    /// It has a backslash in it.
    Escape,
    /// It has a control character in it, or does not end.
    Unended,
}

impl fmt::Display for NotPlain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Escape => "must have no backslash: write the character itself",
            Self::Unended => "must be a text that ends, without control characters",
        })
    }
}

/// The number that `digits` are, all of them and without leading zeros.
#[must_use]
pub fn whole_number(digits: &str) -> Option<u64> {
    let mut number = 0_u64;
    for digit in digits.bytes() {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        number = number.checked_mul(10)?.checked_add(u64::from(digit))?;
    }
    let leading = digits.is_empty() || digits.starts_with('0') && digits.len() > 1;
    (!leading).then_some(number)
}
