//! A tree with a host of tests, and somebody who uses it as a connection does: each call comes
//! with its turn and is preceded by the policy's answer.

use std::boxed::Box;
use std::collections::VecDeque;
use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use secure9p_codec::Name;
use secure9p_core::{
    Access, AccessPolicy, Connection, OpenMode, Outcome, Read, Stat, Tree, Turn, Write,
};
use ticket::{Claims, Role};

use super::super::*;

pub const SECRET: &[u8] = b"the secret of these tests";
pub const PLACES: usize = 4;
/// What the host's clock says at its start, in milliseconds since 1970.
pub const BOOT_MS: u64 = 1_700_000_000_000;

pub const READ: OpenMode = OpenMode { read: true, write: false };
pub const WRITE: OpenMode = OpenMode { read: false, write: true };
pub const BOTH: OpenMode = OpenMode { read: true, write: true };

pub const LIMITS: Limits = Limits {
    default: Budget { ticks: 10, ops: 100, ttl_s: 60 },
    most: Budget { ticks: 1000, ops: 2000, ttl_s: 600 },
    period_ms: 500,
    least_period_ms: 100,
    most_period_ms: 5000,
};

/// A host that keeps count and does nothing.
#[derive(Debug)]
pub struct Machine {
    pub now: Duration,
    pub limits: Limits,
    pub workers: Vec<Option<u32>>,
    pub last: u32,
    pub spawned: Vec<Spawn>,
    pub killed: Vec<WorkerId>,
    pub ended: VecDeque<Ended>,
    /// What the next spawn fails with.
    pub refuses: Option<SpawnError>,
}

impl Machine {
    pub fn new(places: usize) -> Self {
        Self {
            now: Duration::from_secs(5),
            limits: LIMITS,
            workers: std::vec![None; places],
            last: 0,
            spawned: Vec::new(),
            killed: Vec::new(),
            ended: VecDeque::new(),
            refuses: None,
        }
    }
}

impl Host for Machine {
    fn boot(&self) -> &str {
        "Cohesix 0.1.0\nkernel: a test\n"
    }

    fn now(&self) -> Duration {
        self.now
    }

    fn wall_ms(&self) -> u64 {
        BOOT_MS + self.now.as_millis() as u64
    }

    fn limits(&self, _: WorkerKind) -> Option<&Limits> {
        Some(&self.limits)
    }

    fn spawn(&mut self, spawn: &Spawn) -> Result<WorkerId, SpawnError> {
        if let Some(error) = self.refuses.take() {
            return Err(error);
        }
        let place = self.workers.iter().position(Option::is_none).ok_or(SpawnError::Places)?;
        self.last += 1;
        self.workers[place] = Some(self.last);
        self.spawned.push(*spawn);
        Ok(WorkerId { place: place as u8, number: self.last })
    }

    fn kill(&mut self, worker: WorkerId) -> Result<(), Error> {
        let place = &mut self.workers[usize::from(worker.place)];
        if *place != Some(worker.number) {
            return Err(Error::NotFound);
        }
        *place = None;
        self.killed.push(worker);
        Ok(())
    }

    fn ended(&mut self) -> Option<Ended> {
        let ended = self.ended.pop_front()?;
        self.workers[usize::from(ended.worker.place)] = None;
        Some(ended)
    }

    fn memory(&mut self, text: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(text, "free: 7")
    }

    fn capabilities(&mut self, text: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(text, "nine-door objects=3")
    }

    fn schedule(&mut self, text: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(text, "nine-door priority=200")
    }
}

pub type Tested = Namespace<Machine, Vec<Place>, Vec<Line>, Box<Gpus>>;

/// A tree, and the key of its tickets.
pub struct World {
    pub tree: Box<Tested>,
    pub key: Key,
    connections: u32,
}

impl World {
    pub fn new() -> Self {
        Self::with_places(PLACES)
    }

    pub fn with_places(places: usize) -> Self {
        let key = || Key::from_secret(SECRET).expect("long enough");
        let room = std::iter::repeat_with(Place::new).take(places).collect();
        let lines = std::iter::repeat_with(Line::new).take(4).collect();
        let gpus = Box::new(Gpus::new());
        let tree = Box::new(Tested::new(Machine::new(places), key(), room, lines, gpus));
        Self { tree, key: key(), connections: 0 }
    }

    /// Claims of this role that hold for an hour.
    pub fn claims(&mut self, role: Role) -> Claims {
        let mut claims = Claims::new(role, self.tree.host_mut().wall_ms());
        claims.budget.ttl_s = Some(3600);
        claims
    }

    pub fn mint(&self, claims: &Claims) -> String {
        self.key.mint(claims).expect("claims").as_str().to_string()
    }

    pub fn ticket(&mut self, role: Role) -> String {
        let claims = self.claims(role);
        self.mint(&claims)
    }

    pub fn worker_ticket(&mut self, worker: WorkerId) -> String {
        let kind = self.tree.workers.place(worker).map_or(WorkerKind::Heartbeat, Place::kind);
        let mut claims = self.claims(kind.role());
        claims.subject = Some(ticket::Name::new(&worker.to_string()).expect("a name"));
        self.mint(&claims)
    }

    pub fn connection(&mut self) -> ConnectionId {
        self.connections += 1;
        ConnectionId(self.connections)
    }

    /// Attaches over a connection of its own.
    pub fn try_attach(&mut self, ticket: &str) -> Result<User, Error> {
        let connection = self.connection();
        self.attach_at(connection, "me", ticket)
    }

    pub fn attach_at(
        &mut self,
        connection: ConnectionId,
        uname: &str,
        aname: &str,
    ) -> Result<User, Error> {
        self.tree.turn(connection, Turn::Frame);
        let (session, root) = self.tree.attach(connection, uname, aname)?;
        Ok(User { connection, session, root: root.node })
    }

    pub fn attach(&mut self, role: Role) -> User {
        let ticket = self.ticket(role);
        self.try_attach(&ticket).expect("let in")
    }

    pub fn queen(&mut self) -> User {
        self.attach(Role::Queen)
    }

    /// A worker that the queen spawned, over its own connection.
    pub fn worker(&mut self, queen: User) -> (WorkerId, User) {
        let worker = self.spawn(queen, r#"{"spawn":"heartbeat"}"#);
        (worker, self.attach_worker(worker))
    }

    pub fn spawn(&mut self, queen: User, line: &str) -> WorkerId {
        self.command(queen, line).expect("spawned");
        let number = self.tree.host_mut().last;
        self.tree.workers.living().find(number).expect("it lives")
    }

    pub fn attach_worker(&mut self, worker: WorkerId) -> User {
        let ticket = self.worker_ticket(worker);
        self.attach_at(worker.connection(), "", &ticket).expect("let in")
    }

    pub fn command(&mut self, user: User, line: &str) -> Result<(), Error> {
        self.append(user, "/queen/ctl", format!("{line}\n").as_bytes()).map(|_| ())
    }

    fn ask<T>(
        &mut self,
        user: User,
        node: Node,
        access: Access,
        call: impl FnOnce(&mut Tested) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.tree.turn(user.connection, Turn::Frame);
        self.tree.allow(user.session, node, access)?;
        call(&mut self.tree)
    }

    pub fn find(&mut self, user: User, path: &str) -> Result<Node, Error> {
        let mut node = user.root;
        for name in path.split('/').filter(|name| !name.is_empty()) {
            if node.file.kind() != nodes::Kind::Directory {
                return Err(Error::NotDirectory);
            }
            let name = Name::new(name).expect("a name");
            node = self
                .ask(user, node, Access::Walk, |tree| tree.walk(user.session, node, name))?
                .node;
        }
        Ok(node)
    }

    pub fn stat_of(&mut self, user: User, node: Node) -> Result<Stat, Error> {
        self.ask(user, node, Access::Stat, |tree| tree.stat(user.session, node))
    }

    pub fn stat(&mut self, user: User, path: &str) -> Result<Stat, Error> {
        let node = self.find(user, path)?;
        self.stat_of(user, node)
    }

    pub fn open(&mut self, user: User, node: Node, mode: OpenMode) -> Result<Open, Error> {
        self.ask(user, node, Access::Open(mode), |tree| tree.open(user.session, node, mode))
    }

    /// One read of at most 64 bytes; `None` where it waits.
    pub fn read(
        &mut self,
        user: User,
        node: Node,
        open: &mut Open,
        offset: usize,
    ) -> Result<Option<String>, Error> {
        let mut into = [0; 64];
        let read = self.ask(user, node, Access::Read, |tree| {
            tree.read(user.session, node, open, offset as u64, &mut into)
        })?;
        let Read::Bytes(count) = read else { return Ok(None) };
        Ok(Some(String::from_utf8(into[..count].to_vec()).expect("UTF-8")))
    }

    pub fn write(
        &mut self,
        user: User,
        node: Node,
        open: &mut Open,
        data: &[u8],
    ) -> Result<Write, Error> {
        self.ask(user, node, Access::Write, |tree| tree.write(user.session, node, open, data))
    }

    pub fn cat(&mut self, user: User, path: &str) -> Result<String, Error> {
        let node = self.find(user, path)?;
        let mut open = self.open(user, node, READ)?;
        let mut text = String::new();
        while let Some(more) = self.read(user, node, &mut open, text.len())? {
            if more.is_empty() {
                break;
            }
            text += &more;
        }
        let length = self.stat_of(user, node)?.length;
        self.tree.close(user.session, node, open);
        assert_eq!(length, text.len() as u64, "{path}: the length is true");
        Ok(text)
    }

    pub fn append(&mut self, user: User, path: &str, data: &[u8]) -> Result<Write, Error> {
        let node = self.find(user, path)?;
        let mut open = self.open(user, node, WRITE)?;
        let written = self.write(user, node, &mut open, data);
        self.tree.close(user.session, node, open);
        written
    }

    /// The names in a directory; each is walked to and is the same file.
    pub fn list(&mut self, user: User, path: &str) -> Result<Vec<String>, Error> {
        let node = self.find(user, path)?;
        let open = self.open(user, node, READ)?;
        let (mut names, mut place) = (Vec::new(), 0);
        loop {
            let entry =
                self.ask(user, node, Access::List, |tree| tree.entry(user.session, node, place))?;
            let Some(entry) = entry else { break };
            assert!(entry.next > place, "{path}: places go up");
            place = entry.next;
            let stat = self.stat(user, &format!("{path}/{}", entry.stat.name))?;
            assert_eq!((&stat.name, stat.qid.path), (&entry.stat.name, entry.stat.qid.path));
            names.push(entry.stat.name.to_string());
        }
        self.tree.close(user.session, node, open);
        Ok(names)
    }

    /// All of the log.
    pub fn log(&mut self) -> String {
        let mut into = std::vec![0; LOG_BYTES];
        let count = self.tree.log.read(self.tree.log.start(), &mut into).expect("kept");
        String::from_utf8(into[..count].to_vec()).expect("UTF-8")
    }

    pub fn last_line(&mut self) -> String {
        self.log().lines().last().unwrap_or_default().to_string()
    }
}

/// Somebody who is attached.
#[derive(Debug, Clone, Copy)]
pub struct User {
    pub connection: ConnectionId,
    pub session: SessionId,
    pub root: Node,
}

/// A connection as the system has it.
pub struct Wire {
    pub connection: Connection<Tested, 16, 4>,
    reply: Vec<u8>,
}

impl Wire {
    pub fn new(id: ConnectionId) -> Self {
        Self { connection: Connection::new(id), reply: std::vec![0; 8192] }
    }

    /// Sends a frame; what is answered, if anything is at once.
    pub fn send(&mut self, world: &mut World, frame: &[u8]) -> Option<&[u8]> {
        match self.connection.handle(frame, &mut world.tree, &mut self.reply) {
            Outcome::Reply(length) => Some(&self.reply[..length]),
            Outcome::Pending => None,
            Outcome::Close(_) => Some(&[]),
        }
    }

    pub fn poll(&mut self, world: &mut World) -> Option<&[u8]> {
        let length = self.connection.poll(&mut world.tree, &mut self.reply)?;
        Some(&self.reply[..length])
    }
}
