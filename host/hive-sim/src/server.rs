//! Taking connections, and ending them all.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::pump::{self, Guest};
use crate::registry::{Place, Registry};
use crate::socket::Listener;

/// How long no connection is taken after one could not be.
const PAUSE: Duration = Duration::from_millis(10);

/// Where to serve.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Path of the unix socket.
    pub socket: PathBuf,
    /// A TCP address; port 0 is any that is free.
    pub listen: Option<SocketAddr>,
}

/// What a connection is with.
pub(crate) trait Service: Clone + Send + 'static {
    /// What serves one connection.
    type Guest: Guest;

    /// How many connections are open; kept by the server.
    fn count(&self) -> Arc<AtomicUsize>;

    /// A new connection, in the place `index`.
    fn admit(&self, index: usize) -> std::io::Result<Self::Guest>;
}

/// A running server. Dropped, it ends every connection and removes its socket.
#[derive(Debug)]
pub struct Server {
    socket: PathBuf,
    address: Option<SocketAddr>,
    registry: Arc<Registry>,
    doors: Vec<(Arc<Listener>, JoinHandle<()>)>,
}

impl Server {
    /// The unix socket's path.
    #[must_use]
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// The TCP address, where there is one.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.registry.close();
        for (listener, thread) in self.doors.drain(..) {
            // A thread that cannot be reached is left behind rather than waited for.
            if listener.nudge() {
                let _ = thread.join();
            }
        }
    }
}

/// Serves `service` until the server is dropped.
pub(crate) fn start(options: &Options, service: impl Service) -> Result<Server> {
    let unix = Listener::unix(&options.socket)?;
    let tcp = options.listen.map(Listener::tcp).transpose()?;
    let address = match &tcp {
        Some(Listener::Tcp { address, .. }) => Some(*address),
        _ => None,
    };
    let registry = Registry::new(service.count());
    let mut server =
        Server { socket: options.socket.clone(), address, registry, doors: Vec::new() };
    for listener in [Some(unix), tcp].into_iter().flatten().map(Arc::new) {
        let (door, registry, service) =
            (listener.clone(), server.registry.clone(), service.clone());
        let thread = thread::Builder::new()
            .name("accept".into())
            .spawn(move || accept(&door, &registry, &service))
            .context("cannot start a thread")?;
        server.doors.push((listener, thread));
    }
    Ok(server)
}

fn accept(listener: &Listener, registry: &Arc<Registry>, service: &impl Service) {
    while !registry.is_closed() {
        match listener.accept() {
            // Whoever comes to a full house is hung up on.
            Ok(socket) => drop(registry.enter(socket).map(|place| begin(place, service))),
            // The client was gone before it was let in, or this process has no descriptors left:
            // then others have to leave first.
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

/// Serves a connection in a thread of its own; where there is none, hangs up.
fn begin(place: Place, service: &impl Service) -> std::io::Result<()> {
    let mut guest = service.admit(place.index)?;
    thread::Builder::new().name(format!("client {}", place.index)).spawn(move || {
        // However the connection ended, all that is left to do is to give up its place. The guest
        // goes first: the next one in this place finds nothing of it.
        let _ = pump::run(&place.socket, &mut guest);
        drop(guest);
        drop(place);
    })?;
    Ok(())
}
