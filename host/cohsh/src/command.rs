//! Commands, and how they are written.

use crate::builtin::{self, BUILTINS};
use crate::control;
use crate::failure::{Failure, Result};
use crate::help;
use crate::local;
use crate::tail::LOG;
use crate::words::{Word, split};

/// Lines that `tail` shows of what is there already.
const TAIL_LINES: usize = 10;

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
    /// As what the session attached.
    WhoAmI,
    /// Lists the workers.
    Workers,
    /// A line for `/queen/ctl`.
    Order(control::Order),
}

/// The first word of every command.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    BUILTINS.iter().map(|builtin| builtin.name).chain(control::names())
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
        match rest {
            [texts @ .., arrow, path] if name == "echo" && matches!(&**arrow, ">" | ">>") => {
                Self::of(name, texts, Some(path.clone()))
            }
            [texts @ .., path] if name == "echo" && path.starts_with('/') => {
                Self::of(name, texts, Some(path.clone()))
            }
            _ => Self::of(name, rest, None),
        }
    }

    fn of(name: &str, words: &[String], target: Option<String>) -> Result<Self> {
        if target.is_some() && name != "echo" {
            return Err(Failure::usage(format!("{name}: only `echo TEXT > PATH` writes to files")));
        }
        if let Some((option, words)) = words.split_last()
            && option == HELP
            && (name != "echo" || words.is_empty())
            && let Ok(command) = topic(&[&[name.to_owned()], words].concat())
        {
            return Ok(command);
        }
        match name {
            "ls" => list(words),
            "cat" => Ok(Self::Cat { paths: paths(name, words)? }),
            "stat" => Ok(Self::Stat { paths: paths(name, words)? }),
            "echo" => echo(words, target),
            "tail" => tail(words),
            "log" => log(words),
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
            (&["cat", "it's", "#"], Command::Cat { paths: vec!["it's".into(), "#".into()] }),
        ] {
            assert_eq!(words(command).expect("a command"), expected, "{command:?}");
        }
        assert!(words(&["echo", "hello"]).is_err());
        assert!(words(&["echo", "hello", "d"]).is_err());
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
