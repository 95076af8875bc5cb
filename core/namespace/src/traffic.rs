//! What went over each connection that has a session, for `/proc/sessions`.
//!
//! A connection has a seat that its number suggests (connections are numbered one after the
//! other), so that counting a frame finds it at once; where that is taken it has any other. It
//! leaves with its last session.

use secure9p_core::{ConnectionId, Counters};

use crate::sessions::MAX_SESSIONS;

/// A connection with at least one session.
#[derive(Debug)]
pub struct Seat {
    connection: ConnectionId,
    sessions: usize,
    /// What went over it, as far as it told.
    pub counters: Counters,
    /// Its fids.
    pub fids: usize,
}

/// Every connection with a session: no more than there are sessions.
#[derive(Debug)]
pub struct Traffic {
    seats: [Option<Seat>; MAX_SESSIONS],
}

impl Traffic {
    pub const fn new() -> Self {
        Self { seats: [const { None }; MAX_SESSIONS] }
    }

    const fn home(connection: ConnectionId) -> usize {
        connection.0 as usize % MAX_SESSIONS
    }

    fn index(&self, connection: ConnectionId) -> Option<usize> {
        let sits =
            |seat: &Option<Seat>| seat.as_ref().is_some_and(|seat| seat.connection == connection);
        let home = Self::home(connection);
        if self.seats.get(home).is_some_and(sits) {
            return Some(home);
        }
        self.seats.iter().position(sits)
    }

    /// The connection has one more session.
    pub fn enter(&mut self, connection: ConnectionId) {
        if let Some(Some(seat)) = self.index(connection).and_then(|at| self.seats.get_mut(at)) {
            seat.sessions = seat.sessions.saturating_add(1);
            return;
        }
        let seat = Seat { connection, sessions: 1, counters: Counters::default(), fids: 0 };
        let home = self.seats.get_mut(Self::home(connection)).filter(|seat| seat.is_none());
        match home {
            Some(free) => *free = Some(seat),
            // There is one for every session, so there is one.
            None => {
                if let Some(free) = self.seats.iter_mut().find(|seat| seat.is_none()) {
                    *free = Some(seat);
                }
            }
        }
    }

    /// The connection has one session less.
    pub fn leave(&mut self, connection: ConnectionId) {
        let Some(place) = self.index(connection).and_then(|at| self.seats.get_mut(at)) else {
            return;
        };
        if let Some(seat) = place {
            seat.sessions = seat.sessions.saturating_sub(1);
            if seat.sessions == 0 {
                *place = None;
            }
        }
    }

    /// What the connection tells of itself; one without a session is not noted.
    pub fn served(&mut self, connection: ConnectionId, counters: &Counters, fids: usize) {
        if let Some(Some(seat)) = self.index(connection).and_then(|at| self.seats.get_mut(at)) {
            (seat.counters, seat.fids) = (*counters, fids);
        }
    }

    /// The connection's seat, where it has a session.
    pub fn of(&self, connection: ConnectionId) -> Option<&Seat> {
        self.seats.get(self.index(connection)?)?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(traffic: &Traffic, connection: u32) -> Option<u64> {
        traffic.of(ConnectionId(connection)).map(|seat| seat.counters.frames)
    }

    fn served(traffic: &mut Traffic, connection: u32, frames: u64) {
        let counters = Counters { frames, ..Counters::default() };
        traffic.served(ConnectionId(connection), &counters, 1);
    }

    #[test]
    fn connections_whose_numbers_suggest_one_seat_are_told_apart() {
        let mut traffic = Traffic::new();
        let step = MAX_SESSIONS as u32;
        for number in 0..step {
            traffic.enter(ConnectionId(7 + number * step));
        }
        for number in 0..step {
            served(&mut traffic, 7 + number * step, number.into());
        }
        for number in 0..step {
            assert_eq!(frames(&traffic, 7 + number * step), Some(number.into()));
        }
        // The one at home leaves; the others are found all the same.
        traffic.leave(ConnectionId(7));
        assert_eq!((frames(&traffic, 7), frames(&traffic, 7 + step)), (None, Some(1)));
        traffic.enter(ConnectionId(7 + step));
        traffic.leave(ConnectionId(7 + step));
        assert_eq!(frames(&traffic, 7 + step), Some(1));
        traffic.leave(ConnectionId(7 + step));
        assert_eq!(frames(&traffic, 7 + step), None);
    }

    #[test]
    fn who_has_no_session_is_not_noted_and_who_comes_back_starts_anew() {
        let mut traffic = Traffic::new();
        served(&mut traffic, 1, 5);
        assert_eq!(frames(&traffic, 1), None);
        traffic.enter(ConnectionId(1));
        assert_eq!(frames(&traffic, 1), Some(0));
        served(&mut traffic, 1, 6);
        traffic.leave(ConnectionId(1));
        traffic.leave(ConnectionId(1));
        traffic.enter(ConnectionId(1));
        assert_eq!(frames(&traffic, 1), Some(0));
    }
}
