//! The secret that a hive's tickets are minted with.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::random;

/// Random bytes of a secret that nobody gave.
const RANDOM: usize = 32;

/// A secret.
pub struct Secret(Vec<u8>);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// A file with a secret that was made here. Dropped, it is removed.
#[derive(Debug)]
#[must_use]
pub struct SecretFile(PathBuf);

impl Secret {
    /// The secret that the file at `path` holds, without the line end behind it.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(path: &Path) -> io::Result<Self> {
        let mut bytes = fs::read(path)?;
        // As `Key::from_secret_file` has it.
        for end in [b'\n', b'\r'] {
            bytes.pop_if(|last| *last == end);
        }
        Ok(Self(bytes))
    }

    /// A random secret.
    ///
    /// # Errors
    /// Where the host has no random numbers.
    pub fn random() -> io::Result<Self> {
        let random = random::bytes::<RANDOM>()?;
        let digits: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self(digits.into_bytes()))
    }

    /// Writes it to the file at `path`, which only this user may read, and which is replaced where
    /// it is there.
    ///
    /// # Errors
    /// Where it cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<SecretFile> {
        let fresh = path.with_extension(format!("secret-{}", std::process::id()));
        let _ = fs::remove_file(&fresh);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
        let written = file.write_all(&[&*self.0, b"\n"].concat());
        if let Err(error) = written.and_then(|()| fs::rename(&fresh, path)) {
            let _ = fs::remove_file(&fresh);
            return Err(error);
        }
        Ok(SecretFile(path.to_owned()))
    }

    /// The secret. It is for keys and shown nowhere.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl Drop for SecretFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
