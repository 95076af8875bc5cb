//! The attaches and claims that the tickets' corpus starts from.

use std::num::{NonZeroU32, NonZeroU64};

use ticket::{Budget, Claims, Key, Mount, Name, PREFIX, Path, Role, Scope, Verb};

use crate::ticket::{NOW, SECRET};

fn claims(role: Role) -> Claims {
    let mut claims = Claims::new(role, NOW - 1000);
    if role.is_worker() {
        claims.subject = Some(Name::new("worker-7").expect("a name"));
    } else {
        claims.budget.ttl_s = Some(60);
    }
    claims
}

fn full() -> Claims {
    let most = Some(u64::MAX);
    Claims {
        budget: Budget { ticks: most, ops: most, ttl_s: most },
        subject: Some(Name::new("worker-1844674407370955").expect("a name")),
        nonce: most,
        ..claims(Role::WorkerGpu)
    }
}

fn mounted() -> Claims {
    let mount = Mount {
        service: Name::new("gpu-bridge").expect("a name"),
        at: Path::new("/gpu").expect("a path"),
    };
    Claims { mount: Some(mount), ..claims(Role::GpuBridge) }
}

fn limited() -> Claims {
    let mut claims = claims(Role::Observer);
    for (path, verb) in [("/log", Verb::Read), ("/", Verb::ReadWrite)] {
        let path = Path::new(path).expect("a path");
        let scope = Scope { path, verb, rate_per_s: NonZeroU32::new(7) };
        claims.scopes.push(scope).expect("there is room");
    }
    claims.quotas.bandwidth_bytes = NonZeroU64::new(1 << 20);
    claims
}

/// Every seed with its name.
#[must_use]
pub fn all() -> Vec<(String, Vec<u8>)> {
    let key = Key::from_secret(SECRET).expect("a secret");
    let mut named: Vec<(String, Claims)> =
        Role::ALL.map(|role| (role.name().to_owned(), claims(role))).to_vec();
    named.extend([("full", full()), ("mounted", mounted()), ("limited", limited())].map(own));
    let expired = Claims { issued_at_ms: 0, ..claims(Role::Queen) };
    let early = Claims { issued_at_ms: NOW + 60_001, ..claims(Role::Queen) };
    named.extend([("expired", expired), ("early", early)].map(own));

    let mut all = Vec::new();
    for (name, claims) in named {
        let ticket = key.mint(&claims).expect("a seed fits");
        let text = ticket.as_str();
        all.push((format!("{name}.claims"), claims.encode().expect("a seed fits").to_vec()));
        all.push((format!("{name}.aname"), format!("me\n{text}").into_bytes()));
    }
    let queen = key.mint(&claims(Role::Queen)).expect("a seed fits");
    let text = queen.as_str();
    for (name, attach) in [
        ("none", "queen\n/".to_owned()),
        ("with-path", format!("me\n{text}/log")),
        ("in-uname", format!("{text}\n/log")),
        ("in-both", format!("{text}\n{text}")),
        ("upper-case", format!("me\n{PREFIX}{}", text[PREFIX.len()..].to_uppercase())),
        ("truncated", format!("me\n{}", &text[..text.len() - 1])),
    ] {
        all.push((name.to_owned(), attach.into_bytes()));
    }
    // Claims that nobody mints: flags for what says nothing, and a byte too much.
    let plain = claims(Role::Observer).encode().expect("a seed fits");
    for (name, flag, behind) in
        [("zero-scopes", 16, 1), ("zero-quotas", 32, 16), ("trailing", 0, 1), ("unknown", 128, 0)]
    {
        let mut bytes = [&plain[..], &[0; 16][..behind]].concat();
        bytes[2] |= flag;
        all.push((name.to_owned(), bytes));
    }
    all
}

fn own((name, claims): (&str, Claims)) -> (String, Claims) {
    (name.to_owned(), claims)
}
