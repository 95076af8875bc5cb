//! A line of `/gpu/<id>/status`.

use core::fmt::{self, Write as _};

use crate::limits;
use crate::names::{Backend, Hash, JobId};
use crate::object;
use crate::refused::{Reason, Refused};

/// How far a job is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// It waits.
    Queued,
    /// It is being computed.
    Running,
    /// It was computed and checked.
    Ok,
    /// It ended otherwise.
    Err,
}

impl State {
    const ALL: [Self; 4] = [Self::Queued, Self::Running, Self::Ok, Self::Err];

    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "QUEUED",
            Self::Running => "RUNNING",
            Self::Ok => "OK",
            Self::Err => "ERR",
        }
    }

    /// Whether the job goes on no more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Ok | Self::Err)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What is said of a job. Its text is its line, without the line end; in it the detail is cut to
/// [`limits::DETAIL_BYTES`], and what a line cannot hold is replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status<'a> {
    /// Which job.
    pub job: JobId,
    /// How far it is.
    pub state: State,
    /// How much of it is computed, in percent. OK and 100 go together with a result.
    pub progress: u8,
    /// What computes it, once that is known.
    pub backend: Option<Backend>,
    /// More, for people; why, if it is ERR.
    pub detail: &'a str,
    /// Of the result, if it is OK.
    pub result: Option<Hash>,
}

const NAMES: &[&str] = &["job", "state", "progress", "backend", "detail", "result"];

impl<'a> Status<'a> {
    /// The status that `line` holds, which has no line end any more.
    ///
    /// # Errors
    /// The first thing that is wrong with it. OK without a result, a result without OK, and a
    /// progress that does not go with the state are wrong, too.
    pub fn parse(line: &'a [u8]) -> Result<Self, Refused> {
        let (mut job, mut state, mut backend, mut result) = (None, None, None, None);
        let (mut progress, mut detail) = (0_u8, "");
        let seen = object::read(line, NAMES, &mut |index, cursor| {
            match NAMES.get(index).copied().unwrap_or_default() {
                "job" => job = Some(object::text(cursor, "must be a job", JobId::of)?),
                "state" => {
                    let must = "must be QUEUED, RUNNING, OK or ERR";
                    state = Some(object::text(cursor, must, State::of)?);
                }
                "progress" => progress = object::number(cursor, (0, 100))?,
                "backend" => {
                    let must = "must be nvml, wgpu or mock";
                    backend = Some(object::text(cursor, must, Backend::of)?);
                }
                "detail" => {
                    let short = |text: &'a str| is_detail(text).then_some(text);
                    let must = "must be a text of 160 bytes at most";
                    detail = object::text(cursor, must, short)?;
                }
                _ => {
                    let must = "must be sha256: and 64 digits of 0-9 a-f";
                    result = Some(object::text(cursor, must, Hash::of)?);
                }
            }
            Ok(())
        })?;
        for (index, name) in NAMES.iter().enumerate() {
            if !seen.has(index) && !matches!(*name, "backend" | "result") {
                return Err(Refused::field(name, Reason::Missing));
            }
        }
        let missing = |name| Refused::field(name, Reason::Missing);
        let state = state.ok_or(missing("state"))?;
        if (state == State::Ok) != result.is_some() {
            return Err(Refused::field(
                "result",
                Reason::Must("must be there if state is OK, only"),
            ));
        }
        let fits = match state {
            State::Queued => progress == 0,
            State::Ok => progress == 100,
            State::Running | State::Err => true,
        };
        if !fits {
            let must = "must be 0 for QUEUED and 100 for OK";
            return Err(Refused::field("progress", Reason::Must(must)));
        }
        Ok(Self { job: job.ok_or(missing("job"))?, state, progress, backend, detail, result })
    }
}

fn is_detail(text: &str) -> bool {
    text.len() <= limits::DETAIL_BYTES && !text.contains(char::is_control)
}

impl fmt::Display for Status<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { job, state, progress, backend, detail, result } = self;
        write!(f, "{{\"job\":\"{job}\",\"state\":\"{state}\",\"progress\":{progress}")?;
        if let Some(backend) = backend {
            write!(f, ",\"backend\":\"{backend}\"")?;
        }
        f.write_str(",\"detail\":\"")?;
        let length = detail.floor_char_boundary(limits::DETAIL_BYTES);
        for character in detail.get(..length).unwrap_or_default().chars() {
            f.write_char(match character {
                '"' => '\'',
                '\\' => '/',
                // One byte, as the narrowest of them: the bound holds.
                character if character.is_control() => ' ',
                character => character,
            })?;
        }
        f.write_char('"')?;
        if let Some(result) = result {
            write!(f, ",\"result\":\"{result}\"")?;
        }
        f.write_char('}')
    }
}
