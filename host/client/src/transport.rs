//! One request and its answer over a stream.

use std::io::{self, ErrorKind, Read, Write};
use std::ops::Range;

use secure9p_codec::{
    Dialect, MAX_MSIZE, Reply, Request, Tag, decode_reply, encode_request, frame_length, header,
};

use crate::error::{Errno, Error, Result};

/// The only dialect here.
const DIALECT: Dialect = Dialect::Linux;
/// Bytes of the longest frame that is taken or sent.
const FRAME: usize = MAX_MSIZE as usize;
/// Tag of the request.
const REQUEST: Tag = Tag(0);
/// Tag of the flush of it.
const FLUSH: Tag = Tag(1);

/// The reply does not answer the request.
pub(crate) fn unexpected(reply: &Reply<'_>) -> Error {
    Error::Protocol(format!("message {} does not answer the request", reply.kind()))
}

/// The stream does not work. That the peer is gone is told in several ways.
fn broken(error: io::Error) -> Error {
    match error.kind() {
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => {
            Error::HungUp
        }
        _ => Error::Link(error),
    }
}

/// A stream with a request at a time.
#[derive(Debug)]
pub(crate) struct Transport<S> {
    stream: S,
    output: Box<[u8]>,
    input: Box<[u8]>,
    /// Where in `input` the bytes are that were received and not yet looked at.
    left: Range<usize>,
    /// Largest frame that both sides take, in bytes.
    limit: u32,
    /// Nothing more can be asked.
    ended: bool,
}

impl<S: Read + Write> Transport<S> {
    pub fn new(stream: S) -> Self {
        let buffer = || vec![0; FRAME].into_boxed_slice();
        Self {
            stream,
            output: buffer(),
            input: buffer(),
            left: 0..0,
            limit: MAX_MSIZE,
            ended: false,
        }
    }

    pub fn stream_mut(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Largest frame that both sides take, in bytes.
    pub fn limit(&self) -> u32 {
        self.limit
    }

    pub fn set_limit(&mut self, limit: u32) {
        self.limit = limit.min(MAX_MSIZE);
    }

    /// Sends `request` and waits for its answer.
    ///
    /// # Errors
    /// [`Error::Refused`] where the answer is one, too.
    pub fn ask(&mut self, request: &Request<'_>) -> Result<Reply<'_>> {
        if self.ended {
            return Err(Error::HungUp);
        }
        let frame = match self.exchange(request) {
            Ok(frame) => frame,
            Err(error) => {
                self.ended = error.ends_connection();
                return Err(error);
            }
        };
        let frame = self.input.get(frame).unwrap_or_default();
        match decode_reply(DIALECT, frame) {
            Ok((_, Reply::Lerror { ecode })) => Err(Error::Refused(Errno(ecode))),
            // The type of an answer is the request's and one.
            Ok((_, reply)) if reply.kind() == request.kind() + 1 => Ok(reply),
            Ok((_, reply)) => {
                self.ended = true;
                Err(unexpected(&reply))
            }
            Err(error) => {
                self.ended = true;
                Err(Error::Protocol(error.to_string()))
            }
        }
    }

    /// Sends `request` and waits for the frame that answers it.
    fn exchange(&mut self, request: &Request<'_>) -> Result<Range<usize>> {
        let tag = match request {
            Request::Version { .. } => Tag::NONE,
            _ => REQUEST,
        };
        self.send(tag, request)?;
        match self.receive(tag, None) {
            Err(Error::Interrupted) => Err(self.give_up(tag)),
            answered => answered,
        }
    }

    /// Flushes the request `tag`. Its answer may still come before the flush's and is no longer
    /// wanted. Who interrupts this wait, too, gives the connection up.
    fn give_up(&mut self, tag: Tag) -> Error {
        let flushed = self
            .send(FLUSH, &Request::Flush { oldtag: tag })
            .and_then(|()| self.receive(FLUSH, Some(tag)));
        match flushed {
            Ok(_) => Error::Interrupted,
            Err(Error::Interrupted) => Error::Link(ErrorKind::Interrupted.into()),
            Err(error) => error,
        }
    }

    fn send(&mut self, tag: Tag, request: &Request<'_>) -> Result<()> {
        let limit = usize::try_from(self.limit).unwrap_or(FRAME).min(FRAME);
        let room = self.output.get_mut(..limit).unwrap_or_default();
        let length = encode_request(DIALECT, tag, request, room)
            .map_err(|_| Error::Path("too long for one message, or with a NUL"))?;
        let frame = self.output.get(..length).unwrap_or_default();
        self.stream.write_all(frame).and_then(|()| self.stream.flush()).map_err(broken)
    }

    /// Waits for the frame with this tag; those with the tag `unwanted` are dropped.
    fn receive(&mut self, tag: Tag, unwanted: Option<Tag>) -> Result<Range<usize>> {
        loop {
            let range = self.frame()?;
            let frame = self.input.get(range.clone()).unwrap_or_default();
            let (header, _) = header(frame).map_err(|error| Error::Protocol(error.to_string()))?;
            if header.tag == tag {
                return Ok(range);
            }
            if Some(header.tag) != unwanted {
                let message = format!("it has the tag {} of no request", header.tag.0);
                return Err(Error::Protocol(message));
            }
        }
    }

    /// The next whole frame. Where the wait is interrupted nothing of it is lost.
    fn frame(&mut self) -> Result<Range<usize>> {
        loop {
            let there = self.input.get(self.left.clone()).unwrap_or_default();
            let length = frame_length(there, self.limit)
                .map_err(|error| Error::Protocol(error.to_string()))?;
            if let Some(length) = length.filter(|length| *length <= there.len()) {
                let range = self.left.start..self.left.start + length;
                self.left.start = range.end;
                return Ok(range);
            }
            // Less than a frame is left, so at the front there is room for the rest of it.
            self.input.copy_within(self.left.clone(), 0);
            self.left = 0..self.left.len();
            let room = self.input.get_mut(self.left.end..).unwrap_or_default();
            match self.stream.read(room) {
                Ok(0) => return Err(Error::HungUp),
                Ok(count) => self.left.end += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {
                    return Err(Error::Interrupted);
                }
                Err(error) => return Err(broken(error)),
            }
        }
    }
}
