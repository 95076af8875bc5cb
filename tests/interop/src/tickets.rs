//! How the clients get in: the simulator's secret, and tickets of a key.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use ticket::{Claims, Key, Role};

/// What the simulator is started with. A booted system has one of its own.
pub const SECRET: &[u8] = b"the secret of the interop tests";

/// Seconds that a ticket is good.
const TTL_S: u64 = 3600;

/// Of how many tickets there are; each has its number for a nonce.
static MINTED: AtomicU64 = AtomicU64::new(1);

/// A ticket of `role` from now on, which is no other's.
pub fn mint(key: &Key, role: Role) -> String {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let mut claims = Claims::new(role, since_1970.as_millis() as u64);
    claims.budget.ttl_s = Some(TTL_S);
    claims.nonce = Some(MINTED.fetch_add(1, Ordering::Relaxed));
    key.mint(&claims).expect("they fit").as_str().to_owned()
}

/// The same claims under a MAC that differs in its last digit.
pub fn forge(ticket: &str) -> String {
    let (rest, last) = ticket.split_at(ticket.len() - 1);
    format!("{rest}{}", if last == "0" { '1' } else { '0' })
}
