//! What it reads and tells: lines, and which jobs are its own.

use core::fmt::{self, Write as _};
use core::ops::Deref;

use gpu::limits::STATUS_LINE_BYTES;
use gpu::{JobId, State, Status};
use heapless::{String, Vec};

/// Most jobs that it follows: as many as a GPU's queue takes.
const MAX_JOBS: usize = 32;

/// The first line of `data` without its end, and its length with it; `None` where none ends.
pub fn first_line(data: &[u8]) -> Option<(&[u8], u64)> {
    let end = data.iter().position(|byte| *byte == b'\n')?;
    Some((data.get(..end)?, end as u64 + 1))
}

/// What Linux calls the error.
pub fn errno_name(errno: u32) -> &'static str {
    match errno {
        1 => "EPERM",
        2 => "ENOENT",
        5 => "EIO",
        9 => "EBADF",
        11 => "EAGAIN",
        13 => "EACCES",
        16 => "EBUSY",
        17 => "EEXIST",
        22 => "EINVAL",
        24 => "EMFILE",
        71 => "EPROTO",
        75 => "EOVERFLOW",
        90 => "EMSGSIZE",
        95 => "EOPNOTSUPP",
        _ => "another",
    }
}

#[derive(Debug)]
struct Followed {
    job: JobId,
    /// What was told of it last.
    told: Option<(State, u8)>,
}

/// The jobs that it has submitted and that have not ended.
#[derive(Debug)]
pub struct Own(Vec<Followed, MAX_JOBS>);

impl Own {
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Follows a job. Where there are too many the oldest is followed no more.
    pub fn add(&mut self, job: JobId) {
        if let Some(followed) = self.0.iter_mut().find(|followed| followed.job == job) {
            // It was submitted again: what is said again of it is told again.
            followed.told = None;
            return;
        }
        if self.0.is_full() {
            self.0.remove(0);
        }
        // There is room now.
        let _ = self.0.push(Followed { job, told: None });
    }

    /// Whether this is something new about a job of its own. One that has ended is followed no
    /// more.
    pub fn is_news(&mut self, status: &Status<'_>) -> bool {
        let Some(place) = self.0.iter().position(|followed| followed.job == status.job) else {
            return false;
        };
        if status.state.is_final() {
            self.0.remove(place);
            return true;
        }
        let says = Some((status.state, status.progress));
        self.0
            .get_mut(place)
            .is_some_and(|followed| core::mem::replace(&mut followed.told, says) != says)
    }

    /// A job that it follows, and from now on no more.
    pub fn take(&mut self) -> Option<JobId> {
        if self.0.is_empty() { None } else { Some(self.0.remove(0).job) }
    }
}

/// A line of telemetry, with its end.
#[derive(Debug)]
pub struct Text(String<{ STATUS_LINE_BYTES + 1 }>);

impl Text {
    pub const fn new() -> Self {
        Self(String::new())
    }

    fn set(&mut self, line: fmt::Arguments<'_>) {
        self.0.clear();
        // Every line is shorter than its limit.
        let _ = self.0.write_fmt(line);
        let _ = self.0.push('\n');
    }

    /// What is said of a job.
    pub fn status(&mut self, status: &Status<'_>) {
        self.set(format_args!("{status}"));
    }

    /// A task was not taken.
    pub fn refused(&mut self, job: Option<&JobId>, errno: &str) {
        match job {
            Some(job) => self.set(format_args!(
                "{{\"job\":\"{job}\",\"state\":\"REFUSED\",\"errno\":\"{errno}\"}}"
            )),
            None => {
                self.set(format_args!(
                    "{{\"job\":null,\"state\":\"REFUSED\",\"errno\":\"{errno}\"}}"
                ));
            }
        }
    }

    /// Lines of the file `of` were gone before they were read.
    pub fn lost(&mut self, of: &str) {
        self.set(format_args!("{{\"{of}\":\"LOST\"}}"));
    }
}

impl Deref for Text {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}
