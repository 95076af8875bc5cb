//! The corpus on disk.

use std::fs;
use std::io;
use std::path::PathBuf;

/// A stream of the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its file's name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Where the streams are.
#[must_use]
pub fn corpus_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus/session")
}

/// Every stream of the corpus, by name.
///
/// # Errors
/// Where it cannot be read.
pub fn corpus() -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for file in fs::read_dir(corpus_dir())? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        entries.push(Entry { name, bytes: fs::read(&path)? });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}
