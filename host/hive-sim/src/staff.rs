//! Workers: each is a thread of this process that speaks 9P to the tree like a process of the VM.
//!
//! What the root task does in the VM is done here: places, numbers that are never used again,
//! tickets, the end when the time to live is over. A worker's own thread takes the hive's lock for
//! each frame and asks under it whether it lives still, so when [`Staff::dismiss`] returns, which
//! is called under the lock, the worker does nothing any more.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use gpu_worker::GpuWorker;
use heartbeat::Heartbeat;
use namespace::{Ended, Host as _, Reason, Spawn, SpawnError, WorkerId, WorkerKind};
use secure9p_core::{Connection, Error, Outcome};
use ticket::{Claims, Key, Name, Ticket};
use worker::{MSIZE, Next};

use crate::hive::{Hive, Tree};
use crate::random;

/// Fids of a worker's connection: its root, its files (a GPU worker has five), and some.
const FIDS: usize = 8;
/// Requests of a worker's connection that may wait.
const WAITING: usize = 2;
/// Bytes of a worker's stack.
const STACK: usize = 128 << 10;

type Client = Connection<Tree, FIDS, WAITING>;

/// Memory of a worker, in bytes.
pub(crate) const MEMORY: usize = STACK + size_of::<Client>();

/// Tells a thread that its worker is dismissed.
#[derive(Debug, Default)]
struct Dismissal {
    given: Mutex<bool>,
    told: Condvar,
}

impl Dismissal {
    fn give(&self) {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.told.notify_all();
    }

    fn is_given(&self) -> bool {
        *self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits so long, or until it is given: whether it is.
    fn wait(&self, time: Duration) -> bool {
        let given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.told.wait_timeout_while(given, time, |given| !*given);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// A worker that lives.
#[derive(Debug)]
struct Worker {
    id: WorkerId,
    /// When its time is over.
    end: Duration,
    dismissal: Arc<Dismissal>,
}

/// All workers. Dropped, it dismisses them.
#[derive(Debug)]
pub(crate) struct Staff {
    hive: Weak<Hive>,
    key: Key,
    workers: Vec<Option<Worker>>,
    /// The highest number so far.
    last: u32,
    ended: VecDeque<Ended>,
    /// Nobody's time is over before this.
    deadline: Option<Duration>,
}

impl Staff {
    /// Nobody, with so many places. Tickets are minted with `key`.
    pub fn new(hive: Weak<Hive>, key: Key, places: usize) -> Self {
        let workers = std::iter::repeat_with(|| None).take(places).collect();
        Self { hive, key, workers, last: 0, ended: VecDeque::new(), deadline: None }
    }

    /// How many workers there may be.
    pub fn places(&self) -> usize {
        self.workers.len()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.workers.iter().flatten().count()
    }

    /// Every worker.
    pub fn all(&self) -> impl Iterator<Item = WorkerId> {
        self.workers.iter().flatten().map(|worker| worker.id)
    }

    /// When [`Self::expire`] is worth calling.
    pub fn deadline(&self) -> Option<Duration> {
        self.deadline
    }

    /// Starts a worker. Nothing is changed where that is not possible.
    pub fn hire(
        &mut self,
        spawn: &Spawn,
        now: Duration,
        wall_ms: u64,
    ) -> Result<WorkerId, SpawnError> {
        let free = self.workers.iter().position(Option::is_none).ok_or(SpawnError::Places)?;
        let number = self.last.checked_add(1).ok_or(SpawnError::Places)?;
        let id = WorkerId { place: free as u8, number };
        let ticket = self.ticket(id, spawn, wall_ms).ok_or(SpawnError::Memory)?;
        let dismissal = Arc::<Dismissal>::default();
        let thread = Thread {
            hive: Weak::clone(&self.hive),
            id,
            dismissal: Arc::clone(&dismissal),
            kind: spawn.kind,
            period: Duration::from_millis(spawn.period_ms.into()),
        };
        thread::Builder::new()
            .name(id.to_string())
            .stack_size(STACK)
            .spawn(move || thread.live(&ticket))
            .map_err(|_| SpawnError::Memory)?;
        self.last = number;
        let end = now.saturating_add(Duration::from_secs(spawn.budget.ttl_s.into()));
        self.deadline = Some(self.deadline.map_or(end, |deadline| deadline.min(end)));
        if let Some(place) = self.workers.get_mut(free) {
            *place = Some(Worker { id, end, dismissal });
        }
        Ok(id)
    }

    fn ticket(&self, id: WorkerId, spawn: &Spawn, wall_ms: u64) -> Option<Ticket> {
        let mut claims = Claims::new(spawn.kind.role(), wall_ms);
        claims.budget.ticks = Some(spawn.budget.ticks);
        claims.budget.ops = Some(spawn.budget.ops);
        claims.budget.ttl_s = Some(spawn.budget.ttl_s.into());
        claims.subject = Some(Name::new(&id.to_string()).ok()?);
        claims.nonce = Some(random::number().ok()?);
        self.key.mint(&claims).ok()
    }

    /// Ends a worker.
    pub fn dismiss(&mut self, id: WorkerId) -> Result<(), Error> {
        let place = self.workers.get_mut(usize::from(id.place)).ok_or(Error::NotFound)?;
        let worker = place.take_if(|worker| worker.id == id).ok_or(Error::NotFound)?;
        worker.dismissal.give();
        Ok(())
    }

    /// Ends the workers whose time is over.
    pub fn expire(&mut self, now: Duration) {
        if self.deadline.is_none_or(|deadline| now < deadline) {
            return;
        }
        for place in &mut self.workers {
            if let Some(worker) = place.take_if(|worker| worker.end <= now) {
                worker.dismissal.give();
                self.ended.push_back(Ended { worker: worker.id, reason: Reason::Ttl });
            }
        }
        self.deadline = self.workers.iter().flatten().map(|worker| worker.end).min();
    }

    /// Who has ended by itself and was not told of yet.
    pub fn ended(&mut self) -> Option<Ended> {
        self.ended.pop_front()
    }

    /// The worker has nothing more to do. Whose time is over is told so, also where it noticed
    /// before the clock's thread did.
    fn exit(&mut self, id: WorkerId, code: u64, now: Duration) {
        let over = self.workers.iter().flatten().any(|worker| worker.id == id && worker.end <= now);
        if self.dismiss(id).is_ok() {
            let reason = if over { Reason::Ttl } else { Reason::Exited { code } };
            self.ended.push_back(Ended { worker: id, reason });
        }
    }
}

impl Drop for Staff {
    fn drop(&mut self) {
        for worker in self.workers.iter().flatten() {
            worker.dismissal.give();
        }
    }
}

/// What a worker's thread knows.
struct Thread {
    hive: Weak<Hive>,
    id: WorkerId,
    dismissal: Arc<Dismissal>,
    kind: WorkerKind,
    period: Duration,
}

/// What a worker of each kind says.
fn trade<'t>(kind: WorkerKind, ticket: &'t str, period: Duration) -> Box<dyn worker::Worker + 't> {
    match kind {
        WorkerKind::Heartbeat => Box::new(Heartbeat::new(ticket, Duration::ZERO, period)),
        WorkerKind::Gpu => Box::new(GpuWorker::new(ticket, Duration::ZERO, period)),
    }
}

impl Thread {
    /// Lives until it is dismissed, refused, or the hive is gone.
    fn live(self, ticket: &Ticket) {
        let start = Instant::now();
        let mut trade = trade(self.kind, ticket.as_str(), self.period);
        let mut client = Box::new(Client::new(self.id.connection()));
        let (mut frame, mut reply) = ([0; MSIZE], [0; MSIZE]);
        loop {
            match trade.next(start.elapsed(), &mut frame) {
                Next::Wait(until) => {
                    if self.dismissal.wait(until.saturating_sub(start.elapsed())) {
                        break;
                    }
                }
                Next::Send(length) => {
                    let frame = frame.get(..length).unwrap_or_default();
                    let Some(length) = self.exchange(&mut client, frame, &mut reply) else { break };
                    trade.reply(reply.get(..length).unwrap_or_default());
                }
                Next::Ended(_) => {
                    self.exit();
                    break;
                }
            }
        }
        self.hang_up(&mut client);
    }

    /// Has the tree answer a frame; `None` where the worker or the hive is gone.
    fn exchange(&self, client: &mut Client, frame: &[u8], reply: &mut [u8]) -> Option<usize> {
        let hive = self.hive.upgrade()?;
        let mut state = hive.lock();
        if self.dismissal.is_given() {
            return None;
        }
        let outcome = state.change(None, |tree| client.handle(frame, tree, reply));
        match outcome {
            Outcome::Reply(length) => Some(length),
            // None of its requests waits, and all of them are messages.
            Outcome::Pending | Outcome::Close(_) => Some(0),
        }
    }

    fn exit(&self) {
        let Some(hive) = self.hive.upgrade() else { return };
        hive.lock().change(None, |tree| {
            let now = tree.host_mut().now();
            tree.host_mut().staff.exit(self.id, 1, now);
            tree.reap();
        });
    }

    fn hang_up(&self, client: &mut Client) {
        let Some(hive) = self.hive.upgrade() else { return };
        hive.lock().change(None, |tree| client.close(tree));
    }
}
