//! Every command, its fields and their ranges: one table.
//!
//! A new field is a line here, a variant of [`Key`], and a place in `command`.

use core::fmt;

use Takes::{Gpu, Object, Path, Service, Ticket, Word, Worker};

/// The ranges of numbers and sizes of texts. The manifest may allow less.
pub mod limits {
    /// Heartbeats of a worker.
    pub const TICKS: (u64, u64) = (1, 1_000_000_000);
    /// Time between two heartbeats, in ms: shorter ones are uneven under emulation.
    pub const PERIOD_MS: (u64, u64) = (10, 3_600_000);
    /// Time to live, in s: a year at most.
    pub const TTL_S: (u64, u64) = (1, 31_536_000);
    /// Requests served.
    pub const OPS: (u64, u64) = (1, 1_000_000_000);
    /// Memory of a GPU, in MiB: a TiB at most.
    pub const MEM_MB: (u64, u64) = (1, 1 << 20);
    /// Streams of a GPU.
    pub const STREAMS: (u64, u64) = (1, 1024);
    /// Priority of a lease.
    pub const PRIORITY: (u64, u64) = (0, 255);
    /// Number of a worker.
    pub const WORKER: (u64, u64) = (0, 0xffff_ffff);
    /// Longest GPU name, in bytes.
    pub const GPU_ID_BYTES: usize = 48;
    /// Longest service name, in bytes: that of a component in a manifest.
    pub const SERVICE_BYTES: usize = 24;
    /// Longest path, in bytes.
    pub const PATH_BYTES: usize = 255;
    /// Most components of a path: as many as one Twalk takes (walk(5)).
    pub const PATH_DEPTH: usize = 16;
    /// A ticket's name, in bytes.
    pub const TICKET_BYTES: usize = 8;
}

/// Which value of a command a field is. None stands twice in one command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table's lines say what they are")]
pub enum Key {
    Spawn,
    Ticks,
    PeriodMs,
    Budget,
    TtlS,
    Ops,
    Lease,
    GpuId,
    MemMb,
    Streams,
    LeaseTtlS,
    Priority,
    Kill,
    Bind,
    From,
    To,
    Mount,
    Service,
    At,
    Revoke,
    Ticket,
}

impl Key {
    /// How many there are.
    pub(crate) const COUNT: usize = Self::Ticket as usize + 1;
}

/// What a field takes. Its text says what must stand there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// This text alone.
    Word(&'static str),
    /// A whole number in this range, both ends in it.
    Number {
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// A [`crate::WorkerId`].
    Worker,
    /// A [`crate::GpuId`].
    Gpu,
    /// A [`crate::Path`].
    Path,
    /// A [`crate::Service`].
    Service,
    /// A [`crate::TicketId`].
    Ticket,
    /// An object of these fields, one at least.
    Object(&'static [Field]),
}

impl fmt::Display for Takes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Word(word) => write!(f, "must be \"{word}\""),
            Self::Number { min, max } => write!(f, "must be a whole number from {min} to {max}"),
            Worker => f.write_str("must be a worker like \"worker-7\""),
            Gpu => write!(
                f,
                "must be a GPU like \"GPU-0\": letters, digits, - _ . and {} of them at most",
                limits::GPU_ID_BYTES
            ),
            Path => write!(
                f,
                "must be a path like \"/worker\": from the root, without . and .. and empty \
                 names, at most {} bytes and {} names",
                limits::PATH_BYTES,
                limits::PATH_DEPTH
            ),
            Service => write!(
                f,
                "must be a service like \"gpu-bridge\": a-z, then a-z 0-9 -, {} at most",
                limits::SERVICE_BYTES
            ),
            Ticket => {
                write!(f, "must be a ticket's name: {} digits of 0-9 a-f", limits::TICKET_BYTES * 2)
            }
            Object(fields) => {
                f.write_str("must be an object of ")?;
                write_names(f, fields.iter().map(|field| field.name))
            }
        }
    }
}

/// Names with commas between them.
pub(crate) fn write_names<'a>(
    f: &mut fmt::Formatter<'_>,
    names: impl Iterator<Item = &'a str>,
) -> fmt::Result {
    for (index, name) in names.enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        f.write_str(name)?;
    }
    Ok(())
}

/// A field of a command, or of an object in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Which value it is.
    pub key: Key,
    /// Its name in the line.
    pub name: &'static str,
    /// What stands there.
    pub takes: Takes,
    /// Whether its object is refused without it.
    pub required: bool,
    /// How a shell writes it: `--ttl` and the value behind it, `FROM` for a value in its place,
    /// nothing for an object and a word of the command's own name.
    pub word: &'static str,
    /// What it is for, with its unit, in some words.
    pub help: &'static str,
}

/// Who may write a command. Whoever is not named is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issuer {
    /// A session with a queen's ticket.
    Queen,
}

/// Which command it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table's lines say what they are")]
pub enum Kind {
    SpawnHeartbeat,
    SpawnGpu,
    Kill,
    Budget,
    Bind,
    Mount,
    Revoke,
}

impl Kind {
    /// Its line of the table.
    #[must_use]
    pub fn form(self) -> &'static Form {
        // A test holds the table to the enum's order.
        &TABLE[self as usize]
    }
}

/// A command: a line of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// Which it is.
    pub kind: Kind,
    /// Its name for people, as a shell writes it: `spawn heartbeat`.
    pub name: &'static str,
    /// Its fields. The first names the command and is required.
    pub fields: &'static [Field],
    /// What it does.
    pub help: &'static str,
    /// Who may write it.
    pub issuers: &'static [Issuer],
}

impl Form {
    /// The name of the field that names the command: `spawn`.
    #[must_use]
    pub fn verb(&self) -> &'static str {
        self.fields.first().map_or("", |field| field.name)
    }

    /// The text that its verb takes, where several commands share the verb: `heartbeat`.
    #[must_use]
    pub fn word(&self) -> Option<&'static str> {
        match self.fields.first()?.takes {
            Word(word) => Some(word),
            _ => None,
        }
    }

    /// Whether whoever it is may write it.
    #[must_use]
    pub fn allows(&self, issuer: Issuer) -> bool {
        self.issuers.contains(&issuer)
    }
}

const QUEEN: &[Issuer] = &[Issuer::Queen];

const fn field(key: Key, name: &'static str, takes: Takes, word: &'static str) -> Field {
    Field { key, name, takes, required: true, word, help: "" }
}

impl Field {
    const fn optional(self) -> Self {
        Self { required: false, ..self }
    }

    const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }
}

const fn number((min, max): (u64, u64)) -> Takes {
    Takes::Number { min, max }
}

const TICKS: Field = field(Key::Ticks, "ticks", number(limits::TICKS), "--ticks").optional();
const TTL_S: Field = field(Key::TtlS, "ttl_s", number(limits::TTL_S), "--ttl").optional();
const OPS: Field = field(Key::Ops, "ops", number(limits::OPS), "--ops").optional();

const LIVES: &str = "seconds that a worker lives";
const SERVED: &str = "requests that a worker is served";
const BEATS: &str = "heartbeats after which a worker ends";

const LIMITS: Field =
    field(Key::Budget, "budget", Object(&[TTL_S.help(LIVES), OPS.help(SERVED)]), "")
        .optional()
        .help("what the worker may spend; without it the default");

const LEASE: &[Field] = &[
    field(Key::GpuId, "gpu_id", Gpu, "GPU").help("the device"),
    field(Key::MemMb, "mem_mb", number(limits::MEM_MB), "--mem-mb").help("device memory, in MiB"),
    field(Key::Streams, "streams", number(limits::STREAMS), "--streams").help("streams"),
    field(Key::LeaseTtlS, "ttl_s", number(limits::TTL_S), "--lease-ttl")
        .help("seconds that the lease lasts"),
    field(Key::Priority, "priority", number(limits::PRIORITY), "--priority")
        .optional()
        .help("priority among leases"),
];

/// Every command, in order of [`Kind`].
pub static TABLE: [Form; 7] = [
    Form {
        kind: Kind::SpawnHeartbeat,
        name: "spawn heartbeat",
        fields: &[
            field(Key::Spawn, "spawn", Word("heartbeat"), ""),
            TICKS.help(BEATS),
            field(Key::PeriodMs, "period_ms", number(limits::PERIOD_MS), "--period-ms")
                .optional()
                .help("ms between heartbeats, instead of the manifest's"),
            LIMITS,
        ],
        help: "start a worker that writes heartbeats",
        issuers: QUEEN,
    },
    Form {
        kind: Kind::SpawnGpu,
        name: "spawn gpu",
        fields: &[
            field(Key::Spawn, "spawn", Word("gpu"), ""),
            field(Key::Lease, "lease", Object(LEASE), "").help("what it gets of a GPU"),
            LIMITS,
        ],
        help: "start a worker with a lease of a GPU",
        issuers: QUEEN,
    },
    Form {
        kind: Kind::Kill,
        name: "kill",
        fields: &[field(Key::Kill, "kill", Worker, "ID").help("the worker")],
        help: "end a worker",
        issuers: QUEEN,
    },
    Form {
        kind: Kind::Budget,
        name: "budget",
        fields: &[field(
            Key::Budget,
            "budget",
            Object(&[TTL_S.help(LIVES), OPS.help(SERVED), TICKS.help(BEATS)]),
            "",
        )
        .help("one of them at least; the others stay as they are")],
        help: "set what later workers may spend by default",
        issuers: QUEEN,
    },
    Form {
        kind: Kind::Bind,
        name: "bind",
        fields: &[field(
            Key::Bind,
            "bind",
            Object(&[
                field(Key::From, "from", Path, "FROM").help("what is to be seen"),
                field(Key::To, "to", Path, "TO").help("where"),
            ]),
            "",
        )
        .help("a path, and where it is to be seen, too")],
        help: "show FROM at TO, in this session",
        issuers: QUEEN,
    },
    Form {
        kind: Kind::Mount,
        name: "mount",
        fields: &[field(
            Key::Mount,
            "mount",
            Object(&[
                field(Key::Service, "service", Service, "SERVICE").help("whose tree"),
                field(Key::At, "at", Path, "AT").help("where"),
            ]),
            "",
        )
        .help("a service, and where its tree is to be seen")],
        help: "show a service's tree at AT, in this session",
        issuers: QUEEN,
    },
    Form {
        kind: Kind::Revoke,
        name: "revoke",
        fields: &[field(
            Key::Revoke,
            "revoke",
            Object(&[field(Key::Ticket, "ticket", Ticket, "NAME").help("the ticket's name")]),
            "",
        )
        .help("a ticket")],
        help: "end a ticket and every session that came with it",
        issuers: QUEEN,
    },
];
