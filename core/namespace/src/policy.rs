//! Who may do what: one table, and what is not in it is denied.

use secure9p_core::{Access, Error, OpenMode};
use ticket::Role;

use crate::gpus::Relation;
use crate::nodes::{File, Fixed, Kind, Part};
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
const QUEEN_OBSERVER_GPU: Roles =
    roles([Role::Queen, Role::Observer, Role::WorkerGpu, Role::GpuBridge]);
const BRIDGES: Roles = roles([Role::GpuBridge]);
const EVERYBODY: Roles = roles(Role::ALL);

impl Roles {
    const fn has(self, role: Role) -> bool {
        self.0 & 1 << role.number() != 0
    }
}

/// Who may read a file, and who may write to it. Who may do one of both may see it.
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
        Fixed::Gpus => (QUEEN_OBSERVER_GPU, NOBODY),
        Fixed::Publish => (NOBODY, BRIDGES),
    }
}

/// Whether `who` may read a file, and whether it may write to it. A worker's own files are its own,
/// and the queen's to see. A GPU's are its bridge's, and those of who has a lease of it or had one:
/// that a job is taken no more is said where it is written.
fn rights(who: Who, file: File, relation: Relation) -> (bool, bool) {
    let queen = who.role == Role::Queen;
    let watches = queen || who.role == Role::Observer;
    let (bridge, tenant) = match who.role {
        Role::GpuBridge => (relation == Relation::Bridge, false),
        Role::WorkerGpu => (false, relation == Relation::Tenant),
        _ => (false, false),
    };
    match file {
        File::Fixed(fixed) => {
            let (read, write) = rules(fixed);
            (read.has(who.role), write.has(who.role))
        }
        File::Worker(worker) => (queen || who.is(worker), false),
        File::Telemetry(worker) => (queen || who.is(worker), who.is(worker)),
        File::Tasks(worker) => (who.role == Role::WorkerGpu && who.is(worker), queen),
        File::Gpu(_) => (watches || tenant || bridge, false),
        File::OfGpu(_, Part::Info) => (watches || tenant, false),
        File::OfGpu(_, Part::Control) => (false, queen),
        File::OfGpu(_, Part::Job) => (bridge, tenant),
        File::OfGpu(_, Part::Status) => (watches || tenant, bridge),
    }
}

impl Who {
    fn is(self, worker: WorkerId) -> bool {
        self.role.is_worker() && self.worker == Some(worker)
    }

    /// Whether it may do that.
    pub fn allow(self, file: File, relation: Relation, access: Access) -> Result<(), Error> {
        let (read, write) = rights(self, file, relation);
        let granted = match access {
            Access::Walk | Access::Stat => read || write,
            Access::Read | Access::List => read,
            Access::Open(OpenMode { read: to_read, write: to_write }) => {
                (!to_read || read) && (!to_write || write)
            }
            Access::Write | Access::SetLength => write,
        };
        if granted { Ok(()) } else { Err(Error::Permission) }
    }

    /// Whether it may know of the file.
    pub fn may_see(self, file: File, relation: Relation) -> bool {
        let (read, write) = rights(self, file, relation);
        read || write
    }

    /// The permission bits as it sees them.
    pub fn permissions(self, file: File, relation: Relation) -> u16 {
        let (may_read, may_write) = rights(self, file, relation);
        let read = if may_read { 0o444 } else { 0 };
        let write = if may_write { 0o222 } else { 0 };
        let search = if file.kind() == Kind::Directory && may_read { 0o111 } else { 0 };
        read | write | search
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use super::*;
    use crate::gpus::DeviceId;

    const READ: Access = Access::Open(OpenMode { read: true, write: false });
    const WRITE: Access = Access::Open(OpenMode { read: false, write: true });
    const BOTH: Access = Access::Open(OpenMode { read: true, write: true });

    const MINE: WorkerId = WorkerId { place: 1, number: 4 };
    const OTHERS: WorkerId = WorkerId { place: 1, number: 5 };

    const GPU: DeviceId = DeviceId { place: 1, number: 4 };

    /// Who may open what, written out: read and write for the queen, a heartbeat worker, a GPU
    /// worker, an observer and a GPU bridge. Of the GPU the worker is a tenant and the bridge its
    /// own.
    const EXPECTED: [(File, &str); 28] = [
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
        (File::Fixed(Fixed::Gpus), "r- -- r- r- r-"),
        (File::Fixed(Fixed::Publish), "-- -- -- -- -w"),
        (File::Worker(MINE), "r- r- r- -- --"),
        (File::Worker(OTHERS), "r- -- -- -- --"),
        (File::Telemetry(MINE), "r- rw rw -- --"),
        (File::Telemetry(OTHERS), "r- -- -- -- --"),
        (File::Tasks(MINE), "-w -- r- -- --"),
        (File::Tasks(OTHERS), "-w -- -- -- --"),
        (File::Gpu(GPU), "r- -- r- r- r-"),
        (File::OfGpu(GPU, Part::Info), "r- -- r- r- --"),
        (File::OfGpu(GPU, Part::Control), "-w -- -- -- --"),
        (File::OfGpu(GPU, Part::Job), "-- -- -w -- r-"),
        (File::OfGpu(GPU, Part::Status), "r- -- r- r- -w"),
    ];

    /// What each role is to the GPU.
    fn relation(role: Role) -> Relation {
        if role == Role::GpuBridge { Relation::Bridge } else { Relation::Tenant }
    }

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
                    (Access::Walk, read || write),
                    (Access::Stat, read || write),
                    (Access::List, read),
                    (Access::Read, read),
                    (Access::Write, write),
                    (Access::SetLength, write),
                ] {
                    let expected = if granted { Ok(()) } else { Err(Error::Permission) };
                    let allowed = who.allow(file, relation(role), access);
                    assert_eq!(allowed, expected, "{what:?} {access:?}");
                }
                assert_eq!(who.may_see(file, relation(role)), read || write, "{what:?}");
                let permissions = who.permissions(file, relation(role));
                assert_eq!(permissions & 0o222 != 0, write, "{what:?}");
                assert_eq!(permissions & 0o444 != 0, read, "{what:?}");
            }
        }
        let fixed = EXPECTED.iter().filter(|(file, _)| matches!(file, File::Fixed(_))).count();
        assert_eq!(fixed, Fixed::all().count());
    }

    #[test]
    fn who_is_no_worker_any_more_has_no_files_of_one() {
        let who = Who { role: Role::WorkerHeartbeat, worker: None };
        for file in [File::Telemetry(MINE), File::Worker(MINE)] {
            assert!(!who.may_see(file, Relation::Stranger));
        }
    }

    #[test]
    fn a_stranger_to_a_gpu_sees_nothing_of_it_and_a_relation_is_no_role() {
        let parts = Part::ALL.map(|part| File::OfGpu(GPU, part));
        for file in parts.into_iter().chain([File::Gpu(GPU)]) {
            for role in [Role::WorkerHeartbeat, Role::WorkerGpu, Role::GpuBridge] {
                let who = Who { role, worker: Some(MINE) };
                let wrong = match role {
                    Role::WorkerGpu => [Relation::Stranger, Relation::Bridge],
                    Role::GpuBridge => [Relation::Stranger, Relation::Tenant],
                    _ => [Relation::Bridge, Relation::Tenant],
                };
                for relation in wrong {
                    assert!(!who.may_see(file, relation), "{file:?} {role:?} {relation:?}");
                }
            }
        }
    }
}
