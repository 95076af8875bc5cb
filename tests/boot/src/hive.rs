//! A queen on a booted system.

use std::os::unix::net::UnixStream;

use client::{Client, Error, Mode, Who};

use crate::{DEADLINE, Linked};

/// Bytes of one read.
const READ: u32 = 4096;

/// A connection that is attached as the queen. Waiting longer than [`DEADLINE`] for an answer
/// fails.
pub struct Queen(Client<UnixStream>);

impl Queen {
    /// Attaches to the hive.
    #[must_use]
    pub fn attach(hive: &Linked) -> Self {
        let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
        ours.set_read_timeout(Some(DEADLINE)).expect("a socket");
        hive.link().attach(theirs).expect("the hive is there");
        let who = Who { uname: "queen".into(), aname: hive.ticket().as_str().into() };
        Self(Client::attach(ours, &who).expect("the hive lets its queen in"))
    }

    /// Writes a line to `/queen/ctl`.
    ///
    /// # Errors
    /// Where the hive refuses it.
    pub fn command(&mut self, line: &str) -> Result<(), Error> {
        let line = format!("{line}\n");
        self.0.with_open("/queen/ctl", Mode::Append, |client, file| {
            client.write(file, 0, line.as_bytes()).map(drop)
        })
    }

    /// Spawns by this line, and returns the worker's name.
    #[track_caller]
    pub fn spawn(&mut self, line: &str) -> String {
        self.command(line).unwrap_or_else(|error| panic!("{line}: {error}"));
        self.text("/queen/last").trim_end().to_owned()
    }

    /// What a file holds.
    ///
    /// # Errors
    /// Where the hive refuses.
    pub fn read(&mut self, path: &str) -> Result<String, Error> {
        read(&mut self.0, path)
    }

    /// The same; it has to be there.
    #[track_caller]
    pub fn text(&mut self, path: &str) -> String {
        self.read(path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// When a file was changed, in seconds since the machine's start. The log's time is now.
    #[track_caller]
    pub fn modified(&mut self, path: &str) -> u64 {
        let attributes = self.0.with_file(path, |client, file| client.getattr(file));
        attributes.unwrap_or_else(|error: Error| panic!("{path}: {error}")).modified
    }

    /// Names in a directory.
    #[track_caller]
    pub fn list(&mut self, path: &str) -> Vec<String> {
        let entries = self.0.list(path).unwrap_or_else(|error| panic!("{path}: {error}"));
        entries.into_iter().map(|entry| entry.name).collect()
    }

    /// The lines of `/proc/events` from before `work` begins until one is as `wanted`.
    #[track_caller]
    pub fn record(&mut self, work: impl FnOnce(), wanted: impl Fn(&str) -> bool) -> Vec<String> {
        let recorded = self.0.with_open("/proc/events", Mode::Read, |client, events| {
            work();
            let (mut seen, mut text) = (0, String::new());
            loop {
                let lines: Vec<String> = text.lines().map(str::to_owned).collect();
                // The last line may be there in part.
                let whole = lines.len() - usize::from(!text.is_empty() && !text.ends_with('\n'));
                if let Some(last) = lines.iter().take(whole).position(|line| wanted(line)) {
                    return Ok::<_, Error>(lines.into_iter().take(last + 1).collect());
                }
                let new = client.read(events, seen, READ)?;
                seen += new.len() as u64;
                text += &String::from_utf8_lossy(new);
            }
        });
        recorded.unwrap_or_else(|error| panic!("waiting for an event: {error}"))
    }

    /// Waits until what `path` holds is as `wanted`, and returns it. Reads it again whenever it has
    /// changed, so that nothing is polled.
    #[track_caller]
    pub fn wait(&mut self, path: &str, wanted: impl Fn(&str) -> bool) -> String {
        let waited = self.0.with_open("/proc/events", Mode::Read, |client, events| {
            let start = format!("{path} ");
            let (mut seen, mut unread) = (0, String::new());
            loop {
                let text = read(client, path)?;
                if wanted(&text) {
                    return Ok::<_, Error>(text);
                }
                let mut changed = false;
                while !changed {
                    let new = client.read(events, seen, READ)?;
                    seen += new.len() as u64;
                    unread += &String::from_utf8_lossy(new);
                    // The last line may be there in part.
                    let rest = unread.rfind('\n').map_or(0, |end| end + 1);
                    changed = unread[..rest].lines().any(|line| line.starts_with(&start));
                    unread.drain(..rest);
                }
            }
        });
        waited.unwrap_or_else(|error| panic!("waiting for {path}: {error}"))
    }
}

fn read(client: &mut Client<UnixStream>, path: &str) -> Result<String, Error> {
    client.with_open(path, Mode::Read, |client, file| {
        let mut bytes = Vec::new();
        loop {
            let piece = client.read(file, bytes.len() as u64, READ)?;
            if piece.is_empty() {
                return Ok(String::from_utf8_lossy(&bytes).into_owned());
            }
            bytes.extend_from_slice(piece);
        }
    })
}
