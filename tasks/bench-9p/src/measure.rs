//! An ordinary client: attaches, walks to the log, opens it and appends.
//!
//! Under `-icount shift=0` a nanosecond of the counter is one instruction.

use abi::frames::MAX_FRAME;
use drivers::timer;
use runtime::frames::Client;
use runtime::memory;
use secure9p_codec::{
    Dialect, Fid, MAX_MSIZE, Names, Reply, Request, Tag, UserId, decode_reply, encode_request,
};

const ROOT: Fid = Fid(0);
const LOG: Fid = Fid(1);
const WRITE_ONLY: u32 = 1;
const ROUNDS: u64 = 5_000;
const WARM_UP: u64 = 100;
/// What is appended: 64 bytes.
const LINE: &[u8; 64] = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde\n";

/// A connection and room for its frames.
struct Session {
    client: Client,
    request: [u8; MAX_FRAME],
    reply: [u8; MAX_FRAME],
}

/// Measures, prints and ends.
pub fn run(_argument: u64) -> u64 {
    let Some(given) = memory::take().into_iter().next() else {
        panic!("the manifest gives no region");
    };
    let client = Client::new(given.region(0));
    let mut session = Session { client, request: [0; MAX_FRAME], reply: [0; MAX_FRAME] };
    let Some(birth) = memory::birth() else { panic!("the manifest gives no ticket") };
    session.open_log(birth.ticket());
    session.append(WARM_UP);
    let start = timer::now();
    session.append(ROUNDS);
    let append = timer::now() - start;
    runtime::log!("bench: append_ns={append} appends={ROUNDS}");
    0
}

impl Session {
    fn ask(&mut self, tag: Tag, request: &Request) -> Reply<'_> {
        let length = encode_request(Dialect::Linux, tag, request, &mut self.request);
        let frame = &self.request[..length.expect("the request fits a frame")];
        let reply = self.client.exchange(frame, &mut self.reply).expect("NineDoor answers");
        decode_reply(Dialect::Linux, reply).expect("a reply").1
    }

    fn open_log(&mut self, ticket: &str) {
        let version = Request::Version { msize: MAX_MSIZE, version: "9P2000.L" };
        assert!(matches!(self.ask(Tag::NONE, &version), Reply::Version { .. }));
        let attach = Request::Attach {
            fid: ROOT,
            afid: Fid::NONE,
            uname: "bench",
            aname: ticket,
            n_uname: UserId::NONE,
        };
        assert!(matches!(self.ask(Tag(1), &attach), Reply::Attach { .. }));
        let mut packed = [0; 32];
        let names = Names::pack(&["log", "queen.log"], &mut packed).expect("they fit");
        let walk = Request::Walk { fid: ROOT, newfid: LOG, names };
        assert!(matches!(self.ask(Tag(1), &walk), Reply::Walk { .. }));
        let open = Request::Lopen { fid: LOG, flags: WRITE_ONLY };
        assert!(matches!(self.ask(Tag(1), &open), Reply::Lopen { .. }));
    }

    fn append(&mut self, rounds: u64) {
        let write = Request::Write { fid: LOG, offset: 0, data: LINE };
        for _ in 0..rounds {
            let reply = self.ask(Tag(1), &write);
            assert_eq!(reply, Reply::Write { count: LINE.len() as u32 });
        }
    }
}
