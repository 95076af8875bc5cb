//! Sockets that clients connect to, and connections that were made.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

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
    Unix { listener: UnixListener, path: PathBuf },
    Tcp { listener: TcpListener, address: SocketAddr },
}

impl Listener {
    /// Listens at `path`, which only this user may open.
    pub fn unix(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        if path.as_os_str().len() > LONGEST_PATH {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path is too long"));
        }
        make_room(&path)?;
        Ok(Self::Unix { listener: bind_private(&path)?, path })
    }

    /// Listens at `address`.
    pub fn tcp(address: impl ToSocketAddrs) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        Ok(Self::Tcp { listener, address })
    }

    /// The address, where it has one.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Unix { .. } => None,
            Self::Tcp { address, .. } => Some(*address),
        }
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

    /// Removes it from the file system.
    pub fn remove(&self) {
        if let Self::Unix { path, .. } = self {
            let _ = fs::remove_file(path);
        }
    }
}

/// Removes a socket that a server left behind, and nothing else.
fn make_room(path: &Path) -> io::Result<()> {
    let Ok(there) = fs::symlink_metadata(path) else { return Ok(()) };
    let in_use = |why| Err(io::Error::new(io::ErrorKind::AddrInUse, why));
    if !there.file_type().is_socket() {
        return in_use("something is there that is no socket");
    }
    if UnixStream::connect(path).is_ok() {
        return in_use("a server listens there already");
    }
    fs::remove_file(path)
}

/// Bound in a folder that only this user can enter, and moved when its mode is set: so nobody
/// connects before that.
fn bind_private(path: &Path) -> io::Result<UnixListener> {
    let folder = path.with_extension(std::process::id().to_string());
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
