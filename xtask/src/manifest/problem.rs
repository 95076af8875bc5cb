//! What is wrong with a manifest, and on which line.

use std::fmt;

/// One reason to refuse a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How the file is called in messages.
    pub file: String,
    /// Line in the file, from 1.
    pub line: u32,
    /// What is wrong and what is expected; one line.
    pub reason: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.reason)
    }
}

/// Why there is no checked manifest.
#[derive(Debug)]
pub enum ManifestError {
    /// The file cannot be read.
    Unreadable {
        /// How the file is called in messages.
        file: String,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// The file has these problems, in line order; never empty.
    Refused(Vec<Problem>),
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { file, source } => write!(f, "{file}: cannot be read: {source}"),
            Self::Refused(problems) => {
                for (index, problem) in problems.iter().enumerate() {
                    let separator = if index == 0 { "" } else { "\n" };
                    write!(f, "{separator}{problem}")?;
                }
                Ok(())
            }
        }
    }
}

// The source is part of the message already, so it is not given as `source()` as well.
impl std::error::Error for ManifestError {}

/// Puts `problems` into line order; those of one line keep theirs.
pub(super) fn refused(mut problems: Vec<Problem>) -> ManifestError {
    problems.sort_by_key(|problem| problem.line);
    ManifestError::Refused(problems)
}

/// Number of the line that follows the bytes `before` without a line break in between.
pub(super) fn line_after(before: &[u8]) -> u32 {
    let breaks = before.iter().filter(|&&byte| byte == b'\n').count();
    u32::try_from(breaks + 1).unwrap_or(u32::MAX)
}

/// Text of the manifest for a message: on one line, shortened, between backticks.
pub(super) fn quote(text: &str) -> String {
    const SHOWN: usize = 48;
    let dots = if text.chars().count() > SHOWN { "…" } else { "" };
    let shown: String = text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
    format!("`{shown}{dots}`")
}

/// Collects the problems of one file.
pub(super) struct Problems<'t> {
    file: &'t str,
    text: &'t str,
    list: Vec<Problem>,
}

impl<'t> Problems<'t> {
    pub(super) fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, list: Vec::new() }
    }

    /// The line that holds byte `offset` of the text.
    pub(super) fn line(&self, offset: usize) -> u32 {
        line_after(self.text.as_bytes().get(..offset).unwrap_or(self.text.as_bytes()))
    }

    pub(super) fn report(&mut self, line: u32, reason: impl Into<String>) {
        self.list.push(Problem { file: self.file.into(), line, reason: reason.into() });
    }

    /// Reports repeated keys and the first other error: after that one the parser guesses, and
    /// what it says further down is seldom a problem of its own.
    pub(super) fn report_syntax(&mut self, mut errors: Vec<toml::de::Error>) {
        errors.sort_by_key(|error| error.span().map_or(0, |span| span.start));
        for error in errors {
            let span = error.span().unwrap_or_default();
            let line = self.line(span.start);
            if error.message() == "duplicate key" {
                let key = quote(self.text.get(span).unwrap_or_default());
                self.report(line, format!("{key} is there already"));
            } else {
                self.report(line, format!("not TOML: {}", error.message().replace('\n', " ")));
                return;
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn into_error(self) -> ManifestError {
        refused(self.list)
    }
}
