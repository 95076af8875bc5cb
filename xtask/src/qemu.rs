//! The one virtual machine that Cohesix runs on: QEMU's `virt` board, started and stopped.
//!
//! [`Qemu`] is the program, [`Machine`] says what to boot and [`Running`] is the started child.
//! The command line follows the kernel's port: GICv3, one Cortex-A57, EL1, no network.
//!
//! The monitor's connection is a socket pair whose one end QEMU inherits as descriptor 3. It
//! needs no name in a file system, so the length limit of socket paths (about 100 bytes) does not
//! matter, nothing is left behind, nobody else can connect, and its end of file says that QEMU
//! has ended. It works alike on Linux and macOS.

mod monitor;
mod running;

use std::ffi::OsString;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use command_fds::{CommandFdExt, FdMapping};

pub use running::{Event, Line, Running, Sentinel};

const PROGRAM: &str = "qemu-system-aarch64";
/// Oldest QEMU that works: `-semihosting-config userspace=on` came with it.
const OLDEST: Version = Version { major: 7, minor: 2 };
/// The descriptor at which QEMU finds its monitor's socket.
const MONITOR_FD: i32 = 3;
/// The link's socket in QEMU.
const LINK_FD: i32 = MONITOR_FD + 1;
/// The virtio-mmio transport that the manifests give to host-link (`device.transport = 31`).
const LINK_BUS: &str = "virtio-mmio-bus.31";

/// When a machine that counts instructions starts, whatever the host's clock says: 2026-01-01, in
/// milliseconds since 1970.
pub const COUNTED_START_MS: u64 = 1_767_225_600_000;

/// A version of QEMU.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Version {
    major: u32,
    minor: u32,
}

impl Version {
    /// Reads the first line of `--version`: `QEMU emulator version 7.2.22 (Debian …)`.
    fn parse(output: &str) -> Option<Self> {
        let (_, rest) = output.split_once("version ")?;
        let mut numbers = rest.split(|c: char| !c.is_ascii_digit());
        let mut number = || numbers.next()?.parse().ok();
        Some(Self { major: number()?, minor: number()? })
    }
}

/// The QEMU program of this host.
#[derive(Debug, Clone)]
pub struct Qemu {
    program: PathBuf,
}

impl Qemu {
    /// Finds QEMU (`$QEMU`, else on `PATH`) and refuses one that is too old.
    pub fn find() -> Result<Self> {
        let qemu = Self::locate()?;
        qemu.check_version()?;
        Ok(qemu)
    }

    /// Finds QEMU without starting it.
    pub fn locate() -> Result<Self> {
        if let Some(program) = std::env::var_os("QEMU").filter(|value| !value.is_empty()) {
            return Ok(Self { program: program.into() });
        }
        let path = std::env::var_os("PATH").unwrap_or_default();
        match std::env::split_paths(&path).map(|dir| dir.join(PROGRAM)).find(|at| at.is_file()) {
            Some(program) => Ok(Self { program }),
            None => bail!("{PROGRAM} is not on PATH: run `./cohesix setup`, or set QEMU to it"),
        }
    }

    fn check_version(&self) -> Result<()> {
        let program = self.program.display();
        let output = Command::new(&self.program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("cannot start {program}: run `./cohesix setup`"))?;
        check_version(&String::from_utf8_lossy(&output.stdout))
            .with_context(|| format!("{program} cannot be used"))
    }
}

fn check_version(output: &str) -> Result<()> {
    let Some(found) = Version::parse(output) else {
        bail!("it does not tell QEMU's version: run `./cohesix setup`");
    };
    if found < OLDEST {
        bail!(
            "QEMU {}.{} found; {}.{} or newer is needed: run `./cohesix setup`",
            found.major,
            found.minor,
            OLDEST.major,
            OLDEST.minor
        );
    }
    Ok(())
}

/// Where the guest's serial port goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Serial {
    /// This process's terminal, shared with QEMU's own monitor: Ctrl-A X leaves.
    Stdio,
    /// A pipe that [`Running`] reads. The guest gets no input.
    Pipe {
        /// QEMU itself also writes everything to this file, so that the log is whole even when
        /// the reader is killed.
        log: Option<PathBuf>,
    },
}

/// What to boot and with what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// `-kernel`: a raw image with a Linux arm64 header, or an ELF (QEMU then drops `initrd`).
    pub image: PathBuf,
    /// The boot archive for a raw image.
    pub initrd: Option<PathBuf>,
    /// RAM in MiB, at least what the kernel was built for.
    pub memory_mib: u32,
    /// Where the serial port goes.
    pub serial: Serial,
    /// Count instructions: time in the guest is one nanosecond per instruction, the same in every
    /// run, and idle time is skipped.
    pub icount: bool,
    /// Let the guest end QEMU with an exit code (semihosting `SYS_EXIT_EXTENDED`), from EL0 too.
    pub semihosting: bool,
    /// Give the guest a serial port to this process, for 9P: see [`Running::take_link`].
    pub link: bool,
    /// A file that the guest gets as `opt/cohesix/secret` (fw_cfg).
    pub secret: Option<PathBuf>,
    /// QEMU does not hear the terminal's Ctrl-C.
    pub own_group: bool,
}

impl Machine {
    /// The arguments for QEMU, less the monitor's inherited socket.
    #[must_use]
    pub fn arguments(&self) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = [
            "-machine",
            "virt,gic-version=3,virtualization=off",
            "-cpu",
            "cortex-a57",
            "-smp",
            "1",
            "-display",
            "none",
            "-nic",
            "none",
            "-no-reboot",
            "-global",
            "virtio-mmio.force-legacy=false",
        ]
        .map(OsString::from)
        .into();
        let mut option = |name: &str, value: OsString| arguments.extend([name.into(), value]);
        option("-m", self.memory_mib.to_string().into());
        match &self.serial {
            Serial::Stdio => option("-serial", "mon:stdio".into()),
            Serial::Pipe { log } => {
                let mut device = OsString::from("stdio,id=serial,signal=off");
                if let Some(log) = log {
                    device.push(",logfile=");
                    device.push(escape_commas(log));
                }
                option("-chardev", device);
                option("-serial", "chardev:serial".into());
                option("-monitor", "none".into());
            }
        }
        if self.icount {
            option("-icount", "shift=0,sleep=off".into());
            option("-rtc", "base=2026-01-01,clock=vm".into());
        }
        if self.semihosting {
            option("-semihosting-config", "enable=on,userspace=on,target=native".into());
        }
        if self.link {
            // Port 1: on the console's port 0 QEMU drops what the host does not read at once.
            option("-device", format!("virtio-serial-device,max_ports=2,bus={LINK_BUS}").into());
            option("-device", "virtserialport,nr=1,name=cohesix.link,chardev=link".into());
        }
        if let Some(secret) = &self.secret {
            let mut file = OsString::from("name=opt/cohesix/secret,file=");
            file.push(escape_commas(secret));
            option("-fw_cfg", file);
        }
        option("-kernel", self.image.clone().into());
        if let Some(initrd) = &self.initrd {
            option("-initrd", initrd.clone().into());
        }
        arguments
    }

    /// The command as a line for a shell, less the inherited sockets: without a monitor, and with
    /// nobody at the other end of the link.
    #[must_use]
    pub fn command_line(&self, qemu: &Qemu) -> String {
        let program = qemu.program.clone().into_os_string();
        let link = ["-chardev", "null,id=link"].into_iter().filter(|_| self.link);
        let words: Vec<String> = std::iter::once(program)
            .chain(link.map(OsString::from))
            .chain(self.arguments())
            .map(|word| shell_quote(&word.to_string_lossy()))
            .collect();
        words.join(" ")
    }

    /// Starts QEMU. Its messages go to this process's stderr.
    pub fn start(&self, qemu: &Qemu) -> Result<Running> {
        readable(&self.image, "the image to boot")?;
        if let Some(initrd) = &self.initrd {
            readable(initrd, "the boot archive")?;
        }
        let pair = || UnixStream::pair().context("cannot make a socket pair for QEMU");
        let (ours, theirs) = pair()?;
        let mut sockets = vec![FdMapping { parent_fd: theirs.into(), child_fd: MONITOR_FD }];
        let mut command = Command::new(&qemu.program);
        let mut link = None;
        if self.link {
            let (ours, theirs) = pair()?;
            link = Some(ours);
            sockets.push(FdMapping { parent_fd: theirs.into(), child_fd: LINK_FD });
            command.args(["-chardev", &format!("socket,id=link,fd={LINK_FD}")]);
        }
        command.args(self.arguments());
        command.args(["-chardev", &format!("socket,id=monitor,fd={MONITOR_FD}")]);
        command.args(["-mon", "chardev=monitor,mode=control"]);
        command.fd_mappings(sockets)?;
        if matches!(self.serial, Serial::Pipe { .. }) {
            command.stdin(Stdio::null()).stdout(Stdio::piped());
        }
        if self.own_group {
            command.process_group(0);
        }
        let started = Instant::now();
        let child = command.spawn().with_context(|| {
            format!("cannot start {}: run `./cohesix setup`", qemu.program.display())
        })?;
        // The command still holds QEMU's end of the socket: while it lives, no end of file comes.
        drop(command);
        Running::new(child, ours, link, started)
    }
}

fn readable(path: &Path, what: &str) -> Result<()> {
    std::fs::File::open(path)
        .map(drop)
        .with_context(|| format!("cannot read {what}, {}: build it first", path.display()))
}

/// In QEMU's option lists a comma ends a value unless it is doubled.
fn escape_commas(path: &Path) -> String {
    path.to_string_lossy().replace(',', ",,")
}

fn shell_quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./,=:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
