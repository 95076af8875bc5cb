//! The servers that are measured.

use std::fs;
use std::io::{BufReader, BufWriter, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, bail};
use hive_sim::{Hive, Secret, null, serve_unix};
use ticket::{Claims, Key, Role};

use crate::client::Client;

/// A server and a connection to it.
pub struct Target {
    pub name: &'static str,
    pub client: Client,
    /// What serves, as long as the target is there.
    _alive: Alive,
}

/// What a server lives in.
enum Alive {
    Server { _server: hive_sim::Server },
    Thread,
    Process { _process: Process },
}

struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Our own child, by its handle.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts every server with its socket and files in `folder`.
pub fn start(folder: &Path) -> Result<Vec<Target>> {
    let files = folder.join("files");
    for (name, text) in [("proc/boot", "x"), ("log/queen.log", "")] {
        let path = files.join(name);
        fs::create_dir_all(path.parent().context("a folder")?)?;
        fs::write(path, text)?;
    }
    let mut targets = vec![simulator(folder)?, nothing(folder)?, p9(folder, &files)?];
    match diod(folder, &files) {
        Ok(target) => targets.push(target),
        Err(error) => eprintln!("nine-bench: without diod: {error:#}"),
    }
    Ok(targets)
}

fn simulator(folder: &Path) -> Result<Target> {
    let path = folder.join("sim.sock");
    let secret = Secret::random()?;
    let server = serve_unix(&Hive::start(secret.bytes())?, &path)?;
    let client = Client::connect(&path, &ticket(&secret)?)?;
    Ok(Target { name: "simulator", client, _alive: Alive::Server { _server: server } })
}

/// A queen's ticket for as long as this can take.
fn ticket(secret: &Secret) -> Result<String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let mut claims = Claims::new(Role::Queen, now.as_millis() as u64);
    claims.budget.ttl_s = Some(3600);
    Ok(Key::from_secret(secret.bytes())?.mint(&claims)?.as_str().to_owned())
}

fn listen(path: &Path) -> Result<UnixListener> {
    let _ = fs::remove_file(path);
    UnixListener::bind(path).with_context(|| format!("cannot serve at {}", path.display()))
}

fn nothing(folder: &Path) -> Result<Target> {
    let path = folder.join("null.sock");
    let listener = listen(&path)?;
    thread::spawn(move || {
        let (socket, _) = listener.accept()?;
        null::serve(socket.try_clone()?, socket)
    });
    Ok(Target { name: "null", client: Client::connect(&path, "")?, _alive: Alive::Thread })
}

fn p9(folder: &Path, files: &Path) -> Result<Target> {
    let path = folder.join("p9.sock");
    let listener = listen(&path)?;
    let mut server = p9::Server::new(files, Default::default(), Default::default())?;
    thread::spawn(move || -> std::io::Result<()> {
        let (socket, _) = listener.accept()?;
        let mut input = BufReader::new(socket.try_clone()?);
        let mut output = BufWriter::new(socket);
        loop {
            server.handle_message(&mut input, &mut output)?;
            // As good as it gets around this crate: one write for all that was read at once.
            if input.buffer().is_empty() {
                output.flush()?;
            }
        }
    });
    Ok(Target { name: "p9", client: Client::connect(&path, "")?, _alive: Alive::Thread })
}

fn diod(folder: &Path, files: &Path) -> Result<Target> {
    let path: PathBuf = folder.join("diod.sock");
    let _ = fs::remove_file(&path);
    let files = files.to_str().context("a plain path")?;
    let child = Command::new("diod")
        .args(["--foreground", "--no-auth", "--no-userdb", "--logdest", "stderr"])
        .arg("--listen")
        .arg(&path)
        .args(["--export", files])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("diod is not installed")?;
    let process = Process(child);
    let deadline = Instant::now() + Duration::from_secs(5);
    let client = loop {
        match Client::connect(&path, files) {
            Ok(client) => break client,
            Err(error) if Instant::now() > deadline => bail!("{error:#}"),
            Err(_) => thread::yield_now(),
        }
    };
    Ok(Target { name: "diod", client, _alive: Alive::Process { _process: process } })
}
