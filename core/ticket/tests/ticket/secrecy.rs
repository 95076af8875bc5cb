//! What must not show, and which secrets are taken.

use ticket::{
    ClaimsError, Field, Key, MAX_SECRET, MIN_SECRET, RevokeError, SecretError, TextError,
    TicketError, parse_attach,
};

use crate::claims::{ISSUED, KEY_SECRET, queen};

#[test]
fn nothing_shows_a_key_or_a_ticket() {
    let key = Key::from_secret(KEY_SECRET).expect("a secret");
    let ticket = key.mint(&queen()).expect("it fits");
    let text = ticket.as_str();
    let attaches = [
        ("me", text),
        (text, ""),
        (text, text),
        ("me", &format!("/x{text}")),
        ("", &format!("x{text}")),
    ]
    .map(|(uname, aname)| format!("{:?}", parse_attach(uname, aname)));
    let shown = [format!("{key:?} {ticket:?} {:?} {}", ticket.id(), ticket.id())];
    for shown in shown.iter().chain(&attaches) {
        let digits = text.split_once('.').expect("a dot").1;
        // No run of digits of the ticket or of the key.
        for part in digits.as_bytes().windows(8) {
            assert!(!shown.contains(str::from_utf8(part).expect("ASCII")), "{shown}");
        }
        assert!(!shown.contains("cohesix-ticket-") && !shown.contains("010004"), "{shown}");
    }
    assert_eq!(format!("{key:?}"), "Key(hidden)");
}

#[test]
fn errors_say_what_to_do() {
    let claims = [
        ClaimsError::Version,
        ClaimsError::Role,
        ClaimsError::Flags,
        ClaimsError::Short,
        ClaimsError::Trailing,
        ClaimsError::TooLong(Field::Scopes),
        ClaimsError::TooLong(Field::Subject),
        ClaimsError::Text(Field::Subject, TextError::Empty),
        ClaimsError::Text(Field::Subject, TextError::Long),
        ClaimsError::Text(Field::Service, TextError::Name),
        ClaimsError::Text(Field::At, TextError::Path),
        ClaimsError::Value(Field::Ttl),
        ClaimsError::Value(Field::Quotas),
        ClaimsError::Missing(Field::Ttl),
    ];
    let tickets = [
        TicketError::Malformed,
        TicketError::Forged,
        TicketError::Expired,
        TicketError::NotYetValid,
        TicketError::Revoked,
    ];
    let texts = tickets.into_iter().chain(claims.map(TicketError::Claims)).map(|e| e.to_string());
    let others = [SecretError::Short.to_string(), SecretError::Long.to_string()];
    let others = others.into_iter().chain([RevokeError::Full.to_string()]);
    for text in texts.chain(others) {
        assert!(text.contains(": "), "what is wrong, and what to do: {text}");
        assert!(!text.contains('\n') && text.len() < 200, "{text}");
    }
}

#[test]
fn secrets_are_neither_short_nor_endless() {
    for (length, answer) in [
        (0, Some(SecretError::Short)),
        (MIN_SECRET - 1, Some(SecretError::Short)),
        (MIN_SECRET, None),
        (MAX_SECRET, None),
        (MAX_SECRET + 1, Some(SecretError::Long)),
    ] {
        assert_eq!(Key::from_secret(&vec![b'x'; length]).err(), answer, "{length}");
    }
}

#[test]
fn a_secret_in_a_file_has_no_line_end() {
    let ticket = |bytes: &[u8]| {
        let key = Key::from_secret_file(bytes).expect("a secret");
        key.mint(&queen()).expect("it fits").as_str().to_owned()
    };
    let plain = ticket(KEY_SECRET);
    for end in ["\n", "\r\n"] {
        assert_eq!(ticket(&[KEY_SECRET, end.as_bytes()].concat()), plain);
    }
    // One line end only, and nothing else that may be part of it.
    for end in ["\n\n", " ", "\r"] {
        let other = ticket(&[KEY_SECRET, end.as_bytes()].concat());
        assert_eq!(other != plain, end != "\r", "{end:?}");
    }
    let key = Key::from_secret(KEY_SECRET).expect("a secret");
    assert!(key.check(&plain, ISSUED).is_ok());
    assert_eq!(Key::from_secret_file(b"0123456789abcde\n").err(), Some(SecretError::Short));
}
