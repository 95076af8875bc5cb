//! `cohsh ticket`: mints tickets and shows them, without a hive.
//!
//! Tickets and secrets come from files or stdin, never from arguments, which everybody on the
//! machine sees in the list of processes.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{CommandFactory as _, Parser, Subcommand, ValueHint};
use serde_json::{Value, json};
use ticket::{
    Budget, Claims, Key, MAX_SECRET, MAX_TICKET, Name, PREFIX, Role, Ticket, TicketError, TicketId,
    read_unchecked,
};

use crate::failure::{Failure, Result};
use crate::output::Output;
use crate::private;
use crate::utc::utc;

/// What a ticket lives for where nobody says: a day, in seconds.
const DEFAULT_TTL_S: u64 = 24 * 60 * 60;
/// Bytes of a line's end.
const LINE_END: usize = 2;

/// Mints tickets with the hive's secret, and shows what they claim
#[derive(Debug, Parser)]
#[command(name = "cohsh ticket")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Mint a ticket and print it
    Mint(Mint),
    /// Show what a ticket claims, and whether it is valid
    Show(Show),
}

#[derive(Debug, clap::Args)]
struct Mint {
    /// The hive's secret: a file of mode 0600
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    secret_file: PathBuf,
    /// As what its holder attaches: queen, worker-heartbeat, worker-gpu, observer or gpu-bridge
    #[arg(long, value_name = "ROLE", value_parser = roles())]
    role: Role,
    /// The worker that it is for (which workers' tickets need), or whoever holds it
    #[arg(long, value_name = "ID", value_parser = Name::new)]
    subject: Option<Name>,
    /// How long it is valid [default: a day; a worker's as long as its worker lives]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    ttl: Option<u64>,
    /// Budget of ticks
    #[arg(long, value_name = "N")]
    ticks: Option<u64>,
    /// Budget of requests
    #[arg(long, value_name = "N")]
    ops: Option<u64>,
    /// Write it to a new file of mode 0600 instead
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    out: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Show {
    /// The hive's secret, to see whether it has minted the ticket
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    secret_file: Option<PathBuf>,
    /// The ticket: a file of mode 0600, or - for stdin
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath)]
    file: PathBuf,
}

fn roles() -> impl TypedValueParser<Value = Role> {
    PossibleValuesParser::new(Role::ALL.map(Role::name))
        .try_map(|name| Role::of_name(&name).ok_or("no role"))
}

/// The command with its options.
pub(crate) fn command() -> clap::Command {
    Arguments::command().name("ticket")
}

/// Runs the command behind the word `ticket`.
pub(crate) fn run(words: &[String], output: &mut Output) -> Result<()> {
    if words.iter().any(|word| word.contains(PREFIX)) {
        return Err(Failure::usage(
            "a ticket is no argument, for others see those: write it to a file of mode 0600, or \
             use - and stdin",
        ));
    }
    if words.is_empty() {
        let text = "ticket: mint or show? `cohsh ticket --help` shows both";
        return Err(Failure::usage(text));
    }
    let name = "cohsh ticket".to_owned();
    match Arguments::try_parse_from(std::iter::once(&name).chain(words)) {
        Ok(Arguments { command: Command::Mint(mint) }) => self::mint(mint, output),
        Ok(Arguments { command: Command::Show(show) }) => self::show(&show, output),
        Err(error) if error.exit_code() != 0 => {
            let text = error.to_string();
            // What is wrong stands before the first empty line, and a page of usage behind it.
            let wrong: Vec<&str> =
                text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
            let wrong = wrong.join(" ");
            let wrong = wrong.trim_start_matches("error: ");
            Err(Failure::usage(format!("{wrong}; `cohsh ticket --help` shows what there is")))
        }
        Err(help) => output.text(&help.to_string()),
    }
}

fn mint(mint: Mint, output: &mut Output) -> Result<()> {
    let Mint { secret_file, role, subject, ttl, ticks, ops, out } = mint;
    let key = key(&secret_file)?;
    let ttl_s = ttl.or_else(|| (!role.is_worker()).then_some(DEFAULT_TTL_S));
    let budget = Budget { ticks, ops, ttl_s };
    let claims = Claims { budget, subject, nonce: Some(random()?), ..Claims::new(role, now_ms()?) };
    let minted = key
        .mint(&claims)
        .map_err(|error| Failure::usage(format!("the ticket cannot be minted: {error}")))?;
    if let Some(out) = &out {
        private::create(out, &format!("{}\n", minted.as_str()))?;
    }
    print_minted(&minted, &claims, out.as_deref(), output)
}

fn print_minted(
    minted: &Ticket,
    claims: &Claims,
    out: Option<&Path>,
    output: &mut Output,
) -> Result<()> {
    if output.is_json() {
        let mut object = object(minted.id(), claims);
        match out {
            Some(out) => object["out"] = out.display().to_string().into(),
            None => object["ticket"] = minted.as_str().into(),
        }
        return output.object(&object);
    }
    match out {
        Some(_) => Ok(()),
        None => output.text(&format!("{}\n", minted.as_str())),
    }
}

/// What is known of a ticket's validity.
struct Status {
    word: &'static str,
    /// Why it is not valid.
    wrong: Option<TicketError>,
}

fn show(show: &Show, output: &mut Output) -> Result<()> {
    let from_stdin = show.file.as_os_str() == "-";
    let shown = if from_stdin { "stdin".into() } else { show.file.display().to_string() };
    let text = match from_stdin {
        true => read_ticket(private::read_some(io::stdin(), MAX_TICKET + LINE_END)),
        false => read_ticket(private::read(&show.file, MAX_TICKET + LINE_END)),
    };
    let text = text.map_err(|failure| failure.at(&shown))?;
    let key = show.secret_file.as_deref().map(key).transpose()?;
    let now_ms = now_ms()?;
    let refused = |error: TicketError| Failure::refused_here(error.to_string()).at(&shown);
    let id = TicketId::of(&text).ok_or_else(|| refused(TicketError::Malformed))?;
    let checked = match &key {
        Some(key) => key.check(&text, now_ms).map(|_| ()),
        None => Ok(()),
    };
    // A forged ticket may claim what makes no sense; that it is forged is what matters.
    let claims = read_unchecked(&text).map_err(|error| refused(checked.err().unwrap_or(error)))?;
    let status = status(key.is_some(), checked.and_then(|()| claims.hold_at(now_ms)));
    if output.is_json() {
        let mut object = object(id, &claims);
        object["status"] = status.word.into();
        object["checked"] = key.is_some().into();
        output.object(&object)?;
    } else {
        output.text(&lines(id, &claims, status.word))?;
    }
    match status.wrong {
        // The object has said it.
        Some(_) if output.is_json() => Err(Failure::told()),
        Some(error) => Err(refused(error)),
        None => Ok(()),
    }
}

fn status(checked: bool, answer: Result<(), TicketError>) -> Status {
    let word = match answer {
        Ok(()) if checked => "valid",
        Ok(()) => "not checked",
        Err(TicketError::Expired) => "expired",
        Err(TicketError::NotYetValid) => "not yet valid",
        Err(TicketError::Forged) => "forged",
        Err(_) => "not accepted",
    };
    Status { word, wrong: answer.err() }
}

/// The ticket in a file's bytes.
fn read_ticket(bytes: Result<Vec<u8>>) -> Result<String> {
    let malformed = || Failure::refused_here(TicketError::Malformed.to_string());
    let text = String::from_utf8(bytes?).map_err(|_| malformed())?;
    let text = text.trim_ascii_end();
    TicketId::of(text).map(|_| text.to_owned()).ok_or_else(malformed)
}

/// The tree to attach to with the ticket in `file`; `path` is where to, "" for the hive's own.
pub(crate) fn attach_name(file: &Path, path: &str) -> Result<String> {
    if !path.is_empty() && !path.starts_with('/') {
        return Err(Failure::usage("with a ticket the tree's name begins with a slash: add one"));
    }
    let bytes = private::read(file, MAX_TICKET + LINE_END)?;
    // No hive has refused anything: the file is the wrong one.
    let wrong = |failure: Failure| Failure::usage(failure.to_string());
    let ticket = read_ticket(Ok(bytes)).map_err(wrong);
    Ok(ticket.map_err(|failure| failure.at(&file.display().to_string()))? + path)
}

fn key(secret_file: &Path) -> Result<Key> {
    let bytes = private::read(secret_file, MAX_SECRET + LINE_END)?;
    Key::from_secret_file(&bytes)
        .map_err(|error| Failure::usage(error.to_string()).at(&secret_file.display().to_string()))
}

fn now_ms() -> Result<u64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok();
    since
        .and_then(|since| u64::try_from(since.as_millis()).ok())
        .ok_or_else(|| Failure::usage("this machine's clock is not set: set it"))
}

fn random() -> Result<u64> {
    let mut bytes = [0; 8];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .map_err(|error| Failure::usage(format!("/dev/urandom does not work: {error}; mend it")))?;
    Ok(u64::from_le_bytes(bytes))
}

fn object(id: TicketId, claims: &Claims) -> Value {
    let Claims { role, budget, subject, issued_at_ms, mount, scopes, quotas, nonce } = claims;
    let mount = mount
        .as_ref()
        .map(|mount| json!({ "service": mount.service.as_str(), "at": mount.at.as_str() }));
    let scopes: Vec<Value> = scopes
        .iter()
        .map(|scope| {
            let (path, verb) = (scope.path.as_str(), scope.verb.name());
            json!({ "path": path, "verb": verb, "rate_per_s": scope.rate_per_s })
        })
        .collect();
    json!({
        "id": id.to_string(),
        "role": role.name(),
        "subject": subject.as_ref().map(Name::as_str),
        "budget": { "ticks": budget.ticks, "ops": budget.ops, "ttl_s": budget.ttl_s },
        "issued_at_ms": issued_at_ms,
        "expires_at_ms": claims.expires_at_ms(),
        "mount": mount,
        "scopes": scopes,
        "quotas": {
            "bandwidth_bytes": quotas.bandwidth_bytes,
            "cursor_resumes": quotas.cursor_resumes,
            "cursor_advances": quotas.cursor_advances,
        },
        // JSON's numbers lose a u64's last digits in some readers.
        "nonce": nonce.map(|nonce| format!("{nonce:016x}")),
    })
}

/// What a ticket claims, for people: only what it says something about.
fn lines(id: TicketId, claims: &Claims, status: &str) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            text += &format!("{name:<9}{value}\n");
        }
    };
    let Claims { role, budget, subject, issued_at_ms, mount, scopes, quotas, .. } = claims;
    let number = |number: Option<u64>| number.map(|number| number.to_string());
    line("id", Some(id.to_string()));
    line("role", Some(role.name().to_owned()));
    line("subject", subject.as_ref().map(ToString::to_string));
    line("ticks", number(budget.ticks));
    line("ops", number(budget.ops));
    line("mount", mount.as_ref().map(|mount| format!("{} at {}", mount.service, mount.at)));
    for scope in scopes {
        let rate = scope.rate_per_s.map_or(String::new(), |rate| format!(", {rate} a second"));
        line("scope", Some(format!("{} {}{rate}", scope.path, scope.verb.name())));
    }
    line("bytes", quotas.bandwidth_bytes.map(|number| number.to_string()));
    line("resumes", quotas.cursor_resumes.map(|number| number.to_string()));
    line("advances", quotas.cursor_advances.map(|number| number.to_string()));
    line("issued", Some(utc(*issued_at_ms)));
    let end = claims.expires_at_ms().map_or("with its worker".to_owned(), utc);
    line("expires", Some(end));
    line("status", Some(status.to_owned()));
    text
}
