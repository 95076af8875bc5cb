//! What a hostile client sees: one test for each class of bad input.
//!
//! Every test ends with a hang-up, after which the tree must hold nothing of the client; and the
//! model tree panics where it is called out of order, so a test that passes says that too.

#[path = "../client/mod.rs"]
mod client;
mod fids;
mod files;
mod frames;
mod tags;

use client::Client;
use secure9p_codec::{Dialect, Fid, FrameError, Request};
use secure9p_core::{CloseReason, Outcome};

const BOTH: [Dialect; 2] = [Dialect::Plan9, Dialect::Linux];

/// Waits for an event, on the fid that [`open_both`] opens.
const READ: Request<'_> = Request::Read { fid: Fid(1), offset: 0, count: 10 };
/// Waits until the tree has taken it, likewise.
const WRITE: Request<'_> = Request::Write { fid: Fid(2), offset: 0, data: b"x" };

/// Runs a case in each dialect, as the queen, and hangs up.
fn each(case: impl Fn(&mut Client)) {
    for dialect in BOTH {
        let mut client = Client::queen(dialect);
        case(&mut client);
        client.hang_up();
    }
}

/// Opens the files of [`READ`] and [`WRITE`].
fn open_both(client: &mut Client) {
    client.open_path(1, "proc/events", 0);
    client.open_path(2, "queen/slow", 1);
}

/// Has a read wait under the tag 5 and a write under 6.
fn wait(client: &mut Client) {
    open_both(client);
    assert_eq!(client.send(5, READ), Outcome::Pending);
    assert_eq!(client.send(6, WRITE), Outcome::Pending);
}

fn frame(kind: u8, tag: u16, body: &[u8]) -> Vec<u8> {
    let size = (7 + body.len()) as u32;
    [&size.to_le_bytes()[..], &[kind], &tag.to_le_bytes(), body].concat()
}

fn closed(outcome: Outcome, error: FrameError) {
    assert_eq!(outcome, Outcome::Close(CloseReason::Frame(error)));
}
