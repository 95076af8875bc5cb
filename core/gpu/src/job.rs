//! A job, and its line in `/gpu/<id>/job`.

use core::fmt;

use control::scan::Cursor;

use crate::kernel::{Dims, Kernel, Shape};
use crate::limits;
use crate::names::{FileName, Hash, JobId};
use crate::object::{self, Seen};
use crate::refused::{Reason, Refused};

/// A job. Its text is its canonical line, without the line end: [`Job::parse`] gives the same job
/// back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job<'a> {
    /// Its name, which runs once.
    pub id: JobId,
    /// What it computes.
    pub kernel: Kernel,
    /// In which blocks.
    pub shape: Shape,
    /// Of its bundle's list of files, which has the hash of each: inputs and kernel sources.
    pub bytes_hash: Hash,
    /// Files of the bundle: a, b.
    pub inputs: [FileName<'a>; 2],
    /// The result's name.
    pub output: FileName<'a>,
    /// How long it may run, in ms.
    pub timeout_ms: u32,
}

/// Every field; kernels take those of 2 to 4 that are their sizes.
pub(crate) const NAMES: &[&str] = &[
    "job",
    "kernel",
    "m",
    "n",
    "k",
    "grid",
    "block",
    "bytes_hash",
    "inputs",
    "outputs",
    "timeout_ms",
];
const VADD: &[&str] =
    &["job", "kernel", "n", "grid", "block", "bytes_hash", "inputs", "outputs", "timeout_ms"];

const M: usize = 2;
const N: usize = 3;
const K: usize = 4;

/// The fields as far as they have been read.
#[derive(Default)]
pub(crate) struct Fields<'a> {
    job: Option<JobId>,
    kernel: &'static str,
    sides: [u32; 3],
    grid: [u32; 3],
    block: [u32; 3],
    bytes_hash: Option<Hash>,
    inputs: [Option<FileName<'a>>; 2],
    output: Option<FileName<'a>>,
    timeout_ms: u32,
}

impl<'a> Job<'a> {
    /// The job that `line` holds, which has no line end any more.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(line: &'a [u8]) -> Result<Self, Refused> {
        let mut fields = Fields::default();
        let seen = object::read(line, NAMES, &mut |index, cursor| fields.take(index, cursor))?;
        fields.job(seen)
    }

    /// A number that is the same for lines that mean the same job, and differs for others but by
    /// chance: FNV-1a of the canonical line. It tells a line sent again from another job under the
    /// same name. It is no MAC: whoever makes two such jobs deceives only themself.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        struct Fnv(u64);
        impl fmt::Write for Fnv {
            fn write_str(&mut self, text: &str) -> fmt::Result {
                for byte in text.bytes() {
                    self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
                }
                Ok(())
            }
        }
        let mut fnv = Fnv(0xcbf2_9ce4_8422_2325);
        // Writing into it never fails.
        let _ = fmt::Write::write_fmt(&mut fnv, format_args!("{self}"));
        fnv.0
    }
}

impl<'a> Fields<'a> {
    /// Takes the value of the field in that place of [`NAMES`].
    pub fn take(&mut self, index: usize, cursor: &mut Cursor<'a>) -> Result<(), Reason> {
        const IS_HASH: &str = "must be sha256: and 64 digits of 0-9 a-f";
        const ARE_INPUTS: &str = "must be two files of the bundle like [\"a.f32\",\"b.f32\"]";
        const IS_OUTPUT: &str = "must be one file like [\"out.f32\"]";
        const IS_JOB: &str =
            "must be a job like \"jid-9\": letters, digits, - and _, 32 of them at most";
        match NAMES.get(index).copied().unwrap_or_default() {
            "job" => self.job = Some(object::text(cursor, IS_JOB, JobId::of)?),
            "kernel" => {
                let known = |name: &str| Kernel::NAMES.into_iter().find(|known| *known == name);
                self.kernel = object::text(cursor, "must be \"vadd\" or \"matmul\"", known)?;
            }
            "m" | "n" | "k" => {
                // What the kernel allows is checked when it is known.
                let side = object::number(cursor, limits::VADD_N)?;
                if let Some(place) = index.checked_sub(M).and_then(|at| self.sides.get_mut(at)) {
                    *place = side;
                }
            }
            "grid" => self.grid = dims(cursor, limits::GRID)?,
            "block" => self.block = dims(cursor, limits::BLOCK)?,
            "bytes_hash" => self.bytes_hash = Some(object::text(cursor, IS_HASH, Hash::of)?),
            "inputs" => self.inputs = files(cursor, ARE_INPUTS)?,
            "outputs" => [self.output] = files(cursor, IS_OUTPUT)?,
            _ => self.timeout_ms = object::number(cursor, limits::TIMEOUT_MS)?,
        }
        Ok(())
    }

    /// The job that they make.
    pub fn job(self, seen: Seen) -> Result<Job<'a>, Refused> {
        let [m, n, k] = self.sides;
        let (kernel, names) = match self.kernel {
            "vadd" => (Kernel::Vadd { n }, VADD),
            "matmul" => (Kernel::Matmul { m, n, k }, NAMES),
            _ => return Err(Refused::field("kernel", Reason::Missing)),
        };
        for (index, name) in NAMES.iter().enumerate() {
            match (seen.has(index), names.contains(name)) {
                (true, false) => return Err(Refused::field(name, Reason::NoField(names))),
                (false, true) => return Err(Refused::field(name, Reason::Missing)),
                _ => {}
            }
        }
        let shape = Shape::of(kernel, self.block)?;
        if shape.grid() != self.grid {
            return Err(Refused::field("grid", Reason::Grid(shape.grid())));
        }
        let missing = |name| Refused::field(name, Reason::Missing);
        let [a, b] = self.inputs;
        Ok(Job {
            id: self.job.ok_or(missing("job"))?,
            kernel,
            shape,
            bytes_hash: self.bytes_hash.ok_or(missing("bytes_hash"))?,
            inputs: [a.ok_or(missing("inputs"))?, b.ok_or(missing("inputs"))?],
            output: self.output.ok_or(missing("outputs"))?,
            timeout_ms: self.timeout_ms,
        })
    }
}

/// One to three numbers; the others are 1.
fn dims(cursor: &mut Cursor<'_>, range: (u64, u64)) -> Result<[u32; 3], Reason> {
    let mut dims = [1; 3];
    object::list(cursor, 3, "must be one to three numbers like [16,16]", |index, cursor| {
        let number = object::number(cursor, range)?;
        if let Some(place) = dims.get_mut(index) {
            *place = number;
        }
        Ok(())
    })?;
    Ok(dims)
}

/// Exactly `COUNT` files.
fn files<'a, const COUNT: usize>(
    cursor: &mut Cursor<'a>,
    must: &'static str,
) -> Result<[Option<FileName<'a>>; COUNT], Reason> {
    let mut files = [None; COUNT];
    let count = object::list(cursor, COUNT, must, |index, cursor| {
        let file = object::text(cursor, must, FileName::of)?;
        if let Some(place) = files.get_mut(index) {
            *place = Some(file);
        }
        Ok(())
    })?;
    if count == COUNT { Ok(files) } else { Err(Reason::Must(must)) }
}

impl fmt::Display for Job<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, kernel, shape, bytes_hash, inputs: [a, b], output, timeout_ms } = self;
        write!(f, "{{\"job\":\"{id}\",\"kernel\":\"{}\",", kernel.name())?;
        match kernel {
            Kernel::Vadd { n } => write!(f, "\"n\":{n}")?,
            Kernel::Matmul { m, n, k } => write!(f, "\"m\":{m},\"n\":{n},\"k\":{k}")?,
        }
        write!(f, ",\"grid\":{},\"block\":{}", Dims(shape.grid()), Dims(shape.block()))?;
        write!(f, ",\"bytes_hash\":\"{bytes_hash}\",\"inputs\":[\"{a}\",\"{b}\"]")?;
        write!(f, ",\"outputs\":[\"{output}\"],\"timeout_ms\":{timeout_ms}}}")
    }
}

// The sizes stand next to each other, so that a place among them follows from a name's.
const _: () = assert!(N == M + 1 && K == M + 2);
