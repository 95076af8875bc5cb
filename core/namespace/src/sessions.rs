//! Who is attached, and the text of `/proc/sessions`: a line for each session,
//!
//! ```text
//! session=0 connection=7 open=1   operations=12         fids=3   frames=9          in=230 …
//!   … out=4100         errors=0        role=queen user=ada
//! ```
//!
//! (one line here broken in two). `open` (files open) and `operations` (what the policy was asked)
//! are the session's own. `fids`, `frames` and `in` (requests and their bytes), `out` (bytes of
//! replies) and `errors` are its connection's, for a frame does not say whose it is; they count
//! from the connection's start up to the request before the one that reads them. Numbers are
//! followed by blanks up to a fixed width: they move with every read, and what is read in pieces
//! must not tear. The user's name comes last, without blanks and cut to 32 bytes.

use core::fmt;

use heapless::{String, Vec};
use secure9p_core::{ConnectionId, Counters, Error};

use crate::policy::Role;
use crate::traffic::Traffic;

/// Most sessions at the same time.
pub const MAX_SESSIONS: usize = 96;
/// Places that are for connections without a session, as many as there can be connections:
/// however often somebody attaches, all others get in.
const FIRST: usize = 64;
/// Most bytes of a user's name that are kept.
const MAX_USER: usize = 32;

/// A session, once: its place and how often that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionId {
    index: u8,
    generation: u32,
}

#[derive(Debug)]
struct Session {
    connection: ConnectionId,
    role: Role,
    user: String<MAX_USER>,
    /// What the policy was asked.
    operations: u64,
    /// Files open.
    open: u32,
}

#[derive(Debug)]
struct Place {
    generation: u32,
    session: Option<Session>,
}

/// Every session.
#[derive(Debug)]
pub struct Sessions {
    places: [Place; MAX_SESSIONS],
    /// Connections that are not the queen's.
    roles: Vec<(ConnectionId, Role), MAX_SESSIONS>,
    traffic: Traffic,
}

impl Sessions {
    pub const fn new() -> Self {
        let places = [const { Place { generation: 0, session: None } }; MAX_SESSIONS];
        Self { places, roles: Vec::new(), traffic: Traffic::new() }
    }

    /// Says who is on a connection, from the next attach on. The queen is on every other.
    pub fn set_role(&mut self, connection: ConnectionId, role: Role) -> Result<(), Error> {
        self.roles.retain(|(other, _)| *other != connection);
        match role {
            Role::Queen => Ok(()),
            _ => self.roles.push((connection, role)).map_err(|_| Error::Busy),
        }
    }

    /// Lets somebody in.
    pub fn add(&mut self, connection: ConnectionId, uname: &str) -> Result<SessionId, Error> {
        let known = self.roles.iter().find(|(other, _)| *other == connection);
        let role = known.map_or(Role::Queen, |(_, role)| *role);
        let live = || self.places.iter().flat_map(|place| &place.session);
        let again = live().any(|session| session.connection == connection);
        if again && live().count() + FIRST >= MAX_SESSIONS {
            return Err(Error::Busy);
        }
        let free = self.places.iter().position(|place| place.session.is_none());
        let index = free.ok_or(Error::Busy)?;
        let place = self.places.get_mut(index).ok_or(Error::Busy)?;
        let mut user = String::new();
        // A ticket may stand in the place of a name, and is not kept.
        if !uname.contains("cohesix-ticket-") {
            for character in uname.chars().filter(|c| !c.is_control() && *c != ' ') {
                // What no longer fits is cut.
                let _ = user.push(character);
            }
        }
        place.generation = place.generation.wrapping_add(1);
        place.session = Some(Session { connection, role, user, operations: 0, open: 0 });
        self.traffic.enter(connection);
        Ok(SessionId { index: index as u8, generation: place.generation })
    }

    /// The session is over.
    pub fn remove(&mut self, id: SessionId) {
        if let Some(place) = self.places.get_mut(usize::from(id.index))
            && place.generation == id.generation
            && let Some(session) = place.session.take()
        {
            self.traffic.leave(session.connection);
        }
    }

    fn live(&mut self, id: SessionId) -> Result<&mut Session, Error> {
        let place = self.places.get_mut(usize::from(id.index));
        let place = place.filter(|place| place.generation == id.generation);
        place.and_then(|place| place.session.as_mut()).ok_or(Error::Closed)
    }

    /// The session's role.
    pub fn role(&mut self, id: SessionId) -> Result<Role, Error> {
        self.live(id).map(|session| session.role)
    }

    /// The session's role, and counts an operation.
    pub fn operation(&mut self, id: SessionId) -> Result<Role, Error> {
        let session = self.live(id)?;
        session.operations = session.operations.wrapping_add(1);
        Ok(session.role)
    }

    /// The session has one more file open.
    pub fn opened(&mut self, id: SessionId) -> Result<(), Error> {
        let session = self.live(id)?;
        session.open = session.open.saturating_add(1);
        Ok(())
    }

    /// The session has one file less open.
    pub fn closed(&mut self, id: SessionId) {
        if let Ok(session) = self.live(id) {
            session.open = session.open.saturating_sub(1);
        }
    }

    /// The connection that the session is on.
    pub fn connection(&mut self, id: SessionId) -> Result<ConnectionId, Error> {
        self.live(id).map(|session| session.connection)
    }

    /// What a connection tells of itself.
    pub fn served(&mut self, connection: ConnectionId, counters: &Counters, fids: usize) {
        self.traffic.served(connection, counters, fids);
    }

    /// Writes a line for each.
    pub fn write(&self, text: &mut dyn fmt::Write) -> fmt::Result {
        for (index, place) in self.places.iter().enumerate() {
            let Some(session) = &place.session else { continue };
            let role = match session.role {
                Role::Queen => "queen",
                Role::Worker => "worker",
                Role::Observer => "observer",
            };
            let Session { connection, user, operations, open, .. } = session;
            let (counters, fids) = match self.traffic.of(*connection) {
                Some(seat) => (seat.counters, seat.fids),
                None => (Counters::default(), 0),
            };
            let Counters { frames, bytes_in, bytes_out, errors, .. } = counters;
            let connection = connection.0;
            write!(text, "session={index} connection={connection} ")?;
            write!(text, "open={open:<3} operations={operations:<10} fids={fids:<3} ")?;
            write!(text, "frames={frames:<10} in={bytes_in:<12} out={bytes_out:<12} ")?;
            writeln!(text, "errors={errors:<8} role={role} user={user}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::string::String;

    use super::*;

    #[test]
    fn a_session_that_is_over_stays_closed_when_its_place_is_used_again() {
        let mut sessions = Sessions::new();
        sessions.set_role(ConnectionId(2), Role::Observer).expect("room");
        let first = sessions.add(ConnectionId(1), "a").expect("room");
        sessions.remove(first);
        let second = sessions.add(ConnectionId(2), "b").expect("room");
        assert_eq!(sessions.role(first), Err(Error::Closed));
        sessions.remove(first);
        assert_eq!(sessions.role(second), Ok(Role::Observer));
    }

    #[test]
    fn there_are_as_many_as_there_are() {
        let mut sessions = Sessions::new();
        for number in 0..MAX_SESSIONS as u32 {
            sessions.add(ConnectionId(number), "a").expect("room");
        }
        assert_eq!(sessions.add(ConnectionId(1000), "a"), Err(Error::Busy));
    }

    #[test]
    fn who_attaches_again_and_again_keeps_nobody_out() {
        let mut sessions = Sessions::new();
        let greedy = [ConnectionId(1), ConnectionId(2)];
        for connection in greedy.into_iter().cycle().take(MAX_SESSIONS - FIRST) {
            sessions.add(connection, "greedy").expect("room");
        }
        assert_eq!(sessions.add(ConnectionId(1), "greedy"), Err(Error::Busy));
        for number in 0..FIRST as u32 {
            sessions.add(ConnectionId(10 + number), "a").expect("room for a first session");
        }
    }

    #[test]
    fn a_connection_has_the_role_that_it_was_given_last() {
        let mut sessions = Sessions::new();
        let one = ConnectionId(1);
        let mut role = |given: Option<Role>| {
            if let Some(given) = given {
                sessions.set_role(one, given).expect("room");
            }
            let id = sessions.add(one, "a").expect("room");
            sessions.role(id).expect("live")
        };
        assert_eq!(role(None), Role::Queen);
        assert_eq!(role(Some(Role::Worker)), Role::Worker);
        assert_eq!(role(Some(Role::Observer)), Role::Observer);
        assert_eq!(role(Some(Role::Queen)), Role::Queen);
        for number in 0..MAX_SESSIONS as u32 {
            sessions.set_role(ConnectionId(10 + number), Role::Worker).expect("room");
        }
        assert_eq!(sessions.set_role(ConnectionId(9), Role::Worker), Err(Error::Busy));
        assert_eq!(sessions.set_role(ConnectionId(10), Role::Observer), Ok(()));
    }

    fn text(sessions: &Sessions) -> String {
        let mut text = String::new();
        sessions.write(&mut text).expect("a string takes everything");
        text
    }

    #[test]
    fn what_is_counted_is_shown_and_the_text_stays_as_long() {
        let mut sessions = Sessions::new();
        let connection = ConnectionId(7);
        let (one, other) = (sessions.add(connection, "a"), sessions.add(connection, "b"));
        let (one, other) = (one.expect("room"), other.expect("room"));
        let before = text(&sessions);
        sessions.opened(one).expect("live");
        for _ in 0..12 {
            sessions.operation(one).expect("live");
        }
        sessions.operation(other).expect("live");
        let counters = Counters {
            frames: 1_234_567_890,
            bytes_in: 123_456_789_012,
            bytes_out: 3,
            errors: 4,
            ..Counters::default()
        };
        sessions.served(connection, &counters, 64);
        let shown = text(&sessions);
        let both = "fids=64  frames=1234567890 in=123456789012 out=3            errors=4        \
                    role=queen";
        let expected = std::format!(
            "session=0 connection=7 open=1   operations=12         {both} user=a\n\
             session=1 connection=7 open=0   operations=1          {both} user=b\n"
        );
        assert_eq!(shown, expected);
        assert_eq!(shown.len(), before.len());
        sessions.closed(one);
        assert!(text(&sessions).starts_with("session=0 connection=7 open=0 "));
    }

    #[test]
    fn no_ticket_and_no_control_character_is_shown() {
        let mut sessions = Sessions::new();
        sessions.set_role(ConnectionId(8), Role::Worker).expect("room");
        sessions.add(ConnectionId(7), "cohesix-ticket-00.ff").expect("room");
        sessions.add(ConnectionId(8), "e\x1bv\nil").expect("room");
        let mut text = String::new();
        sessions.write(&mut text).expect("a string takes everything");
        let lines: std::vec::Vec<_> = text.lines().collect();
        assert!(lines[0].starts_with("session=0 connection=7 "), "{text}");
        assert!(lines[0].ends_with(" role=queen user="), "{text}");
        assert!(lines[1].starts_with("session=1 connection=8 "), "{text}");
        assert!(lines[1].ends_with(" role=worker user=evil"), "{text}");
    }
}
