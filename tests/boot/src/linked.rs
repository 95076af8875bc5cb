//! A booted system that is reached over its serial port.

use link::Link;

use crate::{Boot, DEADLINE};

/// A system and our end of its serial port. Dropping it ends QEMU through its monitor; where the
/// test has failed already, by its process id.
pub struct Linked {
    /// `None` once it is being ended.
    boot: Option<Boot>,
    link: Link,
}

impl Linked {
    /// Boots `system` and waits until its hive answers.
    #[track_caller]
    #[must_use]
    pub fn start(system: &str) -> Self {
        let mut boot = Boot::start(system);
        let link = Link::start(boot.take_link()).expect("a thread for the link");
        link.wait_ready(DEADLINE).expect("the hive answers");
        Self { boot: Some(boot), link }
    }

    /// Waits for the next line that starts with `start`.
    #[track_caller]
    pub fn line(&mut self, start: &str) {
        self.boot.as_mut().expect("it is not being ended").line(start);
    }

    /// Our end of the port.
    #[must_use]
    pub fn link(&self) -> &Link {
        &self.link
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        if let Some(boot) = self.boot.take()
            && !std::thread::panicking()
        {
            boot.quit();
        }
    }
}
