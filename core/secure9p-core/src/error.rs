//! Why a request fails, and how each dialect says so.

use core::fmt::{self, Write as _};
use core::ops::Deref;

use secure9p_codec::DecodeError;

/// Why a request fails. A [`crate::Tree`] gives the first group; the second is the connection's
/// own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// This session may not do that.
    Permission,
    /// There is no such file.
    NotFound,
    /// Something is in the way that will go away.
    Busy,
    /// The request makes no sense for this file.
    Invalid,
    /// More than fits.
    TooBig,
    /// The file or the session is gone; its open fids are of no use any more.
    Closed,
    /// The reader was overrun: so many bytes went unread. A fresh open goes on.
    Lost(u64),
    /// A file is where a directory must be.
    NotDirectory,
    /// A directory is where a file must be.
    IsDirectory,

    /// No file of this server can be changed in this way, by nobody.
    Refused,
    /// The name is taken.
    Exists,
    /// The fid is unknown, or [`secure9p_codec::Fid::NONE`].
    UnknownFid,
    /// The new fid is in use.
    FidInUse,
    /// The fid is not open, or open, or not open for this.
    BadUse,
    /// The connection's fids are all in use.
    TooManyFids,
    /// The connection's waiting requests are as many as it may have.
    TooManyRequests,
    /// A directory is read from where no entry starts.
    BadOffset,
    /// There is no such extended attribute.
    NoData,
    /// The server does without authentication: attach without an afid.
    NoAuth,
    /// The server does not do that.
    Unsupported,
    /// The frame is no message of the dialect.
    Malformed(DecodeError),
    /// The tag names a request that still waits, or no request at all.
    BadTag,
    /// The version was not negotiated.
    NoVersion,
    /// The client's largest message is too small.
    SmallMessages,
}

/// Longest error string, in bytes.
const ENAME: usize = 64;

impl Error {
    /// What 9P2000's `Rerror` says. Linux finds the errno by comparing the whole string with its
    /// table (`net/9p/error.c`), so where it has fitting words they are all that is said; the
    /// others end in our name for the error.
    #[must_use]
    pub fn ename(self) -> Ename {
        let mut ename = Ename { bytes: [0; ENAME], length: 0 };
        // Cannot fail: `Ename` drops what does not fit.
        let _ = match self {
            Self::Lost(bytes) => write!(ename, "lost {bytes} bytes (Lost)"),
            Self::Malformed(error @ DecodeError::Type(_)) => write!(ename, "{error}"),
            fixed => ename.write_str(fixed.words()),
        };
        ename
    }

    fn words(self) -> &'static str {
        match self {
            Self::Permission => "permission denied",
            Self::NotFound => "file does not exist",
            Self::Busy => "Device or resource busy",
            Self::Invalid => "Invalid argument",
            Self::TooBig => "Message too long",
            Self::Closed => "Bad file descriptor",
            Self::Lost(_) => "lost bytes (Lost)",
            Self::NotDirectory => "not a directory",
            Self::IsDirectory => "Is a directory",
            Self::Refused => "Operation not permitted",
            Self::Exists => "file already exists",
            Self::UnknownFid => "fid unknown or out of range",
            Self::FidInUse => "fid already in use",
            Self::BadUse => "bad use of fid",
            Self::TooManyFids => "Too many open files",
            Self::TooManyRequests => "Resource temporarily unavailable",
            Self::BadOffset => "bad offset in directory read",
            Self::NoData => "No data available",
            Self::NoAuth => "authentication not required (NoAuth)",
            Self::Unsupported => "Operation not supported",
            Self::Malformed(_) => "protocol botch",
            Self::BadTag => "Protocol error",
            Self::NoVersion => "version not negotiated (NoVersion)",
            Self::SmallMessages => "msize too small (SmallMessages)",
        }
    }

    /// What 9P2000.L's `Rlerror` says: Linux's errno (`asm-generic/errno-base.h`, `errno.h`).
    #[must_use]
    pub const fn errno(self) -> u32 {
        match self {
            Self::Refused => 1,                                                   // EPERM
            Self::NotFound | Self::NoAuth => 2,                                   // ENOENT
            Self::Closed | Self::UnknownFid | Self::FidInUse | Self::BadUse => 9, // EBADF
            Self::TooManyRequests => 11,                                          // EAGAIN
            Self::Permission => 13,                                               // EACCES
            Self::Busy => 16,                                                     // EBUSY
            Self::Exists => 17,                                                   // EEXIST
            Self::NotDirectory => 20,                                             // ENOTDIR
            Self::IsDirectory => 21,                                              // EISDIR
            Self::Invalid => 22,                                                  // EINVAL
            Self::TooManyFids => 24,                                              // EMFILE
            Self::BadOffset => 29,                                                // ESPIPE
            Self::NoData => 61,                                                   // ENODATA
            Self::Malformed(DecodeError::Type(_)) | Self::Unsupported => 95,      // EOPNOTSUPP
            Self::Malformed(_) | Self::BadTag | Self::NoVersion => 71,            // EPROTO
            Self::Lost(_) => 75,                                                  // EOVERFLOW
            Self::TooBig | Self::SmallMessages => 90,                             // EMSGSIZE
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.ename())
    }
}

impl core::error::Error for Error {}

/// An error string.
#[derive(Clone, Copy)]
pub struct Ename {
    bytes: [u8; ENAME],
    length: usize,
}

impl fmt::Write for Ename {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            let Some(place) = self.bytes.get_mut(self.length) else { break };
            *place = byte;
            self.length += 1;
        }
        Ok(())
    }
}

impl Deref for Ename {
    type Target = str;

    fn deref(&self) -> &str {
        // The words are ASCII, so cutting them off leaves them UTF-8.
        self.bytes.get(..self.length).and_then(|text| str::from_utf8(text).ok()).unwrap_or_default()
    }
}

impl fmt::Debug for Ename {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString as _;

    const ALL: &[Error] = &[
        Error::Permission,
        Error::NotFound,
        Error::Busy,
        Error::Invalid,
        Error::TooBig,
        Error::Closed,
        Error::Lost(u64::MAX),
        Error::NotDirectory,
        Error::IsDirectory,
        Error::Refused,
        Error::Exists,
        Error::UnknownFid,
        Error::FidInUse,
        Error::BadUse,
        Error::TooManyFids,
        Error::TooManyRequests,
        Error::BadOffset,
        Error::NoData,
        Error::NoAuth,
        Error::Unsupported,
        Error::Malformed(DecodeError::Count),
        Error::Malformed(DecodeError::Type(255)),
        Error::BadTag,
        Error::NoVersion,
        Error::SmallMessages,
    ];

    /// Lines of Linux's table, with the errno that they stand for.
    const LINUX: &[(&str, u32)] = &[
        ("permission denied", 13),
        ("file does not exist", 2),
        ("Device or resource busy", 16),
        ("Invalid argument", 22),
        ("Message too long", 90),
        ("Bad file descriptor", 9),
        ("not a directory", 20),
        ("Is a directory", 21),
        ("Operation not permitted", 1),
        ("file already exists", 17),
        ("fid unknown or out of range", 9),
        ("fid already in use", 9),
        ("bad use of fid", 9),
        ("Too many open files", 24),
        ("Resource temporarily unavailable", 11),
        ("bad offset in directory read", 29),
        ("No data available", 61),
        ("Operation not supported", 95),
        ("protocol botch", 71),
        ("Protocol error", 71),
    ];

    #[test]
    fn words_that_linux_knows_mean_the_same_errno() {
        for error in ALL {
            let ename = error.ename();
            match LINUX.iter().find(|(words, _)| *words == &*ename) {
                Some((_, errno)) => assert_eq!(*errno, error.errno(), "{ename:?}"),
                None => assert!(
                    ename.ends_with(')') || ename.starts_with("unexpected message type"),
                    "{ename:?} is neither Linux's nor names the error"
                ),
            }
        }
    }

    #[test]
    fn every_error_string_is_whole_and_every_errno_is_one() {
        for error in ALL {
            assert!(!error.ename().is_empty() && error.ename().len() < ENAME, "{error:?}");
            assert!(error.errno() != 0);
        }
        assert_eq!(Error::Lost(u64::MAX).to_string(), "lost 18446744073709551615 bytes (Lost)");
    }

    /// The rows of a table of docs/SECURE9P.md, without title; a row is its cells.
    fn rows(name: &str) -> std::vec::Vec<std::vec::Vec<std::string::String>> {
        let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/SECURE9P.md");
        let text = std::fs::read_to_string(document).expect("docs/SECURE9P.md");
        let (_, behind) = text.split_once(&std::format!("<!-- {name} -->\n")).expect(name);
        let (table, _) = behind.split_once("<!-- end of ").expect(name);
        let cells = |line: &str| {
            line.trim_matches('|').split('|').map(|cell| cell.trim().to_string()).collect()
        };
        table.lines().skip(2).map(cells).collect()
    }

    #[test]
    fn the_documents_errors_are_these() {
        let written = rows("errors").into_iter().map(|row| {
            let words = row[1].trim_matches('`').to_string();
            let number = row[2].split(' ').nth(1).and_then(|number| number.parse().ok());
            (words, number.expect("NAME NUMBER"))
        });
        let shown = |error: &Error| {
            let words = match error {
                Error::Lost(bytes) => error.to_string().replace(&bytes.to_string(), "N"),
                Error::Malformed(DecodeError::Type(_)) => error.to_string().replace("255", "N"),
                _ => error.to_string(),
            };
            (words, error.errno())
        };
        let (mut written, mut expected): (std::vec::Vec<_>, std::vec::Vec<_>) =
            (written.collect(), ALL.iter().map(shown).collect());
        written.sort();
        expected.sort();
        assert_eq!(written, expected);
    }

    #[test]
    fn the_documents_limits_are_these() {
        let numbers = rows("limits").into_iter().map(|row| {
            let number = row[1].split(' ').next().and_then(|number| number.parse::<u32>().ok());
            number.expect("a number")
        });
        let walk = secure9p_codec::MAX_WALK as u32;
        let expected = [secure9p_codec::MAX_MSIZE, crate::MIN_MSIZE, walk];
        assert_eq!(numbers.collect::<std::vec::Vec<_>>(), expected);
    }
}
