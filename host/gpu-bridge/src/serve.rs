//! Serving a hive: a thread for each device, until it is told to stop.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;

use anyhow::{Context as _, Result, anyhow, ensure};

use crate::executor::Executor;
use crate::lane::Lane;
use crate::link::{Endpoint, read_ticket};
use crate::mailbox::Mailbox;
use crate::running::Shop;

/// What to serve, and to whom.
pub struct Options {
    /// The hive.
    pub hive: Endpoint,
    /// A file of mode 0600 with a ticket of the role gpu-bridge. It is read at every attach.
    pub ticket_file: PathBuf,
    /// A folder with a bundle for each hash ([`gpu_bundle::place`]).
    pub bundles: PathBuf,
    /// Is told what happens, a line at a time.
    pub say: Box<dyn Fn(&str) + Send + Sync>,
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("hive", &self.hive).finish_non_exhaustive()
    }
}

/// Tells [`serve`] to stop: clones tell the same.
#[derive(Debug, Clone)]
pub struct Serving(Arc<Vec<Arc<Mailbox>>>);

impl Serving {
    /// Of a bridge that is to serve `executor`'s devices.
    ///
    /// # Errors
    /// There are no more descriptors.
    pub fn new(executor: &Executor) -> Result<Self> {
        let devices = executor.devices();
        let boxes = devices.iter().map(|_| Ok(Arc::new(Mailbox::new()?)));
        let boxes: std::io::Result<_> = boxes.collect();
        Ok(Self(Arc::new(boxes.context("cannot make a pipe")?)))
    }

    /// Jobs are ended, devices taken away, and [`serve`] returns.
    pub fn stop(&self) {
        self.0.iter().for_each(|mailbox| mailbox.stop());
    }
}

/// Publishes every device of `executor`, and runs what the hive orders, until `serving` says to
/// stop. A hive that is not there, or goes, is tried again.
///
/// # Errors
/// There is no ticket, the hive does not let it in, or a device cannot be published: none is left there then.
pub fn serve(executor: Executor, options: &Options, serving: &Serving) -> Result<()> {
    // One that is missing now is a mistake; later it may be on its way.
    read_ticket(&options.ticket_file)?;
    let executor = Arc::new(executor);
    let devices = executor.devices();
    ensure!(devices.len() == serving.0.len(), "a device came or went: start again");
    thread::scope(|scope| {
        let threads: Vec<_> = devices
            .into_iter()
            .zip(serving.0.iter())
            .map(|(device, mailbox)| {
                let shop = Shop {
                    executor: Arc::clone(&executor),
                    bundles: options.bundles.clone(),
                    mailbox: Arc::clone(mailbox),
                };
                scope.spawn(move || {
                    let done = Lane::new(options, shop, device).run();
                    if done.is_err() {
                        // One for all: a bridge that serves half of its devices helps nobody.
                        serving.stop();
                    }
                    done
                })
            })
            .collect();
        let join = |thread: thread::ScopedJoinHandle<'_, Result<()>>| {
            thread.join().unwrap_or_else(|_| Err(anyhow!("a device's thread failed badly")))
        };
        let done: Vec<_> = threads.into_iter().map(join).collect();
        done.into_iter().collect()
    })
}
