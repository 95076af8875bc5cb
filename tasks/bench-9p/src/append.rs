//! What an append of 64 bytes costs from end to end.

use drivers::timer;
use secure9p_codec::Fid;

use crate::session::{Session, WRITE_ONLY};

const LOG: Fid = Fid(1);
const ROUNDS: u64 = 5_000;
const WARM_UP: u64 = 100;
/// What is appended: 64 bytes.
const LINE: &[u8; 64] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n";

/// Measures and prints.
pub fn run() {
    let mut session = Session::attach();
    session.open(LOG, &["log", "queen.log"], WRITE_ONLY);
    append(&mut session, WARM_UP);
    let start = timer::now();
    append(&mut session, ROUNDS);
    let append = timer::now() - start;
    runtime::log!("bench: append_ns={append} appends={ROUNDS}");
}

fn append(session: &mut Session, rounds: u64) {
    for _ in 0..rounds {
        session.write(LOG, LINE);
    }
}
