//! The configuration: hives by their names, each with a place and the file of a ticket.
//!
//! ```toml
//! default = "home"
//! [hive.home]
//! socket = "~/hive.sock"
//! ticket-file = "home.ticket"
//! ```
//!
//! Paths are relative to the file's folder; `~/` is the home folder. A ticket or a secret never
//! stands here.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::ops::Range;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use crate::failure::{Failure, Result};
use crate::target::{Endpoint, Environment, path};

/// Names the file.
pub(crate) const VARIABLE: &str = "COHSH_CONFIG";
/// Names the folder in which programs have a folder each.
pub(crate) const XDG: &str = "XDG_CONFIG_HOME";
/// Where it is in that folder.
const NAME: &str = "cohesix/cohsh.toml";

/// The file as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    default: Option<Spanned<String>>,
    #[serde(default)]
    hive: BTreeMap<String, Spanned<Table>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Table {
    socket: Option<Spanned<String>>,
    tcp: Option<Spanned<String>>,
    ticket_file: Option<Spanned<String>>,
}

/// A hive of the configuration.
#[derive(Debug)]
pub(crate) struct Hive {
    pub endpoint: Endpoint,
    pub ticket_file: Option<PathBuf>,
}

/// What is configured.
#[derive(Debug, Default)]
pub(crate) struct Config {
    /// `None` where there is no file.
    file: Option<PathBuf>,
    default: Option<String>,
    hives: BTreeMap<String, Hive>,
}

impl Config {
    /// What the file says: the one that is given, else the environment's, else the usual one. Only
    /// the usual one may be missing.
    pub fn read(given: Option<&Path>, environment: Environment<'_>) -> Result<Self> {
        let home = path(environment, "HOME");
        let told = given.map(Path::to_owned).or_else(|| path(environment, VARIABLE));
        let usual = || {
            // A relative one is not heeded: XDG base directory specification.
            let folder = path(environment, XDG).filter(|folder| folder.is_absolute());
            let folder = folder.or_else(|| home.as_ref().map(|home| home.join(".config")))?;
            Some(folder.join(NAME))
        };
        let may_be_missing = told.is_none();
        let Some(file) = told.or_else(usual) else { return Ok(Self::default()) };
        match fs::read_to_string(&file) {
            Ok(text) => Reader { file: &file, text: &text, home: home.as_deref() }.read(),
            Err(error) if may_be_missing && is_missing(&error) => Ok(Self::default()),
            Err(error) => {
                let text = format!("the configuration cannot be read: {error}; check its path");
                Err(Failure::usage(text).at(&file.display().to_string()))
            }
        }
    }

    /// The hive of this name.
    pub fn hive(&self, name: &str) -> Result<&Hive> {
        self.hives.get(name).ok_or_else(|| {
            let Some(file) = &self.file else {
                return Failure::usage(format!(
                    "no hive `{name}`: there is no configuration; write [hive.{name}] to \
                     ~/.config/{NAME}, or give one by --config"
                ));
            };
            let names: Vec<_> = self.hives.keys().map(String::as_str).collect();
            let there = match names[..] {
                [] => "there is none".to_owned(),
                _ => format!("there are {}", names.join(", ")),
            };
            let text = format!("no hive `{name}`: {there}; add [hive.{name}]");
            Failure::usage(text).at(&file.display().to_string())
        })
    }

    /// The hive that is meant where nobody says which.
    pub fn usual(&self) -> Option<&Hive> {
        self.hives.get(self.default.as_ref()?)
    }
}

fn is_missing(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// Reads one file.
struct Reader<'a> {
    file: &'a Path,
    text: &'a str,
    home: Option<&'a Path>,
}

impl Reader<'_> {
    /// What is wrong, with the file and the line.
    fn wrong(&self, at: Option<Range<usize>>, text: &str) -> Failure {
        let file = self.file.display();
        let place = at.map_or_else(
            || file.to_string(),
            |at| {
                let before = self.text.get(..at.start).unwrap_or(self.text);
                format!("{file}:{}", before.matches('\n').count() + 1)
            },
        );
        Failure::usage(text).at(&place)
    }

    fn read(&self) -> Result<Config> {
        // Before anything else that might show it.
        if let Some(at) = self.text.find(ticket::PREFIX) {
            return Err(self.ticket(at..at));
        }
        let document: Document = toml::from_str(self.text).map_err(|error| {
            let said = error.message().lines().collect::<Vec<_>>().join("; ");
            if said.contains(ticket::PREFIX) {
                return self.ticket(error.span().unwrap_or_default());
            }
            self.wrong(error.span(), &format!("{said}; docs/USERLAND_AND_CLI.md shows what goes"))
        })?;
        let mut hives = BTreeMap::new();
        for (name, table) in &document.hive {
            hives.insert(name.clone(), self.hive(name, table)?);
        }
        if let Some(default) = document.default.as_ref()
            && !hives.contains_key(default.get_ref())
        {
            let name = self.text_of(default)?;
            let text = format!("default: there is no [hive.{name}]: add it, or name another");
            return Err(self.wrong(Some(default.span()), &text));
        }
        let default = document.default.map(Spanned::into_inner);
        Ok(Config { file: Some(self.file.to_owned()), default, hives })
    }

    fn ticket(&self, at: Range<usize>) -> Failure {
        let text = "a ticket stands here: write it to a file of mode 0600, and name that by \
                    ticket-file";
        self.wrong(Some(at), text)
    }

    /// A text, which is no ticket, however it is written.
    fn text_of<'t>(&self, text: &'t Spanned<String>) -> Result<&'t str> {
        match text.get_ref().contains(ticket::PREFIX) {
            true => Err(self.ticket(text.span())),
            false => Ok(text.get_ref()),
        }
    }

    fn hive(&self, name: &str, table: &Spanned<Table>) -> Result<Hive> {
        let Table { socket, tcp, ticket_file } = table.get_ref();
        let endpoint = match (socket, tcp) {
            (Some(socket), None) => Endpoint::Socket(self.path(socket)?),
            (None, Some(tcp)) => Endpoint::Tcp(self.address(tcp)?),
            (Some(_), Some(tcp)) => {
                let text = format!("[hive.{name}] has socket and tcp: leave one out");
                return Err(self.wrong(Some(tcp.span()), &text));
            }
            (None, None) => {
                let text = format!("[hive.{name}] has no place: add socket = or tcp =");
                return Err(self.wrong(Some(table.span()), &text));
            }
        };
        let ticket_file = ticket_file.as_ref().map(|file| self.path(file)).transpose()?;
        Ok(Hive { endpoint, ticket_file })
    }

    fn address(&self, address: &Spanned<String>) -> Result<String> {
        let text = self.text_of(address)?;
        let port = text.rsplit_once(':').and_then(|(host, port)| {
            port.parse::<u16>().ok().filter(|port| *port != 0 && !host.is_empty())
        });
        match port {
            Some(_) => Ok(text.to_owned()),
            None => Err(self.wrong(
                Some(address.span()),
                "tcp is no HOST:PORT: write it like \"localhost:5640\"",
            )),
        }
    }

    /// A path, from the file's folder on, or from the home folder.
    fn path(&self, path: &Spanned<String>) -> Result<PathBuf> {
        let text = self.text_of(path)?;
        if text.is_empty() {
            return Err(self.wrong(Some(path.span()), "a path is empty: write it, or leave it out"));
        }
        let Some(rest) = text.strip_prefix("~/") else {
            // A path from the root replaces the folder.
            return Ok(self.file.parent().unwrap_or(Path::new("")).join(text));
        };
        match self.home {
            Some(home) => Ok(home.join(rest)),
            None => Err(self.wrong(Some(path.span()), "~/ is nowhere without HOME: set it")),
        }
    }
}
