//! GPU leases, job lines and the job queue.
//!
//! What a hive and a bridge have to agree on about a GPU, without input and output: the lines of
//! `/gpu/<id>/ctl` ([`Ctl`]), `job` ([`Job`] as a holder writes it, [`Order`] as the bridge reads
//! it) and `status` ([`Status`]) and of `/gpu/publish` ([`Publish`]), who has how much of the device
//! ([`Leases`]), which job is next ([`Jobs`]), and both together ([`Gpu`]). docs/gpu.md is the
//! formats for people.
//!
//! Invariants: the leases of a device never exceed its memory or its streams, those included that
//! end while a job still runs; every table is bounded, and a full one refuses and changes nothing;
//! a job id runs once; a line means one thing or is refused with the field that is wrong. Time is
//! a monotonic clock that the caller reads.
//!
//! Deliberately absent: running anything (`host/gpu-bridge`), files and who may open them
//! (`core/namespace`), clocks, hashing.
#![no_std]
#![forbid(unsafe_code)]

mod ctl;
mod gpu;
mod job;
mod kernel;
mod lease;
mod names;
mod object;
mod order;
mod publish;
mod queue;
mod refused;
mod status;

pub use ctl::Ctl;
pub use gpu::{Event, Gpu, KEPT_JOBS, SubmitError};
pub use job::Job;
pub use kernel::{Kernel, Shape};
pub use lease::{Device, EndReason, Ended, GrantError, Lease, Leases, Resource, Share};
pub use names::{Backend, FileName, Hash, JobId};
pub use order::Order;
pub use publish::{About, Gauge, Publish};
pub use queue::{
    Cancelled, EnqueueError, Entrant, JobState, Jobs, NotRunning, Outcome, Started, Submitted, Use,
};
pub use refused::{Reason, Refused, Where};
pub use status::{State, Status};

// Whose names are used here.
pub use control::{GpuId, WorkerId};

/// The ranges of a job's numbers and the sizes of its texts. A device may allow less.
pub mod limits {
    pub use control::limits::{GPU_ID_BYTES, MEM_MB, PRIORITY, STREAMS, TTL_S};

    /// Elements of a vector of `vadd`: 1 GiB each at most.
    pub const VADD_N: (u64, u64) = (1, 1 << 28);
    /// Rows and columns of a matrix of `matmul`.
    pub const MATMUL_SIDE: (u64, u64) = (1, 16384);
    /// Most multiplications of a `matmul`, m n k: each is done again on the CPU, to check.
    pub const MATMUL_WORK: u64 = 1 << 36;
    /// Threads of a block in one direction, and in all.
    pub const BLOCK: (u64, u64) = (1, 1024);
    /// Blocks in one direction.
    pub const GRID: (u64, u64) = (1, 1 << 28);
    /// How long a job may run, in ms: an hour at most.
    pub const TIMEOUT_MS: (u64, u64) = (1, 3_600_000);
    /// Longest job id, in bytes.
    pub const JOB_ID_BYTES: usize = 32;
    /// Longest name of a file of a bundle, in bytes.
    pub const FILE_NAME_BYTES: usize = 48;
    /// Longest detail of a status line, in bytes.
    pub const DETAIL_BYTES: usize = 160;
    /// Longest job line that can be a job, in bytes: one with every text at its longest, as it is
    /// written canonically, is shorter.
    pub const JOB_LINE_BYTES: usize = 512;
    /// What an order to run a job has more than the job's line, in bytes at most: its holder, and
    /// its lease's priority and memory.
    pub const ORDER_EXTRA_BYTES: usize = 64;
    /// Longest uuid, name and version of a device, in bytes.
    pub const ABOUT_BYTES: usize = 64;
    /// Multiprocessors of a device.
    pub const SM_COUNT: (u64, u64) = (1, 65_535);
    /// Temperature of a device, in degrees Celsius.
    pub const TEMPERATURE_C: (u64, u64) = (0, 255);
    /// Memory of a device that is in use, in MiB.
    pub const MEMORY_USED_MB: (u64, u64) = (0, 1 << 20);
    /// Longest status line, in bytes, likewise.
    pub const STATUS_LINE_BYTES: usize = 384;
}
