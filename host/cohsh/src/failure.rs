//! Why a command failed, in one line that says what to do next.

use std::fmt;
use std::io;

use client::{Errno, Error};

use crate::{FAILED, REFUSED};

/// What a command answers.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

/// Why a command failed.
#[derive(Debug)]
pub(crate) struct Failure {
    cause: Cause,
    /// The file that it is about.
    path: Option<String>,
}

#[derive(Debug)]
enum Cause {
    /// The command makes no sense; the text says what would.
    Usage(String),
    /// It is refused here, for the hive would refuse it.
    Refused(String),
    /// The results have said it.
    Told,
    /// The hive refuses, or the connection does not work.
    Client(Error),
    /// The same, before there was anything to work with.
    Attach(Error),
    /// There is no connection; the text says what to do.
    NoLink(String),
    /// The results cannot be written.
    Output(io::Error),
}

impl Failure {
    pub fn usage(text: impl Into<String>) -> Self {
        Self { cause: Cause::Usage(text.into()), path: None }
    }

    pub fn no_link(error: &anyhow::Error) -> Self {
        Self { cause: Cause::NoLink(format!("{error:#}")), path: None }
    }

    /// Refused without asking the hive.
    pub fn refused_here(text: impl Into<String>) -> Self {
        Self { cause: Cause::Refused(text.into()), path: None }
    }

    /// Refused, and the results say why.
    pub fn told() -> Self {
        Self { cause: Cause::Told, path: None }
    }

    /// The hive does not let this user in.
    pub fn attach(error: Error) -> Self {
        Self { cause: Cause::Attach(error), path: None }
    }

    /// Of the hive's refusals.
    pub fn refused(errno: Errno) -> Self {
        Error::Refused(errno).into()
    }

    /// The same, about the file `path`.
    pub fn at(self, path: &str) -> Self {
        Self { path: Some(self.path.unwrap_or_else(|| path.to_owned())), ..self }
    }

    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// The hive's number for it, where the hive refused.
    pub fn errno(&self) -> Option<Errno> {
        match self.client()? {
            Error::Refused(errno) => Some(*errno),
            _ => None,
        }
    }

    fn client(&self) -> Option<&Error> {
        match &self.cause {
            Cause::Client(error) | Cause::Attach(error) => Some(error),
            _ => None,
        }
    }

    /// The user asked for it.
    pub fn is_interruption(&self) -> bool {
        matches!(self.client(), Some(Error::Interrupted))
    }

    /// Whether whoever reads the results has gone, which is no news to anybody.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(&self.cause, Cause::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }

    /// Whether nothing more is to be said.
    pub fn is_told(&self) -> bool {
        matches!(self.cause, Cause::Told)
    }

    pub fn ends_connection(&self) -> bool {
        self.client().is_some_and(Error::ends_connection)
    }

    /// The exit code that tells it.
    pub fn code(&self) -> i32 {
        let here = matches!(self.cause, Cause::Refused(_) | Cause::Told);
        if here || self.errno().is_some() { REFUSED } else { FAILED }
    }

    /// What to do next.
    fn advice(&self) -> Option<&'static str> {
        match self.client()? {
            Error::Refused(Errno::EACCES | Errno::EPERM)
                if matches!(self.cause, Cause::Attach(_)) =>
            {
                Some("give a valid ticket by --ticket-file FILE; `cohsh ticket mint` makes one")
            }
            Error::Refused(errno) => Some(advice(*errno)),
            Error::Path(_) => Some("correct the path"),
            Error::Interrupted => None,
            Error::Version(_) => Some("connect to a hive"),
            Error::Protocol(_) => Some("connect to a hive, or report this"),
            Error::HungUp | Error::Link(_) => Some("see whether the hive still runs, then repeat"),
        }
    }
}

/// What to do next where the hive refused.
fn advice(errno: Errno) -> &'static str {
    match errno {
        Errno::EACCES => "`stat` shows what this session may do",
        Errno::EPERM => "files here are read, or appended to with `echo TEXT > PATH`",
        Errno::ENOENT => "`ls` of its directory shows what is there",
        Errno::ENOTDIR => "`stat` shows which part of the path is a file",
        Errno::EISDIR => "use `ls`",
        Errno::EOVERFLOW => "it was written faster than it was read: repeat, or use `tail -f`",
        Errno::EMSGSIZE => "write less at a time",
        Errno::EBUSY | Errno::EAGAIN => "repeat it later",
        Errno::EMFILE => "close other connections, then repeat",
        Errno::EBADF | Errno::ESTALE => "the file or the session has ended: open it again",
        Errno::EINVAL => "/log/queen.log may say what was wrong",
        Errno::EPROTO => "connect to a hive of this version",
        _ => "/log/queen.log may say why",
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { cause: Cause::Client(error), path: None }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self { cause: Cause::Output(error), path: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{path}: ")?;
        }
        match &self.cause {
            Cause::Usage(text) | Cause::NoLink(text) | Cause::Refused(text) => f.write_str(text),
            Cause::Told => f.write_str("refused"),
            Cause::Client(error) | Cause::Attach(error) => error.fmt(f),
            Cause::Output(error) => {
                write!(f, "cannot write the results: {error}; send stdout elsewhere")
            }
        }?;
        match self.advice() {
            Some(advice) => write!(f, "; {advice}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_says_where_why_and_what_next() {
        let failure = Failure::refused(Errno::ENOENT).at("/log/x").at("/log");
        assert_eq!(
            failure.to_string(),
            "/log/x: no such file (NotFound); `ls` of its directory shows what is there"
        );
        assert_eq!((failure.code(), failure.errno()), (REFUSED, Some(Errno::ENOENT)));
    }

    #[test]
    fn only_refusals_are_the_hives() {
        for failure in [
            Failure::usage("ls takes one path"),
            Failure::no_link(&anyhow::anyhow!("no hive")),
            Error::HungUp.into(),
            io::Error::from(io::ErrorKind::BrokenPipe).into(),
        ] {
            assert_eq!((failure.code(), failure.errno()), (FAILED, None), "{failure}");
        }
    }
}
