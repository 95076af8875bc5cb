//! The tree as one session sees it: what its role may know of, with its mounts.
//!
//! Walking down looks at the session's mounts first, so the longest prefix of a path counts; going
//! up from where a mount stands leads to the directory that it stands in. Walking, listing and
//! naming are here together, so that they agree.

use core::fmt::Write as _;

use secure9p_core::{Error, FileName};

use crate::gpus::{DeviceId, Gpus, Relation};
use crate::mounts::{Mount, Mounts};
use crate::nodes::{File, Fixed, Node, Part, TASKS, TELEMETRY, Via};
use crate::policy::Who;
use crate::sessions::SessionId;
use crate::workers::{Living, WorkerId};

/// A worker's name for its own directory.
const OWN: &str = "self";

/// Where the entries of a directory go on: those of the table by their numbers, which are smaller
/// than this, then workers or GPUs by their places, `self`, and mounts by theirs.
const WORKERS: u64 = 1 << 8;
/// `self`.
const SELF: u64 = 1 << 16;
/// The first mount.
const MOUNTS: u64 = 1 << 17;

/// Deeper than any file: the tree's own depth, once for each mount.
const DEEPEST: usize = 4 * (crate::mounts::MAX_MOUNTS + 1);

/// A session's view.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub who: Who,
    pub session: SessionId,
    /// What the session attached to: nothing leads up from there.
    pub root: Node,
    pub mounts: Option<&'a Mounts>,
    pub living: &'a Living,
    pub gpus: &'a Gpus,
}

impl View<'_> {
    /// Whether the file is there, or has gone.
    pub fn is_there(&self, file: File) -> bool {
        file.worker().is_none_or(|worker| self.living.is_live(worker))
            && file.gpu().is_none_or(|device| self.gpus.get(device).is_some())
    }

    /// What the session is to the GPU whose file it is.
    pub fn relation(&self, file: File) -> Relation {
        let tenant = |device| self.who.worker.is_some_and(|who| self.gpus.is_tenant(who, device));
        match file.gpu() {
            Some(device) if self.gpus.is_bridge(self.session, device) => Relation::Bridge,
            Some(device) if tenant(device) => Relation::Tenant,
            _ => Relation::Stranger,
        }
    }

    /// Whether the session may know of the file.
    fn may_see(&self, file: File) -> bool {
        self.who.may_see(file, self.relation(file))
    }

    /// The permission bits as the session sees them.
    pub fn permissions(&self, file: File) -> u16 {
        self.who.permissions(file, self.relation(file))
    }

    /// The mount that `node` is the root of.
    fn mount(&self, node: Node) -> Option<&Mount> {
        let Via::Mount(place) = node.via else { return None };
        self.mounts?.get(place).filter(|mount| mount.target == node.file)
    }

    /// The mount that stands in `directory` under this name.
    pub fn mounted(&self, directory: Node, name: &[u8]) -> Option<Node> {
        let mut all = self.mounts?.all();
        let (place, mount) = all.find(|(_, mount)| {
            mount.parent == directory
                && mount.name.as_bytes() == name
                && self.is_there(mount.target)
        })?;
        Some(Node { file: mount.target, via: Via::Mount(place) })
    }

    /// The directory that `node` is in.
    pub fn up(&self, node: Node) -> Node {
        if node == self.root {
            return node;
        }
        match (self.mount(node), node) {
            (Some(mount), _) => mount.parent,
            (None, Node { file: File::Worker(_), via: Via::Own }) => Node::by_path(File::WORKERS),
            _ => node.beside(node.file.parent()),
        }
    }

    /// The file `name` in the directory `from`; `..` leads up.
    pub fn down(&self, from: Node, name: &[u8]) -> Result<Node, Error> {
        if name == b".." {
            return Ok(self.up(from));
        }
        let node = match self.mounted(from, name) {
            Some(node) => node,
            None => self.unmounted(from, name)?,
        };
        if self.may_see(node.file) { Ok(node) } else { Err(Error::Permission) }
    }

    fn unmounted(&self, from: Node, name: &[u8]) -> Result<Node, Error> {
        let file = match from.file {
            // Which workers there are is not a worker's to know.
            File::WORKERS if self.who.role.is_worker() => return self.own(from, name),
            File::WORKERS => self.living.named(name).map(File::Worker),
            File::GPUS => {
                let file = Fixed::Gpus.child(name).map(File::Fixed);
                let file = file.or_else(|| self.gpus.named(name).map(File::Gpu));
                // Nor which GPUs there are.
                if file.is_none() && self.who.role.is_worker() {
                    return Err(Error::Permission);
                }
                file
            }
            File::Fixed(directory) => directory.child(name).map(File::Fixed),
            File::Worker(worker) if name == TELEMETRY.as_bytes() => Some(File::Telemetry(worker)),
            File::Worker(worker) if name == TASKS.as_bytes() => self.tasks(worker),
            File::Gpu(device) => {
                let part = Part::ALL.into_iter().find(|part| part.name().as_bytes() == name);
                part.map(|part| File::OfGpu(device, part))
            }
            File::Worker(_) | File::Telemetry(_) | File::Tasks(_) | File::OfGpu(..) => None,
        };
        file.map(|file| from.beside(file)).ok_or(Error::NotFound)
    }

    /// Only GPU workers have tasks.
    fn tasks(&self, worker: WorkerId) -> Option<File> {
        self.gpus.tasks(worker).map(|_| File::Tasks(worker))
    }

    fn own(&self, from: Node, name: &[u8]) -> Result<Node, Error> {
        let worker = self.who.worker.ok_or(Error::Permission)?;
        let file = File::Worker(worker);
        if name == OWN.as_bytes() {
            return Ok(Node { file, via: Via::Own });
        }
        let own = self.living.named(name) == Some(worker);
        if own { Ok(from.beside(file)) } else { Err(Error::Permission) }
    }

    /// The name under which `node` stands in its directory.
    pub fn name(&self, node: Node) -> FileName {
        if let Some(mount) = self.mount(node) {
            return mount.name.clone();
        }
        let mut name = FileName::new();
        // Every name is shorter than the limit.
        let _ = match node {
            Node { file: File::Worker(_), via: Via::Own } => name.write_str(OWN),
            Node { file: File::Worker(worker), .. } => write!(name, "{worker}"),
            Node { file: File::Telemetry(_), .. } => name.write_str(TELEMETRY),
            Node { file: File::Tasks(_), .. } => name.write_str(TASKS),
            Node { file: File::Gpu(device), .. } => name.write_str(self.gpus.name(device)),
            Node { file: File::OfGpu(_, part), .. } => name.write_str(part.name()),
            Node { file: File::Fixed(fixed), .. } => name.write_str(fixed.name()),
        };
        name
    }

    /// The first file in `directory` from `place` on, and where it goes on behind it.
    pub fn entry(&self, directory: Node, place: u64) -> Option<(Node, u64)> {
        let listed = match directory.file {
            File::Fixed(fixed) => {
                let entry = self.of_table(directory, fixed, place);
                entry.or_else(|| match fixed {
                    Fixed::Workers => self.worker_entry(directory, place),
                    Fixed::Gpus => self.gpu_entry(directory, place),
                    _ => None,
                })
            }
            File::Worker(worker) => {
                let files = [Some(File::Telemetry(worker)), self.tasks(worker)];
                self.of_list(directory, &files, place)
            }
            File::Gpu(device) => {
                let files = Part::ALL.map(|part| Some(File::OfGpu(device, part)));
                self.of_list(directory, &files, place)
            }
            File::Telemetry(_) | File::Tasks(_) | File::OfGpu(..) => None,
        };
        listed.or_else(|| self.mount_entry(directory, place))
    }

    /// The first of `files` from `place` on.
    fn of_list(&self, directory: Node, files: &[Option<File>], place: u64) -> Option<(Node, u64)> {
        let places = (0_u64..).zip(files).skip_while(|(index, _)| *index < place);
        let mut nodes =
            places.filter_map(|(index, file)| Some((directory.beside((*file)?), index + 1)));
        nodes.find(|(node, _)| self.is_listed(directory, *node))
    }

    fn gpu_entry(&self, directory: Node, place: u64) -> Option<(Node, u64)> {
        let behind = |device: DeviceId| WORKERS + u64::from(device.place) + 1;
        let mut from = usize::try_from(place.saturating_sub(WORKERS)).ok()?;
        loop {
            let device = self.gpus.next_from(from)?;
            let node = directory.beside(File::Gpu(device));
            if self.is_listed(directory, node) {
                return Some((node, behind(device)));
            }
            from = usize::from(device.place) + 1;
        }
    }

    /// Whether the session may know of `node`, and no mount stands in its place.
    fn is_listed(&self, directory: Node, node: Node) -> bool {
        self.may_see(node.file)
            && (self.mounts.is_none()
                || self.mounted(directory, self.name(node).as_bytes()).is_none())
    }

    fn of_table(&self, directory: Node, fixed: Fixed, place: u64) -> Option<(Node, u64)> {
        let mut children = fixed.children(place).filter(|_| place < WORKERS);
        let child = children
            .find(|child| self.is_listed(directory, directory.beside(File::Fixed(*child))))?;
        Some((directory.beside(File::Fixed(child)), child.number()))
    }

    fn worker_entry(&self, directory: Node, place: u64) -> Option<(Node, u64)> {
        let behind = |worker: WorkerId| WORKERS + u64::from(worker.place) + 1;
        if self.who.role.is_worker() {
            let file = File::Worker(self.who.worker?);
            return match place {
                0..WORKERS => Some((directory.beside(file), behind(self.who.worker?))),
                WORKERS..SELF => Some((Node { file, via: Via::Own }, SELF)),
                _ => None,
            };
        }
        let mut from = usize::try_from(place.saturating_sub(WORKERS)).ok()?;
        loop {
            let worker = self.living.next_from(from)?;
            let node = directory.beside(File::Worker(worker));
            if self.is_listed(directory, node) {
                return Some((node, behind(worker)));
            }
            from = usize::from(worker.place) + 1;
        }
    }

    fn mount_entry(&self, directory: Node, place: u64) -> Option<(Node, u64)> {
        let mut all = self.mounts?.all();
        let (index, mount) = all.find(|(index, mount)| {
            MOUNTS + u64::from(*index) >= place
                && mount.parent == directory
                && self.is_there(mount.target)
                && self.may_see(mount.target)
        })?;
        let node = Node { file: mount.target, via: Via::Mount(index) };
        Some((node, MOUNTS + u64::from(index) + 1))
    }

    /// The file that `path` leads to from where the session attached.
    pub fn resolve<'p>(&self, path: impl Iterator<Item = &'p str>) -> Result<Node, Error> {
        let mut node = self.root;
        for name in path {
            node = self.down(node, name.as_bytes())?;
        }
        Ok(node)
    }

    /// Whether `node` is `directory` or in it, however far down.
    pub fn is_inside(&self, mut node: Node, directory: Node) -> bool {
        for _ in 0..DEEPEST {
            let above = self.up(node);
            if node == directory || above == node {
                return node == directory;
            }
            node = above;
        }
        true
    }
}
