//! Names in commands, each of which can only be made from a text that is one.
//!
//! None holds a quote, a backslash or a control character, so each stands in a line as it is.

use core::fmt;

use crate::table::limits;

/// A worker: `worker-7`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WorkerId(pub u32);

impl WorkerId {
    const PREFIX: &str = "worker-";

    /// The worker of this name: the number is decimal, without leading zeros.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        let digits = name.strip_prefix(Self::PREFIX)?;
        let number = crate::scan::whole_number(digits)?;
        u32::try_from(number).ok().map(Self)
    }
}

impl fmt::Display for WorkerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", Self::PREFIX, self.0)
    }
}

/// A text that was checked.
macro_rules! checked_text {
    ($(#[$doc:meta])* $name:ident, $check:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub struct $name<'a>(&'a str);

        impl<'a> $name<'a> {
            /// `text`, if it is one.
            #[must_use]
            pub fn of(text: &'a str) -> Option<Self> {
                $check(text).then_some(Self(text))
            }

            /// Its text.
            #[must_use]
            pub const fn as_str(self) -> &'a str {
                self.0
            }
        }

        impl fmt::Display for $name<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.0)
            }
        }
    };
}

checked_text! {
    /// A GPU: a letter or digit, then letters, digits, `-`, `_` and `.`, at most
    /// [`limits::GPU_ID_BYTES`]. NVML's UUIDs (`GPU-` and 36 characters) are some.
    GpuId, is_gpu_id
}

checked_text! {
    /// A service, named as components are: a lower-case letter, then lower-case letters, digits
    /// and `-`, at most [`limits::SERVICE_BYTES`].
    Service, is_service
}

checked_text! {
    /// A path from the root in normal form: no empty component, no `.`, no `..`, no slash at the
    /// end but for the root itself; at most [`limits::PATH_BYTES`] bytes and
    /// [`limits::PATH_DEPTH`] components.
    Path, is_path
}

impl<'a> Path<'a> {
    /// Its components; the root has none.
    pub fn components(self) -> impl Iterator<Item = &'a str> {
        self.0.split('/').filter(|component| !component.is_empty())
    }
}

fn is_gpu_id(text: &str) -> bool {
    text.len() <= limits::GPU_ID_BYTES
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}

fn is_service(text: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    text.len() <= limits::SERVICE_BYTES
        && text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.bytes().all(inside)
}

fn is_path(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('/') else { return false };
    let plain = |character: char| !character.is_control() && !matches!(character, '"' | '\\');
    text.len() <= limits::PATH_BYTES
        && text.chars().all(plain)
        && (rest.is_empty()
            || rest.split('/').all(|component| !matches!(component, "" | "." | ".."))
                && rest.split('/').count() <= limits::PATH_DEPTH)
}

/// A ticket's name, which tells it from every other and is no secret: [`limits::TICKET_BYTES`]
/// bytes, in lower-case hex. `cohesix-ticket` makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TicketId(pub [u8; limits::TICKET_BYTES]);

impl TicketId {
    /// The name that `hex` writes.
    #[must_use]
    pub fn of(hex: &str) -> Option<Self> {
        let (pairs, rest) = hex.as_bytes().as_chunks::<2>();
        let mut bytes = [0; limits::TICKET_BYTES];
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return None;
        }
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Some(Self(bytes))
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => byte.checked_sub(b'0'),
        b'a'..=b'f' => byte.checked_sub(b'a' - 10),
        _ => None,
    }
}

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
