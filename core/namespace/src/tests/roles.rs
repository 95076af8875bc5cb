//! Every role, every path, every operation, against a table that is written out here.

use std::format;

use secure9p_codec::Name;
use secure9p_core::{Access, AccessPolicy, Tree};
use ticket::Role;

use super::super::*;
use super::world::{BOTH, READ, User, WRITE, World};

/// Who a line's columns are about.
const WHO: [&str; 8] = [
    "queen",
    "worker 1",
    "its ticket elsewhere",
    "observer",
    "gpu-bridge of GPU-0",
    "another bridge",
    "GPU worker 3",
    "GPU worker 4, whose lease has ended",
];

/// For each path what each of [`WHO`] may do: `r` read or list, `w` write, `-` neither but it is
/// there, `x` not even walk to it (permission denied), `0` it is not there, `c` written to before
/// but closed now.
const TABLE: [(&str, [&str; 8]); 38] = [
    ("/", ["r", "r", "r", "r", "r", "r", "r", "r"]),
    ("/proc", ["r", "r", "r", "r", "r", "r", "r", "r"]),
    ("/proc/boot", ["r", "r", "r", "r", "r", "r", "r", "r"]),
    ("/proc/caps", ["r", "x", "x", "r", "x", "x", "x", "x"]),
    ("/proc/events", ["r", "x", "x", "r", "x", "x", "x", "x"]),
    ("/proc/mem", ["r", "x", "x", "r", "x", "x", "x", "x"]),
    ("/proc/sched", ["r", "x", "x", "r", "x", "x", "x", "x"]),
    ("/proc/self", ["r", "r", "r", "r", "r", "r", "r", "r"]),
    ("/proc/sessions", ["r", "x", "x", "r", "x", "x", "x", "x"]),
    ("/log", ["r", "r", "r", "r", "r", "r", "r", "r"]),
    ("/log/queen.log", ["rw", "r", "r", "r", "r", "r", "r", "r"]),
    ("/queen", ["r", "x", "x", "x", "x", "x", "x", "x"]),
    ("/queen/ctl", ["rw", "x", "x", "x", "x", "x", "x", "x"]),
    ("/queen/last", ["r", "x", "x", "x", "x", "x", "x", "x"]),
    ("/worker", ["r", "r", "r", "x", "x", "x", "r", "r"]),
    ("/worker/self", ["0", "r", "r", "x", "x", "x", "r", "r"]),
    ("/worker/self/telemetry", ["0", "rw", "rw", "x", "x", "x", "rw", "rw"]),
    ("/worker/self/tasks", ["0", "0", "0", "x", "x", "x", "r", "r"]),
    ("/worker/worker-1", ["r", "r", "r", "x", "x", "x", "x", "x"]),
    ("/worker/worker-1/telemetry", ["r", "rw", "rw", "x", "x", "x", "x", "x"]),
    ("/worker/worker-1/tasks", ["0", "0", "0", "x", "x", "x", "x", "x"]),
    ("/worker/worker-2/telemetry", ["r", "x", "x", "x", "x", "x", "x", "x"]),
    ("/worker/worker-3", ["r", "x", "x", "x", "x", "x", "r", "x"]),
    ("/worker/worker-3/telemetry", ["r", "x", "x", "x", "x", "x", "rw", "x"]),
    ("/worker/worker-3/tasks", ["w", "x", "x", "x", "x", "x", "r", "x"]),
    ("/worker/worker-4/tasks", ["w", "x", "x", "x", "x", "x", "x", "r"]),
    // To a worker who is not there is like who is not to be seen.
    ("/worker/worker-77", ["0", "x", "x", "x", "x", "x", "x", "x"]),
    ("/gpu", ["r", "x", "x", "r", "r", "r", "r", "r"]),
    ("/gpu/publish", ["x", "x", "x", "x", "w", "w", "x", "x"]),
    ("/gpu/GPU-0", ["r", "x", "x", "r", "r", "x", "r", "r"]),
    ("/gpu/GPU-0/ctl", ["w", "x", "x", "x", "x", "x", "x", "x"]),
    ("/gpu/GPU-0/info", ["r", "x", "x", "r", "x", "x", "r", "r"]),
    ("/gpu/GPU-0/job", ["x", "x", "x", "x", "r", "x", "w", "c"]),
    ("/gpu/GPU-0/status", ["r", "x", "x", "r", "w", "x", "r", "r"]),
    ("/gpu/GPU-1", ["r", "x", "x", "r", "x", "r", "x", "x"]),
    ("/gpu/GPU-1/info", ["r", "x", "x", "r", "x", "x", "x", "x"]),
    ("/gpu/GPU-7", ["0", "x", "x", "0", "0", "0", "x", "x"]),
    ("/nothing", ["0", "0", "0", "0", "0", "0", "0", "0"]),
];

fn users(world: &mut World) -> [User; 8] {
    let queen = world.queen();
    let (worker, own) = world.worker(queen);
    world.worker(queen);
    let ticket = world.worker_ticket(worker);
    let elsewhere = world.try_attach(&ticket).expect("let in");
    let bridge = world.bridge("GPU-0");
    let another = world.bridge("GPU-1");
    let holder = world.gpu_worker(queen, "GPU-0", 60);
    let former = world.gpu_worker(queen, "GPU-0", 60);
    world.append(queen, "/gpu/GPU-0/ctl", b"RELEASE worker-4\n").expect("released");
    let observer = world.attach(Role::Observer);
    [queen, own, elsewhere, observer, bridge, another, holder.1, former.1]
}

#[test]
fn each_role_may_do_what_the_table_says() {
    let mut world = World::with_places(6);
    world.tree.host_mut().limits.default.ops = 2000;
    let users = users(&mut world);
    for (path, rights) in TABLE {
        for ((user, rights), who) in users.into_iter().zip(rights).zip(WHO) {
            let what = format!("{who} {path} {rights}");
            let found = world.find(user, path);
            match rights {
                "0" => assert_eq!(found, Err(Error::NotFound), "{what}"),
                "x" => assert_eq!(found, Err(Error::Permission), "{what}"),
                _ => check(&mut world, user, found.expect(&what), rights, &what),
            }
        }
    }
}

fn check(world: &mut World, user: User, node: Node, rights: &str, what: &str) {
    let (read, write) = (rights.contains('r'), rights.contains(['w', 'c']));
    let granted = |granted: bool| if granted { Ok(()) } else { Err(Error::Permission) };
    let closed = |granted: Result<(), Error>| match granted {
        Ok(()) if rights == "c" => Err(Error::Closed),
        granted => granted,
    };
    for (mode, allowed) in [(READ, read), (WRITE, write), (BOTH, read && write)] {
        let opened = world.open(user, node, mode);
        assert_eq!(
            opened.as_ref().map(|_| ()).map_err(|error| *error),
            closed(granted(allowed)),
            "{what}"
        );
        if let Ok(open) = opened {
            world.tree.close(user.session, node, open);
        }
    }
    for (access, expected) in [
        (Access::Walk, granted(true)),
        (Access::Stat, granted(true)),
        (Access::List, granted(read)),
        (Access::Read, granted(read)),
        (Access::Write, closed(granted(write))),
        (Access::SetLength, closed(granted(write))),
    ] {
        assert_eq!(world.tree.allow(user.session, node, access), expected, "{what} {access:?}");
    }
    let permissions = world.stat_of(user, node).expect(what).permissions;
    let directory = node.file.kind() == nodes::Kind::Directory;
    assert_eq!((permissions & 0o444 != 0, permissions & 0o222 != 0), (read, write), "{what}");
    assert_eq!(permissions & 0o111 != 0, directory && read, "{what}");
}

/// What is listed is exactly what the table lets one walk to.
#[test]
fn listings_show_what_can_be_walked_to_and_nothing_else() {
    let mut world = World::with_places(6);
    world.tree.host_mut().limits.default.ops = 2000;
    let users = users(&mut world);
    for (index, (user, who)) in users.into_iter().zip(WHO).enumerate() {
        for (directory, of_directory) in TABLE {
            if of_directory[index].contains(['x', '0']) || !is_directory(directory) {
                continue;
            }
            let mut listed = world.list(user, directory).expect("listed");
            listed.sort();
            let prefix = format!("{}/", directory.trim_end_matches('/'));
            let mut expected: std::vec::Vec<_> = TABLE
                .iter()
                .filter(|(_, rights)| !rights[index].contains(['x', '0']))
                .filter_map(|(path, _)| path.strip_prefix(&prefix))
                .map(|rest| rest.split('/').next().expect("a name"))
                .filter(|name| !name.is_empty())
                .collect();
            expected.sort();
            expected.dedup();
            assert_eq!(listed, expected, "{who} {directory}");
        }
    }
}

fn is_directory(path: &str) -> bool {
    path.rsplit('/').next().is_none_or(|name| {
        matches!(
            name,
            "" | "proc"
                | "log"
                | "queen"
                | "worker"
                | "self"
                | "worker-1"
                | "worker-3"
                | "gpu"
                | "GPU-0"
        ) && path != "/proc/self"
    })
}

/// The table has a line for every file, so a new one cannot be forgotten.
#[test]
fn the_table_is_whole() {
    for fixed in Fixed::all() {
        assert!(TABLE.iter().any(|(path, _)| *path == fixed.path()), "{}", fixed.path());
    }
    let all =
        [Role::Queen, Role::WorkerHeartbeat, Role::WorkerGpu, Role::Observer, Role::GpuBridge];
    assert_eq!(Role::ALL, all, "a new role needs a column");
}

/// A fid that somebody with more rights came by is of no use to somebody with fewer.
#[test]
fn a_file_that_another_found_is_denied_at_every_operation() {
    let mut world = World::with_places(6);
    let [queen, own, _, observer, ..] = users(&mut world);
    let control = world.find(queen, "/queen/ctl").expect("there");
    let theirs = world.find(queen, "/worker/worker-2/telemetry").expect("there");
    for (user, node) in [(own, control), (own, theirs), (observer, control), (observer, theirs)] {
        for access in [
            Access::Walk,
            Access::Stat,
            Access::Open(READ),
            Access::Open(WRITE),
            Access::Read,
            Access::Write,
            Access::List,
            Access::SetLength,
        ] {
            let denied = world.tree.allow(user.session, node, access);
            assert_eq!(denied, Err(Error::Permission), "{access:?}");
        }
    }
    let name = Name::new("worker-2").expect("a name");
    let workers = world.find(own, "/worker").expect("there");
    assert_eq!(world.tree.walk(own.session, workers, name), Err(Error::Permission));
}
