//! Compute shaders in WGSL, on Vulkan or Metal.
//!
//! A kernel is cut into parts (`pace`), each a submission of its own. Between two parts is looked
//! whether to stop; a part that was given to the device cannot be called back, so it is waited for,
//! by a thread that can be left behind (`aside`).

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use gpu::{Kernel, Shape};
use wgpu::{BufferUsages, ErrorFilter, PollError, PollType};

use crate::backend::{Backend, DeviceInfo, Limits, RunError, Work};
use crate::pace::{Parts, Speed};
use gpu_bundle::Watch;

/// How long another thread may take to tell of what it has found done.
const MAPPED: Duration = Duration::from_secs(60);
/// Bytes of a result that are read at once: what it takes on the device besides.
const PIECE: u64 = 4 << 20;
/// Most workgroups in one direction: WebGPU's, which every adapter has.
const GROUPS: u32 = 65535;

/// Every adapter of Vulkan or Metal, processors that act as one included.
pub struct Shaders {
    devices: Vec<Opened>,
}

struct Opened {
    info: DeviceInfo,
    device: wgpu::Device,
    queue: wgpu::Queue,
    speeds: [Speed; 2],
}

impl fmt::Debug for Shaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.devices.iter().map(|opened| &opened.info)).finish()
    }
}

/// What a future that waits for nothing gives: wgpu's own are, on Vulkan and Metal.
fn now<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

impl Shaders {
    /// Opens what there is. `memory_mb` is what each can lease; wgpu does not tell how much memory
    /// there is, so without it it is the largest buffer, which is no more than that.
    ///
    /// # Errors
    /// There is nothing.
    pub fn load(memory_mb: Option<u32>, streams: u16) -> Result<Self> {
        let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
        descriptor.backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL;
        // No validation layers: they are for debugging drivers, and are not everywhere.
        descriptor.flags = wgpu::InstanceFlags::empty();
        let instance = wgpu::Instance::new(descriptor);
        let adapters = now(instance.enumerate_adapters(wgpu::Backends::all())).unwrap_or_default();
        let mut devices = Vec::new();
        for (number, adapter) in adapters.iter().enumerate() {
            // The same however many of those before can be used.
            let id = format!("GPU-{number}");
            devices.extend(open(adapter, id, memory_mb, streams));
        }
        ensure!(
            !devices.is_empty(),
            "wgpu: no Vulkan or Metal driver: install one, as mesa-vulkan-drivers"
        );
        Ok(Self { devices })
    }
}

/// An adapter that computes.
fn open(
    adapter: &wgpu::Adapter,
    id: String,
    memory_mb: Option<u32>,
    streams: u16,
) -> Option<Opened> {
    let about = adapter.get_info();
    let limits = adapter.limits();
    if limits.max_compute_invocations_per_workgroup == 0 {
        return None;
    }
    let descriptor = wgpu::DeviceDescriptor {
        required_limits: limits.clone(),
        ..wgpu::DeviceDescriptor::default()
    };
    let (device, queue) = now(adapter.request_device(&descriptor))?.ok()?;
    // What no scope catches belongs to no job; by default it would end the program.
    device.on_uncaptured_error(Arc::new(|error| eprintln!("gpu-bridge: wgpu: {error}")));
    let buffer = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size);
    let largest = u32::try_from(limits.max_buffer_size >> 20).unwrap_or(u32::MAX);
    let memory_mb = memory_mb.unwrap_or(largest);
    let some = |text: String| (!text.is_empty()).then_some(text);
    let guess =
        if about.device_type == wgpu::DeviceType::Cpu { 100_000_000 } else { 100_000_000_000 };
    let info = DeviceInfo {
        id,
        uuid: None,
        name: about.name,
        memory_mb,
        memory_used_mb: None,
        streams,
        sm_count: None,
        driver_version: some(format!("{} {}", about.driver, about.driver_info).trim().to_owned()),
        runtime_version: some(format!("wgpu 30 on {:?}", about.backend)),
        backend: gpu::Backend::Wgpu,
        utilization: None,
        temperature: None,
        limits: Limits {
            threads: limits.max_compute_invocations_per_workgroup,
            block: [
                limits.max_compute_workgroup_size_x,
                limits.max_compute_workgroup_size_y,
                limits.max_compute_workgroup_size_z,
            ],
            buffer,
        },
    };
    Some(Opened { info, device, queue, speeds: [Speed::guess(guess), Speed::guess(guess)] })
}

impl Backend for Shaders {
    fn kind(&self) -> gpu::Backend {
        gpu::Backend::Wgpu
    }

    fn devices(&self) -> Vec<DeviceInfo> {
        self.devices.iter().map(|opened| opened.info.clone()).collect()
    }

    fn source(&self, kernel: Kernel) -> Option<String> {
        Some(format!("{}.wgsl", kernel.name()))
    }

    fn run(&self, id: &str, work: &Work<'_>, watch: &mut Watch<'_>) -> Result<Vec<u8>, RunError> {
        let opened = self.devices.iter().find(|opened| opened.info.id == id);
        let opened = opened.ok_or_else(|| RunError::Failed(format!("there is no device {id}")))?;
        opened.run(work, watch)
    }
}

/// What a job has on the device.
struct OnDevice {
    pipeline: wgpu::ComputePipeline,
    bindings: wgpu::BindGroup,
    part: wgpu::Buffer,
    output: wgpu::Buffer,
    back: wgpu::Buffer,
}

impl Opened {
    fn run(&self, work: &Work<'_>, watch: &mut Watch<'_>) -> Result<Vec<u8>, RunError> {
        let there = self.guarded(|| self.load(work))?;
        let speed = match work.kernel {
            Kernel::Vadd { .. } => &self.speeds[0],
            Kernel::Matmul { .. } => &self.speeds[1],
        };
        let mut parts = Parts::of(work, GROUPS, speed);
        while let Some((first, blocks)) = parts.next() {
            watch.check()?;
            let start = Instant::now();
            let index =
                self.guarded(|| self.submit(&there, work.kernel, work.shape, first, blocks))?;
            self.wait(index)?;
            parts.took(blocks, start.elapsed());
            let (done, all) = parts.progress();
            watch.at(done, all)?;
        }
        self.read_back(&there)
    }

    /// What `work` gives, or the first error that wgpu has to say of it.
    fn guarded<T>(&self, work: impl FnOnce() -> T) -> Result<T, RunError> {
        let filters = [ErrorFilter::Internal, ErrorFilter::OutOfMemory, ErrorFilter::Validation];
        let scopes = filters.map(|filter| self.device.push_error_scope(filter));
        let value = work();
        let errors = scopes.into_iter().rev().filter_map(|scope| now(scope.pop()).flatten());
        // All are popped: the one that matters is the first that came.
        let errors: Vec<_> = errors.collect();
        match errors.into_iter().next() {
            None => Ok(value),
            Some(error) => Err(RunError::Failed(one_line(&error.to_string()))),
        }
    }

    fn load(&self, work: &Work<'_>) -> OnDevice {
        let device = &self.device;
        let module = device.create_shader_module(wgpu::ShaderModuleDescriptor {
            label: None,
            source: wgpu::ShaderSource::Wgsl(work.source.into()),
        });
        let [x, y, _] = work.shape.block().map(f64::from);
        // Given, not derived: a source need not use every one of them.
        let read_only = wgpu::BufferBindingType::Storage { read_only: true };
        let written = wgpu::BufferBindingType::Storage { read_only: false };
        let layout =
            bind_layout(device, [read_only, read_only, written, wgpu::BufferBindingType::Uniform]);
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: None,
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: None,
            layout: Some(&pipeline_layout),
            module: &module,
            entry_point: Some(work.kernel.name()),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &[("block_x", x), ("block_y", y)],
                ..wgpu::PipelineCompilationOptions::default()
            },
            cache: None,
        });
        let buffer = |size, usage| {
            let descriptor =
                wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
            device.create_buffer(&descriptor)
        };
        let input = |bytes: &[u8]| {
            let there = buffer(bytes.len() as u64, BufferUsages::STORAGE | BufferUsages::COPY_DST);
            self.queue.write_buffer(&there, 0, bytes);
            there
        };
        let [a, b] = work.inputs.map(input);
        let size = work.kernel.output().saturating_mul(4);
        let output = buffer(size, BufferUsages::STORAGE | BufferUsages::COPY_SRC);
        let back = buffer(size.min(PIECE), BufferUsages::MAP_READ | BufferUsages::COPY_DST);
        let part = buffer(16, BufferUsages::UNIFORM | BufferUsages::COPY_DST);
        let buffers = [&a, &b, &output, &part];
        let entries: Vec<_> = (0..)
            .zip(buffers)
            .map(|(binding, buffer)| wgpu::BindGroupEntry {
                binding,
                resource: buffer.as_entire_binding(),
            })
            .collect();
        let bindings = device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &layout,
            entries: &entries,
        });
        OnDevice { pipeline, bindings, part, output, back }
    }

    /// Gives the device the blocks from `first` on.
    fn submit(
        &self,
        there: &OnDevice,
        kernel: Kernel,
        shape: Shape,
        first: u32,
        blocks: u32,
    ) -> wgpu::SubmissionIndex {
        let ([m, n, k], [x, y]) = match kernel {
            Kernel::Vadd { n } => ([0, n, 0], [blocks, 1]),
            Kernel::Matmul { m, n, k } => ([m, n, k], [shape.grid()[0], blocks]),
        };
        let part: Vec<u8> = [m, n, k, first].into_iter().flat_map(u32::to_le_bytes).collect();
        self.queue.write_buffer(&there.part, 0, &part);
        let mut encoder = self.device.create_command_encoder(&Default::default());
        {
            let mut pass = encoder.begin_compute_pass(&Default::default());
            pass.set_pipeline(&there.pipeline);
            pass.set_bind_group(0, &there.bindings, &[]);
            pass.dispatch_workgroups(x, y, 1);
        }
        self.queue.submit([encoder.finish()])
    }

    /// Waits until the device has done what was submitted: before, it is not free.
    fn wait(&self, index: wgpu::SubmissionIndex) -> Result<(), RunError> {
        loop {
            let wait = PollType::Wait { submission_index: Some(index.clone()), timeout: None };
            match self.device.poll(wait) {
                Ok(_) => return Ok(()),
                // What waits for ever has a limit somewhere.
                Err(PollError::Timeout) => {}
                Err(error) => return Err(RunError::Failed(one_line(&error.to_string()))),
            }
        }
    }

    fn read_back(&self, there: &OnDevice) -> Result<Vec<u8>, RunError> {
        let size = there.output.size();
        let mut bytes = Vec::new();
        while let offset = bytes.len() as u64
            && offset < size
        {
            self.read_piece(there, offset, there.back.size().min(size - offset), &mut bytes)?;
        }
        Ok(bytes)
    }

    fn read_piece(
        &self,
        there: &OnDevice,
        offset: u64,
        length: u64,
        bytes: &mut Vec<u8>,
    ) -> Result<(), RunError> {
        let OnDevice { output, back, .. } = there;
        let (send, mapped) = mpsc::channel();
        let index = self.guarded(|| {
            let mut encoder = self.device.create_command_encoder(&Default::default());
            encoder.copy_buffer_to_buffer(output, offset, back, 0, length);
            let index = self.queue.submit([encoder.finish()]);
            back.map_async(wgpu::MapMode::Read, ..length, move |result| drop(send.send(result)));
            index
        })?;
        self.wait(index)?;
        let failed = |what: String| RunError::Failed(format!("the result cannot be read: {what}"));
        // A job beside this one may have found it done, and be about to say so.
        let mapped = mapped.recv_timeout(MAPPED).map_err(|error| failed(error.to_string()))?;
        mapped.map_err(|error| failed(error.to_string()))?;
        let range = back.get_mapped_range(..length).map_err(|error| failed(error.to_string()))?;
        bytes.extend_from_slice(&range);
        drop(range);
        back.unmap();
        Ok(())
    }
}

/// Buffers in the order of their bindings.
fn bind_layout(
    device: &wgpu::Device,
    kinds: [wgpu::BufferBindingType; 4],
) -> wgpu::BindGroupLayout {
    let entries: Vec<_> = (0..)
        .zip(kinds)
        .map(|(binding, ty)| wgpu::BindGroupLayoutEntry {
            binding,
            visibility: wgpu::ShaderStages::COMPUTE,
            ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
            count: None,
        })
        .collect();
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: None,
        entries: &entries,
    })
}

/// A text of many lines as one.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
