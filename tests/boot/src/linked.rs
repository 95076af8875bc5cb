//! A booted system that is reached over its serial port.

use link::Link;
use ticket::{Key, Ticket};

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
        Self::on(Boot::start(system))
    }

    /// The same, where time is what the machine has done: [`Boot::start_counting`].
    #[track_caller]
    #[must_use]
    pub fn start_counting(system: &str) -> Self {
        Self::on(Boot::start_counting(system))
    }

    #[track_caller]
    fn on(mut boot: Boot) -> Self {
        let link = Link::start(boot.take_link()).expect("a thread for the link");
        link.wait_ready(DEADLINE).expect("the hive answers");
        Self { boot: Some(boot), link }
    }

    /// The machine that it runs on.
    pub fn boot(&mut self) -> &mut Boot {
        self.boot.as_mut().expect("it is not being ended")
    }

    /// What its tickets are made with.
    #[must_use]
    pub fn key(&self) -> &Key {
        self.boot.as_ref().expect("it is not being ended").key()
    }

    /// A queen's ticket.
    #[must_use]
    pub fn ticket(&self) -> Ticket {
        self.boot.as_ref().expect("it is not being ended").ticket()
    }

    /// Waits for the next line that starts with `start`.
    #[track_caller]
    pub fn line(&mut self, start: &str) {
        self.boot().line(start);
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
