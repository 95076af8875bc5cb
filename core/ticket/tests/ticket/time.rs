//! When tickets are valid.

use ticket::{Key, MAX_SKEW_MS, Role, TicketError};

use crate::claims::{ISSUED, KEY_SECRET, heartbeat, with_ttl};

#[test]
fn a_ticket_is_valid_from_its_issue_to_its_end() {
    let key = Key::from_secret(KEY_SECRET).expect("a secret");
    let minted = key.mint(&with_ttl(Role::Queen, 60)).expect("it fits");
    let check = |now| key.check(minted.as_str(), now).map(|_| ());
    // Clocks differ a little.
    for (now, answer) in [
        (0, Err(TicketError::NotYetValid)),
        (ISSUED - MAX_SKEW_MS - 1, Err(TicketError::NotYetValid)),
        (ISSUED - MAX_SKEW_MS, Ok(())),
        (ISSUED - 1, Ok(())),
        (ISSUED, Ok(())),
        (ISSUED + 59_999, Ok(())),
        (ISSUED + 60_000, Err(TicketError::Expired)),
        (ISSUED + 60_001, Err(TicketError::Expired)),
        (u64::MAX, Err(TicketError::Expired)),
    ] {
        assert_eq!(check(now), answer, "{now}");
    }
}

#[test]
fn a_workers_ticket_needs_no_end() {
    let mut claims = heartbeat();
    assert_eq!(claims.hold_at(claims.issued_at_ms + 120_000), Err(TicketError::Expired));
    claims.budget.ttl_s = None;
    assert_eq!((claims.expires_at_ms(), claims.hold_at(u64::MAX)), (None, Ok(())));
}

#[test]
fn the_end_of_time_is_no_overflow() {
    let mut claims = heartbeat();
    claims.budget.ttl_s = Some(u64::MAX);
    assert_eq!(claims.expires_at_ms(), Some(u64::MAX));
    assert_eq!(claims.hold_at(u64::MAX - 1), Ok(()));
    assert_eq!(claims.hold_at(u64::MAX), Err(TicketError::Expired));
    claims.issued_at_ms = u64::MAX;
    assert_eq!(claims.hold_at(u64::MAX - MAX_SKEW_MS - 1), Err(TicketError::NotYetValid));
}
