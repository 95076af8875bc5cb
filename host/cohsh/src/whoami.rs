//! As what a session attached: `/proc/self`, which each session reads of itself.

use std::fmt::Write as _;

use serde_json::{Value, json};
use ticket::Role;

use crate::failure::{Failure, Result};
use crate::files;
use crate::output::Output;
use crate::session::Hive;

/// Where a session reads of itself: `role=queen ticket=… user=…`.
const OWN: &str = "/proc/self";

/// What is said of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Identity {
    role: String,
    ticket: Option<String>,
    worker: Option<String>,
    ttl_left_s: Option<u64>,
    ops_left: Option<u64>,
    user: Option<String>,
}

impl Identity {
    /// What the hive says of this session.
    pub fn of(hive: &mut Hive) -> Result<Self> {
        let bytes = files::read_whole(hive, OWN).map_err(|failure| failure.at(OWN))?;
        let text = String::from_utf8_lossy(&bytes);
        Self::parse(&text).ok_or_else(|| {
            Failure::usage("says no role: connect to a hive of this version").at(OWN)
        })
    }

    /// What stands in the line; fields of later versions are passed over.
    fn parse(text: &str) -> Option<Self> {
        let mut identity = Self::default();
        for (name, value) in text.split_whitespace().filter_map(|word| word.split_once('=')) {
            let text = || Some(value.to_owned()).filter(|value| !value.is_empty());
            match name {
                "role" => identity.role = value.to_owned(),
                "ticket" => identity.ticket = text(),
                "worker" => identity.worker = text(),
                "ttl_left_s" => identity.ttl_left_s = value.parse().ok(),
                "ops_left" => identity.ops_left = value.parse().ok(),
                "user" => identity.user = text(),
                _ => {}
            }
        }
        Some(identity).filter(|identity| !identity.role.is_empty())
    }

    /// The role, if it is known here.
    pub fn role(&self) -> Option<Role> {
        Role::of_name(&self.role)
    }

    fn object(&self) -> Value {
        let Self { role, ticket, worker, ttl_left_s, ops_left, user } = self;
        json!({
            "role": role,
            "ticket": ticket,
            "worker": worker,
            "ttl_left_s": ttl_left_s,
            "ops_left": ops_left,
            "user": user,
        })
    }

    /// For people: only what there is.
    fn lines(&self) -> String {
        let Self { role, ticket, worker, ttl_left_s, ops_left, user } = self;
        let mut lines = String::new();
        let mut line = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                // Cannot fail: it is a string.
                let _ = writeln!(lines, "{name:<9}{value}");
            }
        };
        line("role", Some(role.clone()));
        line("ticket", ticket.clone());
        line("worker", worker.clone());
        line("user", user.clone());
        line("ttl left", ttl_left_s.map(|left| format!("{left} s")));
        line("ops left", ops_left.map(|left| left.to_string()));
        lines
    }
}

/// Shows as what this session attached.
pub(crate) fn show(hive: &mut Hive, output: &mut Output) -> Result<()> {
    let identity = Identity::of(hive)?;
    match output.is_json() {
        true => output.object(&identity.object()),
        false => {
            let lines: Vec<_> = identity.lines().lines().map(|line| output.name(line)).collect();
            output.text(&(lines.join("\n") + "\n"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_taken_apart() {
        let line = "role=worker-heartbeat ticket=00ff worker=worker-7 ttl_left_s=12         \
                    ops_left=3          later=x user=me\n";
        let identity = Identity::parse(line).expect("a role");
        assert_eq!(identity.role(), Some(Role::WorkerHeartbeat));
        assert_eq!(
            identity.lines(),
            "role     worker-heartbeat\nticket   00ff\nworker   worker-7\nuser     me\n\
             ttl left 12 s\nops left 3\n"
        );
        let bare = Identity::parse("role=later user=\n").expect("a role");
        assert_eq!((bare.role(), bare.user, bare.ops_left), (None, None, None));
        assert_eq!(Identity::parse("user=me\n"), None);
    }
}
