//! The simulator's sockets.

use std::fs;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;

use crate::{Hive, MAX_CONNECTIONS, connection};

/// A socket that clients can connect to; removed from the file system when dropped.
#[derive(Debug)]
pub struct Server {
    path: Option<PathBuf>,
    address: Option<SocketAddr>,
}

impl Server {
    /// Where a TCP server listens.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        self.address
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

/// Runs `serve` in a thread, as long as there are not too many connections; a client over that is
/// hung up on.
fn admit(hive: &Arc<Hive>, serve: impl FnOnce(&Arc<Hive>) + Send + 'static) -> io::Result<()> {
    if hive.connections.fetch_add(1, Ordering::AcqRel) >= MAX_CONNECTIONS {
        hive.connections.fetch_sub(1, Ordering::AcqRel);
        return Ok(());
    }
    let hive = Arc::clone(hive);
    thread::Builder::new().name("client".into()).spawn(move || {
        serve(&hive);
        hive.connections.fetch_sub(1, Ordering::AcqRel);
    })?;
    Ok(())
}

/// Serves clients at the unix socket `path`, which only this user may open.
pub fn serve_unix(hive: &Arc<Hive>, path: &Path) -> io::Result<Server> {
    if path.exists() && UnixStream::connect(path).is_err() {
        fs::remove_file(path)?;
    }
    // Bound under another name first, so that nobody connects before the mode is set.
    let fresh = path.with_extension("new");
    let _ = fs::remove_file(&fresh);
    let listener = UnixListener::bind(&fresh)?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))?;
    fs::rename(&fresh, path)?;
    let hive = Arc::clone(hive);
    thread::Builder::new().name("accept".into()).spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let (Ok(input), Ok(last)) = (client.try_clone(), client.try_clone()) else { continue };
            let end = move || {
                let _ = last.shutdown(Shutdown::Both);
            };
            if admit(&hive, move |hive| connection::serve(hive, input, client, end)).is_err() {
                break;
            }
        }
    })?;
    Ok(Server { path: Some(path.to_path_buf()), address: None })
}

/// Serves clients at a TCP address.
pub fn serve_tcp(hive: &Arc<Hive>, address: impl ToSocketAddrs) -> io::Result<Server> {
    let listener = TcpListener::bind(address)?;
    let address = listener.local_addr()?;
    let hive = Arc::clone(hive);
    thread::Builder::new().name("accept".into()).spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            // Requests are small and each waits for its answer.
            let _ = client.set_nodelay(true);
            let (Ok(input), Ok(last)) = (client.try_clone(), client.try_clone()) else { continue };
            let end = move || {
                let _ = last.shutdown(Shutdown::Both);
            };
            if admit(&hive, move |hive| connection::serve(hive, input, client, end)).is_err() {
                break;
            }
        }
    })?;
    Ok(Server { path: None, address: Some(address) })
}
