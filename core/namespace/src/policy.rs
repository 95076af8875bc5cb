//! Who may do what: one table, and what is not in it is denied.

use secure9p_core::{Access, Error, OpenMode};

use crate::nodes::{Kind, Node};

/// What a session is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Controls everything.
    Queen,
    /// A worker process.
    Worker,
    /// Sees, and changes nothing.
    Observer,
}

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Roles(u8);

const NOBODY: Roles = Roles(0);
const QUEEN: Roles = Roles(1);
const QUEEN_OBSERVER: Roles = Roles(1 | 4);
const EVERYBODY: Roles = Roles(1 | 2 | 4);

impl Roles {
    const fn has(self, role: Role) -> bool {
        let bit = match role {
            Role::Queen => 1,
            Role::Worker => 2,
            Role::Observer => 4,
        };
        self.0 & bit != 0
    }
}

/// Who may see and read a file, and who may write to it.
const fn rules(node: Node) -> (Roles, Roles) {
    match node {
        Node::Root | Node::Proc | Node::Boot | Node::Log => (EVERYBODY, NOBODY),
        Node::QueenLog => (EVERYBODY, QUEEN),
        Node::Events | Node::Memory | Node::Sessions => (QUEEN_OBSERVER, NOBODY),
        Node::Queen | Node::Worker => (QUEEN, NOBODY),
        // Commands are written, and read in the log.
        Node::Control => (QUEEN, QUEEN),
    }
}

/// Whether `role` may do that.
pub fn allow(role: Role, node: Node, access: Access) -> Result<(), Error> {
    let (see, write) = rules(node);
    let granted = match access {
        Access::Walk | Access::Stat | Access::Read | Access::List => see.has(role),
        Access::Open(OpenMode { read, write: to_write }) => {
            (!read || see.has(role)) && (!to_write || write.has(role))
        }
        Access::Write | Access::SetLength => write.has(role),
    };
    if granted { Ok(()) } else { Err(Error::Permission) }
}

/// Whether `role` may know of the file at all: what it may not see is not there.
pub fn may_see(role: Role, node: Node) -> bool {
    let (see, write) = rules(node);
    see.has(role) || write.has(role)
}

/// The permission bits as `role` sees them.
pub fn permissions(role: Role, node: Node) -> u16 {
    let (see, write) = rules(node);
    let read = if see.has(role) { 0o444 } else { 0 };
    let write = if write.has(role) { 0o222 } else { 0 };
    let search = if node.kind() == Kind::Directory && see.has(role) { 0o111 } else { 0 };
    read | write | search
}

#[cfg(test)]
mod tests {
    use super::*;

    const READ: Access = Access::Open(OpenMode { read: true, write: false });
    const WRITE: Access = Access::Open(OpenMode { read: false, write: true });

    /// Who may open what, written out: read and write for queen, worker and observer.
    const EXPECTED: [(Node, &str); 11] = [
        (Node::Root, "r- r- r-"),
        (Node::Proc, "r- r- r-"),
        (Node::Boot, "r- r- r-"),
        (Node::Events, "r- -- r-"),
        (Node::Memory, "r- -- r-"),
        (Node::Sessions, "r- -- r-"),
        (Node::Log, "r- r- r-"),
        (Node::QueenLog, "rw r- r-"),
        (Node::Queen, "r- -- --"),
        (Node::Control, "rw -- --"),
        (Node::Worker, "r- -- --"),
    ];

    #[test]
    fn the_table_is_the_one_written_out() {
        for (node, expected) in EXPECTED {
            let roles = [Role::Queen, Role::Worker, Role::Observer];
            for (role, rights) in roles.into_iter().zip(expected.split(' ')) {
                let read = rights.starts_with('r');
                let write = rights.ends_with('w');
                let what = (node, role);
                assert_eq!(allow(role, node, READ).is_ok(), read, "{what:?}");
                assert_eq!(allow(role, node, WRITE).is_ok(), write, "{what:?}");
                assert_eq!(allow(role, node, Access::Read).is_ok(), read, "{what:?}");
                assert_eq!(allow(role, node, Access::Write).is_ok(), write, "{what:?}");
                assert_eq!(may_see(role, node), read || write, "{what:?}");
                assert_eq!(permissions(role, node) & 0o222 != 0, write, "{what:?}");
            }
        }
        assert_eq!(EXPECTED.len(), Node::all().count());
    }
}
