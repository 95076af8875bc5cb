//! The hive's sockets while a VM runs.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use link::{Link, Server};

use crate::qemu::Running;

/// Name of the unix socket in the output folder.
pub const SOCKET: &str = "hive.sock";
/// Most bytes of a unix socket's path on every host (macOS has the fewest).
const LONGEST_PATH: usize = 103;

/// A VM's 9P port, served to clients of this host for as long as it lives.
#[derive(Debug)]
pub struct Hive {
    /// The connection to the VM.
    pub link: Link,
    /// Where clients connect.
    pub socket: PathBuf,
    servers: Vec<Server>,
}

impl Hive {
    /// Serves the VM's port at `out`'s socket and, where `listen` says so, by TCP. `None` where
    /// the VM has no such port.
    pub fn serve(running: &mut Running, out: &Path, listen: Option<&str>) -> Result<Option<Self>> {
        let Some(port) = running.take_link() else {
            if listen.is_some() {
                bail!("--listen: this system has no link to the host");
            }
            return Ok(None);
        };
        let link = Link::start(port).context("cannot greet the VM")?;
        let socket = std::path::absolute(out)?.join(SOCKET);
        if socket.as_os_str().len() > LONGEST_PATH {
            bail!(
                "{} is too long for a socket's path: set COHESIX_OUT to a shorter folder",
                socket.display()
            );
        }
        let unix = link.serve_unix(&socket).with_context(|| {
            format!("cannot serve at {}: set COHESIX_OUT to another folder", socket.display())
        })?;
        let mut servers = vec![unix];
        if let Some(listen) = listen {
            let address = tcp_address(listen);
            let tcp = link.serve_tcp(&address).with_context(|| {
                format!("cannot listen at {address}: give --listen PORT or ADDRESS:PORT")
            })?;
            servers.push(tcp);
        }
        Ok(Some(Self { link, socket, servers }))
    }

    /// Where TCP clients connect.
    #[must_use]
    pub fn tcp(&self) -> Option<std::net::SocketAddr> {
        self.servers.iter().find_map(Server::address)
    }
}

/// A port alone means this host only.
fn tcp_address(listen: &str) -> String {
    if listen.contains(':') { listen.to_owned() } else { format!("127.0.0.1:{listen}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_alone_is_loopback() {
        assert_eq!(tcp_address("5640"), "127.0.0.1:5640");
        assert_eq!(tcp_address("0.0.0.0:5640"), "0.0.0.0:5640");
        assert_eq!(tcp_address("[::1]:5640"), "[::1]:5640");
    }
}
