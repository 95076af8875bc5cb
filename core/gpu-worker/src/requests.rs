//! The frame of each step.

use secure9p_codec::{Fid, Names, Request, Tag};
use worker::{APPEND, ROOT, TAG};

use crate::{Ended, GpuWorker, STATUS_READ, Step, TASK_READ, Target};

/// Bytes of a path as it travels, and more.
const PACKED: usize = 96;
const READ: u32 = 0;
/// Most bytes of a look at the directory of GPUs.
const LIST: u32 = 1024;

impl Target {
    const fn fid(self) -> Fid {
        Fid(self as u32 + 1)
    }

    /// Its path from the root, where the GPU has this name.
    const fn path(self, gpu: &str) -> [&str; 3] {
        match self {
            Self::Tasks => ["worker", "self", "tasks"],
            Self::Telemetry => ["worker", "self", "telemetry"],
            Self::Gpus => ["gpu", "", ""],
            Self::Job => ["gpu", gpu, "job"],
            Self::Status => ["gpu", gpu, "status"],
        }
    }

    /// Names in its path.
    pub const fn depth(self) -> usize {
        if matches!(self, Self::Gpus) { 1 } else { 3 }
    }

    const fn flags(self) -> u32 {
        if matches!(self, Self::Telemetry | Self::Job) { APPEND } else { READ }
    }
}

impl GpuWorker<'_> {
    pub(crate) fn tag(&self) -> Tag {
        if self.step == Step::Version { Tag::NONE } else { TAG }
    }

    /// Writes the frame of this step to the front of `frame`.
    pub(crate) fn request(&self, frame: &mut [u8]) -> Result<usize, Ended> {
        let mut packed = [0; PACKED];
        let read = |target: Target, offset, count: usize| Request::Read {
            fid: target.fid(),
            offset,
            count: count as u32,
        };
        let request = match self.step {
            Step::Version => worker::version(),
            Step::Attach => worker::attach(self.ticket),
            Step::Drop(target) => Request::Clunk { fid: target.fid() },
            Step::Walk(target) => {
                let path = target.path(&self.gpu);
                let path = path.get(..target.depth()).unwrap_or_default();
                let names = Names::pack(path, &mut packed).map_err(|_| Ended::TooLong)?;
                Request::Walk { fid: ROOT, newfid: target.fid(), names }
            }
            Step::Open(target) => Request::Lopen { fid: target.fid(), flags: target.flags() },
            Step::List => Request::Readdir { fid: Target::Gpus.fid(), offset: 0, count: LIST },
            Step::ReadTasks => read(Target::Tasks, self.tasks_at, TASK_READ),
            Step::ReadStatus => read(Target::Status, self.status_at, STATUS_READ),
            Step::Submit => Request::Write { fid: Target::Job.fid(), offset: 0, data: &self.task },
            Step::Tell(_) => {
                Request::Write { fid: Target::Telemetry.fid(), offset: 0, data: &self.text }
            }
            // Asked for only when it is time.
            Step::Rest => return Err(Ended::Botched),
            Step::Over(ended) => return Err(ended),
        };
        worker::encode(self.tag(), &request, frame)
    }
}
