//! Reads and checks `systems/*.toml`, the manifests that people write.
//!
//! [`load`] gives a [`Checked`] manifest or every problem that the file has, one line each, as
//! `FILE:LINE: REASON`. [`available_check`] compares it with the images that were built, and
//! [`Checked::into_system`] adds the build's facts to make what the root task reads.
//!
//! The TOML tree is walked by hand instead of through serde's derive: a derived reader stops at
//! the first wrong field, and people should see all of them at once.

mod draft;
mod field;
mod problem;
mod relation;
mod sharing;
#[cfg(test)]
mod tests;
mod value;
mod workers;

use std::path::Path;

use ::manifest::workers::Workers;
use ::manifest::{Components, Facts, Name, OnPanic, Regions, Selftest, System};
use toml::de::DeTable;

pub use problem::{ManifestError, Problem};

use problem::Problems;

/// A manifest without a problem: everything of a [`System`] apart from its facts.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The manifest's own name.
    pub name: Name,
    /// RAM that the system is made for, in MiB.
    pub memory_mib: u32,
    /// Period of the `tick N` line, in milliseconds.
    pub tick_ms: u32,
    /// What the root task does once it has panicked.
    pub on_panic: OnPanic,
    /// Self-tests to run before the components start.
    pub selftest: Option<Selftest>,
    /// Every process apart from the root task, in the file's order.
    pub components: Components,
    /// Memory that two components share.
    pub regions: Regions,
    /// Processes that are spawned on command.
    pub workers: Option<Workers>,
    /// How the file is called in messages.
    file: String,
    /// Where each component names its image, for [`available_check`].
    image_lines: Vec<u32>,
    /// The same for each kind of worker.
    worker_lines: Vec<u32>,
}

impl Checked {
    /// Adds what the build recorded.
    pub fn into_system(self, facts: Facts) -> System {
        System {
            name: self.name,
            memory_mib: self.memory_mib,
            tick_ms: self.tick_ms,
            on_panic: self.on_panic,
            selftest: self.selftest,
            components: self.components,
            regions: self.regions,
            workers: self.workers,
            facts,
        }
    }
}

/// Reads and checks the manifest at `path`. Messages name it relative to the workspace's root.
pub fn load(path: &Path) -> Result<Checked, ManifestError> {
    let shown = path.strip_prefix(crate::workspace::root()).unwrap_or(path);
    let file = shown.display().to_string();
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(source) => return Err(ManifestError::Unreadable { file, source }),
    };
    match str::from_utf8(&bytes) {
        Ok(text) => parse(&file, text),
        Err(error) => {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            let line = problem::line_after(before);
            Err(ManifestError::Refused(vec![Problem { file, line, reason: "not UTF-8".into() }]))
        }
    }
}

/// Checks the manifest `text`; `file` is how messages call it.
pub fn parse(file: &str, text: &str) -> Result<Checked, ManifestError> {
    let mut problems = Problems::new(file, text);
    let (root, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        problems.report_syntax(errors);
        return Err(problems.into_error());
    }
    let draft = draft::read(root.get_ref(), &mut problems);
    relation::check(&draft, &mut problems);
    if !problems.is_empty() {
        return Err(problems.into_error());
    }
    Ok(relation::assemble(draft, file).expect("what is missing from a draft was reported"))
}

/// Checks that the image of every component and kind of worker is among `images`, the names of
/// those that are built.
pub fn available_check(checked: &Checked, images: &[&str]) -> Result<(), ManifestError> {
    let components = checked.components.iter().zip(&checked.image_lines);
    let components = components
        .map(|(one, &line)| (format!("component `{}`", one.name), one.image.as_str(), line));
    let kinds = checked.workers.iter().flat_map(|workers| &workers.kinds);
    let kinds = kinds.zip(&checked.worker_lines).map(|(worker, &line)| {
        (format!("[workers.{}]", worker.kind.word()), worker.image.as_str(), line)
    });
    let problems: Vec<Problem> = components
        .chain(kinds)
        .filter(|(_, image, _)| !images.contains(image))
        .map(|(scope, image, line)| Problem {
            file: checked.file.clone(),
            line,
            reason: format!(
                "{scope}: image `{image}` is not among the images that are built ({})",
                images.join(", ")
            ),
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(problem::refused(problems)) }
}
