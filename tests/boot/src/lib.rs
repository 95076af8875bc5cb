//! Boots systems in QEMU for tests.
//!
//! [`Boot::start`] takes a system's images from the folder `$COHESIX_BOOT_IMAGES`, which
//! `./cohesix test` fills, and boots them; its methods wait for what the system prints, each with
//! a deadline, and panic with the last lines where it does not come. Nothing ever sleeps. A test
//! that fails keeps its serial log and tells where; a test that passes leaves nothing. QEMU is
//! ended through its monitor, or by its own process id.
#![forbid(unsafe_code)]

pub mod guest;
mod hive;
mod linked;
mod report;
mod scratch;

use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use serde::Deserialize;
use ticket::{Key, Ticket};
use xtask::qemu::{COUNTED_START_MS, Event, Line, Machine, Qemu, Running, Sentinel, Serial};
use xtask::secret::Secret;

pub use hive::Queen;
pub use linked::Linked;
pub use report::{Fields, period_s};
pub use scratch::Scratch;

/// How long a test waits for one thing where it does not say otherwise. Far more than is ever
/// needed: it only bounds a failing test.
pub const DEADLINE: Duration = Duration::from_secs(60);

/// A system that runs in QEMU.
pub struct Boot {
    running: Running,
    secret: Secret,
    icount: bool,
    // After `running`: QEMU has ended before its log's folder is dealt with.
    _scratch: Scratch,
}

/// What `payload.json` beside a system's images says.
#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Payload {
    /// RAM in MiB that the kernel was compiled for.
    memory_mib: u32,
    /// The guest ends QEMU by semihosting.
    semihosting: bool,
    /// The guest drives a serial port to us.
    link: bool,
}

impl Default for Payload {
    fn default() -> Self {
        Self { memory_mib: 512, semihosting: false, link: false }
    }
}

/// The folder with the images of `system`.
fn images(system: &str) -> PathBuf {
    let Some(folder) = std::env::var_os("COHESIX_BOOT_IMAGES") else {
        panic!("COHESIX_BOOT_IMAGES is not set: run these tests with `./cohesix test`");
    };
    let folder = PathBuf::from(folder).join(system);
    assert!(folder.is_dir(), "{} is missing: run `./cohesix test`", folder.display());
    folder
}

/// How to run `system`.
#[must_use]
pub fn payload(system: &str) -> xtask::run::Payload {
    let folder = images(system);
    let Payload { memory_mib, semihosting, link } = settings(&folder);
    xtask::run::Payload {
        kernel_image: folder.join("loader.img"),
        initrd: Some(folder.join("rootfs.cpio")),
        memory_mib,
        semihosting,
        link,
    }
}

fn settings(folder: &std::path::Path) -> Payload {
    match std::fs::read(folder.join("payload.json")) {
        Ok(json) => serde_json::from_slice(&json).expect("payload.json is well-formed"),
        Err(_) => Payload::default(),
    }
}

/// The boot archive of `system`, for tests that damage it.
#[must_use]
pub fn rootfs(system: &str) -> Vec<u8> {
    let path = images(system).join("rootfs.cpio");
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

impl Boot {
    /// Boots `system`.
    #[track_caller]
    #[must_use]
    pub fn start(system: &str) -> Self {
        let folder = images(system);
        let rootfs = folder.join("rootfs.cpio");
        Self::start_in(Scratch::new(), system, folder.join("loader.img"), Some(rootfs), false)
    }

    /// Boots `system` where it was built.
    #[track_caller]
    #[must_use]
    pub fn start_if_built(system: &str) -> Option<Self> {
        Self::images_if_built(system).map(|_| Self::start(system))
    }

    /// The folder of `system` where it was built.
    #[must_use]
    pub fn images_if_built(system: &str) -> Option<PathBuf> {
        let folder = std::env::var_os("COHESIX_BOOT_IMAGES").map(PathBuf::from)?.join(system);
        folder.join("rootfs.cpio").is_file().then_some(folder)
    }

    /// Boots `system` with an upstream elfloader, where it was combined with one.
    #[track_caller]
    #[must_use]
    pub fn start_elfloader(system: &str) -> Option<Self> {
        let image = images(system).join(xtask::image::ELFLOADER);
        image.is_file().then(|| Self::start_in(Scratch::new(), system, image, None, false))
    }

    /// Boots the loader and kernel of `system` with another boot archive.
    #[track_caller]
    #[must_use]
    pub fn start_with_rootfs(system: &str, archive: &[u8]) -> Self {
        let scratch = Scratch::new();
        let path = scratch.write("rootfs.cpio", archive);
        Self::start_in(scratch, system, images(system).join("loader.img"), Some(path), false)
    }

    /// Boots `system` on a machine whose time is what it has done: instructions are counted, and
    /// where there is nothing to do time goes on at once. So hours pass in seconds.
    #[track_caller]
    #[must_use]
    pub fn start_counting(system: &str) -> Self {
        let folder = images(system);
        let rootfs = folder.join("rootfs.cpio");
        Self::start_in(Scratch::new(), system, folder.join("loader.img"), Some(rootfs), true)
    }

    fn start_in(
        scratch: Scratch,
        system: &str,
        image: PathBuf,
        initrd: Option<PathBuf>,
        icount: bool,
    ) -> Self {
        let folder = images(system);
        let payload = settings(&folder);
        let secret = Secret::random(scratch.folder()).unwrap_or_else(|error| panic!("{error:#}"));
        let machine = Machine {
            image,
            initrd,
            memory_mib: payload.memory_mib,
            serial: Serial::Pipe { log: Some(scratch.path("serial.log")) },
            icount,
            semihosting: payload.semihosting,
            link: payload.link,
            secret: Some(secret.file().to_path_buf()),
            own_group: false,
        };
        let running = Qemu::find().and_then(|qemu| machine.start(&qemu));
        let running = running.unwrap_or_else(|error| panic!("{error:#}"));
        Self { running, secret, icount, _scratch: scratch }
    }

    /// What its tickets are made with.
    #[must_use]
    pub fn key(&self) -> &Key {
        self.secret.key()
    }

    /// A queen's ticket.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        let ticket = if self.icount {
            self.secret.queen_from(COUNTED_START_MS)
        } else {
            self.secret.queen()
        };
        ticket.unwrap_or_else(|error| panic!("{error:#}"))
    }

    /// When QEMU was started.
    #[must_use]
    pub fn started(&self) -> Instant {
        self.running.started()
    }

    /// Our end of the system's serial port for 9P.
    #[track_caller]
    #[must_use]
    pub fn take_link(&mut self) -> UnixStream {
        self.running.take_link().expect("the system has a link, and nobody took it before")
    }

    /// The lines so far.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.running.transcript().iter().map(|line| line.text.as_str())
    }

    /// The number and arrival of each `tick N` line so far.
    #[must_use]
    pub fn ticks(&self) -> Vec<(u64, Instant)> {
        let tick = |line: &Line| Some((tick_number(&line.text)?, line.at));
        self.running.transcript().iter().filter_map(tick).collect()
    }

    /// Waits for the next line that `wanted` accepts; `what` names it should it not come.
    #[track_caller]
    pub fn wait(&mut self, what: &str, wanted: impl FnMut(&str) -> bool) -> Line {
        match self.running.wait_for_line(wanted, Instant::now() + DEADLINE) {
            Ok(line) => line,
            Err(error) => panic!("waiting for {what}: {error:#}"),
        }
    }

    /// Waits for the next line that starts with `start`.
    #[track_caller]
    pub fn line(&mut self, start: &str) -> Line {
        self.wait(&format!("a line that starts with {start:?}"), |text| text.starts_with(start))
    }

    /// Waits for the line `tick N` with at least this N.
    #[track_caller]
    pub fn tick(&mut self, number: u64) -> Line {
        self.wait(&format!("tick {number}"), |text| {
            tick_number(text).is_some_and(|seen| seen >= number)
        })
    }

    /// Waits for `count` more ticks.
    #[track_caller]
    pub fn more_ticks(&mut self, count: usize) {
        for _ in 0..count {
            self.wait("another tick", |text| tick_number(text).is_some());
        }
    }

    /// Waits for the next result that the system tells.
    #[track_caller]
    pub fn sentinel(&mut self) -> Sentinel {
        match self.running.wait_for_sentinel(Instant::now() + DEADLINE) {
            Ok(sentinel) => sentinel,
            Err(error) => panic!("waiting for the result's byte: {error:#}"),
        }
    }

    /// Waits until QEMU ends by itself.
    #[track_caller]
    pub fn ended(mut self) -> ExitStatus {
        let deadline = Instant::now() + DEADLINE;
        loop {
            match self.running.next_event(Some(deadline)) {
                Some(Event::End) => return self.running.wait().expect("QEMU's exit status"),
                Some(_) => {}
                None => panic!("QEMU did not end; the last lines:\n{}", self.running.last_lines()),
            }
        }
    }

    /// Ends QEMU through its monitor; it has to end with status 0.
    #[track_caller]
    pub fn quit(mut self) {
        match self.running.quit() {
            Ok(status) => assert!(status.success(), "QEMU ended with {status}"),
            Err(error) => panic!("{error:#}"),
        }
    }
}

fn tick_number(text: &str) -> Option<u64> {
    text.strip_prefix("tick ")?.parse().ok()
}
