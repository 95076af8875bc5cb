//! `./cohesix demo gpu`: a lease, jobs, and the lease's end, on a hive that is started for it.
//!
//! Everything that is shown is looked at, too: the demo ends well only if all of it happened. It
//! uses what everybody uses: `gpu-bridge` as a process, cohsh's commands, and the hive's files. What
//! it starts it ends, and its folder is made anew each time.

mod program;

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use client::{Client, Kind, Mode, Who};
use cohsh::Input;
use ticket::{Claims, Key, Role};

use self::program::Program;
use crate::programs;

/// How long anything may take that is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long the lease lasts, in seconds. Both jobs have to be done by then.
const LEASE_S: u32 = 5;
/// How long the demo's tickets are good for, in seconds.
const TICKET_S: u64 = 3600;

/// The programs that it needs, built.
#[derive(Debug)]
pub struct Programs {
    bridge: PathBuf,
    simulator: PathBuf,
}

impl Programs {
    /// Builds them, for speed.
    pub fn build() -> Result<Self> {
        Ok(Self {
            bridge: programs::build("cohesix-gpu-bridge", "gpu-bridge")?,
            simulator: programs::build("cohesix-hive-sim", "hive-sim")?,
        })
    }
}

/// A hive that runs, and what the demo needs besides.
#[derive(Debug)]
pub struct Stage {
    /// Where it is served.
    pub socket: PathBuf,
    /// What its tickets are minted with.
    pub secret: PathBuf,
    /// A folder for the demo alone.
    pub folder: PathBuf,
    /// The mock computes, also where a GPU is.
    pub mock: bool,
    /// The bridge's program.
    pub programs: Programs,
}

/// Makes the demo's folder in `out` anew.
pub fn folder(out: &Path) -> Result<PathBuf> {
    let folder = std::path::absolute(out)?.join("demo-gpu");
    if folder.exists() {
        fs::remove_dir_all(&folder)
            .with_context(|| format!("cannot remove {}: remove it", folder.display()))?;
    }
    crate::workspace::create_dir(&folder)?;
    Ok(folder)
}

/// Plays it on a simulated hive.
pub fn simulated(folder: PathBuf, programs: Programs, mock: bool) -> Result<()> {
    let (socket, secret) = (folder.join("hive.sock"), folder.join("hive.sock.secret"));
    let arguments = [Path::new("--socket"), &socket];
    let mut simulator = Program::start("hive", &programs.simulator, &arguments)?;
    simulator.wait_for("secret in ", PATIENCE)?;
    play(&Stage { socket, secret, folder, mock, programs })?;
    simulator.end(PATIENCE)
}

/// Plays it on the hive of `stage`.
pub fn play(stage: &Stage) -> Result<()> {
    let mut queen = Queen::attach(stage)?;
    title("A bridge publishes this machine's GPU");
    let mut bridge = start_bridge(stage)?;
    bridge.wait_for(": published at ", PATIENCE)?;
    let gpu = queen.gpu()?.context("the bridge has published nothing")?;
    queen.shell(&["gpu", "ls"], 0)?;
    queen.shell(&["gpu", "info", &gpu], 0)?;

    title(&format!("A worker has a lease of it for {LEASE_S} s"));
    let before = queen.workers()?;
    queen.shell(&["gpu", "lease", &gpu, "--mem-mb", "64", "--ttl", &LEASE_S.to_string()], 0)?;
    let worker = queen.workers()?.into_iter().find(|worker| !before.contains(worker));
    let worker = worker.context("no worker was spawned")?;

    title("It has two jobs computed: checked by the bridge, and again here");
    queen.job(stage, &worker, "vadd", "100000", 0)?;
    queen.job(stage, &worker, "matmul", "192", 0)?;
    let telemetry = format!("/worker/{worker}/telemetry");
    let status = format!("/gpu/{gpu}/status");
    for path in [&status, &telemetry] {
        // The worker tells of it at its next tick.
        queen.until(path, "\"state\":\"OK\"", 2)?;
        queen.shell(&["cat", path], 0)?;
    }

    title("The lease expires, and the next job is refused");
    let ended = format!("ended lease of {worker} gpu={gpu} reason=lease expired");
    queen.until("/log/queen.log", &ended, 1)?;
    queen.job(stage, &worker, "vadd", "100000", 1)?;
    let refused = "\"state\":\"REFUSED\",\"errno\":\"EBADF\"";
    ensure!(queen.cat(&telemetry)?.contains(refused), "{telemetry} does not say EBADF");
    queen.shell(&["tail", "-n", "1", &telemetry], 0)?;

    title("The bridge goes, and the GPU with it");
    bridge.end(PATIENCE)?;
    ensure!(queen.gpu()?.is_none(), "{gpu} is still there");
    queen.shell(&["kill", &worker], 0)?;
    queen.shell(&["log", "-n", "8"], 0)?;
    title("All of it happened");
    Ok(())
}

fn title(text: &str) {
    println!("\n== {text}");
}

fn start_bridge(stage: &Stage) -> Result<Program> {
    let bridge = &stage.programs.bridge;
    let found = !stage.mock && program::succeeds(bridge, &["list"])?;
    let backend = if found { "auto" } else { "mock" };
    if !found {
        println!("No GPU is used: a mock computes on the CPU, and says so.");
    }
    let ticket = stage.folder.join("bridge.ticket");
    write_private(&ticket, &mint(&stage.secret, Role::GpuBridge)?)?;
    let arguments = [
        Path::new("serve"),
        Path::new("--backend"),
        Path::new(backend),
        Path::new("--socket"),
        &stage.socket,
        Path::new("--ticket-file"),
        &ticket,
        Path::new("--bundles"),
        &stage.folder.join("bundles"),
    ];
    Program::start("bridge", bridge, &arguments)
}

fn mint(secret: &Path, role: Role) -> Result<String> {
    let bytes = fs::read(secret).with_context(|| format!("cannot read {}", secret.display()))?;
    let key = Key::from_secret_file(&bytes)
        .map_err(|error| anyhow!("the secret {} cannot be used: {error}", secret.display()))?;
    let since = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is wrong")?;
    let mut claims = Claims::new(role, u64::try_from(since.as_millis())?);
    claims.budget.ttl_s = Some(TICKET_S);
    let ticket = key.mint(&claims).map_err(|error| anyhow!("no ticket can be made: {error}"))?;
    Ok(ticket.as_str().to_owned())
}

fn write_private(path: &Path, text: &str) -> Result<()> {
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| writeln!(file, "{text}"))
        .with_context(|| format!("cannot write {}", path.display()))
}

/// The hive's queen: her shell, and a connection that looks whether it is true.
struct Queen {
    client: Client<UnixStream>,
    socket: PathBuf,
    ticket: String,
}

impl Queen {
    fn attach(stage: &Stage) -> Result<Self> {
        let ticket = mint(&stage.secret, Role::Queen)?;
        let socket = stage.socket.clone();
        let stream = UnixStream::connect(&socket)
            .with_context(|| format!("no hive at {}", socket.display()))?;
        stream.set_read_timeout(Some(PATIENCE)).context("cannot set up the connection")?;
        let who = Who { uname: "demo".into(), aname: ticket.clone() };
        let client = Client::attach(stream, &who).context("the hive does not let the demo in")?;
        Ok(Self { client, socket, ticket })
    }

    /// Runs a command of cohsh, which must end with `code`.
    fn shell(&self, words: &[&str], code: i32) -> Result<()> {
        println!("coh> {}", words.join(" "));
        let input = Input::Words(words.iter().map(ToString::to_string).collect());
        let options = cohsh::Options { aname: self.ticket.clone(), ..cohsh::Options::default() };
        let ended = cohsh::run(|| cohsh::unix(&self.socket), input, &options);
        ensure!(ended == code, "`{}` ended with {ended}, not {code}", words.join(" "));
        Ok(())
    }

    /// Has the worker run a job.
    fn job(&self, stage: &Stage, worker: &str, kernel: &str, n: &str, code: i32) -> Result<()> {
        let bundles = stage.folder.join("bundles");
        let bundles = bundles.to_str().context("the folder's name is no UTF-8")?;
        let words =
            ["gpu", "run", kernel, "--worker", worker, "--n", n, "--bundles", bundles, "--verify"];
        self.shell(&words, code)
    }

    /// The GPU that is published, where there is one.
    fn gpu(&mut self) -> Result<Option<String>> {
        let entries = self.client.list("/gpu").context("/gpu")?;
        let gpu = entries.into_iter().find(|entry| entry.kind == Kind::Directory);
        Ok(gpu.map(|gpu| gpu.name))
    }

    fn workers(&mut self) -> Result<Vec<String>> {
        let entries = self.client.list("/worker").context("/worker")?;
        Ok(entries.into_iter().map(|entry| entry.name).collect())
    }

    fn cat(&mut self, path: &str) -> Result<String> {
        let whole = self.client.with_open(path, Mode::Read, |client, file| {
            let mut whole = Vec::new();
            loop {
                match client.read(file, whole.len() as u64, u32::MAX)? {
                    [] => return Ok::<_, client::Error>(whole),
                    bytes => whole.extend_from_slice(bytes),
                }
            }
        });
        let whole = whole.with_context(|| path.to_owned())?;
        String::from_utf8(whole).with_context(|| path.to_owned())
    }

    /// Waits until a file holds a text so many times.
    fn until(&mut self, path: &str, text: &str, times: usize) -> Result<()> {
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
