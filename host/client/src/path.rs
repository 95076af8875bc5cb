//! Paths: names with slashes between.

use secure9p_codec::Name;

use crate::error::{Error, Result};

/// The names that lead from the root to `path`. It counts from the root whether or not it begins
/// with a slash; `..` is the server's to walk.
///
/// # Errors
/// Where one is no name of 9P.
pub fn names(path: &str) -> Result<Vec<&str>> {
    let names = path.split('/').filter(|name| !matches!(*name, "" | "."));
    let names: Vec<&str> = names.collect();
    match names.iter().all(|name| Name::new(name).is_some()) {
        true => Ok(names),
        false => Err(Error::Path("a path has no NUL, and no name of 65536 bytes or more")),
    }
}

/// The path of the file `name` in the directory `directory`.
#[must_use]
pub fn join(directory: &str, name: &str) -> String {
    format!("{}/{name}", directory.trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_come_apart_and_together() {
        for root in ["", "/", "//", "/.", "."] {
            assert_eq!(names(root).expect("the root"), [""; 0]);
        }
        assert_eq!(names("/a//b/../c/").expect("names"), ["a", "b", "..", "c"]);
        assert_eq!(names("a").expect("a name"), ["a"]);
        assert!(names("/a\0b").is_err());
        assert_eq!(join("/", "a"), "/a");
        assert_eq!(join("/a", "b"), "/a/b");
    }
}
