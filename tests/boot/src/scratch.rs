//! A folder of one test, kept where the test fails.

use std::collections::BTreeSet;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Names in use: tests of one file run at once, and several may come by the same line.
static IN_USE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn in_use() -> MutexGuard<'static, BTreeSet<String>> {
    // A test that failed does not leave the set half changed.
    IN_USE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder `out/boot-tests/FILE-LINE`, named after where the test makes it (and numbered where
/// that is in use). Dropping it removes it, unless the test is failing: then it stays and its path
/// is printed.
pub struct Scratch {
    name: String,
    folder: PathBuf,
}

impl Scratch {
    /// Makes the folder anew.
    #[track_caller]
    #[must_use]
    #[expect(clippy::new_without_default, reason = "a default would hide where it is made")]
    pub fn new() -> Self {
        let caller = Location::caller();
        let file = Path::new(caller.file()).file_stem().unwrap_or_default().to_string_lossy();
        let mut names = in_use();
        let name = claim(&mut names, &format!("{file}-{}", caller.line()));
        let folder = xtask::workspace::out().join("boot-tests").join(&name);
        // What a failed test of this run left stays; what is older makes room.
        if folder.exists() {
            std::fs::remove_dir_all(&folder).expect("the last run's folder can be removed");
        }
        std::fs::create_dir_all(&folder).expect("out/ is writable");
        Self { name, folder }
    }

    /// The folder itself.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The path of a file in it.
    #[must_use]
    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.join(file)
    }

    /// Writes a file in it and returns its path.
    #[must_use]
    pub fn write(&self, file: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(file);
        std::fs::write(&path, bytes).expect("out/ is writable");
        path
    }
}

/// The first free of `wanted`, `wanted-2`, `wanted-3` …
fn claim(names: &mut BTreeSet<String>, wanted: &str) -> String {
    let mut name = wanted.to_owned();
    let mut number = 1;
    while !names.insert(name.clone()) {
        number += 1;
        name = format!("{wanted}-{number}");
    }
    name
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Held meanwhile, so that nobody makes a folder in the parent that is being removed.
        let mut names = in_use();
        // The name of a folder that is kept stays in use, so that no later test takes it.
        if !std::thread::panicking() {
            names.remove(&self.name);
        }
        self.clean();
    }
}

impl Scratch {
    fn clean(&self) {
        if std::thread::panicking() {
            eprintln!("kept {}", self.folder.display());
            return;
        }
        std::fs::remove_dir_all(&self.folder).expect("the test's folder can be removed");
        if let Some(parent) = self.folder.parent() {
            // Fails while other tests have folders there.
            let _ = std::fs::remove_dir(parent);
        }
    }
}
