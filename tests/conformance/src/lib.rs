//! One suite of 9P cases that runs against the simulator and against the booted system.
//!
//! A case is a function over a [`Hive`], which gives it fresh connections; [`cases!`] makes two
//! tests of each, `simulator::CASE` and `vm::CASE`. Every test has a hive of its own, so a case
//! may look at what is there for all (`/proc/sessions`, `/proc/mem`) and none sees another's. The
//! cases speak through the public codec and say what is on the wire (numbers, strings) in their
//! own words rather than through the server's types.
//!
//! Nothing sleeps: what takes its time is asked for again, until [`DEADLINE`].
#![forbid(unsafe_code)]

mod answer;
mod client;
mod entry;
mod hostile;
mod refusal;

use std::os::unix::net::UnixStream;
use std::sync::Arc;

pub use boot_tests::DEADLINE;
use boot_tests::Linked;
use secure9p_codec::Dialect;
use ticket::{Claims, Key};

pub use answer::Answer;
pub use client::{Client, Entry, Mode, frame, packed, raw};
pub use entry::{SECRET, claims};
pub use hostile::{Random, unharmed, who};
pub use refusal::{Refusal, refusals};
pub use ticket::Role;

/// Both dialects, for cases that hold in each.
pub const DIALECTS: [Dialect; 2] = [Dialect::Plan9, Dialect::Linux];

/// The files that cases use.
pub const BOOT: &str = "/proc/boot";
/// A line for each session.
pub const SESSIONS: &str = "/proc/sessions";
/// What memory there is.
pub const MEMORY: &str = "/proc/mem";
/// A read of it waits until something changes.
pub const EVENTS: &str = "/proc/events";
/// Append-only.
pub const LOG: &str = "/log/queen.log";
/// Takes commands, one a line.
pub const CONTROL: &str = "/queen/ctl";

/// The system under test.
pub enum Hive {
    /// NineDoor's code in this process.
    Simulator(Arc<hive_sim::Hive>),
    /// The system in QEMU, reached over its serial port.
    Vm(Box<Linked>),
}

impl Hive {
    /// A simulator that has just started.
    #[must_use]
    pub fn simulator() -> Self {
        Self::Simulator(hive_sim::Hive::start(SECRET).expect("a hive"))
    }

    /// The system `qemu-virt`, booted and settled.
    #[track_caller]
    #[must_use]
    pub fn vm() -> Self {
        let mut linked = Linked::start("qemu-virt");
        // The one component that ends: from then on memory changes by nothing but the cases.
        linked.line("reaped: component=ping ");
        Self::Vm(Box::new(linked))
    }

    /// A ticket of the system under test: good for an hour.
    #[must_use]
    pub fn ticket(&self, role: Role) -> String {
        self.mint(&claims(role))
    }

    /// A ticket that claims this.
    #[must_use]
    pub fn mint(&self, claims: &Claims) -> String {
        let ticket = match self {
            Self::Simulator(_) => Key::from_secret(SECRET).expect("long enough").mint(claims),
            Self::Vm(linked) => linked.key().mint(claims),
        };
        ticket.expect("they fit").as_str().to_owned()
    }

    /// A fresh connection that nothing was said on; waits for a place. A read or write that takes
    /// longer than [`DEADLINE`] fails.
    #[must_use]
    pub fn connect(&self) -> UnixStream {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        ours.set_read_timeout(Some(DEADLINE)).expect("a socket");
        ours.set_write_timeout(Some(DEADLINE)).expect("a socket");
        match self {
            Self::Simulator(hive) => hive.attach(theirs).expect("a thread for the connection"),
            Self::Vm(linked) => linked.link().attach(theirs).expect("the hive is there"),
        }
        ours
    }
}

/// Makes two tests of each case (`fn(&Hive)`): one on the simulator and one on the booted system.
/// With `simulator only:` before them it makes only the first, of what the booted system does not
/// have.
#[macro_export]
macro_rules! cases {
    (simulator only: $($case:ident),* $(,)?) => {
        mod simulator {
            $(
                #[test]
                fn $case() {
                    super::$case(&$crate::Hive::simulator());
                }
            )*
        }
    };
    ($($case:ident),* $(,)?) => {
        $crate::cases![simulator only: $($case),*];

        mod vm {
            $(
                #[test]
                fn $case() {
                    super::$case(&$crate::Hive::vm());
                }
            )*
        }
    };
}
