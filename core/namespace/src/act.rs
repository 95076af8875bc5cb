//! Doing what lines of `/queen/ctl` say.
//!
//! All lines of a write are parsed before the first is acted on, so where one is no command
//! nothing happens. Then each is done in turn; the first that cannot be done ends it, and those
//! before have happened. The write is answered when all is done. Each effect and each refusal is
//! logged.

use core::borrow::BorrowMut;
use core::fmt;

use control::Command;
use secure9p_core::{Error, FileName};
use ticket::{RevokeError, TicketId};

use crate::gpus::Gpus;
use crate::host::{Budget, Host, Limits, Reason, Spawn, SpawnError, WorkerKind};
use crate::joiner::{Joined, Line, Refusal, Writer};
use crate::mounts::Mount;
use crate::nodes::{File, Fixed, Kind, Node};
use crate::sessions::SessionId;
use crate::workers::{Place, WorkerId};
use crate::{Namespace, lines, text};

/// The service that GPUs are published by: there as long as one is.
const BRIDGE: &str = "gpu-bridge";

/// Services whose trees can be mounted.
const SERVICES: [(&str, Fixed); 5] = [
    (BRIDGE, Fixed::Gpus),
    ("log", Fixed::Log),
    ("proc", Fixed::Proc),
    ("queen", Fixed::Queen),
    ("worker", Fixed::Workers),
];

/// Why a command is not done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    /// A field is out of what the manifest allows.
    Out { field: &'static str, least: u64, most: u64 },
    /// No such worker lives.
    NoWorker,
    /// There is no worker, for this reason.
    Spawn(SpawnError),
    /// There is no lease, for this reason.
    Lease(lines::Denial),
    /// A path leads nowhere, for this reason.
    Path { field: &'static str, error: Error },
    /// It would show a directory in itself, or in its own place.
    Circle,
    /// A directory would stand in a file's place, or a file in a directory's.
    Unlike,
    /// Something is mounted there already.
    Taken,
    /// The session has as many mounts as it may.
    Mounts,
    /// No such service is there.
    NoService,
    /// No session came with that ticket.
    NoTicket,
    /// The ticket is not revoked, for this reason.
    Revoke(RevokeError),
    /// The session is gone.
    Gone,
}

impl fmt::Display for Denial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Out { field, least, most } => {
                write!(f, "{field}: must be from {least} to {most} here")
            }
            Self::NoWorker => f.write_str("kill: no such worker lives"),
            Self::Spawn(error) => write!(f, "spawn: {error}"),
            Self::Lease(denial) => write!(f, "lease: {denial}"),
            Self::Path { field, error } => write!(f, "{field}: {error}"),
            Self::Circle => f.write_str("bind: a directory cannot be shown in itself"),
            Self::Unlike => {
                f.write_str("bind: a directory stands for a directory only, a file for a file")
            }
            Self::Taken => f.write_str("bind: something is mounted there already"),
            Self::Mounts => f.write_str("bind: the session has as many mounts as it may"),
            Self::NoService => f.write_str("mount.service: no such service is there"),
            Self::NoTicket => f.write_str("revoke: no session came with that ticket"),
            Self::Revoke(error) => write!(f, "revoke: {error}"),
            Self::Gone => f.write_str("the session is gone"),
        }
    }
}

impl From<Denial> for Error {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::Out { .. } | Denial::Circle | Denial::Unlike => Self::Invalid,
            Denial::NoWorker | Denial::NoService | Denial::NoTicket => Self::NotFound,
            Denial::Spawn(error) => error.into(),
            Denial::Lease(denial) => denial.into(),
            Denial::Path { error, .. } => error,
            Denial::Taken | Denial::Mounts | Denial::Revoke(RevokeError::Full) => Self::Busy,
            Denial::Revoke(RevokeError::Worker) => Self::Invalid,
            Denial::Gone => Self::Closed,
        }
    }
}

/// A blank line is no command.
fn is_command(line: &&[u8]) -> bool {
    !line.trim_ascii().is_empty()
}

impl<H, P, L, G> Namespace<H, P, L, G>
where
    H: Host,
    P: BorrowMut<[Place]>,
    L: BorrowMut<[Line]>,
    G: BorrowMut<Gpus>,
{
    /// Takes a write to `/queen/ctl`.
    pub(crate) fn control(
        &mut self,
        id: SessionId,
        writer: &mut Writer,
        data: &[u8],
    ) -> Result<(), Error> {
        let by = self.sessions.get(id)?.connection;
        let joined = self.joiners.join(by, writer, data).map_err(|refusal| {
            self.log(format_args!("refused: {refusal}"));
            Error::from(refusal)
        })?;
        match self.act_on(id, &joined) {
            Ok(()) => {
                self.joiners.keep(by, writer, &joined);
                Ok(())
            }
            Err(error) => {
                self.joiners.refuse(writer, data, Refusal::Line(error));
                Err(error)
            }
        }
    }

    /// Nobody will end the line that `writer` has begun.
    pub(crate) fn end_control(&mut self, writer: Writer) {
        if self.joiners.close(writer) {
            self.log(format_args!("refused: a line did not end"));
        }
    }

    fn act_on(&mut self, id: SessionId, joined: &Joined<'_>) -> Result<(), Error> {
        for line in joined.lines().filter(is_command) {
            if let Err(refused) = control::parse(line) {
                self.log_refusal(&refused, line);
                return Err(Error::Invalid);
            }
        }
        for line in joined.lines().filter(is_command) {
            // It was parsed before.
            let Ok(command) = control::parse(line) else { continue };
            if let Err(denial) = self.act(id, &command) {
                self.log_refusal(&denial, line);
                return Err(denial.into());
            }
        }
        Ok(())
    }

    /// What is too long for a line of the log is cut there.
    pub(crate) fn log_refusal(&mut self, why: &dyn fmt::Display, line: &[u8]) {
        let mut text = text::Line::new();
        let _ = fmt::Write::write_fmt(&mut text, format_args!("refused: {why}: "));
        for piece in line.utf8_chunks() {
            let _ = fmt::Write::write_str(&mut text, piece.valid());
            if !piece.invalid().is_empty() {
                let _ = fmt::Write::write_char(&mut text, char::REPLACEMENT_CHARACTER);
            }
        }
        self.append_log(text.finish());
    }

    fn act(&mut self, id: SessionId, command: &Command<'_>) -> Result<(), Denial> {
        match *command {
            Command::SpawnHeartbeat { ticks, period_ms, limits } => {
                let kind = WorkerKind::Heartbeat;
                let budget = self.budget(kind, ticks, limits)?;
                let period_ms = period(self.limits(kind)?, period_ms)?;
                self.spawn(id, &Spawn { kind, period_ms, budget }).map(|_| ())
            }
            Command::SpawnGpu { lease, limits } => self.spawn_gpu(id, &lease, limits),
            Command::Kill(worker) => {
                let worker = self.workers.living().find(worker.0).ok_or(Denial::NoWorker)?;
                self.kill(worker, Reason::Killed);
                Ok(())
            }
            Command::Budget { limits, ticks } => {
                let budget = self.budget(WorkerKind::Heartbeat, ticks, limits)?;
                self.default = Some(budget);
                let Budget { ticks, ops, ttl_s } = budget;
                self.log(format_args!("budget ticks={ticks} ops={ops} ttl_s={ttl_s}"));
                Ok(())
            }
            Command::Bind { from, to } => self.bind(id, from, to),
            Command::Mount { service, at } => self.mount(id, service.as_str(), at.as_str()),
            Command::Revoke(ticket) => self.revoke(ticket),
        }
    }

    fn limits(&self, kind: WorkerKind) -> Result<&Limits, Denial> {
        self.host.limits(kind).ok_or(Denial::Spawn(SpawnError::Kind))
    }

    /// What is asked for, the default where nothing is, and that it is not too much. The default
    /// that the queen set is within a heartbeat worker's limits, and its ticks are heartbeats:
    /// others get what they may.
    fn budget(
        &self,
        kind: WorkerKind,
        ticks: Option<u64>,
        asked: control::Limits,
    ) -> Result<Budget, Denial> {
        let limits = self.limits(kind)?;
        let mut default = self.default.map_or(limits.default, |default| default.min(limits.most));
        if kind == WorkerKind::Gpu {
            default.ticks = limits.default.ticks;
        }
        let Budget { ticks: ticks_most, ops: ops_most, ttl_s: ttl_most } = limits.most;
        Ok(Budget {
            ticks: within("ticks", ticks.unwrap_or(default.ticks), 1, ticks_most)?,
            ops: within("budget.ops", asked.ops.unwrap_or(default.ops), 1, ops_most)?,
            ttl_s: within("budget.ttl_s", asked.ttl_s.unwrap_or(default.ttl_s), 1, ttl_most)?,
        })
    }

    /// Makes a worker with a lease. Whether there is one is asked before anything is made.
    fn spawn_gpu(
        &mut self,
        id: SessionId,
        lease: &control::Lease<'_>,
        limits: control::Limits,
    ) -> Result<(), Denial> {
        let kind = WorkerKind::Gpu;
        let mut budget = self.budget(kind, None, limits)?;
        if limits.ttl_s.is_none() {
            // A lease that is longer than workers live by default is meant so.
            let most = self.limits(kind)?.most.ttl_s;
            budget.ttl_s = budget.ttl_s.max(lease.ttl_s).min(most);
        }
        let period_ms = period(self.limits(kind)?, None)?;
        let (name, share) = (lease.gpu_id, lease.into());
        let device = self.admit(name.as_str(), share).map_err(Denial::Lease)?;
        let worker = self.spawn(id, &Spawn { kind, period_ms, budget })?;
        if let Err(denial) = self.seat(worker, device, share) {
            self.kill(worker, Reason::Killed);
            return Err(Denial::Lease(denial));
        }
        let gpu::Share { mem_mb, streams, ttl_s, priority } = share;
        self.log(format_args!(
            "leased {worker} gpu={name} mem_mb={mem_mb} streams={streams} ttl_s={ttl_s} \
             priority={priority}"
        ));
        Ok(())
    }

    fn spawn(&mut self, id: SessionId, spawn: &Spawn) -> Result<WorkerId, Denial> {
        let now = self.host.now();
        let worker = self.host.spawn(spawn).map_err(Denial::Spawn)?;
        if !self.workers.add(worker, spawn, now) {
            // The host's places are not the tree's: it must not live where nobody sees it.
            let _ = self.host.kill(worker);
            return Err(Denial::Spawn(SpawnError::Places));
        }
        if let Ok(session) = self.sessions.get_mut(id) {
            session.last = worker.number;
        }
        self.changed(File::Worker(worker), Some(0));
        let Spawn { kind, period_ms, budget: Budget { ticks, ops, ttl_s } } = *spawn;
        let role = kind.name();
        self.log(format_args!(
            "spawned {worker} role={role} period_ms={period_ms} ticks={ticks} ops={ops} \
             ttl_s={ttl_s}"
        ));
        Ok(worker)
    }

    fn bind(
        &mut self,
        id: SessionId,
        from: control::Path<'_>,
        to: control::Path<'_>,
    ) -> Result<(), Denial> {
        let view = self.view(id).map_err(|_| Denial::Gone)?;
        let target = view.resolve(from.components());
        let target = target.map_err(|error| Denial::Path { field: "bind.from", error })?;
        self.add_mount(id, target, "bind.to", to.as_str())?;
        self.log(format_args!("bound {from} to {to} session={id}"));
        Ok(())
    }

    /// Shows the tree of `service` at `at` in this session.
    pub(crate) fn mount(&mut self, id: SessionId, service: &str, at: &str) -> Result<(), Denial> {
        let known = SERVICES.iter().find(|(name, _)| *name == service);
        let (_, root) = known.ok_or(Denial::NoService)?;
        if service == BRIDGE && self.gpus.borrow().next_from(0).is_none() {
            return Err(Denial::NoService);
        }
        // Its tree is there already.
        if service != BRIDGE || at != root.path() {
            self.add_mount(id, (*root).into(), "mount.at", at)?;
        }
        self.log(format_args!("mounted {service} at {at} session={id}"));
        Ok(())
    }

    fn add_mount(
        &mut self,
        id: SessionId,
        target: Node,
        field: &'static str,
        at: &str,
    ) -> Result<(), Denial> {
        let denied = |error| Denial::Path { field, error };
        let view = self.view(id).map_err(|_| Denial::Gone)?;
        let (directory, name) = at.rsplit_once('/').unwrap_or_default();
        let name = FileName::try_from(name).map_err(|_| denied(Error::TooBig))?;
        if name.is_empty() {
            return Err(Denial::Circle);
        }
        let path = directory.split('/').filter(|name| !name.is_empty());
        let parent = view.resolve(path).map_err(denied)?;
        if parent.file.kind() != Kind::Directory {
            return Err(denied(Error::NotDirectory));
        }
        if view.mounted(parent, name.as_bytes()).is_some() {
            return Err(Denial::Taken);
        }
        let shadowed = view.down(parent, name.as_bytes()).ok();
        if view.is_inside(parent, target) || shadowed == Some(target) {
            return Err(Denial::Circle);
        }
        let is_directory = |node: Node| node.file.kind() == Kind::Directory;
        if shadowed.is_some_and(|node| is_directory(node) != is_directory(target)) {
            return Err(Denial::Unlike);
        }
        let mount = Mount { parent, name, target: target.file };
        let (living, gpus): (_, &Gpus) = (self.workers.living(), self.gpus.borrow());
        let is_there = |file: File| {
            file.worker().is_none_or(|worker| living.is_live(worker))
                && file.gpu().is_none_or(|device| gpus.get(device).is_some())
        };
        let mounts = self.sessions.mounts_mut(id).ok_or(Denial::Mounts)?;
        if mounts.add(mount, is_there) { Ok(()) } else { Err(Denial::Mounts) }
    }

    /// Ends a ticket and every session that came with it.
    fn revoke(&mut self, ticket: control::TicketId) -> Result<(), Denial> {
        let ticket = TicketId::from_bytes(ticket.0);
        let found = self.sessions.find(|session| session.origin.id == ticket);
        let session = found.and_then(|id| self.sessions.get(id).ok()).ok_or(Denial::NoTicket)?;
        let claims = session.origin.claims(session.who.role);
        let wall_ms = self.host.wall_ms();
        self.revoked.revoke(ticket, &claims, wall_ms).map_err(Denial::Revoke)?;
        self.log(format_args!("revoked ticket={ticket}"));
        while let Some(id) = self.sessions.find(|session| session.origin.id == ticket) {
            if let Some(session) = self.sessions.remove(id) {
                self.log_end(id, &session, "revoked");
                self.lose_bridge(id);
            }
        }
        Ok(())
    }
}

fn period(limits: &Limits, asked: Option<u32>) -> Result<u32, Denial> {
    let period_ms = asked.unwrap_or(limits.period_ms);
    within("period_ms", period_ms, limits.least_period_ms, limits.most_period_ms)
}

fn within<N: Copy + PartialOrd + Into<u64>>(
    field: &'static str,
    value: N,
    least: N,
    most: N,
) -> Result<N, Denial> {
    if value < least || value > most {
        return Err(Denial::Out { field, least: least.into(), most: most.into() });
    }
    Ok(value)
}
