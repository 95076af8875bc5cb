//! NVIDIA GPUs: NVML tells what there is and how it is, CUDA computes (`gpu-cuda`).
//!
//! Both libraries are opened at run time. A GPU is published only where both know it, by its UUID.

use std::time::Instant;

use anyhow::{Context as _, Result, anyhow, ensure};
use gpu::Kernel;
use gpu_cuda::{Cuda, Sizes};
use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;

use crate::backend::{Backend, DeviceInfo, Limits, RunError, Work};
use crate::pace::{Parts, Speed};
use crate::shaders::one_line;
use gpu_bundle::Watch;

/// Most blocks in a grid's second direction (CUDA C++ Programming Guide, Compute Capabilities).
const BLOCKS: u32 = 65535;

/// The NVIDIA GPUs of this machine.
#[derive(Debug)]
pub struct Nvidia {
    nvml: Nvml,
    devices: Vec<Found>,
    memory_mb: Option<u32>,
    streams: u16,
}

#[derive(Debug)]
struct Found {
    /// Its number with NVML, which its name comes from.
    index: u32,
    uuid: String,
    cuda: gpu_cuda::Device,
    speeds: [Speed; 2],
}

impl Nvidia {
    /// Finds them. `memory_mb` is what each can lease, all of its memory without it.
    ///
    /// # Errors
    /// What is missing, in one line.
    pub fn load(memory_mb: Option<u32>, streams: u16) -> Result<Self> {
        let nvml = Nvml::init().map_err(|error| {
            anyhow!("nvml: NVIDIA's driver is missing: {}", one_line(&error.to_string()))
        })?;
        let count = nvml.device_count().context("nvml: cannot count the GPUs")?;
        ensure!(count > 0, "nvml: the driver is there, and no GPU");
        let cuda = Cuda::load().map_err(|error| anyhow!("nvml: {count} GPUs, but {error}"))?;
        let mut cuda_devices = cuda.into_devices();
        let mut devices = Vec::new();
        for index in 0..count {
            let uuid = nvml.device_by_index(index).and_then(|device| device.uuid());
            let uuid = uuid.context("nvml: a GPU does not tell its UUID")?;
            let place = cuda_devices.iter().position(|device| device.facts().uuid == uuid);
            let Some(place) = place else { continue };
            let cuda = cuda_devices.swap_remove(place);
            let guess = || Speed::guess(1_000_000_000_000);
            devices.push(Found { index, uuid, cuda, speeds: [guess(), guess()] });
        }
        ensure!(!devices.is_empty(), "nvml: CUDA may use none of {count} GPUs");
        Ok(Self { nvml, devices, memory_mb, streams })
    }

    fn info(&self, found: &Found) -> DeviceInfo {
        let facts = found.cuda.facts();
        // What NVML does not tell is not known; it may come and go.
        let device = self.nvml.device_by_index(found.index).ok();
        let device = device.as_ref();
        let memory = device.and_then(|device| device.memory_info().ok());
        let mb = |bytes: u64| u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
        let all = memory.as_ref().map_or(facts.memory, |memory| memory.total);
        DeviceInfo {
            id: format!("GPU-{}", found.index),
            uuid: Some(found.uuid.clone()),
            name: facts.name.clone(),
            memory_mb: self.memory_mb.unwrap_or_else(|| mb(all)),
            memory_used_mb: memory.as_ref().map(|memory| mb(memory.used)),
            streams: self.streams,
            sm_count: Some(facts.sm_count),
            driver_version: self.nvml.sys_driver_version().ok(),
            runtime_version: Some(facts.runtime.clone()),
            backend: gpu::Backend::Nvml,
            utilization: device.and_then(|device| Some(device.utilization_rates().ok()?.gpu)),
            temperature: device.and_then(|device| device.temperature(TemperatureSensor::Gpu).ok()),
            limits: Limits { threads: facts.threads, block: facts.block, buffer: facts.memory },
        }
    }
}

impl Backend for Nvidia {
    fn kind(&self) -> gpu::Backend {
        gpu::Backend::Nvml
    }

    fn devices(&self) -> Vec<DeviceInfo> {
        self.devices.iter().map(|found| self.info(found)).collect()
    }

    fn source(&self, kernel: Kernel) -> Option<String> {
        Some(format!("{}.cu", kernel.name()))
    }

    fn run(&self, id: &str, work: &Work<'_>, watch: &mut Watch<'_>) -> Result<Vec<u8>, RunError> {
        let found = self.devices.iter().find(|found| format!("GPU-{}", found.index) == id);
        let found = found.ok_or_else(|| RunError::Failed(format!("there is no device {id}")))?;
        let failed = |error: gpu_cuda::Error| RunError::Failed(one_line(&error.to_string()));
        let Work { kernel, shape, source, inputs: [a, b], .. } = *work;
        let output = usize::try_from(kernel.output().saturating_mul(4)).unwrap_or(usize::MAX);
        let mut run = found.cuda.load(source, kernel.name(), [a, b], output).map_err(failed)?;
        let (speed, [m, n, k]) = match kernel {
            Kernel::Vadd { n } => (&found.speeds[0], [0, n, 0]),
            Kernel::Matmul { m, n, k } => (&found.speeds[1], [m, n, k]),
        };
        let most = if matches!(kernel, Kernel::Vadd { .. }) { u32::MAX >> 1 } else { BLOCKS };
        let mut parts = Parts::of(work, most, speed);
        while let Some((first, blocks)) = parts.next() {
            watch.check()?;
            let start = Instant::now();
            let grid = match kernel {
                Kernel::Vadd { .. } => [blocks, 1, 1],
                Kernel::Matmul { .. } => [shape.grid()[0], blocks, 1],
            };
            run.launch(grid, shape.block(), Sizes { m, n, k, first }).map_err(failed)?;
            // A part cannot be called back, and before its end the device is not free.
            while !run.is_done().map_err(failed)? {
                std::thread::sleep(gpu_cuda::LOOK);
            }
            parts.took(blocks, start.elapsed());
            let (done, all) = parts.progress();
            watch.at(done, all)?;
        }
        run.output().map_err(failed)
    }
}
