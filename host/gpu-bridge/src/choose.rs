//! Which backend computes.

use anyhow::{Result, bail};

use crate::backend::Backend;
use crate::mock::Mock;
use crate::nvidia::Nvidia;
use crate::shaders::Shaders;

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// NVML with CUDA, else compute shaders. Never the mock: who wants it says so.
    Auto,
    /// This one, or none.
    Only(gpu::Backend),
}

/// What can be leased of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// Memory in MiB, instead of what the backend finds.
    pub memory_mb: Option<u32>,
    /// Jobs side by side.
    pub streams: u16,
}

/// Memory of a mock in MiB, where none is given.
const MOCK_MB: u32 = 16384;

/// Opens a backend.
///
/// # Errors
/// It, or with [`Choice::Auto`] each that is a real one, cannot be used: why.
pub fn choose(choice: Choice, grant: Grant) -> Result<Box<dyn Backend>> {
    let Grant { memory_mb, streams } = grant;
    let nvidia = || Nvidia::load(memory_mb, streams);
    let shaders = || Shaders::load(memory_mb, streams);
    Ok(match choice {
        Choice::Only(gpu::Backend::Nvml) => Box::new(nvidia()?),
        Choice::Only(gpu::Backend::Wgpu) => Box::new(shaders()?),
        Choice::Only(gpu::Backend::Mock) => {
            Box::new(Mock::new(1, memory_mb.unwrap_or(MOCK_MB), streams))
        }
        Choice::Auto => match nvidia() {
            Ok(nvidia) => Box::new(nvidia),
            Err(no_nvidia) => match shaders() {
                Ok(shaders) => Box::new(shaders),
                Err(no_shaders) => {
                    bail!(
                        "no GPU: {no_nvidia:#}; {no_shaders:#}; --mock computes on the CPU instead"
                    )
                }
            },
        },
    })
}
