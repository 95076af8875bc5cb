//! What the queen has revoked before its time.
//!
//! Only tickets that are no worker's: a worker's is revoked by killing the worker. So every entry
//! has an end, and leaves when its ticket has expired anyway. Nothing that a peer sends adds an
//! entry: the server calls [`Revoked::revoke`] for a line of the queen's, and with the name of a
//! ticket that it has admitted, whose claims it therefore knows.
//!
//! The set is bounded. When it is full the queen can still revoke: [`Revoked::revoke_before`]
//! takes no room, revokes everything that was issued before a time, and gives the room of entries
//! that it covers back.
//!
//! It is memory only: a restart with the same secret forgets it. Who needs a ticket gone for good
//! changes the secret.

use core::fmt;

use heapless::Vec;

use crate::claims::Claims;
use crate::key::TicketId;

/// A set of at most `N` revoked tickets.
#[derive(Debug, Clone)]
pub struct Revoked<const N: usize> {
    tickets: Vec<Entry, N>,
    /// What was issued before this time is revoked, in milliseconds since 1970.
    before_ms: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    id: TicketId,
    issued_at_ms: u64,
    expires_at_ms: u64,
}

/// Why a ticket is not revoked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RevokeError {
    /// It is a worker's.
    Worker,
    /// There is no room.
    Full,
}

impl fmt::Display for RevokeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Worker => "a worker's ticket dies with it: kill the worker",
            Self::Full => {
                "no more single tickets can be revoked: revoke all that were issued before a time"
            }
        })
    }
}

impl core::error::Error for RevokeError {}

impl<const N: usize> Default for Revoked<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Revoked<N> {
    /// Nothing is revoked.
    #[must_use]
    pub const fn new() -> Self {
        Self { tickets: Vec::new(), before_ms: 0 }
    }

    /// Revokes the ticket `id` with these claims, at the time `now_ms`. Once is enough: again
    /// changes nothing.
    ///
    /// # Errors
    /// Nothing is changed then.
    pub fn revoke(
        &mut self,
        id: TicketId,
        claims: &Claims,
        now_ms: u64,
    ) -> Result<(), RevokeError> {
        let end = claims.expires_at_ms().filter(|_| !claims.role.is_worker());
        let expires_at_ms = end.ok_or(RevokeError::Worker)?;
        self.forget_expired(now_ms);
        if expires_at_ms <= now_ms || self.has(id, claims) {
            return Ok(());
        }
        let entry = Entry { id, issued_at_ms: claims.issued_at_ms, expires_at_ms };
        self.tickets.push(entry).map_err(|_| RevokeError::Full)
    }

    /// Revokes every ticket, but workers', that was issued before `time_ms`; an earlier such
    /// time stays. A ticket minted where the clock is ahead carries a later time: who wants to
    /// be sure takes [`crate::MAX_SKEW_MS`] from now.
    pub fn revoke_before(&mut self, time_ms: u64) {
        self.before_ms = self.before_ms.max(time_ms);
        let before_ms = self.before_ms;
        self.tickets.retain(|entry| entry.issued_at_ms >= before_ms);
    }

    /// Whether the ticket `id` with these claims is revoked.
    #[must_use]
    pub fn has(&self, id: TicketId, claims: &Claims) -> bool {
        !claims.role.is_worker()
            && (claims.issued_at_ms < self.before_ms
                || self.tickets.iter().any(|entry| entry.id == id))
    }

    /// How many entries there are, some of them perhaps expired.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tickets.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tickets.is_empty()
    }

    /// Leaves out what has expired. [`Self::revoke`] does it, too.
    ///
    /// A clock that is set back later would let a ticket in again whose entry has left: the
    /// server's clock does not go back.
    pub fn forget_expired(&mut self, now_ms: u64) {
        self.tickets.retain(|entry| entry.expires_at_ms > now_ms);
    }
}
