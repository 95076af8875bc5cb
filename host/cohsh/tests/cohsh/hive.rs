//! A simulated hive, and the program with it.

use std::cell::RefCell;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use client::{Client, Mode, Who};
use hive_sim::{Server, serve_tcp, serve_unix};
use ticket::{Claims, Key, Role};

/// When a test that waits has failed.
pub const LIMIT: Duration = Duration::from_secs(20);

/// What the tickets of these tests' hives are minted with.
const SECRET: &[u8] = b"the secret of these tests";
/// The file with a queen's ticket.
const TICKET: &str = "queen.ticket";

/// A queen's ticket.
fn queen() -> ticket::Ticket {
    let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    let mut claims = Claims::new(Role::Queen, since_1970.as_millis() as u64);
    claims.budget.ttl_s = Some(3600);
    Key::from_secret(SECRET).expect("long enough").mint(&claims).expect("claims")
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
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("cohsh-{}-{number}", std::process::id()));
        fs::create_dir(&folder).expect("a new folder");
        let hive = hive_sim::Hive::start(SECRET).expect("a hive");
        let ticket = queen();
        let mut options = OpenOptions::new();
        let mut file = options
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join(TICKET))
            .expect("a new file");
        file.write_all(ticket.as_str().as_bytes()).expect("written");
        let (socket, other) = UnixStream::pair().expect("a pair");
        socket.set_read_timeout(Some(LIMIT)).expect("a socket");
        hive.attach(other).expect("connected");
        let writer =
            Client::attach(socket, &Who { aname: ticket.as_str().into(), ..Who::default() })
                .expect("attached");
        let this = Self { folder, hive, writer: writer.into(), servers: Vec::new().into() };
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

    /// The program.
    pub fn bare() -> Command {
        let mut program = Command::new(env!("CARGO_BIN_EXE_cohsh"));
        program.env_remove("COHESIX_SOCKET").env_remove("COHSH_TICKET_FILE").stdin(Stdio::null());
        program
    }

    /// A queen's ticket of this hive.
    pub fn ticket(&self) -> PathBuf {
        self.path(TICKET)
    }

    /// The program, told where this hive is and with a queen's ticket.
    pub fn program(&self) -> Command {
        let mut program = Self::bare();
        program.arg("--socket").arg(self.socket()).env("COHSH_TICKET_FILE", self.ticket());
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

impl Drop for Hive {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn answer(output: &Output) -> (i32, String, String) {
    let code = output.status.code().expect("an exit code");
    (code, text(&output.stdout), text(&output.stderr))
}
