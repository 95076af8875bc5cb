//! The clients: where they are, and what to do where one is missing.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use xtask::workspace;

/// What a test needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tool {
    /// Nothing but this workspace.
    Cargo,
    /// `diodls` and `diodcat`.
    Diod,
    /// A Python that imports `p9fs`.
    P9fs,
    /// A Python that imports plan9port's codec.
    Codec,
    /// QEMU for x86-64, a Linux kernel, and busybox.
    LinuxGuest,
}

impl Tool {
    /// The programs of the system that it needs.
    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Cargo => &[],
            Self::Diod => &["diodls", "diodcat"],
            Self::P9fs | Self::Codec => &["python3"],
            Self::LinuxGuest => &["qemu-system-x86_64"],
        }
    }

    /// What ci/setup_interop.sh makes of it without being root.
    fn group(self) -> Option<&'static str> {
        match self {
            Self::Cargo | Self::Diod => None,
            Self::P9fs => Some("p9fs"),
            Self::Codec => Some("codec"),
            Self::LinuxGuest => Some("linux"),
        }
    }

    /// Whether it is there; if not, says `skipped:` and why. Panics where `CI` is set.
    #[track_caller]
    #[must_use]
    pub fn is_there(self) -> bool {
        let Err(why) = self.set_up() else { return true };
        let what = format!("{self:?}: {why}; ci/setup_interop.sh installs it");
        assert!(std::env::var_os("CI").is_none_or(|ci| ci.is_empty()), "{what}");
        // Not by a macro, whose output the test harness swallows.
        let _ = writeln!(std::io::stderr(), "skipped: {what}");
        false
    }

    /// Looks for its programs, and has the rest of it made: once in a run of the tests.
    fn set_up(self) -> Result<(), String> {
        static DONE: Mutex<BTreeMap<Tool, Result<(), String>>> = Mutex::new(BTreeMap::new());
        // An entry is whole or not there.
        let mut done = DONE.lock().unwrap_or_else(PoisonError::into_inner);
        done.entry(self).or_insert_with(|| self.make()).clone()
    }

    fn make(self) -> Result<(), String> {
        for program in self.programs() {
            find(program).ok_or_else(|| format!("{program} is missing"))?;
        }
        let Some(group) = self.group() else { return Ok(()) };
        let made = Command::new("sh")
            .arg(workspace::root().join("ci/setup_interop.sh"))
            .arg(group)
            .env("COHESIX_OUT", folder().parent().unwrap_or(Path::new(".")))
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("sh: {error}"))?;
        if made.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&made.stderr).into_owned();
        Err(said.trim_end().lines().next_back().unwrap_or("it failed").to_owned())
    }
}

/// The folder that ci/setup_interop.sh fills.
#[must_use]
pub fn folder() -> PathBuf {
    let out = workspace::out();
    std::path::absolute(&out).unwrap_or(out).join("interop")
}

/// The Python of a group.
#[must_use]
pub fn python(group: &str) -> PathBuf {
    folder().join(group).join("bin/python")
}

/// A file beside this crate's manifest.
#[must_use]
pub fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// A program's path. Debian keeps diod's where only root looks.
#[must_use]
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders.map(|folder| folder.join(program)).find(|path| path.is_file())
}
