//! What one session has bound and mounted.
//!
//! A mount stands in a directory as the session sees it, under a name, and shows a file and all
//! below it as the server has them: what the session has mounted in there stays where it is. So
//! no mount shows itself, and none leads in a circle.

use secure9p_core::FileName;

use crate::nodes::{File, Node};

/// Most mounts of a session.
pub const MAX_MOUNTS: usize = 8;

/// A mount.
#[derive(Debug)]
pub struct Mount {
    /// The directory that it stands in.
    pub parent: Node,
    /// Its name there.
    pub name: FileName,
    /// What it shows.
    pub target: File,
}

/// A session's mounts.
#[derive(Debug)]
pub struct Mounts([Option<Mount>; MAX_MOUNTS]);

impl Mounts {
    pub const fn new() -> Self {
        Self([const { None }; MAX_MOUNTS])
    }

    /// The mount in this place.
    pub fn get(&self, place: u8) -> Option<&Mount> {
        self.0.get(usize::from(place))?.as_ref()
    }

    /// Every mount, with its place, in order of the places.
    pub fn all(&self) -> impl Iterator<Item = (u8, &Mount)> {
        let places = self.0.iter().enumerate();
        places.filter_map(|(place, mount)| Some((place as u8, mount.as_ref()?)))
    }

    /// Adds a mount, where there is a place. Those for which `is_there` does not hold of their
    /// targets give up theirs before: nothing below them can be reached any more.
    pub fn add(&mut self, mount: Mount, is_there: impl Fn(File) -> bool) -> bool {
        for place in &mut self.0 {
            if place.as_ref().is_some_and(|mount| !is_there(mount.target)) {
                *place = None;
            }
        }
        let Some(place) = self.0.iter_mut().find(|place| place.is_none()) else { return false };
        *place = Some(mount);
        true
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.0 = [const { None }; MAX_MOUNTS];
    }
}
