//! Why a request fails.

use std::fmt;
use std::io;

/// What a call of this crate answers.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a request fails.
#[derive(Debug)]
pub enum Error {
    /// The server says no.
    Refused(Errno),
    /// The wait for the answer was interrupted; the request is given up, the connection is not.
    Interrupted,
    /// The path is none, for this reason.
    Path(&'static str),
    /// The server speaks this version only.
    Version(String),
    /// The server's answer is none, for this reason.
    Protocol(String),
    /// The server hung up.
    HungUp,
    /// The stream does not work.
    Link(io::Error),
}

impl Error {
    /// Whether nothing more can be asked over the connection.
    #[must_use]
    pub const fn ends_connection(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Interrupted | Self::Path(_) => false,
            Self::Version(_) | Self::Protocol(_) | Self::HungUp | Self::Link(_) => true,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(errno) => errno.fmt(f),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Path(why) => f.write_str(why),
            Self::Version(version) => write!(f, "the server speaks `{version}`, not 9P2000.L"),
            Self::Protocol(why) => write!(f, "the server's answer makes no sense: {why}"),
            Self::HungUp => f.write_str("the server hung up"),
            Self::Link(error) => write!(f, "the connection failed: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Link(error) => Some(error),
            _ => None,
        }
    }
}

/// What `Rlerror` carries: a number of Linux, whatever system this is
/// (`include/uapi/asm-generic/errno-base.h` and `errno.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub u32);

/// The numbers that a hive answers with, Linux's words, and the hive's own name for the error
/// where it has one.
const TABLE: [(Errno, &str, &str); 17] = [
    (Errno::EPERM, "operation not permitted", "Permission"),
    (Errno::ENOENT, "no such file", "NotFound"),
    (Errno::EBADF, "file or session gone", "Closed"),
    (Errno::EAGAIN, "too many waiting requests", "Busy"),
    (Errno::EACCES, "permission denied", "Permission"),
    (Errno::EBUSY, "busy", "Busy"),
    (Errno(17), "file exists", "Exists"),
    (Errno::ENOTDIR, "not a directory", "NotDirectory"),
    (Errno::EISDIR, "is a directory", "IsDirectory"),
    (Errno::EINVAL, "invalid argument", "Invalid"),
    (Errno::EMFILE, "too many open files", "TooManyFids"),
    (Errno(29), "no entry starts there", "BadOffset"),
    (Errno::EPROTO, "protocol error", "Malformed"),
    (Errno::EOVERFLOW, "overrun", "Lost"),
    (Errno::EMSGSIZE, "too big", "TooBig"),
    (Errno(95), "not supported", "Unsupported"),
    (Errno::ESTALE, "file or session gone", "Closed"),
];

impl Errno {
    /// Nobody may do that to files of this kind.
    pub const EPERM: Self = Self(1);
    /// No such file.
    pub const ENOENT: Self = Self(2);
    /// The file or the session is gone.
    pub const EBADF: Self = Self(9);
    /// Too many requests wait.
    pub const EAGAIN: Self = Self(11);
    /// This session may not do that.
    pub const EACCES: Self = Self(13);
    /// In the way is something that will go away.
    pub const EBUSY: Self = Self(16);
    /// A file where a directory must be.
    pub const ENOTDIR: Self = Self(20);
    /// A directory where a file must be.
    pub const EISDIR: Self = Self(21);
    /// The file does not take that.
    pub const EINVAL: Self = Self(22);
    /// Too many files are open.
    pub const EMFILE: Self = Self(24);
    /// The server did not understand the request.
    pub const EPROTO: Self = Self(71);
    /// What was to be read is no longer kept.
    pub const EOVERFLOW: Self = Self(75);
    /// More than fits.
    pub const EMSGSIZE: Self = Self(90);
    /// The file or the session is gone.
    pub const ESTALE: Self = Self(116);

    fn line(self) -> Option<&'static (Self, &'static str, &'static str)> {
        TABLE.iter().find(|(errno, ..)| *errno == self)
    }

    /// The hive's name for it; `None` where no hive answers with it.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        self.line().map(|(_, _, name)| *name)
    }
}

impl fmt::Display for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line() {
            Some((_, words, name)) => write!(f, "{words} ({name})"),
            None => write!(f, "refused with errno {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_say_their_name_and_unknown_ones_their_number() {
        assert_eq!(Errno::EACCES.to_string(), "permission denied (Permission)");
        assert_eq!(Errno(4000).to_string(), "refused with errno 4000");
        assert_eq!(Errno(4000).name(), None);
    }

    #[test]
    fn the_table_has_each_number_once_and_in_order() {
        assert!(TABLE.is_sorted_by(|(a, ..), (b, ..)| a.0 < b.0));
    }
}
