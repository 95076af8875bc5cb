//! What a device reaches by itself: a kernel without a hive, a bundle, parts or a queue.
//!
//! It is what the whole chain is compared with, so it is the same [`Backend::run`] of the same
//! source, copies to and from the device included.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow};
use gpu::{Kernel, Shape};
use gpu_bundle::{Cancel, Checked, Deadline, Watch, check, inputs, source};

use crate::backend::{Backend, Work};

/// What the inputs follow from.
const SEED: u64 = 1;

/// One run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// How long it took, without its check.
    pub ran: Duration,
    /// Operations a second.
    pub speed: f64,
    /// What its check found.
    pub checked: Checked,
}

/// Runs the kernel that is built in once on `device`, whole, with inputs that are always the same,
/// and checks what comes out.
///
/// # Errors
/// The device cannot run it, or computed something else.
pub fn measure(
    backend: &dyn Backend,
    device: &str,
    kernel: Kernel,
    shape: Shape,
) -> Result<Measured> {
    let source = match backend.source(kernel) {
        Some(name) => source(&name).with_context(|| format!("{name} is not built in"))?,
        None => "",
    };
    let inputs = inputs(kernel, SEED);
    let inputs = [&*inputs[0], &*inputs[1]];
    let work = Work { kernel, shape, source, inputs, whole: true };
    let (cancel, mut tell) = (Cancel::new(), |_| ());
    let mut watch = Watch::new(Deadline::new(&cancel, Duration::MAX), &mut tell);
    let start = Instant::now();
    let output = backend.run(device, &work, &mut watch)?;
    let ran = start.elapsed();
    let checked = check(kernel, inputs, &output, &cancel).map_err(|wrong| anyhow!("{wrong}"))?;
    let speed = kernel.operations() as f64 / ran.as_secs_f64().max(1e-9);
    Ok(Measured { ran, speed, checked })
}
