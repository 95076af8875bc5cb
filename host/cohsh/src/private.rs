//! Files that only their owner may use: secrets and tickets.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::failure::{Failure, Result};

/// Permissions of everybody but the owner.
const OTHERS: u32 = 0o077;

/// The bytes of the file `path`, `most` of them at most.
pub(crate) fn read(path: &Path, most: usize) -> Result<Vec<u8>> {
    let shown = path.display().to_string();
    let cannot = |error| Failure::usage(format!("cannot be read: {error}; check its path"));
    let file = File::open(path).map_err(|error| cannot(error).at(&shown))?;
    let metadata = file.metadata().map_err(|error| cannot(error).at(&shown))?;
    if metadata.mode() & OTHERS != 0 {
        let text = "others may use this file: `chmod 600` it, and replace what it holds if others \
                    may have read it";
        return Err(Failure::usage(text).at(&shown));
    }
    read_some(file, most).map_err(|failure| failure.at(&shown))
}

/// All bytes of `source`, which has `most` at most.
pub(crate) fn read_some(source: impl Read, most: usize) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut limited = source.take(most as u64 + 1);
    limited
        .read_to_end(&mut bytes)
        .map_err(|error| Failure::usage(format!("cannot be read: {error}; check its path")))?;
    if bytes.len() > most {
        let text = format!("has more than {most} bytes: give the right file");
        return Err(Failure::usage(text));
    }
    Ok(bytes)
}

/// Makes the file `path` of `text`. A file that is there is left alone.
pub(crate) fn create(path: &Path, text: &str) -> Result<()> {
    let failed = |error: std::io::Error| {
        let next = match error.kind() {
            std::io::ErrorKind::AlreadyExists => "remove it, or write to another",
            _ => "write to another place",
        };
        Failure::usage(format!("cannot be written: {error}; {next}"))
            .at(&path.display().to_string())
    };
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| {
        // Nothing half written is left; that it cannot be removed either is no further news.
        let _ = std::fs::remove_file(path);
        failed(error)
    })
}
