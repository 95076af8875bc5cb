//! How a request is refused: the words of 9P2000 and the errno of 9P2000.L.

use secure9p_codec::Reply;

use crate::Answer;

/// One reason, as each dialect says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// All that `Rerror` says.
    pub ename: &'static str,
    /// What `Rlerror` says: Linux's `asm-generic/errno-base.h` and `errno.h`.
    pub errno: u32,
}

/// Every reason that the cases meet. The words are those that Linux's `net/9p/error.c` maps to the
/// same errno, but where its table has none: those end in our name in parentheses.
pub mod refusals {
    use super::Refusal;

    const fn refusal(ename: &'static str, errno: u32) -> Refusal {
        Refusal { ename, errno }
    }

    /// EPERM: nobody may.
    pub const REFUSED: Refusal = refusal("Operation not permitted", 1);
    /// ENOENT
    pub const NOT_FOUND: Refusal = refusal("file does not exist", 2);
    /// ENOENT: clients of 9P2000.L then attach without.
    pub const NO_AUTH: Refusal = refusal("authentication not required (NoAuth)", 2);
    /// EBADF: the fid went while the request waited.
    pub const CLOSED: Refusal = refusal("Bad file descriptor", 9);
    /// EBADF
    pub const UNKNOWN_FID: Refusal = refusal("fid unknown or out of range", 9);
    /// EBADF
    pub const FID_IN_USE: Refusal = refusal("fid already in use", 9);
    /// EBADF
    pub const BAD_USE: Refusal = refusal("bad use of fid", 9);
    /// EAGAIN
    pub const TOO_MANY_REQUESTS: Refusal = refusal("Resource temporarily unavailable", 11);
    /// EACCES
    pub const PERMISSION: Refusal = refusal("permission denied", 13);
    /// EBUSY
    pub const BUSY: Refusal = refusal("Device or resource busy", 16);
    /// EEXIST
    pub const EXISTS: Refusal = refusal("file already exists", 17);
    /// ENOTDIR
    pub const NOT_DIRECTORY: Refusal = refusal("not a directory", 20);
    /// EISDIR
    pub const IS_DIRECTORY: Refusal = refusal("Is a directory", 21);
    /// EINVAL
    pub const INVALID: Refusal = refusal("Invalid argument", 22);
    /// EMFILE
    pub const TOO_MANY_FIDS: Refusal = refusal("Too many open files", 24);
    /// ESPIPE
    pub const BAD_OFFSET: Refusal = refusal("bad offset in directory read", 29);
    /// ENODATA
    pub const NO_DATA: Refusal = refusal("No data available", 61);
    /// EPROTO: the frame is no message.
    pub const BOTCH: Refusal = refusal("protocol botch", 71);
    /// EPROTO
    pub const BAD_TAG: Refusal = refusal("Protocol error", 71);
    /// EPROTO
    pub const NO_VERSION: Refusal = refusal("version not negotiated (NoVersion)", 71);
    /// EMSGSIZE
    pub const TOO_BIG: Refusal = refusal("Message too long", 90);
    /// EMSGSIZE
    pub const SMALL_MESSAGES: Refusal = refusal("msize too small (SmallMessages)", 90);
    /// EOPNOTSUPP
    pub const UNSUPPORTED: Refusal = refusal("Operation not supported", 95);
}

impl Answer {
    /// Panics unless this says exactly `refusal`.
    #[track_caller]
    pub fn is_refused(&self, refusal: Refusal) {
        match self.reply() {
            Reply::Error { ename } => assert_eq!(ename, refusal.ename),
            Reply::Lerror { ecode } => assert_eq!(ecode, refusal.errno, "{refusal:?}"),
            other => panic!("not refused ({}) but {other:?}", refusal.ename),
        }
    }

    /// Panics unless this says that there is no such message: in 9P2000 with its number.
    #[track_caller]
    pub fn is_no_message(&self, kind: u8) {
        match self.reply() {
            Reply::Error { ename } => {
                assert_eq!(ename, format!("unexpected message type {kind}"));
            }
            Reply::Lerror { ecode } => assert_eq!(ecode, refusals::UNSUPPORTED.errno, "{kind}"),
            other => panic!("type {kind} was answered: {other:?}"),
        }
    }
}
