//! The connection of a run: made when it is needed, made anew when it broke.

use std::path::Path;
use std::time::Duration;

use client::{Client, Entry, Who};
use serde_json::json;
use ticket::{Role, TicketId, parse_attach, read_unchecked};

use crate::command::Command;
use crate::explain::{self, Verdict};
use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::stream::{Interruptible, Interrupts, Stream};
use crate::whoami::{self, Identity};
use crate::{Options, REFUSED, control, files, gpu, help, output, tail, workers};

/// A connection to a hive.
pub(crate) type Hive = Client<Interruptible>;

/// How long a completion and what helps may take.
const COMPLETION: Duration = Duration::from_secs(2);

/// A run's connection.
pub(crate) struct Session<'a> {
    connect: &'a dyn Fn() -> anyhow::Result<Box<dyn Stream>>,
    who: Who,
    interrupts: Option<Interrupts>,
    hive: Option<Hive>,
}

impl<'a> Session<'a> {
    pub fn new(
        connect: &'a dyn Fn() -> anyhow::Result<Box<dyn Stream>>,
        options: &Options,
    ) -> Self {
        let Options { uname, aname, .. } = options.clone();
        Self { connect, who: Who { uname, aname }, interrupts: None, hive: None }
    }

    /// Lets Ctrl-C end what a command waits for.
    pub fn set_interrupts(&mut self, interrupts: Interrupts) {
        self.interrupts = Some(interrupts);
    }

    /// Forgets a Ctrl-C that came when no command ran.
    pub fn clear_interrupts(&self) {
        if let Some(interrupts) = &self.interrupts {
            interrupts.clear();
        }
    }

    /// The connection, whose answers are waited for as long as `patience` says.
    fn hive(&mut self, patience: Option<Duration>) -> Result<&mut Hive> {
        let hive = match self.hive.take() {
            Some(mut hive) => {
                hive.stream_mut().set_patience(patience);
                hive
            }
            None => self.connect(&self.who, patience)?,
        };
        Ok(self.hive.insert(hive))
    }

    /// A new connection, which `who` is attached on.
    fn connect(&self, who: &Who, patience: Option<Duration>) -> Result<Hive> {
        let stream = (self.connect)().map_err(|error| Failure::no_link(&error))?;
        let mut stream = Interruptible::new(stream, self.interrupts.as_ref())
            .map_err(|error| Failure::no_link(&error.into()))?;
        stream.set_patience(patience);
        Client::attach(stream, who).map_err(|error| explain::attach(Failure::attach(error), who))
    }

    /// Has `work` work with the hive.
    fn with_hive<T>(
        &mut self,
        patience: Option<Duration>,
        work: impl FnOnce(&mut Hive) -> Result<T>,
    ) -> Result<T> {
        let done = self.hive(patience).and_then(work);
        if done.as_ref().is_err_and(Failure::ends_connection) {
            self.hive = None;
        }
        done
    }

    /// Runs a command.
    pub fn execute(&mut self, command: &Command, output: &mut Output) -> Result<()> {
        match command {
            Command::Nothing | Command::Exit => Ok(()),
            Command::Help { topic } => self.help(topic.as_deref(), output),
            Command::Attach { file } => self.attach(file, output),
            Command::Refused { command, text } => match self.execute(command, output) {
                Ok(()) => Err(Failure::not_refused(text)),
                Err(failure) if failure.code() == REFUSED => output.refusal(&failure),
                Err(failure) => Err(failure),
            },
            _ => {
                let done = self.with_hive(None, |hive| execute(hive, command, output));
                done.map_err(|failure| self.explain(failure, command))
            }
        }
    }

    /// Attaches with the ticket in `file`, to the same tree. Only then the old session ends.
    fn attach(&mut self, file: &str, output: &mut Output) -> Result<()> {
        let old = parse_attach(&self.who.uname, &self.who.aname);
        let aname = crate::ticket::attach_name(Path::new(file), old.path)?;
        let who = Who { uname: old.name.to_owned(), aname };
        self.hive = Some(self.connect(&who, None)?);
        self.who = who;
        if !output.is_json() {
            return output.text("ok\n");
        }
        // The hive has taken it, so what it claims is true.
        let ticket = parse_attach(&self.who.uname, &self.who.aname).ticket.unwrap_or_default();
        let role = read_unchecked(ticket).ok().map(|claims| claims.role.name());
        let ticket = TicketId::of(ticket).map(|id| id.to_string());
        output.object(&json!({ "file": file, "ticket": ticket, "role": role }))
    }

    /// What is behind a failure. A session that has ended is forgotten.
    fn explain(&mut self, failure: Failure, command: &Command) -> Failure {
        let Some(hive) = &mut self.hive else { return failure };
        hive.stream_mut().set_patience(Some(COMPLETION));
        match explain::command(failure, hive, &self.who, command) {
            Verdict::Goes(failure) => failure,
            Verdict::Ended(failure) => {
                self.hive = None;
                failure
            }
        }
    }

    /// Shows what this session may use, or what a command does. Without a hive it is about every
    /// session.
    fn help(&mut self, topic: Option<&str>, output: &mut Output) -> Result<()> {
        if let Some(topic) = topic {
            let meant = help::meant(topic)?;
            return match output.is_json() {
                true => help::page_objects(&meant).iter().try_for_each(|page| output.object(page)),
                false => output.text(&help::pages(&meant)),
            };
        }
        let role = self.role();
        match output.is_json() {
            true => help::objects(role).iter().try_for_each(|entry| output.object(entry)),
            false => output.text(&help::commands(role)),
        }
    }

    /// The session's role, if there is a hive that soon says it.
    fn role(&mut self) -> Option<Role> {
        self.with_hive(Some(COMPLETION), Identity::of).ok()?.role()
    }

    /// What a path that begins with `directory` may go on with.
    pub fn entries(&mut self, directory: &str) -> Vec<Entry> {
        let listed = self.with_hive(Some(COMPLETION), |hive| Ok(hive.list(directory)?));
        let mut entries = listed.unwrap_or_default();
        entries.retain(|entry| output::is_plain(&entry.name));
        entries
    }
}

fn execute(hive: &mut Hive, command: &Command, output: &mut Output) -> Result<()> {
    match command {
        Command::List { path, long } => files::list(hive, path, *long, output),
        Command::Cat { paths } => paths.iter().try_for_each(|path| files::cat(hive, path, output)),
        Command::Stat { paths } => {
            paths.iter().try_for_each(|path| files::stat(hive, path, output))
        }
        Command::Echo { text, path } => files::append(hive, path, text.as_bytes(), output),
        Command::Tail { path, follow, lines } => tail::tail(hive, path, *lines, *follow, output),
        Command::WhoAmI => whoami::show(hive, output),
        Command::Workers => workers::list(hive, output),
        Command::Gpu(gpu) => gpu::execute(hive, gpu, output),
        Command::Order(order) => control::run(hive, order, output),
        // They are the session's.
        Command::Attach { .. } | Command::Refused { .. } => Ok(()),
        Command::Nothing | Command::Help { .. } | Command::Exit => Ok(()),
    }
}
