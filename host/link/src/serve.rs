//! Sockets that clients connect to.

use std::fs;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;

use crate::{Link, lock};

/// A connected socket of a client.
pub trait Socket: io::Read + io::Write + Send + Sized + 'static {
    /// A second handle, for the other direction.
    fn second(&self) -> io::Result<Self>;
    /// Ends both directions: whoever waits in a read or write returns.
    fn end(&self);
}

impl Socket for UnixStream {
    fn second(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn end(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

impl Socket for TcpStream {
    fn second(&self) -> io::Result<Self> {
        self.try_clone()
    }

    fn end(&self) {
        let _ = self.shutdown(Shutdown::Both);
    }
}

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

impl Link {
    /// Makes `socket` a connection to the hive. Waits until a channel is free.
    pub fn attach<S: Socket>(&self, socket: S) -> io::Result<()> {
        let (reader, last) = (socket.second()?, socket.second()?);
        let index = self.open()?;
        let (up, down) = (self.clone(), self.clone());
        thread::Builder::new().name(format!("up {index}")).spawn(move || {
            up.upstream(index, reader);
            up.leave(index);
        })?;
        thread::Builder::new().name(format!("down {index}")).spawn(move || {
            down.downstream(index, socket);
            // The hive has hung up: the client learns it, and the other thread's read returns.
            last.end();
            down.leave(index);
        })?;
        Ok(())
    }

    fn leave(&self, index: usize) {
        lock(&self.0.state).channels[index].leave();
        self.0.changed.notify_all();
    }

    /// Serves clients at the unix socket `path`, which only this user may open. A file that is
    /// there already is replaced if it is a socket that nobody listens at.
    pub fn serve_unix(&self, path: &Path) -> io::Result<Server> {
        if path.exists() && UnixStream::connect(path).is_err() {
            fs::remove_file(path)?;
        }
        // Bound under another name first, so that nobody connects before the mode is set.
        let fresh = path.with_extension("new");
        let _ = fs::remove_file(&fresh);
        let listener = UnixListener::bind(&fresh)?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))?;
        fs::rename(&fresh, path)?;
        let link = self.clone();
        thread::Builder::new().name("accept".into()).spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if link.attach(client).is_err() {
                    break;
                }
            }
        })?;
        Ok(Server { path: Some(path.to_path_buf()), address: None })
    }

    /// Serves clients at a TCP address.
    pub fn serve_tcp(&self, address: impl ToSocketAddrs) -> io::Result<Server> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let link = self.clone();
        thread::Builder::new().name("accept".into()).spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // Requests are small and each waits for its answer.
                let _ = client.set_nodelay(true);
                if link.attach(client).is_err() {
                    break;
                }
            }
        })?;
        Ok(Server { path: None, address: Some(address) })
    }
}
