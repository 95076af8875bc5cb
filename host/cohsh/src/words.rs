//! A line taken apart into words.
//!
//! As a POSIX shell does it, as far as it goes: blanks separate, `'…'` is taken as it stands,
//! `"…"` too but for `\"` and `\\`, a backslash elsewhere takes the next character as it stands,
//! and what begins with `#` is a comment. There are no variables and no patterns; what a shell
//! would take for a pipe or a list is refused rather than taken for a name.

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Word {
    /// A word, without its quotes.
    Text(String),
    /// `>` or `>>`.
    Arrow,
}

/// A word and where in the line it starts, in bytes.
type Placed = (usize, Word);

/// The words of a line, or why it has none.
pub(crate) fn split(line: &str) -> Result<Vec<Word>, &'static str> {
    Ok(placed(line)?.into_iter().map(|(_, word)| word).collect())
}

/// The word that the end of `line` is in, which is to be completed: where it starts, what it is so
/// far, and whether it is the line's first. `None` where it is in quotes.
pub(crate) fn last(line: &str) -> Option<(usize, String, bool)> {
    let mut words = placed(line).ok()?;
    // A letter belongs to the last word, or starts a new one. (In a comment it does neither.)
    let more = placed(&format!("{line}x")).ok()?;
    if more == words {
        return None;
    }
    let grows = more.len() == words.len();
    match words.pop() {
        Some((start, Word::Text(text))) if grows => Some((start, text, words.is_empty())),
        last => Some((line.len(), String::new(), last.is_none())),
    }
}

/// `text` as it is written outside of quotes.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if character.is_whitespace() || "\\'\"#>|&;<".contains(character) {
            escaped.push('\\');
        }
        escaped.push(character);
    }
    escaped
}

fn placed(line: &str) -> Result<Vec<Placed>, &'static str> {
    let mut words = Vec::new();
    let mut rest = line.char_indices().peekable();
    while let Some(&(start, first)) = rest.peek() {
        match first {
            '#' => break,
            '>' => {
                rest.next();
                rest.next_if(|(_, next)| *next == '>');
                words.push((start, Word::Arrow));
            }
            blank if blank.is_whitespace() => {
                rest.next();
            }
            _ => words.push((start, Word::Text(word(&mut rest)?))),
        }
    }
    Ok(words)
}

type Characters<'a> = std::iter::Peekable<std::str::CharIndices<'a>>;

/// One word, which is there.
fn word(rest: &mut Characters<'_>) -> Result<String, &'static str> {
    let mut text = String::new();
    while let Some((_, next)) = rest.next_if(|(_, next)| !next.is_whitespace() && *next != '>') {
        match next {
            '\'' => quoted(rest, '\'', &mut text)?,
            '"' => quoted(rest, '"', &mut text)?,
            '\\' => match rest.next() {
                Some((_, next)) => text.push(next),
                None => return Err("a backslash ends the line: put a character behind it"),
            },
            '|' | '&' | ';' | '<' => {
                return Err("`|`, `&`, `;` and `<` mean nothing here: put them in quotes");
            }
            _ => text.push(next),
        }
    }
    Ok(text)
}

/// What stands up to the quote that ends it.
fn quoted(rest: &mut Characters<'_>, quote: char, text: &mut String) -> Result<(), &'static str> {
    while let Some((_, next)) = rest.next() {
        if next == quote {
            return Ok(());
        }
        let backslash = quote == '"' && next == '\\';
        match rest.next_if(|(_, next)| backslash && matches!(next, '"' | '\\')) {
            Some((_, literal)) => text.push(literal),
            None => text.push(next),
        }
    }
    Err("a quote is not closed: end it on the same line")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        let text = |word| match word {
            Word::Text(text) => text,
            Word::Arrow => "->".into(),
        };
        split(line).expect("a line").into_iter().map(text).collect()
    }

    #[test]
    fn words_come_apart_as_in_a_shell() {
        assert_eq!(texts("  ls\t-l  /proc \r\n"), ["ls", "-l", "/proc"]);
        assert_eq!(
            texts("echo 'a  \"b' \"c'\\\"\\\\\\d\" e\\ f''"),
            ["echo", "a  \"b", "c'\"\\\\d", "e f"]
        );
        assert_eq!(texts("a'b'\"c\"d ''"), ["abcd", ""]);
        assert_eq!(texts("echo a>b>>c > d"), ["echo", "a", "->", "b", "->", "c", "->", "d"]);
        assert_eq!(texts("echo '>' \\>\\> \">\""), ["echo", ">", ">>", ">"]);
        assert_eq!(texts("cat a#b # c 'd"), ["cat", "a#b"]);
        assert_eq!(texts("  # nothing"), [""; 0]);
        assert_eq!(texts("$HOME *"), ["$HOME", "*"]);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for line in ["a 'b", "a \"b\\\"", "a \\", "cat a | b", "a;b", "a &", "cat < a"] {
            assert!(split(line).is_err(), "{line}");
        }
    }

    #[test]
    fn the_last_word_is_found() {
        assert_eq!(last(""), Some((0, String::new(), true)));
        assert_eq!(last("ca"), Some((0, "ca".into(), true)));
        assert_eq!(last("cat /pr"), Some((4, "/pr".into(), false)));
        assert_eq!(last("cat "), Some((4, String::new(), false)));
        assert_eq!(last("echo a >/l"), Some((8, "/l".into(), false)));
        assert_eq!(last("echo a >"), Some((8, String::new(), false)));
        assert_eq!(last("cat a\\ b"), Some((4, "a b".into(), false)));
        assert_eq!(last("cat 'a"), None);
        assert_eq!(last("cat # a"), None);
    }

    #[test]
    fn what_is_escaped_is_one_word() {
        let odd = "a b'c\"d\\e#f>g|h&i;j<k";
        assert_eq!(texts(&escape(odd)), [odd]);
        assert_eq!(escape("/log/queen.log"), "/log/queen.log");
    }
}
