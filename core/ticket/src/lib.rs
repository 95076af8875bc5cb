//! Tickets: who may attach as what, for how long, under a keyed MAC.
//!
//! A ticket is text: [`PREFIX`], the claims in hexadecimal, `.`, and the MAC in hexadecimal, at
//! most [`MAX_TICKET`] characters. Whoever has the secret mints tickets ([`Key::mint`]); the server
//! checks them with the same key ([`Key::admit`]). key = BLAKE3(secret), mac = BLAKE3 keyed with
//! it over the claims' bytes.
//!
//! # Claims, version 1
//!
//! Integers are little-endian. A text is its length in bytes (u16) and its bytes, never 0 and at
//! most [`MAX_TEXT`] where it stands for something.
//!
//! | bytes | what | present |
//! |---|---|---|
//! | 1 | version: 1 | always |
//! | 1 | role: 0 queen, 1 worker-heartbeat, 2 worker-gpu, 3 observer, 4 gpu-bridge | always |
//! | 1 | flags: which of the following are there; bit 128 is 0 | always |
//! | 8 | ticks | flag 1 |
//! | 8 | ops | flag 2 |
//! | 8 | ttl_s, seconds | flag 4 |
//! | 2 + n | subject, a [`Name`] | flag 8 |
//! | 8 | issued_at_ms, milliseconds since 1970 (UTC) | always |
//! | 2 + n | service, a [`Name`]; length 0: no mount | always |
//! | 2 + n | at, a [`Path`]; length 0 exactly where the service's is | always |
//! | 1 | number of scopes, 1 to [`MAX_SCOPES`] | flag 16 |
//! | 2 + n, 1, 4 | each scope: [`Path`]; verb 0 read, 1 write, 2 both; operations a second, 0: any | flag 16 |
//! | 8, 4, 4 | quotas: bandwidth in bytes, cursor resumes, cursor advances; 0: no quota; not all 0 | flag 32 |
//! | 8 | nonce | flag 64 |
//!
//! All of it is at most [`MAX_CLAIMS`] bytes, which is what the text's bound leaves. A ticket with
//! every budget, a nonce and the longest subject fits exactly; who wants a mount, scopes or quotas
//! has less for the rest, and is told which field no longer fits.
//!
//! The encoding is canonical: there is one for each [`Claims`], and nothing else decodes.
//!
//! # Rules
//!
//! - A worker's ticket names its worker (subject). It dies with it, so it needs no time to live.
//! - All other tickets have a time to live, of [`MAX_TTL_S`] at most. So each ends some time, and
//!   what is kept of revoked ones ([`Revoked`]) ends too.
//! - A ticket is not valid before it was issued, but for [`MAX_SKEW_MS`] by which clocks differ.
//!   A server that does not know the time (0) lets nobody in.
//!
//! # Secrets
//!
//! Nothing of the claims is looked at before the MAC is found right; MACs are compared in constant
//! time (`blake3::Hash`). No error and no `Debug` shows a key or a ticket, and neither has
//! `Display`. A [`TicketId`] names a ticket where it must be shown.
//!
//! Keys are not overwritten when they are dropped. Without unsafe code that takes the crate
//! `zeroize`, and it would not do: a key that was moved has left copies behind that it does not
//! see. A server has its key as long as it runs, and what it leaves behind is cleared by the
//! kernel before anybody else gets the memory.
//!
//! Deliberately absent: where secrets, random numbers and the time come from; which file a role
//! may use (the namespace's); whether a worker is alive (the supervisor's).
#![no_std]
#![forbid(unsafe_code)]

mod attach;
mod claims;
mod encoding;
mod error;
mod key;
mod names;
mod revoked;

pub use attach::{Attach, parse_attach};
pub use claims::{Budget, Claims, Mount, Quotas, Role, Scope, Scopes, Verb};
pub use encoding::Encoded;
pub use error::{ClaimsError, Field, SecretError, TextError, TicketError};
pub use key::{Admitted, Key, Ticket, TicketId, read_unchecked};
pub use names::{Name, Path};
pub use revoked::{RevokeError, Revoked};

/// What every ticket begins with.
pub const PREFIX: &str = "cohesix-ticket-";
/// Most characters of a ticket, all of them ASCII.
pub const MAX_TICKET: usize = 224;
/// Most bytes of encoded claims.
pub const MAX_CLAIMS: usize = 72;
/// Bytes of a MAC.
pub const MAC: usize = 32;
/// Most bytes of a text in the claims: a subject, a service, a path.
pub const MAX_TEXT: usize = 23;
/// Most scopes of a ticket.
pub const MAX_SCOPES: usize = 4;
/// Longest time to live of a ticket that is no worker's, in seconds: 366 days.
pub const MAX_TTL_S: u64 = 366 * 24 * 60 * 60;
/// How far in the future a ticket may have been issued, in milliseconds: clocks differ.
pub const MAX_SKEW_MS: u64 = 60_000;
/// Fewest bytes of a secret. 16 random bytes cannot be guessed; words should be longer.
pub const MIN_SECRET: usize = 16;
/// Most bytes of a secret.
pub const MAX_SECRET: usize = 1024;

// The longest claims make the longest ticket.
const _: () = assert!(PREFIX.len() + 2 * MAX_CLAIMS + 1 + 2 * MAC == MAX_TICKET);
// Head, budget, the longest subject, time, no mount, nonce.
const _: () = assert!(3 + 3 * 8 + 2 + MAX_TEXT + 8 + 2 + 2 + 8 == MAX_CLAIMS);
