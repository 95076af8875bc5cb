//! An ordinary client's session. What it asks for is granted; where it is not, it panics, and the
//! measurement ends.

use abi::frames::MAX_FRAME;
use runtime::frames::Client;
use runtime::memory;
use secure9p_codec::{
    Dialect, Fid, MAX_MSIZE, Names, Reply, Request, Tag, UserId, decode_reply, encode_request,
    getattr,
};

const ROOT: Fid = Fid(0);
/// Flags of `open`.
pub const READ_ONLY: u32 = 0;
/// Flags of `open`.
pub const WRITE_ONLY: u32 = 1;
/// Most bytes of a read: what fits a frame with its header.
const READ: u32 = MAX_FRAME as u32 - 64;

/// A connection and room for its frames.
pub struct Session {
    client: Client,
    request: [u8; MAX_FRAME],
    reply: [u8; MAX_FRAME],
}

impl Session {
    /// Attaches with this component's ticket, over its only region.
    pub fn attach() -> Self {
        let Some(given) = memory::take().into_iter().next() else {
            panic!("the manifest gives no region");
        };
        let client = Client::new(given.region(0));
        let mut session = Self { client, request: [0; MAX_FRAME], reply: [0; MAX_FRAME] };
        let Some(birth) = memory::birth() else { panic!("the manifest gives no ticket") };
        let version = Request::Version { msize: MAX_MSIZE, version: "9P2000.L" };
        assert!(matches!(session.ask(Tag::NONE, &version), Reply::Version { .. }));
        let attach = Request::Attach {
            fid: ROOT,
            afid: Fid::NONE,
            uname: "bench",
            aname: birth.ticket(),
            n_uname: UserId::NONE,
        };
        assert!(matches!(session.ask(Tag(1), &attach), Reply::Attach { .. }));
        session
    }

    fn ask(&mut self, tag: Tag, request: &Request) -> Reply<'_> {
        let length = encode_request(Dialect::Linux, tag, request, &mut self.request);
        let frame = &self.request[..length.expect("the request fits a frame")];
        let reply = self.client.exchange(frame, &mut self.reply).expect("NineDoor answers");
        decode_reply(Dialect::Linux, reply).expect("a reply").1
    }

    /// Walks to a file of at most 64 bytes' path and opens it as `fid`.
    pub fn open(&mut self, fid: Fid, path: &[&str], flags: u32) {
        let mut packed = [0; 64];
        let names = Names::pack(path, &mut packed).expect("they fit");
        let walk = Request::Walk { fid: ROOT, newfid: fid, names };
        match self.ask(Tag(1), &walk) {
            Reply::Walk { qids } => assert_eq!(qids.len(), path.len()),
            other => panic!("{path:?} is not there: {other:?}"),
        }
        let open = Request::Lopen { fid, flags };
        assert!(matches!(self.ask(Tag(1), &open), Reply::Lopen { .. }));
    }

    /// Gives the file up.
    pub fn close(&mut self, fid: Fid) {
        assert_eq!(self.ask(Tag(1), &Request::Clunk { fid }), Reply::Clunk);
    }

    /// Appends all of `data`, which fits a frame.
    pub fn write(&mut self, fid: Fid, data: &[u8]) {
        let reply = self.ask(Tag(1), &Request::Write { fid, offset: 0, data });
        assert_eq!(reply, Reply::Write { count: data.len() as u32 });
    }

    /// Bytes from `offset` on; none at the end. Waits where the file has its readers wait.
    pub fn read(&mut self, fid: Fid, offset: u64) -> &[u8] {
        match self.ask(Tag(1), &Request::Read { fid, offset, count: READ }) {
            Reply::Read { data } => data,
            other => panic!("a read is refused: {other:?}"),
        }
    }

    /// The file's length in bytes.
    pub fn length(&mut self, fid: Fid) -> u64 {
        match self.ask(Tag(1), &Request::Getattr { fid, request_mask: getattr::BASIC }) {
            Reply::Getattr { attr } => attr.attr().expect("whole").size,
            other => panic!("a file has no attributes: {other:?}"),
        }
    }
}
