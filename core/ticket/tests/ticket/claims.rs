//! Claims there and back, and what is refused.

use std::num::{NonZeroU32, NonZeroU64};

use proptest::prelude::*;
use ticket::{
    Budget, Claims, ClaimsError, Field, MAX_CLAIMS, MAX_TICKET, MAX_TTL_S, Mount, Name, Path,
    Quotas, Role, Scope, TextError, Verb,
};

pub const KEY_SECRET: &[u8] = b"correct horse battery staple";
pub const ISSUED: u64 = 1_700_000_000_000;

pub fn name(text: &str) -> Name {
    Name::new(text).expect("a name")
}

pub fn path(text: &str) -> Path {
    Path::new(text).expect("a path")
}

pub fn with_ttl(role: Role, ttl_s: u64) -> Claims {
    let mut claims = Claims::new(role, ISSUED);
    claims.budget.ttl_s = Some(ttl_s);
    claims
}

pub fn queen() -> Claims {
    with_ttl(Role::Queen, 86_400)
}

pub fn heartbeat() -> Claims {
    Claims {
        budget: Budget { ticks: Some(100), ops: Some(500), ttl_s: Some(120) },
        subject: Some(name("worker-7")),
        nonce: Some(0x0123_4567_89ab_cdef),
        ..Claims::new(Role::WorkerHeartbeat, ISSUED + 123)
    }
}

/// The longest.
pub fn fullest() -> Claims {
    let most = Some(u64::MAX);
    Claims {
        budget: Budget { ticks: most, ops: most, ttl_s: most },
        subject: Some(name(&"w".repeat(23))),
        nonce: most,
        ..Claims::new(Role::WorkerGpu, u64::MAX - 1)
    }
}

pub fn bridge() -> Claims {
    let mount = Some(Mount { service: name("gpu-bridge"), at: path("/gpu") });
    Claims { mount, ..with_ttl(Role::GpuBridge, 3600) }
}

pub fn observer() -> Claims {
    let mut claims = with_ttl(Role::Observer, 60);
    for (at, verb, rate) in [("/log", Verb::Read, 5), ("/worker", Verb::ReadWrite, 0)] {
        let scope = Scope { path: path(at), verb, rate_per_s: NonZeroU32::new(rate) };
        claims.scopes.push(scope).expect("there is room");
    }
    claims.quotas.bandwidth_bytes = NonZeroU64::new(1 << 20);
    claims.quotas.cursor_resumes = NonZeroU32::new(7);
    claims
}

pub fn encoded(claims: &Claims) -> Vec<u8> {
    claims.encode().expect("they fit").to_vec()
}

#[test]
fn the_longest_claims_fill_the_longest_ticket() {
    let key = ticket::Key::from_secret(KEY_SECRET).expect("a secret");
    assert_eq!(encoded(&fullest()).len(), MAX_CLAIMS);
    assert_eq!(key.mint(&fullest()).expect("it fits").as_str().len(), MAX_TICKET);
}

#[test]
fn roles_have_their_numbers_and_names() {
    let names = ["queen", "worker-heartbeat", "worker-gpu", "observer", "gpu-bridge"];
    for (number, name) in (0..).zip(names) {
        let role = Role::of_number(number).expect("a role");
        assert_eq!((role.number(), role.name(), Role::of_name(name)), (number, name, Some(role)));
    }
    assert_eq!((Role::of_number(5), Role::of_name("Queen")), (None, None));
}

#[test]
fn what_does_not_fit_is_named() {
    let mut claims = fullest();
    claims.mount = Some(Mount { service: name("a"), at: path("/a") });
    assert_eq!(claims.encode(), Err(ClaimsError::TooLong(Field::Nonce)));
    claims.subject = Some(name(&"w".repeat(21)));
    assert_eq!(claims.encode(), Err(ClaimsError::TooLong(Field::Nonce)));
    claims.subject = Some(name(&"w".repeat(20)));
    assert!(claims.encode().is_ok());
    claims.mount = Some(Mount { service: name(&"s".repeat(20)), at: path("/a") });
    assert_eq!(claims.encode(), Err(ClaimsError::TooLong(Field::Service)));
    let text = ClaimsError::TooLong(Field::Nonce).to_string();
    assert!(text.contains("nonce") && text.contains("72 bytes"), "{text}");
    let mut claims = Claims { nonce: None, ..fullest() };
    claims.scopes.push(observer().scopes[0].clone()).expect("there is room");
    assert_eq!(claims.encode(), Err(ClaimsError::TooLong(Field::Scopes)));
    let quotas = observer().quotas;
    let claims = Claims { quotas, nonce: None, ..fullest() };
    assert_eq!(claims.encode(), Err(ClaimsError::TooLong(Field::Quotas)));
    let at = path("/abcdefghijklmnopqrstuv");
    let mount = Some(Mount { service: name("gpu"), at });
    assert_eq!(
        Claims { mount, nonce: None, ..fullest() }.encode(),
        Err(ClaimsError::TooLong(Field::At))
    );
}

#[test]
fn roles_need_a_worker_or_an_end() {
    let missing = |claims: Claims| claims.encode().expect_err("something is missing");
    for role in Role::ALL {
        let bare = Claims::new(role, ISSUED);
        let field = if role.is_worker() { Field::Subject } else { Field::Ttl };
        assert_eq!(missing(bare), ClaimsError::Missing(field), "{role}");
    }
    for ttl_s in [0, MAX_TTL_S + 1, u64::MAX] {
        assert_eq!(missing(with_ttl(Role::Queen, ttl_s)), ClaimsError::Value(Field::Ttl));
    }
    assert!(with_ttl(Role::Queen, MAX_TTL_S).encode().is_ok());
    // Nobody can mint them otherwise, and nobody is let in with them.
    let mut bytes = encoded(&queen());
    bytes.drain(3..11);
    bytes[2] = 0;
    assert_eq!(Claims::decode(&bytes), Err(ClaimsError::Missing(Field::Ttl)));
}

/// Claims of an observer without anything, in pieces, to be put together wrongly.
fn assemble(head: [u8; 3], subject: &[u8], mount: &[u8], rest: &[u8]) -> Vec<u8> {
    let ttl = 60u64.to_le_bytes();
    [&head, &ttl[..], subject, &ISSUED.to_le_bytes(), mount, rest].concat()
}

/// No mount.
const NONE: &[u8] = &[0, 0, 0, 0];

fn wrong(head: [u8; 3], subject: &[u8], mount: &[u8], rest: &[u8]) -> ClaimsError {
    Claims::decode(&assemble(head, subject, mount, rest)).expect_err("refused")
}

#[test]
fn unknown_numbers_and_lengths_are_refused() {
    let plain = Claims::decode(&assemble([1, 3, 4], b"", NONE, b""));
    assert_eq!(plain, Ok(with_ttl(Role::Observer, 60)));
    for version in [0, 2, 255] {
        assert_eq!(wrong([version, 3, 4], b"", NONE, b""), ClaimsError::Version);
    }
    for role in 5..=255 {
        assert_eq!(wrong([1, role, 4], b"", NONE, b""), ClaimsError::Role);
    }
    assert_eq!(wrong([1, 3, 4 | 128], b"", NONE, b""), ClaimsError::Flags);
    assert_eq!(wrong([1, 3, 4], b"", NONE, b"\0"), ClaimsError::Trailing);
    assert_eq!(wrong([1, 3, 4], b"", NONE, &[0; 100]), ClaimsError::Trailing);
    for flag in [1, 2, 8, 16, 32, 64] {
        assert_eq!(wrong([1, 3, 4 | flag], b"", NONE, b""), ClaimsError::Short, "{flag}");
    }
}

#[test]
fn texts_that_are_none_are_refused() {
    use ClaimsError::Text;
    let long = [&[24, 0][..], &[b'a'; 24]].concat();
    for (subject, error) in [
        (&[0, 0][..], TextError::Empty),
        (b"\x01\0/", TextError::Name),
        (b"\x01\0\xff", TextError::Name),
        (&long, TextError::Long),
    ] {
        assert_eq!(wrong([1, 3, 12], subject, NONE, b""), Text(Field::Subject, error));
    }
    assert_eq!(wrong([1, 3, 12], b"\xff\xffab", NONE, b""), ClaimsError::Short);
    for (mount, field, error) in [
        (&b"\x01\0a\0\0"[..], Field::At, TextError::Empty),
        (b"\0\0\x02\0/a", Field::Service, TextError::Empty),
        (b"\x01\0a\x01\0a", Field::At, TextError::Path),
    ] {
        assert_eq!(wrong([1, 3, 4], b"", mount, b""), Text(field, error));
    }
}

#[test]
fn scopes_and_quotas_that_say_nothing_are_refused() {
    let scope = b"\x02\0/a\x02\0\0\0\0";
    let one = assemble([1, 3, 20], b"", NONE, &[b"\x01", &scope[..]].concat());
    assert!(Claims::decode(&one).is_ok());
    for count in [0, 5] {
        let scopes = [&[count], &scope[..], scope, scope, scope].concat();
        assert_eq!(wrong([1, 3, 20], b"", NONE, &scopes), ClaimsError::Value(Field::Scopes));
    }
    let verb = b"\x01\x02\0/a\x03\0\0\0\0";
    assert_eq!(wrong([1, 3, 20], b"", NONE, verb), ClaimsError::Value(Field::Scopes));
    let empty = b"\x01\0\0\0\0\0\0\0";
    let empty = wrong([1, 3, 20], b"", NONE, empty);
    assert_eq!(empty, ClaimsError::Text(Field::Scopes, TextError::Empty));
    assert_eq!(wrong([1, 3, 36], b"", NONE, &[0; 16]), ClaimsError::Value(Field::Quotas));
}

#[test]
fn claims_that_end_early_are_refused() {
    for claims in [queen(), heartbeat(), fullest(), bridge(), observer()] {
        let bytes = encoded(&claims);
        for length in 0..bytes.len() {
            assert_eq!(Claims::decode(&bytes[..length]), Err(ClaimsError::Short), "{length}");
        }
    }
}

fn some_scope() -> impl Strategy<Value = Scope> {
    let verb = prop_oneof![Just(Verb::Read), Just(Verb::Write), Just(Verb::ReadWrite)];
    ("(/[a-z0-9]{1,6}){1,2}", verb, any::<u32>()).prop_map(|(at, verb, rate)| Scope {
        path: path(&at),
        verb,
        rate_per_s: NonZeroU32::new(rate),
    })
}

fn some_quotas() -> impl Strategy<Value = Quotas> {
    (0u64..3, 0u32..3, 0u32..3).prop_map(|(bandwidth, resumes, advances)| Quotas {
        bandwidth_bytes: NonZeroU64::new(bandwidth),
        cursor_resumes: NonZeroU32::new(resumes),
        cursor_advances: NonZeroU32::new(advances),
    })
}

prop_compose! {
    /// Any claims, also such as do not fit or lack something.
    pub fn some_claims()(
        number in 0u8..5,
        (ticks, ops, ttl_s) in any::<(Option<u64>, Option<u64>, Option<u64>)>(),
        short_ttl in proptest::option::of(0..MAX_TTL_S),
        subject in proptest::option::of("[a-zA-Z0-9][a-zA-Z0-9._-]{0,22}"),
        mount in proptest::option::of(("[a-z][a-z0-9-]{0,10}", "(/[a-z0-9]{1,6}){1,2}")),
        scopes in proptest::collection::vec(some_scope(), 0..4),
        quotas in prop_oneof![Just(Quotas::default()), some_quotas()],
        nonce in any::<Option<u64>>(),
        issued_at_ms in any::<u64>(),
    ) -> Claims {
        Claims {
            role: Role::of_number(number).expect("a role"),
            budget: Budget { ticks, ops, ttl_s: short_ttl.or(ttl_s) },
            subject: subject.as_deref().map(name),
            issued_at_ms,
            mount: mount.map(|(service, at)| Mount { service: name(&service), at: path(&at) }),
            scopes: scopes.into_iter().collect(),
            quotas,
            nonce,
        }
    }
}

proptest! {
    #[test]
    fn claims_come_back(claims in some_claims()) {
        match claims.encode() {
            Ok(bytes) => prop_assert_eq!(Claims::decode(&bytes), Ok(claims)),
            Err(ClaimsError::TooLong(_) | ClaimsError::Missing(_) | ClaimsError::Value(Field::Ttl)) => {}
            Err(error) => prop_assert!(false, "{:?}", error),
        }
    }

    #[test]
    fn bytes_come_back(claims in some_claims(), at in 0usize..72, with in any::<u8>()) {
        let Ok(mut bytes) = claims.encode() else { return Ok(()) };
        if let Some(byte) = bytes.get_mut(at) {
            *byte = with;
        }
        if let Ok(other) = Claims::decode(&bytes) {
            prop_assert_eq!(other.encode().expect("decoded"), bytes);
        }
    }

    #[test]
    fn any_bytes_are_refused_or_come_back(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
        if let Ok(claims) = Claims::decode(&bytes) {
            prop_assert_eq!(encoded(&claims), bytes);
        }
    }
}
