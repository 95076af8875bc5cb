//! A server that does nothing: it parses frames and answers constants, in 9P2000.L.
//!
//! What a 9P server costs at least on this host, for benchmarks: the difference to it is the
//! simulator's own work.

use std::io::{self, Read, Write};

use secure9p_codec::{
    ATTR_LENGTH, Attr, Dialect, EncodeError, MAX_MSIZE, Qid, READ_HEADER, Reply, Request, Tag,
    WalkReply, decode_request, encode_reply, frame_length, seal_read,
};

use crate::pump::{self, Batch, Guest, REPLY, Then};

const QID: Qid = Qid { kind: Qid::FILE, version: 1, path: 1 };
/// `EOPNOTSUPP` of Linux's `errno.h`.
const NOT_DONE: u32 = 95;

/// Answers a client until it goes or sends what is no message.
///
/// # Errors
/// Those of the socket.
pub fn serve(input: impl Read, socket: impl Write) -> io::Result<()> {
    pump::run(input, socket, &mut Null)
}

struct Null;

impl Guest for Null {
    fn answer(&mut self, input: &[u8], out: &mut [u8]) -> Batch {
        let (mut taken, mut put) = (0, 0);
        let then = loop {
            let rest = &input[taken..];
            let frame = match frame_length(rest, MAX_MSIZE) {
                Ok(Some(length)) if length <= rest.len() => &rest[..length],
                Ok(_) => break Then::Read,
                Err(_) => break Then::Close,
            };
            let Some(reply) = out.get_mut(put..put + REPLY) else { break Then::Again };
            taken += frame.len();
            match reply_to(frame, reply) {
                Some(length) => put += length,
                None => break Then::Close,
            }
        };
        Batch { taken, put, then }
    }
}

fn reply_to(frame: &[u8], out: &mut [u8]) -> Option<usize> {
    let (tag, request) = decode_request(Dialect::Linux, frame).ok()?;
    constant(tag, &request, out).ok()
}

fn constant(tag: Tag, request: &Request<'_>, out: &mut [u8]) -> Result<usize, EncodeError> {
    let mut record = [0; ATTR_LENGTH];
    let reply = match request {
        Request::Version { msize, .. } => {
            Reply::Version { msize: (*msize).min(MAX_MSIZE), version: Dialect::Linux.version() }
        }
        Request::Attach { .. } => Reply::Attach { qid: QID },
        Request::Walk { names, .. } => {
            let mut walked = WalkReply::new(out);
            for _ in 0..names.len() {
                walked.push(QID)?;
            }
            return walked.seal(tag);
        }
        Request::Lopen { .. } => Reply::Lopen { qid: QID, iounit: 0 },
        Request::Getattr { .. } => {
            let attr = Attr { qid: QID, size: 1, ..Attr::default() };
            Reply::Getattr { attr: attr.record(&mut record)? }
        }
        Request::Read { count, .. } => {
            // The bytes are whatever the buffer has.
            let most = out.len().saturating_sub(READ_HEADER);
            return seal_read(tag, most.min(*count as usize), out);
        }
        Request::Write { data, .. } => Reply::Write { count: data.len() as u32 },
        Request::Clunk { .. } => Reply::Clunk,
        Request::Flush { .. } => Reply::Flush,
        _ => Reply::Lerror { ecode: NOT_DONE },
    };
    encode_reply(Dialect::Linux, tag, &reply, out)
}
