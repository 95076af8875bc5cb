//! A reply as it came.

use secure9p_codec::{Dialect, Reply, decode_reply};

/// One whole reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    dialect: Dialect,
    frame: Vec<u8>,
}

impl Answer {
    /// `frame` in `dialect`.
    #[must_use]
    pub fn new(dialect: Dialect, frame: Vec<u8>) -> Self {
        Self { dialect, frame }
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.frame
    }

    /// The request that it answers.
    #[must_use]
    pub fn tag(&self) -> u16 {
        u16::from_le_bytes([self.frame[5], self.frame[6]])
    }

    /// What it says; panics where that is no reply of the dialect.
    #[track_caller]
    #[must_use]
    pub fn reply(&self) -> Reply<'_> {
        match decode_reply(self.dialect, &self.frame) {
            Ok((_, reply)) => reply,
            Err(error) => panic!("{error}: {:?}", self.frame),
        }
    }

    /// The bytes of an `Rread`.
    #[track_caller]
    #[must_use]
    pub fn data(&self) -> &[u8] {
        match self.reply() {
            Reply::Read { data } => data,
            other => panic!("no Rread: {other:?}"),
        }
    }
}
