//! 9P between a process and NineDoor inside the VM.
//!
//! The two share a region: behind its page of words lie [`MAX_FRAME`] bytes for a request and as
//! many for a reply. The client writes a frame and calls NineDoor; the answer says how long the
//! reply is, or that it is not there yet. Then NineDoor rings when it is worth asking again.

/// Most bytes of a frame.
pub const MAX_FRAME: usize = 8192;
/// Size of the region in bytes.
pub const REGION_SIZE: usize = 4096 + 2 * MAX_FRAME;

/// What a client asks; the label of its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Request {
    /// Word 0: length of the frame in the region.
    Frame = 1,
    /// Is a reply to an earlier frame there?
    Poll = 2,
}

impl Request {
    /// Reads a call's label.
    #[must_use]
    pub fn from_label(label: u64) -> Option<Self> {
        [Self::Frame, Self::Poll].into_iter().find(|request| *request as u64 == label)
    }
}

/// How NineDoor answers; the label of its answer. From 512 on, apart from the kernel's errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Answer {
    /// Word 0: length of the reply in the region.
    Reply = 0x200,
    /// No reply yet.
    Pending = 0x201,
    /// The connection is closed: the frame was none, or the client has no region.
    Closed = 0x202,
}

impl Answer {
    /// Reads an answer's label; what NineDoor never sends counts as [`Answer::Closed`].
    #[must_use]
    pub fn from_label(label: u64) -> Self {
        let known = [Self::Reply, Self::Pending].into_iter().find(|answer| *answer as u64 == label);
        known.unwrap_or(Self::Closed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_read_back() {
        for request in [Request::Frame, Request::Poll] {
            assert_eq!(Request::from_label(request as u64), Some(request));
        }
        assert_eq!(Request::from_label(0), None);
        for answer in [Answer::Reply, Answer::Pending, Answer::Closed] {
            assert_eq!(Answer::from_label(answer as u64), answer);
        }
        // The kernel's own answer to a call that reached nobody.
        assert_eq!(Answer::from_label(2), Answer::Closed);
    }
}
