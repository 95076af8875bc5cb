//! A hive that runs, its queen, and a GPU bridge that serves it: for what shows and measures them.
//!
//! Everything is what everybody uses: `gpu-bridge` as a process, cohsh's commands, and the hive's
//! files.

mod program;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use client::{Client, Kind, Mode, Who};
use cohsh::Input;
use ticket::Role;

use crate::secret::Secret;
use crate::workspace;

pub(crate) use program::{Lines, Program, output};

/// How long anything may take that is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A hive that runs, and a folder to use with it.
#[derive(Debug)]
pub struct Stage {
    /// Where it is served.
    pub socket: PathBuf,
    /// What its tickets are minted with.
    pub secret: PathBuf,
    /// A folder for this use alone.
    pub folder: PathBuf,
}

/// Makes the folder `name` in `out` anew.
pub fn folder(out: &Path, name: &str) -> Result<PathBuf> {
    let folder = std::path::absolute(out)?.join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}: remove it", folder.display()))?;
    }
    workspace::create_dir(&folder)?;
    Ok(folder)
}

impl Stage {
    /// Where the bundles are that the bridge reads.
    pub fn bundles(&self) -> PathBuf {
        self.folder.join("bundles")
    }

    /// Starts the bridge, the program `bridge`, with this backend, and waits until it has
    /// published a GPU.
    pub(crate) fn bridge(&self, bridge: &Path, backend: &str, lines: Lines) -> Result<Program> {
        let ticket = self.folder.join("bridge.ticket");
        write_private(&ticket, &self.mint(Role::GpuBridge)?)?;
        let arguments = [
            Path::new("serve"),
            Path::new("--backend"),
            Path::new(backend),
            Path::new("--socket"),
            &self.socket,
            Path::new("--ticket-file"),
            &ticket,
            Path::new("--bundles"),
            &self.bundles(),
        ];
        let mut bridge = Program::start("bridge", bridge, &arguments, lines)?;
        bridge.wait_for(": published at ", PATIENCE)?;
        Ok(bridge)
    }

    fn mint(&self, role: Role) -> Result<String> {
        Ok(Secret::of_operator(&self.secret)?.ticket(role)?.as_str().to_owned())
    }
}

/// Replaces what is there.
fn write_private(path: &Path, text: &str) -> Result<()> {
    let mut options = fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| writeln!(file, "{text}"))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The hive's queen: her shell, and a connection that looks whether it is true.
pub(crate) struct Queen {
    /// The connection.
    pub client: Client<UnixStream>,
    socket: PathBuf,
    ticket: String,
}

impl Queen {
    pub fn attach(stage: &Stage) -> Result<Self> {
        let ticket = stage.mint(Role::Queen)?;
        let socket = stage.socket.clone();
        let stream = UnixStream::connect(&socket)
            .with_context(|| format!("no hive at {}", socket.display()))?;
        stream.set_read_timeout(Some(PATIENCE)).context("cannot set up the connection")?;
        let who = Who { uname: "queen".into(), aname: ticket.clone() };
        let client = Client::attach(stream, &who).context("the hive does not let the queen in")?;
        Ok(Self { client, socket, ticket })
    }

    /// Runs a command of cohsh, which must end with `code`, and shows it.
    pub fn shell(&self, words: &[&str], code: i32) -> Result<()> {
        println!("coh> {}", words.join(" "));
        let input = Input::Words(words.iter().map(ToString::to_string).collect());
        let options = cohsh::Options { aname: self.ticket.clone(), ..cohsh::Options::default() };
        let ended = cohsh::run(|| cohsh::unix(&self.socket), input, &options);
        ensure!(ended == code, "`{}` ended with {ended}, not {code}", words.join(" "));
        Ok(())
    }

    /// The GPU that is published, where there is one.
    pub fn gpu(&mut self) -> Result<Option<String>> {
        let entries = self.client.list("/gpu").context("/gpu")?;
        let gpu = entries.into_iter().find(|entry| entry.kind == Kind::Directory);
        Ok(gpu.map(|gpu| gpu.name))
    }

    pub fn workers(&mut self) -> Result<Vec<String>> {
        let entries = self.client.list("/worker").context("/worker")?;
        Ok(entries.into_iter().map(|entry| entry.name).collect())
    }

    pub fn append(&mut self, path: &str, text: &str) -> Result<()> {
        self.client
            .with_open(path, Mode::Append, |client, file| {
                client.write(file, 0, text.as_bytes()).map(drop)
            })
            .with_context(|| path.to_owned())
    }

    pub fn cat(&mut self, path: &str) -> Result<String> {
        let whole = self.client.read_whole(path).with_context(|| path.to_owned())?;
        String::from_utf8(whole).with_context(|| path.to_owned())
    }

    /// Waits until a file holds a text so many times.
    pub fn until(&mut self, path: &str, text: &str, times: usize) -> Result<()> {
        let events = self.client.walk("/proc/events")?;
        self.client.open(&events, Mode::Read)?;
        let mut offset = 0;
        while self.cat(path)?.matches(text).count() < times {
            match self.client.read(&events, offset, u32::MAX) {
                Ok([]) => bail!("/proc/events does not wait"),
                Ok(bytes) => offset += bytes.len() as u64,
                Err(error) => {
                    return Err(error).with_context(|| format!("waiting for `{text}` in {path}"));
                }
            }
        }
        Ok(self.client.clunk(events)?)
    }
}
