//! Applies `kernel/patches.toml` to a copy of the kernel's source.

use std::path::Path;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    patch: Vec<Patch>,
}

/// One repair: a text that must occur exactly once, and what takes its place.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    /// What messages call it.
    name: String,
    /// The defect; for people.
    #[serde(rename = "why")]
    _why: String,
    /// The file, relative to the source.
    file: String,
    find: String,
    replace: String,
}

/// Applies every patch of the file `patches` to the files below `source`. Stops at the first
/// that does not match exactly once, with its name and file.
pub fn apply(patches: &Path, source: &Path) -> Result<()> {
    let text = std::fs::read_to_string(patches)
        .with_context(|| format!("cannot read {}", patches.display()))?;
    let file: File = toml::from_str(&text).with_context(|| format!("{}", patches.display()))?;
    file.patch.iter().try_for_each(|patch| patch.apply(source))
}

impl Patch {
    fn apply(&self, source: &Path) -> Result<()> {
        let (name, file) = (&self.name, &self.file);
        let path = source.join(file);
        let text = std::fs::read_to_string(&path)
            .with_context(|| format!("kernel patch `{name}`: cannot read {file}"))?;
        let matches = text.matches(&self.find).count();
        if self.find.is_empty() || matches != 1 {
            bail!(
                "kernel patch `{name}` matches {matches} times in {file}, it must match exactly \
                 once: kernel/patches.toml and the kernel's source do not belong together"
            );
        }
        std::fs::write(&path, text.replace(&self.find, &self.replace))
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::scratch::Scratch;

    const PATCHES: &str = "[[patch]]\nname = \"one\"\nwhy = \"it is wrong\"\nfile = \"src/a.c\"\n\
                           find = '''\nold\n'''\nreplace = '''\nnew\n'''\n";

    fn applied_to(source: &str) -> (Scratch, Result<()>) {
        let scratch = Scratch::new();
        scratch.write("patches.toml", PATCHES);
        scratch.write("src/a.c", source);
        let result = apply(&scratch.path().join("patches.toml"), scratch.path());
        (scratch, result)
    }

    #[test]
    fn replaces_the_one_match() {
        let (scratch, result) = applied_to("before\nold\nafter\n");
        result.unwrap();
        assert_eq!(scratch.read("src/a.c"), "before\nnew\nafter\n");
    }

    #[test]
    fn none_or_two_matches_stop_the_build_and_change_nothing() {
        for (source, times) in [("before\n", 0), ("old\nold\n", 2)] {
            let (scratch, result) = applied_to(source);
            let message = result.unwrap_err().to_string();
            assert!(
                message.starts_with(&format!(
                    "kernel patch `one` matches {times} times in src/a.c, it must match exactly \
                     once"
                )),
                "{message}"
            );
            assert_eq!(scratch.read("src/a.c"), source);
        }
    }

    #[test]
    fn a_missing_file_is_named() {
        let (scratch, _) = applied_to("");
        scratch.remove("src/a.c");
        let error = apply(&scratch.path().join("patches.toml"), scratch.path()).unwrap_err();
        assert_eq!(error.to_string(), "kernel patch `one`: cannot read src/a.c");
    }

    #[test]
    fn the_patches_can_be_read_and_say_why() {
        let path = crate::workspace::root().join("kernel/patches.toml");
        let file: File = toml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for patch in &file.patch {
            assert!(!patch._why.trim().is_empty(), "{}", patch.name);
            assert_ne!(patch.find, patch.replace, "{}", patch.name);
        }
        let mut names: Vec<&str> = file.patch.iter().map(|patch| patch.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), file.patch.len());
    }
}
