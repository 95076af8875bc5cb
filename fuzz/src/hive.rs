//! The system's own tree, as a client of the corpus finds it.
//!
//! Whoever attaches without a ticket is given one of the role that it calls itself by, a worker's
//! of the first that lives: the corpus is about what comes behind that ([`crate::fuzz_ticket`] is
//! about tickets). Workers and GPUs come and go as the client's lines say, on a machine that only
//! keeps count; a client that has gone has left no GPU behind.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use namespace::{
    Budget, Ended, Gpus, Host, Limits, Line, Namespace, Node, Open, Place, Reason, SessionId,
    Spawn, SpawnError, WorkerId, WorkerKind,
};
use secure9p_codec::{Name, Statfs};
use secure9p_core::{
    Access, AccessPolicy, ConnectionId, Counters, Entry, Error, Found, OpenMode, Read, Stat, Tree,
    Turn, Write,
};
use ticket::{Claims, Key, Role, parse_attach};

use crate::world::{Event, World};

/// Workers that there can be.
const PLACES: usize = 3;
/// Seconds that a ticket is good.
const TTL_S: u64 = 3600;
/// What the machine's clock says at its start, in milliseconds since 1970.
const BOOT_MS: u64 = 1_700_000_000_000;
const BOOT: &str = "a machine that does not change\n";

/// A machine whose clock stands still until something happens.
struct Machine {
    now: Duration,
    limits: Limits,
    workers: [Option<(u32, WorkerKind)>; PLACES],
    last: u32,
    ended: Option<Ended>,
}

impl Machine {
    fn new() -> Self {
        let most = Budget { ticks: 1000, ops: 1000, ttl_s: 1000 };
        let limits = Limits {
            default: Budget { ticks: 10, ops: 20, ttl_s: 10 },
            most,
            period_ms: 1000,
            least_period_ms: 10,
            most_period_ms: 10_000,
        };
        let now = Duration::from_secs(5);
        Self { now, limits, workers: [None; PLACES], last: 0, ended: None }
    }
}

impl Host for Machine {
    fn boot(&self) -> &str {
        BOOT
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
        let Limits { most, least_period_ms, most_period_ms, .. } = self.limits;
        let Budget { ticks, ops, ttl_s } = spawn.budget;
        assert!(ticks <= most.ticks && ops <= most.ops && ttl_s <= most.ttl_s, "{spawn:?}");
        assert!((least_period_ms..=most_period_ms).contains(&spawn.period_ms), "{spawn:?}");
        let place = self.workers.iter().position(Option::is_none).ok_or(SpawnError::Places)?;
        self.last += 1;
        self.workers[place] = Some((self.last, spawn.kind));
        Ok(WorkerId { place: place as u8, number: self.last })
    }

    fn kill(&mut self, worker: WorkerId) -> Result<(), Error> {
        let place = &mut self.workers[usize::from(worker.place)];
        let there = place.map(|(number, _)| number);
        assert_eq!(there, Some(worker.number), "one that is not there is killed");
        *place = None;
        Ok(())
    }

    fn ended(&mut self) -> Option<Ended> {
        let ended = self.ended.take()?;
        self.workers[usize::from(ended.worker.place)] = None;
        Some(ended)
    }

    fn memory(&mut self, text: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(text, "free: 7")
    }

    fn capabilities(&mut self, text: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(text, "none")
    }

    fn schedule(&mut self, text: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(text, "all the time")
    }
}

/// The system's own tree.
pub(crate) struct Hive {
    tree: Namespace<Machine, Vec<Place>, Vec<Line>, Box<Gpus>>,
    key: Key,
}

impl Hive {
    /// A tree that has just started.
    pub fn new() -> Self {
        let key = || Key::from_secret(b"the secret of the corpus").expect("long enough");
        let places = std::iter::repeat_with(Place::new).take(PLACES).collect();
        let lines = std::iter::repeat_with(Line::new).take(PLACES).collect();
        let gpus = Box::new(Gpus::new());
        Self { tree: Namespace::new(Machine::new(), key(), places, lines, gpus), key: key() }
    }

    /// A ticket of whoever calls itself so.
    fn ticket(&mut self, uname: &str) -> ticket::Ticket {
        let role = Role::of_name(uname).unwrap_or(Role::Queen);
        let machine = self.tree.host_mut();
        let mut claims = Claims::new(role, machine.wall_ms());
        if role.is_worker() {
            let mut living = machine.workers.iter().flatten();
            let first = living.find(|(_, kind)| kind.role() == role).map_or(0, |first| first.0);
            claims.subject = ticket::Name::new(&format!("worker-{first}")).ok();
        }
        claims.budget.ttl_s = Some(TTL_S);
        self.key.mint(&claims).expect("claims")
    }
}

impl AccessPolicy for Hive {
    type Session = SessionId;
    type Node = Node;

    fn allow(&mut self, session: SessionId, node: Node, access: Access) -> Result<(), Error> {
        self.tree.allow(session, node, access)
    }
}

impl Tree for Hive {
    type Open = Open;

    fn turn(&mut self, connection: ConnectionId, turn: Turn) {
        self.tree.turn(connection, turn);
    }

    fn attach(
        &mut self,
        connection: ConnectionId,
        uname: &str,
        aname: &str,
    ) -> Result<(SessionId, Found<Node>), Error> {
        if parse_attach(uname, aname).ticket.is_some() {
            return self.tree.attach(connection, uname, aname);
        }
        let path = if aname == "/" { "" } else { aname };
        if !path.is_empty() && !path.starts_with('/') {
            return Err(Error::NotFound);
        }
        let ticket = self.ticket(uname);
        self.tree.attach(connection, uname, &format!("{}{path}", ticket.as_str()))
    }

    fn detach(&mut self, session: SessionId) {
        self.tree.detach(session);
    }

    fn served(&mut self, connection: ConnectionId, counters: &Counters, fids: usize) {
        self.tree.served(connection, counters, fids);
    }

    fn walk(
        &mut self,
        session: SessionId,
        from: Node,
        name: Name<'_>,
    ) -> Result<Found<Node>, Error> {
        self.tree.walk(session, from, name)
    }

    fn stat(&mut self, session: SessionId, node: Node) -> Result<Stat, Error> {
        self.tree.stat(session, node)
    }

    fn open(&mut self, session: SessionId, node: Node, mode: OpenMode) -> Result<Open, Error> {
        self.tree.open(session, node, mode)
    }

    fn read(
        &mut self,
        session: SessionId,
        node: Node,
        open: &mut Open,
        offset: u64,
        into: &mut [u8],
    ) -> Result<Read, Error> {
        self.tree.read(session, node, open, offset, into)
    }

    fn write(
        &mut self,
        session: SessionId,
        node: Node,
        open: &mut Open,
        data: &[u8],
    ) -> Result<Write, Error> {
        self.tree.write(session, node, open, data)
    }

    fn entry(
        &mut self,
        session: SessionId,
        node: Node,
        place: u64,
    ) -> Result<Option<Entry>, Error> {
        self.tree.entry(session, node, place)
    }

    fn set_length(&mut self, session: SessionId, node: Node, length: u64) -> Result<(), Error> {
        self.tree.set_length(session, node, length)
    }

    fn close(&mut self, session: SessionId, node: Node, open: Open) {
        self.tree.close(session, node, open);
    }

    fn statfs(&mut self, session: SessionId) -> Statfs {
        self.tree.statfs(session)
    }
}

impl World for Hive {
    fn begin(&mut self) {}

    fn happen(&mut self, event: Event) {
        match event {
            Event::Grow => self.tree.log(format_args!("grown")),
            // Every ticket's time is over.
            Event::Revoke => {
                self.tree.host_mut().now += Duration::from_secs(TTL_S);
                self.tree.tick();
            }
            Event::TakeAway => {
                let machine = self.tree.host_mut();
                let found = machine.workers.iter().enumerate().find_map(|(place, number)| {
                    Some(WorkerId { place: place as u8, number: (*number)?.0 })
                });
                machine.ended = found.map(|worker| Ended { worker, reason: Reason::Ttl });
                self.tree.reap();
            }
            // Some leases' time is over.
            Event::Finish => {
                self.tree.host_mut().now += Duration::from_secs(3);
                self.tree.tick();
            }
        }
    }

    fn check(&self, _: usize) {}

    fn check_empty(&mut self) {
        let (boot, sessions, writers) = look(self);
        assert_eq!(boot, BOOT.as_bytes(), "/proc/boot changed");
        let lines = sessions.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(lines, 1, "a session is left: {}", String::from_utf8_lossy(&sessions));
        static FRESH: OnceLock<usize> = OnceLock::new();
        let fresh = *FRESH.get_or_init(|| look(&mut Box::new(Hive::new())).2);
        assert_eq!(writers, fresh, "an open /queen/ctl is left");
    }
}

/// What somebody else sees: `/proc/boot`, `/proc/sessions`, and how often `/queen/ctl` can be
/// open at once.
fn look(tree: &mut Hive) -> (Vec<u8>, Vec<u8>, usize) {
    let (session, root) = tree.attach(ConnectionId(2), "queen", "").expect("there is room");
    let find = |tree: &mut Hive, path: [&str; 2]| {
        path.iter().fold(root.node, |from, name| {
            let name = Name::new(name).expect("a name");
            tree.walk(session, from, name).expect("a file of the system").node
        })
    };
    let mut texts = ["boot", "sessions"].map(|name| {
        let node = find(tree, ["proc", name]);
        let mode = OpenMode { read: true, write: false };
        let mut open = tree.open(session, node, mode).expect("it can be read");
        let mut into = vec![0; 1 << 12];
        let read = tree.read(session, node, &mut open, 0, &mut into).expect("it can be read");
        tree.close(session, node, open);
        let Read::Bytes(length) = read else { panic!("it does not wait") };
        into.truncate(length);
        into
    });
    // What a bridge published went with it.
    let name = Name::new("gpu").expect("a name");
    let gpus = tree.walk(session, root.node, name).expect("a directory of the system").node;
    let left = tree.entry(session, gpus, 0).expect("it can be listed");
    assert!(left.is_none(), "a GPU is left: {left:?}");
    let ctl = find(tree, ["queen", "ctl"]);
    let mode = OpenMode { read: false, write: true };
    let opens: Vec<_> = (0..256).map_while(|_| tree.open(session, ctl, mode).ok()).collect();
    let writers = opens.len();
    opens.into_iter().for_each(|open| tree.close(session, ctl, open));
    tree.detach(session);
    let sessions = std::mem::take(&mut texts[1]);
    (std::mem::take(&mut texts[0]), sessions, writers)
}
