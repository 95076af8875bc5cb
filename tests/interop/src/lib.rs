//! Real 9P clients against the simulator and against the booted system.
//!
//! A case is a function over a [`Hive`], which serves a unix socket and a TCP address of this
//! host; [`cases!`] makes two tests of each, `simulator::CASE` and `vm::CASE`. The clients are
//! programs that others wrote; `./cohesix test` has ci/setup_interop.sh put them in place. Where
//! one is missing a test says `skipped:` and passes, but under CI it fails ([`tools`]).
//!
//! Nobody gets in without a ticket ([`Hive::ticket`]); each client is given its own in the way that
//! its users would, which docs/9p.md tells.
//!
//! Nothing sleeps, and nothing waits without a deadline. A client that does not end is ended, by
//! its own process id, at a deadline.
#![forbid(unsafe_code)]

mod initramfs;
mod program;
mod tickets;
pub mod tools;

use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use boot_tests::{DEADLINE, Linked, Scratch};
use client::{Client, Mode, Who};
use ticket::Key;

pub use initramfs::Initramfs;
pub use program::{Finished, run, within};
pub use ticket::Role;

/// Where a TCP server listens: any free port of this host alone.
const LOOPBACK: (&str, u16) = ("127.0.0.1", 0);

/// The system under test, served at two sockets.
pub struct Hive {
    kind: Kind,
    /// Where clients of unix sockets connect.
    pub socket: PathBuf,
    /// Where TCP clients connect.
    pub address: SocketAddr,
    /// A folder for the test's files.
    pub scratch: Scratch,
}

/// What serves it, for as long as the test runs. Dropped in this order: the sockets go, then QEMU.
enum Kind {
    Simulator { _servers: [hive_sim::Server; 2] },
    Vm { _servers: [link::Server; 2], linked: Box<Linked> },
}

impl Hive {
    /// A simulator that has just started.
    #[track_caller]
    #[must_use]
    pub fn simulator() -> Self {
        let scratch = Scratch::new();
        let socket = scratch.path("hive.sock");
        let hive = hive_sim::Hive::start(tickets::SECRET).expect("a thread for the clock");
        let unix = hive_sim::serve_unix(&hive, &socket).expect("COHESIX_OUT has a short path");
        let tcp = hive_sim::serve_tcp(&hive, LOOPBACK).expect("a free port");
        let address = tcp.address().expect("a TCP server's address");
        let kind = Kind::Simulator { _servers: [unix, tcp] };
        Self { kind, socket, address, scratch }
    }

    /// The system `qemu-virt`, just booted.
    #[track_caller]
    #[must_use]
    pub fn vm() -> Self {
        let scratch = Scratch::new();
        let socket = scratch.path("hive.sock");
        let linked = Box::new(Linked::start("qemu-virt"));
        let unix = linked.link().serve_unix(&socket).expect("COHESIX_OUT has a short path");
        let tcp = linked.link().serve_tcp(LOOPBACK).expect("a free port");
        let address = tcp.address().expect("a TCP server's address");
        let kind = Kind::Vm { _servers: [unix, tcp], linked };
        Self { kind, socket, address, scratch }
    }

    /// Which of the two it is, as a file may be called.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.kind {
            Kind::Simulator { .. } => "simulator",
            Kind::Vm { .. } => "vm",
        }
    }

    /// A ticket that is good for an hour.
    #[must_use]
    pub fn ticket(&self, role: Role) -> String {
        match &self.kind {
            Kind::Simulator { .. } => {
                tickets::mint(&Key::from_secret(tickets::SECRET).expect("long enough"), role)
            }
            Kind::Vm { linked, .. } => tickets::mint(linked.key(), role),
        }
    }

    /// A queen's ticket that somebody made who does not know the secret.
    #[must_use]
    pub fn forged(&self) -> String {
        tickets::forge(&self.ticket(Role::Queen))
    }

    /// Panics unless `text` is this system's `/proc/boot`, to the byte.
    #[track_caller]
    pub fn has_boot(&self, text: &str) {
        let ours = self.boot().expect("our own client reads it");
        let second = match self.kind {
            Kind::Simulator { .. } => "\nkernel: none, a simulator ",
            Kind::Vm { .. } => "\ngit: ",
        };
        assert!(ours.starts_with("Cohesix ") && ours.contains(second), "{ours}");
        assert_eq!(text, ours);
    }

    /// `/proc/boot` as the project's own client reads it.
    fn boot(&self) -> client::Result<String> {
        let stream = UnixStream::connect(&self.socket).expect("it is served");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket");
        let who = Who { aname: self.ticket(Role::Observer), ..Who::default() };
        let mut client = Client::attach(stream, &who)?;
        let bytes = client.with_open("/proc/boot", Mode::Read, |client, file| {
            let mut bytes = Vec::new();
            loop {
                let more = client.read(file, bytes.len() as u64, u32::MAX)?;
                if more.is_empty() {
                    return Ok::<_, client::Error>(bytes);
                }
                bytes.extend_from_slice(more);
            }
        })?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Makes two tests of each case (`fn(&Hive)`): one on the simulator and one on the booted system.
/// `needs` is the tool without which they are skipped.
#[macro_export]
macro_rules! cases {
    (needs $tool:ident; $($case:ident),* $(,)?) => {
        mod simulator {
            $(
                #[test]
                fn $case() {
                    if $crate::tools::Tool::$tool.is_there() {
                        super::$case(&$crate::Hive::simulator());
                    }
                }
            )*
        }

        mod vm {
            $(
                #[test]
                fn $case() {
                    if $crate::tools::Tool::$tool.is_there() {
                        super::$case(&$crate::Hive::vm());
                    }
                }
            )*
        }
    };
}
