//! Damaged and forged tickets: none is let in.

use proptest::prelude::*;
use ticket::{Claims, Key, MAX_TICKET, TicketError, TicketId, read_unchecked};

use crate::claims::{KEY_SECRET, bridge, fullest, heartbeat, observer, queen, some_claims};

fn key() -> Key {
    Key::from_secret(KEY_SECRET).expect("a secret")
}

fn all() -> [Claims; 5] {
    [queen(), heartbeat(), fullest(), bridge(), observer()]
}

#[test]
fn every_flipped_bit_is_refused() {
    for claims in all() {
        let text = key().mint(&claims).expect("it fits").as_str().to_owned();
        assert!(key().check(&text, claims.issued_at_ms).is_ok());
        for bit in 0..8 * text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            // A text is UTF-8; 9P refuses others before they come here.
            let Ok(text) = str::from_utf8(&bytes) else { continue };
            let refused = key().check(text, claims.issued_at_ms);
            let expected = refused.expect_err("a flipped bit");
            assert!(matches!(expected, TicketError::Malformed | TicketError::Forged), "{bit}");
        }
    }
}

/// Another digit is a digit still, so all of these come as far as the MAC.
#[test]
fn every_other_digit_is_forged() {
    for claims in all() {
        let text = key().mint(&claims).expect("it fits").as_str().to_owned();
        let start = ticket::PREFIX.len();
        for at in (start..text.len()).filter(|at| text.as_bytes()[*at] != b'.') {
            for digit in "0123456789abcdef".bytes().filter(|d| *d != text.as_bytes()[at]) {
                let mut bytes = text.clone().into_bytes();
                bytes[at] = digit;
                let text = str::from_utf8(&bytes).expect("ASCII");
                assert_eq!(key().check(text, claims.issued_at_ms), Err(TicketError::Forged));
            }
        }
    }
}

#[test]
fn every_part_of_a_ticket_is_none() {
    for claims in all() {
        let text = key().mint(&claims).expect("it fits").as_str().to_owned();
        for end in 0..text.len() {
            let part = &text[..end];
            assert_eq!(
                key().check(part, claims.issued_at_ms),
                Err(TicketError::Malformed),
                "{end}"
            );
            assert_eq!(TicketId::of(part), None);
        }
        for start in 1..text.len() {
            assert_eq!(key().check(&text[start..], 0), Err(TicketError::Malformed), "{start}");
        }
    }
}

#[test]
fn other_spellings_are_none() {
    let text = key().mint(&heartbeat()).expect("it fits").as_str().to_owned();
    let now = heartbeat().issued_at_ms;
    let upper = format!("{}{}", ticket::PREFIX, text[ticket::PREFIX.len()..].to_uppercase());
    let (claims, mac) = text.split_once('.').expect("a dot");
    for other in [
        upper,
        text.to_uppercase(),
        format!(" {text}"),
        format!("{text}\n"),
        format!("{text}00"),
        format!("{text}."),
        format!("{text}.{mac}"),
        format!("{claims}..{mac}"),
        format!("{claims}0.{mac}"),
        format!("{claims}.0{mac}"),
        format!("{claims}.{}", &mac[2..]),
        format!("{}.{mac}", "0".repeat(2 * 72)),
        format!("{}{}.{mac}", ticket::PREFIX, "0".repeat(2 * 73)),
        "x".repeat(MAX_TICKET),
        String::new(),
    ] {
        assert_eq!(key().check(&other, now), Err(TicketError::Malformed), "{other}");
    }
    // With no claims at all it has the form, and is nobody's.
    let empty = format!("{}.{mac}", ticket::PREFIX);
    assert_eq!(key().check(&empty, now), Err(TicketError::Forged));
}

#[test]
fn another_secrets_ticket_is_forged() {
    let theirs = Key::from_secret(b"another secret, as long").expect("a secret");
    for claims in all() {
        let text = theirs.mint(&claims).expect("it fits").as_str().to_owned();
        // Neither time nor claims are looked at.
        for now in [0, claims.issued_at_ms, u64::MAX] {
            assert_eq!(key().check(&text, now), Err(TicketError::Forged));
        }
        assert_eq!(read_unchecked(&text), Ok(claims));
    }
}

proptest! {
    #[test]
    fn tickets_come_back(claims in some_claims()) {
        let Ok(minted) = key().mint(&claims) else { return Ok(()) };
        prop_assert!(minted.as_str().len() <= MAX_TICKET);
        prop_assert_eq!(TicketId::of(minted.as_str()), Some(minted.id()));
        prop_assert_eq!(read_unchecked(minted.as_str()), Ok(claims.clone()));
        match key().check(minted.as_str(), claims.issued_at_ms) {
            Ok(checked) => prop_assert_eq!(checked, claims),
            // A time to live of 0, or the end of time.
            Err(error) => prop_assert_eq!(error, TicketError::Expired),
        }
    }

    #[test]
    fn no_text_is_let_in(text in "(cohesix-ticket-)?[0-9a-f.]{0,200}") {
        prop_assert!(key().check(&text, 0).is_err());
    }
}
