//! Every file: a table of those that are always there, and those of each worker.
//!
//! A new file is a line of the table, a line in `policy` and what it holds in `tree`.

use crate::gpus::DeviceId;
use crate::workers::WorkerId;

/// A file that is always there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fixed {
    /// `/`
    Root,
    /// `/proc`
    Proc,
    /// `/proc/boot`
    Boot,
    /// `/proc/caps`
    Caps,
    /// `/proc/events`
    Events,
    /// `/proc/mem`
    Memory,
    /// `/proc/sched`
    Sched,
    /// `/proc/self`
    Own,
    /// `/proc/sessions`
    Sessions,
    /// `/log`
    Log,
    /// `/log/queen.log`
    QueenLog,
    /// `/queen`
    Queen,
    /// `/queen/ctl`
    Control,
    /// `/queen/last`
    Last,
    /// `/worker`
    Workers,
    /// `/gpu`
    Gpus,
    /// `/gpu/publish`
    Publish,
}

/// A file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// One that is always there.
    Fixed(Fixed),
    /// `/worker/ID`, as long as the worker lives.
    Worker(WorkerId),
    /// `/worker/ID/telemetry`, as long as the worker lives.
    Telemetry(WorkerId),
    /// `/worker/ID/tasks`, as long as the worker lives; only of a GPU worker.
    Tasks(WorkerId),
    /// `/gpu/ID`, as long as its bridge publishes it.
    Gpu(DeviceId),
    /// A file in it.
    OfGpu(DeviceId, Part),
}

/// A file of a GPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `/gpu/ID/ctl`
    Control,
    /// `/gpu/ID/info`
    Info,
    /// `/gpu/ID/job`
    Job,
    /// `/gpu/ID/status`
    Status,
}

impl Part {
    /// Every one, in the order in which they are listed.
    pub const ALL: [Self; 4] = [Self::Control, Self::Info, Self::Job, Self::Status];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Control => "ctl",
            Self::Info => "info",
            Self::Job => "job",
            Self::Status => "status",
        }
    }

    /// The same behind a slash.
    pub(crate) const fn below(self) -> &'static [u8] {
        match self {
            Self::Control => b"/ctl",
            Self::Info => b"/info",
            Self::Job => b"/job",
            Self::Status => b"/status",
        }
    }
}

/// How a session came to a file: what leads up again, and under which name it stands there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// By the file's own path.
    Path,
    /// Below `/worker/self`.
    Own,
    /// Below the session's mount in this place.
    Mount(u8),
}

/// A file as a session sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// The file.
    pub file: File,
    /// How the session came to it.
    pub via: Via,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Files are in it.
    Directory,
    /// Written when it is read.
    Text,
    /// Written to at its end.
    Append,
}

/// A line of the table.
struct Line {
    file: Fixed,
    parent: Fixed,
    name: &'static str,
    path: &'static str,
    kind: Kind,
}

const fn line(
    file: Fixed,
    parent: Fixed,
    name: &'static str,
    path: &'static str,
    kind: Kind,
) -> Line {
    Line { file, parent, name, path, kind }
}

/// In order of the enum, so that a file's number is its line.
const TABLE: [Line; 17] = [
    line(Fixed::Root, Fixed::Root, "/", "/", Kind::Directory),
    line(Fixed::Proc, Fixed::Root, "proc", "/proc", Kind::Directory),
    line(Fixed::Boot, Fixed::Proc, "boot", "/proc/boot", Kind::Text),
    line(Fixed::Caps, Fixed::Proc, "caps", "/proc/caps", Kind::Text),
    line(Fixed::Events, Fixed::Proc, "events", "/proc/events", Kind::Append),
    line(Fixed::Memory, Fixed::Proc, "mem", "/proc/mem", Kind::Text),
    line(Fixed::Sched, Fixed::Proc, "sched", "/proc/sched", Kind::Text),
    line(Fixed::Own, Fixed::Proc, "self", "/proc/self", Kind::Text),
    line(Fixed::Sessions, Fixed::Proc, "sessions", "/proc/sessions", Kind::Text),
    line(Fixed::Log, Fixed::Root, "log", "/log", Kind::Directory),
    line(Fixed::QueenLog, Fixed::Log, "queen.log", "/log/queen.log", Kind::Append),
    line(Fixed::Queen, Fixed::Root, "queen", "/queen", Kind::Directory),
    line(Fixed::Control, Fixed::Queen, "ctl", "/queen/ctl", Kind::Append),
    line(Fixed::Last, Fixed::Queen, "last", "/queen/last", Kind::Text),
    line(Fixed::Workers, Fixed::Root, "worker", "/worker", Kind::Directory),
    line(Fixed::Gpus, Fixed::Root, "gpu", "/gpu", Kind::Directory),
    line(Fixed::Publish, Fixed::Gpus, "publish", "/gpu/publish", Kind::Append),
];

/// The name of each worker's telemetry.
pub const TELEMETRY: &str = "telemetry";
/// The name of each GPU worker's tasks.
pub const TASKS: &str = "tasks";

/// Set in the numbers of GPUs' files: above every worker's.
const OF_GPUS: u64 = 1 << 40;

impl Fixed {
    fn line(self) -> &'static Line {
        // The test below holds the table to the enum's order.
        &TABLE[self as usize]
    }

    /// Every one.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|line| line.file)
    }

    /// Its number, from 1 on.
    pub const fn number(self) -> u64 {
        self as u64 + 1
    }

    /// Its name in its directory.
    pub fn name(self) -> &'static str {
        self.line().name
    }

    /// Its path from the root.
    pub fn path(self) -> &'static str {
        self.line().path
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        self.line().kind
    }

    /// The file `name` in this directory.
    pub fn child(self, name: &[u8]) -> Option<Self> {
        self.children(0).find(|child| child.name().as_bytes() == name)
    }

    /// The files in this directory whose number is above `place`, in order of their numbers.
    pub fn children(self, place: u64) -> impl Iterator<Item = Self> {
        let inside = move |file: &Self| file.line().parent == self && *file != Self::Root;
        Self::all().filter(inside).filter(move |file| file.number() > place)
    }
}

impl File {
    /// The root.
    pub const ROOT: Self = Self::Fixed(Fixed::Root);
    /// The directory of all workers.
    pub const WORKERS: Self = Self::Fixed(Fixed::Workers);
    /// The directory of all GPUs.
    pub const GPUS: Self = Self::Fixed(Fixed::Gpus);

    /// Its number, which no other file ever has: the numbers of workers and GPUs are above every
    /// line of the table, and are never used again.
    pub fn number(self) -> u64 {
        match self {
            Self::Fixed(fixed) => fixed.number(),
            Self::Worker(worker) => u64::from(worker.number) << 8 | 1,
            Self::Telemetry(worker) => u64::from(worker.number) << 8 | 2,
            Self::Tasks(worker) => u64::from(worker.number) << 8 | 3,
            Self::Gpu(device) => OF_GPUS | u64::from(device.number) << 8,
            Self::OfGpu(device, part) => {
                OF_GPUS | u64::from(device.number) << 8 | (part as u64 + 1)
            }
        }
    }

    /// The directory that it is in; the root is in itself.
    pub fn parent(self) -> Self {
        match self {
            Self::Fixed(fixed) => Self::Fixed(fixed.line().parent),
            Self::Worker(_) => Self::WORKERS,
            Self::Telemetry(worker) | Self::Tasks(worker) => Self::Worker(worker),
            Self::Gpu(_) => Self::GPUS,
            Self::OfGpu(device, _) => Self::Gpu(device),
        }
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        match self {
            Self::Fixed(fixed) => fixed.kind(),
            Self::Worker(_) | Self::Gpu(_) => Kind::Directory,
            Self::OfGpu(_, Part::Info) => Kind::Text,
            Self::Telemetry(_) | Self::Tasks(_) | Self::OfGpu(..) => Kind::Append,
        }
    }

    /// The worker whose file it is.
    pub const fn worker(self) -> Option<WorkerId> {
        match self {
            Self::Fixed(_) | Self::Gpu(_) | Self::OfGpu(..) => None,
            Self::Worker(worker) | Self::Telemetry(worker) | Self::Tasks(worker) => Some(worker),
        }
    }

    /// The GPU whose file it is.
    pub const fn gpu(self) -> Option<DeviceId> {
        match self {
            Self::Fixed(_) | Self::Worker(_) | Self::Telemetry(_) | Self::Tasks(_) => None,
            Self::Gpu(device) | Self::OfGpu(device, _) => Some(device),
        }
    }
}

impl Node {
    /// The root.
    pub const ROOT: Self = Self::by_path(File::ROOT);

    /// The file by its own path.
    pub const fn by_path(file: File) -> Self {
        Self { file, via: Via::Path }
    }

    /// A file next to this one, come to in the same way.
    pub const fn beside(self, file: File) -> Self {
        Self { file, via: self.via }
    }
}

impl From<Fixed> for Node {
    fn from(fixed: Fixed) -> Self {
        Self::by_path(File::Fixed(fixed))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    #[test]
    fn the_table_agrees_with_the_enum_and_with_itself() {
        for (index, line) in TABLE.iter().enumerate() {
            assert_eq!(line.file as usize, index);
            assert_eq!(line.parent.kind(), Kind::Directory);
            let parent = line.parent.path().trim_end_matches('/');
            let path = if line.file == Fixed::Root {
                "/".into()
            } else {
                format!("{parent}/{}", line.name)
            };
            assert_eq!(line.path, path);
        }
    }

    #[test]
    fn children_come_in_order_and_go_on_behind_a_place() {
        let all: std::vec::Vec<_> = Fixed::Log.children(0).collect();
        assert_eq!(all, [Fixed::QueenLog]);
        let rest: std::vec::Vec<_> = Fixed::Proc.children(Fixed::Events.number()).collect();
        assert_eq!(rest, [Fixed::Memory, Fixed::Sched, Fixed::Own, Fixed::Sessions]);
        assert_eq!(Fixed::Root.child(b"queen"), Some(Fixed::Queen));
        assert_eq!(Fixed::Root.child(b"/"), None);
        assert_eq!(Fixed::Workers.children(0).next(), None);
    }

    #[test]
    fn no_number_is_used_twice() {
        let worker = |number| WorkerId { place: 0, number };
        let mut numbers: std::vec::Vec<u64> = Fixed::all().map(Fixed::number).collect();
        for number in [1, 2, u32::MAX] {
            numbers.push(File::Worker(worker(number)).number());
            numbers.push(File::Telemetry(worker(number)).number());
            numbers.push(File::Tasks(worker(number)).number());
        }
        for number in [1, 2, u32::MAX] {
            let device = DeviceId { place: 0, number };
            numbers.push(File::Gpu(device).number());
            numbers.extend(Part::ALL.map(|part| File::OfGpu(device, part).number()));
        }
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    }
}
