//! The target that attaches with what may be a ticket.
//!
//! The input is `uname`, a line end and `aname`; and, by itself, the bytes of claims. Held to:
//! what the two names are taken apart into is in them, and nothing that carries a ticket is a
//! name; claims that decode encode to the same bytes; a text is let in only if minting its claims
//! gives the same text; with the right MAC in front of any bytes the answer is about the claims
//! or the time, and is not let in where they do not decode.

use ticket::{
    Claims, Key, MAX_CLAIMS, MAX_TICKET, PREFIX, Revoked, TicketError, TicketId, parse_attach,
    read_unchecked,
};

/// The secret of the seeds' tickets.
pub(crate) const SECRET: &[u8] = b"the secret of the fuzz targets";
/// When they are checked, in milliseconds since 1970.
pub(crate) const NOW: u64 = 1_700_000_000_000;

/// How an input went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tickets {
    /// Tickets that were let in as they stood in the input.
    pub admitted: u64,
    /// That were refused.
    pub refused: u64,
    /// Inputs that are claims.
    pub claims: u64,
}

/// Takes `data` as an attach's two names, and as claims.
///
/// # Panics
/// Where something is wrong.
pub fn fuzz_ticket(data: &[u8]) -> Tickets {
    let key = Key::from_secret(SECRET).expect("a secret");
    let mut tickets = Tickets::default();
    if let Ok(text) = str::from_utf8(data) {
        let (uname, aname) = text.split_once('\n').unwrap_or(("", text));
        if let Some(ticket) = attach(uname, aname) {
            match check(&key, ticket) {
                Ok(()) => tickets.admitted += 1,
                Err(_) => tickets.refused += 1,
            }
        }
    }
    if data.len() <= MAX_CLAIMS {
        tickets.claims += u64::from(sign(&key, data));
    } else {
        assert!(Claims::decode(data).is_err(), "longer than claims can be");
    }
    tickets
}

/// Takes an attach apart, and returns its ticket.
fn attach<'a>(uname: &'a str, aname: &'a str) -> Option<&'a str> {
    let attach = parse_attach(uname, aname);
    let shown = format!("{attach:?}");
    assert!(!shown.contains(PREFIX), "a ticket shows");
    assert!(!attach.name.contains(PREFIX), "a ticket is a name");
    assert!(attach.name.is_empty() || attach.name == uname);
    match attach.ticket {
        Some(ticket) if aname.starts_with(PREFIX) => {
            assert_eq!(format!("{ticket}{}", attach.path), aname);
            assert!(attach.path.is_empty() || attach.path.starts_with('/'));
        }
        Some(ticket) => assert_eq!((ticket, attach.path), (uname, aname)),
        None => assert!(attach.path == aname && !uname.starts_with(PREFIX)),
    }
    attach.ticket
}

/// Checks a text that claims to be a ticket.
fn check(key: &Key, text: &str) -> Result<(), TicketError> {
    let answer = key.check(text, NOW);
    let admitted = key.admit(text, NOW, &Revoked::<1>::new());
    assert_eq!(admitted.as_ref().map(|admitted| &admitted.claims), answer.as_ref());
    let claims = match answer {
        Ok(claims) => claims,
        Err(error) => {
            assert_eq!(TicketId::of(text).is_none(), error == TicketError::Malformed);
            return Err(error);
        }
    };
    assert!(text.len() <= MAX_TICKET);
    let minted = key.mint(&claims).expect("it was minted once");
    assert_eq!(minted.as_str(), text, "two texts of one ticket");
    assert_eq!(read_unchecked(text).as_ref(), Ok(&claims));
    let mut revoked = Revoked::<1>::new();
    if revoked.revoke(minted.id(), &claims, NOW).is_ok() {
        assert_eq!(key.admit(text, NOW, &revoked), Err(TicketError::Revoked));
    }
    revoked.revoke_before(u64::MAX);
    assert_eq!(key.admit(text, NOW, &revoked).is_ok(), claims.role.is_worker());
    Ok(())
}

/// Puts the right MAC to `bytes`. Whether they are claims.
fn sign(key: &Key, bytes: &[u8]) -> bool {
    let secret_key = blake3::hash(SECRET);
    let mac = blake3::keyed_hash(secret_key.as_bytes(), bytes);
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let text = format!("{PREFIX}{digits}.{}", mac.to_hex());
    let answer = check(key, &text);
    let decoded = Claims::decode(bytes);
    match (&decoded, answer) {
        (Ok(claims), answer) => {
            assert_eq!(claims.encode().expect("they fit").as_slice(), bytes);
            assert_eq!(answer, claims.hold_at(NOW));
        }
        (Err(error), answer) => assert_eq!(answer, Err(TicketError::Claims(*error))),
    }
    decoded.is_ok()
}
