//! A small client that panics where something is not as expected.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime};

use secure9p_codec::{
    Dialect, Fid, Names, Reply, Request, Tag, UserId, decode_reply, encode_request,
};

use ticket::{Claims, Key, Role};

const FRAME: usize = 8192;
/// When a test that waits has failed.
pub const LIMIT: Duration = Duration::from_secs(20);

/// A folder of one test, gone with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("hive-sim-{}-{number}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).expect("a new folder");
        Self(folder)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// What the tickets of these tests' hives are minted with.
pub const SECRET: &[u8] = b"the secret of these tests";

/// A queen's ticket.
fn queen(secret: &[u8]) -> ticket::Ticket {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let mut claims = Claims::new(Role::Queen, since_1970.as_millis() as u64);
    claims.budget.ttl_s = Some(3600);
    Key::from_secret(secret).expect("long enough").mint(&claims).expect("claims")
}

/// A request's frame.
pub fn frame(tag: u16, request: &Request<'_>) -> Vec<u8> {
    let mut out = vec![0; FRAME];
    let length = encode_request(Dialect::Linux, Tag(tag), request, &mut out).expect("it fits");
    out.truncate(length);
    out
}

pub fn version() -> Vec<u8> {
    frame(0xffff, &Request::Version { msize: FRAME as u32, version: "9P2000.L" })
}

/// Where clients connect, whatever the socket.
pub trait Stream: Read + Write {}

impl<S: Read + Write> Stream for S {}

pub struct Client {
    pub socket: Box<dyn Stream>,
}

impl Client {
    /// A connection that is attached, with the root at fid 0.
    pub fn attach(path: &Path) -> Self {
        Self::with_socket(path).1
    }

    /// The same, and its socket for sending from another thread.
    pub fn with_socket(path: &Path) -> (UnixStream, Self) {
        let socket = UnixStream::connect(path).expect("somebody listens");
        socket.set_read_timeout(Some(LIMIT)).expect("a socket");
        let second = socket.try_clone().expect("a socket");
        (second, Self::over(socket))
    }

    pub fn over(socket: impl Stream + 'static) -> Self {
        Self::over_with(socket, SECRET)
    }

    /// The same, with a ticket minted with this secret.
    pub fn over_with(socket: impl Stream + 'static, secret: &[u8]) -> Self {
        let mut client = Self { socket: Box::new(socket) };
        client.send(&version());
        assert_eq!(client.receive().0, 0xffff);
        let (fid, afid) = (Fid(0), Fid::NONE);
        let (uname, n_uname, aname) = ("tester", UserId::NONE, queen(secret));
        let attach = Request::Attach { fid, afid, uname, aname: aname.as_str(), n_uname };
        client.ask(&attach, |reply| assert!(matches!(reply, Reply::Attach { .. }), "{reply:?}"));
        client
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).expect("the server takes it");
    }

    /// The next reply's tag and frame.
    pub fn receive(&mut self) -> (u16, Vec<u8>) {
        let mut frame = vec![0; 4];
        self.socket.read_exact(&mut frame).expect("a reply");
        let size = u32::from_le_bytes([frame[0], frame[1], frame[2], frame[3]]) as usize;
        assert!((7..=FRAME).contains(&size), "a frame of {size} bytes");
        frame.resize(size, 0);
        self.socket.read_exact(&mut frame[4..]).expect("a whole reply");
        (u16::from_le_bytes([frame[5], frame[6]]), frame)
    }

    /// Sends a request and looks at its reply.
    pub fn ask<T>(&mut self, request: &Request<'_>, look: impl FnOnce(Reply<'_>) -> T) -> T {
        self.send(&frame(1, request));
        let (tag, reply) = self.receive();
        assert_eq!(tag, 1);
        look(decode_reply(Dialect::Linux, &reply).expect("a reply").1)
    }

    /// Opens the file at `path` as `fid`, with open(2)'s flags.
    pub fn open(&mut self, fid: u32, path: &str, flags: u32) {
        let names: Vec<_> = path.split('/').filter(|name| !name.is_empty()).collect();
        let mut packed = [0; 256];
        let names = Names::pack(&names, &mut packed).expect("names");
        let walk = Request::Walk { fid: Fid(0), newfid: Fid(fid), names };
        self.ask(&walk, |reply| match reply {
            Reply::Walk { qids } => assert_eq!(qids.len(), names.len(), "{path}"),
            other => panic!("{path}: {other:?}"),
        });
        let open = Request::Lopen { fid: Fid(fid), flags };
        self.ask(&open, |reply| assert!(matches!(reply, Reply::Lopen { .. }), "{reply:?}"));
    }

    pub fn clunk(&mut self, fid: u32) {
        let clunk = Request::Clunk { fid: Fid(fid) };
        self.ask(&clunk, |reply| assert_eq!(reply, Reply::Clunk));
    }

    /// What the file holds.
    pub fn cat(&mut self, path: &str) -> String {
        const FID: u32 = 100;
        self.open(FID, path, 0);
        let mut text = Vec::new();
        loop {
            let (fid, offset, count) = (Fid(FID), text.len() as u64, FRAME as u32);
            let more = self.ask(&Request::Read { fid, offset, count }, |reply| match reply {
                Reply::Read { data } => data.to_vec(),
                other => panic!("{path}: {other:?}"),
            });
            if more.is_empty() {
                break;
            }
            text.extend(more);
        }
        self.clunk(FID);
        String::from_utf8(text).expect("UTF-8")
    }

    pub fn append(&mut self, path: &str, data: &str) {
        const FID: u32 = 101;
        self.open(FID, path, 1);
        let data = data.as_bytes();
        let write = Request::Write { fid: Fid(FID), offset: 0, data };
        let count = data.len() as u32;
        self.ask(&write, |reply| assert_eq!(reply, Reply::Write { count }));
        self.clunk(FID);
    }

    /// Whether the server has hung up, when it has.
    pub fn is_hung_up(&mut self) -> bool {
        matches!(self.socket.read(&mut [0; 64]), Ok(0) | Err(_))
    }

    /// Asks until the file says what is `wanted`, as connections that were dropped go one after
    /// another.
    pub fn until(&mut self, path: &str, wanted: impl Fn(&str) -> bool) {
        let start = Instant::now();
        loop {
            let now = self.cat(path);
            if wanted(&now) {
                return;
            }
            assert!(start.elapsed() < LIMIT, "{path} is still {now:?}");
            std::thread::yield_now();
        }
    }
}
