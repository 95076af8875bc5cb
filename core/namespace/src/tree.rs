//! The tree as a connection serves it.

use core::borrow::BorrowMut;
use core::fmt;
use core::time::Duration;

use secure9p_codec::{Name, Qid};
use secure9p_core::{
    Access, AccessPolicy, ConnectionId, Counters, Entry, Error, Found, OpenMode, Read, Stat, Tree,
    Turn, Write,
};

use crate::gpus::{DeviceId, Gpus};
use crate::host::{Host, Reason};
use crate::joiner::{Line, Writer};
use crate::nodes::{File, Fixed, Kind, Node, Part};
use crate::sessions::SessionId;
use crate::text::{Count, Slice};
use crate::workers::{Place, WorkerId};
use crate::{Current, Namespace, window};

/// What is kept for an open file.
#[derive(Debug)]
pub enum Open {
    /// Nothing: it is written when it is read.
    Text,
    /// The offset in the window that the file's offset 0 stands for.
    Window(u64),
    /// An unfinished control line.
    Control(Writer),
    /// The lease that a GPU's job file was opened with.
    Lease(u32),
}

impl From<window::Error> for Error {
    fn from(error: window::Error) -> Self {
        match error {
            window::Error::Lost(bytes) => Self::Lost(bytes),
            window::Error::TooBig => Self::TooBig,
        }
    }
}

impl<H, P, L, G> Namespace<H, P, L, G>
where
    H: Host,
    P: BorrowMut<[Place]>,
    L: BorrowMut<[Line]>,
    G: BorrowMut<Gpus>,
{
    fn found(&mut self, node: Node) -> Found<Node> {
        let kind = match node.file.kind() {
            Kind::Directory => Qid::DIRECTORY,
            Kind::Text => Qid::FILE,
            Kind::Append => Qid::APPEND,
        };
        let qid = Qid { kind, version: self.version(node.file), path: node.file.number() };
        Found { node, qid }
    }

    fn worker(&self, worker: WorkerId) -> Result<&Place, Error> {
        self.workers.place(worker).ok_or(Error::Closed)
    }

    /// Changes when the file does.
    fn version(&mut self, file: File) -> u32 {
        match file {
            File::Fixed(Fixed::QueenLog) => self.log.version(),
            File::Fixed(Fixed::Events) => self.changes,
            File::Fixed(Fixed::Workers) => self.workers.living().version(),
            // It never changes.
            File::Fixed(Fixed::Boot) => 0,
            // These may have changed since the last look.
            File::Fixed(fixed) if fixed.kind() == Kind::Text => {
                self.looks = self.looks.wrapping_add(1);
                self.looks
            }
            File::Fixed(Fixed::Gpus) => self.gpus.borrow().version(),
            File::OfGpu(_, Part::Info) => {
                self.looks = self.looks.wrapping_add(1);
                self.looks
            }
            File::Fixed(_) | File::Worker(_) | File::Gpu(_) | File::OfGpu(_, Part::Control) => 0,
            File::Telemetry(worker) => {
                self.worker(worker).map_or(0, |place| place.telemetry().version())
            }
            File::Tasks(worker) => {
                self.gpus.borrow().tasks(worker).map_or(0, |tasks| tasks.version())
            }
            File::OfGpu(device, Part::Job) => {
                self.gpus.borrow().room(device).map_or(0, |room| room.orders().version())
            }
            File::OfGpu(device, Part::Status) => {
                self.gpus.borrow().room(device).map_or(0, |room| room.status().version())
            }
        }
    }

    /// Writes the text of a file that is written when it is read.
    fn render(&mut self, id: SessionId, file: File, text: &mut dyn fmt::Write) -> fmt::Result {
        let now = self.host.now();
        match file {
            File::Fixed(Fixed::Boot) => text.write_str(self.host.boot()),
            File::Fixed(Fixed::Memory) => self.host.memory(text),
            File::Fixed(Fixed::Caps) => self.host.capabilities(text),
            File::Fixed(Fixed::Sched) => {
                self.host.schedule(text)?;
                self.workers.write(now, text)
            }
            File::Fixed(Fixed::Sessions) => self.sessions.write(now, text),
            File::Fixed(Fixed::Own) => {
                let Ok(session) = self.sessions.get(id) else { return Ok(()) };
                session.write(now, text)?;
                text.write_char('\n')
            }
            File::Fixed(Fixed::Last) => match self.sessions.get(id) {
                Ok(session) if session.last != 0 => {
                    writeln!(text, "{}", control::WorkerId(session.last))
                }
                _ => Ok(()),
            },
            File::OfGpu(device, Part::Info) => self.gpus.borrow().write_info(device, text),
            _ => Ok(()),
        }
    }

    /// What a fresh open could read at once.
    fn length(&mut self, id: SessionId, file: File) -> u64 {
        match file {
            File::Fixed(Fixed::QueenLog) => self.log.len(),
            File::Fixed(Fixed::Boot) => self.host.boot().len() as u64,
            File::Telemetry(worker) => {
                self.worker(worker).map_or(0, |place| place.telemetry().len())
            }
            File::Tasks(worker) => self.gpus.borrow().tasks(worker).map_or(0, |tasks| tasks.len()),
            File::OfGpu(device, Part::Job) => {
                self.gpus.borrow().room(device).map_or(0, |room| room.orders().len())
            }
            File::OfGpu(device, Part::Status) => {
                self.gpus.borrow().room(device).map_or(0, |room| room.status().len())
            }
            file if file.kind() == Kind::Text => {
                let mut count = Count::default();
                // Counting never fails.
                let _ = self.render(id, file, &mut count);
                count.0
            }
            // Events come after the open, and commands are only written.
            _ => 0,
        }
    }

    fn describe(&mut self, id: SessionId, node: Node) -> Result<Stat, Error> {
        let view = self.view(id)?;
        let (name, permissions) = (view.name(node), view.permissions(node.file));
        // Where nobody knows the time the system's start counts.
        let modified = match self.host.wall_ms() {
            0 => self.host.now(),
            wall_ms => Duration::from_millis(wall_ms),
        };
        Ok(Stat {
            qid: self.found(node).qid,
            permissions,
            length: self.length(id, node.file),
            modified: modified.min(Duration::from_secs(u32::MAX.into())),
            name,
        })
    }

    /// Which of the worker's leases is its lease of the GPU; closed where it has ended.
    fn lease(&self, worker: Option<WorkerId>, device: DeviceId) -> Result<u32, Error> {
        let (worker, now) = (worker.ok_or(Error::Permission)?, self.host.now());
        self.gpus.borrow().lease(worker, device, now).ok_or(Error::Closed)
    }

    /// Appends to a worker's telemetry, where it may append still; else it ends.
    fn tell(&mut self, worker: WorkerId, data: &[u8]) -> Result<(), Error> {
        let place = self.workers.place_mut(worker).ok_or(Error::Closed)?;
        if place.ticks_left() == 0 {
            self.kill(worker, Reason::Ticks);
            return Err(Error::Closed);
        }
        place.telemetry_mut().append(data)?;
        place.spend_tick();
        let length = place.telemetry().len();
        self.changed(File::Telemetry(worker), Some(length));
        Ok(())
    }
}

impl<H, P, L, G> AccessPolicy for Namespace<H, P, L, G>
where
    H: Host,
    P: BorrowMut<[Place]>,
    L: BorrowMut<[Line]>,
    G: BorrowMut<Gpus>,
{
    type Session = SessionId;
    type Node = Node;

    fn allow(&mut self, id: SessionId, node: Node, access: Access) -> Result<(), Error> {
        let session = self.sessions.get_mut(id)?;
        session.operations = session.operations.wrapping_add(1);
        let who = session.who;
        if session.expires.is_some_and(|end| end <= self.host.now()) {
            return Err(Error::Closed);
        }
        self.charge(id)?;
        let view = self.view(id)?;
        if !view.is_there(node.file) {
            return Err(Error::Closed);
        }
        who.allow(node.file, view.relation(node.file), access)?;
        match (node.file, access) {
            (_, Access::Walk | Access::Stat | Access::Read | Access::List) => Ok(()),
            (File::OfGpu(device, Part::Job), _) if who.worker.is_some() => {
                self.lease(who.worker, device).map(|_| ())
            }
            _ => Ok(()),
        }
    }
}

impl<H, P, L, G> Tree for Namespace<H, P, L, G>
where
    H: Host,
    P: BorrowMut<[Place]>,
    L: BorrowMut<[Line]>,
    G: BorrowMut<Gpus>,
{
    type Open = Open;

    fn turn(&mut self, connection: ConnectionId, turn: Turn) {
        let counts = turn == Turn::Frame;
        let frame = self.turn.frame.wrapping_add(1);
        self.turn = Current { connection, frame, counts };
        if counts && let Some(worker) = self.workers.living().at(connection) {
            // One that has nothing left has ended; its request is answered like any of one who
            // has ended.
            let _ = self.spend_op(worker);
        }
    }

    fn attach(
        &mut self,
        connection: ConnectionId,
        uname: &str,
        aname: &str,
    ) -> Result<(SessionId, Found<Node>), Error> {
        let (session, root) = self.let_in(connection, uname, aname)?;
        Ok((session, self.found(root)))
    }

    fn detach(&mut self, session: SessionId) {
        if self.sessions.remove(session).is_some() {
            self.lose_bridge(session);
        }
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
        let node = self.view(session)?.down(from, name.as_bytes())?;
        Ok(self.found(node))
    }

    fn stat(&mut self, session: SessionId, node: Node) -> Result<Stat, Error> {
        self.describe(session, node)
    }

    fn open(&mut self, session: SessionId, node: Node, mode: OpenMode) -> Result<Open, Error> {
        self.sessions.opened(session)?;
        match node.file {
            File::Fixed(Fixed::QueenLog) => Ok(Open::Window(self.log.start())),
            File::Telemetry(worker) => Ok(Open::Window(self.worker(worker)?.telemetry().start())),
            // A reader of events hears of what happens from now on.
            File::Fixed(Fixed::Events) => {
                self.listeners = self.listeners.saturating_add(1);
                Ok(Open::Window(self.events.start() + self.events.len()))
            }
            File::Fixed(Fixed::Control) if mode.write => Ok(Open::Control(Writer::Whole)),
            File::Tasks(worker) => {
                let tasks = self.gpus.borrow().tasks(worker).ok_or(Error::Closed)?;
                Ok(Open::Window(tasks.start()))
            }
            File::OfGpu(device, Part::Job) if mode.write => {
                let worker = self.sessions.get(session)?.who.worker;
                self.lease(worker, device).map(Open::Lease)
            }
            File::OfGpu(device, Part::Job) => {
                let room = self.gpus.borrow().room(device).ok_or(Error::Closed)?;
                Ok(Open::Window(room.orders().start()))
            }
            File::OfGpu(device, Part::Status) => {
                let room = self.gpus.borrow().room(device).ok_or(Error::Closed)?;
                Ok(Open::Window(room.status().start()))
            }
            _ => Ok(Open::Text),
        }
    }

    fn read(
        &mut self,
        session: SessionId,
        node: Node,
        open: &mut Open,
        offset: u64,
        into: &mut [u8],
    ) -> Result<Read, Error> {
        let count = match (node.file, open) {
            (File::Fixed(Fixed::QueenLog), Open::Window(base)) => {
                self.log.read(base.saturating_add(offset), into)?
            }
            (File::Telemetry(worker), Open::Window(base)) => {
                self.worker(worker)?.telemetry().read(base.saturating_add(offset), into)?
            }
            (File::Tasks(worker), Open::Window(base)) => {
                let tasks = self.gpus.borrow().tasks(worker).ok_or(Error::Closed)?;
                tasks.read(base.saturating_add(offset), into)?
            }
            (File::OfGpu(device, Part::Status), Open::Window(base)) => {
                let room = self.gpus.borrow().room(device).ok_or(Error::Closed)?;
                room.status().read(base.saturating_add(offset), into)?
            }
            (File::OfGpu(device, Part::Job), Open::Window(base)) => {
                let room = self.gpus.borrow().room(device).ok_or(Error::Closed)?;
                match room.orders().read(base.saturating_add(offset), into)? {
                    0 => return Ok(Read::Wait),
                    count => count,
                }
            }
            (File::Fixed(Fixed::Events), Open::Window(base)) => {
                match self.events.read(base.saturating_add(offset), into)? {
                    0 => return Ok(Read::Wait),
                    count => count,
                }
            }
            // Commands are written, and read in the log.
            (File::Fixed(Fixed::Control), _) => 0,
            (file, _) => {
                let mut slice = Slice::new(offset, into);
                // A slice takes everything.
                let _ = self.render(session, file, &mut slice);
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
        match (node.file, open) {
            (file @ File::Fixed(Fixed::QueenLog), _) => {
                self.log.append(data)?;
                self.changed(file, Some(self.log.len()));
            }
            (File::Fixed(Fixed::Control), Open::Control(writer)) => {
                self.control(session, writer, data)?;
            }
            (File::Telemetry(worker), _) => self.tell(worker, data)?,
            (File::Tasks(worker), _) => {
                let tasks = self.gpus.borrow_mut().tasks_mut(worker).ok_or(Error::Closed)?;
                tasks.append(data)?;
                // A write holds whole lines: what comes next is another one.
                if data.last().is_some_and(|last| *last != b'\n') {
                    tasks.append(b"\n")?;
                }
                let length = tasks.len();
                self.changed(node.file, Some(length));
            }
            (File::Fixed(Fixed::Publish), _) => self.publish(session, data)?,
            (File::OfGpu(device, Part::Control), _) => self.gpu_control(device, data)?,
            (File::OfGpu(device, Part::Status), _) => self.report(device, data)?,
            (File::OfGpu(device, Part::Job), Open::Lease(lease)) => {
                let worker = self.sessions.get(session)?.who.worker.ok_or(Error::Permission)?;
                self.submit(worker, device, *lease, data)?;
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
        let Some((child, next)) = self.view(session)?.entry(node, place) else { return Ok(None) };
        Ok(Some(Entry { stat: self.describe(session, child)?, next }))
    }

    fn set_length(&mut self, _: SessionId, node: Node, _: u64) -> Result<(), Error> {
        match node.file.kind() {
            Kind::Append => Ok(()),
            Kind::Directory | Kind::Text => Err(Error::Permission),
        }
    }

    fn close(&mut self, session: SessionId, node: Node, open: Open) {
        self.sessions.closed(session);
        match (node.file, open) {
            (File::Fixed(Fixed::Events), _) => self.listeners = self.listeners.saturating_sub(1),
            (_, Open::Control(writer)) => self.end_control(writer),
            _ => {}
        }
    }
}
