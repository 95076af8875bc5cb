//! The clients: where they are, and what to do where one is missing.

use std::io::Write;
use std::path::{Path, PathBuf};

use xtask::{interop, workspace};

/// What a test needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tool {
    /// ninep's client, which cargo links into the tests.
    Ninep,
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
            Self::Diod => &["diodls", "diodcat"],
            Self::LinuxGuest => &["qemu-system-x86_64"],
            Self::Ninep | Self::P9fs | Self::Codec => &[],
        }
    }

    /// The folder of ci/setup_interop.sh that it needs, which is whole or not there.
    fn folder(self) -> Option<PathBuf> {
        match self {
            Self::Ninep | Self::Diod => None,
            Self::P9fs => Some(folder("p9fs")),
            Self::Codec => Some(folder("codec")),
            Self::LinuxGuest => Some(folder("linux")),
        }
    }

    /// Whether it is there; if not, says `skipped:` and why. Panics where it is
    /// [required](interop::is_required).
    #[track_caller]
    #[must_use]
    pub fn is_there(self) -> bool {
        let program = self.programs().iter().find(|program| find(program).is_none());
        let folder = self.folder().filter(|folder| !folder.is_dir());
        let lack = match (program, folder) {
            (Some(program), _) => (*program).to_owned(),
            (None, Some(folder)) => folder.display().to_string(),
            (None, None) => return true,
        };
        let what = format!("{self:?}: {lack} is missing: run ci/setup_interop.sh");
        assert!(!interop::is_required(), "{what}");
        // Not by a macro, whose output the test harness swallows.
        let _ = writeln!(std::io::stderr(), "skipped: {what}");
        false
    }
}

/// A folder of ours in `out/interop`.
#[must_use]
pub fn folder(name: &str) -> PathBuf {
    workspace::out().join("interop").join(name)
}

/// The Python of a group of ci/setup_interop.sh.
#[must_use]
pub fn python(group: &str) -> PathBuf {
    folder(group).join("bin/python")
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
