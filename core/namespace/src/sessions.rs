//! Who is attached.

use core::fmt;

use heapless::{String, Vec};
use secure9p_core::{ConnectionId, Error};

use crate::policy::Role;

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
    operations: u64,
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
}

impl Sessions {
    pub const fn new() -> Self {
        let places = [const { Place { generation: 0, session: None } }; MAX_SESSIONS];
        Self { places, roles: Vec::new() }
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
        place.session = Some(Session { connection, role, user, operations: 0 });
        Ok(SessionId { index: index as u8, generation: place.generation })
    }

    /// The session is over.
    pub fn remove(&mut self, id: SessionId) {
        if let Some(place) = self.places.get_mut(usize::from(id.index))
            && place.generation == id.generation
        {
            place.session = None;
        }
    }

    /// The session's role, and counts an operation.
    pub fn role(&mut self, id: SessionId) -> Result<Role, Error> {
        let place = self.places.get_mut(usize::from(id.index));
        let place = place.filter(|place| place.generation == id.generation);
        let session = place.and_then(|place| place.session.as_mut()).ok_or(Error::Closed)?;
        session.operations = session.operations.wrapping_add(1);
        Ok(session.role)
    }

    /// The connection that the session is on.
    pub fn connection(&self, id: SessionId) -> Result<ConnectionId, Error> {
        let place = self.places.get(usize::from(id.index));
        let place = place.filter(|place| place.generation == id.generation);
        let session = place.and_then(|place| place.session.as_ref()).ok_or(Error::Closed)?;
        Ok(session.connection)
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
            let Session { connection, user, .. } = session;
            let connection = connection.0;
            writeln!(text, "session={index} connection={connection} role={role} user={user}")?;
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

    #[test]
    fn no_ticket_and_no_control_character_is_shown() {
        let mut sessions = Sessions::new();
        sessions.set_role(ConnectionId(8), Role::Worker).expect("room");
        sessions.add(ConnectionId(7), "cohesix-ticket-00.ff").expect("room");
        sessions.add(ConnectionId(8), "e\x1bv\nil").expect("room");
        let mut text = String::new();
        sessions.write(&mut text).expect("a string takes everything");
        assert_eq!(
            text,
            "session=0 connection=7 role=queen user=\nsession=1 connection=8 role=worker user=evil\n"
        );
    }
}
