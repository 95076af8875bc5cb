//! A simulated hive, and the program with it.

use std::cell::RefCell;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use client::{Client, Mode, Who};
use hive_sim::{LIMITS, Server, serve_tcp, serve_unix};
use ticket::{Claims, Key, Role};

/// When a test that waits has failed.
pub const LIMIT: Duration = Duration::from_secs(20);
/// What the tickets of every hive here are minted with.
pub const SECRET: &str = "correct horse battery staple";
/// Variables of the environment that the program heeds.
const VARIABLES: [&str; 3] = ["COHESIX_SOCKET", "COHSH_TICKET_FILE", "COHSH_CONFIG"];

pub fn key() -> Key {
    Key::from_secret(SECRET.as_bytes()).expect("a secret")
}

pub fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock");
    u64::try_from(since.as_millis()).expect("this age")
}

/// A queen's ticket of another hive's secret.
pub fn forged() -> String {
    let other = Key::from_secret(b"the secret of another hive").expect("a secret");
    other.mint(&claims(Role::Queen)).expect("it fits").as_str().to_owned()
}

/// What somebody of this role may be for an hour.
pub fn claims(role: Role) -> Claims {
    let mut claims = Claims::new(role, now_ms());
    claims.budget.ttl_s = Some(3600);
    claims
}

pub fn ticket(claims: &Claims) -> String {
    key().mint(claims).expect("it fits").as_str().to_owned()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// A hive, gone with its folder when it is dropped.
pub struct Hive {
    folder: PathBuf,
    hive: Arc<hive_sim::Hive>,
    writer: RefCell<Client<UnixStream>>,
    servers: RefCell<Vec<Server>>,
}

impl Hive {
    pub fn new() -> Self {
        Self::with_workers(namespace::MAX_WORKERS)
    }

    /// One with room for so many workers.
    pub fn with_workers(places: usize) -> Self {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("cohsh-{}-{number}", std::process::id()));
        fs::create_dir(&folder).expect("a new folder");
        let hive = hive_sim::Hive::start_with(SECRET.as_bytes(), LIMITS, places).expect("a hive");
        let (socket, other) = UnixStream::pair().expect("a pair");
        socket.set_read_timeout(Some(LIMIT)).expect("a socket");
        hive.attach(other).expect("connected");
        let queen = ticket(&claims(Role::Queen));
        let who = Who { uname: "writer".into(), aname: queen.clone() };
        let writer = Client::attach(socket, &who).expect("attached");
        let this = Self { folder, hive, writer: writer.into(), servers: Vec::new().into() };
        this.private("queen.ticket", &queen);
        this.serve();
        this
    }

    /// Serves it at its socket.
    pub fn serve(&self) {
        let server = serve_unix(&self.hive, &self.socket()).expect("served");
        self.servers.borrow_mut().push(server);
    }

    /// Ends all servers, and every connection with the program.
    pub fn end(&self) {
        self.servers.borrow_mut().clear();
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A file of its owner's alone. Returns its path.
    pub fn private(&self, name: &str, holds: &str) -> String {
        let path = self.path(name);
        let _ = fs::remove_file(&path);
        let mut options = fs::OpenOptions::new();
        let file = options.write(true).create_new(true).mode(0o600).open(&path);
        file.and_then(|mut file| file.write_all(holds.as_bytes())).expect("written");
        path.into_os_string().into_string().expect("UTF-8")
    }

    /// A file with the ticket that claims this. Returns its path.
    pub fn ticket_file(&self, name: &str, claims: &Claims) -> String {
        self.private(name, &format!("{}\n", ticket(claims)))
    }

    pub fn socket(&self) -> PathBuf {
        self.path("hive.sock")
    }

    /// The address of a TCP server, now there.
    pub fn tcp(&self) -> String {
        let server = serve_tcp(&self.hive, "127.0.0.1:0").expect("served");
        let address = server.address().expect("an address").to_string();
        self.servers.borrow_mut().push(server);
        address
    }

    /// Appends to the log.
    pub fn append(&self, data: &[u8]) {
        let mut writer = self.writer.borrow_mut();
        let written = writer
            .with_open("/log/queen.log", Mode::Append, |writer, file| writer.write(file, 0, data));
        assert_eq!(written.expect("appended") as usize, data.len());
    }

    /// The program, which nobody has told anything.
    pub fn bare() -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_cohsh"));
        for variable in VARIABLES {
            program.env_remove(variable);
        }
        program.env("HOME", "/nowhere").env_remove("XDG_CONFIG_HOME").stdin(Stdio::null());
        program
    }

    /// The program, told where this hive is, with a queen's ticket, in this hive's folder.
    pub fn program(&self) -> Command {
        let mut program = Self::bare();
        program.current_dir(&self.folder);
        program.env("COHSH_TICKET_FILE", self.path("queen.ticket"));
        program.arg("--socket").arg(self.socket());
        program
    }

    /// What the program answers: exit code, stdout and stderr.
    pub fn run(&self, arguments: &[&str]) -> (i32, String, String) {
        answer(&self.program().args(arguments).output().expect("ran"))
    }

    /// What it prints where nothing is wrong.
    pub fn ok(&self, arguments: &[&str]) -> String {
        let (code, out, err) = self.run(arguments);
        assert_eq!((code, &*err), (0, ""), "{arguments:?}");
        out
    }

    /// The program with these options and lines that come one after another.
    pub fn shell(&self, options: &[&str]) -> Shell {
        // A socket, for waiting for it ends some time.
        let (out, stdout) = UnixStream::pair().expect("a pair");
        out.set_read_timeout(Some(LIMIT)).expect("a socket");
        let mut program = self.program();
        program.args(options).stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.stdout(OwnedFd::from(stdout)).spawn().expect("started");
        let stdin = child.stdin.take().expect("a pipe");
        Shell { child, stdin, out: BufReader::new(out) }
    }

    /// What it answers to a script at stdin.
    pub fn piped(&self, script: &str) -> (i32, String, String) {
        let mut program = self.program();
        program.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = program.spawn().expect("started");
        // It may have stopped before it read everything.
        let _ = child.stdin.take().expect("a pipe").write_all(script.as_bytes());
        answer(&child.wait_with_output().expect("ran"))
    }
}

/// The program at work on lines that come one after another.
pub struct Shell {
    child: Child,
    stdin: ChildStdin,
    out: BufReader<UnixStream>,
}

impl Shell {
    /// Sends lines and returns the next line of results.
    pub fn ask(&mut self, lines: &str) -> String {
        self.stdin.write_all(lines.as_bytes()).expect("taken");
        let mut line = String::new();
        self.out.read_line(&mut line).expect("a line");
        line.trim_end().to_owned()
    }

    /// Sends the last lines. Returns the exit code and what was told.
    pub fn end_with(mut self, lines: &str) -> (i32, String) {
        self.stdin.write_all(lines.as_bytes()).expect("taken");
        drop(self.stdin);
        let output = self.child.wait_with_output().expect("ran");
        (output.status.code().expect("an exit code"), text(&output.stderr))
    }
}

impl Drop for Hive {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn answer(output: &Output) -> (i32, String, String) {
    let code = output.status.code().expect("an exit code");
    (code, text(&output.stdout), text(&output.stderr))
}
