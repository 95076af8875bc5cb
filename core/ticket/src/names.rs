//! Texts of the claims, checked when they are made.

use core::fmt;

use heapless::String;

use crate::MAX_TEXT;
use crate::error::TextError;

/// A worker's id, or whoever the ticket is for, or a service: a name that can stand in a path.
///
/// 1 to [`MAX_TEXT`] of ASCII letters, digits, `-`, `_` and `.`, the first a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name(String<MAX_TEXT>);

/// A path from the root: `/`, or names with one slash before each, at most [`MAX_TEXT`] bytes.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Path(String<MAX_TEXT>);

impl Name {
    /// Takes `text` as a name.
    ///
    /// # Errors
    /// Where it is none.
    pub fn new(text: &str) -> Result<Self, TextError> {
        let stored = store(text)?;
        if !is_name(text) {
            return Err(TextError::Name);
        }
        Ok(Self(stored))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Path {
    /// Takes `text` as a path.
    ///
    /// # Errors
    /// Where it is none.
    pub fn new(text: &str) -> Result<Self, TextError> {
        let stored = store(text)?;
        let names = text.strip_prefix('/').ok_or(TextError::Path)?;
        if !names.is_empty() && !names.split('/').all(is_name) {
            return Err(TextError::Path);
        }
        Ok(Self(stored))
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn store(text: &str) -> Result<String<MAX_TEXT>, TextError> {
    if text.is_empty() {
        return Err(TextError::Empty);
    }
    String::try_from(text).map_err(|_| TextError::Long)
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_paths_are_plain() {
        for name in ["worker-7", "7", "gpu-bridge", "a.b_C", "abcdefghijklmnopqrstuvw"] {
            assert_eq!(Name::new(name).expect("a name").as_str(), name);
        }
        for (name, wrong) in [
            ("", TextError::Empty),
            ("abcdefghijklmnopqrstuvwx", TextError::Long),
            ("..", TextError::Name),
            (".a", TextError::Name),
            ("-a", TextError::Name),
            ("a/b", TextError::Name),
            ("a b", TextError::Name),
            ("a\n", TextError::Name),
            ("ä", TextError::Name),
        ] {
            assert_eq!(Name::new(name), Err(wrong), "{name:?}");
        }
        for path in ["/", "/gpu", "/worker/worker-7"] {
            assert_eq!(Path::new(path).expect("a path").as_str(), path);
        }
        for (path, wrong) in [
            ("", TextError::Empty),
            ("gpu", TextError::Path),
            ("//", TextError::Path),
            ("/gpu/", TextError::Path),
            ("/a//b", TextError::Path),
            ("/a/../b", TextError::Path),
            ("/.", TextError::Path),
            ("/a b", TextError::Path),
            ("/abcdefghijklmnopqrstuvw", TextError::Long),
        ] {
            assert_eq!(Path::new(path), Err(wrong), "{path:?}");
        }
    }
}
