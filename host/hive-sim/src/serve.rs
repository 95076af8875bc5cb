//! The simulator's servers: taking connections, and ending them all.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::hive::{Door, Hive};
use crate::socket::Listener;

/// How long no connection is taken after one could not be.
const PAUSE: Duration = Duration::from_millis(10);

/// A socket that clients can connect to. Dropped, it ends the connections that came in at it, and
/// is removed from the file system.
#[derive(Debug)]
pub struct Server {
    hive: Arc<Hive>,
    door: Door,
    listener: Arc<Listener>,
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Where a TCP server listens.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.listener.address()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.closing.store(true, Ordering::Release);
        // A thread that cannot be reached is left behind rather than waited for.
        if self.listener.nudge()
            && let Some(thread) = self.thread.take()
        {
            let _ = thread.join();
        }
        self.listener.remove();
        self.hive.end(self.door);
    }
}

/// Serves clients at the unix socket `path`, which only this user may open. A socket that is
/// there already is replaced if nobody listens at it.
///
/// # Errors
/// Where there is something else, or the socket cannot be made.
pub fn serve_unix(hive: &Arc<Hive>, path: &Path) -> io::Result<Server> {
    start(hive, Listener::unix(path)?)
}

/// Serves clients at a TCP address; port 0 is any that is free.
///
/// # Errors
/// Where nobody can listen there.
pub fn serve_tcp(hive: &Arc<Hive>, address: impl ToSocketAddrs) -> io::Result<Server> {
    start(hive, Listener::tcp(address)?)
}

fn start(hive: &Arc<Hive>, listener: Listener) -> io::Result<Server> {
    let mut server = Server {
        hive: Arc::clone(hive),
        door: hive.new_door(),
        listener: Arc::new(listener),
        closing: Arc::default(),
        thread: None,
    };
    let (door, hive) = (server.door, Arc::clone(hive));
    let (listener, closing) = (Arc::clone(&server.listener), Arc::clone(&server.closing));
    let accept = move || {
        while !closing.load(Ordering::Acquire) {
            // The client was gone before it was let in, or this process has no thread or
            // descriptor left: then others have to leave first.
            if listener.accept().and_then(|socket| hive.admit(door, socket)).is_err() {
                thread::sleep(PAUSE);
            }
        }
    };
    server.thread = Some(thread::Builder::new().name("accept".into()).spawn(accept)?);
    Ok(server)
}
