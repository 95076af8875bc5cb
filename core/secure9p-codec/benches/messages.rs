//! Nanoseconds to decode and encode a message, printed one line a message.
//!
//! `cargo bench -p cohesix-secure9p-codec`. A line's number is the median of many rounds, too short
//! for much to come in between, with a round of each message in turn. `./cohesix bench 9p` reads
//! the lines.

use std::hint::black_box;
use std::time::Instant;

use secure9p_codec::{
    Dialect, EncodeError, Fid, Names, Qid, Reply, Request, Tag, WalkReply, decode_request,
    encode_reply, encode_request, seal_read,
};

const ROUNDS: usize = 201;
const CALLS: u32 = 20_000;
const QID: Qid = Qid { kind: 0, version: 1, path: 2 };

/// Nanoseconds of one call, over one round of them.
fn round(mut call: impl FnMut()) -> f64 {
    let start = Instant::now();
    (0..CALLS).for_each(|_| call());
    start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
}

fn frame(request: &Request<'_>) -> Vec<u8> {
    let mut out = vec![0; 8192];
    let length = encode_request(Dialect::Linux, Tag(1), request, &mut out).expect("fits");
    out.truncate(length);
    out
}

/// Decodes a request and encodes its reply, as a server does: one function for every message, so
/// that no measurement knows which one comes.
#[inline(never)]
fn answer(frame: &[u8], out: &mut [u8]) -> Result<usize, EncodeError> {
    let Ok((tag, request)) = decode_request(Dialect::Linux, frame) else {
        return Err(EncodeError::Type);
    };
    let reply = match request {
        Request::Walk { fid, newfid, names } => {
            black_box(fid.0);
            black_box(newfid.0);
            let mut reply = WalkReply::new(out);
            for name in names {
                black_box(name);
                reply.push(black_box(QID))?;
            }
            return reply.seal(tag);
        }
        Request::Read { fid, offset, count } => {
            black_box(fid.0);
            black_box(offset);
            return seal_read(tag, count as usize, out);
        }
        Request::Write { fid, data, .. } => {
            black_box(fid.0);
            black_box(data);
            Reply::Write { count: data.len() as u32 }
        }
        Request::Lopen { fid, flags } => {
            black_box(fid.0);
            black_box(flags);
            Reply::Lopen { qid: black_box(QID), iounit: 0 }
        }
        Request::Clunk { fid } => {
            black_box(fid.0);
            Reply::Clunk
        }
        other => {
            black_box(other);
            Reply::Lerror { ecode: 95 }
        }
    };
    encode_reply(Dialect::Linux, tag, &reply, out)
}

fn main() {
    let mut room = [0; 64];
    let names = Names::pack(&["proc", "boot"], &mut room).expect("fits");
    let (fid, newfid) = (Fid(1), Fid(2));
    let messages = [
        ("walk of no name", Request::Walk { fid, newfid, names: Names::EMPTY }),
        ("walk of two names", Request::Walk { fid, newfid, names }),
        ("lopen", Request::Lopen { fid, flags: 0 }),
        ("read of 64 bytes", Request::Read { fid, offset: 0, count: 64 }),
        ("write of 64 bytes", Request::Write { fid, offset: 0, data: &[7; 64] }),
        ("clunk", Request::Clunk { fid }),
    ];
    let mut out = [0; 8192];
    let frames = messages.map(|(_, request)| frame(&request));
    let mut rounds = messages.map(|_| Vec::new());
    for _ in 0..ROUNDS {
        for (frame, rounds) in frames.iter().zip(&mut rounds) {
            rounds.push(round(|| {
                let _ = black_box(answer(black_box(frame), &mut out));
            }));
        }
    }
    for ((name, _), mut rounds) in messages.into_iter().zip(rounds) {
        rounds.sort_by(f64::total_cmp);
        println!("{name:24} {:6.1} ns", rounds[rounds.len() / 2]);
    }
}
