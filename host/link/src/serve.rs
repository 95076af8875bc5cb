//! Sockets that clients connect to.

use std::fs;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::{Link, lock};

/// How long no connection is taken after one could not be.
const PAUSE: Duration = Duration::from_millis(10);

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
        let upward = move || {
            up.upstream(index, reader);
            up.leave(index);
        };
        let end = socket.second();
        let downward = move || {
            down.downstream(index, socket);
            // The hive has hung up: the client learns it, and the other thread's read returns.
            last.end();
            down.leave(index);
        };
        // The one that ends with the hive comes first: so whichever is not there, the channel is
        // closed and free again.
        let spawn = |name: &str| thread::Builder::new().name(format!("{name} {index}"));
        if let Err(error) = spawn("down").spawn(downward) {
            self.close(index);
            self.leave(index);
            self.leave(index);
            return Err(error);
        }
        if let Err(error) = spawn("up").spawn(upward) {
            self.close(index);
            self.leave(index);
            let _ = end.map(|end| end.end());
            return Err(error);
        }
        Ok(())
    }

    fn leave(&self, index: usize) {
        lock(&self.0.state).channels[index].leave();
        self.0.changed.notify_all();
    }

    /// Serves clients at the unix socket `path`, which only this user may open. A file that is
    /// there already is replaced if it is a socket that nobody listens at.
    ///
    /// # Errors
    /// Where something else is there, or the socket cannot be made.
    pub fn serve_unix(&self, path: &Path) -> io::Result<Server> {
        make_room(path)?;
        // Bound under another name first, so that nobody connects before the mode is set.
        let fresh = path.with_extension("new");
        make_room(&fresh)?;
        let listener = UnixListener::bind(&fresh)?;
        fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))?;
        fs::rename(&fresh, path)?;
        let link = self.clone();
        thread::Builder::new().name("accept".into()).spawn(move || {
            take(listener.incoming(), |client| link.attach(client), || link.is_gone());
        })?;
        Ok(Server { path: Some(path.to_path_buf()), address: None })
    }

    /// Serves clients at a TCP address.
    pub fn serve_tcp(&self, address: impl ToSocketAddrs) -> io::Result<Server> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        let link = self.clone();
        thread::Builder::new().name("accept".into()).spawn(move || {
            let attach = |client: TcpStream| {
                // Requests are small and each waits for its answer.
                let _ = client.set_nodelay(true);
                link.attach(client)
            };
            take(listener.incoming(), attach, || link.is_gone());
        })?;
        Ok(Server { path: None, address: Some(address) })
    }
}

/// Attaches every client that comes, until the VM is gone. One that was gone before it was let in,
/// or that this process had no thread or descriptor left for, keeps no other out.
fn take<S>(
    clients: impl Iterator<Item = io::Result<S>>,
    mut attach: impl FnMut(S) -> io::Result<()>,
    is_gone: impl Fn() -> bool,
) {
    for client in clients {
        if client.and_then(&mut attach).is_err() {
            if is_gone() {
                return;
            }
            thread::sleep(PAUSE);
        }
    }
}

/// Removes a socket that a server left behind, and nothing else.
fn make_room(path: &Path) -> io::Result<()> {
    let Ok(there) = fs::symlink_metadata(path) else { return Ok(()) };
    let in_use = |why: &str| {
        Err(io::Error::new(io::ErrorKind::AddrInUse, format!("{}: {why}", path.display())))
    };
    if !there.file_type().is_socket() {
        return in_use("something is there that is no socket");
    }
    if UnixStream::connect(path).is_ok() {
        return in_use("a server listens there already");
    }
    fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_that_fail_keep_no_other_out() {
        let failed = || Err(io::Error::from(io::ErrorKind::ConnectionAborted));
        let mut attached = Vec::new();
        let attach = |client| {
            attached.push(client);
            if client == 1 { failed() } else { Ok(()) }
        };
        take(
            [failed().map(|()| 0), Ok(1), failed().map(|()| 0), Ok(2)].into_iter(),
            attach,
            || false,
        );
        assert_eq!(attached, [1, 2]);
    }

    #[test]
    fn nobody_is_taken_once_the_vm_is_gone() {
        let mut attached = 0;
        let attach = |()| {
            attached += 1;
            Err(io::Error::from(io::ErrorKind::ConnectionAborted))
        };
        take([Ok(()), Ok(())].into_iter(), attach, || true);
        assert_eq!(attached, 1);
    }
}
