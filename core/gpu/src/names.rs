//! Names in job and status lines, each of which can only be made from a text that is one.
//!
//! None holds a quote, a backslash, a slash or a control character, so each stands in a line as it
//! is, and as a file's name in its folder.

use core::fmt;

use heapless::String;

use crate::limits;

/// A job: letters, digits, `-` and `_`, the first a letter or digit, at most
/// [`limits::JOB_ID_BYTES`]. (No dot: a bridge's files have the id and an ending as their name.)
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobId(String<{ limits::JOB_ID_BYTES }>);

impl JobId {
    /// The job of this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let plain = is_plain(name) && !name.contains('.');
        if plain { String::try_from(name).ok().map(Self) } else { None }
    }

    /// Its name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A file of a bundle: letters, digits, `-`, `_` and `.`, the first a letter or digit, at most
/// [`limits::FILE_NAME_BYTES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileName<'a>(&'a str);

impl<'a> FileName<'a> {
    /// The file of this name.
    #[must_use]
    pub fn of(name: &'a str) -> Option<Self> {
        (is_plain(name) && name.len() <= limits::FILE_NAME_BYTES).then_some(Self(name))
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        self.0
    }
}

impl fmt::Display for FileName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

fn is_plain(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

/// A SHA-256 (FIPS 180-4). Its text is `sha256:` and 64 digits of 0-9 a-f.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    const PREFIX: &str = "sha256:";

    /// The hash that `text` writes.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        Self::of_hex(text.strip_prefix(Self::PREFIX)?)
    }

    /// The hash that 64 digits write, without the prefix: so sha256sum does.
    #[must_use]
    pub fn of_hex(hex: &str) -> Option<Self> {
        let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
        let mut bytes = [0; 32];
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(bytes))
    }

    /// Its digits alone.
    pub fn hex(&self) -> impl fmt::Display {
        struct Hex([u8; 32]);
        impl fmt::Display for Hex {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
        Hex(self.0)
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => byte.checked_sub(b'0'),
        b'a'..=b'f' => byte.checked_sub(b'a' - 10),
        _ => None,
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.hex())
    }
}

/// What computes on a device. A mock says that it is one wherever this stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Backend {
    /// An NVIDIA GPU: NVML tells of it, CUDA computes.
    Nvml,
    /// Compute shaders, on Vulkan or Metal.
    Wgpu,
    /// No GPU: the CPU computes.
    Mock,
}

impl Backend {
    /// All there are.
    pub const ALL: [Self; 3] = [Self::Nvml, Self::Wgpu, Self::Mock];

    /// The backend of this name.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|backend| backend.as_str() == name)
    }

    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nvml => "nvml",
            Self::Wgpu => "wgpu",
            Self::Mock => "mock",
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
