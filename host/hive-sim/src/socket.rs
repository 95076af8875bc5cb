//! Sockets that clients connect to, and connections that were made.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// Most bytes of a unix socket's path on every host (macOS has the fewest).
const LONGEST_PATH: usize = 103;

/// A connection with a client.
#[derive(Debug)]
pub(crate) enum Socket {
    Unix(UnixStream),
    Tcp(TcpStream),
}

impl Socket {
    /// Ends both directions: whoever waits in a read or write returns.
    pub fn end(&self) {
        let _ = match self {
            Self::Unix(socket) => socket.shutdown(Shutdown::Both),
            Self::Tcp(socket) => socket.shutdown(Shutdown::Both),
        };
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Unix(socket) => socket.as_fd(),
            Self::Tcp(socket) => socket.as_fd(),
        }
    }
}

impl Read for &Socket {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Socket::Unix(socket) => (&mut &*socket).read(into),
            Socket::Tcp(socket) => (&mut &*socket).read(into),
        }
    }
}

impl Write for &Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Socket::Unix(socket) => (&mut &*socket).write(bytes),
            Socket::Tcp(socket) => (&mut &*socket).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where connections come from.
#[derive(Debug)]
pub(crate) enum Listener {
    /// At a path, removed when dropped.
    Unix { listener: UnixListener, path: PathBuf },
    /// At an address.
    Tcp { listener: TcpListener, address: SocketAddr },
}

impl Listener {
    /// Listens at `path`, which only this user may open. A socket that is there and that nobody
    /// listens at is replaced.
    pub fn unix(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path).context("the current folder is gone")?;
        let shown = path.display();
        if path.as_os_str().len() > LONGEST_PATH {
            bail!("{shown} is too long for a socket's path: choose a shorter --socket");
        }
        make_room(&path)?;
        let listener = bind_private(&path).with_context(|| {
            format!("cannot make the socket {shown}: choose a --socket in a folder of yours")
        })?;
        Ok(Self::Unix { listener, path })
    }

    /// Listens at `address`.
    pub fn tcp(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address)
            .with_context(|| format!("cannot listen at {address}: choose another --listen"))?;
        let address = listener.local_addr()?;
        Ok(Self::Tcp { listener, address })
    }

    /// Waits for the next connection.
    pub fn accept(&self) -> io::Result<Socket> {
        match self {
            Self::Unix { listener, .. } => {
                listener.accept().map(|(socket, _)| Socket::Unix(socket))
            }
            Self::Tcp { listener, .. } => {
                let (socket, _) = listener.accept()?;
                // Requests are small and each waits for its answer.
                socket.set_nodelay(true)?;
                Ok(Socket::Tcp(socket))
            }
        }
    }

    /// Makes [`Self::accept`] return once, by connecting. `false` where that is not possible.
    pub fn nudge(&self) -> bool {
        match self {
            Self::Unix { path, .. } => UnixStream::connect(path).is_ok(),
            Self::Tcp { address, .. } => TcpStream::connect(address).is_ok(),
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Unix { path, .. } = self {
            let _ = fs::remove_file(path);
        }
    }
}

/// Removes a socket that a server left behind, and nothing else.
fn make_room(path: &Path) -> Result<()> {
    let Ok(there) = fs::symlink_metadata(path) else { return Ok(()) };
    let shown = path.display();
    if !there.file_type().is_socket() {
        bail!("{shown} is there and is no socket: choose another --socket");
    }
    if UnixStream::connect(path).is_ok() {
        bail!("a server listens at {shown}: end it, or choose another --socket");
    }
    fs::remove_file(path)
        .with_context(|| format!("cannot remove the old socket {shown}: choose another --socket"))
}

/// Bound in a folder that only this user can enter, and moved when its mode is set: so nobody
/// connects before that.
fn bind_private(path: &Path) -> io::Result<UnixListener> {
    let folder = path.with_extension(format!("{}", std::process::id()));
    fs::create_dir(&folder)?;
    let bound = bind_in(&folder, path);
    let _ = fs::remove_dir_all(&folder);
    bound
}

fn bind_in(folder: &Path, path: &Path) -> io::Result<UnixListener> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    let fresh = folder.join("s");
    let listener = UnixListener::bind(&fresh)?;
    fs::set_permissions(&fresh, fs::Permissions::from_mode(0o600))?;
    fs::rename(&fresh, path)?;
    Ok(listener)
}
