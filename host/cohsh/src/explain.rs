//! What to do next where an error's number says little: which ticket is missing, whether a session
//! has ended, and why.

use std::time::{SystemTime, UNIX_EPOCH};

use client::{Errno, Who};
use ticket::{Claims, Role, TicketError, TicketId, parse_attach, read_unchecked};

use crate::command::Command;
use crate::control::Order;
use crate::failure::Failure;
use crate::gpu::Gpu;
use crate::help;
use crate::session::Hive;
use crate::utc::utc;
use crate::whoami::Identity;

/// How a ticket is made and given.
const MINT: &str = "`cohsh ticket mint --secret-file SECRET --role queen --out FILE` makes one, \
                    and --ticket-file FILE or `attach FILE` gives it";

/// Milliseconds since 1970, as far as this machine knows.
fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// A refused attach, and what may be wrong with the ticket. The hive answers the same for every bad
/// one, so what is told here is what can be seen here.
pub(crate) fn attach(failure: Failure, who: &Who) -> Failure {
    match failure.errno() {
        Some(Errno::EACCES | Errno::EPERM) => {
            let ticket = parse_attach(&who.uname, &who.aname).ticket;
            failure.advised(ticket.map_or_else(
                || format!("the hive lets nobody in without a ticket: {MINT}"),
                |ticket| of_ticket(ticket, now_ms()),
            ))
        }
        Some(Errno::EBUSY | Errno::EAGAIN | Errno::EMFILE) => {
            failure.advised("there are as many sessions as can be: end one, then repeat")
        }
        Some(Errno::ENOENT | Errno::ENOTDIR) => failure.advised("give another tree by --aname"),
        _ => failure,
    }
}

/// What to do about a ticket that the hive does not take.
fn of_ticket(ticket: &str, now_ms: u64) -> String {
    let claims = match read_unchecked(ticket) {
        Ok(claims) => claims,
        Err(error) => return error.to_string(),
    };
    let Claims { role, subject, .. } = &claims;
    match claims.hold_at(now_ms) {
        Err(TicketError::Expired) => {
            let end = claims.expires_at_ms().map_or_else(String::new, utc);
            format!("the ticket has expired at {end}: {MINT}")
        }
        Err(error) => error.to_string(),
        Ok(()) if role.is_worker() => {
            let worker = subject.as_ref().map_or("its worker".into(), ToString::to_string);
            format!(
                "the ticket is {worker}'s and good only while that lives, in the hive whose secret \
                 minted it"
            )
        }
        Ok(()) => {
            let id = TicketId::of(ticket).map_or_else(String::new, |id| format!(" {id}"));
            format!(
                "the ticket{id} is of another secret, or was revoked (a queen sees which in \
                 /log/queen.log): {MINT}"
            )
        }
    }
}

/// What becomes of a session's failure.
pub(crate) enum Verdict {
    /// The session goes on.
    Goes(Failure),
    /// The session is over, and with it its connection.
    Ended(Failure),
}

/// A failure of a command, and what is behind it.
pub(crate) fn command(failure: Failure, hive: &mut Hive, who: &Who, command: &Command) -> Verdict {
    match failure.errno() {
        Some(Errno::EACCES) if failure.is_bare() => {
            let role = Identity::of(hive).ok().and_then(|identity| identity.role());
            Verdict::Goes(match role {
                Some(role) => failure.advised(forbidden(role, command)),
                None => failure,
            })
        }
        Some(Errno::EBADF | Errno::ESTALE) if is_over(hive) => {
            Verdict::Ended(failure.advised(format!("the session has ended: {}", end(who))))
        }
        Some(Errno::EBADF | Errno::ESTALE) if failure.is_bare() => {
            Verdict::Goes(failure.advised("its worker has ended; /log/queen.log says why"))
        }
        _ => Verdict::Goes(failure),
    }
}

/// Whether not even the root can be asked for any more.
pub(crate) fn is_over(hive: &mut Hive) -> bool {
    let asked = hive.with_file("/", |hive, root| hive.getattr(root));
    matches!(asked, Err(client::Error::Refused(Errno::EBADF | Errno::ESTALE)))
}

/// Why a session has ended, as far as it can be seen here.
fn end(who: &Who) -> String {
    let ticket = parse_attach(&who.uname, &who.aname).ticket;
    let claims = ticket.and_then(|ticket| read_unchecked(ticket).ok());
    match claims {
        Some(claims) if claims.hold_at(now_ms()) == Err(TicketError::Expired) => {
            let end = claims.expires_at_ms().map_or_else(String::new, utc);
            format!("its ticket has expired at {end}; {MINT}")
        }
        _ => "its ticket was revoked or is spent, or its worker has ended; a queen sees which in \
              /log/queen.log"
            .into(),
    }
}

/// What is to be done about what this role may not do.
fn forbidden(role: Role, command: &Command) -> String {
    let session = format!("this session is {}", help::of(role));
    let missing = match command {
        Command::Order(order) | Command::Gpu(Gpu::Lease(order)) => missing(order, role),
        Command::Gpu(Gpu::Run(_)) if role != Role::Queen => Some(Role::Queen),
        _ => None,
    };
    match missing {
        Some(missing) => format!(
            "{session}, and this takes {}: give such a ticket by --ticket-file",
            help::of(missing)
        ),
        None if role == Role::Queen => {
            format!("{session}, who may not do that here; `stat` shows what it may do")
        }
        None => format!(
            "{session}; `help` and `stat` show what it may do, and --ticket-file gives the ticket \
             of another role"
        ),
    }
}

/// The role that may write the order, if this one may not.
fn missing(order: &Order, role: Role) -> Option<Role> {
    let mut may = order.form().issuers.iter().copied().map(help::issuer);
    let first = may.clone().next();
    if may.any(|other| other == role) { None } else { first }
}

#[cfg(test)]
mod tests {
    use ticket::Key;

    use super::*;

    #[test]
    fn what_is_wrong_with_a_ticket_is_told_as_far_as_it_is_seen() {
        let key = Key::from_secret(&[7; 16]).expect("a secret");
        let mut claims = Claims::new(Role::Queen, 1_000_000);
        claims.budget.ttl_s = Some(60);
        let ticket = key.mint(&claims).expect("it fits");
        for (now_ms, says) in [
            (1_030_000, " is of another secret, or was revoked"),
            (1_060_000, "the ticket has expired at 1970-01-01T00:17:40Z: `cohsh ticket mint"),
            (100_000, "the ticket is not valid yet"),
        ] {
            let advice = of_ticket(ticket.as_str(), now_ms);
            assert!(advice.contains(says) && !advice.contains(ticket::PREFIX), "{advice}");
        }
        assert!(of_ticket("cohesix-ticket-00.11", 0).contains("mint"));
    }
}
