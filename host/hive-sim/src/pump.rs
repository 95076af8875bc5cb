//! A connection's bytes: in, to its guest, and out.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::event::{PollFd, PollFlags, poll};
use secure9p_codec::MAX_MSIZE;

use crate::socket::Socket;

/// Bytes that are taken in or put out at a time: several of the longest frames.
const BUFFER: usize = 64 << 10;
/// Room that a reply needs, in bytes.
pub(crate) const REPLY: usize = MAX_MSIZE as usize;

/// What came of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Bytes of the input that were whole frames.
    pub taken: usize,
    /// Bytes of replies.
    pub put: usize,
    /// What to do when they are written.
    pub then: Then,
}

/// What to do after a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Take in more.
    Read,
    /// Call again: there was no room for all replies.
    Again,
    /// Hang up.
    Close,
}

/// What answers the frames of one connection.
pub(crate) trait Guest: Send + 'static {
    /// Answers the whole frames at the front of `input`, with as many replies as fit into `out`,
    /// which has at least [`REPLY`] bytes. A batch that takes nothing and gives nothing says
    /// [`Then::Read`].
    fn answer(&mut self, input: &[u8], out: &mut [u8]) -> Batch;

    /// Where to be told that a request which waits may be done; `None` where none waits.
    fn waits(&self) -> Option<&UnixStream>;
}

/// Serves the connection until it ends.
pub(crate) fn run(socket: &Socket, guest: &mut impl Guest) -> io::Result<()> {
    let mut socket_end = socket;
    let (mut input, mut out) = (vec![0; BUFFER], vec![0; BUFFER]);
    let mut filled = 0;
    loop {
        let told = match guest.waits() {
            Some(teller) => !wait(socket.as_fd(), teller)?,
            None => false,
        };
        if !told {
            // What is left of the last batch is less than a frame, so there is room.
            match socket_end.read(&mut input[filled..]) {
                Ok(0) => return Ok(()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let mut from = 0;
        let then = loop {
            let Batch { taken, put, then } = guest.answer(&input[from..filled], &mut out);
            from += taken;
            if put > 0 {
                socket_end.write_all(&out[..put])?;
            }
            if then != Then::Again {
                break then;
            }
        };
        if then == Then::Close {
            socket.end();
            return Ok(());
        }
        input.copy_within(from..filled, 0);
        filled -= from;
    }
}

/// Waits until the socket can be read, or `teller` says that something changed. Whether it is the
/// socket.
fn wait(socket: BorrowedFd<'_>, mut teller: &UnixStream) -> io::Result<bool> {
    let mut sources = [
        PollFd::from_borrowed_fd(socket, PollFlags::IN),
        PollFd::from_borrowed_fd(teller.as_fd(), PollFlags::IN),
    ];
    loop {
        match poll(&mut sources, None) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => break,
        }
    }
    let [of_socket, of_teller] = sources.map(|source| source.revents());
    if !of_teller.is_empty() {
        // It does not block, and what it says is no more than that it says something.
        let _ = teller.read(&mut [0; 64]);
    }
    Ok(!of_socket.is_empty())
}
