//! What computes: devices, and running a kernel on one.

use std::fmt;

use gpu::{Kernel, Shape};
use serde_json::{Value, json};

use gpu_bundle::{Stopped, Watch};

/// Something that computes.
pub trait Backend: Send + Sync {
    /// Which it is.
    fn kind(&self) -> gpu::Backend;

    /// Its devices, as they are now. Their ids stay the same while it lives.
    fn devices(&self) -> Vec<DeviceInfo>;

    /// The file of a bundle that has the kernel's source, for a backend that needs one.
    fn source(&self, kernel: Kernel) -> Option<String>;

    /// Computes `work` on the device `id`: the output's bytes. It asks `watch` often, and stops
    /// when told to.
    ///
    /// # Errors
    /// See [`RunError`]; the device is free again then.
    fn run(&self, id: &str, work: &Work<'_>, watch: &mut Watch<'_>) -> Result<Vec<u8>, RunError>;
}

/// What is to be computed, checked against its bundle and the device.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    /// What.
    pub kernel: Kernel,
    /// In which blocks.
    pub shape: Shape,
    /// The kernel's source; empty where the backend needs none.
    pub source: &'a str,
    /// f32, little-endian, as many as the kernel takes.
    pub inputs: [&'a [u8]; 2],
    /// Given to the device in one part, where it takes that: it cannot be stopped then.
    pub whole: bool,
}

/// Why there is no output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RunError {
    /// It was told to stop.
    Stopped(Stopped),
    /// The device or the kernel's source failed: what it says.
    Failed(String),
}

impl From<Stopped> for RunError {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stopped(stopped) => stopped.fmt(f),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

impl std::error::Error for RunError {}

/// What a device allows of one job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Threads of a block.
    pub threads: u32,
    /// Threads of a block in each direction.
    pub block: [u32; 3],
    /// Bytes of one input or output.
    pub buffer: u64,
}

/// A device. What is not known is `None`, never guessed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// Its name in `/gpu`, a [`gpu::GpuId`].
    pub id: String,
    /// What the driver calls it for good.
    pub uuid: Option<String>,
    /// What it is.
    pub name: String,
    /// Memory that can be leased, in MiB.
    pub memory_mb: u32,
    /// Of which so much is in use, by whomever.
    pub memory_used_mb: Option<u32>,
    /// Jobs that it runs side by side.
    pub streams: u16,
    /// Streaming multiprocessors.
    pub sm_count: Option<u32>,
    /// The driver's version.
    pub driver_version: Option<String>,
    /// That of what runs kernels.
    pub runtime_version: Option<String>,
    /// What computes.
    pub backend: gpu::Backend,
    /// In percent.
    pub utilization: Option<u32>,
    /// In degrees Celsius.
    pub temperature: Option<u32>,
    /// What it allows.
    pub limits: Limits,
}

impl DeviceInfo {
    /// Its `info` file: one JSON object. What is not known is `null`.
    #[must_use]
    pub fn to_json(&self) -> Value {
        json!({
            "id": self.id,
            "uuid": self.uuid,
            "name": self.name,
            "memory_mb": self.memory_mb,
            "memory_used_mb": self.memory_used_mb,
            "streams": self.streams,
            "sm_count": self.sm_count,
            "driver_version": self.driver_version,
            "runtime_version": self.runtime_version,
            "backend": self.backend.as_str(),
            "utilization": self.utilization,
            "temperature_c": self.temperature,
            "max_threads": self.limits.threads,
            "max_block": self.limits.block,
            "max_buffer_bytes": self.limits.buffer,
        })
    }
}
