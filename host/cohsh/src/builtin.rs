//! The commands that are no control lines: one table, which help, completion, the manual page and
//! the parser's messages come from.

use std::fmt::Write as _;

use ticket::Role;

/// A word behind a command that begins with a dash.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flag {
    pub word: &'static str,
    /// What the value behind it is called, where it takes one.
    pub value: Option<&'static str>,
    pub help: &'static str,
    /// Who may use it.
    pub roles: &'static [Role],
    /// The command makes no sense without it.
    pub required: bool,
}

/// What a word in its place stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Takes {
    /// A path of the hive.
    Path,
    /// A file of this machine.
    File,
    /// A GPU of the hive.
    Gpu,
    /// The name of a command.
    Command,
    /// One of these words, with a bar between them.
    OneOf,
    /// Anything.
    Text,
}

/// A word behind a command that has its place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub word: &'static str,
    pub takes: Takes,
    pub required: bool,
    /// Several may stand there.
    pub many: bool,
}

/// A command.
#[derive(Debug)]
pub(crate) struct Builtin {
    pub name: &'static str,
    pub flags: &'static [Flag],
    pub places: &'static [Place],
    /// What it does, in a line.
    pub help: &'static str,
    /// What else is to be known.
    pub more: &'static str,
    /// Who may use it: what it needs is theirs to see.
    pub roles: &'static [Role],
}

const ALL: &[Role] = &Role::ALL;
/// Those to whom `/proc` is open.
const WATCHERS: &[Role] = &[Role::Queen, Role::Observer];
/// Those to whom `/gpu` is open, each with what concerns them.
const OF_GPUS: &[Role] = &[Role::Queen, Role::WorkerGpu, Role::Observer, Role::GpuBridge];
const QUEENS: &[Role] = &[Role::Queen];
/// Those who may append to something.
const WRITERS: &[Role] = &[Role::Queen, Role::WorkerHeartbeat, Role::WorkerGpu];

const FOLLOW: Flag = Flag { roles: WATCHERS, ..option("-f", None, "go on with what is appended") };
const LINES: Flag = option("-n", Some("N"), "so many lines, not 10");

const fn option(word: &'static str, value: Option<&'static str>, help: &'static str) -> Flag {
    Flag { word, value, help, roles: ALL, required: false }
}

const fn required(word: &'static str, value: &'static str, help: &'static str) -> Flag {
    Flag { word, value: Some(value), help, roles: QUEENS, required: true }
}

const fn queens(word: &'static str, value: Option<&'static str>, help: &'static str) -> Flag {
    Flag { word, value, help, roles: QUEENS, required: false }
}

const fn place(word: &'static str, takes: Takes) -> Place {
    Place { word, takes, required: true, many: false }
}

const PATH: Place = place("PATH", Takes::Path);
const PATHS: Place = Place { many: true, ..PATH };

const FOLLOWING: &str = "Following waits for /proc/events and asks for nothing meanwhile. It ends \
                         at Ctrl-C, or when the file is gone.";

/// Every one, in order of the names.
pub(crate) static BUILTINS: [Builtin; 16] = [
    Builtin {
        name: "attach",
        flags: &[],
        places: &[place("FILE", Takes::File)],
        help: "attach anew with the ticket in FILE",
        more: "FILE is a file here, of mode 0600. The new session has the same tree, and nothing \
               of what the old one bound or mounted. Where it is refused the old one goes on.",
        roles: ALL,
    },
    Builtin { name: "cat", flags: &[], places: &[PATHS], help: "show files", more: "", roles: ALL },
    Builtin {
        name: "echo",
        flags: &[Flag { roles: WRITERS, ..option("-n", None, "no line end behind it") }],
        places: &[
            Place { required: false, many: true, ..place("TEXT", Takes::Text) },
            place("> PATH", Takes::Path),
        ],
        help: "append TEXT and a line end to a file",
        more: "Files are append-only, so > and >> are the same. From another shell quote the \
               arrow: cohsh echo TEXT '>' PATH; or leave it out: cohsh echo TEXT /PATH.",
        roles: WRITERS,
    },
    Builtin {
        name: "exit",
        flags: &[],
        places: &[],
        help: "end (so does Ctrl-D)",
        more: "",
        roles: ALL,
    },
    Builtin {
        name: "gpu info",
        flags: &[],
        places: &[place("GPU", Takes::Gpu)],
        help: "show what a GPU is, how it is now, and what is free of it",
        more: "",
        roles: OF_GPUS,
    },
    Builtin {
        name: "gpu lease",
        flags: &[
            queens("--mem-mb", Some("N"), "memory of the lease in MiB, not 1024"),
            queens("--streams", Some("N"), "jobs side by side, not 1"),
            queens("--ttl", Some("N"), "seconds that the lease lasts, not 60"),
        ],
        places: &[place("GPU", Takes::Gpu)],
        help: "start a worker with a lease of a GPU, and show its name",
        more: "It is `spawn gpu` with defaults. The worker outlives its lease: `kill` ends it.",
        roles: QUEENS,
    },
    Builtin {
        name: "gpu ls",
        flags: &[],
        places: &[],
        help: "list the GPUs that bridges publish, and what is free of each",
        more: "",
        roles: OF_GPUS,
    },
    Builtin {
        name: "gpu run",
        flags: &[
            queens("--worker", Some("ID"), "who is to submit it, not the GPU worker started last"),
            required("--n", "N", "values of each vector, or rows and columns of each matrix"),
            queens("--bundles", Some("DIR"), "where the bridge has its bundles, not ./bundles"),
            queens("--timeout-ms", Some("N"), "how long it may run, not 60000"),
            queens("--verify", None, "compute the result here, too, and compare"),
        ],
        places: &[place("vadd|matmul", Takes::OneOf)],
        help: "run a job on a worker's GPU, and follow it to its end",
        more: "Inputs at random are staged in DIR, where the bridge reads them. The exit code is 0 \
               only if the job is OK, and with --verify if this machine finds the result right.",
        roles: QUEENS,
    },
    Builtin {
        name: "help",
        flags: &[],
        places: &[Place { required: false, many: true, ..place("COMMAND", Takes::Command) }],
        help: "show what this session may use, or what COMMAND does",
        more: "Without a hive it shows every command.",
        roles: ALL,
    },
    Builtin {
        name: "log",
        flags: &[FOLLOW, LINES],
        places: &[],
        help: "show the last lines (10) of the hive's log",
        more: FOLLOWING,
        roles: ALL,
    },
    Builtin {
        name: "ls",
        flags: &[option("-l", None, "with modes and sizes")],
        places: &[Place { required: false, ..PATH }],
        help: "list a directory (/ without PATH)",
        more: "",
        roles: ALL,
    },
    Builtin {
        name: "refused",
        flags: &[],
        places: &[
            place("COMMAND", Takes::Command),
            Place { required: false, many: true, ..place("ARGUMENT", Takes::Text) },
        ],
        help: "check that the hive refuses COMMAND: else this fails",
        more: "What it says goes to the results, and a script goes on. Wrong usage, and no link to \
               the hive, are failures as ever.",
        roles: ALL,
    },
    Builtin {
        name: "stat",
        flags: &[],
        places: &[PATHS],
        help: "show what files are, and what this session may do with them",
        more: "",
        roles: ALL,
    },
    Builtin {
        name: "tail",
        flags: &[FOLLOW, LINES],
        places: &[PATH],
        help: "show the last lines (10) of a file",
        more: FOLLOWING,
        roles: ALL,
    },
    Builtin {
        name: "whoami",
        flags: &[],
        places: &[],
        help: "show as what this session attached, and how long it lasts",
        more: "",
        roles: ALL,
    },
    Builtin {
        name: "workers",
        flags: &[],
        places: &[],
        help: "list the workers, and what each may still spend",
        more: "",
        roles: WATCHERS,
    },
];

/// The command of this name.
pub(crate) fn find(name: &str) -> Option<&'static Builtin> {
    BUILTINS.iter().find(|builtin| builtin.name == name)
}

/// The second words of the commands that begin with this one.
pub(crate) fn second_words(first: &str) -> impl Iterator<Item = &'static str> {
    let words = BUILTINS.iter().filter_map(|builtin| builtin.name.split_once(' '));
    words.filter(move |(word, _)| *word == first).map(|(_, second)| second)
}

/// The first word of every command here, once.
pub(crate) fn first_words() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    BUILTINS.iter().map(Builtin::first_word).filter(move |word| {
        // They are in order.
        std::mem::replace(&mut last, word) != *word
    })
}

impl Builtin {
    /// The first word of its name.
    pub fn first_word(&self) -> &'static str {
        self.name.split_once(' ').map_or(self.name, |(first, _)| first)
    }

    /// How it is written, with the options that `role` may use; without one all of them.
    pub fn usage(&self, role: Option<Role>) -> String {
        let mut usage = self.name.to_owned();
        // Cannot fail: it is a string. (So below.)
        let flag = |flag: &Flag| match flag.value {
            Some(value) => format!("{} {value}", flag.word),
            None => flag.word.to_owned(),
        };
        // Long words stand behind the places, as people write them.
        let is_long = |flag: &&Flag| flag.word.starts_with("--");
        for short in self.flags_of(role).filter(|flag| !is_long(flag)) {
            let _ = write!(usage, " [{}]", flag(short));
        }
        for Place { word, required, many, .. } in self.places {
            let dots = if *many { "..." } else { "" };
            let _ = match required {
                true => write!(usage, " {word}{dots}"),
                false => write!(usage, " [{word}{dots}]"),
            };
        }
        for long in self.flags_of(role).filter(is_long) {
            let _ = match long.required {
                true => write!(usage, " {}", flag(long)),
                false => write!(usage, " [{}]", flag(long)),
            };
        }
        usage
    }

    /// Its options that `role` may use.
    pub fn flags_of(&self, role: Option<Role>) -> impl Iterator<Item = &'static Flag> {
        self.flags.iter().filter(move |flag| role.is_none_or(|role| flag.roles.contains(&role)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::Command;

    #[test]
    fn the_table_is_in_order() {
        assert!(BUILTINS.is_sorted_by(|a, b| a.name < b.name));
    }

    #[test]
    fn the_parser_takes_what_the_table_has() {
        for builtin in &BUILTINS {
            let places: Vec<_> = builtin.places.iter().map(|place| place.word).collect();
            let value = |flag: &Flag| match flag.value {
                Some("ID") => " worker-3",
                Some(_) => " 3",
                None => "",
            };
            let needs: Vec<_> = builtin.flags.iter().filter(|flag| flag.required).collect();
            let needs: String =
                needs.iter().map(|flag| format!(" {}{}", flag.word, value(flag))).collect();
            let sample = |places: &str| {
                places.replace("COMMAND", "ls").replace("vadd|matmul", "vadd") + &needs
            };
            let places = sample(&places.join(" "));
            for flag in builtin.flags.iter().filter(|flag| !flag.required) {
                let value = value(flag);
                let line = format!("{} {}{value} {places}", builtin.name, flag.word);
                let command = Command::of_line(&line).expect(&line);
                let plain = format!("{} {places}", builtin.name);
                assert_ne!(command, Command::of_line(&plain).expect(&plain), "{line}");
            }
            let required = builtin.places.iter().filter(|place| place.required);
            let required: Vec<_> = required.map(|place| place.word).collect();
            let line = format!("{} {}", builtin.name, sample(&required.join(" ")));
            assert!(Command::of_line(&line).is_ok(), "{line}");
            let odd = format!("{} --odd", builtin.name);
            let failure = Command::of_line(&odd).expect_err(&odd).to_string();
            assert!(failure.starts_with(builtin.name), "{failure}");
            if !required.is_empty() {
                assert!(Command::of_line(builtin.name).is_err(), "{}", builtin.name);
            }
        }
    }

    #[test]
    fn usage_leaves_out_what_a_role_may_not_use() {
        let tail = find("tail").expect("there");
        assert_eq!(tail.usage(None), "tail [-f] [-n N] PATH");
        assert_eq!(tail.usage(Some(Role::Observer)), "tail [-f] [-n N] PATH");
        assert_eq!(tail.usage(Some(Role::WorkerHeartbeat)), "tail [-n N] PATH");
        assert_eq!(find("echo").expect("there").usage(None), "echo [-n] [TEXT...] > PATH");
    }
}
