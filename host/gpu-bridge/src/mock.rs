//! The mock: no GPU. It computes on the CPU, the same every time, and says that it is a mock.

use std::time::Instant;

use gpu::Kernel;

use crate::backend::{Backend, DeviceInfo, Limits, RunError, Work};
use crate::pace::{Parts, Speed};
use gpu_bundle::Watch;
use gpu_bundle::values;

/// Rows of a product that are summed up side by side, and how many columns of them.
const ROWS: usize = 4;
const COLUMNS: usize = 512;

/// A mock with devices `GPU-0` and on, all alike.
#[derive(Debug)]
pub struct Mock {
    devices: Vec<DeviceInfo>,
    speed: Speed,
}

impl Mock {
    /// `count` devices with so much to lease.
    #[must_use]
    pub fn new(count: u32, memory_mb: u32, streams: u16) -> Self {
        let device = |index| DeviceInfo {
            id: format!("GPU-{index}"),
            uuid: None,
            name: "mock: no GPU, the CPU computes".to_owned(),
            memory_mb,
            memory_used_mb: None,
            streams,
            sm_count: None,
            driver_version: None,
            runtime_version: None,
            backend: gpu::Backend::Mock,
            utilization: None,
            temperature: None,
            limits: Limits { threads: 1024, block: [1024, 1024, 64], buffer: 1 << 30 },
        };
        Self { devices: (0..count).map(device).collect(), speed: Speed::guess(100_000_000) }
    }
}

impl Backend for Mock {
    fn kind(&self) -> gpu::Backend {
        gpu::Backend::Mock
    }

    fn devices(&self) -> Vec<DeviceInfo> {
        self.devices.clone()
    }

    fn source(&self, _: Kernel) -> Option<String> {
        None
    }

    fn run(&self, _: &str, work: &Work<'_>, watch: &mut Watch<'_>) -> Result<Vec<u8>, RunError> {
        let Work { kernel, shape, inputs: [a, b], .. } = *work;
        let (a, b): (Vec<f32>, Vec<f32>) = (values(a).collect(), values(b).collect());
        let mut parts = Parts::of(work, u32::MAX, &self.speed);
        let mut output = Vec::with_capacity(a.len() * 4);
        while let Some((first, blocks)) = parts.next() {
            watch.check()?;
            let start = Instant::now();
            let [x, y, _] = shape.block();
            match kernel {
                Kernel::Vadd { n } => {
                    let range = range(first, blocks, x, n);
                    output.extend(
                        a[range.clone()]
                            .iter()
                            .zip(&b[range])
                            .flat_map(|(a, b)| (a + b).to_le_bytes()),
                    );
                }
                Kernel::Matmul { m, n, k } => {
                    let (n, k) = (n as usize, k as usize);
                    let rows = range(first, blocks, y, m);
                    for rows in a[rows.start * k..rows.end * k].chunks(ROWS * k) {
                        output.extend(product(rows, &b, k, n));
                    }
                }
            }
            parts.took(blocks, start.elapsed());
            let (done, all) = parts.progress();
            watch.at(done, all)?;
        }
        Ok(output)
    }
}

/// What blocks of `side` cover of `all`.
fn range(first: u32, blocks: u32, side: u32, all: u32) -> std::ops::Range<usize> {
    let start = first.saturating_mul(side).min(all);
    let end = first.saturating_add(blocks).saturating_mul(side).min(all);
    start as usize..end as usize
}

/// Some rows of the product, in f32, each value in the order of k. A piece of a row of b is used for
/// all of them while it is near.
fn product(a: &[f32], b: &[f32], k: usize, n: usize) -> impl Iterator<Item = u8> {
    let mut out = vec![0.0_f32; a.len() / k * n];
    for start in (0..n).step_by(COLUMNS) {
        let end = n.min(start + COLUMNS);
        for (index, row) in b.chunks(n).enumerate() {
            let row = &row[start..end];
            for (a, out) in a.chunks(k).zip(out.chunks_mut(n)) {
                let factor = a[index];
                let sums = out[start..end].iter_mut();
                sums.zip(row).for_each(|(sum, value)| *sum += factor * value);
            }
        }
    }
    out.into_iter().flat_map(f32::to_le_bytes)
}
