//! Nanoseconds to decode and encode a message, printed one line a message.
//!
//! `cargo bench -p cohesix-secure9p-codec`. A line's number is the best of several rounds, which
//! is what the machine can do when nothing else runs.

use std::hint::black_box;
use std::time::Instant;

use secure9p_codec::{
    Dialect, Fid, Names, Qid, Reply, Request, Tag, WalkReply, decode_request, encode_reply,
    encode_request, seal_read,
};

const ROUNDS: u32 = 20;
const CALLS: u32 = 200_000;

fn measure(name: &str, mut call: impl FnMut()) {
    let round = |call: &mut dyn FnMut(u32)| {
        let start = Instant::now();
        call(CALLS);
        start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
    };
    let mut calls = |count| (0..count).for_each(|_| call());
    let best = (0..ROUNDS).map(|_| round(&mut calls)).fold(f64::INFINITY, f64::min);
    println!("{name:24} {best:6.1} ns");
}

fn frame(request: &Request<'_>) -> Vec<u8> {
    let mut out = vec![0; 8192];
    let length = encode_request(Dialect::Linux, Tag(1), request, &mut out).expect("fits");
    out.truncate(length);
    out
}

/// Decodes a request and encodes its reply, as a server does.
fn main() {
    let mut room = [0; 64];
    let names = Names::pack(&["proc", "boot"], &mut room).expect("fits");
    let walk = frame(&Request::Walk { fid: Fid(1), newfid: Fid(2), names });
    let read = frame(&Request::Read { fid: Fid(1), offset: 0, count: 64 });
    let write = frame(&Request::Write { fid: Fid(1), offset: 0, data: &[7; 64] });
    let qid = Qid { kind: 0, version: 1, path: 2 };
    let mut out = [0; 8192];

    measure("walk of two names", || {
        let Ok((tag, Request::Walk { fid, newfid, names })) =
            decode_request(Dialect::Linux, black_box(&walk))
        else {
            return;
        };
        black_box((fid, newfid));
        let mut reply = WalkReply::new(&mut out);
        for name in names {
            black_box(name);
            let _ = reply.push(black_box(qid));
        }
        let _ = black_box(reply.seal(tag));
    });
    measure("read of 64 bytes", || {
        let Ok((tag, Request::Read { fid, offset, count })) =
            decode_request(Dialect::Linux, black_box(&read))
        else {
            return;
        };
        black_box((fid, offset));
        let _ = black_box(seal_read(tag, count as usize, &mut out));
    });
    measure("write of 64 bytes", || {
        let Ok((tag, Request::Write { fid, data, .. })) =
            decode_request(Dialect::Linux, black_box(&write))
        else {
            return;
        };
        black_box((fid, data));
        let reply = Reply::Write { count: data.len() as u32 };
        let _ = black_box(encode_reply(Dialect::Linux, tag, &reply, &mut out));
    });
}
