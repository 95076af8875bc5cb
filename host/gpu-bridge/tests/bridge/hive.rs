//! A simulated hive, its queen, and the program that serves it.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use client::{Client, Errno, Error, Mode, Who};
use hive_sim::{Server, serve_unix};
use rustix::process::{Pid, Signal, kill_process};
use ticket::{Claims, Key, Role};

use crate::work::Folder;

/// When a test that waits has failed.
const LIMIT: Duration = Duration::from_secs(60);
const SECRET: &[u8] = b"correct horse battery staple";

/// A hive and its queen.
pub struct Hive {
    pub folder: Folder,
    hive: Arc<hive_sim::Hive>,
    server: Option<Server>,
    queen: Client<UnixStream>,
}

pub fn mint(role: Role) -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    let mut claims = Claims::new(role, u64::try_from(since.as_millis()).expect("this age"));
    claims.budget.ttl_s = Some(3600);
    let key = Key::from_secret(SECRET).expect("a secret");
    key.mint(&claims).expect("it fits").as_str().to_owned()
}

impl Hive {
    pub fn new() -> Self {
        let hive = hive_sim::Hive::start(SECRET).expect("a hive");
        let (socket, other) = UnixStream::pair().expect("a pair");
        // What waits for an event that never comes fails.
        socket.set_read_timeout(Some(LIMIT)).expect("a socket");
        hive.attach(other).expect("connected");
        let who = Who { uname: "queen".into(), aname: mint(Role::Queen) };
        let queen = Client::attach(socket, &who).expect("attached");
        let folder = Folder::new();
        let mut this = Self { folder, hive, server: None, queen };
        this.ticket("bridge.ticket", Role::GpuBridge);
        this.serve();
        this
    }

    /// Writes a ticket.
    pub fn ticket(&self, name: &str, role: Role) {
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(self.folder.join(name));
        file.and_then(|mut file| file.write_all(mint(role).as_bytes())).expect("written");
    }

    pub fn socket(&self) -> PathBuf {
        self.folder.join("hive.sock")
    }

    pub fn bundles(&self) -> PathBuf {
        self.folder.join("bundles")
    }

    /// Serves it at its socket.
    pub fn serve(&mut self) {
        self.server = Some(serve_unix(&self.hive, &self.socket()).expect("served"));
    }

    /// Ends all connections with bridges, and takes no more.
    pub fn end(&mut self) {
        self.server = None;
    }

    pub fn cat(&mut self, path: &str) -> Result<String, Error> {
        let read = self.queen.read_whole(path);
        read.map(|whole| String::from_utf8(whole).expect("UTF-8"))
    }

    pub fn append(&mut self, path: &str, line: &str) {
        let line = format!("{line}\n");
        let written = self
            .queen
            .with_open(path, Mode::Append, |queen, file| queen.write(file, 0, line.as_bytes()));
        assert_eq!(written.expect(&line) as usize, line.len());
    }

    /// Waits until `path` holds what `holds` likes; a file that is not there holds nothing.
    pub fn until(&mut self, path: &str, holds: impl Fn(&str) -> bool) -> String {
        let events = self.queen.walk("/proc/events").expect("a file");
        self.queen.open(&events, Mode::Read).expect("opened");
        let mut offset = 0;
        loop {
            let text = match self.cat(path) {
                Ok(text) => text,
                Err(Error::Refused(Errno::ENOENT | Errno::EBADF | Errno::ESTALE)) => String::new(),
                Err(error) => panic!("{path}: {error}"),
            };
            if holds(&text) {
                self.queen.clunk(events).expect("clunked");
                return text;
            }
            match self.queen.read(&events, offset, u32::MAX) {
                Ok(bytes) => offset += bytes.len() as u64,
                Err(error) => panic!("{path}: {error}, at\n{text}"),
            }
        }
    }

    /// Spawns a GPU worker with so long a lease.
    pub fn spawn(&mut self, ttl_s: u32) -> String {
        let line = format!(
            "{{\"spawn\":\"gpu\",\"lease\":{{\"gpu_id\":\"GPU-0\",\"mem_mb\":1000,\
             \"streams\":1,\"ttl_s\":{ttl_s},\"priority\":1}}}}"
        );
        self.append("/queen/ctl", &line);
        self.cat("/queen/last").expect("a worker").trim_end().to_owned()
    }

    /// The program, told where this hive is.
    pub fn program(&self, ticket: &str) -> Command {
        self.program_with(ticket, "mock")
    }

    /// The same with this backend.
    pub fn program_with(&self, ticket: &str, backend: &str) -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_gpu-bridge"));
        program.args(["--backend", backend, "serve", "--socket"]).arg(self.socket());
        program.arg("--ticket-file").arg(self.folder.join(ticket));
        program.arg("--bundles").arg(self.bundles());
        program.stdin(Stdio::null()).stdout(Stdio::piped());
        program
    }

    /// A bridge that has published its device.
    pub fn bridge(&mut self) -> Bridge {
        let bridge = Bridge::start(self.program("bridge.ticket"));
        self.until("/gpu/GPU-0/info", |info| info.contains("\"backend\":\"mock\""));
        bridge
    }

    /// Waits for a job's last status as the worker tells it.
    pub fn last_status(&mut self, worker: &str, job: &str) -> String {
        let start = format!("{{\"job\":\"{job}\",\"state\":\"");
        let find = |text: &str| {
            let mut lines = text.lines().filter(|line| line.starts_with(&start));
            let last =
                |line: &&str| ["OK\"", "ERR\"", "REFUSED\""].iter().any(|s| line.contains(s));
            lines.find(last).map(ToOwned::to_owned)
        };
        let path = format!("/worker/{worker}/telemetry");
        let text = self.until(&path, |text| find(text).is_some());
        find(&text).expect("it was there")
    }
}

/// The program at work, killed when it is dropped.
pub struct Bridge {
    child: Child,
    out: Option<BufReader<ChildStdout>>,
}

impl Bridge {
    pub fn start(mut program: Command) -> Self {
        let mut child = program.spawn().expect("started");
        let out = child.stdout.take().map(BufReader::new);
        Self { child, out }
    }

    /// Waits until it says a line with this.
    pub fn wait_for(&mut self, text: &str) -> String {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            let read = self.out.as_mut().expect("not ended").read_line(&mut line);
            assert!(read.expect("UTF-8") > 0, "it ended");
        }
        line
    }

    /// Has it end in a hurry or in order; its exit code and what it said.
    pub fn end(mut self, signal: Signal) -> (ExitStatus, String) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("it runs");
        let mut said = String::new();
        for line in self.out.take().expect("once").lines() {
            said += &(line.expect("UTF-8") + "\n");
        }
        (self.child.wait().expect("it ends"), said)
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
