//! Commands, and how they are written.

use crate::builtin;
use crate::control;
use crate::failure::{Failure, Result};
use crate::gpu::{self, Gpu};
use crate::help;
use crate::local;
use crate::tail::LOG;
use crate::words::{Word, split};

/// Lines that `tail` shows of what is there already.
const TAIL_LINES: usize = 10;

/// Writes to files.
const ECHO: &str = "echo";
/// Before a command: the hive is to refuse it.
pub(crate) const REFUSED: &str = "refused";

/// Behind a command it asks what that does.
pub(crate) const HELP: &str = "--help";

/// A command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    /// An empty line.
    Nothing,
    /// What all commands do, or this one.
    Help {
        topic: Option<String>,
    },
    Exit,
    List {
        path: String,
        long: bool,
    },
    Cat {
        paths: Vec<String>,
    },
    Stat {
        paths: Vec<String>,
    },
    Echo {
        text: String,
        path: String,
    },
    Tail {
        path: String,
        follow: bool,
        lines: usize,
    },
    /// Begins a session with the ticket in a file of this machine.
    Attach {
        file: String,
    },
    /// A command that the hive is to refuse, and how it is written.
    Refused {
        command: Box<Command>,
        text: String,
    },
    /// As what the session attached.
    WhoAmI,
    /// Lists the workers.
    Workers,
    /// About GPUs.
    Gpu(Gpu),
    /// A line for `/queen/ctl`.
    Order(control::Order),
}

/// The first word of every command.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    builtin::first_words().chain(control::names())
}

impl Command {
    /// The command in a line of this shell.
    pub fn of_line(line: &str) -> Result<Self> {
        let mut words = split(line).map_err(Failure::usage)?.into_iter();
        let Some(first) = words.next() else { return Ok(Self::Nothing) };
        let Word::Text(name) = first else { return Err(arrow_alone()) };
        let mut texts = Vec::new();
        while let Some(word) = words.next() {
            match word {
                Word::Text(text) => texts.push(text),
                Word::Arrow => {
                    let (Some(Word::Text(path)), None) = (words.next(), words.next()) else {
                        return Err(arrow_alone());
                    };
                    return Self::of(&name, &texts, Some(path));
                }
            }
        }
        Self::of(&name, &texts, None)
    }

    /// The command in words that another shell has made.
    pub fn of_words(words: &[String]) -> Result<Self> {
        let Some((name, rest)) = words.split_first() else { return Ok(Self::Nothing) };
        let is_echo = match (&**name, rest) {
            (REFUSED, [inner, ..]) => inner == ECHO,
            _ => name == ECHO,
        };
        match rest {
            [texts @ .., arrow, path] if is_echo && matches!(&**arrow, ">" | ">>") => {
                Self::of(name, texts, Some(path.clone()))
            }
            [texts @ .., path] if is_echo && path.starts_with('/') => {
                Self::of(name, texts, Some(path.clone()))
            }
            _ => Self::of(name, rest, None),
        }
    }

    fn of(name: &str, words: &[String], target: Option<String>) -> Result<Self> {
        if target.is_some() && !matches!(name, ECHO | REFUSED) {
            return Err(Failure::usage(format!("{name}: only `echo TEXT > PATH` writes to files")));
        }
        if let Some((option, words)) = words.split_last()
            && option == HELP
            && (name != ECHO || words.is_empty())
            && let Ok(command) = topic(&[&[name.to_owned()], words].concat())
        {
            return Ok(command);
        }
        match name {
            "ls" => list(words),
            "cat" => Ok(Self::Cat { paths: paths(name, words)? }),
            "stat" => Ok(Self::Stat { paths: paths(name, words)? }),
            ECHO => echo(words, target),
            REFUSED => refused(words, target),
            "attach" => attach(words),
            "tail" => tail(words),
            "log" => log(words),
            "gpu" => Ok(Self::Gpu(gpu::parse(words)?)),
            "help" => topic(words),
            "exit" => nothing(name, words, Self::Exit),
            "whoami" => nothing(name, words, Self::WhoAmI),
            "workers" => nothing(name, words, Self::Workers),
            verb if control::has(verb) => Ok(Self::Order(control::order(verb, words)?)),
            local if local::LOCALS.iter().any(|other| other.name == local) => Err(Failure::usage(
                format!("{local}: from another shell only: `cohsh {local} --help` shows how"),
            )),
            option if is_option(option) => {
                Err(Failure::usage(format!("no option {option}; `cohsh --help` lists them")))
            }
            _ => Err(Failure::usage(format!(
                "`{name}` is no command; there are {}",
                names().collect::<Vec<_>>().join(", ")
            ))),
        }
    }
}

fn arrow_alone() -> Failure {
    Failure::usage("> stands before the last word: `echo TEXT > PATH`")
}

/// A word that starts with a dash and is no option of the command.
fn no_option(name: &str, option: &str) -> Failure {
    let usage = builtin::find(name).map_or(name.to_owned(), |builtin| builtin.usage(None));
    Failure::usage(format!(
        "{name}: no option {option}: `{usage}` (those of cohsh stand before the command)"
    ))
}

/// A command that takes nothing.
fn nothing(name: &str, words: &[String], command: Command) -> Result<Command> {
    match words {
        [] => Ok(command),
        _ => Err(Failure::usage(format!("{name}: takes nothing behind it"))),
    }
}

fn topic(words: &[String]) -> Result<Command> {
    if words.is_empty() {
        return Ok(Command::Help { topic: None });
    }
    let topic = words.join(" ");
    help::meant(&topic)?;
    Ok(Command::Help { topic: Some(topic) })
}

/// Whether the word is meant as an option.
fn is_option(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-')
}

/// Words that are paths, one at least.
fn paths(name: &str, words: &[String]) -> Result<Vec<String>> {
    if let Some(option) = words.iter().find(|word| is_option(word)) {
        return Err(no_option(name, option));
    }
    if words.is_empty() {
        return Err(Failure::usage(format!("{name}: of which file? `{name} PATH`")));
    }
    Ok(words.to_vec())
}

fn list(words: &[String]) -> Result<Command> {
    let (long, rest) = match words {
        [option, rest @ ..] if option == "-l" => (true, rest),
        rest => (false, rest),
    };
    match rest {
        [] => Ok(Command::List { path: "/".into(), long }),
        [option, ..] if is_option(option) => Err(no_option("ls", option)),
        [path] => Ok(Command::List { path: path.clone(), long }),
        _ => Err(Failure::usage("ls: one path at a time")),
    }
}

fn echo(words: &[String], target: Option<String>) -> Result<Command> {
    let Some(path) = target else {
        return Err(Failure::usage(
            "echo: to which file? `echo TEXT > PATH`; from another shell: cohsh echo TEXT '>' PATH",
        ));
    };
    let (end, words) = match words {
        [option, rest @ ..] if option == "-n" => ("", rest),
        rest => ("\n", rest),
    };
    Ok(Command::Echo { text: words.join(" ") + end, path })
}

fn attach(words: &[String]) -> Result<Command> {
    let wrong = |text: &str| Err(Failure::usage(text));
    // Before anything else that might show it.
    if words.iter().any(|word| word.contains(::ticket::PREFIX)) {
        return wrong("attach: a ticket stands in a file of mode 0600: `attach FILE`");
    }
    match words {
        [option, ..] if is_option(option) => Err(no_option("attach", option)),
        [file] => Ok(Command::Attach { file: file.clone() }),
        [] => wrong("attach: with which ticket? `attach FILE`"),
        _ => wrong("attach: one file at a time"),
    }
}

/// The command behind `refused`.
fn refused(words: &[String], target: Option<String>) -> Result<Command> {
    let Some((name, rest)) = words.split_first() else {
        return Err(Failure::usage("refused: which command? `refused COMMAND [ARGUMENT...]`"));
    };
    if is_option(name) {
        return Err(no_option(REFUSED, name));
    }
    let text =
        words.join(" ") + &target.iter().map(|path| format!(" > {path}")).collect::<String>();
    match Command::of(name, rest, target)? {
        Command::Nothing | Command::Exit | Command::Help { .. } | Command::Refused { .. } => {
            Err(Failure::usage(format!("refused: `{text}` asks nothing that a hive refuses")))
        }
        command => Ok(Command::Refused { command: Box::new(command), text }),
    }
}

/// Whether to follow, how many lines, and the other words, for which there are `places`.
fn lines<'a>(
    name: &str,
    words: &'a [String],
    places: usize,
) -> Result<(bool, usize, Vec<&'a String>)> {
    let (mut follow, mut lines, mut rest) = (false, TAIL_LINES, Vec::new());
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match &**word {
            "-f" => follow = true,
            "-n" => {
                let number = words.next().and_then(|number| number.parse().ok());
                lines = number
                    .ok_or_else(|| Failure::usage(format!("{name}: -n takes a number of lines")))?;
            }
            option if is_option(option) => return Err(no_option(name, option)),
            _ if rest.len() < places => rest.push(word),
            _ => {
                let usage = builtin::find(name).map_or(String::new(), |found| found.usage(None));
                return Err(Failure::usage(format!("{name}: `{word}` is too much: `{usage}`")));
            }
        }
    }
    Ok((follow, lines, rest))
}

fn tail(words: &[String]) -> Result<Command> {
    let (follow, lines, paths) = lines("tail", words, 1)?;
    let path = paths.first().ok_or_else(|| Failure::usage("tail: of which file? `tail PATH`"))?;
    Ok(Command::Tail { path: (*path).clone(), follow, lines })
}

/// The hive's log is a file like others.
fn log(words: &[String]) -> Result<Command> {
    let (follow, lines, _) = lines("log", words, 0)?;
    Ok(Command::Tail { path: LOG.into(), follow, lines })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(words: &[&str]) -> Result<Command> {
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        Command::of_words(&words)
    }

    fn echoed(text: &str, path: &str) -> Command {
        Command::Echo { text: text.into(), path: path.into() }
    }

    fn refused(command: Command, text: &str) -> Command {
        Command::Refused { command: Box::new(command), text: text.into() }
    }

    #[test]
    fn lines_are_commands() {
        for (line, command) in [
            ("", Command::Nothing),
            ("# ls", Command::Nothing),
            ("help", Command::Help { topic: None }),
            ("help spawn heartbeat", Command::Help { topic: Some("spawn heartbeat".into()) }),
            ("spawn gpu --help", Command::Help { topic: Some("spawn gpu".into()) }),
            ("echo --help", Command::Help { topic: Some("echo".into()) }),
            ("echo a --help > b", echoed("a --help\n", "b")),
            ("attach 'a b.ticket'", Command::Attach { file: "a b.ticket".into() }),
            ("refused whoami", refused(Command::WhoAmI, "whoami")),
            ("refused echo -n 'a  b' >> /d", refused(echoed("a  b", "/d"), "echo -n a  b > /d")),
            (
                "refused attach a.ticket",
                refused(Command::Attach { file: "a.ticket".into() }, "attach a.ticket"),
            ),
            ("refused --help", Command::Help { topic: Some("refused".into()) }),
            ("whoami", Command::WhoAmI),
            ("workers", Command::Workers),
            ("log", Command::Tail { path: LOG.into(), follow: false, lines: 10 }),
            ("log -f -n 3", Command::Tail { path: LOG.into(), follow: true, lines: 3 }),
            ("exit", Command::Exit),
            ("ls", Command::List { path: "/".into(), long: false }),
            ("ls -l /proc", Command::List { path: "/proc".into(), long: true }),
            ("cat a 'b c'", Command::Cat { paths: vec!["a".into(), "b c".into()] }),
            ("stat /", Command::Stat { paths: vec!["/".into()] }),
            ("echo a  'b  c' > /d", echoed("a b  c\n", "/d")),
            ("echo a>>/d", echoed("a\n", "/d")),
            ("echo -n a '>' b > d", echoed("a > b", "d")),
            ("echo > d", echoed("\n", "d")),
            ("tail /a", Command::Tail { path: "/a".into(), follow: false, lines: 10 }),
            ("tail -n 3 -f /a", Command::Tail { path: "/a".into(), follow: true, lines: 3 }),
        ] {
            assert_eq!(Command::of_line(line).expect("a command"), command, "{line}");
        }
    }

    #[test]
    fn words_of_another_shell_are_commands() {
        for (command, expected) in [
            (&["echo", "hello", ">", "/d"][..], echoed("hello\n", "/d")),
            (&["echo", "hello", ">>", "d"], echoed("hello\n", "d")),
            (&["echo", "hello", "/d"], echoed("hello\n", "/d")),
            (&["echo", "a > b", "/c", ">", "/d"], echoed("a > b /c\n", "/d")),
            (&["refused", "echo", "a", ">", "d"], refused(echoed("a\n", "d"), "echo a > d")),
            (&["refused", "echo", "a", "/d"], refused(echoed("a\n", "/d"), "echo a > /d")),
            (&["refused", "whoami"], refused(Command::WhoAmI, "whoami")),
            (&["cat", "it's", "#"], Command::Cat { paths: vec!["it's".into(), "#".into()] }),
        ] {
            assert_eq!(words(command).expect("a command"), expected, "{command:?}");
        }
        assert!(words(&["echo", "hello"]).is_err());
        assert!(words(&["echo", "hello", "d"]).is_err());
    }

    #[test]
    fn a_ticket_in_place_of_its_file_is_not_shown() {
        let ticket = format!("{}00ff.00ff", ::ticket::PREFIX);
        for line in [format!("attach {ticket}"), format!("refused attach x {ticket}")] {
            let failure = Command::of_line(&line).expect_err("a ticket").to_string();
            assert!(failure.contains("`attach FILE`") && !failure.contains("00ff"), "{failure}");
        }
    }

    #[test]
    fn everything_else_is_refused_with_what_would_do() {
        for (line, says) in [
            ("--rm", "no option --rm"),
            ("rm /a", "`rm` is no command"),
            ("ls a b", "one path"),
            ("ls -x", "no option -x"),
            ("cat", "`cat PATH`"),
            ("cat -n a", "no option -n"),
            ("cat a > b", "only `echo"),
            ("echo hello", "to which file?"),
            ("echo hello >", "before the last word"),
            ("echo a > b c", "before the last word"),
            ("echo a > b > c", "before the last word"),
            ("> a", "before the last word"),
            ("tail", "`tail PATH`"),
            ("tail -n x a", "-n takes a number"),
            ("tail a b", "`b` is too much: `tail [-f] [-n N] PATH`"),
            ("log a", "`a` is too much: `log [-f] [-n N]`"),
            ("log -x", "no option -x: `log [-f] [-n N]`"),
            ("attach", "attach: with which ticket? `attach FILE`"),
            ("attach -x", "attach: no option -x: `attach FILE`"),
            ("attach a b", "attach: one file"),
            ("attach a > b", "only `echo"),
            ("refused", "refused: which command? `refused COMMAND [ARGUMENT...]`"),
            ("refused > /a", "refused: which command?"),
            ("refused --odd", "refused: no option --odd: `refused COMMAND [ARGUMENT...]`"),
            ("refused rm", "`rm` is no command"),
            ("refused kill 7", "kill: must be a worker like"),
            ("refused cat a > b", "cat: only `echo"),
            ("refused refused ls", "refused: `refused ls` asks nothing that a hive refuses"),
            ("refused exit", "refused: `exit` asks nothing"),
            ("refused help", "refused: `help` asks nothing"),
            ("refused kill --help", "refused: `kill --help` asks nothing"),
            ("whoami x", "nothing behind it"),
            ("help me", "`me` is no command"),
            ("ticket mint", "from another shell only"),
            ("cat 'a", "quote is not closed"),
        ] {
            let failure = Command::of_line(line).expect_err(line);
            assert!(failure.to_string().contains(says), "{line}: {failure}");
            assert_eq!(failure.code(), crate::FAILED);
        }
    }
}
