//! A connection's bytes: in, to its guest, and out.

use std::io::{self, Read, Write};

use secure9p_codec::MAX_MSIZE;

/// Bytes that are taken in or put out at a time: several of the longest frames.
const BUFFER: usize = 64 << 10;
/// Room that a reply needs, in bytes.
pub(crate) const REPLY: usize = MAX_MSIZE as usize;
/// Memory of a pump, in bytes.
pub(crate) const MEMORY: usize = 2 * BUFFER;

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
pub(crate) trait Guest {
    /// Answers the whole frames at the front of `input`, with as many replies as fit into `out`,
    /// which has room for several. What it leaves, where it says [`Then::Read`], is less than a
    /// frame.
    fn answer(&mut self, input: &[u8], out: &mut [u8]) -> Batch;

    /// Waits until it is worth calling [`Self::answer`], with more input or without: whether
    /// there is something to read.
    fn wait(&mut self) -> io::Result<bool> {
        Ok(true)
    }
}

/// Serves a connection until its client goes, or must go.
pub(crate) fn run(
    mut from: impl Read,
    mut to: impl Write,
    guest: &mut impl Guest,
) -> io::Result<()> {
    let (mut input, mut out) = (vec![0; BUFFER], vec![0; BUFFER]);
    let mut filled = 0;
    loop {
        if guest.wait()? {
            // What is left of the last batch is less than a frame, so there is room.
            match from.read(&mut input[filled..]) {
                Ok(0) => return Ok(()),
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
        }
        let mut used = 0;
        let then = loop {
            let Batch { taken, put, then } = guest.answer(&input[used..filled], &mut out);
            used += taken;
            if put > 0 {
                to.write_all(&out[..put])?;
            }
            if then != Then::Again {
                break then;
            }
        };
        if then == Then::Close {
            return Ok(());
        }
        input.copy_within(used..filled, 0);
        filled -= used;
    }
}
