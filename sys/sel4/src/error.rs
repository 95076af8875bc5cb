//! Errors as the kernel reports them.

/// Result of an invocation.
pub type Result<T> = core::result::Result<T, Error>;

/// `seL4_Error` (reference manual, "Errors"): the label of an invocation's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// A non-capability argument is wrong.
    InvalidArgument,
    /// A capability argument is wrong.
    InvalidCapability,
    /// The operation is not for this object in this state.
    IllegalOperation,
    /// An argument is out of range.
    RangeError,
    /// An address is misaligned.
    AlignmentError,
    /// A slot or a paging level is missing; the message's third word counts the bits left.
    FailedLookup,
    /// Too few words or capabilities.
    TruncatedMessage,
    /// The destination is not empty.
    DeleteFirst,
    /// The object still has children.
    RevokeFirst,
    /// The untyped is too small.
    NotEnoughMemory,
    /// A number that seL4 does not define.
    Unknown(u64),
}

impl Error {
    /// Reads the label of an answer.
    pub const fn from_label(label: u64) -> Result<()> {
        Err(match label {
            0 => return Ok(()),
            1 => Self::InvalidArgument,
            2 => Self::InvalidCapability,
            3 => Self::IllegalOperation,
            4 => Self::RangeError,
            5 => Self::AlignmentError,
            6 => Self::FailedLookup,
            7 => Self::TruncatedMessage,
            8 => Self::DeleteFirst,
            9 => Self::RevokeFirst,
            10 => Self::NotEnoughMemory,
            other => Self::Unknown(other),
        })
    }
}
