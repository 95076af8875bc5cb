//! The files that the checks read: what git tracks, and what it would track.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::workspace;

/// The repository's files.
pub(super) struct Tree {
    root: PathBuf,
    /// Paths relative to `root`, sorted.
    files: Vec<PathBuf>,
}

impl Tree {
    /// Tracked files and new ones that are not ignored, so that a problem shows before the commit.
    pub fn of_git(root: &Path) -> Result<Self> {
        let listing = workspace::run(Command::new("git").current_dir(root).args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ]))?;
        let files = String::from_utf8_lossy(&listing)
            .split_terminator('\0')
            .map(PathBuf::from)
            .filter(|path| root.join(path).is_file())
            .collect();
        Ok(Self::new(root, files))
    }

    /// These files.
    pub fn new(root: &Path, mut files: Vec<PathBuf>) -> Self {
        files.sort();
        files.dedup();
        Self { root: root.to_path_buf(), files }
    }

    /// Every file that is text, with its text.
    pub fn texts(&self) -> impl Iterator<Item = (&Path, String)> {
        self.files.iter().filter_map(|path| {
            let text = std::fs::read_to_string(self.root.join(path)).ok()?;
            Some((path.as_path(), text))
        })
    }

    /// Every Rust file, with its text.
    pub fn rust(&self) -> impl Iterator<Item = (&Path, String)> {
        self.texts().filter(|(path, _)| path.extension().is_some_and(|ext| ext == "rs"))
    }

    /// One file's text; nothing where it is not in the tree.
    pub fn text(&self, path: &Path) -> Option<String> {
        self.files.iter().any(|file| file == path).then_some(())?;
        std::fs::read_to_string(self.root.join(path)).ok()
    }

    /// The folder that the paths are relative to.
    pub fn root(&self) -> &Path {
        &self.root
    }
}
