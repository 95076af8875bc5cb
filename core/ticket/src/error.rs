//! What can be wrong, and what to do then. No error holds a part of a ticket or secret.

use core::fmt;

use crate::{MAX_CLAIMS, MAX_SCOPES, MAX_SECRET, MAX_TEXT, MAX_TTL_S, MIN_SECRET};

/// Why a ticket is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TicketError {
    /// It does not have a ticket's form.
    Malformed,
    /// Its MAC is not that of its claims with this key.
    Forged,
    /// It is genuine, but claims something that is not accepted here.
    Claims(ClaimsError),
    /// Its time to live is over.
    Expired,
    /// It was issued further in the future than clocks differ.
    NotYetValid,
    /// The queen has revoked it.
    Revoked,
}

/// What is wrong with claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ClaimsError {
    /// They are of another version.
    Version,
    /// The role's number is unknown.
    Role,
    /// A flag is set that means nothing.
    Flags,
    /// They end too early.
    Short,
    /// Something stands behind them.
    Trailing,
    /// With this field they are too long.
    TooLong(Field),
    /// A text is none.
    Text(Field, TextError),
    /// A number means nothing there.
    Value(Field),
    /// It has to be there for this role.
    Missing(Field),
}

/// A field of the claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// The time to live.
    Ttl,
    /// Whom the ticket is for.
    Subject,
    /// What is mounted.
    Service,
    /// Where it is mounted.
    At,
    /// What may be used.
    Scopes,
    /// How much may be used.
    Quotas,
    /// What makes the ticket differ from others.
    Nonce,
}

/// What is wrong with a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TextError {
    /// It is empty.
    Empty,
    /// It has more than [`MAX_TEXT`] bytes.
    Long,
    /// It is no name.
    Name,
    /// It is no path from the root.
    Path,
}

/// Why a secret is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SecretError {
    /// It has less than [`MIN_SECRET`] bytes.
    Short,
    /// It has more than [`MAX_SECRET`] bytes.
    Long,
}

impl fmt::Display for TicketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Malformed => "it is no ticket: give the whole of what was minted, unchanged",
            Self::Forged => {
                "the ticket is forged, damaged or of another secret: mint one with this hive's"
            }
            Self::Claims(error) => return write!(f, "the ticket is not accepted: {error}"),
            Self::Expired => "the ticket has expired: mint another",
            Self::NotYetValid => {
                "the ticket is not valid yet: set the clock where it was minted, or the hive's"
            }
            Self::Revoked => "the ticket was revoked: ask who holds the secret for another",
        })
    }
}

impl fmt::Display for ClaimsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version => {
                f.write_str("its claims are of another version: mint it with this version's cohsh")
            }
            Self::Role => f.write_str("its role is unknown here: mint it for another role"),
            Self::Flags => {
                f.write_str("it claims something unknown here: mint it with this version's cohsh")
            }
            Self::Short => f.write_str("its claims end too early: mint it again"),
            Self::Trailing => f.write_str("something stands behind its claims: mint it again"),
            Self::TooLong(Field::Scopes) => write!(
                f,
                "no room for its scopes ({MAX_SCOPES} at most; all claims have {MAX_CLAIMS} \
                 bytes): leave something out"
            ),
            Self::TooLong(field) => write!(
                f,
                "no room for its {field} (all claims have {MAX_CLAIMS} bytes): shorten it, or \
                 leave something out"
            ),
            Self::Text(field, error) => write!(f, "its {field} {error}"),
            Self::Value(Field::Ttl) => {
                write!(f, "its time to live is not between 1 and {MAX_TTL_S} seconds: change it")
            }
            Self::Value(field) => write!(f, "its {field} have a value that means nothing: mend it"),
            Self::Missing(field) => write!(f, "its role needs a {field}: add one"),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ttl => "time to live",
            Self::Subject => "subject",
            Self::Service => "mount's service",
            Self::At => "mount's place",
            Self::Scopes => "scopes",
            Self::Quotas => "quotas",
            Self::Nonce => "nonce",
        })
    }
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("is empty: leave it out, or write something"),
            Self::Long => write!(f, "is longer than {MAX_TEXT} bytes: shorten it"),
            Self::Name => f.write_str(
                "is no name: use letters, digits, `-`, `_` and `.`, the first a letter or digit",
            ),
            Self::Path => f.write_str("is no path: write it like /worker/worker-7"),
        }
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short => write!(
                f,
                "the secret has less than {MIN_SECRET} bytes: make one by `openssl rand -hex 32`"
            ),
            Self::Long => write!(f, "the secret has more than {MAX_SECRET} bytes: shorten it"),
        }
    }
}

impl From<ClaimsError> for TicketError {
    fn from(error: ClaimsError) -> Self {
        Self::Claims(error)
    }
}

impl core::error::Error for TicketError {}
impl core::error::Error for ClaimsError {}
impl core::error::Error for TextError {}
impl core::error::Error for SecretError {}
