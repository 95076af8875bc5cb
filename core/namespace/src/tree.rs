//! The tree as a connection serves it.

use core::fmt;
use core::time::Duration;

use secure9p_codec::{Name, Qid};
use secure9p_core::{
    Access, AccessPolicy, ConnectionId, Counters, Entry, Error, FileName, Found, OpenMode, Read,
    Stat, Tree, Write,
};

use crate::control::{Refusal, Writer};
use crate::nodes::{Kind, Node};
use crate::policy::{self, Role};
use crate::sessions::SessionId;
use crate::text::{Count, Line, Slice};
use crate::{Host, Namespace, window};

/// What is kept for an open file.
#[derive(Debug)]
pub enum Open {
    /// Nothing: it is written when it is read.
    Text,
    /// The offset in the window that the file's offset 0 stands for.
    Window(u64),
    /// An unfinished control line.
    Control(Writer),
}

impl From<window::Error> for Error {
    fn from(error: window::Error) -> Self {
        match error {
            window::Error::Lost(bytes) => Self::Lost(bytes),
            window::Error::TooBig => Self::TooBig,
        }
    }
}

impl<H: Host> Namespace<H> {
    fn found(&mut self, node: Node) -> Found<Node> {
        let kind = match node.kind() {
            Kind::Directory => Qid::DIRECTORY,
            Kind::Text => Qid::FILE,
            Kind::Append => Qid::APPEND,
        };
        Found { node, qid: Qid { kind, version: self.version(node), path: node.number() } }
    }

    /// Changes when the file does.
    fn version(&mut self, node: Node) -> u32 {
        match node {
            Node::QueenLog => self.log.version(),
            Node::Events => self.changes,
            // These may have changed since the last look.
            Node::Memory | Node::Sessions => {
                self.looks = self.looks.wrapping_add(1);
                self.looks
            }
            _ => 0,
        }
    }

    /// Writes the text of a file that is written when it is read.
    fn render(&mut self, node: Node, text: &mut dyn fmt::Write) -> fmt::Result {
        match node {
            Node::Boot => text.write_str(self.host.boot()),
            Node::Memory => self.host.memory(text),
            Node::Sessions => self.sessions.write(text),
            _ => Ok(()),
        }
    }

    /// What a fresh open could read at once.
    fn length(&mut self, node: Node) -> u64 {
        match node {
            Node::QueenLog => self.log.len(),
            Node::Boot => self.host.boot().len() as u64,
            Node::Memory | Node::Sessions => {
                let mut count = Count::default();
                // Counting never fails.
                let _ = self.render(node, &mut count);
                count.0
            }
            // Events come after the open, and commands are only written.
            _ => 0,
        }
    }

    fn describe(&mut self, role: Role, node: Node) -> Stat {
        let mut name = FileName::new();
        // The table's names are shorter than any limit.
        let _ = name.push_str(node.name());
        Stat {
            qid: self.found(node).qid,
            permissions: policy::permissions(role, node),
            length: self.length(node),
            // Since 1970 is not known before somebody tells the time: the system's start counts.
            modified: self.host.now().min(Duration::from_secs(u32::MAX.into())),
            name,
        }
    }

    /// Accepts control lines. Acting on them comes with the queen's commands; until then each is
    /// logged. A blank line is no command.
    fn control(&mut self, by: ConnectionId, writer: &mut Writer, data: &[u8]) -> Result<(), Error> {
        let Self { joiners, log, .. } = self;
        let mut accepted = 0;
        let written = joiners.write(by, writer, data, |bytes| {
            if bytes.trim_ascii().is_empty() {
                return;
            }
            let mut line = Line::new();
            // What is too long for a line of the log is cut there.
            let _ = fmt::Write::write_str(&mut line, "ctl: ");
            for piece in bytes.utf8_chunks() {
                let _ = fmt::Write::write_str(&mut line, piece.valid());
                if !piece.invalid().is_empty() {
                    let _ = fmt::Write::write_char(&mut line, char::REPLACEMENT_CHARACTER);
                }
            }
            if log.append(line.finish()).is_ok() {
                accepted += 1;
            }
        });
        if let Err(refusal) = written {
            let why = match refusal {
                Refusal::Long => "a line is too long",
                Refusal::Second => "another line of the connection is unfinished",
                Refusal::Full => "too many unfinished lines",
            };
            self.log(format_args!("ctl refused: {why}"));
            return Err(refusal.into());
        }
        if accepted > 0 {
            self.changed(Node::QueenLog, self.log.len());
        }
        Ok(())
    }

    /// Nobody will end the line that `writer` has begun.
    fn end_control(&mut self, writer: Writer) {
        if self.joiners.close(writer) {
            self.log(format_args!("ctl refused: a line did not end"));
        }
    }
}

impl<H: Host> AccessPolicy for Namespace<H> {
    type Session = SessionId;
    type Node = Node;

    fn allow(&mut self, session: SessionId, node: Node, access: Access) -> Result<(), Error> {
        policy::allow(self.sessions.operation(session)?, node, access)
    }
}

impl<H: Host> Tree for Namespace<H> {
    type Open = Open;

    fn attach(
        &mut self,
        connection: ConnectionId,
        uname: &str,
        aname: &str,
    ) -> Result<(SessionId, Found<Node>), Error> {
        if !matches!(aname, "" | "/") {
            return Err(Error::NotFound);
        }
        // Whoever may connect is the queen until tickets say who is who, but for those whose
        // connection has another role.
        let session = self.sessions.add(connection, uname)?;
        Ok((session, self.found(Node::Root)))
    }

    fn detach(&mut self, session: SessionId) {
        self.sessions.remove(session);
    }

    fn served(&mut self, connection: ConnectionId, counters: &Counters, fids: usize) {
        self.sessions.served(connection, counters, fids);
    }

    fn walk(
        &mut self,
        session: SessionId,
        from: Node,
        name: Name<'_>,
    ) -> Result<Found<Node>, Error> {
        let role = self.sessions.role(session)?;
        let node = match name.as_bytes() {
            b".." => Some(from.parent()),
            name => from.child(name),
        };
        let node = node.filter(|node| policy::may_see(role, *node)).ok_or(Error::NotFound)?;
        Ok(self.found(node))
    }

    fn stat(&mut self, session: SessionId, node: Node) -> Result<Stat, Error> {
        let role = self.sessions.role(session)?;
        Ok(self.describe(role, node))
    }

    fn open(&mut self, session: SessionId, node: Node, mode: OpenMode) -> Result<Open, Error> {
        self.sessions.opened(session)?;
        match node {
            Node::QueenLog => Ok(Open::Window(self.log.start())),
            // A reader of events hears of what happens from now on.
            Node::Events => {
                self.listeners = self.listeners.saturating_add(1);
                Ok(Open::Window(self.events.start() + self.events.len()))
            }
            Node::Control if mode.write => Ok(Open::Control(Writer::Whole)),
            _ => Ok(Open::Text),
        }
    }

    fn read(
        &mut self,
        _: SessionId,
        node: Node,
        open: &mut Open,
        offset: u64,
        into: &mut [u8],
    ) -> Result<Read, Error> {
        let count = match (node, open) {
            (Node::QueenLog, Open::Window(base)) => self.log.read(*base + offset, into)?,
            (Node::Events, Open::Window(base)) => match self.events.read(*base + offset, into)? {
                0 => return Ok(Read::Wait),
                count => count,
            },
            // Commands are written, and read in the log.
            (Node::Control, _) => 0,
            _ => {
                let mut slice = Slice::new(offset, into);
                // A slice takes everything.
                let _ = self.render(node, &mut slice);
                slice.used()
            }
        };
        Ok(Read::Bytes(count))
    }

    fn write(
        &mut self,
        session: SessionId,
        node: Node,
        open: &mut Open,
        data: &[u8],
    ) -> Result<Write, Error> {
        match (node, open) {
            (Node::QueenLog, _) => {
                self.log.append(data)?;
                self.changed(node, self.log.len());
            }
            (Node::Control, Open::Control(writer)) => {
                let by = self.sessions.connection(session)?;
                self.control(by, writer, data)?;
            }
            _ => return Err(Error::Invalid),
        }
        Ok(Write::Done(data.len() as u32))
    }

    fn entry(
        &mut self,
        session: SessionId,
        node: Node,
        place: u64,
    ) -> Result<Option<Entry>, Error> {
        let role = self.sessions.role(session)?;
        let next = node.children(place).find(|child| policy::may_see(role, *child));
        Ok(next.map(|child| Entry { stat: self.describe(role, child), next: child.number() }))
    }

    fn set_length(&mut self, _: SessionId, node: Node, _: u64) -> Result<(), Error> {
        match node.kind() {
            Kind::Append => Ok(()),
            Kind::Directory | Kind::Text => Err(Error::Permission),
        }
    }

    fn close(&mut self, session: SessionId, node: Node, open: Open) {
        self.sessions.closed(session);
        match (node, open) {
            (Node::Events, _) => self.listeners = self.listeners.saturating_sub(1),
            (_, Open::Control(writer)) => self.end_control(writer),
            _ => {}
        }
    }
}
