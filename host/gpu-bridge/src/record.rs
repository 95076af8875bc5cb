//! What has ended, kept in a folder: so a job that was done is not done again, also after a
//! restart.
//!
//! For each job that ended there is `<id>.done`, of two lines: the job, canonical, and its last
//! status. A result is `<id>/<output>`. Both appear whole or not at all. The folder is one
//! executor's at a time; whoever serves another hive, or one that was booted anew and counts its
//! jobs anew, takes another folder.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use gpu::{Hash, Job, Status};
use gpu_bundle::{hash_of, write};

/// The folder, while it is ours.
#[derive(Debug)]
pub(crate) struct Records {
    folder: PathBuf,
    /// Holds the lock.
    _lock: File,
}

impl Records {
    /// Takes the folder, and makes it where it is not there.
    pub fn open(folder: &Path) -> Result<Self> {
        let shown = folder.display();
        fs::create_dir_all(folder).with_context(|| format!("cannot make {shown}"))?;
        let lock = File::create(folder.join(".lock"))
            .with_context(|| format!("cannot write in {shown}"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => bail!("{shown} is another bridge's: end it first"),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("cannot lock {shown}"))
            }
        }
    }

    /// The last status of `job`, as a line, if it has ended; an error where another job had its id.
    pub fn find(&self, job: &Job<'_>) -> Result<Option<String>> {
        let path = self.done(job);
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).context("results: cannot be read"),
        };
        let broken = || anyhow!("results: {} is broken: remove it", path.display());
        let (line, status) = text.split_once('\n').ok_or_else(broken)?;
        if Job::parse(line.as_bytes()).map_err(|_| broken())? != *job {
            bail!("job: names a job that asked for something else: choose another id");
        }
        let status = status.strip_suffix('\n').ok_or_else(broken)?;
        Status::parse(status.as_bytes()).map_err(|_| broken())?;
        Ok(Some(status.to_owned()))
    }

    /// Keeps a result; its hash.
    pub fn keep(&self, job: &Job<'_>, output: &[u8]) -> Result<Hash> {
        let folder = self.folder.join(job.id.as_str());
        let unfinished = self.folder.join(format!("{}.new", job.id));
        // What a bridge left behind that was stopped in between.
        for left in [&folder, &unfinished] {
            if left.exists() {
                fs::remove_dir_all(left).context("results: cannot be written")?;
            }
        }
        fs::create_dir(&unfinished).context("results: cannot be written")?;
        write(&unfinished.join(job.output.as_str()), output)?;
        sync(&unfinished)?;
        fs::rename(&unfinished, &folder).context("results: cannot be written")?;
        sync(&self.folder)?;
        Ok(hash_of(output))
    }

    /// Notes how `job` ended.
    pub fn note(&self, job: &Job<'_>, status: &Status<'_>) -> Result<()> {
        let unfinished = self.folder.join(format!("{}.note", job.id));
        if unfinished.exists() {
            fs::remove_file(&unfinished).context("results: cannot be written")?;
        }
        write(&unfinished, format!("{job}\n{status}\n").as_bytes())?;
        fs::rename(&unfinished, self.done(job)).context("results: cannot be written")?;
        sync(&self.folder)
    }

    /// Removes what there is of a job that could not be noted: the disk may be full.
    pub fn forget(&self, job: &Job<'_>) {
        for name in [job.id.to_string(), format!("{}.new", job.id)] {
            // Most of it is not there.
            let _ = fs::remove_dir_all(self.folder.join(name));
        }
        let _ = fs::remove_file(self.folder.join(format!("{}.note", job.id)));
    }

    fn done(&self, job: &Job<'_>) -> PathBuf {
        self.folder.join(format!("{}.done", job.id))
    }
}

/// Has a folder's names on the disk.
fn sync(folder: &Path) -> Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.context("results: cannot be written")
}
