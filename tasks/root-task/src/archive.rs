//! The boot archive: the manifest and the components' images.

use manifest::System;
use sha2::{Digest, Sha256};

/// Name of the compiled manifest in the archive.
const SYSTEM: &str = "system.bin";

/// The archive that the loader put behind this task's image.
#[derive(Debug, Clone, Copy)]
pub struct Archive(&'static [u8]);

impl Archive {
    /// Reads the manifest and checks every component's image against its hash in it.
    ///
    /// # Panics
    /// Where the archive is damaged: without it there is no system.
    pub fn open(bytes: &'static [u8]) -> (Self, System) {
        let archive = Self(bytes);
        let encoded = archive.file(SYSTEM);
        let system = match System::decode(encoded) {
            Ok(system) => system,
            Err(error) => panic!("{SYSTEM} cannot be read: {error:?}; run `./cohesix build`"),
        };
        for component in &system.components {
            archive.check(&system, &component.image);
        }
        (archive, system)
    }

    /// The bytes of a file.
    ///
    /// # Panics
    /// Where there is no such file: the build puts every image of the manifest in.
    pub fn file(self, name: &str) -> &'static [u8] {
        match newc::find(self.0, name) {
            Ok(Some(data)) => data,
            Ok(None) => panic!("the boot archive has no {name}; run `./cohesix build`"),
            Err(error) => panic!("the boot archive is damaged: {error}; run `./cohesix build`"),
        }
    }

    fn check(self, system: &System, name: &str) {
        let known = system.facts.images.iter().find(|image| image.name == name);
        let hash = Sha256::digest(self.file(name));
        let good = known.is_some_and(|image| image.sha256 == hash[..]);
        assert!(good, "the image {name} is damaged: its SHA-256 differs; run `./cohesix build`");
    }
}
