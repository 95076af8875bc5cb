//! Results and messages, as their reader can take them.

use std::fmt::Write as _;
use std::io::{self, Write};

use client::Errno;
use serde_json::{Map, Value, json};

use crate::failure::{Failure, Result};

/// Where results go.
pub(crate) struct Output {
    out: Box<dyn Write>,
    /// A terminal shows it: nothing of it may move the cursor.
    terminal: bool,
    json: bool,
    /// Nothing stands in the line where the terminal's cursor is.
    at_line_start: bool,
}

impl Output {
    pub fn new(out: Box<dyn Write>, terminal: bool, json: bool) -> Self {
        Self { out, terminal, json, at_line_start: true }
    }

    /// Whether results are JSON objects.
    pub fn is_json(&self) -> bool {
        self.json
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(last) = bytes.last() {
            self.at_line_start = *last == b'\n';
        }
        // At once: what is followed is to be seen when it happens.
        Ok(self.out.write_all(bytes).and_then(|()| self.out.flush())?)
    }

    /// A JSON object in a line.
    pub fn object(&mut self, object: &Value) -> Result<()> {
        let mut line = printable_json(&object.to_string());
        line.push('\n');
        self.write(line.as_bytes())
    }

    /// Our own text for people.
    pub fn text(&mut self, text: &str) -> Result<()> {
        self.write(text.as_bytes())
    }

    /// The name of a file for people.
    pub fn name(&self, name: &str) -> String {
        if self.terminal { one_line(name) } else { name.to_owned() }
    }

    /// What a file holds, all of it.
    pub fn whole(&mut self, path: &str, bytes: &[u8]) -> Result<()> {
        if self.json {
            return self.object(&content(path, bytes));
        }
        if !self.terminal {
            return self.write(bytes);
        }
        let mut text = String::new();
        escape(bytes, |character| matches!(character, '\n' | '\t'), &mut text);
        self.write(text.as_bytes())
    }

    /// That bytes of a followed file went by unread, where it is known how many.
    pub fn lost(&mut self, path: &str, bytes: Option<u64>) -> Result<()> {
        if self.json {
            return self.object(&json!({ "path": path, "lost": bytes }));
        }
        self.fresh_line()?;
        let bytes = bytes.map_or("some".into(), |bytes| bytes.to_string());
        let why = "written faster than they were read; it goes on behind them";
        Ok(writeln!(io::stderr(), "cohsh: {}: lost {bytes} bytes: {why}", one_line(path))?)
    }

    /// That a followed file is gone.
    pub fn gone(&mut self, path: &str) -> Result<()> {
        if self.json {
            return self.object(&json!({ "path": path, "gone": true }));
        }
        self.fresh_line()?;
        let why = "its worker has ended, and `log` says why";
        Ok(writeln!(io::stderr(), "cohsh: {}: is gone: {why}", one_line(path))?)
    }

    /// What the hive refused, as it was to.
    pub fn refusal(&mut self, failure: &Failure) -> Result<()> {
        if self.json {
            return self.object(&fields("refused", failure).into());
        }
        self.fresh_line()?;
        self.text(&format!("refused: {}\n", one_line(&failure.to_string())))
    }

    /// Why `whose` command failed.
    pub fn failure(&mut self, whose: &str, failure: &Failure) {
        // Where even that cannot be written the exit code tells it.
        let _ = self.try_failure(whose, failure);
    }

    fn try_failure(&mut self, whose: &str, failure: &Failure) -> Result<()> {
        if failure.is_broken_pipe() || failure.is_told() {
            return Ok(());
        }
        if failure.is_interruption() {
            // The terminal shows ^C.
            return self.write(b"\n");
        }
        if !self.json {
            self.fresh_line()?;
            writeln!(io::stderr(), "{}: {}", one_line(whose), one_line(&failure.to_string()))?;
            return Ok(());
        }
        let mut object = fields("error", failure);
        object.insert("at".into(), whose.into());
        self.object(&object.into())
    }

    /// Ends the line where the terminal's cursor is, if something stands in it.
    pub fn fresh_line(&mut self) -> Result<()> {
        match self.terminal && !self.at_line_start {
            true => self.write(b"\n"),
            false => Ok(()),
        }
    }
}

/// What is known of a failure, whose message is called `message`.
fn fields(message: &str, failure: &Failure) -> Map<String, Value> {
    let errno = failure.errno();
    let fields: [(&str, Value); 5] = [
        (message, failure.to_string().into()),
        ("errno", errno.map(|errno| errno.0).into()),
        ("name", errno.and_then(Errno::name).into()),
        ("path", failure.path().into()),
        ("reason", failure.reason().into()),
    ];
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// What a file holds, as it comes. Where characters matter, the first bytes of one whose rest has
/// not come yet are kept back.
pub(crate) struct Content<'a> {
    output: &'a mut Output,
    path: &'a str,
    kept: Vec<u8>,
}

impl<'a> Content<'a> {
    pub fn new(output: &'a mut Output, path: &'a str) -> Self {
        Self { output, path, kept: Vec::new() }
    }

    pub fn put(&mut self, bytes: &[u8]) -> Result<()> {
        if !self.output.json && !self.output.terminal {
            return self.output.write(bytes);
        }
        self.kept.extend_from_slice(bytes);
        let whole = whole_characters(&self.kept);
        let rest = self.kept.split_off(whole);
        let whole = std::mem::replace(&mut self.kept, rest);
        self.show(&whole)
    }

    fn show(&mut self, bytes: &[u8]) -> Result<()> {
        if bytes.is_empty() { Ok(()) } else { self.output.whole(self.path, bytes) }
    }

    /// That bytes went by unread: a character ends there, too.
    pub fn lost(&mut self, bytes: Option<u64>) -> Result<()> {
        self.end()?;
        self.output.lost(self.path, bytes)
    }

    /// That the file is gone.
    pub fn gone(&mut self) -> Result<()> {
        self.end()?;
        self.output.gone(self.path)
    }

    /// There is no more.
    pub fn end(&mut self) -> Result<()> {
        let rest = std::mem::take(&mut self.kept);
        self.show(&rest)
    }
}

/// How many bytes are there before a character at the end that is not there as a whole.
fn whole_characters(bytes: &[u8]) -> usize {
    let tail = bytes.len().saturating_sub(3);
    // A character has at most four bytes and begins in one of the last three, if it is in pieces.
    let start = (tail..bytes.len()).find(|start| {
        let rest = bytes.get(*start..).unwrap_or_default();
        str::from_utf8(rest)
            .is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    });
    start.unwrap_or(bytes.len())
}

fn content(path: &str, bytes: &[u8]) -> Value {
    match str::from_utf8(bytes) {
        Ok(text) => json!({ "path": path, "text": text }),
        Err(_) => json!({ "path": path, "base64": base64(bytes) }),
    }
}

/// Whether a terminal may do something else with it than show it: control characters, and those
/// that turn the direction of what follows.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Shows `bytes`, with escapes for what a terminal is not to get.
fn escape(bytes: &[u8], allowed: fn(char) -> bool, into: &mut String) {
    for piece in bytes.utf8_chunks() {
        for character in piece.valid().chars() {
            match is_control(character) && !allowed(character) {
                true => into.extend(character.escape_default()),
                false => into.push(character),
            }
        }
        for byte in piece.invalid() {
            // Cannot fail: it is a string.
            let _ = write!(into, "\\x{byte:02x}");
        }
    }
}

/// `text` in one line that moves no cursor.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::new();
    escape(text.as_bytes(), |_| false, &mut line);
    line
}

/// Whether `text` is shown as it is.
pub(crate) fn is_plain(text: &str) -> bool {
    !text.chars().any(is_control)
}

/// `json` with escapes for those control characters that JSON allows in strings. (None of them is
/// beyond U+FFFF.)
fn printable_json(json: &str) -> String {
    let mut printable = String::new();
    for character in json.chars() {
        match is_control(character) {
            true => {
                let _ = write!(printable, "\\u{:04x}", u32::from(character));
            }
            false => printable.push(character),
        }
    }
    printable
}

/// `bytes` in base64: RFC 4648, section 4.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for three in bytes.chunks(3) {
        let byte = |index: usize| u32::from(three.get(index).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * place)) as usize & 63];
            text.push(if place <= three.len() { digit.into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::rc::Rc;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Rc<RefCell<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.borrow_mut().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What comes out where these pieces of a file are put in.
    fn shown(terminal: bool, json: bool, pieces: &[&[u8]]) -> Vec<u8> {
        let written = Written::default();
        let mut output = Output::new(Box::new(written.clone()), terminal, json);
        let mut content = Content::new(&mut output, "/f");
        for piece in pieces {
            content.put(piece).expect("written");
        }
        content.end().expect("written");
        written.0.take()
    }

    #[test]
    fn nothing_moves_a_terminals_cursor() {
        let evil = "a\x1b[2J\r\x08\u{7f}\u{9b}1A\u{202e}\0b\n\tö".as_bytes();
        let shown_there =
            String::from_utf8(shown(true, false, &[evil, b"\xff\x80"])).expect("UTF-8");
        let expected = "a\\u{1b}[2J\\r\\u{8}\\u{7f}\\u{9b}1A\\u{202e}\\u{0}b\n\tö\\xff\\x80";
        assert_eq!(shown_there, expected);
        // Where there is no terminal bytes are bytes.
        assert_eq!(shown(false, false, &[evil, b"\xff\x80"]), [evil, b"\xff\x80"].concat());
        assert_eq!(one_line("a\nb"), "a\\nb");
    }

    #[test]
    fn json_is_printable_and_means_the_same() {
        let evil = "\x1b\u{7f}\u{9b}\u{2028}\u{202e}\"\\\n";
        let line = String::from_utf8(shown(false, true, &[evil.as_bytes()])).expect("UTF-8");
        assert!(!line.trim_end_matches('\n').chars().any(is_control), "{line}");
        let object: Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(object, json!({ "path": "/f", "text": evil }));
    }

    #[test]
    fn characters_in_pieces_are_put_together() {
        let text = "aö€😀b";
        for first in 0..text.len() {
            for second in first..text.len() {
                let bytes = text.as_bytes();
                let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
                assert_eq!(shown(true, false, &pieces), bytes, "{first} {second}");
            }
        }
        // What never becomes one is shown in the end.
        assert_eq!(shown(true, false, &[b"a\xe2\x82"]), b"a\\xe2\\x82");
    }

    #[test]
    fn what_is_no_text_is_base64() {
        // RFC 4648, section 10.
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg=="),
            ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xfe, 0xfb]), "//77");
        assert_eq!(content("/f", b"\xff")["base64"], "/w==");
    }
}
