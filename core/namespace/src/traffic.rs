//! What went over each connection that has a session, for `/proc/sessions`.
//!
//! A connection has a seat that its number suggests (connections are numbered one after the
//! other), so that counting a frame finds it at once; where that is taken it has any other. It
//! leaves with its last session. A worker's own connection has its worker's place.

use secure9p_core::{ConnectionId, Counters};

use crate::sessions::MAX_SESSIONS;
use crate::workers::{MAX_WORKERS, is_own, place_of};

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

/// Every connection with a session.
#[derive(Debug)]
pub struct Traffic {
    /// Of the host: no more than there are sessions.
    seats: [Option<Seat>; MAX_SESSIONS],
    /// Each worker's own, by its place.
    own: [Option<Seat>; MAX_WORKERS],
}

impl Traffic {
    pub const fn new() -> Self {
        Self { seats: [const { None }; MAX_SESSIONS], own: [const { None }; MAX_WORKERS] }
    }

    const fn home(connection: ConnectionId) -> usize {
        connection.0 as usize % MAX_SESSIONS
    }

    /// Where the connection's seat is; `None` for one without a session.
    fn find(&mut self, connection: ConnectionId) -> Option<&mut Option<Seat>> {
        let sits =
            |seat: &Option<Seat>| seat.as_ref().is_some_and(|seat| seat.connection == connection);
        if is_own(connection) {
            return self.own.get_mut(place_of(connection)).filter(|seat| sits(seat));
        }
        let home = Self::home(connection);
        let index = match self.seats.get(home).is_some_and(sits) {
            true => home,
            false => self.seats.iter().position(sits)?,
        };
        self.seats.get_mut(index)
    }

    /// The connection has one more session.
    pub fn enter(&mut self, connection: ConnectionId) {
        if let Some(Some(seat)) = self.find(connection) {
            seat.sessions = seat.sessions.saturating_add(1);
            return;
        }
        let seat = Seat { connection, sessions: 1, counters: Counters::default(), fids: 0 };
        let free = if is_own(connection) {
            self.own.get_mut(place_of(connection))
        } else if self.seats.get(Self::home(connection)).is_some_and(Option::is_none) {
            self.seats.get_mut(Self::home(connection))
        } else {
            // There is one for every session, so there is one.
            self.seats.iter_mut().find(|seat| seat.is_none())
        };
        if let Some(free) = free {
            *free = Some(seat);
        }
    }

    /// The connection has one session less.
    pub fn leave(&mut self, connection: ConnectionId) {
        let Some(place) = self.find(connection) else { return };
        if let Some(seat) = place {
            seat.sessions = seat.sessions.saturating_sub(1);
            if seat.sessions == 0 {
                *place = None;
            }
        }
    }

    /// What the connection tells of itself; one without a session is not noted.
    pub fn served(&mut self, connection: ConnectionId, counters: &Counters, fids: usize) {
        if let Some(Some(seat)) = self.find(connection) {
            (seat.counters, seat.fids) = (*counters, fids);
        }
    }

    /// The connection's seat, where it has a session.
    pub fn of(&self, connection: ConnectionId) -> Option<&Seat> {
        let seats = if is_own(connection) { &self.own[..] } else { &self.seats[..] };
        seats.iter().flatten().find(|seat| seat.connection == connection)
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
