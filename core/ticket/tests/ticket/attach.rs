//! Where an attach carries a ticket.

use proptest::prelude::*;
use ticket::{PREFIX, parse_attach};

#[test]
fn the_ticket_is_found_in_either_name() {
    const TICKET: &str = "cohesix-ticket-00.11";
    let both = format!("{TICKET}/log");
    for (uname, aname, ticket, path, name) in [
        ("", "", None, "", ""),
        ("queen", "", None, "", "queen"),
        ("queen", "/", None, "/", "queen"),
        ("queen", "/log", None, "/log", "queen"),
        ("queen", TICKET, Some(TICKET), "", "queen"),
        ("queen", &both, Some(TICKET), "/log", "queen"),
        ("", "cohesix-ticket-00.11/", Some(TICKET), "/", ""),
        ("", "cohesix-ticket-00.11//a/..", Some(TICKET), "//a/..", ""),
        (TICKET, "", Some(TICKET), "", ""),
        (TICKET, "/log", Some(TICKET), "/log", ""),
        // It cannot have a path behind it, and is then none; but it is taken for none else.
        (&both, "", Some(&*both), "", ""),
        // The tree's counts; the other is nobody's name.
        ("cohesix-ticket-22.33", &both, Some(TICKET), "/log", ""),
        // Not where a ticket belongs, but no name either.
        ("me cohesix-ticket-22.33", "", None, "", ""),
        ("me", "/cohesix-ticket-22.33", None, "/cohesix-ticket-22.33", "me"),
        ("me", PREFIX, Some(PREFIX), "", "me"),
    ] {
        let attach = parse_attach(uname, aname);
        assert_eq!(
            (attach.ticket, attach.path, attach.name),
            (ticket, path, name),
            "{uname} {aname}"
        );
    }
}

proptest! {
    #[test]
    fn nothing_is_lost_and_no_name_is_a_ticket(
        uname in "(me|cohesix-ticket-)?[0-9a-f./]{0,8}",
        aname in "(me|cohesix-ticket-)?[0-9a-f./]{0,8}",
    ) {
        let attach = parse_attach(&uname, &aname);
        prop_assert!(!attach.name.contains(PREFIX));
        let ticket = attach.ticket.unwrap_or_default();
        let joined = format!("{ticket}{}", attach.path);
        prop_assert!(aname == attach.path || aname == joined);
        prop_assert_eq!(attach.ticket.is_some(), ticket.starts_with(PREFIX));
    }
}
