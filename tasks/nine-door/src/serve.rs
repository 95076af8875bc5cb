//! The server's loop: calls of clients inside, doorbells of the link.

use abi::frames::Answer;
use abi::startup::Kind;
use abi::{Badge, Origin};
use runtime::memory;
use sel4::message::MessageInfo;
use sel4::{Cap, Endpoint, syscall};
use ticket::Key;

use crate::clients::{Clients, MAX_CLIENTS};
use crate::facts::Facts;
use crate::lanes::Lanes;

/// Fids of one connection.
pub const FIDS: usize = 64;
/// Requests of one connection that may wait at the same time.
pub const WAITING: usize = 8;
/// Name of the region that is shared with host-link.
const LINK: &str = "link";

const SERVED: Endpoint = Cap::new(abi::slot::SERVED);
/// Where only signals come from: what to wait on where nobody may call.
const SIGNALS: Endpoint = Cap::new(abi::slot::NOTIFICATION);

type Tree = namespace::Namespace<Facts>;

/// Room for one frame and one reply: one is handled at a time.
pub struct Buffers {
    pub frame: [u8; abi::frames::MAX_FRAME],
    pub reply: [u8; abi::frames::MAX_FRAME],
}

/// Serves for ever.
pub fn run(_argument: u64) -> u64 {
    let mut clients: Clients<Tree> = Clients::new();
    let mut lanes = None;
    let mut number = 0;
    for given in memory::take() {
        if given.area().kind != Kind::Region {
            continue;
        }
        let is_link = given.area().is_region(LINK);
        let region = given.region(number);
        number += 1;
        if is_link {
            lanes = Some(Lanes::new(region, MAX_CLIENTS as u32));
        } else {
            clients.add(region);
        }
    }
    // Until the secret and the time are handed to this process nobody gets in, whatever the key.
    let key = Key::from_secret(&[0; ticket::MIN_SECRET]).expect("as long as it must be");
    let mut tree = Tree::new(Facts::ask(), key, &mut [], &mut []);
    let mut buffers = Buffers { frame: [0; _], reply: [0; _] };
    serve(&mut tree, &mut clients, lanes, &mut buffers)
}

fn serve(
    tree: &mut Tree,
    clients: &mut Clients<Tree>,
    mut lanes: Option<Lanes<Tree>>,
    buffers: &mut Buffers,
) -> ! {
    let served = if clients.is_empty() { SIGNALS } else { SERVED };
    let mut answer: Option<(Answer, u64)> = None;
    loop {
        let busy = lanes.as_mut().is_some_and(|lanes| lanes.round(tree, buffers));
        if busy {
            clients.tell();
        }
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
        // A doorbell only says that there may be something to do.
        if let Some(message) = message
            && let Origin::Call(from) = Badge(message.badge).origin()
        {
            answer = Some(clients.call(from, &message, tree, buffers));
            clients.tell();
        }
    }
}
