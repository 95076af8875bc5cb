//! The configuration, as the program takes it.

use std::fs;
use std::path::Path;
use std::process::Command;

use ticket::Role;

use crate::hive::{Hive, claims, text};

/// A folder like `~/.config` with this configuration. Returns its path.
fn configured(hive: &Hive, config: &str) -> String {
    let folder = hive.path("config/cohesix");
    fs::create_dir_all(&folder).expect("made");
    fs::write(folder.join("cohsh.toml"), config).expect("written");
    hive.path("config").to_str().expect("UTF-8").to_owned()
}

fn ran(program: &mut Command, words: &[&str]) -> (i32, String, String) {
    let output = program.args(words).output().expect("ran");
    (output.status.code().expect("a code"), text(&output.stdout), text(&output.stderr))
}

const BOTH: &str = "\
default = \"home\"
[hive.home]
socket = \"../../hive.sock\"
ticket-file = \"~/queen.ticket\"
[hive.watch]
socket = \"../../hive.sock\"
ticket-file = \"observer.ticket\"
[hive.none]
socket = \"../../hive.sock\"
[hive.nowhere]
tcp = \"localhost:1\"
";

/// A hive with the configuration `BOTH`, and the program that finds it.
fn both() -> (Hive, impl Fn() -> Command) {
    let hive = Hive::new();
    let folder = configured(&hive, BOTH);
    hive.ticket_file("config/cohesix/observer.ticket", &claims(Role::Observer));
    let home = hive.path("");
    let program = move || {
        let mut program = Hive::bare();
        program.env("XDG_CONFIG_HOME", &folder).env("HOME", &home).current_dir("/");
        program
    };
    (hive, program)
}

#[test]
fn hives_are_named_and_one_is_the_default() {
    let (hive, program) = both();
    let is = |program: &mut Command, words: &[&str], role: &str| {
        let (code, out, err) = ran(program, words);
        assert_eq!((code, &*err), (0, ""), "{words:?}");
        assert!(out.starts_with(&format!("role     {role}\n")), "{words:?}: {out}");
    };
    is(&mut program(), &["whoami"], "queen");
    is(&mut program(), &["--hive", "watch", "whoami"], "observer");
    let queen = hive.path("queen.ticket");
    let queen = queen.to_str().expect("UTF-8");
    is(&mut program(), &["--hive", "none", "--ticket-file", queen, "whoami"], "queen");
    // The environment comes before the configuration, and an option before both.
    let observer = hive.path("config/cohesix/observer.ticket");
    is(program().env("COHSH_TICKET_FILE", &observer), &["whoami"], "observer");
    is(program().env("COHSH_TICKET_FILE", queen), &["--hive", "watch", "whoami"], "observer");
    let (code, _, err) = ran(program().env("COHESIX_SOCKET", "/nowhere/hive.sock"), &["whoami"]);
    assert!(code == 2 && err.starts_with("cohsh: no hive at /nowhere/hive.sock"), "{err}");
    let (code, _, err) = ran(&mut program(), &["--hive", "nowhere", "ls"]);
    assert!(code == 2 && err.starts_with("cohsh: no hive at localhost:1"), "{err}");
    // A hive's ticket goes nowhere else.
    let (code, _, err) = ran(program().env("COHESIX_SOCKET", hive.socket()), &["whoami"]);
    assert!(code == 1 && err.contains("the hive lets nobody in without a ticket"), "{err}");
    let (code, _, err) = ran(&mut program(), &["--hive", "none", "whoami"]);
    assert!(code == 1 && err.contains("the hive lets nobody in without a ticket"), "{err}");
}

#[test]
fn the_file_is_found_where_it_is_told() {
    let (hive, program) = both();
    let other = hive.path("other.toml");
    let text = "default = \"me\"\nhive.me.socket = \"hive.sock\"\nhive.me.ticket-file = \"config/cohesix/observer.ticket\"\n";
    fs::write(&other, text).expect("written");
    let role = |program: &mut Command, words: &[&str]| {
        let (code, out, err) = ran(program, words);
        assert_eq!((code, &*err), (0, ""));
        out.lines().next().expect("a role").trim_start_matches("role     ").to_owned()
    };
    assert_eq!(role(program().env("COHSH_CONFIG", &other), &["whoami"]), "observer");
    let usual = hive.path("config/cohesix/cohsh.toml");
    let usual = usual.to_str().expect("UTF-8");
    let words = ["--config", usual, "whoami"];
    assert_eq!(role(program().env("COHSH_CONFIG", &other), &words), "queen");
    // ~/.config is the usual place, and one that is not absolute is none.
    fs::rename(hive.path("config"), hive.path(".config")).expect("moved");
    for folder in ["", "config", ".config"] {
        assert_eq!(role(program().env("XDG_CONFIG_HOME", folder), &["whoami"]), "queen");
    }
    // There may be none, unless it is told which.
    let mut bare = Hive::bare();
    let (code, _, err) = ran(bare.env("HOME", "/nowhere"), &["--hive", "lab", "ls"]);
    assert!(code == 2 && err.contains("write [hive.lab] to ~/.config/cohesix/cohsh.toml"), "{err}");
    for program in
        [Hive::bare().args(["--config", "/nowhere"]), Hive::bare().env("COHSH_CONFIG", "/nowhere")]
    {
        let (code, _, err) = ran(program, &["ls"]);
        assert_eq!(code, 2);
        assert!(err.starts_with("cohsh: /nowhere: the configuration cannot be read: "), "{err}");
    }
    // What needs no hive needs none of it.
    assert_eq!(ran(Hive::bare().env("COHSH_CONFIG", "/nowhere"), &["man"]).0, 0);
}

#[test]
fn what_is_wrong_is_told_with_file_and_line() {
    let hive = Hive::new();
    let ticket = crate::hive::ticket(&claims(Role::Queen));
    let hidden = ticket.replacen('-', "\\u002d", 1);
    let home = "[hive.home]\nsocket = \"a\"\n";
    for (config, line, says) in [
        (format!("{home}sockett = \"b\"\n"), 3, "unknown field `sockett`, expected one of"),
        (format!("defualt = \"home\"\n{home}"), 1, "unknown field `defualt`, expected"),
        (format!("{home}tcp = \"a:1\"\n"), 3, "[hive.home] has socket and tcp: leave one out"),
        ("\n[hive.home]\nticket-file = \"t\"\n".into(), 2, "[hive.home] has no place: add socket"),
        ("[hive.home]\ntcp = \"a\"\n".into(), 2, "tcp is no HOST:PORT"),
        ("[hive.home]\ntcp = \"a:0\"\n".into(), 2, "tcp is no HOST:PORT"),
        ("[hive.home]\nsocket = \"\"\n".into(), 2, "a path is empty"),
        ("[hive.home]\nsocket = 7\n".into(), 2, "invalid type: integer `7`, expected a string"),
        (format!("default = \"lab\"\n{home}"), 1, "default: there is no [hive.lab]"),
        (format!("{home}[hive.home]\nsocket = \"b\"\n"), 3, "duplicate key"),
        ("[hive.home\n".into(), 1, "unclosed table"),
        (format!("{home}ticket-file = \"{ticket}\"\n"), 3, "a ticket stands here"),
        (format!("{home}ticket = \"{ticket}\"\n"), 3, "a ticket stands here"),
        (format!("{home}# {ticket}\n"), 3, "a ticket stands here"),
        (format!("{home}ticket-file = \"{hidden}\"\n"), 3, "a ticket stands here"),
        (format!("[hive.home]\n\"{hidden}\" = 1\n"), 2, "a ticket stands here"),
    ] {
        let folder = configured(&hive, &config);
        let file = Path::new(&folder).join("cohesix/cohsh.toml");
        let mut program = Hive::bare();
        let (code, out, err) = ran(program.env("XDG_CONFIG_HOME", &folder), &["ls"]);
        assert_eq!((code, &*out, err.lines().count()), (2, "", 1), "{config}: {err}");
        let start = format!("cohsh: {}:{line}: ", file.display());
        assert!(err.starts_with(&start) && err.contains(says), "{config}: {err}");
        assert!(!err.contains(ticket::PREFIX), "{err}");
    }
    let (_, program) = (0, &mut Hive::bare());
    let folder = configured(&hive, home);
    let (code, _, err) = ran(program.env("XDG_CONFIG_HOME", &folder), &["--hive", "lab", "ls"]);
    assert!(code == 2 && err.contains("no hive `lab`: there are home; add [hive.lab]"), "{err}");
    for others in [["--socket", "a"], ["--tcp", "a:1"]] {
        let (code, _, err) = ran(Hive::bare().args(others), &["--hive", "home", "ls"]);
        assert!(code == 2 && err.contains("cannot be used with"), "{err}");
    }
}
