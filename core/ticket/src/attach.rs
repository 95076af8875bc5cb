//! Where a client's attach carries its ticket.

use crate::PREFIX;

/// What an attach says: attach(5).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Attach<'a> {
    /// The ticket, if there is one. It need not be valid, nor have a ticket's form.
    pub ticket: Option<&'a str>,
    /// The tree; "" is the server's own.
    pub path: &'a str,
    /// The user, which is what it calls itself and no more. "" where a ticket stands there.
    pub name: &'a str,
}

impl core::fmt::Debug for Attach<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let Self { ticket, path, name } = self;
        let ticket = ticket.map(|_| "hidden");
        // A client may have put a ticket where none belongs.
        let hide = |text| if carries_ticket(text) { "hidden" } else { text };
        let mut shown = f.debug_struct("Attach");
        shown.field("ticket", &ticket).field("path", &hide(path)).field("name", name).finish()
    }
}

/// Takes an attach's two names apart.
///
/// The ticket stands at the start of `aname`, up to a slash, with which the path begins; else it
/// is `uname`, and `aname` is the path. Where both carry one, `aname`'s counts. A `uname` that has
/// a ticket anywhere is no name.
///
/// ```
/// use ticket::parse_attach;
/// let attach = parse_attach("me", "cohesix-ticket-01.23/log");
/// assert_eq!(attach.ticket, Some("cohesix-ticket-01.23"));
/// assert_eq!((attach.path, attach.name), ("/log", "me"));
/// ```
#[must_use]
pub fn parse_attach<'a>(uname: &'a str, aname: &'a str) -> Attach<'a> {
    let name = if carries_ticket(uname) { "" } else { uname };
    if aname.starts_with(PREFIX) {
        let end = aname.find('/').unwrap_or(aname.len());
        // A slash's place is one.
        let (ticket, path) = aname.split_at_checked(end).unwrap_or((aname, ""));
        return Attach { ticket: Some(ticket), path, name };
    }
    let ticket = Some(uname).filter(|uname| uname.starts_with(PREFIX));
    Attach { ticket, path: aname, name }
}

fn carries_ticket(text: &str) -> bool {
    text.contains(PREFIX)
}
