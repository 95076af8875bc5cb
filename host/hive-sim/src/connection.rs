//! One client's connection.

use std::io::{self, Read, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use secure9p_codec::{MAX_MSIZE, frame_length};
use secure9p_core::{Connection, ConnectionId, Outcome};

use crate::{Hive, Tree, lock};

/// Fids of one connection, as in the VM.
const FIDS: usize = 64;
/// Requests of one connection that may wait, as in the VM.
const WAITING: usize = 8;
const FRAME: usize = MAX_MSIZE as usize;
/// Bytes that are read at once.
const INPUT: usize = 4 * FRAME;
/// Replies are written when less than one more would fit.
const OUTPUT: usize = 4 * FRAME;

/// What the connection's two threads share. Whoever has it writes whole replies.
struct Shared<S> {
    connection: Connection<Tree, FIDS, WAITING>,
    socket: S,
    /// The second thread is there.
    waiter: bool,
    closed: bool,
}

/// Serves a client until it goes or breaks the protocol. `end` makes its reads return.
pub fn serve<S: Write + Send + 'static>(
    hive: &Arc<Hive>,
    mut input: impl Read,
    socket: S,
    end: impl Fn(),
) {
    let id = ConnectionId(hive.next.fetch_add(1, Ordering::Relaxed));
    let connection = Connection::new(id);
    let shared = Shared { connection, socket, waiter: false, closed: false };
    let shared = Arc::new(Mutex::new(shared));
    let mut buffer = vec![0; INPUT];
    let mut output = Vec::with_capacity(OUTPUT);
    let mut filled = 0;
    loop {
        match input.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        }
        match batch(hive, &shared, &buffer[..filled], &mut output) {
            Some(used) => {
                buffer.copy_within(used..filled, 0);
                filled -= used;
            }
            None => break,
        }
    }
    let mut shared = lock(&shared);
    shared.closed = true;
    shared.connection.close(&mut lock(&hive.tree));
    drop(shared);
    end();
    hive.tell();
}

/// Handles every whole frame in `bytes` and returns how many bytes they were; `None` where the
/// connection is over.
fn batch<S: Write + Send + 'static>(
    hive: &Arc<Hive>,
    shared: &Arc<Mutex<Shared<S>>>,
    bytes: &[u8],
    output: &mut Vec<u8>,
) -> Option<usize> {
    let mut used = 0;
    let mut guard = lock(shared);
    let mut over = false;
    let mut tree = lock(&hive.tree);
    loop {
        let rest = &bytes[used..];
        let length = match frame_length(rest, guard.connection.limit()) {
            Ok(Some(length)) => length,
            Ok(None) => break,
            Err(_) => {
                over = true;
                break;
            }
        };
        if output.len() + FRAME > OUTPUT {
            drop(tree);
            guard.socket.write_all(output).ok()?;
            output.clear();
            tree = lock(&hive.tree);
        }
        let start = output.len();
        output.resize(start + FRAME, 0);
        let outcome = guard.connection.handle(&rest[..length], &mut tree, &mut output[start..]);
        let reply = if let Outcome::Reply(length) = outcome { length } else { 0 };
        output.truncate(start + reply);
        used += length;
        if let Outcome::Close(_) = outcome {
            over = true;
            break;
        }
    }
    drop(tree);
    if !output.is_empty() {
        guard.socket.write_all(output).ok()?;
        output.clear();
    }
    if guard.connection.waiting() > 0 && !guard.waiter {
        guard.waiter = true;
        start_waiter(hive, shared).ok()?;
    }
    drop(guard);
    hive.tell();
    (!over).then_some(used)
}

/// Starts the thread that answers requests that wait.
fn start_waiter<S: Write + Send + 'static>(
    hive: &Arc<Hive>,
    shared: &Arc<Mutex<Shared<S>>>,
) -> io::Result<()> {
    let (hive, shared) = (Arc::clone(hive), Arc::clone(shared));
    hive.waiters.fetch_add(1, Ordering::AcqRel);
    let seen = *lock(&hive.changes);
    thread::Builder::new().name("waiter".into()).spawn(move || {
        wait(&hive, &shared, seen);
        hive.waiters.fetch_sub(1, Ordering::AcqRel);
    })?;
    Ok(())
}

fn wait<S: Write>(hive: &Hive, shared: &Mutex<Shared<S>>, mut seen: u64) {
    let mut reply = vec![0; FRAME];
    loop {
        let mut guard = lock(shared);
        if guard.closed || guard.connection.waiting() == 0 {
            guard.waiter = false;
            return;
        }
        loop {
            let polled = guard.connection.poll(&mut lock(&hive.tree), &mut reply);
            let Some(length) = polled else { break };
            // A client that is gone is noticed by the other thread.
            let _ = guard.socket.write_all(&reply[..length]);
        }
        drop(guard);
        let mut changes = lock(&hive.changes);
        while *changes == seen {
            changes = hive.changed.wait(changes).unwrap_or_else(PoisonError::into_inner);
        }
        seen = *changes;
    }
}
