//! A line of `/gpu/<id>/job` as the bridge reads it: what it is to do.

use core::fmt::{self, Write as _};

use control::WorkerId;

use crate::job::{self, Fields, Job};
use crate::limits;
use crate::names::JobId;
use crate::object;
use crate::refused::{Reason, Refused};

/// What the bridge is to do. Its text is its line, without the line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order<'a> {
    /// Run a job: its line, with its holder and what its lease has before it. Whoever cannot run
    /// all that it has been given runs the highest first.
    Run {
        /// Whose job.
        holder: WorkerId,
        /// Of its lease, when this was said.
        priority: u8,
        /// Memory that the lease has, in MiB.
        mem_mb: u32,
        /// The job.
        job: Job<'a>,
    },
    /// Stop a job, `{"cancel":"jid-9"}`, and say how it ended. One that has ended meanwhile is
    /// passed over.
    Cancel(JobId),
}

/// [`job::NAMES`], and what an order has besides.
const NAMES: &[&str] = &[
    "job",
    "kernel",
    "m",
    "n",
    "k",
    "grid",
    "block",
    "bytes_hash",
    "inputs",
    "outputs",
    "timeout_ms",
    "holder",
    "priority",
    "mem_mb",
    "cancel",
];
const HOLDER: usize = job::NAMES.len();
const PRIORITY: usize = HOLDER + 1;
const MEM_MB: usize = HOLDER + 2;
const CANCEL: usize = HOLDER + 3;
const _: () = assert!(NAMES.len() == CANCEL + 1);

impl<'a> Order<'a> {
    /// The order that `line` holds, which has no line end any more.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(line: &'a [u8]) -> Result<Self, Refused> {
        let mut fields = Fields::default();
        let (mut holder, mut priority, mut mem_mb, mut cancel) = (None, None, None, None);
        let seen = object::read(line, NAMES, &mut |index, cursor| {
            match index {
                HOLDER => {
                    let must = "must be a worker like \"worker-7\"";
                    holder = Some(object::text(cursor, must, WorkerId::of)?);
                }
                PRIORITY => priority = Some(object::number(cursor, limits::PRIORITY)?),
                MEM_MB => mem_mb = Some(object::number(cursor, limits::MEM_MB)?),
                CANCEL => cancel = Some(object::text(cursor, "must be a job", JobId::of)?),
                _ => fields.take(index, cursor)?,
            }
            Ok(())
        })?;
        if let Some(cancel) = cancel {
            return match (0..CANCEL).find(|index| seen.has(*index)) {
                None => Ok(Self::Cancel(cancel)),
                Some(_) => Err(Refused::field("cancel", Reason::Must("must stand alone"))),
            };
        }
        let missing = |name| Refused::field(name, Reason::Missing);
        let holder = holder.ok_or(missing("holder"))?;
        let priority = priority.ok_or(missing("priority"))?;
        let mem_mb = mem_mb.ok_or(missing("mem_mb"))?;
        Ok(Self::Run { holder, priority, mem_mb, job: fields.job(seen)? })
    }

    /// Writes the order to run a job of which only the line is there, as [`Job`] writes it.
    ///
    /// # Errors
    /// Those of `text`, and where `line` is no object.
    pub fn write_run(
        text: &mut dyn fmt::Write,
        holder: WorkerId,
        (priority, mem_mb): (u8, u32),
        line: &str,
    ) -> fmt::Result {
        let fields = line.strip_prefix('{').ok_or(fmt::Error)?;
        write!(
            text,
            "{{\"holder\":\"{holder}\",\"priority\":{priority},\"mem_mb\":{mem_mb},{fields}"
        )
    }

    /// Writes the order to cancel a job.
    ///
    /// # Errors
    /// Those of `text`.
    pub fn write_cancel(text: &mut dyn fmt::Write, job: &JobId) -> fmt::Result {
        write!(text, "{{\"cancel\":\"{job}\"}}")
    }
}

impl fmt::Display for Order<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run { holder, priority, mem_mb, job } => {
                let mut line = heapless::String::<{ limits::JOB_LINE_BYTES }>::new();
                write!(line, "{job}")?;
                Self::write_run(f, *holder, (*priority, *mem_mb), &line)
            }
            Self::Cancel(job) => Self::write_cancel(f, job),
        }
    }
}
