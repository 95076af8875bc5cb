//! Random numbers, from the host.

use std::fs::File;
use std::io::{self, Read};

/// Bytes of the host's generator for keys.
pub(crate) fn bytes<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A number that nobody guesses.
pub(crate) fn number() -> io::Result<u64> {
    bytes().map(u64::from_le_bytes)
}
