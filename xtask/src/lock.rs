//! One user of the output folder at a time.
//!
//! The lock is the operating system's lock on `out/lock`, so that it ends with its process in
//! every case and is never stale. The file's content, the holder's process id, only serves the
//! error message.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, Write};
use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::workspace;

/// Holds the output folder until it is dropped.
#[derive(Debug)]
pub struct OutLock {
    _file: File,
}

/// Takes the lock on the folder `out`, which is created where it is missing; refuses at once when
/// another process holds it.
pub fn lock_out(out: &Path) -> Result<OutLock> {
    workspace::create_dir(out)?;
    let path = out.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(|| {
            format!(
                "cannot write {}: make it writable, or set COHESIX_OUT to another folder",
                path.display()
            )
        })?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => bail!(
            "another `./cohesix` ({}) holds {}: stop it, or set COHESIX_OUT to another folder",
            holder(&mut file),
            out.display()
        ),
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| write!(file, "{}", std::process::id()))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(OutLock { _file: file })
}

/// The holder as it wrote itself down; it may not have done so yet.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse::<u32>().ok()) {
        Some(pid) => format!("pid {pid}"),
        None => "pid not known yet".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn the_second_is_refused_by_name_until_the_first_ends() {
        let folder = Folder::new("cohesix-lock");
        let first = lock_out(&folder.0).expect("free");
        let error = lock_out(&folder.0).expect_err("held").to_string();
        let pid = std::process::id();
        assert!(error.starts_with(&format!("another `./cohesix` (pid {pid}) holds ")), "{error}");
        assert!(error.ends_with("stop it, or set COHESIX_OUT to another folder"), "{error}");
        drop(first);
        lock_out(&folder.0).expect("free again");
    }

    #[test]
    fn a_file_in_place_of_the_folder_is_refused() {
        let folder = Folder::new("cohesix-lock-file");
        std::fs::create_dir_all(&folder.0).expect("a folder");
        let file = folder.0.join("out");
        std::fs::write(&file, "").expect("a file");
        let error = lock_out(&file).expect_err("no folder").to_string();
        assert!(error.contains("set COHESIX_OUT to another folder"), "{error}");
    }
}
