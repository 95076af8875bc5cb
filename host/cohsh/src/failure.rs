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
    /// Why the hive refuses, as its log says.
    reason: Option<String>,
    /// What to do next, where more is known than the error's number.
    advice: Option<String>,
}

#[derive(Debug)]
enum Cause {
    /// The command makes no sense; the text says what would.
    Usage(String),
    /// It is refused here, for the hive would refuse it.
    Refused(String),
    /// The hive has done what it was to refuse.
    NotRefused(String),
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
    fn of(cause: Cause) -> Self {
        Self { cause, path: None, reason: None, advice: None }
    }

    pub fn usage(text: impl Into<String>) -> Self {
        Self::of(Cause::Usage(text.into()))
    }

    pub fn no_link(error: &anyhow::Error) -> Self {
        Self::of(Cause::NoLink(format!("{error:#}")))
    }

    /// Refused without asking the hive.
    pub fn refused_here(text: impl Into<String>) -> Self {
        Self::of(Cause::Refused(text.into()))
    }

    /// That the hive has done what it was to refuse.
    pub fn not_refused(command: &str) -> Self {
        Self::of(Cause::NotRefused(format!("`{command}` was not refused: the hive has done it")))
    }

    /// Refused, and the results say why.
    pub fn told() -> Self {
        Self::of(Cause::Told)
    }

    /// The hive does not let this user in.
    pub fn attach(error: Error) -> Self {
        Self::of(Cause::Attach(error))
    }

    /// Of the hive's refusals.
    pub fn refused(errno: Errno) -> Self {
        Error::Refused(errno).into()
    }

    /// The same, about the file `path`.
    pub fn at(self, path: &str) -> Self {
        Self { path: Some(self.path.unwrap_or_else(|| path.to_owned())), ..self }
    }

    /// The same, and why the hive refuses.
    pub fn because(self, reason: Option<String>) -> Self {
        Self { reason, ..self }
    }

    /// The same, and what to do next.
    pub fn advised(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    pub fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// Whether the error's number is all that is known.
    pub fn is_bare(&self) -> bool {
        self.reason.is_none() && self.advice.is_none() && !matches!(self.cause, Cause::Attach(_))
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
        let here = matches!(self.cause, Cause::Refused(_) | Cause::NotRefused(_) | Cause::Told);
        if here || self.errno().is_some() { REFUSED } else { FAILED }
    }

    /// What to do next.
    fn advice(&self) -> Option<&str> {
        if self.advice.is_some() {
            return self.advice.as_deref();
        }
        if let Some(reason) = &self.reason {
            return advice_on(reason);
        }
        match self.client()? {
            Error::Refused(errno) => Some(advice(*errno)),
            Error::Path(_) => Some("correct the path"),
            Error::Interrupted => None,
            Error::Version(_) => Some("connect to a hive"),
            Error::Protocol(_) => Some("connect to a hive, or report this"),
            Error::HungUp | Error::Link(_) => Some("see whether the hive still runs, then repeat"),
        }
    }
}

/// What to do next where the hive says why it refuses, and that is not enough.
fn advice_on(reason: &str) -> Option<&'static str> {
    let advices = [
        ("kill: no such worker", "`workers` lists those that live"),
        ("revoke: no session", "`cat /proc/sessions` shows the tickets that are in use"),
        ("mount.service: no such", "docs/INTERFACES.md says which there are"),
        ("bind.", "`ls` shows what is there"),
        ("mount.at", "`ls` shows what is there"),
        ("bind: something is mounted", "bind it somewhere else"),
        ("bind: the session has as many", "begin another session"),
    ];
    advices.iter().find(|(start, _)| reason.starts_with(start)).map(|(_, advice)| *advice)
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
        Self::of(Cause::Client(error))
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::of(Cause::Output(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(path) = &self.path {
            write!(f, "{path}: ")?;
        }
        if let (Some(reason), Some(errno)) = (&self.reason, self.errno()) {
            write!(f, "{reason} ({})", errno.name().unwrap_or("refused"))?;
            return self.write_advice(f);
        }
        match &self.cause {
            Cause::Usage(text) | Cause::NoLink(text) => f.write_str(text),
            Cause::Refused(text) | Cause::NotRefused(text) => f.write_str(text),
            Cause::Told => f.write_str("refused"),
            Cause::Client(error) | Cause::Attach(error) => error.fmt(f),
            Cause::Output(error) => {
                write!(f, "cannot write the results: {error}; send stdout elsewhere")
            }
        }?;
        self.write_advice(f)
    }
}

impl Failure {
    fn write_advice(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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
