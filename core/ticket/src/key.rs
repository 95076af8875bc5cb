//! Keys mint tickets and check them.

use core::fmt;

use blake3::Hash;
use heapless::{String, Vec};

use crate::claims::Claims;
use crate::encoding::Encoded;
use crate::error::{ClaimsError, SecretError, TicketError};
use crate::revoked::Revoked;
use crate::{MAC, MAX_CLAIMS, MAX_SECRET, MAX_TICKET, MIN_SECRET, PREFIX};

/// What tickets are minted and checked with.
pub struct Key([u8; 32]);

impl Key {
    /// The key of a secret: its BLAKE3 hash.
    ///
    /// # Errors
    /// Where it has not [`MIN_SECRET`] to [`MAX_SECRET`] bytes.
    pub fn from_secret(secret: &[u8]) -> Result<Self, SecretError> {
        match secret.len() {
            ..MIN_SECRET => Err(SecretError::Short),
            MIN_SECRET..=MAX_SECRET => Ok(Self(*blake3::hash(secret).as_bytes())),
            _ => Err(SecretError::Long),
        }
    }

    /// The key of the secret that a file holds: the line end after it, which editors leave there,
    /// is not part of it. Whoever reads a secret from a file takes this, so that all agree.
    ///
    /// # Errors
    /// Those of [`Self::from_secret`].
    pub fn from_secret_file(bytes: &[u8]) -> Result<Self, SecretError> {
        let line = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        Self::from_secret(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// A key that [`Self::as_bytes`] gave, in another process.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The key itself, to hand it to another process that checks tickets.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn mac(&self, claims: &[u8]) -> Hash {
        blake3::keyed_hash(&self.0, claims)
    }

    /// Makes a ticket of the claims.
    ///
    /// # Errors
    /// Those of [`Claims::encode`].
    pub fn mint(&self, claims: &Claims) -> Result<Ticket, ClaimsError> {
        let claims = claims.encode()?;
        Ok(Ticket::new(&claims, self.mac(&claims).as_bytes()))
    }

    /// What the ticket `text` claims, where it is this key's and valid at `now_ms` (milliseconds
    /// since 1970). Whether it was revoked, or its worker is dead, is not asked here.
    ///
    /// # Errors
    /// Where it is not valid. Its claims are not looked at where its MAC is wrong.
    pub fn check(&self, text: &str, now_ms: u64) -> Result<Claims, TicketError> {
        let Parts { claims, mac } = Parts::of(text)?;
        // Compares in constant time.
        if self.mac(&claims) != mac {
            return Err(TicketError::Forged);
        }
        let claims = Claims::decode(&claims)?;
        claims.hold_at(now_ms)?;
        Ok(claims)
    }

    /// The same, and asks whether it was revoked. That the worker of a worker's ticket lives, and
    /// started before the ticket was issued, is left for the caller to ask.
    ///
    /// # Errors
    /// Where it is not valid.
    pub fn admit<const N: usize>(
        &self,
        text: &str,
        now_ms: u64,
        revoked: &Revoked<N>,
    ) -> Result<Admitted, TicketError> {
        let claims = self.check(text, now_ms)?;
        let id = TicketId::of(text).ok_or(TicketError::Malformed)?;
        if revoked.has(id, &claims) {
            return Err(TicketError::Revoked);
        }
        Ok(Admitted { id, claims })
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(hidden)")
    }
}

/// A valid ticket, for the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admitted {
    /// Its name, which may be shown.
    pub id: TicketId,
    /// What it claims.
    pub claims: Claims,
}

/// A ticket's text, which is as good as what it claims.
#[derive(Clone)]
pub struct Ticket(String<MAX_TICKET>);

impl Ticket {
    fn new(claims: &Encoded, mac: &[u8; MAC]) -> Self {
        let mut text = String::new();
        let mut put = |character: char| {
            // Cannot fail: MAX_TICKET is what the longest claims take (asserted in lib.rs).
            let _ = text.push(character);
        };
        PREFIX.chars().for_each(&mut put);
        hex(claims).for_each(&mut put);
        put('.');
        hex(mac).for_each(&mut put);
        Self(text)
    }

    /// The text, for whoever the ticket is handed to.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its name, which may be shown.
    ///
    /// # Panics
    /// Never: a ticket has a ticket's form.
    #[must_use]
    pub fn id(&self) -> TicketId {
        TicketId::of(&self.0).expect("a ticket's form")
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Ticket(hidden)")
    }
}

/// A ticket's name, for logs and for revoking it: nobody can make the ticket of it.
///
/// The first 8 bytes of the MAC's own BLAKE3 hash; written as 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TicketId([u8; 8]);

impl TicketId {
    /// The name of the ticket `text`, forged or not; `None` where it does not have a ticket's form.
    #[must_use]
    pub fn of(text: &str) -> Option<Self> {
        let Parts { mac, .. } = Parts::of(text).ok()?;
        let hash = blake3::hash(&mac);
        hash.as_bytes().first_chunk().copied().map(Self)
    }

    /// The name that these bytes are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }

    /// Reads what `Display` writes.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: Vec<u8, 8> = unhex(text)?;
        bytes.into_array().ok().map(Self)
    }
}

impl fmt::Display for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TicketId({self})")
    }
}

/// What the ticket `text` claims, whoever made it: for showing, never for deciding.
///
/// # Errors
/// Where it has not a ticket's form, or its claims do not make sense.
pub fn read_unchecked(text: &str) -> Result<Claims, TicketError> {
    Ok(Claims::decode(&Parts::of(text)?.claims)?)
}

/// A ticket's two parts.
struct Parts {
    claims: Encoded,
    mac: [u8; MAC],
}

impl Parts {
    fn of(text: &str) -> Result<Self, TicketError> {
        let parts = text.strip_prefix(PREFIX).and_then(|rest| rest.split_once('.'));
        let (claims, mac) = parts.ok_or(TicketError::Malformed)?;
        let claims: Vec<u8, MAX_CLAIMS> = unhex(claims).ok_or(TicketError::Malformed)?;
        let mac: Vec<u8, MAC> = unhex(mac).ok_or(TicketError::Malformed)?;
        let mac = mac.into_array().map_err(|_| TicketError::Malformed)?;
        Ok(Self { claims, mac })
    }
}

/// The lower-case digits of `bytes`.
fn hex(bytes: &[u8]) -> impl Iterator<Item = char> + '_ {
    let digit = |nibble: u8| char::from_digit(nibble.into(), 16).unwrap_or('0');
    bytes.iter().flat_map(move |byte| [digit(byte >> 4), digit(byte & 15)])
}

/// The bytes of lower-case digits, `N` at most.
fn unhex<const N: usize>(text: &str) -> Option<Vec<u8, N>> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let mut bytes = Vec::new();
    for [high, low] in pairs {
        bytes.push(nibble(*high)? << 4 | nibble(*low)?).ok()?;
    }
    Some(bytes)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}
