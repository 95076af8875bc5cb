//! Who is attached, and the text of `/proc/sessions`: a line for each session,
//!
//! ```text
//! session=0 connection=7 open=1   operations=12         fids=3   frames=9          in=230 …
//!   … out=4100         errors=0        ticket=0123456789abcdef ttl_left_s=3600       …
//!   … role=queen user=ada
//! ```
//!
//! (one line here broken in three). `open` (files open) and `operations` (what the policy was
//! asked) are the session's own. `fids`, `frames` and `in` (requests and their bytes), `out` (bytes
//! of replies) and `errors` are its connection's, for a frame does not say whose it is; they count
//! from the connection's start up to the request before the one that reads them. `worker` is there
//! for a worker's sessions, `ttl_left_s` and `ops_left` where the ticket limits them. Numbers are
//! followed by blanks up to a fixed width: they move with every read, and what is read in pieces
//! must not tear. The user's name comes last, without blanks and cut to 32 bytes.
//!
//! Connections of the host share places; each worker has one of its own, for its own connection,
//! so that however many attach from outside every worker gets in, and is found at once.

use core::fmt;
use core::time::Duration;

use heapless::String;
use secure9p_core::{ConnectionId, Counters, Error};
use ticket::{Claims, Role, TicketId};

use crate::mounts::Mounts;
use crate::nodes::Node;
use crate::policy::Who;
use crate::traffic::Traffic;
use crate::workers::{MAX_WORKERS, WorkerId, is_own};

/// Most sessions of connections of the host at the same time.
pub const MAX_SESSIONS: usize = 96;
/// Places that are for connections without a session, as many as there can be connections:
/// however often somebody attaches, all others get in.
const FIRST: usize = 64;
/// Most bytes of a user's name that are kept.
const MAX_USER: usize = 32;

/// A session, once: its place and how often that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionId {
    /// The workers' own places are behind the others.
    index: u16,
    generation: u32,
}

impl SessionId {
    /// Whether it is a worker's over its own connection.
    pub(crate) fn is_own(self) -> bool {
        usize::from(self.index) >= MAX_SESSIONS
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.index.fmt(f)
    }
}

/// The ticket that a session came with, as far as it may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// Its name.
    pub id: TicketId,
    /// When it was minted, in milliseconds since 1970.
    pub issued_at_ms: u64,
    /// How long it is good from then on, in seconds.
    pub ttl_s: Option<u64>,
}

impl Origin {
    /// What of the claims counts for revoking the ticket.
    pub const fn claims(&self, role: Role) -> Claims {
        let mut claims = Claims::new(role, self.issued_at_ms);
        claims.budget.ttl_s = self.ttl_s;
        claims
    }
}

/// A session.
#[derive(Debug)]
pub struct Session {
    pub connection: ConnectionId,
    pub who: Who,
    pub root: Node,
    pub user: User,
    pub origin: Origin,
    /// When it ends, in the time since the system's start.
    pub expires: Option<Duration>,
    /// Operations that it has left, where they are counted here.
    pub ops: Option<u64>,
    /// The number of the frame that it was charged for last.
    pub charged: u32,
    /// Number of the worker that it spawned last; 0 for none.
    pub last: u32,
    /// What the policy was asked.
    pub operations: u64,
    /// Files open.
    pub open: u32,
}

/// What somebody calls itself. Nothing in it moves a cursor or separates fields.
#[derive(Debug, Clone, Default)]
pub struct User(String<MAX_USER>);

impl User {
    /// Takes what fits.
    pub fn new(name: &str) -> Self {
        let mut user = String::new();
        for character in name.chars().filter(|c| !c.is_control() && *c != ' ') {
            if user.push(character).is_err() {
                break;
            }
        }
        Self(user)
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Session {
    /// Writes what it is, without a line end.
    pub fn write(&self, now: Duration, text: &mut dyn fmt::Write) -> fmt::Result {
        let Self { who, user, origin, expires, ops, .. } = self;
        write!(text, "ticket={}", origin.id)?;
        if let Some(worker) = who.worker {
            write!(text, " worker={worker}")?;
        }
        if let Some(expires) = expires {
            write!(text, " ttl_left_s={:<10}", expires.saturating_sub(now).as_secs())?;
        }
        if let Some(ops) = ops {
            write!(text, " ops_left={ops:<10}")?;
        }
        write!(text, " role={} user={user}", who.role)
    }
}

#[derive(Debug)]
struct Place {
    generation: u32,
    session: Option<Session>,
}

impl Place {
    const EMPTY: Self = Self { generation: 0, session: None };

    fn fill(&mut self, session: Session) -> u32 {
        self.generation = self.generation.wrapping_add(1);
        self.session = Some(session);
        self.generation
    }
}

/// Every session.
#[derive(Debug)]
pub struct Sessions {
    places: [Place; MAX_SESSIONS],
    /// What the sessions in `places` have mounted.
    mounts: [Mounts; MAX_SESSIONS],
    /// Each worker's own session.
    own: [Place; MAX_WORKERS],
    /// No session ends by itself before this.
    deadline: Option<Duration>,
    traffic: Traffic,
}

impl Sessions {
    pub const fn new() -> Self {
        Self {
            places: [Place::EMPTY; MAX_SESSIONS],
            mounts: [const { Mounts::new() }; MAX_SESSIONS],
            own: [Place::EMPTY; MAX_WORKERS],
            deadline: None,
            traffic: Traffic::new(),
        }
    }

    /// Lets somebody in.
    pub fn add(&mut self, session: Session) -> Result<SessionId, Error> {
        let (expires, connection) = (session.expires, session.connection);
        let id = match session.who.worker {
            Some(worker) if is_own(session.connection) => self.add_own(worker, session)?,
            _ => self.add_other(session)?,
        };
        self.deadline = earlier(self.deadline, expires);
        self.traffic.enter(connection);
        Ok(id)
    }

    fn add_own(&mut self, worker: WorkerId, session: Session) -> Result<SessionId, Error> {
        let index = usize::from(worker.place);
        let place = self.own.get_mut(index).ok_or(Error::Busy)?;
        if place.session.is_some() {
            return Err(Error::Busy);
        }
        Ok(SessionId { index: (MAX_SESSIONS + index) as u16, generation: place.fill(session) })
    }

    fn add_other(&mut self, session: Session) -> Result<SessionId, Error> {
        let live = || self.places.iter().flat_map(|place| &place.session);
        let again = live().any(|other| other.connection == session.connection);
        if again && live().count() + FIRST >= MAX_SESSIONS {
            return Err(Error::Busy);
        }
        let free = self.places.iter().position(|place| place.session.is_none());
        let index = free.ok_or(Error::Busy)?;
        let place = self.places.get_mut(index).ok_or(Error::Busy)?;
        let generation = place.fill(session);
        if let Some(mounts) = self.mounts.get_mut(index) {
            mounts.clear();
        }
        Ok(SessionId { index: index as u16, generation })
    }

    fn place(&self, index: usize) -> Option<&Place> {
        self.places.get(index).or_else(|| self.own.get(index.checked_sub(MAX_SESSIONS)?))
    }

    fn place_mut(&mut self, id: SessionId) -> Option<&mut Place> {
        let index = usize::from(id.index);
        let place = match index.checked_sub(MAX_SESSIONS) {
            None => self.places.get_mut(index),
            Some(index) => self.own.get_mut(index),
        };
        place.filter(|place| place.generation == id.generation)
    }

    /// The session.
    pub fn get(&self, id: SessionId) -> Result<&Session, Error> {
        let place = self.place(id.index.into());
        let place = place.filter(|place| place.generation == id.generation);
        place.and_then(|place| place.session.as_ref()).ok_or(Error::Closed)
    }

    /// The same, to change it.
    pub fn get_mut(&mut self, id: SessionId) -> Result<&mut Session, Error> {
        self.place_mut(id).and_then(|place| place.session.as_mut()).ok_or(Error::Closed)
    }

    /// What the session has mounted; `None` where it cannot mount anything.
    pub fn mounts(&self, id: SessionId) -> Option<&Mounts> {
        self.mounts.get(usize::from(id.index))
    }

    /// The same, to change it.
    pub fn mounts_mut(&mut self, id: SessionId) -> Option<&mut Mounts> {
        self.mounts.get_mut(usize::from(id.index))
    }

    /// The session is over. It is returned if it was not already.
    pub fn remove(&mut self, id: SessionId) -> Option<Session> {
        let session = self.place_mut(id).and_then(|place| place.session.take())?;
        self.traffic.leave(session.connection);
        Some(session)
    }

    /// The session has one more file open.
    pub fn opened(&mut self, id: SessionId) -> Result<(), Error> {
        let session = self.get_mut(id)?;
        session.open = session.open.saturating_add(1);
        Ok(())
    }

    /// The session has one file less open.
    pub fn closed(&mut self, id: SessionId) {
        if let Ok(session) = self.get_mut(id) {
            session.open = session.open.saturating_sub(1);
        }
    }

    /// What a connection tells of itself.
    pub fn served(&mut self, connection: ConnectionId, counters: &Counters, fids: usize) {
        self.traffic.served(connection, counters, fids);
    }

    /// Ends every session of a worker that is gone.
    pub fn remove_worker(&mut self, worker: WorkerId) {
        let own = self.own.get_mut(usize::from(worker.place));
        for place in own.into_iter().chain(&mut self.places) {
            if let Some(over) = place.session.take_if(|other| other.who.worker == Some(worker)) {
                self.traffic.leave(over.connection);
            }
        }
    }

    /// Every session with its number.
    fn all(&self) -> impl Iterator<Item = (SessionId, &Session)> {
        let places = self.places.iter().chain(&self.own).enumerate();
        places.filter_map(|(index, place)| {
            let id = SessionId { index: index as u16, generation: place.generation };
            Some((id, place.session.as_ref()?))
        })
    }

    /// A session for which this holds.
    pub fn find(&self, mut is_it: impl FnMut(&Session) -> bool) -> Option<SessionId> {
        self.all().find(|(_, session)| is_it(session)).map(|(id, _)| id)
    }

    /// When [`Self::expire`] is worth calling.
    pub const fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// Ends a session whose time is over; called until there is none.
    pub fn expire(&mut self, now: Duration) -> Option<(SessionId, Session)> {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return None;
        }
        let due = self.find(|session| session.expires.is_some_and(|end| end <= now));
        if let Some(id) = due {
            return self.remove(id).map(|session| (id, session));
        }
        self.deadline = self.all().filter_map(|(_, session)| session.expires).min();
        None
    }

    /// Writes a line for each.
    pub fn write(&self, now: Duration, text: &mut dyn fmt::Write) -> fmt::Result {
        for (id, session) in self.all() {
            let Session { connection, operations, open, .. } = session;
            write!(text, "session={id} ")?;
            if is_own(*connection) {
                write!(text, "connection=own ")?;
            } else {
                write!(text, "connection={} ", connection.0)?;
            }
            let (counters, fids) = match self.traffic.of(*connection) {
                Some(seat) => (seat.counters, seat.fids),
                None => (Counters::default(), 0),
            };
            let Counters { frames, bytes_in, bytes_out, errors, .. } = counters;
            write!(text, "open={open:<3} operations={operations:<10} fids={fids:<3} ")?;
            write!(text, "frames={frames:<10} in={bytes_in:<12} out={bytes_out:<12} ")?;
            write!(text, "errors={errors:<8} ")?;
            session.write(now, text)?;
            text.write_char('\n')?;
        }
        Ok(())
    }
}

fn earlier(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    one.into_iter().chain(other).min()
}
