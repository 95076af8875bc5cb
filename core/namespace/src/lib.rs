//! The system's tree of files.
//!
//! Everything an operator sees or does is a file here: [`nodes`] lists them, `policy` says who
//! may do what, `view` is the tree as one session sees it, with what it has mounted. `attach` lets
//! in who has a ticket, `act` does what lines of `/queen/ctl` say, `workers` keeps what workers
//! append, `gpus` the GPUs that bridges have published, `lines` does what is said of them. What the tree knows of the outside, and what it asks of it (time, processes), goes
//! through [`Host`], so NineDoor and the simulator run the same code.
//!
//! Invariants: nothing allocates and nothing grows: what is full answers with an error, and
//! windows drop their oldest lines. A write is appended as a whole or not at all. A command is
//! answered after its effect. Nobody attaches without a valid ticket; what looks like a ticket is
//! never shown or logged. What an append, a read or a walk to `/worker/self` costs does not depend
//! on how many workers there are.
//!
//! Deliberately absent: making and ending processes, and the clock that wakes somebody: those are
//! the host's and the wiring's. Scopes and quotas of tickets: one that has some is refused.
#![no_std]
#![forbid(unsafe_code)]

#[cfg(test)]
extern crate std;

use core::borrow::BorrowMut;
use core::fmt;
use core::time::Duration;

mod act;
mod attach;
mod bucket;
mod gpus;
mod host;
mod joiner;
mod lines;
mod mounts;
mod nodes;
mod policy;
mod sessions;
pub mod text;
mod traffic;
mod tree;
mod view;
mod window;
mod workers;

pub use gpus::{DeviceId, Gpus, MAX_GPU_WORKERS, MAX_GPUS, MAX_JOBS, MAX_LEASES, TASK_BYTES};
pub use gpus::{ORDER_BYTES, STATUS_BYTES};
pub use host::{Budget, Ended, Host, Limits, Reason, Spawn, SpawnError, WorkerKind};
pub use joiner::Line;
pub use mounts::MAX_MOUNTS;
pub use nodes::{File, Fixed, Node, Part, Via};
pub use sessions::{MAX_SESSIONS, SessionId};
pub use tree::Open;
pub use window::Window;
pub use workers::{MAX_WORKERS, Place, TELEMETRY_BYTES, WorkerId};

use bucket::Bucket;
use joiner::Joiners;
use secure9p_core::{ConnectionId, Error};
use sessions::{Session, Sessions};
use ticket::{Key, Revoked};
use view::View;
use workers::Workers;

/// Bytes of `/log/queen.log` that are kept.
pub const LOG_BYTES: usize = 64 << 10;
/// Bytes of `/proc/events` that are kept.
pub const EVENT_BYTES: usize = 8 << 10;
/// Most tickets that can be revoked one by one before they expire.
pub const MAX_REVOKED: usize = 64;

/// Longest line of `/proc/events`, in bytes.
const MAX_EVENT: usize = 128;

/// The tree.
///
/// `P` is where the workers' places lie, `L` where unfinished lines of `/queen/ctl` are kept, and
/// `G` where the GPUs are: the most of its memory, so that whoever makes a tree can put them where
/// there is room.
#[derive(Debug)]
pub struct Namespace<H, P = &'static mut [Place], L = &'static mut [Line], G = &'static mut Gpus> {
    host: H,
    key: Key,
    revoked: Revoked<MAX_REVOKED>,
    sessions: Sessions,
    workers: Workers<P>,
    gpus: G,
    /// What workers get who ask for nothing, where it is not the host's default any more.
    default: Option<Budget>,
    log: Window<LOG_BYTES>,
    events: Window<EVENT_BYTES>,
    /// Open files of `/proc/events`. Where there is none nothing is kept: a reader hears of what
    /// happens from its open on.
    listeners: u32,
    changes: u32,
    /// How often a file was looked at that changes all the time.
    looks: u32,
    joiners: Joiners<L>,
    turn: Current,
    refusals: Bucket,
    /// The same of what workers and bridges say of GPUs.
    gpu_refusals: Bucket,
    /// How often GPUs may be published, so that no bridge that floods ends their numbers.
    publishes: Bucket,
    /// How often jobs may be asked after: a bucket apart, so that no worker keeps bridges out.
    repeats: Bucket,
}

/// Whose turn it is.
#[derive(Debug)]
struct Current {
    connection: ConnectionId,
    /// Number of the frame; it wraps.
    frame: u32,
    /// It is about a frame, and not about what waited.
    counts: bool,
}

impl<H, P, L, G> Namespace<H, P, L, G>
where
    H: Host,
    P: BorrowMut<[Place]>,
    L: BorrowMut<[Line]>,
    G: BorrowMut<Gpus>,
{
    /// The tree of a system that has just started. Tickets are checked with `key`; there can be as
    /// many workers as there are `places`, and no more than [`MAX_WORKERS`]. Of `lines` there should
    /// be as many as connections, and one each is enough.
    #[must_use]
    pub const fn new(host: H, key: Key, places: P, lines: L, gpus: G) -> Self {
        Self {
            host,
            key,
            revoked: Revoked::new(),
            sessions: Sessions::new(),
            workers: Workers::new(places),
            gpus,
            default: None,
            log: Window::new(),
            events: Window::new(),
            listeners: 0,
            changes: 0,
            looks: 0,
            joiners: Joiners::new(lines),
            turn: Current { connection: ConnectionId(0), frame: 0, counts: false },
            refusals: Bucket::new(),
            gpu_refusals: Bucket::new(),
            publishes: Bucket::new(),
            repeats: Bucket::new(),
        }
    }

    /// The system around it, as the tree's owner knows it.
    pub const fn host_mut(&mut self) -> &mut H {
        &mut self.host
    }

    /// The worker that lives in this place.
    #[must_use]
    pub fn worker_at(&self, place: u8) -> Option<WorkerId> {
        let found = self.workers.living().next_from(place.into());
        found.filter(|worker| worker.place == place)
    }

    /// Whether the worker lives.
    #[must_use]
    pub fn is_live(&self, worker: WorkerId) -> bool {
        self.workers.living().is_live(worker)
    }

    /// A number that moves on whenever something changed that a waiting request may wait for: then
    /// every connection is worth a [`secure9p_core::Connection::poll`].
    #[must_use]
    pub const fn changes(&self) -> u32 {
        self.changes
    }

    /// When [`Self::tick`] has to be called at the latest, in the time that [`Host::now`] tells.
    #[must_use]
    pub fn next_deadline(&self) -> Option<Duration> {
        let leases = self.gpus.borrow().deadline();
        self.sessions.deadline().into_iter().chain(leases).min()
    }

    /// Ends the sessions whose time is over. (They answer [`Error::Closed`] by themselves; this
    /// releases what waits in them.) A worker whose own session that was is ended, too, where the
    /// host did not do it before. Ends the leases of GPUs whose time is over, with their jobs.
    pub fn tick(&mut self) {
        let now = self.host.now();
        while let Some((id, session)) = self.sessions.expire(now) {
            match session.who.worker.filter(|_| SessionId::is_own(id)) {
                Some(worker) => self.kill(worker, Reason::Ttl),
                None => self.log_end(id, &session, "ttl"),
            }
            self.lose_bridge(id);
        }
        while let Some(device) = self.gpus.borrow().due(now) {
            self.settle(device);
        }
    }

    /// Takes notice of the workers that ended by themselves. Called whenever the host says that
    /// one did.
    pub fn reap(&mut self) {
        while let Some(Ended { worker, reason }) = self.host.ended() {
            self.forget(worker, reason);
        }
    }

    /// Appends a line to `/log/queen.log`, without the line end. Control characters are escaped
    /// and what looks like a ticket is left out. A line that is longer than
    /// [`text::MAX_LINE`] is cut.
    pub fn log(&mut self, line: fmt::Arguments) {
        let mut text = text::Line::new();
        // What no longer fits is cut.
        let _ = fmt::write(&mut text, line);
        self.append_log(text.finish());
    }

    fn append_log(&mut self, bytes: &[u8]) {
        // The window is larger than a line.
        if self.log.append(bytes).is_ok() {
            let length = self.log.len();
            self.changed(File::Fixed(Fixed::QueenLog), Some(length));
        }
    }

    fn log_end(&mut self, id: SessionId, session: &Session, reason: &str) {
        let (role, ticket) = (session.who.role, session.origin.id);
        self.log(format_args!("ended session={id} role={role} ticket={ticket} reason={reason}"));
        self.changes = self.changes.wrapping_add(1);
    }

    /// Ends a worker that has not ended by itself.
    fn kill(&mut self, worker: WorkerId, reason: Reason) {
        // Where it ended by itself meanwhile there is nothing left to do.
        let _ = self.host.kill(worker);
        self.forget(worker, reason);
    }

    /// A worker that does nothing any more: its sessions are closed, then its files go.
    fn forget(&mut self, worker: WorkerId, reason: Reason) {
        self.sessions.remove_worker(worker);
        self.end_leases(worker);
        if self.workers.remove(worker) {
            self.changed(File::Worker(worker), None);
            self.log(format_args!("ended {worker} reason={reason}"));
        }
    }

    /// Notes for `/proc/events` that a file has changed and how long it is, or that it is gone.
    fn changed(&mut self, file: File, length: Option<u64>) {
        self.changes = self.changes.wrapping_add(1);
        if self.listeners == 0 {
            return;
        }
        let (mut number, mut digits) = ([0; text::MAX_DIGITS], [0; text::MAX_DIGITS]);
        let length = length.map_or(&b"gone"[..], |length| text::decimal(length, &mut digits));
        let gpus: &Gpus = self.gpus.borrow();
        let number = text::decimal(file.worker().map_or(0, |who| who.number.into()), &mut number);
        let of_worker = |below| [&b"/worker/worker-"[..], number, below];
        let of_gpu = |device, below| [&b"/gpu/"[..], gpus.name(device).as_bytes(), below];
        let [directory, number, below] = match file {
            File::Fixed(fixed) => [fixed.path().as_bytes(), b"", b""],
            File::Worker(_) => of_worker(b""),
            File::Telemetry(_) => of_worker(b"/telemetry"),
            File::Tasks(_) => of_worker(b"/tasks"),
            File::Gpu(device) => of_gpu(device, b""),
            File::OfGpu(device, part) => of_gpu(device, part.below()),
        };
        let mut event: heapless::Vec<u8, MAX_EVENT> = heapless::Vec::new();
        for piece in [directory, number, below, b" ", length, b"\n"] {
            // Paths are shorter than an event by far.
            let _ = event.extend_from_slice(piece);
        }
        let _ = self.events.append(&event);
    }

    /// The tree as a session sees it.
    fn view(&self, id: SessionId) -> Result<View<'_>, Error> {
        let session = self.sessions.get(id)?;
        Ok(View {
            who: session.who,
            root: session.root,
            session: id,
            mounts: self.sessions.mounts(id),
            living: self.workers.living(),
            gpus: self.gpus.borrow(),
        })
    }

    /// Takes an operation off what the session may spend, once for each frame. Where nothing is
    /// left the session ends; one with a worker's ticket spends what the worker has, and the
    /// worker ends.
    fn charge(&mut self, id: SessionId) -> Result<(), Error> {
        let Current { connection, frame, counts } = self.turn;
        let session = self.sessions.get_mut(id)?;
        // A worker's own frames were counted when they came.
        let charged = session.charged == frame || session.connection != connection;
        if !counts || charged || SessionId::is_own(id) {
            return Ok(());
        }
        session.charged = frame;
        match (session.who.worker, &mut session.ops) {
            (Some(worker), _) => self.spend_op(worker),
            (None, Some(0)) => {
                if let Some(session) = self.sessions.remove(id) {
                    self.log_end(id, &session, "ops");
                    self.lose_bridge(id);
                }
                Err(Error::Closed)
            }
            (None, Some(ops)) => {
                *ops = ops.saturating_sub(1);
                Ok(())
            }
            (None, None) => Ok(()),
        }
    }

    /// Takes a frame off what the worker may spend, or ends it.
    fn spend_op(&mut self, worker: WorkerId) -> Result<(), Error> {
        let place = self.workers.place_mut(worker).ok_or(Error::Closed)?;
        if place.spend_op() {
            return Ok(());
        }
        self.kill(worker, Reason::Ops);
        Err(Error::Closed)
    }
}

#[cfg(test)]
mod tests;
