//! The second computation: every result is compared with one made here, on the CPU, in f64.
//!
//! The bounds hold for every right computation in f32, in whatever order it adds, fused or not,
//! with subnormal numbers or without; so a right result is never called wrong. u = 2^-24 is f32's
//! unit roundoff, s = 2^-126 its smallest normal number.
//!
//! - `vadd`: |out - (a + b)| <= u |a + b| + 4 s. One correctly rounded addition, what it reads and
//!   writes flushed to 0 at most.
//! - `matmul`: |out - sum| <= γ |row of a| |column of b| + 2 k s (1 + x), γ = k u / (1 - k u), where
//!   |.| is the Euclidean norm and x the largest input. Higham, Accuracy and Stability of Numerical
//!   Algorithms (2nd ed.), section 3.1, with the Cauchy-Schwarz inequality.
//!
//! What is not finite is wrong, among the inputs, too.

use std::fmt;
use std::num::NonZero;
use std::thread;

use gpu::Kernel;

use crate::watch::{Cancel, Stopped};

const U: f64 = 1.0 / 16_777_216.0;
const S: f64 = f32::MIN_POSITIVE as f64;

/// Rows of a result that are summed up side by side: what is read of b is used for each.
const ROWS: usize = 4;
/// Values of a vector that are compared between two looks at whether to stop.
const VALUES: usize = 1 << 16;
/// Columns of a result that are summed up side by side: their sums stay in the first cache.
const COLUMNS: usize = 512;

/// That a result is right: how far it was off.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Checked {
    /// The largest error, as a share of what was allowed there: 1 at most.
    pub worst: f64,
}

/// Why it is not.
#[derive(Debug, Clone, PartialEq)]
pub enum Wrong {
    /// A value is off by more than is allowed.
    Off {
        /// Which value.
        index: usize,
        /// What it is.
        got: f32,
        /// What it should be.
        wanted: f64,
        /// How far it may be off.
        allowed: f64,
    },
    /// It, or an input, has not as many values as it must have.
    Length {
        /// Bytes of it.
        got: usize,
        /// Bytes that it must have.
        wanted: u64,
    },
    /// It was told to stop.
    Stopped(Stopped),
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Off { index, got, wanted, allowed } => write!(
                f,
                "wrong result: value {index} is {got}, the CPU says {wanted:.9e} +- {allowed:.1e}"
            ),
            Self::Length { got, wanted } => {
                write!(f, "wrong result: {got} bytes instead of {wanted}")
            }
            Self::Stopped(stopped) => stopped.fmt(f),
        }
    }
}

/// The values that bytes are.
pub fn values(bytes: &[u8]) -> impl Iterator<Item = f32> {
    bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes))
}

/// Compares `output` with what `kernel` makes of `inputs`.
///
/// # Errors
/// It is wrong, or was stopped by `cancel`.
pub fn check(
    kernel: Kernel,
    inputs: [&[u8]; 2],
    output: &[u8],
    cancel: &Cancel,
) -> Result<Checked, Wrong> {
    let [a, b] = kernel.inputs();
    let sizes = [(output, kernel.output()), (inputs[0], a), (inputs[1], b)];
    for (bytes, values) in sizes {
        let (got, wanted) = (bytes.len(), values.saturating_mul(4));
        if u64::try_from(got) != Ok(wanted) {
            return Err(Wrong::Length { got, wanted });
        }
    }
    match kernel {
        Kernel::Vadd { .. } => vadd(inputs, output, cancel),
        Kernel::Matmul { n, k, .. } => {
            matmul(inputs, output, (n as usize).max(1), (k as usize).max(1), cancel)
        }
    }
}

/// The larger of the share and that of one more value, if that one is right.
fn judge(worst: f64, index: usize, got: f32, wanted: f64, allowed: f64) -> Result<f64, Wrong> {
    let error = (f64::from(got) - wanted).abs();
    // So that nothing compares with what is no number.
    if got.is_finite() && error <= allowed {
        let share = if error > 0.0 { error / allowed } else { 0.0 };
        return Ok(worst.max(share));
    }
    Err(Wrong::Off { index, got, wanted, allowed })
}

fn go_on(cancel: &Cancel) -> Result<(), Wrong> {
    match cancel.reason() {
        Some(why) => Err(Wrong::Stopped(Stopped::Cancelled(why.to_owned()))),
        None => Ok(()),
    }
}

fn vadd([a, b]: [&[u8]; 2], output: &[u8], cancel: &Cancel) -> Result<Checked, Wrong> {
    let mut worst = 0.0;
    let all = values(a).zip(values(b)).zip(values(output));
    for (index, ((a, b), got)) in all.enumerate() {
        if index % VALUES == 0 {
            go_on(cancel)?;
        }
        let wanted = f64::from(a) + f64::from(b);
        worst = judge(worst, index, got, wanted, U * wanted.abs() + 4.0 * S)?;
    }
    Ok(Checked { worst })
}

/// The inputs of a product in f64, and what its bound is made of.
struct Product {
    a: Vec<f64>,
    b: Vec<f64>,
    n: usize,
    k: usize,
    columns: Vec<f64>,
    gamma: f64,
    floor: f64,
}

fn matmul(
    [a, b]: [&[u8]; 2],
    output: &[u8],
    n: usize,
    k: usize,
    cancel: &Cancel,
) -> Result<Checked, Wrong> {
    let wide = |bytes| values(bytes).map(f64::from).collect::<Vec<_>>();
    let (a, b) = (wide(a), wide(b));
    let mut columns = vec![0.0; n];
    for row in b.chunks(n) {
        columns.iter_mut().zip(row).for_each(|(sum, value)| *sum += value * value);
    }
    columns.iter_mut().for_each(|sum| *sum = sum.sqrt());
    let largest = a.iter().chain(&b).fold(0.0_f64, |most, value| most.max(value.abs()));
    let gamma = k as f64 * U / (1.0 - k as f64 * U);
    let floor = 2.0 * k as f64 * S * (1.0 + largest);
    let product = Product { a, b, n, k, columns, gamma, floor };

    // Rows in as many shares as there are cores.
    let output: Vec<f32> = values(output).collect();
    let rows = output.len() / n;
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let share = rows.div_ceil(cores).max(1);
    let product = &product;
    let shares: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = output
            .chunks(share * n)
            .enumerate()
            .map(|(index, output)| scope.spawn(move || product.rows(index * share, output, cancel)))
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    });
    shares.into_iter().try_fold(Checked { worst: 0.0 }, |all, share| {
        Ok(Checked { worst: all.worst.max(share?.worst) })
    })
}

impl Product {
    /// Compares the rows from `first` on.
    fn rows(&self, first: usize, output: &[f32], cancel: &Cancel) -> Result<Checked, Wrong> {
        let mut worst = 0.0;
        let mut sums = [[0.0; COLUMNS]; ROWS];
        for (index, got) in output.chunks(self.n * ROWS).enumerate() {
            go_on(cancel)?;
            let row = first + index * ROWS;
            let a: Vec<&[f64]> = self.a[row * self.k..].chunks(self.k).take(ROWS).collect();
            let norm = |a: &[f64]| a.iter().map(|value| value * value).sum::<f64>().sqrt();
            let norms: Vec<f64> = a.iter().map(|a| norm(a)).collect();
            for start in (0..self.n).step_by(COLUMNS) {
                let columns = COLUMNS.min(self.n - start);
                self.sum(&a, start, columns, &mut sums);
                for (place, got) in got.chunks(self.n).enumerate() {
                    for (column, got) in (start..start + columns).zip(&got[start..]) {
                        let wanted = sums[place][column - start];
                        let allowed = self.gamma * norms[place] * self.columns[column] + self.floor;
                        worst =
                            judge(worst, (row + place) * self.n + column, *got, wanted, allowed)?;
                    }
                }
            }
        }
        Ok(Checked { worst })
    }

    /// The rows `a` times the columns from `start` on. A piece of a row of b is used for all rows
    /// while it is near.
    fn sum(&self, a: &[&[f64]], start: usize, columns: usize, sums: &mut [[f64; COLUMNS]; ROWS]) {
        sums.iter_mut().for_each(|sums| sums.fill(0.0));
        for (index, row) in self.b.chunks(self.n).enumerate() {
            let row = &row[start..start + columns];
            for (a, sums) in a.iter().zip(&mut *sums) {
                let factor = a[index];
                sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += factor * value);
            }
        }
    }
}
