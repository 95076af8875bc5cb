//! Letting somebody in: a ticket becomes a session.

use core::borrow::BorrowMut;
use core::fmt;
use core::time::Duration;

use secure9p_core::{ConnectionId, Error};
use ticket::{Admitted, Attach, Claims, Quotas, TicketError, parse_attach};

use crate::gpus::Gpus;
use crate::host::Host;
use crate::joiner::Line;
use crate::nodes::Node;
use crate::policy::Who;
use crate::sessions::{Origin, Session, SessionId, User};
use crate::workers::{Place, WorkerId, is_own};
use crate::{Namespace, act};

/// By how much the host's two clocks may disagree, in milliseconds.
const CLOCKS_MS: u64 = 1000;

/// Why somebody is not let in.
#[derive(Debug)]
pub(crate) enum Refusal {
    NoTicket,
    Ticket(TicketError),
    /// The ticket is of a worker that does not live.
    Gone,
    /// It came over a worker's connection and is another's.
    Another,
    /// It says what is not heeded here.
    Limited,
    /// There are as many sessions as can be.
    Busy,
    /// What it mounts cannot be mounted.
    Mount(act::Denial),
    /// The path leads nowhere.
    Path(Error),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTicket => f.write_str("there is no ticket: put one into aname or uname"),
            Self::Ticket(error) => error.fmt(f),
            Self::Gone => f.write_str("the ticket's worker does not live any more"),
            Self::Another => f.write_str("a worker attaches with its own ticket only"),
            Self::Limited => f.write_str("scopes and quotas of tickets are not known here"),
            Self::Busy => f.write_str("there are too many sessions: end one first"),
            Self::Mount(why) => write!(f, "the ticket's mount: {why}"),
            Self::Path(error) => write!(f, "the path: {error}"),
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Busy => Self::Busy,
            Refusal::Path(error) => error,
            _ => Self::Permission,
        }
    }
}

impl<H, P, L, G> Namespace<H, P, L, G>
where
    H: Host,
    P: BorrowMut<[Place]>,
    L: BorrowMut<[Line]>,
    G: BorrowMut<Gpus>,
{
    /// Lets in who has a valid ticket, and says where they start. Why somebody is not let in is
    /// logged, and the answer is the same for every bad ticket.
    pub(crate) fn let_in(
        &mut self,
        connection: ConnectionId,
        uname: &str,
        aname: &str,
    ) -> Result<(SessionId, Node), Error> {
        let attach = parse_attach(uname, aname);
        self.try_let_in(connection, &attach).map_err(|refusal| {
            self.log_attach(connection, &refusal);
            refusal.into()
        })
    }

    /// Whoever has no ticket must not be able to push everything else out of the log.
    fn log_attach(&mut self, connection: ConnectionId, refusal: &Refusal) {
        let Some(passed_over) = self.refusals.take(self.host.now()) else { return };
        if passed_over > 0 {
            self.log(format_args!("refused: {passed_over} more attaches"));
        }
        let number = connection.0;
        match self.workers.living().at(connection) {
            Some(worker) => self.log(format_args!("refused: attach of {worker}: {refusal}")),
            None => self.log(format_args!("refused: attach connection={number}: {refusal}")),
        }
    }

    fn try_let_in(
        &mut self,
        connection: ConnectionId,
        attach: &Attach<'_>,
    ) -> Result<(SessionId, Node), Refusal> {
        let ticket = attach.ticket.ok_or(Refusal::NoTicket)?;
        let wall_ms = self.host.wall_ms();
        let admitted = self.key.admit(ticket, wall_ms, &self.revoked).map_err(Refusal::Ticket)?;
        let Admitted { id, claims } = admitted;
        if !claims.scopes.is_empty() || claims.quotas != Quotas::default() {
            return Err(Refusal::Limited);
        }
        let worker = self.worker_of(connection, &claims, wall_ms)?;
        let ttl_s = claims.budget.ttl_s;
        let session = Session {
            connection,
            who: Who { role: claims.role, worker },
            root: Node::ROOT,
            user: User::new(attach.name),
            origin: Origin { id, issued_at_ms: claims.issued_at_ms, ttl_s },
            expires: self.expiry(&claims, wall_ms),
            // What a worker may spend is kept with the worker.
            ops: claims.budget.ops.filter(|_| worker.is_none()),
            charged: self.turn.frame,
            last: 0,
            operations: 0,
            open: 0,
        };
        let id = self.sessions.add(session).map_err(|_| Refusal::Busy)?;
        self.start(id, attach, &claims).inspect_err(|_| {
            self.sessions.remove(id);
        })
    }

    /// The worker whose ticket it is, and that it may be used here.
    fn worker_of(
        &self,
        connection: ConnectionId,
        claims: &Claims,
        wall_ms: u64,
    ) -> Result<Option<WorkerId>, Refusal> {
        let living = self.workers.living();
        let worker = if claims.role.is_worker() {
            let subject = claims.subject.as_ref().map(|subject| subject.as_str().as_bytes());
            let worker = subject.and_then(|subject| living.named(subject)).ok_or(Refusal::Gone)?;
            let kind = self.workers.place(worker).map(|place| place.kind().role());
            // An earlier boot had a worker of this name, too.
            let uptime_ms = self.host.now().as_millis() as u64;
            let issued = claims.issued_at_ms.saturating_add(uptime_ms).saturating_add(CLOCKS_MS);
            if kind != Some(claims.role) || issued < wall_ms {
                return Err(Refusal::Gone);
            }
            Some(worker)
        } else {
            None
        };
        if is_own(connection) && (worker.is_none() || living.at(connection) != worker) {
            return Err(Refusal::Another);
        }
        Ok(worker)
    }

    /// When the session ends, in the time since the system's start. Both times are whole
    /// milliseconds, cut off: one more, so that nobody's time is short.
    fn expiry(&self, claims: &Claims, wall_ms: u64) -> Option<Duration> {
        let left_ms = claims.expires_at_ms()?.saturating_sub(wall_ms).saturating_add(1);
        Some(self.host.now().saturating_add(Duration::from_millis(left_ms)))
    }

    /// Mounts what the ticket says and walks to where the session starts.
    fn start(
        &mut self,
        id: SessionId,
        attach: &Attach<'_>,
        claims: &Claims,
    ) -> Result<(SessionId, Node), Refusal> {
        if let Some(mount) = &claims.mount {
            let (service, at) = (mount.service.as_str(), mount.at.as_str());
            self.mount(id, service, at).map_err(Refusal::Mount)?;
        }
        let path = attach.path.split('/').filter(|name| !name.is_empty());
        let root = self.view(id).and_then(|view| view.resolve(path)).map_err(Refusal::Path)?;
        self.sessions.get_mut(id).map_err(Refusal::Path)?.root = root;
        Ok((id, root))
    }
}
