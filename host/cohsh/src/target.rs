//! Which hive, and with which ticket: options, then the environment, then the configuration, then
//! what is built in.
//!
//! A ticket of the configuration goes to the hive that it stands with and to no other: where an
//! option or the environment says another place, it is not sent there.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::ValueHint;

use crate::config::{self, Config, Hive};
use crate::failure::Result;

/// Where `./cohesix run` serves the hive.
const SOCKET: &str = "out/hive.sock";

/// A variable of the environment.
pub(crate) struct Variable {
    pub name: &'static str,
    pub help: &'static str,
}

/// Where the hive's socket is.
const COHESIX_SOCKET: &str = "COHESIX_SOCKET";
/// The ticket.
const COHSH_TICKET_FILE: &str = "COHSH_TICKET_FILE";

/// Every variable that is heeded. One that is empty is as if it were not there.
pub(crate) const VARIABLES: [Variable; 4] = [
    Variable { name: COHESIX_SOCKET, help: "the hive's unix socket" },
    Variable { name: COHSH_TICKET_FILE, help: "a file with the ticket" },
    Variable { name: config::VARIABLE, help: "the configuration" },
    Variable { name: config::XDG, help: "the folder of configurations, instead of ~/.config" },
];

/// What the options say of it.
#[derive(Debug, Default, clap::Args)]
pub(crate) struct Asked {
    /// The hive's unix socket [default: $COHESIX_SOCKET, the configuration's, out/hive.sock]
    #[arg(long, value_name = "PATH", value_hint = ValueHint::FilePath)]
    pub socket: Option<PathBuf>,
    /// Connect by TCP instead
    #[arg(long, value_name = "HOST:PORT", conflicts_with = "socket", value_hint = ValueHint::Other)]
    pub tcp: Option<String>,
    /// A hive of the configuration [default: the one that it calls default]
    #[arg(long, value_name = "NAME", conflicts_with_all = ["socket", "tcp"])]
    #[arg(value_hint = ValueHint::Other)]
    pub hive: Option<String>,
    /// Attach with the ticket in a file of mode 0600 [default: $COHSH_TICKET_FILE, the
    /// configuration's]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub ticket_file: Option<PathBuf>,
    /// The configuration [default: $COHSH_CONFIG, else ~/.config/cohesix/cohsh.toml]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub config: Option<PathBuf>,
}

/// A place where a hive is served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A unix socket.
    Socket(PathBuf),
    /// `HOST:PORT`.
    Tcp(String),
}

/// A hive, and how to get in.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub endpoint: Endpoint,
    pub ticket_file: Option<PathBuf>,
}

/// The environment: the value of a variable.
pub(crate) type Environment<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The path in a variable of the environment.
pub(crate) fn path(environment: Environment<'_>, variable: &str) -> Option<PathBuf> {
    environment(variable).filter(|path| !path.is_empty()).map(PathBuf::from)
}

/// Puts together what is said. The configuration is read, and must be right, whatever else is said.
pub(crate) fn resolve(asked: &Asked, environment: Environment<'_>) -> Result<Target> {
    let config = Config::read(asked.config.as_deref(), environment)?;
    let named = asked.hive.as_deref().map(|name| config.hive(name)).transpose()?;
    let socket = asked.socket.clone().map(Endpoint::Socket);
    let given = socket.or_else(|| asked.tcp.clone().map(Endpoint::Tcp));
    let option = match (&named, given) {
        (Some(hive), _) => Some(hive.endpoint.clone()),
        (None, given) => given,
    };
    let ticket_of = |hive: &Hive| hive.ticket_file.clone();
    let ticket_file = asked
        .ticket_file
        .clone()
        .or_else(|| named.and_then(ticket_of))
        .or_else(|| path(environment, COHSH_TICKET_FILE));
    let outside = option.or_else(|| path(environment, COHESIX_SOCKET).map(Endpoint::Socket));
    Ok(match (outside, config.usual()) {
        (Some(endpoint), _) => Target { endpoint, ticket_file },
        (None, Some(hive)) => Target {
            endpoint: hive.endpoint.clone(),
            ticket_file: ticket_file.or_else(|| ticket_of(hive)),
        },
        (None, None) => Target { endpoint: Endpoint::Socket(SOCKET.into()), ticket_file },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONFIG: &str = "\
default = \"home\"
[hive.home]
socket = \"/home.sock\"
ticket-file = \"/home.ticket\"
[hive.lab]
tcp = \"lab:5640\"
ticket-file = \"/lab.ticket\"
[hive.bare]
socket = \"/bare.sock\"
";

    /// What comes out, as the place and the ticket.
    fn resolved(config: &str, asked: Asked, variables: &[(&str, &str)]) -> (String, String) {
        let folder = std::env::temp_dir().join(format!(
            "cohsh-target-{}-{:?}",
            std::process::id(),
            std::thread::current().id()
        ));
        std::fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("cohsh.toml");
        std::fs::write(&file, config).expect("written");
        let asked = Asked { config: Some(file), ..asked };
        let environment = |variable: &str| {
            let mut found = variables.iter().filter(|(name, _)| *name == variable);
            found.next().map(|(_, value)| value.into())
        };
        let target = resolve(&asked, &environment);
        std::fs::remove_dir_all(&folder).expect("ours");
        let Target { endpoint, ticket_file } = target.expect("a target");
        let endpoint = match endpoint {
            Endpoint::Socket(path) => path.display().to_string(),
            Endpoint::Tcp(address) => format!("tcp {address}"),
        };
        (endpoint, ticket_file.map_or("none".into(), |path| path.display().to_string()))
    }

    fn is(target: (String, String), endpoint: &str, ticket: &str) {
        assert_eq!((&*target.0, &*target.1), (endpoint, ticket));
    }

    fn hive(name: &str) -> Asked {
        Asked { hive: Some(name.into()), ..Asked::default() }
    }

    const SOCKET_SET: (&str, &str) = (COHESIX_SOCKET, "/env.sock");
    const TICKET_SET: (&str, &str) = (COHSH_TICKET_FILE, "/env.ticket");

    #[test]
    fn options_come_before_the_environment_and_that_before_the_configuration() {
        let none = Asked::default;
        is(resolved("", none(), &[]), SOCKET, "none");
        is(resolved(CONFIG, none(), &[]), "/home.sock", "/home.ticket");
        is(resolved(CONFIG, none(), &[TICKET_SET]), "/home.sock", "/env.ticket");
        is(resolved(CONFIG, none(), &[SOCKET_SET, TICKET_SET]), "/env.sock", "/env.ticket");
        let both = Asked {
            socket: Some("/option.sock".into()),
            ticket_file: Some("/option.ticket".into()),
            ..none()
        };
        is(resolved(CONFIG, both, &[SOCKET_SET, TICKET_SET]), "/option.sock", "/option.ticket");
        let tcp = Asked { tcp: Some("there:1".into()), ..none() };
        is(resolved(CONFIG, tcp, &[SOCKET_SET, TICKET_SET]), "tcp there:1", "/env.ticket");
        is(resolved(CONFIG, hive("lab"), &[SOCKET_SET, TICKET_SET]), "tcp lab:5640", "/lab.ticket");
        is(resolved(CONFIG, hive("bare"), &[TICKET_SET]), "/bare.sock", "/env.ticket");
        let other = Asked { ticket_file: Some("/option.ticket".into()), ..hive("lab") };
        is(resolved(CONFIG, other, &[]), "tcp lab:5640", "/option.ticket");
        // What is empty is not there.
        is(resolved(CONFIG, none(), &[(COHESIX_SOCKET, "")]), "/home.sock", "/home.ticket");
    }

    #[test]
    fn a_hives_ticket_goes_nowhere_else() {
        let elsewhere = Asked { socket: Some("/option.sock".into()), ..Asked::default() };
        is(resolved(CONFIG, elsewhere, &[]), "/option.sock", "none");
        is(resolved(CONFIG, Asked::default(), &[SOCKET_SET]), "/env.sock", "none");
        is(resolved(CONFIG, hive("bare"), &[]), "/bare.sock", "none");
    }
}
