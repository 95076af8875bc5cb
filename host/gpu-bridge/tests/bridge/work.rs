//! Bundles, jobs and folders for the tests.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use gpu::{Job, Kernel, Shape, State, Status};
use gpu_bridge::{Backend, Cancel, Executor, LIST, Order, Report, stage};
use sha2::{Digest as _, Sha256};

/// A folder that goes away with it.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gpu-bridge-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir(&path).expect("a new folder");
        Self(path)
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Says it past the test's own output, which is not shown of tests that pass.
pub fn skipped(why: &str) {
    writeln!(io::stderr(), "skipped: {why}").expect("stderr");
}

pub const VADD: Kernel = Kernel::Vadd { n: 100_000 };
pub const MATMUL: Kernel = Kernel::Matmul { m: 70, n: 50, k: 90 };

/// A bundle, and jobs that read it.
pub struct Bundle {
    pub folder: Folder,
    kernel: Kernel,
    hash: gpu::Hash,
}

impl Bundle {
    pub fn of(kernel: Kernel) -> Self {
        let folder = Folder::new();
        let hash = stage(&folder.join("bundle"), kernel, 7).expect("a bundle");
        Self { folder, kernel, hash }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.join("bundle")
    }

    pub fn results(&self) -> PathBuf {
        self.folder.join("results")
    }

    /// A job's line.
    pub fn line(&self, id: &str, timeout_ms: u32) -> String {
        match self.kernel {
            Kernel::Vadd { .. } => self.line_in([256, 1, 1], id, timeout_ms),
            Kernel::Matmul { .. } => self.line_in([16, 8, 1], id, timeout_ms),
        }
    }

    pub fn line_in(&self, block: [u32; 3], id: &str, timeout_ms: u32) -> String {
        let name = |name| gpu::FileName::of(name).expect("a name");
        let job = Job {
            id: gpu::JobId::of(id).expect("an id"),
            kernel: self.kernel,
            shape: Shape::of(self.kernel, block).expect("a shape"),
            bytes_hash: self.hash,
            inputs: [name("a.f32"), name("b.f32")],
            output: name("out.f32"),
            timeout_ms,
        };
        job.to_string()
    }

    /// Writes a file of it, and its list and hash anew: a whole bundle, of something else.
    pub fn put(&mut self, name: &str, bytes: &[u8]) {
        fs::write(self.path().join(name), bytes).expect("written");
        let list = fs::read_to_string(self.path().join(LIST)).expect("a list");
        let hex: String = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let others = list.lines().filter(|line| !line.ends_with(&format!("  {name}")));
        let mut list: String = others.map(|line| format!("{line}\n")).collect();
        list.push_str(&format!("{hex}  {name}\n"));
        self.put_list(&list);
    }

    /// Writes its list, and its hash anew.
    pub fn put_list(&mut self, list: &str) {
        fs::write(self.path().join(LIST), list).expect("written");
        self.hash = gpu::Hash(Sha256::digest(list).into());
    }

    pub fn values(&self, name: &str) -> Vec<f32> {
        read_values(&self.path().join(name))
    }

    pub fn result(&self, id: &str) -> Vec<f32> {
        read_values(&self.results().join(id).join("out.f32"))
    }

    pub fn executor(&self, backend: impl Backend + 'static) -> Executor {
        Executor::new(Box::new(backend), &self.results()).expect("the folder is free")
    }

    /// Runs a job on the first device, and looks whether what was told goes together.
    pub fn run(&self, executor: &Executor, line: &str) -> Ran {
        self.run_until(executor, line, &Cancel::new(), |_| {})
    }

    /// As [`Bundle::run`], with a look at each status.
    pub fn run_until(
        &self,
        executor: &Executor,
        line: &str,
        cancel: &Cancel,
        mut look: impl FnMut(&Status<'_>),
    ) -> Ran {
        let job = Job::parse(line.as_bytes()).expect(line);
        let device = executor.devices().remove(0);
        let (id, mem_mb, bundle) = (&*device.id, device.memory_mb, self.path());
        let order = Order { device: id, mem_mb, job: &job, bundle: &bundle };
        let mut told = Vec::new();
        let report = executor.run(&order, cancel, &mut |status| {
            let line = status.to_string();
            Status::parse(line.as_bytes()).expect(&line);
            look(status);
            told.push(line);
        });
        assert_eq!(told.last(), Some(&report.status().to_string()));
        let finals = told
            .iter()
            .filter(|line| Status::parse(line.as_bytes()).expect("above").state.is_final());
        assert!(finals.count() <= 1, "{told:?}");
        Ran { report, told }
    }
}

pub fn read_values(path: &Path) -> Vec<f32> {
    let bytes = fs::read(path).expect("a file");
    bytes.chunks(4).map(|value| f32::from_le_bytes(value.try_into().expect("four"))).collect()
}

/// How a job went.
pub struct Ran {
    pub report: Report,
    pub told: Vec<String>,
}

impl Ran {
    /// That it is OK, with the result's hash that its file has.
    pub fn assert_ok(&self, bundle: &Bundle) {
        let Report { state, detail, result, job, .. } = &self.report;
        assert_eq!(*state, State::Ok, "{detail}");
        let file = bundle.results().join(job.as_str()).join("out.f32");
        let hash = gpu::Hash(Sha256::digest(fs::read(file).expect("a result")).into());
        assert_eq!(*result, Some(hash));
        assert!(self.told[0].contains("\"RUNNING\",\"progress\":0"), "{:?}", self.told);
    }

    /// That it is ERR, and says so; whether it ran at all.
    pub fn assert_err(&self, says: &str, ran: bool) {
        let Report { state, detail, result, .. } = &self.report;
        assert_eq!((*state, *result), (State::Err, None), "{detail}");
        assert!(detail.starts_with(says), "{detail}");
        let running = self.told.iter().any(|line| line.contains("RUNNING"));
        assert_eq!(running, ran, "{:?}", self.told);
    }
}
