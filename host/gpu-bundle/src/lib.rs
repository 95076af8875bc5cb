//! Bundles: a folder with what a job reads, and whether what it made of that is right.
//!
//! Each file of a bundle stands with its SHA-256 in one list, [`LIST`], as sha256sum(1) writes and checks it; a job names the list's own hash
//! (`bytes_hash`), and so every byte of the bundle. A file is read once, and what was hashed is what
//! is used.
//!
//! The bridge reads bundles, and whoever stages a job's inputs makes them. A folder of bundles that
//! a bridge serves has each under its list's hash, [`place`]: so a job names its bundle, too.
//!
//! What a job makes of its bundle is checked here, too ([`check`]): by the bridge, and by whoever
//! does not believe it.
//!
//! Deliberately absent: computing on a GPU.
#![forbid(unsafe_code)]

mod reference;
mod watch;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Error, Result, bail, ensure};
use gpu::{FileName, Hash, Kernel};
use rustix::fs::OFlags;
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

pub use reference::{Checked, Wrong, check, values};
pub use watch::{Cancel, Deadline, Stopped, Watch};

/// The list of a bundle's files, in its folder.
pub const LIST: &str = "SHA256SUMS";
/// Most bytes of the list.
const MAX_LIST: u64 = 16 << 10;
/// Most bytes of a kernel's source.
pub const MAX_SOURCE: u64 = 64 << 10;
/// Most bytes of all files of a bundle: more than the largest inputs.
const MAX_BUNDLE: u64 = 4 << 30;
/// Bytes of a file that are read between two looks at whether to stop.
const PIECE: usize = 1 << 20;

/// The SHA-256 of these bytes.
pub fn hash_of(bytes: &[u8]) -> Hash {
    Hash(Sha256::digest(bytes).into())
}

/// Where the bundle whose list has this hash stands in the folder `bundles`.
#[must_use]
pub fn place(bundles: &Path, listed: Hash) -> PathBuf {
    bundles.join(listed.hex().to_string())
}

/// Makes the bundle that [`stage`] would make, at its [`place`] in `bundles`, a folder that is made
/// where it is not there. One that is there already is left as it is: its name says what it holds,
/// and whoever reads it checks that. Returns the list's hash.
///
/// # Errors
/// It cannot be written; nothing is left of it then.
pub fn stage_in(bundles: &Path, kernel: Kernel, seed: u64) -> Result<Hash> {
    let shown = bundles.display();
    fs::create_dir_all(bundles).with_context(|| format!("cannot make {shown}"))?;
    // What was killed in mid-staging is in nobody's way, also where each process has the same number.
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    let fresh = bundles.join(format!(".stage-{}-{nanos:x}", std::process::id()));
    let hash = stage(&fresh, kernel, seed)?;
    let place = place(bundles, hash);
    let renamed = if place.exists() { Ok(()) } else { fs::rename(&fresh, &place) };
    if fresh.exists() {
        fs::remove_dir_all(&fresh).with_context(|| format!("cannot clean up in {shown}"))?;
    }
    match renamed {
        // Somebody else was faster.
        Err(_) if place.exists() => Ok(hash),
        done => done.map(|()| hash).with_context(|| format!("cannot make {}", place.display())),
    }
}

/// A file that is to be kept, and how long it is.
#[derive(Debug, Clone, Copy)]
pub enum Size {
    /// Exactly so many bytes.
    Exactly(u64),
    /// So many at most.
    AtMost(u64),
}

/// Checks every file of the bundle in `folder` against its list, and the list against `listed`.
/// Returns the files in `keep`; one that the list does not have is an error. `deadline` is asked often.
///
/// # Errors
/// The first thing that is wrong; the text begins with the field of the job that it concerns. What
/// `deadline` says, as it is.
pub fn open(
    folder: &Path,
    listed: Hash,
    keep: &[(&str, Size)],
    deadline: &Deadline,
) -> Result<HashMap<String, Vec<u8>>> {
    let mut reading = Reading { folder, left: MAX_BUNDLE, deadline };
    let list = reading.file(LIST, Size::AtMost(MAX_LIST), true);
    let (found, list) = list.map_err(about("bytes_hash"))?;
    ensure!(found == listed, "bytes_hash: the bundle's {LIST} has another: {}", found.hex());
    let list = entries(&list).context("bytes_hash")?;
    let mut kept = HashMap::new();
    for (name, wanted) in &list {
        let found = match keep.iter().find(|(kept, _)| kept == name) {
            Some((_, size)) => {
                let (found, bytes) = reading.file(name, *size, true).map_err(about("inputs"))?;
                kept.insert(name.clone(), bytes);
                found
            }
            None => {
                let read = reading.file(name, Size::AtMost(MAX_BUNDLE), false);
                read.map_err(about("bundle"))?.0
            }
        };
        ensure!(
            found == *wanted,
            "bundle: {name} is not what {LIST} says: its SHA-256 is {}",
            found.hex()
        );
    }
    for (name, _) in keep {
        ensure!(kept.contains_key(*name), "inputs: {name} is not in the bundle's {LIST}");
    }
    Ok(kept)
}

/// The names and hashes of a list.
fn entries(list: &[u8]) -> Result<Vec<(String, Hash)>> {
    let list = str::from_utf8(list).ok().filter(|list| list.ends_with('\n'));
    let Some(list) = list else { bail!("{LIST} is no text of whole lines") };
    let mut entries: Vec<(String, Hash)> = Vec::new();
    for line in list.lines() {
        // A star marks a file that was read as binary, which is all the same here.
        let parts = line.split_once("  ").or_else(|| line.split_once(" *"));
        let entry = parts.and_then(|(hash, name)| Some((FileName::of(name)?, Hash::of_hex(hash)?)));
        let Some((name, hash)) = entry else {
            bail!("{LIST}: each line must be 64 digits of 0-9 a-f, two blanks, and a file's name")
        };
        let name = name.as_str().to_owned();
        ensure!(entries.iter().all(|(other, _)| *other != name), "{LIST}: {name} stands twice");
        entries.push((name, hash));
    }
    Ok(entries)
}

/// Says what an error is about; what was told to stop says so itself.
fn about(what: &'static str) -> impl Fn(Error) -> Error {
    move |error| if error.is::<Stopped>() { error } else { error.context(what) }
}

/// A bundle that is read.
struct Reading<'a> {
    folder: &'a Path,
    /// Bytes that it may still have.
    left: u64,
    deadline: &'a Deadline,
}

impl Reading<'_> {
    /// Reads a file: its hash, and its bytes where they are to be kept.
    fn file(&mut self, name: &str, size: Size, keep: bool) -> Result<(Hash, Vec<u8>)> {
        let mut file = open_file(&self.folder.join(name)).with_context(|| name.to_owned())?;
        let length = file.metadata().with_context(|| format!("{name} cannot be read"))?.len();
        match size {
            Size::Exactly(wanted) if length != wanted => {
                bail!("{name} has {length} bytes instead of {wanted}")
            }
            Size::AtMost(most) if length > most => bail!("{name} is longer than {most} bytes"),
            _ => {}
        }
        let left = self.left.checked_sub(length);
        self.left = left.with_context(|| format!("{name}: all files have more than 4 GiB"))?;
        let (mut hasher, mut bytes, mut read) = (Sha256::new(), Vec::new(), 0);
        let mut piece = vec![0; PIECE];
        loop {
            self.deadline.check()?;
            let count = file.read(&mut piece).with_context(|| format!("{name} cannot be read"))?;
            let piece = &piece[..count];
            read += count as u64;
            hasher.update(piece);
            if keep {
                bytes.extend_from_slice(piece);
            }
            ensure!(read <= length && (count > 0 || read == length), "{name} is being changed");
            if count == 0 {
                return Ok((Hash(hasher.finalize().into()), bytes));
            }
        }
    }
}

/// A file that is there itself: nothing that waits, and nothing elsewhere.
fn open_file(path: &Path) -> Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = File::options();
    options.read(true).custom_flags(flags.bits().cast_signed());
    let file = match options.open(path) {
        Err(error) if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
            bail!("is no plain file")
        }
        file => file.context("cannot be read")?,
    };
    ensure!(file.metadata().context("cannot be read")?.is_file(), "is no plain file");
    Ok(file)
}

/// The kernels' sources that are built in, as they stand in a bundle.
const SOURCES: [(&str, &str); 4] = [
    ("vadd.wgsl", include_str!("../kernels/vadd.wgsl")),
    ("matmul.wgsl", include_str!("../kernels/matmul.wgsl")),
    ("vadd.cu", include_str!("../kernels/vadd.cu")),
    ("matmul.cu", include_str!("../kernels/matmul.cu")),
];

/// Makes the bundle `folder`, which must not be there yet: inputs `a.f32` and `b.f32` of values
/// from -1 to 1 that follow from `seed`, the kernel's sources that are built in, and the list.
/// Returns the list's hash.
///
/// # Errors
/// It cannot be written; nothing is left of it then.
pub fn stage(folder: &Path, kernel: Kernel, seed: u64) -> Result<Hash> {
    let shown = folder.display();
    ensure!(!folder.exists(), "{shown} is there already: name a new folder");
    let mut name = folder.file_name().context("name a folder")?.to_owned();
    name.push(".new");
    let unfinished = folder.with_file_name(name);
    let made = fs::create_dir(&unfinished)
        .with_context(|| format!("cannot make {}", unfinished.display()))
        .and_then(|()| fill(&unfinished, kernel, seed))
        .and_then(|hash| {
            fs::rename(&unfinished, folder).with_context(|| format!("cannot make {shown}"))?;
            Ok(hash)
        });
    if made.is_err() {
        // What made it fail is the error to show.
        let _ = fs::remove_dir_all(&unfinished);
    }
    made
}

/// The kernel's source that is built in under this name, as it stands in a bundle.
#[must_use]
pub fn source(name: &str) -> Option<&'static str> {
    SOURCES.iter().find(|(known, _)| *known == name).map(|(_, source)| *source)
}

/// A kernel's inputs, of values from -1 to 1 that follow from `seed`.
#[must_use]
pub fn inputs(kernel: Kernel, seed: u64) -> [Vec<u8>; 2] {
    let mut random = Random(seed);
    kernel.inputs().map(|values| (0..values).flat_map(|_| random.value().to_le_bytes()).collect())
}

fn fill(folder: &Path, kernel: Kernel, seed: u64) -> Result<Hash> {
    let mut list = String::new();
    for (name, bytes) in ["a.f32", "b.f32"].into_iter().zip(inputs(kernel, seed)) {
        add(folder, name, &bytes, &mut list)?;
    }
    for (name, source) in SOURCES {
        if name.split('.').next() == Some(kernel.name()) {
            add(folder, name, source.as_bytes(), &mut list)?;
        }
    }
    write(&folder.join(LIST), list.as_bytes())?;
    Ok(hash_of(list.as_bytes()))
}

fn add(folder: &Path, name: &str, bytes: &[u8], list: &mut String) -> Result<()> {
    write(&folder.join(name), bytes)?;
    writeln!(list, "{}  {name}", hash_of(bytes).hex()).context("a line")
}

/// Writes a new file, and has it on the disk.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || -> io::Result<()> {
        let mut file = File::create_new(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().with_context(|| format!("cannot write {}", path.display()))
}

/// SplitMix64 (Steele, Lea, Flood 2014): the same values on every machine.
struct Random(u64);

impl Random {
    /// From -1 to 1, in steps of 2^-23.
    fn value(&mut self) -> f32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        (mixed >> 40) as f32 / 8_388_608.0 - 1.0
    }
}
