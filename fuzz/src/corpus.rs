//! The corpus on disk.

use std::fs;
use std::io;
use std::path::PathBuf;

/// Which corpus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corpus {
    /// Streams of a client, for the targets of 9P.
    Session,
    /// Attaches and claims, for the target `ticket`.
    Ticket,
    /// Lines of a GPU's files, for the target `gpu_job`.
    GpuJob,
}

/// An input of the corpus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its file's name.
    pub name: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Where its inputs are.
#[must_use]
pub fn corpus_dir(of: Corpus) -> PathBuf {
    let name = match of {
        Corpus::Session => "session",
        Corpus::Ticket => "ticket",
        Corpus::GpuJob => "gpu_job",
    };
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(name)
}

/// Every input of the corpus, by name.
///
/// # Errors
/// Where it cannot be read.
pub fn corpus(of: Corpus) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for file in fs::read_dir(corpus_dir(of))? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        entries.push(Entry { name, bytes: fs::read(&path)? });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}
