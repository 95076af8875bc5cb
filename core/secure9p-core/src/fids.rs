//! The fid table: what each fid of a connection stands for.
//!
//! A fid has a place that its number suggests (clients count up from a small number), so that it
//! is found at once; where that is taken it has any other. With a fid goes the session whose
//! attach it came from: a session ends with its last fid.

use secure9p_codec::{Fid, Qid};

use crate::tree::{Found, OpenMode, Tree};
use crate::{AccessPolicy, Error};

type Session<T> = <T as AccessPolicy>::Session;
type Node<T> = <T as AccessPolicy>::Node;

/// A place in the fid table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place(usize);

/// A place in the session table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SessionPlace(usize);

/// What a fid stands for.
pub(crate) struct Slot<T: Tree> {
    pub session: Session<T>,
    pub node: Node<T>,
    pub qid: Qid,
    pub open: Option<Opened<T>>,
    origin: SessionPlace,
}

/// What an open fid has besides.
pub(crate) struct Opened<T: Tree> {
    pub mode: OpenMode,
    pub state: T::Open,
    pub listing: Listing,
}

/// How far a directory was read in 9P2000, where only 0 and "where the last read ended" are
/// offsets: read(5).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Listing {
    /// The offset that goes on, in bytes.
    pub offset: u64,
    /// The tree's name for it.
    pub place: u64,
}

struct Attached<T: Tree> {
    session: Session<T>,
    fids: usize,
}

/// Every fid of a connection.
pub(crate) struct Fids<T: Tree, const FIDS: usize> {
    /// The number in each place; [`Fid::NONE`] where it is free.
    numbers: [Fid; FIDS],
    slots: [Option<Slot<T>>; FIDS],
    /// As many as fids, for each session has at least one.
    sessions: [Option<Attached<T>>; FIDS],
    /// Places in use.
    used: usize,
}

impl<T: Tree, const FIDS: usize> Fids<T, FIDS> {
    pub const fn new() -> Self {
        Self {
            numbers: [Fid::NONE; FIDS],
            slots: [const { None }; FIDS],
            sessions: [const { None }; FIDS],
            used: 0,
        }
    }

    /// Where `fid` would best be.
    fn home(fid: Fid) -> usize {
        (fid.0 as usize).checked_rem(FIDS).unwrap_or(0)
    }

    fn place_of(&self, fid: Fid, home: usize) -> Option<usize> {
        if self.numbers.get(home) == Some(&fid) {
            return Some(home);
        }
        self.numbers.iter().position(|number| *number == fid)
    }

    /// Where `fid` is.
    pub fn find(&self, fid: Fid) -> Result<Place, Error> {
        if fid == Fid::NONE {
            return Err(Error::UnknownFid);
        }
        self.place_of(fid, Self::home(fid)).map(Place).ok_or(Error::UnknownFid)
    }

    /// What is at `place`.
    pub fn slot(&mut self, place: Place) -> Result<&mut Slot<T>, Error> {
        self.slots.get_mut(place.0).and_then(Option::as_mut).ok_or(Error::UnknownFid)
    }

    /// What `fid` stands for.
    pub fn get(&mut self, fid: Fid) -> Result<&mut Slot<T>, Error> {
        let place = self.find(fid)?;
        self.slot(place)
    }

    /// A free place for `fid`, which must be new.
    pub fn vacancy(&self, fid: Fid) -> Result<Place, Error> {
        if fid == Fid::NONE {
            return Err(Error::UnknownFid);
        }
        let home = Self::home(fid);
        if self.place_of(fid, home).is_some() {
            return Err(Error::FidInUse);
        }
        self.place_of(Fid::NONE, home).map(Place).ok_or(Error::TooManyFids)
    }

    /// Puts a session's first fid into the free `place`.
    pub fn attach(
        &mut self,
        place: Place,
        fid: Fid,
        session: Session<T>,
        found: Found<Node<T>>,
    ) -> Result<(), Error> {
        let free = self.sessions.iter().position(Option::is_none).ok_or(Error::TooManyFids)?;
        if let Some(seat) = self.sessions.get_mut(free) {
            *seat = Some(Attached { session, fids: 0 });
        }
        self.put(place, fid, session, SessionPlace(free), found)
    }

    /// Puts into the free `place` a fid for `found`, which the fid at `from` led to.
    pub fn derive(
        &mut self,
        place: Place,
        fid: Fid,
        from: Place,
        found: Found<Node<T>>,
    ) -> Result<(), Error> {
        let Slot { session, origin, .. } = *self.slot(from)?;
        self.put(place, fid, session, origin, found)
    }

    fn put(
        &mut self,
        place: Place,
        fid: Fid,
        session: Session<T>,
        origin: SessionPlace,
        found: Found<Node<T>>,
    ) -> Result<(), Error> {
        let slot = self.slots.get_mut(place.0).ok_or(Error::TooManyFids)?;
        let number = self.numbers.get_mut(place.0).ok_or(Error::TooManyFids)?;
        *slot = Some(Slot { session, node: found.node, qid: found.qid, open: None, origin });
        *number = fid;
        self.used = self.used.saturating_add(1);
        if let Some(Some(attached)) = self.sessions.get_mut(origin.0) {
            attached.fids = attached.fids.saturating_add(1);
        }
        Ok(())
    }

    /// Takes the fid at `place` out, with the session if that was its last.
    pub fn remove(&mut self, place: Place) -> Option<(Fid, Slot<T>, Option<Session<T>>)> {
        let slot = self.slots.get_mut(place.0)?.take()?;
        let number = core::mem::replace(self.numbers.get_mut(place.0)?, Fid::NONE);
        self.used = self.used.saturating_sub(1);
        let seat = self.sessions.get_mut(slot.origin.0)?;
        let attached = seat.as_mut()?;
        attached.fids = attached.fids.saturating_sub(1);
        let ended = if attached.fids == 0 { seat.take() } else { None };
        Some((number, slot, ended.map(|attached| attached.session)))
    }

    /// Every place, free or not.
    pub fn places() -> impl Iterator<Item = Place> {
        (0..FIDS).map(Place)
    }

    /// Fids in use.
    pub const fn count(&self) -> usize {
        self.used
    }
}
