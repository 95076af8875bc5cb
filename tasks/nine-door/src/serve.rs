//! The server's loop: calls of clients and workers inside, doorbells of the link, news of the
//! root task.

use abi::frames::Answer;
use abi::startup::Kind;
use abi::{Badge, Origin};
use channels::CHANNELS;
use namespace::{Line, Namespace, Place};
use runtime::{memory, workers as root};
use sel4::message::MessageInfo;
use sel4::syscall::Message;
use sel4::{Cap, Endpoint, syscall};

use crate::clients::{Clients, MAX_CLIENTS};
use crate::facts::Facts;
use crate::lanes::Lanes;
use crate::workers::Workers;

/// Fids of one connection.
pub const FIDS: usize = 64;
/// Requests of one connection that may wait at the same time.
pub const WAITING: usize = 8;
/// Name of the region that is shared with host-link.
const LINK: &str = "link";

const SERVED: Endpoint = Cap::new(abi::slot::SERVED);
/// Where only signals come from: what to wait on where nobody may call.
const SIGNALS: Endpoint = Cap::new(abi::slot::NOTIFICATION);

/// The tree; the workers' places and the unfinished lines lie outside.
pub type Tree<'p> = Namespace<Facts, &'p mut [Place], &'p mut [Line]>;

/// Unfinished control lines: one for each connection that can write some.
const LINES: usize = CHANNELS + MAX_CLIENTS;

/// Room for one frame and one reply: one is handled at a time.
pub struct Buffers {
    pub frame: [u8; abi::frames::MAX_FRAME],
    pub reply: [u8; abi::frames::MAX_FRAME],
}

/// Everybody who is served.
struct Served<'p> {
    clients: Clients<Tree<'p>>,
    lanes: Option<Lanes<Tree<'p>>>,
    workers: Workers<'p>,
    /// When the root task was asked to ring, in nanoseconds since the machine's start.
    alarm: u64,
}

/// Serves for ever.
pub fn run(_argument: u64) -> u64 {
    let mut places: [Place; namespace::MAX_WORKERS] = core::array::from_fn(|_| Place::new());
    let mut lines: [Line; LINES] = core::array::from_fn(|_| Line::new());
    let (facts, key) = Facts::ask();
    let mut served = Served::take();
    let count = served.workers.places().min(places.len());
    let mut tree = Tree::new(facts, key, &mut places[..count], &mut lines);
    let mut buffers = Buffers { frame: [0; _], reply: [0; _] };
    served.serve(&mut tree, &mut buffers)
}

impl<'p> Served<'p> {
    /// Everybody that the root task wired this process to.
    fn take() -> Self {
        let mut served = Self {
            clients: Clients::new(),
            lanes: None,
            workers: Workers::new(&[]),
            alarm: u64::MAX,
        };
        let mut number = 0;
        for given in memory::take() {
            match given.area().kind {
                Kind::Frames => served.workers = Workers::new(given.frames()),
                Kind::Region => {
                    let is_link = given.area().is_region(LINK);
                    let region = given.region(number);
                    number += 1;
                    if is_link {
                        served.lanes = Some(Lanes::new(region, MAX_CLIENTS as u32));
                    } else {
                        served.clients.add(region);
                    }
                }
                Kind::Device | Kind::Dma => {}
            }
        }
        served
    }

    fn serve(&mut self, tree: &mut Tree<'p>, buffers: &mut Buffers) -> ! {
        let callers = !self.clients.is_empty() || !self.workers.is_empty();
        let served = if callers { SERVED } else { SIGNALS };
        let mut answer: Option<(Answer, u64)> = None;
        loop {
            let busy = self.lanes.as_mut().is_some_and(|lanes| lanes.round(tree, buffers));
            if busy {
                self.clients.tell();
            }
            self.set_alarm(tree);
            let message = match answer.take() {
                // With more to do for the host only what has arrived already is taken.
                Some((label, word)) if busy => {
                    syscall::reply(MessageInfo::new(label as u64, 0, 1), [word, 0, 0, 0]);
                    served.nb_recv()
                }
                Some((label, word)) => Some(served.reply_recv(label as u64, [word, 0, 0, 0], 1)),
                None if busy => served.nb_recv(),
                None => Some(served.recv()),
            };
            if let Some(message) = message {
                answer = self.take_message(&message, tree, buffers);
            }
        }
    }

    fn take_message(
        &mut self,
        message: &Message,
        tree: &mut Tree<'p>,
        buffers: &mut Buffers,
    ) -> Option<(Answer, u64)> {
        match Badge(message.badge).origin() {
            Origin::Call(from) => {
                let workers = self.workers.call(from, message, tree, buffers);
                let answer =
                    workers.unwrap_or_else(|| self.clients.call(from, message, tree, buffers));
                self.clients.tell();
                Some(answer)
            }
            Origin::Signal(signals) if signals.news() => {
                root::take_notes(|line| tree.log(format_args!("{line}")));
                tree.reap();
                tree.tick();
                self.workers.sweep(tree);
                self.clients.tell();
                None
            }
            // A doorbell only says that there may be something to do.
            Origin::Signal(_) | Origin::Fault(_) => None,
        }
    }

    /// Lets the root task ring when the next session's time is over.
    fn set_alarm(&mut self, tree: &Tree<'p>) {
        let next = tree.next_deadline().and_then(|time| u64::try_from(time.as_nanos()).ok());
        let next = next.unwrap_or(u64::MAX);
        if next != self.alarm {
            self.alarm = next;
            root::alarm(next);
        }
    }
}
