//! Backends that fail in a way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use gpu::Kernel;
use gpu_bridge::{Backend, DeviceInfo, Mock, RunError, Watch, Work};

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    None,
    /// One value is this much too large.
    Off(f32),
    NotANumber,
    Short,
    Fails,
    Panics,
}

/// The mock, with something wrong; counts how often it ran.
pub struct Faulty {
    mock: Mock,
    fault: Fault,
    pub runs: Arc<AtomicU32>,
}

impl Faulty {
    pub fn new(fault: Fault) -> Self {
        Self { mock: Mock::new(1, 1024, 4), fault, runs: Arc::default() }
    }
}

impl Backend for Faulty {
    fn kind(&self) -> gpu::Backend {
        gpu::Backend::Mock
    }

    fn devices(&self) -> Vec<DeviceInfo> {
        self.mock.devices()
    }

    fn source(&self, kernel: Kernel) -> Option<String> {
        self.mock.source(kernel)
    }

    fn run(&self, id: &str, work: &Work<'_>, watch: &mut Watch<'_>) -> Result<Vec<u8>, RunError> {
        self.runs.fetch_add(1, Ordering::Relaxed);
        let mut output = self.mock.run(id, work, watch)?;
        let place = output.len() - 4;
        let last: &mut [u8; 4] = (&mut output[place..]).try_into().expect("four");
        match self.fault {
            Fault::None => {}
            Fault::Off(by) => *last = (f32::from_le_bytes(*last) + by).to_le_bytes(),
            Fault::NotANumber => *last = f32::NAN.to_le_bytes(),
            Fault::Short => output.truncate(place),
            Fault::Fails => return Err(RunError::Failed("the device is gone".into())),
            Fault::Panics => panic!("a fault of the test"),
        }
        Ok(output)
    }
}

/// A mock that runs a job in another way.
pub struct Runs<F>(pub F);

impl<F> Backend for Runs<F>
where
    F: Fn(&Mock, &Work<'_>, &mut Watch<'_>) -> Result<Vec<u8>, RunError> + Send + Sync,
{
    fn kind(&self) -> gpu::Backend {
        gpu::Backend::Mock
    }

    fn devices(&self) -> Vec<DeviceInfo> {
        Mock::new(1, 1024, 4).devices()
    }

    fn source(&self, _: Kernel) -> Option<String> {
        None
    }

    fn run(&self, _: &str, work: &Work<'_>, watch: &mut Watch<'_>) -> Result<Vec<u8>, RunError> {
        (self.0)(&Mock::new(1, 1024, 4), work, watch)
    }
}

/// Computes nothing: goes part by part until it is told to stop.
pub fn endless() -> impl Backend {
    Runs(|_: &Mock, _: &Work<'_>, watch: &mut Watch<'_>| {
        for part in 0_u64.. {
            watch.at(part.min(50), 100)?;
        }
        Err(RunError::Failed("it came to its end".into()))
    })
}

/// Heeds nobody until it is let go; then it computes.
pub fn stuck(go: Arc<AtomicBool>) -> impl Backend {
    Runs(move |mock: &Mock, work: &Work<'_>, watch: &mut Watch<'_>| {
        while !go.load(Ordering::Relaxed) {
            std::thread::yield_now();
        }
        mock.run("GPU-0", work, watch)
    })
}
