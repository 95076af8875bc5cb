//! Running a kernel on a thread of its own, which is left behind where it does not stop.
//!
//! A driver may keep whoever calls it: while it compiles, and while the device has a kernel without
//! an end. Whoever waits for the job must not be kept, so it waits for a thread that is. What is left
//! behind counts as the device's until it returns, and no other job is given to the device before.
//! Compilers recurse as deep as a source is nested: the thread has the stack for the longest one.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gpu::{Kernel, Shape};
use gpu_bundle::{Deadline, Stopped, Watch};

use crate::backend::{Backend, RunError, Work};

/// How often is looked whether to stop.
const LOOK: Duration = Duration::from_millis(10);
/// How long a backend may take to stop before it is left behind: many parts of a job.
const PATIENCE: Duration = Duration::from_secs(1);
/// Bytes of stack; what is not used is never there.
const STACK: usize = 256 << 20;

/// What is computed, kept by whoever computes it.
#[derive(Debug)]
pub(crate) struct Task {
    pub kernel: Kernel,
    pub shape: Shape,
    pub source: String,
    pub inputs: [Vec<u8>; 2],
}

impl Task {
    pub fn inputs(&self) -> [&[u8]; 2] {
        [&self.inputs[0], &self.inputs[1]]
    }
}

/// A backend, and how many of its threads were left behind at each device.
pub(crate) struct Aside {
    backend: Arc<dyn Backend>,
    left: Arc<Mutex<HashMap<String, usize>>>,
}

enum Said {
    Progress(u8),
    Done(Result<Vec<u8>, RunError>),
}

impl Aside {
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self { backend, left: Arc::default() }
    }

    pub fn backend(&self) -> &dyn Backend {
        &*self.backend
    }

    fn left_at(&self, device: &str) -> usize {
        let left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        left.get(device).copied().unwrap_or_default()
    }

    /// Waits until nothing that was left behind has the device.
    fn wait(&self, device: &str, deadline: &Deadline) -> Result<(), RunError> {
        while self.left_at(device) > 0 {
            match deadline.check() {
                Ok(()) => thread::sleep(LOOK),
                Err(Stopped::TimedOut(_)) => {
                    let stuck =
                        "device: a kernel that was stopped does not end: start the bridge anew";
                    return Err(RunError::Failed(stuck.to_owned()));
                }
                Err(stopped) => return Err(stopped.into()),
            }
        }
        Ok(())
    }

    /// Has the backend compute `task` on the device; `tell` hears how far it is, in percent.
    ///
    /// # Errors
    /// Those of [`Backend::run`]. Where it was stopped, the device may still be at it.
    pub fn run(
        &self,
        device: &str,
        task: &Arc<Task>,
        deadline: &Deadline,
        tell: &mut dyn FnMut(u8),
    ) -> Result<Vec<u8>, RunError> {
        self.wait(device, deadline)?;
        deadline.check()?;
        let (send, said) = mpsc::channel();
        let (backend, task) = (Arc::clone(&self.backend), Arc::clone(task));
        let (id, until) = (device.to_owned(), deadline.clone());
        let compute = move || {
            let mut tell = |percent| drop(send.send(Said::Progress(percent)));
            let mut watch = Watch::new(until, &mut tell);
            let Task { kernel, shape, .. } = *task;
            let (source, inputs) = (&*task.source, task.inputs());
            let work = Work { kernel, shape, source, inputs, whole: false };
            let run = AssertUnwindSafe(|| backend.run(&id, &work, &mut watch));
            let done = catch_unwind(run).unwrap_or_else(|_| {
                Err(RunError::Failed(format!("{}: the driver failed badly", backend.kind())))
            });
            // Nobody hears it where it was left behind.
            let _ = send.send(Said::Done(done));
        };
        let thread = thread::Builder::new().name("kernel".to_owned()).stack_size(STACK);
        let thread = thread.spawn(compute);
        let thread = thread.map_err(|error| RunError::Failed(format!("no thread: {error}")))?;
        let (done, is_over) = follow(&said, deadline, tell);
        if is_over {
            // It has said its last.
            let _ = thread.join();
        } else {
            self.leave(device, thread);
        }
        done
    }

    /// Leaves a thread at the device until it returns.
    fn leave(&self, device: &str, thread: thread::JoinHandle<()>) {
        let count = |left: &Mutex<HashMap<String, usize>>, device: &str, by: isize| {
            let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
            let count = left.entry(device.to_owned()).or_default();
            *count = count.saturating_add_signed(by);
        };
        count(&self.left, device, 1);
        let (left, device) = (Arc::clone(&self.left), device.to_owned());
        // Where there is no other thread the device stays taken: so it is.
        let _ = thread::Builder::new().spawn(move || {
            let _ = thread.join();
            count(&left, &device, -1);
        });
    }
}

/// Waits until all is said, or until it is told to stop and that takes too long: what came of it,
/// and whether it is over.
fn follow(
    said: &mpsc::Receiver<Said>,
    deadline: &Deadline,
    tell: &mut dyn FnMut(u8),
) -> (Result<Vec<u8>, RunError>, bool) {
    let mut stopped: Option<(Stopped, Instant)> = None;
    loop {
        match said.recv_timeout(LOOK) {
            Ok(Said::Progress(percent)) => tell(percent),
            Ok(Said::Done(done)) => return (done, true),
            Err(RecvTimeoutError::Disconnected) => {
                let failed = "the thread that computed failed badly".to_owned();
                return (Err(RunError::Failed(failed)), true);
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        match &stopped {
            None => stopped = deadline.check().err().map(|why| (why, Instant::now())),
            Some((why, since)) if since.elapsed() > PATIENCE => {
                return (Err(why.clone().into()), false);
            }
            Some(_) => {}
        }
    }
}
