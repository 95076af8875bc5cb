//! The target that plays what a client sends on one connection, to its end.
//!
//! The bytes are frames one after the other. A frame of type 0, which no dialect has, is not sent:
//! its first byte of body says what happens in the tree at this point ([`Event`]).
//!
//! Held to: every frame is answered, waits, or ends the connection for broken framing alone; an
//! answer has the request's tag, is its reply or an error of the dialect, and is within the
//! negotiated size; what waited is answered once, and not at all after its flush; a read gives no
//! more than was asked for; when the client has gone the tree holds nothing of it. The tree behind
//! it checks the rest ([`crate::world`]).

use std::collections::HashMap;

use secure9p_codec::{
    Dialect, FrameError, MAX_MSIZE, Reply, Request, Tag, decode_reply, decode_request, frame_length,
};
use secure9p_core::model::Model;
use secure9p_core::{CloseReason, Connection, ConnectionId, Outcome};

use crate::hive::Hive;
use crate::world::{Event, World};

const FIDS: usize = 16;
const WAITING: usize = 4;

/// How a session went, so that a run can show that it reached something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tally {
    /// Frames sent.
    pub frames: u64,
    /// Answered with what was asked for.
    pub answered: u64,
    /// Refused.
    pub refused: u64,
    /// Requests that waited.
    pub waited: u64,
    /// Connections ended for broken framing.
    pub closed: u64,
}

struct Session<W: World> {
    connection: Connection<W, FIDS, WAITING>,
    /// Not on the stack: the system's tree is larger than a test's thread likes.
    tree: Box<W>,
    reply: Vec<u8>,
    /// Requests that wait, and the most bytes that they asked for.
    waiting: HashMap<Tag, usize>,
    tally: Tally,
}

/// Plays `data` to the model tree and hangs up.
///
/// # Panics
/// Where something is wrong.
pub fn fuzz_session(data: &[u8]) -> Tally {
    play(data, Box::new(Model::new()))
}

/// Plays `data` to the tree that the system serves and hangs up.
///
/// # Panics
/// Where something is wrong.
pub fn fuzz_hive(data: &[u8]) -> Tally {
    play(data, Box::new(Hive::new()))
}

fn play(data: &[u8], tree: Box<impl World>) -> Tally {
    let mut session = Session {
        connection: Connection::new(ConnectionId(1)),
        tree,
        reply: vec![0; MAX_MSIZE as usize],
        waiting: HashMap::new(),
        tally: Tally::default(),
    };
    let mut rest = data;
    while let Ok(Some(length)) = frame_length(rest, session.connection.limit()) {
        let Some((frame, behind)) = rest.split_at_checked(length) else { break };
        rest = behind;
        match frame {
            [_, _, _, _, 0, _, _, event, ..] => session.tree.happen(Event::of(*event)),
            frame => session.send(frame),
        }
        session.poll();
        session.check();
    }
    session.hang_up(rest)
}

impl<W: World> Session<W> {
    fn send(&mut self, frame: &[u8]) {
        self.tally.frames += 1;
        self.tree.begin();
        let before = self.connection.dialect();
        let request = decode_request(before.unwrap_or(Dialect::Plan9), frame).ok();
        let (kind, tag) = (frame[4], Tag(u16::from_le_bytes([frame[5], frame[6]])));
        match self.connection.handle(frame, &mut self.tree, &mut self.reply) {
            Outcome::Close(reason) => panic!("a whole frame ended the connection: {reason:?}"),
            Outcome::Pending => {
                self.tally.waited += 1;
                let most = match request {
                    Some((_, Request::Read { count, .. })) => count as usize,
                    Some((_, Request::Write { data, .. })) => data.len(),
                    other => panic!("{other:?} waits"),
                };
                assert!(self.waiting.insert(tag, most).is_none(), "two requests of {tag:?} wait");
            }
            Outcome::Reply(length) => {
                let (refused, version) = self.check_reply(length, before, kind, tag);
                if refused {
                    self.tally.refused += 1;
                } else {
                    self.tally.answered += 1;
                }
                match request {
                    Some((_, Request::Flush { oldtag })) if !refused => {
                        self.waiting.remove(&oldtag);
                    }
                    Some((_, Request::Version { .. })) if version || refused => {
                        self.waiting.clear();
                    }
                    Some((_, Request::Read { count, .. })) if !refused => {
                        assert!(length <= 11 + count as usize, "more than was asked for");
                    }
                    _ => {}
                }
            }
        }
    }

    /// Checks an answer; says whether it refuses, and whether it is an `Rversion`.
    fn check_reply(
        &self,
        length: usize,
        before: Option<Dialect>,
        kind: u8,
        tag: Tag,
    ) -> (bool, bool) {
        let limit = (self.connection.limit() as usize).min(self.reply.len());
        let reply = self.reply.get(..length).expect("within the buffer");
        assert!(length <= limit, "longer than agreed");
        // A refused version may be answered in the dialect that it asked for.
        let dialects = match (before, self.connection.dialect()) {
            (Some(dialect), Some(_)) => vec![dialect],
            _ => vec![Dialect::Plan9, Dialect::Linux],
        };
        let decoded = dialects.iter().find_map(|dialect| decode_reply(*dialect, reply).ok());
        let (to, decoded) = decoded.expect("a reply");
        assert_eq!(to, tag, "another request's answer");
        let refused = matches!(decoded, Reply::Error { .. } | Reply::Lerror { .. });
        assert!(refused || decoded.kind() == kind.wrapping_add(1), "{decoded:?} to {kind}");
        (refused, matches!(decoded, Reply::Version { .. }))
    }

    /// Takes the answers to requests that waited.
    fn poll(&mut self) {
        loop {
            self.tree.begin();
            let polled = self.connection.poll(&mut self.tree, &mut self.reply);
            let Some(length) = polled else { return };
            let dialect = self.connection.dialect().expect("something waited");
            assert!(length <= self.connection.limit() as usize, "longer than agreed");
            let (tag, reply) = decode_reply(dialect, &self.reply[..length]).expect("a reply");
            let most = self.waiting.remove(&tag).expect("an answer to what waits");
            match reply {
                Reply::Read { data } => assert!(data.len() <= most, "more than was asked for"),
                Reply::Write { count } => assert!(count as usize <= most, "more than was given"),
                Reply::Error { .. } | Reply::Lerror { .. } => {}
                other => panic!("{other:?} after waiting"),
            }
        }
    }

    fn check(&self) {
        assert!(self.connection.fids() <= FIDS && self.connection.waiting() <= WAITING);
        assert_eq!(self.connection.waiting(), self.waiting.len(), "what waits is lost");
        self.tree.check(self.connection.fids());
    }

    /// Sends what is left, which is no frame, and hangs up.
    fn hang_up(mut self, rest: &[u8]) -> Tally {
        self.tree.begin();
        if !rest.is_empty() {
            match self.connection.handle(rest, &mut self.tree, &mut self.reply) {
                Outcome::Close(CloseReason::Frame(
                    FrameError::Short | FrameError::Size | FrameError::Long,
                )) => self.tally.closed += 1,
                other => panic!("{other:?} to what is no frame"),
            }
        }
        self.connection.close(&mut self.tree);
        assert_eq!((self.connection.fids(), self.connection.waiting()), (0, 0));
        self.tree.happen(Event::Grow);
        assert_eq!(self.connection.poll(&mut self.tree, &mut self.reply), None);
        self.tree.check_empty();
        self.tally
    }
}
