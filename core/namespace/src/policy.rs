//! Who may do what: one table, and what is not in it is denied.

use secure9p_core::{Access, Error, OpenMode};
use ticket::Role;

use crate::nodes::{File, Fixed, Kind};
use crate::workers::WorkerId;

/// Whom a ticket made of somebody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Who {
    /// As what.
    pub role: Role,
    /// The worker that it is; only for the roles of workers.
    pub worker: Option<WorkerId>,
}

/// A set of roles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Roles(u8);

const fn roles<const N: usize>(roles: [Role; N]) -> Roles {
    let mut set = 0;
    let mut index = 0;
    while index < N {
        set |= 1 << roles[index].number();
        index += 1;
    }
    Roles(set)
}

const NOBODY: Roles = roles([]);
const QUEEN: Roles = roles([Role::Queen]);
const QUEEN_OBSERVER: Roles = roles([Role::Queen, Role::Observer]);
const QUEEN_WORKERS: Roles = roles([Role::Queen, Role::WorkerHeartbeat, Role::WorkerGpu]);
const EVERYBODY: Roles = roles(Role::ALL);

impl Roles {
    const fn has(self, role: Role) -> bool {
        self.0 & 1 << role.number() != 0
    }
}

/// Who may see and read a file, and who may write to it.
const fn rules(file: Fixed) -> (Roles, Roles) {
    match file {
        Fixed::Root | Fixed::Proc | Fixed::Boot | Fixed::Own | Fixed::Log => (EVERYBODY, NOBODY),
        Fixed::QueenLog => (EVERYBODY, QUEEN),
        Fixed::Caps | Fixed::Events | Fixed::Memory | Fixed::Sched | Fixed::Sessions => {
            (QUEEN_OBSERVER, NOBODY)
        }
        Fixed::Queen | Fixed::Last => (QUEEN, NOBODY),
        // Commands are written, and read in the log.
        Fixed::Control => (QUEEN, QUEEN),
        Fixed::Workers => (QUEEN_WORKERS, NOBODY),
    }
}

/// Whether `who` may see and read a file, and whether it may write to it. A worker's own files are
/// its own, and the queen's to see.
fn rights(who: Who, file: File) -> (bool, bool) {
    match file {
        File::Fixed(fixed) => {
            let (see, write) = rules(fixed);
            (see.has(who.role), write.has(who.role))
        }
        File::Worker(worker) => (who.role == Role::Queen || who.is(worker), false),
        File::Telemetry(worker) => (who.role == Role::Queen || who.is(worker), who.is(worker)),
    }
}

impl Who {
    fn is(self, worker: WorkerId) -> bool {
        self.role.is_worker() && self.worker == Some(worker)
    }

    /// Whether it may do that.
    pub fn allow(self, file: File, access: Access) -> Result<(), Error> {
        let (see, write) = rights(self, file);
        let granted = match access {
            Access::Walk | Access::Stat | Access::Read | Access::List => see,
            Access::Open(OpenMode { read, write: to_write }) => {
                (!read || see) && (!to_write || write)
            }
            Access::Write | Access::SetLength => write,
        };
        if granted { Ok(()) } else { Err(Error::Permission) }
    }

    /// Whether it may know of the file.
    pub fn may_see(self, file: File) -> bool {
        let (see, write) = rights(self, file);
        see || write
    }

    /// The permission bits as it sees them.
    pub fn permissions(self, file: File) -> u16 {
        let (see, write) = rights(self, file);
        let read = if see { 0o444 } else { 0 };
        let write = if write { 0o222 } else { 0 };
        let search = if file.kind() == Kind::Directory && see { 0o111 } else { 0 };
        read | write | search
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;

    const READ: Access = Access::Open(OpenMode { read: true, write: false });
    const WRITE: Access = Access::Open(OpenMode { read: false, write: true });
    const BOTH: Access = Access::Open(OpenMode { read: true, write: true });

    const MINE: WorkerId = WorkerId { place: 1, number: 4 };
    const OTHERS: WorkerId = WorkerId { place: 1, number: 5 };

    /// Who may open what, written out: read and write for the queen, a heartbeat worker, a GPU
    /// worker, an observer and a GPU bridge.
    const EXPECTED: [(File, &str); 19] = [
        (File::Fixed(Fixed::Root), "r- r- r- r- r-"),
        (File::Fixed(Fixed::Proc), "r- r- r- r- r-"),
        (File::Fixed(Fixed::Boot), "r- r- r- r- r-"),
        (File::Fixed(Fixed::Caps), "r- -- -- r- --"),
        (File::Fixed(Fixed::Events), "r- -- -- r- --"),
        (File::Fixed(Fixed::Memory), "r- -- -- r- --"),
        (File::Fixed(Fixed::Sched), "r- -- -- r- --"),
        (File::Fixed(Fixed::Own), "r- r- r- r- r-"),
        (File::Fixed(Fixed::Sessions), "r- -- -- r- --"),
        (File::Fixed(Fixed::Log), "r- r- r- r- r-"),
        (File::Fixed(Fixed::QueenLog), "rw r- r- r- r-"),
        (File::Fixed(Fixed::Queen), "r- -- -- -- --"),
        (File::Fixed(Fixed::Control), "rw -- -- -- --"),
        (File::Fixed(Fixed::Last), "r- -- -- -- --"),
        (File::Fixed(Fixed::Workers), "r- r- r- -- --"),
        (File::Worker(MINE), "r- r- r- -- --"),
        (File::Worker(OTHERS), "r- -- -- -- --"),
        (File::Telemetry(MINE), "r- rw rw -- --"),
        (File::Telemetry(OTHERS), "r- -- -- -- --"),
    ];

    #[test]
    fn the_table_is_the_one_written_out() {
        for (file, expected) in EXPECTED {
            let rights: Vec<_> = expected.split(' ').collect();
            assert_eq!(rights.len(), Role::ALL.len());
            for (role, rights) in Role::ALL.into_iter().zip(rights) {
                // What is not a worker is none, whatever its ticket names.
                let who = Who { role, worker: Some(MINE) };
                let (read, write) = (rights.starts_with('r'), rights.ends_with('w'));
                let what = (file, role);
                for (access, granted) in [
                    (READ, read),
                    (WRITE, write),
                    (BOTH, read && write),
                    (Access::Walk, read),
                    (Access::Stat, read),
                    (Access::List, read),
                    (Access::Read, read),
                    (Access::Write, write),
                    (Access::SetLength, write),
                ] {
                    let expected = if granted { Ok(()) } else { Err(Error::Permission) };
                    assert_eq!(who.allow(file, access), expected, "{what:?} {access:?}");
                }
                assert_eq!(who.may_see(file), read || write, "{what:?}");
                assert_eq!(who.permissions(file) & 0o222 != 0, write, "{what:?}");
                assert_eq!(who.permissions(file) & 0o444 != 0, read, "{what:?}");
            }
        }
        let fixed = EXPECTED.iter().filter(|(file, _)| matches!(file, File::Fixed(_))).count();
        assert_eq!(fixed, Fixed::all().count());
    }

    #[test]
    fn who_is_no_worker_any_more_has_no_files_of_one() {
        let who = Who { role: Role::WorkerHeartbeat, worker: None };
        assert!(!who.may_see(File::Telemetry(MINE)) && !who.may_see(File::Worker(MINE)));
    }
}
