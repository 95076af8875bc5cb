//! Tickets that the queen revokes.

use ticket::{Claims, Key, RevokeError, Revoked, Role, Ticket, TicketError};

use crate::claims::{ISSUED, KEY_SECRET, heartbeat, with_ttl};

fn key() -> Key {
    Key::from_secret(KEY_SECRET).expect("a secret")
}

/// An observer's ticket that differs from others by `nonce`.
fn minted(ttl_s: u64, nonce: u64) -> (Claims, Ticket) {
    let claims = Claims { nonce: Some(nonce), ..with_ttl(Role::Observer, ttl_s) };
    let ticket = key().mint(&claims).expect("it fits");
    (claims, ticket)
}

#[test]
fn what_is_revoked_is_not_admitted_and_all_else_is() {
    let mut revoked = Revoked::<4>::new();
    let ((claims, ticket), (_, other)) = (minted(60, 1), minted(60, 2));
    let admitted = key().admit(ticket.as_str(), ISSUED, &revoked).expect("valid");
    assert_eq!((admitted.id, &admitted.claims), (ticket.id(), &claims));
    assert!(revoked.is_empty());
    for _ in 0..2 {
        revoked.revoke(admitted.id, &admitted.claims, ISSUED).expect("there is room");
        assert_eq!(revoked.len(), 1);
    }
    let refused = key().admit(ticket.as_str(), ISSUED, &revoked);
    assert_eq!(refused, Err(TicketError::Revoked));
    assert!(key().admit(other.as_str(), ISSUED, &revoked).is_ok());
}

#[test]
fn a_full_set_says_so_and_empties_with_time() {
    let mut revoked = Revoked::<2>::new();
    for (ttl_s, nonce) in [(60, 1), (120, 2)] {
        let (claims, ticket) = minted(ttl_s, nonce);
        revoked.revoke(ticket.id(), &claims, ISSUED).expect("there is room");
    }
    let (claims, third) = minted(120, 3);
    let full = revoked.revoke(third.id(), &claims, ISSUED + 59_999);
    assert_eq!((full, revoked.len()), (Err(RevokeError::Full), 2));
    assert!(key().admit(third.as_str(), ISSUED, &revoked).is_ok());
    // The first has expired.
    revoked.revoke(third.id(), &claims, ISSUED + 60_000).expect("there is room");
    assert_eq!(revoked.len(), 2);
    assert!(key().admit(third.as_str(), ISSUED, &revoked).is_err());
    revoked.forget_expired(ISSUED + 120_000);
    assert!(revoked.is_empty());
    // What has expired takes no room.
    revoked.revoke(third.id(), &claims, ISSUED + 120_000).expect("nothing to do");
    assert!(revoked.is_empty());
}

#[test]
fn a_full_set_does_not_keep_the_queen_from_revoking() {
    let mut revoked = Revoked::<1>::new();
    let ((claims, ticket), (_, other)) = (minted(60, 1), minted(60, 2));
    revoked.revoke(ticket.id(), &claims, ISSUED).expect("there is room");
    revoked.revoke_before(ISSUED);
    assert!(key().admit(other.as_str(), ISSUED, &revoked).is_ok(), "issued then, not before");
    assert_eq!(revoked.len(), 1);
    revoked.revoke_before(ISSUED + 1);
    // An earlier time takes nothing back.
    revoked.revoke_before(0);
    assert!(revoked.is_empty(), "its room is free again");
    for text in [ticket.as_str(), other.as_str()] {
        let refused = key().admit(text, ISSUED, &revoked);
        assert_eq!(refused, Err(TicketError::Revoked));
    }
    // New tickets are let in, and workers die with their processes only.
    let later = Claims { issued_at_ms: ISSUED + 1, ..claims };
    let later = key().mint(&later).expect("it fits");
    assert!(key().admit(later.as_str(), ISSUED + 1, &revoked).is_ok());
    let worker = Claims { issued_at_ms: ISSUED - 1, ..heartbeat() };
    let worker = key().mint(&worker).expect("it fits");
    assert!(key().admit(worker.as_str(), ISSUED, &revoked).is_ok());
}

#[test]
fn a_workers_ticket_is_revoked_by_killing_it() {
    let mut revoked = Revoked::<1>::new();
    let ticket = key().mint(&heartbeat()).expect("it fits");
    let answer = revoked.revoke(ticket.id(), &heartbeat(), ISSUED);
    assert_eq!((answer, revoked.len()), (Err(RevokeError::Worker), 0));
    assert!(RevokeError::Worker.to_string().contains("kill"));
}
