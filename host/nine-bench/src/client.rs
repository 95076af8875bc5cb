//! The client: one connection of 9P2000.L, with many requests on their way.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use secure9p_codec::{
    Dialect, Fid, MAX_MSIZE, Names, Reply, Request, Tag, UserId, decode_reply, encode_request,
    frame_length, getattr,
};

const ROOT: Fid = Fid(0);
const READ: Fid = Fid(1);
const WRITE: Fid = Fid(2);
/// First of the fids that operations make.
const FRESH: u32 = 100;
const DIALECT: Dialect = Dialect::Linux;
const BUFFER: usize = 256 << 10;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// A walk without names, from the root to itself.
    Walk0,
    /// What an open file is.
    Getattr,
    /// One byte of an open file.
    Read1,
    /// 64 bytes to an open file.
    Write64,
    /// Walk by two names, open, read a byte, clunk: four requests.
    WalkOpenReadClunk,
}

impl Operation {
    pub const ALL: [Self; 5] =
        [Self::Walk0, Self::Getattr, Self::Read1, Self::Write64, Self::WalkOpenReadClunk];

    pub fn name(self) -> &'static str {
        match self {
            Self::Walk0 => "walk0",
            Self::Getattr => "getattr",
            Self::Read1 => "read1",
            Self::Write64 => "write64",
            Self::WalkOpenReadClunk => "walk+open+read+clunk",
        }
    }
}

/// A connection with a file open for reading and one for writing.
pub struct Client {
    socket: UnixStream,
    output: Vec<u8>,
    input: Vec<u8>,
}

impl Client {
    /// Connects and attaches to the tree `aname`.
    pub fn connect(path: &Path, aname: &str) -> Result<Self> {
        let socket = UnixStream::connect(path)
            .with_context(|| format!("cannot connect to {}", path.display()))?;
        socket.set_read_timeout(Some(Duration::from_secs(10)))?;
        let mut client = Self { socket, output: Vec::new(), input: vec![0; BUFFER] };
        client.ask(Tag::NONE, &Request::Version { msize: MAX_MSIZE, version: "9P2000.L" })?;
        let attach =
            Request::Attach { fid: ROOT, afid: Fid::NONE, uname: "", aname, n_uname: UserId(0) };
        client.ask(Tag(0), &attach)?;
        client.open(READ, &["proc", "boot"], 0)?;
        client.open(WRITE, &["log", "queen.log"], 1)?;
        Ok(client)
    }

    fn open(&mut self, fid: Fid, path: &[&str], flags: u32) -> Result<()> {
        let mut packed = [0; 64];
        let names = Names::pack(path, &mut packed)?;
        self.ask(Tag(0), &Request::Walk { fid: ROOT, newfid: fid, names })?;
        self.ask(Tag(0), &Request::Lopen { fid, flags })
    }

    fn ask(&mut self, tag: Tag, request: &Request) -> Result<()> {
        self.push(tag, request)?;
        self.exchange(1)
    }

    fn push(&mut self, tag: Tag, request: &Request) -> Result<()> {
        let start = self.output.len();
        self.output.resize(start + MAX_MSIZE as usize, 0);
        let length = encode_request(DIALECT, tag, request, &mut self.output[start..])?;
        self.output.truncate(start + length);
        Ok(())
    }

    /// Sends what was pushed and takes as many replies, which must be no errors.
    fn exchange(&mut self, mut replies: usize) -> Result<()> {
        self.socket.write_all(&self.output)?;
        self.output.clear();
        let mut filled = 0;
        while replies > 0 {
            let length = self.socket.read(&mut self.input[filled..])?;
            ensure!(length > 0, "the server hung up");
            filled += length;
            let mut used = 0;
            while let Some(length) = frame_length(&self.input[used..filled], u32::MAX)? {
                let frame = &self.input[used..used + length];
                if let (_, Reply::Lerror { ecode }) = decode_reply(DIALECT, frame)? {
                    bail!("the server answers with errno {ecode}");
                }
                used += length;
                replies = replies.saturating_sub(1);
            }
            self.input.copy_within(used..filled, 0);
            filled -= used;
        }
        Ok(())
    }

    /// Runs `operation` as often as `depth`, all at the same time.
    pub fn run(&mut self, operation: Operation, depth: usize) -> Result<()> {
        let one = match operation {
            Operation::Walk0 => Request::Walk { fid: ROOT, newfid: ROOT, names: Names::EMPTY },
            Operation::Getattr => Request::Getattr { fid: READ, request_mask: getattr::BASIC },
            Operation::Read1 => Request::Read { fid: READ, offset: 0, count: 1 },
            Operation::Write64 => Request::Write { fid: WRITE, offset: 0, data: &[b'x'; 64] },
            Operation::WalkOpenReadClunk => return self.sequences(depth),
        };
        for tag in 0..depth {
            self.push(Tag(tag as u16), &one)?;
        }
        self.exchange(depth)
    }

    /// One step of each sequence at a time.
    fn sequences(&mut self, depth: usize) -> Result<()> {
        let mut packed = [0; 64];
        let names = Names::pack(&["proc", "boot"], &mut packed)?;
        let steps: [fn(Fid, Names) -> Request; 4] = [
            |fid, names| Request::Walk { fid: ROOT, newfid: fid, names },
            |fid, _| Request::Lopen { fid, flags: 0 },
            |fid, _| Request::Read { fid, offset: 0, count: 1 },
            |fid, _| Request::Clunk { fid },
        ];
        for step in steps {
            for index in 0..depth {
                let fid = Fid(FRESH + index as u32);
                self.push(Tag(index as u16), &step(fid, names))?;
            }
            self.exchange(depth)?;
        }
        Ok(())
    }
}
