//! Nanoseconds that a connection takes for a request, printed one line a request.
//!
//! `cargo bench -p cohesix-secure9p-core`. The tree behind it does next to nothing, so this is
//! the connection's own part. A number is the best of several rounds.

use std::hint::black_box;
use std::time::Instant;

use secure9p_codec::{Dialect, Fid, Name, Names, Qid, Request, Tag, UserId, encode_request};
use secure9p_core::{
    Access, AccessPolicy, Connection, ConnectionId, Entry, Error, FileName, Found, OpenMode,
    Outcome, Read, Stat, Tree, Write,
};

const ROUNDS: u32 = 20;
const CALLS: u32 = 100_000;

/// A directory in which every name is found; 0 is the directory, 1 a file.
struct Bare;

fn found(node: u8) -> Found<u8> {
    let kind = if node == 0 { Qid::DIRECTORY } else { Qid::APPEND };
    Found { node, qid: Qid { kind, version: 0, path: u64::from(node) } }
}

impl AccessPolicy for Bare {
    type Session = ();
    type Node = u8;

    fn allow(&mut self, (): (), _: u8, _: Access) -> Result<(), Error> {
        Ok(())
    }
}

impl Tree for Bare {
    type Open = ();

    fn attach(&mut self, _: ConnectionId, _: &str, _: &str) -> Result<((), Found<u8>), Error> {
        Ok(((), found(0)))
    }

    fn detach(&mut self, (): ()) {}

    fn walk(&mut self, (): (), _: u8, _: Name<'_>) -> Result<Found<u8>, Error> {
        Ok(found(1))
    }

    fn stat(&mut self, (): (), node: u8) -> Result<Stat, Error> {
        let name = FileName::new();
        let modified = std::time::Duration::ZERO;
        Ok(Stat { qid: found(node).qid, permissions: 0o666, length: 1, modified, name })
    }

    fn open(&mut self, (): (), _: u8, _: OpenMode) -> Result<(), Error> {
        Ok(())
    }

    fn read(&mut self, (): (), _: u8, (): &mut (), _: u64, into: &mut [u8]) -> Result<Read, Error> {
        into.fill(b'x');
        Ok(Read::Bytes(into.len()))
    }

    fn write(&mut self, (): (), _: u8, (): &mut (), data: &[u8]) -> Result<Write, Error> {
        Ok(Write::Done(data.len() as u32))
    }

    fn entry(&mut self, (): (), _: u8, _: u64) -> Result<Option<Entry>, Error> {
        Ok(None)
    }

    fn set_length(&mut self, (): (), _: u8, _: u64) -> Result<(), Error> {
        Ok(())
    }

    fn close(&mut self, (): (), _: u8, (): ()) {}
}

fn frame(tag: u16, request: &Request<'_>) -> Vec<u8> {
    let mut out = vec![0; 8192];
    let length = encode_request(Dialect::Linux, Tag(tag), request, &mut out).expect("fits");
    out.truncate(length);
    out
}

struct Bench {
    connection: Connection<Bare, 64, 16>,
    reply: Vec<u8>,
}

impl Bench {
    fn ask(&mut self, frame: &[u8]) {
        let outcome = self.connection.handle(black_box(frame), &mut Bare, &mut self.reply);
        let Outcome::Reply(length) = outcome else { panic!("{outcome:?}") };
        assert!(self.reply[4] != 7, "refused: {:?}", &self.reply[..length]);
    }

    fn measure(&mut self, name: &str, frames: &[Vec<u8>]) {
        let best = (0..ROUNDS).map(|_| {
            let start = Instant::now();
            for _ in 0..CALLS {
                frames.iter().for_each(|frame| self.ask(frame));
            }
            start.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
        });
        let best = best.fold(f64::INFINITY, f64::min);
        println!("{name:32} {best:6.1} ns");
    }
}

fn main() {
    let mut bench = Bench { connection: Connection::new(ConnectionId(0)), reply: vec![0; 8192] };
    let (fid, newfid) = (Fid(1), Fid(2));
    bench.ask(&frame(0, &Request::Version { msize: 8192, version: "9P2000.L" }));
    let (uname, aname) = ("queen", "");
    let attach =
        Request::Attach { fid: Fid(0), afid: Fid::NONE, uname, aname, n_uname: UserId::NONE };
    bench.ask(&frame(0, &attach));
    let mut room = [0; 64];
    let names = Names::pack(&["log"], &mut room).expect("fits");
    bench.ask(&frame(0, &Request::Walk { fid: Fid(0), newfid: fid, names }));
    bench.ask(&frame(0, &Request::Lopen { fid, flags: 2 }));

    let walk = frame(1, &Request::Walk { fid: Fid(0), newfid, names });
    let open = frame(1, &Request::Lopen { fid: newfid, flags: 0 });
    let read = |fid, count| frame(1, &Request::Read { fid, offset: 0, count });
    let clunk = frame(1, &Request::Clunk { fid: newfid });
    let walk0 = Request::Walk { fid: Fid(0), newfid: Fid(0), names: Names::EMPTY };
    bench.measure("walk0", &[frame(1, &walk0)]);
    bench.measure("getattr", &[frame(1, &Request::Getattr { fid, request_mask: 0x7ff })]);
    bench.measure("read1", &[read(fid, 1)]);
    bench.measure("write64", &[frame(1, &Request::Write { fid, offset: 0, data: &[7; 64] })]);
    bench.measure("walk+open+read1+clunk", &[walk, open, read(newfid, 1), clunk]);
}
