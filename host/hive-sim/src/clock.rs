//! Wakes the hive when a time of somebody is over.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use crate::hive::Hive;

/// What the clock waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Wanted {
    /// The next time.
    deadline: Option<Instant>,
    /// The hive is gone.
    over: bool,
}

/// A clock. Dropped, its thread ends.
#[derive(Debug)]
pub(crate) struct Clock {
    shared: Arc<Shared>,
    started: Instant,
    /// What it waits for now, in the time since the start.
    deadline: Option<Duration>,
}

#[derive(Debug)]
struct Shared {
    wanted: Mutex<Wanted>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Wanted> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next time; `false` where there will be none.
    fn wait(&self) -> bool {
        let mut wanted = self.lock();
        loop {
            if wanted.over {
                return false;
            }
            let left = wanted.deadline.map(|at| at.saturating_duration_since(Instant::now()));
            wanted = match left {
                Some(Duration::ZERO) => {
                    wanted.deadline = None;
                    return true;
                }
                Some(left) => {
                    let waited = self.changed.wait_timeout(wanted, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(wanted).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

impl Clock {
    /// A clock that counts from `started` on. It wakes nobody yet.
    pub fn new(started: Instant) -> Self {
        let wanted = Mutex::new(Wanted { deadline: None, over: false });
        let shared = Arc::new(Shared { wanted, changed: Condvar::new() });
        Self { shared, started, deadline: None }
    }

    /// Has it wake `hive` from now on.
    ///
    /// # Errors
    /// Where there is no thread for it.
    pub fn start(&self, hive: Weak<Hive>) -> io::Result<()> {
        let shared = Arc::clone(&self.shared);
        let wake = move || {
            while shared.wait() {
                let Some(hive) = hive.upgrade() else { return };
                hive.lock().tick();
            }
        };
        thread::Builder::new().name("clock".into()).spawn(wake).map(|_| ())
    }

    /// Waits for this time from now on, since the start.
    pub fn set(&mut self, deadline: Option<Duration>) {
        if self.deadline == deadline {
            return;
        }
        self.deadline = deadline;
        let at = deadline.and_then(|deadline| self.started.checked_add(deadline));
        self.shared.lock().deadline = at;
        self.shared.changed.notify_one();
    }

    /// The time that it waited for has come: it waits for none.
    pub const fn came(&mut self) {
        self.deadline = None;
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.shared.lock().over = true;
        self.shared.changed.notify_one();
    }
}
