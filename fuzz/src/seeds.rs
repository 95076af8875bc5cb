//! The streams that the corpus starts from, written as requests.

use secure9p_codec::{
    Datasync, Dialect, Fid, Name, Names, Request, SetAttr, Stat, Tag, UserId, encode_request,
    setattr,
};

use crate::world::Event;

/// A stream in the making.
struct Stream {
    dialect: Dialect,
    bytes: Vec<u8>,
    tag: u16,
}

impl Stream {
    /// One that has negotiated and attached: fid 0 is the root.
    fn new(dialect: Dialect) -> Self {
        let mut stream = Self { dialect, bytes: Vec::new(), tag: 0 };
        stream.push(&Request::Version { msize: 8192, version: dialect.version() });
        stream.attach(0, Fid::NONE);
        stream
    }

    fn push(&mut self, request: &Request<'_>) {
        let mut frame = vec![0; 8192];
        let tag = Tag(self.tag);
        let length = encode_request(self.dialect, tag, request, &mut frame).expect("a seed fits");
        self.bytes.extend_from_slice(&frame[..length]);
        self.tag = self.tag.wrapping_add(1);
    }

    fn raw(&mut self, kind: u8, body: &[u8]) {
        let size = u32::try_from(7 + body.len()).expect("a seed fits");
        self.bytes.extend_from_slice(&size.to_le_bytes());
        self.bytes.push(kind);
        self.bytes.extend_from_slice(&self.tag.to_le_bytes());
        self.bytes.extend_from_slice(body);
        self.tag = self.tag.wrapping_add(1);
    }

    fn happen(&mut self, event: Event) {
        self.raw(0, &[event as u8]);
    }

    fn attach(&mut self, fid: u32, afid: Fid) {
        self.attach_as(fid, afid, "queen");
    }

    fn attach_as(&mut self, fid: u32, afid: Fid, uname: &str) {
        let (fid, aname, n_uname) = (Fid(fid), "", UserId::NONE);
        self.push(&Request::Attach { fid, afid, uname, aname, n_uname });
    }

    /// A bridge (fid 10) that publishes GPU-0 (fid 11), and a queen's `ctl` (fid 1) that spawns a
    /// worker with a lease of it, who attaches (fid 12).
    fn lease(&mut self) {
        self.attach_as(10, Fid::NONE, "gpu-bridge");
        self.walk(10, 11, &["gpu", "publish"]);
        self.open(11, 1);
        self.write(11, PUBLISH);
        self.walk(0, 1, &["queen", "ctl"]);
        self.open(1, 1);
        self.write(1, SPAWN_GPU);
        self.attach_as(12, Fid::NONE, "worker-gpu");
    }

    fn walk(&mut self, fid: u32, newfid: u32, path: &[&str]) {
        let mut room = [0; 512];
        let names = Names::pack(path, &mut room).expect("a seed's names");
        self.push(&Request::Walk { fid: Fid(fid), newfid: Fid(newfid), names });
    }

    /// Opens for reading 0, writing 1, both 2.
    fn open(&mut self, fid: u32, access: u8) {
        let fid = Fid(fid);
        self.push(&match self.dialect {
            Dialect::Plan9 => Request::Open { fid, mode: access },
            Dialect::Linux => Request::Lopen { fid, flags: u32::from(access) },
        });
    }

    fn read(&mut self, fid: u32, offset: u64, count: u32) {
        self.push(&Request::Read { fid: Fid(fid), offset, count });
    }

    fn write(&mut self, fid: u32, data: &[u8]) {
        self.push(&Request::Write { fid: Fid(fid), offset: 0, data });
    }

    fn clunk(&mut self, fid: u32) {
        self.push(&Request::Clunk { fid: Fid(fid) });
    }

    fn flush(&mut self, oldtag: u16) {
        self.push(&Request::Flush { oldtag: Tag(oldtag) });
    }
}

const PUBLISH: &[u8] = b"{\"publish\":{\"id\":\"GPU-0\",\"uuid\":\"u\",\"name\":\"n\",\
\"memory_mb\":8000,\"streams\":2,\"driver_version\":\"1\",\"runtime_version\":\"2\",\
\"backend\":\"mock\"}}\n";
const SPAWN_GPU: &[u8] = b"{\"spawn\":\"gpu\",\"lease\":{\"gpu_id\":\"GPU-0\",\"mem_mb\":10,\
\"streams\":1,\"ttl_s\":5}}\n";
const JOBS: &[u8] = b"{\"job\":\"a\",\"kernel\":\"vadd\",\"n\":256,\"grid\":[1],\"block\":[256],\
\"bytes_hash\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\
\"inputs\":[\"a\",\"b\"],\"outputs\":[\"c\"],\"timeout_ms\":5}\n\
{\"job\":\"b\",\"kernel\":\"matmul\",\"m\":4,\"n\":4,\"k\":4,\"grid\":[1],\"block\":[4,4],\
\"bytes_hash\":\"sha256:0000000000000000000000000000000000000000000000000000000000000000\",\
\"inputs\":[\"a\",\"b\"],\"outputs\":[\"c\"],\"timeout_ms\":5}\n";
const RUNNING: &[u8] = b"{\"job\":\"a\",\"state\":\"RUNNING\",\"progress\":5,\"detail\":\"\"}\n";
const ERR: &[u8] = b"{\"job\":\"a\",\"state\":\"ERR\",\"progress\":5,\"detail\":\"no\"}\n";

type Seed = (&'static str, fn(&mut Stream));

const SEEDS: &[Seed] = &[
    ("read-boot", |s| {
        s.walk(0, 1, &["proc", "boot"]);
        s.open(1, 0);
        s.read(1, 0, 8168);
        s.read(1, 16, 8168);
        s.clunk(1);
    }),
    ("append-log", |s| {
        s.walk(0, 1, &["log", "queen.log"]);
        s.open(1, 2);
        s.write(1, b"line\n");
        s.write(1, b"");
        s.read(1, 0, 100);
        s.clunk(1);
    }),
    ("write-proc-boot", |s| {
        s.walk(0, 1, &["proc", "boot"]);
        s.open(1, 1);
        s.write(1, b"x");
        s.open(1, 2);
        s.open(1, 0);
        s.write(1, b"x");
    }),
    ("length-mismatch", |s| {
        s.raw(120, &[0, 0, 0]);
        s.raw(120, &[0, 0, 0, 0, 0]);
        s.raw(118, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, b'x']);
        s.raw(110, &[0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 4, 0, b'p', b'r']);
        // And at last a frame that says another size than it has.
        s.bytes.extend_from_slice(&[200, 0, 0, 0, 120, 1, 0, 0, 0, 0, 0]);
    }),
    ("fid-reuse", |s| {
        s.walk(0, 1, &["log", "queen.log"]);
        s.open(1, 2);
        s.clunk(1);
        s.read(1, 0, 10);
        s.walk(0, 1, &["proc", "boot"]);
        s.read(1, 0, 10);
        s.write(1, b"x");
        s.open(1, 0);
        s.open(1, 0);
        s.walk(0, 1, &["log"]);
        s.clunk(1);
        s.clunk(1);
    }),
    ("wait-and-flush", |s| {
        s.walk(0, 1, &["proc", "events"]);
        s.open(1, 0);
        s.walk(0, 2, &["queen", "slow"]);
        s.open(2, 1);
        let tag = s.tag;
        s.read(1, 0, 100);
        s.write(2, b"data");
        s.read(1, 0, 5);
        s.flush(tag);
        s.flush(tag + 1);
        s.happen(Event::Grow);
        s.happen(Event::Finish);
        s.flush(tag + 2);
        s.write(2, b"more");
        s.happen(Event::Finish);
    }),
    ("wait-and-clunk", |s| {
        s.walk(0, 1, &["proc", "events"]);
        s.open(1, 0);
        s.walk(0, 2, &["queen", "slow"]);
        s.open(2, 1);
        s.read(1, 0, 100);
        s.write(2, b"data");
        s.clunk(1);
        s.push(&Request::Remove { fid: Fid(2) });
        s.happen(Event::Grow);
        s.happen(Event::Finish);
    }),
    ("wait-too-often", |s| {
        s.walk(0, 1, &["proc", "events"]);
        s.open(1, 0);
        for _ in 0..6 {
            s.read(1, 0, 100);
        }
        s.tag -= 3;
        s.clunk(1);
        s.happen(Event::Grow);
    }),
    ("revoke", |s| {
        s.walk(0, 1, &["proc", "events"]);
        s.open(1, 0);
        s.walk(0, 2, &["log", "queen.log"]);
        s.open(2, 1);
        s.read(1, 0, 100);
        s.happen(Event::Revoke);
        s.write(2, b"x");
        s.attach(3, Fid::NONE);
        s.walk(3, 4, &["log"]);
    }),
    ("take-away", |s| {
        s.walk(0, 1, &["log", "queen.log"]);
        s.open(1, 2);
        s.happen(Event::TakeAway);
        s.write(1, b"x");
        s.read(1, 0, 10);
        s.walk(0, 2, &["log", "queen.log"]);
        s.clunk(1);
    }),
    ("version-again", |s| {
        s.walk(0, 1, &["proc", "events"]);
        s.open(1, 0);
        s.read(1, 0, 100);
        s.push(&Request::Version { msize: 512, version: "9P2000.L.x" });
        s.happen(Event::Grow);
        s.clunk(1);
        s.push(&Request::Version { msize: 24, version: "9P2000" });
        s.push(&Request::Version { msize: u32::MAX, version: "" });
        s.push(&Request::Version { msize: 8192, version: "9P2000.u" });
        s.clunk(0);
    }),
    ("many-fids", |s| {
        for fid in 1..20 {
            s.walk(0, fid * 16, &["proc"]);
        }
        s.attach(7, Fid::NONE);
        s.clunk(16);
        s.attach(7, Fid::NONE);
        s.clunk(7);
        s.clunk(0);
    }),
    ("walks", |s| {
        s.walk(0, 1, &[]);
        s.walk(0, 1, &["proc"]);
        s.walk(1, 1, &["..", "..", "..", "log"]);
        s.walk(1, 2, &[".", "queen.log"]);
        s.walk(0, 2, &["proc", "boot", "x"]);
        s.walk(0, 2, &["nothing"]);
        s.walk(0, u32::MAX, &["proc"]);
        s.walk(0, 3, &["a"; 16]);
        s.raw(110, &[0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 3, 0, b'a', b'/', b'b']);
        s.raw(110, &[0, 0, 0, 0, 9, 0, 0, 0, 1, 0, 2, 0, 0xff, 0xfe]);
        s.raw(110, &[0, 0, 0, 0, 9, 0, 0, 0, 17, 0]);
    }),
    ("reads", |s| {
        s.walk(0, 1, &["proc", "boot"]);
        s.open(1, 0);
        s.read(1, 0, u32::MAX);
        s.read(1, 1 << 63, 1);
        s.read(1, u64::MAX, 1);
        s.read(1, i64::MAX as u64, 8192);
        s.read(1, 0, 0);
    }),
    ("attaches", |s| {
        s.attach(1, Fid(0));
        s.attach(0, Fid::NONE);
        s.attach(1, Fid::NONE);
        let (afid, uname, aname, n_uname) = (Fid(9), "", "", UserId::NONE);
        s.push(&Request::Auth { afid, uname, aname, n_uname });
        let (fid, afid) = (Fid(2), Fid::NONE);
        s.push(&Request::Attach { fid, afid, uname: "observer", aname: "/", n_uname });
        s.push(&Request::Attach { fid: Fid(3), afid, uname: "nobody", aname: "/", n_uname });
        s.push(&Request::Attach { fid: Fid(3), afid, uname: "x", aname: "elsewhere", n_uname });
        s.walk(2, 4, &["log", "queen.log"]);
        s.open(4, 1);
        s.clunk(2);
    }),
    ("control", |s| {
        for fid in 1..4 {
            s.walk(0, fid, &["queen", "ctl"]);
            s.open(fid, 1);
        }
        s.write(1, b"{\"kill\":\"worker-7\"}\n");
        s.write(1, b"{\"spawn\":\"heart");
        s.write(2, b"not a line of JSON\n");
        s.write(1, b"beat\"}\n{\"kill\":\"worker-1\"}\n");
        s.write(3, &[b'x'; 4000]);
        s.write(3, &[b'x'; 4000]);
        s.write(3, &[b'x'; 4000]);
        s.write(3, b"\n\n\x1b[2J\n");
        s.clunk(1);
    }),
    ("look-around", |s| {
        for (fid, name) in (1..).zip(["sessions", "mem", "events", "boot"]) {
            s.walk(0, fid, &["proc", name]);
            s.open(fid, 0);
            s.read(fid, 0, 8168);
            s.read(fid, 5, 20);
        }
        s.walk(0, 9, &["worker"]);
        s.open(9, 0);
        s.happen(Event::Grow);
    }),
    ("gpu-job", |s| {
        s.lease();
        s.walk(10, 2, &["gpu", "GPU-0", "job"]);
        s.open(2, 0);
        s.read(2, 0, 2000);
        s.walk(12, 3, &["gpu", "GPU-0", "job"]);
        s.open(3, 1);
        s.write(3, JOBS);
        s.write(3, JOBS);
        s.walk(10, 4, &["gpu", "GPU-0", "status"]);
        s.open(4, 1);
        s.write(4, RUNNING);
        s.write(4, ERR);
        s.read(2, 0, 2000);
        s.write(11, b"{\"gauge\":{\"id\":\"GPU-0\",\"utilization\":1}}\n");
        for (fid, name) in (5..).zip(["info", "status"]) {
            s.walk(12, fid, &["gpu", "GPU-0", name]);
            s.open(fid, 0);
            s.read(fid, 0, 2000);
        }
    }),
    ("gpu-lease", |s| {
        s.lease();
        s.walk(12, 3, &["gpu", "GPU-0", "job"]);
        s.open(3, 1);
        s.write(3, JOBS);
        s.walk(10, 2, &["gpu", "GPU-0", "job"]);
        s.open(2, 0);
        s.read(2, 0, 2000);
        s.read(2, 500, 2000);
        s.happen(Event::Finish);
        s.happen(Event::Finish);
        s.write(3, JOBS);
        s.walk(10, 4, &["gpu", "GPU-0", "status"]);
        s.open(4, 1);
        s.write(4, ERR);
        s.walk(0, 5, &["gpu", "GPU-0", "ctl"]);
        s.open(5, 1);
        s.write(5, b"LEASE worker-1 8000 2 60 9\nPRIORITY worker-1 3\n");
        s.write(3, JOBS);
        s.write(5, b"RESET\nRELEASE worker-1\n");
        s.walk(0, 6, &["worker", "worker-1", "tasks"]);
        s.open(6, 1);
        s.write(6, JOBS);
    }),
    ("gpu-bridge-goes", |s| {
        s.lease();
        s.walk(12, 3, &["gpu", "GPU-0", "job"]);
        s.open(3, 1);
        s.write(3, JOBS);
        s.walk(10, 2, &["gpu", "GPU-0", "job"]);
        s.open(2, 0);
        s.read(2, 800, 2000);
        s.write(11, PUBLISH);
        s.write(11, b"{\"withdraw\":\"GPU-0\"}\n");
        s.write(3, JOBS);
        s.write(11, PUBLISH);
        s.write(1, SPAWN_GPU);
        s.happen(Event::TakeAway);
        for fid in [2, 11, 10] {
            s.clunk(fid);
        }
        s.walk(0, 4, &["gpu", "GPU-0"]);
    }),
    ("types", |s| {
        // Replies, unknown ones, the other dialect's, and tags that are none.
        for kind in [1, 6, 7, 12, 24, 40, 101, 106, 107, 111, 112, 117, 124, 126, 127, 255] {
            s.raw(kind, &[0; 13]);
        }
        s.tag = u16::MAX - 1;
        s.clunk(5);
        s.raw(120, &[0; 4]);
    }),
];

const PLAN9: &[Seed] = &[
    ("list", |s| {
        s.walk(0, 1, &["many"]);
        s.open(1, 0);
        s.read(1, 0, 8168);
        s.read(1, 1, 8168);
        s.read(1, 0, 20);
        s.read(1, 0, 100);
        s.push(&Request::Stat { fid: Fid(1) });
    }),
    ("wstat", |s| {
        s.walk(0, 1, &["log", "queen.log"]);
        for stat in [
            Stat::KEEP,
            Stat { length: 0, ..Stat::KEEP },
            Stat { name: "other", ..Stat::KEEP },
            Stat { mode: 0, mtime: 1, ..Stat::KEEP },
        ] {
            let mut room = [0; 128];
            let stat = stat.record(&mut room).expect("a seed fits");
            s.push(&Request::Wstat { fid: Fid(1), stat });
        }
        let stat = [&[1, 0, 0, 0, 49, 0, 46, 0][..], &[0xff; 39], &[0; 8]].concat();
        s.raw(126, &stat);
        let name = Name::new("x").expect("a name");
        s.push(&Request::Create { fid: Fid(0), name, perm: 0, mode: 0 });
    }),
];

const LINUX: &[Seed] = &[
    ("list", |s| {
        s.walk(0, 1, &["many"]);
        s.open(1, 0);
        for (offset, count) in [(0, 8168), (200, 8168), (0, 20), (1 << 63, 100), (0, 0)] {
            s.push(&Request::Readdir { fid: Fid(1), offset, count });
        }
        s.walk(1, 2, &["file-3"]);
        s.push(&Request::Getattr { fid: Fid(2), request_mask: 0x7ff });
        s.push(&Request::Statfs { fid: Fid(2) });
    }),
    ("setattr", |s| {
        s.walk(0, 1, &["log", "queen.log"]);
        for valid in [setattr::SIZE, setattr::MODE, 0x1e8, 0, u32::MAX] {
            let attr = SetAttr { valid, ..SetAttr::default() };
            s.push(&Request::Setattr { fid: Fid(1), attr });
        }
        s.raw(26, &[0; 59]);
    }),
    ("refused", |s| {
        let (fid, dfid, name, gid) = (Fid(0), Fid(0), Name::new("queen.log").expect("a name"), 0);
        let (kind, start, length, proc_id, client_id) = (0, 0, 0, 1, "me");
        s.walk(0, 1, &["log"]);
        s.push(&Request::Lcreate { fid: Fid(1), name, flags: 0o301, mode: 0, gid });
        s.push(&Request::Lcreate { fid: Fid(1), name, flags: 0o1101, mode: 0, gid });
        s.push(&Request::Symlink { fid, name, target: "..", gid });
        s.push(&Request::Mknod { dfid, name, mode: 0, major: 0, minor: 0, gid });
        s.push(&Request::Rename { fid, dfid, name });
        s.push(&Request::Readlink { fid });
        s.push(&Request::Xattrwalk { fid, newfid: Fid(9), name: "" });
        s.push(&Request::Xattrcreate { fid, name: "user.x", attr_size: 1, flags: 0 });
        s.push(&Request::Fsync { fid, datasync: Datasync(1) });
        s.push(&Request::Lock { fid, kind, flags: 0, start, length, proc_id, client_id });
        s.push(&Request::Getlock { fid, kind, start, length, proc_id, client_id });
        s.push(&Request::Link { dfid, fid, name });
        s.push(&Request::Mkdir { dfid, name, mode: 0, gid });
        let (olddirfid, newdirfid) = (fid, dfid);
        s.push(&Request::Renameat { olddirfid, oldname: name, newdirfid, newname: name });
        s.push(&Request::Unlinkat { dirfid: dfid, name, flags: 0 });
    }),
];

/// Every seed with its name: each in both dialects, and those of one.
#[must_use]
pub fn all() -> Vec<(String, Vec<u8>)> {
    let own = [(Dialect::Plan9, "9p2000", PLAN9), (Dialect::Linux, "9p2000.L", LINUX)];
    let mut all = Vec::new();
    for (dialect, suffix, own) in own {
        for (name, fill) in SEEDS.iter().chain(own) {
            let mut stream = Stream::new(dialect);
            fill(&mut stream);
            all.push((format!("{name}.{suffix}"), stream.bytes));
        }
    }
    all
}
