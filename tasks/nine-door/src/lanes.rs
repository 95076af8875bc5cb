//! Connections of the host, one per lane of the region that is shared with host-link.

use channels::{CHANNELS, WINDOW};
use ring::lane::{Lane, ServerSide};
use runtime::memory::Region;
use secure9p_codec::frame_length;
use secure9p_core::{Connection, ConnectionId, Outcome, Tree};

use crate::serve::{Buffers, FIDS, WAITING};

/// Frames of one lane that are handled before the next lane's turn.
const BATCH: usize = 16;

/// One lane and the connection on it.
struct Slot<T: Tree> {
    side: ServerSide<'static>,
    connection: Option<Connection<T, FIDS, WAITING>>,
}

/// Every lane.
pub struct Lanes<T: Tree> {
    region: Region,
    slots: [Slot<T>; CHANNELS],
    /// Number of the next connection.
    next: u32,
}

/// What came of a round.
#[derive(Default, Clone, Copy)]
pub struct Round {
    /// Something was done: another round may find more.
    pub busy: bool,
    /// The link has to be told.
    pub ring: bool,
}

impl<T: Tree> Lanes<T> {
    /// Serves the lanes in `region`. Connections are numbered from `first` on.
    pub fn new(region: Region, first: u32) -> Self {
        let slots = core::array::from_fn(|index| {
            let lane = Lane::carve(region.words, region.bytes, index, WINDOW as usize);
            let lane =
                lane.expect("the region has room for every lane: its size is the manifest's");
            Slot { side: ServerSide::new(lane), connection: None }
        });
        // Connections that the link began before are closed now.
        region.ring();
        Self { region, slots, next: first }
    }

    /// Handles a batch of frames of every lane, and what waited.
    pub fn round(&mut self, tree: &mut T, buffers: &mut Buffers) -> bool {
        let mut round = Round::default();
        for slot in &mut self.slots {
            if slot.side.is_open() && slot.connection.is_none() {
                slot.connection = Some(Connection::new(ConnectionId(self.next)));
                self.next = self.next.wrapping_add(1);
            }
            slot.serve(tree, buffers, &mut round);
        }
        if round.ring {
            self.region.ring();
        }
        round.busy
    }
}

/// What came of one step of a lane.
enum Step {
    /// Something was done.
    Worked,
    /// There is nothing to do until the link tells.
    Idle,
    /// The connection is over.
    Over,
}

impl<T: Tree> Slot<T> {
    fn serve(&mut self, tree: &mut T, buffers: &mut Buffers, round: &mut Round) {
        let Some(connection) = &mut self.connection else { return };
        for _ in 0..BATCH {
            match step(&mut self.side, connection, tree, buffers) {
                Step::Worked => (round.busy, round.ring) = (true, true),
                Step::Idle => return,
                Step::Over => {
                    connection.close(tree);
                    self.connection = None;
                    self.side.close();
                    (round.busy, round.ring) = (true, true);
                    return;
                }
            }
        }
    }
}

fn step<T: Tree>(
    side: &mut ServerSide<'static>,
    connection: &mut Connection<T, FIDS, WAITING>,
    tree: &mut T,
    buffers: &mut Buffers,
) -> Step {
    // A reply must fit before its request is taken: so nothing is ever lost.
    match side.has_space(buffers.reply.len()) {
        Ok(true) => {}
        Ok(false) if side.is_ended() => return Step::Over,
        Ok(false) => return Step::Idle,
        // Only a link that breaks the protocol comes here.
        Err(_) => return Step::Over,
    }
    if let Some(length) = connection.poll(tree, &mut buffers.reply) {
        return write(side, &buffers.reply[..length]);
    }
    let limit = connection.limit();
    // Asked before the frame: what came in between is there then, and is served.
    let is_ended = side.is_ended();
    let frame = match side.message(&mut buffers.frame, |prefix| frame_length(prefix, limit)) {
        Ok(Some(frame)) => frame,
        Ok(None) if is_ended => return Step::Over,
        Ok(None) => return Step::Idle,
        Err(_) => return Step::Over,
    };
    match connection.handle(frame, tree, &mut buffers.reply) {
        Outcome::Reply(length) => write(side, &buffers.reply[..length]),
        Outcome::Pending => Step::Worked,
        Outcome::Close(_) => Step::Over,
    }
}

fn write(side: &mut ServerSide, reply: &[u8]) -> Step {
    if side.outbound.write(reply) == Ok(reply.len()) { Step::Worked } else { Step::Over }
}
