//! How the cases get in: the secret of every system under test, and what their tickets claim.

use std::time::SystemTime;

use ticket::{Claims, Role};

/// What the tickets of every system under test are minted with. The simulator is started with it;
/// the VM gets it at boot.
pub const SECRET: &[u8] = b"the secret of the conformance suite";

/// Seconds that the cases' tickets are good.
const TTL_S: u64 = 3600;

/// The claim to be `role`, made now and good for an hour.
#[must_use]
pub fn claims(role: Role) -> Claims {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let mut claims = Claims::new(role, since_1970.as_millis() as u64);
    claims.budget.ttl_s = Some(TTL_S);
    claims
}
