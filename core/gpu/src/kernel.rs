//! What a job computes, and how it is cut into blocks.

use core::fmt;

use crate::limits;
use crate::refused::{Reason, Refused};

/// A kernel with its sizes. All values are f32, little-endian, matrices row by row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kernel {
    /// out[i] = a[i] + b[i].
    Vadd {
        /// Elements of each vector.
        n: u32,
    },
    /// out = a b.
    Matmul {
        /// Rows of a and of out.
        m: u32,
        /// Columns of b and of out.
        n: u32,
        /// Columns of a, rows of b.
        k: u32,
    },
}

impl Kernel {
    /// Names of the kernels there are.
    pub const NAMES: [&str; 2] = ["vadd", "matmul"];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vadd { .. } => "vadd",
            Self::Matmul { .. } => "matmul",
        }
    }

    /// Values of its two inputs.
    #[must_use]
    pub fn inputs(self) -> [u64; 2] {
        match self {
            Self::Vadd { n } => [n.into(), n.into()],
            Self::Matmul { m, n, k } => [area(m, k), area(k, n)],
        }
    }

    /// Values of its output.
    #[must_use]
    pub fn output(self) -> u64 {
        match self {
            Self::Vadd { n } => n.into(),
            Self::Matmul { m, n, .. } => area(m, n),
        }
    }

    /// Bytes of device memory for inputs and output.
    #[must_use]
    pub fn bytes(self) -> u64 {
        let [a, b] = self.inputs();
        a.saturating_add(b).saturating_add(self.output()).saturating_mul(4)
    }

    /// Operations on numbers: additions, and multiplications.
    #[must_use]
    pub fn operations(self) -> u64 {
        match self {
            Self::Vadd { n } => n.into(),
            Self::Matmul { m, n, k } => area(m, n).saturating_mul(k.into()).saturating_mul(2),
        }
    }

    /// What it is spread over: columns and rows of the output.
    const fn extent(self) -> [u32; 3] {
        match self {
            Self::Vadd { n } => [n, 1, 1],
            Self::Matmul { m, n, .. } => [n, m, 1],
        }
    }

    /// Whether its sizes are in [`limits`].
    pub(crate) fn check(self) -> Result<(), Refused> {
        let within = |name, value: u32, (min, max): (u64, u64)| {
            let fits = (min..=max).contains(&value.into());
            if fits { Ok(()) } else { Err(Refused::field(name, Reason::Number { min, max })) }
        };
        match self {
            Self::Vadd { n } => within("n", n, limits::VADD_N),
            Self::Matmul { m, n, k } => {
                for (name, side) in [("m", m), ("n", n), ("k", k)] {
                    within(name, side, limits::MATMUL_SIDE)?;
                }
                if area(m, n).saturating_mul(k.into()) > limits::MATMUL_WORK {
                    let must = "must be less: m n k is at most 68719476736, for all of it is \
                                checked on the CPU";
                    return Err(Refused::field("k", Reason::Must(must)));
                }
                Ok(())
            }
        }
    }
}

fn area(rows: u32, columns: u32) -> u64 {
    u64::from(rows).saturating_mul(columns.into())
}

/// How a kernel is cut: threads of a block in each direction, and blocks in each. It covers the
/// output exactly: one block less in any direction would not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    grid: [u32; 3],
    block: [u32; 3],
}

impl Shape {
    /// `kernel` in blocks of `block`.
    ///
    /// # Errors
    /// The kernel's sizes or the block are out of [`limits`], or the block has threads where the
    /// kernel has no direction: `vadd` has one, `matmul` two.
    pub fn of(kernel: Kernel, block: [u32; 3]) -> Result<Self, Refused> {
        kernel.check()?;
        let refused = |must| Err(Refused::field("block", Reason::Must(must)));
        let threads = block.iter().try_fold(1_u64, |all, side| all.checked_mul((*side).into()));
        let (min, max) = limits::BLOCK;
        if !threads.is_some_and(|threads| (min..=max).contains(&threads)) {
            return refused("must be 1 to 3 numbers, whose product is 1 to 1024");
        }
        let [_, rows, layers] = block;
        match kernel {
            Kernel::Vadd { .. } if rows > 1 || layers > 1 => {
                refused("must be one number for vadd: it has one direction")
            }
            Kernel::Matmul { .. } if layers > 1 => {
                refused("must be two numbers for matmul: it has two directions")
            }
            _ => {
                let mut grid = [1; 3];
                let sides = kernel.extent().into_iter().zip(block);
                for (blocks, (extent, threads)) in grid.iter_mut().zip(sides) {
                    *blocks = extent.div_ceil(threads.max(1));
                }
                Ok(Self { grid, block })
            }
        }
    }

    /// Blocks in each direction.
    #[must_use]
    pub const fn grid(self) -> [u32; 3] {
        self.grid
    }

    /// Threads of a block in each direction.
    #[must_use]
    pub const fn block(self) -> [u32; 3] {
        self.block
    }

    /// Threads of a block.
    #[must_use]
    pub fn threads(self) -> u32 {
        self.block.into_iter().fold(1, u32::saturating_mul)
    }
}

/// Numbers of a grid or block as a line has them: without ones at the end, one number at least.
pub(crate) struct Dims(pub [u32; 3]);

impl fmt::Display for Dims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [x, 1, 1] => write!(f, "[{x}]"),
            [x, y, 1] => write!(f, "[{x},{y}]"),
            [x, y, z] => write!(f, "[{x},{y},{z}]"),
        }
    }
}
