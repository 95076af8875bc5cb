//! Kernels on NVIDIA GPUs, by the CUDA driver and NVRTC.
//!
//! The one crate of the host with unsafe code: a launch hands pointers to a kernel, and nothing but
//! its source says what it does with them. The libraries (libcuda, libnvrtc) are opened when
//! [`Cuda::load`] is called; neither is needed to build or to start, and where one is missing it
//! says so.
//!
//! Invariants: what a kernel gets is device memory that lives until the kernel has ended, and
//! sizes; so a kernel can spoil only what is on its own device in this process. No error is a panic.
//!
//! Deliberately absent: which kernels there are, and whether their results are right.

use std::fmt;
use std::panic::catch_unwind;
use std::sync::Arc;
use std::time::Duration;

use cudarc::driver::sys::CUdevice_attribute as Attribute;
use cudarc::driver::{
    CudaContext, CudaEvent, CudaFunction, CudaSlice, CudaStream, DriverError, LaunchConfig,
    PushKernelArg as _,
};
use cudarc::nvrtc::{CompileError, compile_ptx};

/// A good time to wait between two calls of [`Run::is_done`].
pub const LOOK: Duration = Duration::from_micros(50);

/// What is wrong, in one line or a compiler's many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

fn says(what: &'static str) -> impl Fn(DriverError) -> Error {
    move |error| Error(format!("CUDA {what}: {error}"))
}

/// The GPUs that CUDA may use.
#[derive(Debug)]
pub struct Cuda {
    devices: Vec<Device>,
}

impl Cuda {
    /// Opens the libraries and every GPU.
    ///
    /// # Errors
    /// A library is missing or too old, or a GPU cannot be used.
    pub fn load() -> Result<Self, Error> {
        // SAFETY: opening a library runs its initialisers; those of NVIDIA's own libraries, found
        // by their names as every CUDA program finds them, are taken to be sound.
        let (driver, compiler) = unsafe {
            (cudarc::driver::sys::is_culib_present(), cudarc::nvrtc::sys::is_culib_present())
        };
        if !driver {
            return Err(Error("libcuda is missing: install NVIDIA's driver".into()));
        }
        if !compiler {
            let how = "install CUDA's NVRTC, and have LD_LIBRARY_PATH name its folder";
            return Err(Error(format!("libnvrtc is missing: {how}")));
        }
        // A library without a function that is called is a panic of cudarc.
        catch_unwind(open_all).unwrap_or_else(|_| {
            Err(Error("libcuda is too old: install a driver for CUDA 12 or newer".into()))
        })
    }

    /// Each GPU.
    #[must_use]
    pub fn into_devices(self) -> Vec<Device> {
        self.devices
    }
}

fn open_all() -> Result<Cuda, Error> {
    let count = CudaContext::device_count().map_err(says("cannot count GPUs"))?;
    let devices = (0..usize::try_from(count).unwrap_or(0)).map(Device::open);
    Ok(Cuda { devices: devices.collect::<Result<_, _>>()? })
}

/// What a GPU is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// As NVML writes it: `GPU-` and the number in groups.
    pub uuid: String,
    /// Its name.
    pub name: String,
    /// Bytes of memory.
    pub memory: u64,
    /// Streaming multiprocessors.
    pub sm_count: u32,
    /// Most threads of a block.
    pub threads: u32,
    /// Most threads of a block in each direction.
    pub block: [u32; 3],
    /// What runs kernels: versions of NVRTC and of the device's instructions.
    pub runtime: String,
}

/// A GPU.
#[derive(Debug)]
pub struct Device {
    context: Arc<CudaContext>,
    facts: Facts,
}

/// Sizes that a kernel gets behind its three pointers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Rows.
    pub m: u32,
    /// Columns, or values.
    pub n: u32,
    /// What is summed up over.
    pub k: u32,
    /// The first block of this launch.
    pub first: u32,
}

impl Device {
    fn open(ordinal: usize) -> Result<Self, Error> {
        let failed = says("cannot open a GPU");
        let context = CudaContext::new(ordinal).map_err(&failed)?;
        let attribute = |attribute| -> Result<u32, Error> {
            Ok(u32::try_from(context.attribute(attribute).map_err(&failed)?).unwrap_or(0))
        };
        let (major, minor) = context.compute_capability().map_err(&failed)?;
        let facts = Facts {
            uuid: uuid_text(context.uuid().map_err(&failed)?.bytes.map(|byte| byte as u8)),
            name: context.name().map_err(&failed)?,
            memory: context.total_mem().map_err(&failed)? as u64,
            sm_count: attribute(Attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT)?,
            threads: attribute(Attribute::CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK)?,
            block: [
                attribute(Attribute::CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X)?,
                attribute(Attribute::CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y)?,
                attribute(Attribute::CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z)?,
            ],
            runtime: format!("CUDA, compute capability {major}.{minor}"),
        };
        Ok(Self { context, facts })
    }

    /// What it is.
    #[must_use]
    pub const fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Compiles `source` and puts `inputs` on the device, with room for `output` bytes. The kernel
    /// `entry` is `extern "C"` and takes (const float *, const float *, float *, unsigned m,
    /// unsigned n, unsigned k, unsigned first).
    ///
    /// # Errors
    /// It does not compile, or there is no room.
    pub fn load(
        &self,
        source: &str,
        entry: &str,
        inputs: [&[u8]; 2],
        output: usize,
    ) -> Result<Run, Error> {
        if source.contains('\0') || entry.contains('\0') {
            return Err(Error("the kernel's source is no text".into()));
        }
        // For the oldest GPU that NVRTC knows: the driver compiles it further for this one.
        let program = compile_ptx(source).map_err(|error| match error {
            CompileError::CompileError { log, .. } => Error(log.to_string_lossy().into_owned()),
            other => Error(format!("NVRTC: {other}")),
        })?;
        let module = self.context.load_module(program).map_err(says("cannot load the kernel"))?;
        let function = module.load_function(entry).map_err(says("does not find the kernel"))?;
        let stream = self.context.new_stream().map_err(says("has no stream"))?;
        let failed = says("has no room for the job");
        let [a, b] = inputs;
        let a = stream.clone_htod(a).map_err(&failed)?;
        let b = stream.clone_htod(b).map_err(&failed)?;
        let output = stream.alloc_zeros::<u8>(output).map_err(&failed)?;
        Ok(Run { stream, function, a, b, output, last: None })
    }
}

/// A job on a GPU.
#[derive(Debug)]
pub struct Run {
    stream: Arc<CudaStream>,
    function: CudaFunction,
    a: CudaSlice<u8>,
    b: CudaSlice<u8>,
    output: CudaSlice<u8>,
    /// Behind the last launch.
    last: Option<CudaEvent>,
}

impl Run {
    /// Launches a part. It runs behind those before it.
    ///
    /// # Errors
    /// The device does not take it.
    pub fn launch(&mut self, grid: [u32; 3], block: [u32; 3], sizes: Sizes) -> Result<(), Error> {
        let config =
            LaunchConfig { grid_dim: grid.into(), block_dim: block.into(), shared_mem_bytes: 0 };
        let Sizes { m, n, k, first } = sizes;
        let mut launch = self.stream.launch_builder(&self.function);
        launch.arg(&self.a).arg(&self.b).arg(&mut self.output);
        launch.arg(&m).arg(&n).arg(&k).arg(&first);
        // SAFETY: the three buffers are device memory of this context. cudarc orders their release
        // behind the kernel's end on this stream, so they outlive it. The arguments have the types
        // that `load` asks of a kernel. What a kernel does beyond its buffers ends in device memory
        // of this process, or in an error of its context; host memory is not mapped into it.
        unsafe { launch.launch(config) }.map_err(says("cannot launch the kernel"))?;
        let event = self.stream.record_event(None).map_err(says("cannot follow the kernel"))?;
        self.last = Some(event);
        Ok(())
    }

    /// Whether everything that was launched has ended.
    ///
    /// # Errors
    /// The kernel failed.
    pub fn is_done(&self) -> Result<bool, Error> {
        let Some(last) = &self.last else { return Ok(true) };
        last.try_is_complete().map_err(says("kernel failed"))
    }

    /// Waits for everything that was launched: the output.
    ///
    /// # Errors
    /// The kernel failed.
    pub fn output(self) -> Result<Vec<u8>, Error> {
        let output = self.stream.clone_dtoh(&self.output).map_err(says("kernel failed"))?;
        self.stream.synchronize().map_err(says("kernel failed"))?;
        Ok(output)
    }
}

/// A UUID as NVML writes it.
fn uuid_text(bytes: [u8; 16]) -> String {
    let mut text = String::from("GPU-");
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.push_str(&format!("{byte:02x}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_written_as_nvml_writes_it() {
        let bytes = std::array::from_fn(|index| index as u8 * 17);
        assert_eq!(uuid_text(bytes), "GPU-00112233-4455-6677-8899-aabbccddeeff");
    }

    /// Where there is no GPU, and where there is one.
    #[test]
    fn what_is_missing_is_said_in_a_line() {
        match Cuda::load() {
            Ok(cuda) => assert!(cuda.devices.iter().all(|device| device.facts.threads >= 512)),
            Err(error) => {
                println!("skipped: no GPU: {error}");
                assert!(!error.0.is_empty() && !error.0.contains('\n'), "{error}");
            }
        }
    }
}
