//! docs/USERLAND_AND_CLI.md says what the program does.
//!
//! To write the table of commands again after a change:
//! `COHSH_WRITE_DOC=1 cargo test -p cohesix-cohsh document`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::gpu::Bridge;
use crate::hive::{Hive, SECRET};

fn path() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs/USERLAND_AND_CLI.md")
}

fn document() -> String {
    fs::read_to_string(path()).expect("the document")
}

/// What stands between the document's marks of this name, and where.
fn between<'a>(text: &'a str, name: &str) -> (usize, &'a str) {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let start = text.find(&begin).expect(&begin) + begin.len();
    let length = text[start..].find(&end).expect(&end);
    (start, &text[start..start + length])
}

/// Every command as `help` has it.
fn commands(hive: &Hive) -> Vec<Value> {
    let help = hive.ok(&["--json", "help"]);
    help.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn of<'a>(entry: &'a Value, field: &str) -> &'a str {
    entry[field].as_str().expect("a text")
}

#[test]
fn the_documents_commands_are_those_of_help() {
    let mut rows = String::from("| command | what | for |\n|---|---|---|\n");
    for entry in commands(&Hive::new()) {
        let roles = entry["roles"].as_array().expect("roles");
        let all = roles.len() == ticket::Role::ALL.len();
        let roles: Vec<_> = roles.iter().map(|role| role.as_str().expect("a role")).collect();
        let roles = if all { "everybody".into() } else { roles.join(", ") };
        let usage = of(&entry, "usage").replace('|', "\\|");
        writeln!(rows, "| `{usage}` | {} | {roles} |", of(&entry, "help")).expect("a string");
    }
    let mut text = document();
    let (start, there) = between(&text, "commands");
    if std::env::var_os("COHSH_WRITE_DOC").is_some() {
        text.replace_range(start..start + there.len(), &rows);
        fs::write(path(), &text).expect("written");
    }
    assert_eq!(between(&text, "commands").1, rows, "write the table again");
}

#[test]
fn every_option_and_variable_is_in_the_document() {
    let (hive, text) = (Hive::new(), document());
    let help = hive.ok(&["--help"]);
    let words = help.split(|letter: char| !letter.is_alphanumeric() && letter != '-');
    // Those behind `Options:` are the program's own.
    let own = help.find("\nOptions:").expect("options");
    assert!(own > 0 && words.count() > 0);
    let options = help[own..].lines().take_while(|line| !line.starts_with("Commands"));
    let mut found = 0;
    for line in options.filter(|line| line.trim_start().starts_with('-')) {
        let option = line.split_whitespace().find(|word| word.starts_with("--"));
        let option = option.or_else(|| line.split_whitespace().next()).expect("an option");
        assert!(text.contains(&format!("`{option}")), "{option}");
        found += 1;
    }
    assert_eq!(found, 12, "{help}");
    let manual = hive.ok(&["man"]);
    let variables = &manual[manual.find(".SH ENVIRONMENT").expect("a section")..];
    let variables = &variables[..variables.find(".SH FILES").expect("the next section")];
    let names: Vec<_> = variables
        .lines()
        .filter_map(|line| line.strip_prefix("\\fB")?.strip_suffix("\\fR"))
        .collect();
    assert_eq!(names.len(), 4, "{variables}");
    for name in names {
        assert!(text.contains(&format!("`{name}`")), "{name}");
    }
}

/// Blocks of lines of the shell.
fn scripts(text: &str) -> Vec<&str> {
    let blocks = text.split("```coh\n").skip(1);
    blocks.map(|block| block.split("```").next().expect("an end")).collect()
}

#[test]
fn the_documents_examples_work() {
    let text = document();
    let scripts = scripts(&text);
    let entries = commands(&Hive::new());
    for script in &scripts {
        let hive = Hive::new();
        hive.private("forged.ticket", &crate::hive::forged());
        hive.ticket_file("observer.ticket", &crate::hive::claims(ticket::Role::Observer));
        let (code, _, err) = hive.piped(script);
        // That what is followed is gone is told.
        let err = err.lines().filter(|line| !line.contains(": is gone: ")).collect::<Vec<_>>();
        assert_eq!((code, &*err), (0, &[][..]), "{script}");
    }
    for entry in entries {
        let name = of(&entry, "command");
        let in_script = scripts.iter().flat_map(|script| script.lines());
        let in_text = text.lines().filter_map(|line| line.strip_prefix("cohsh "));
        let shown = |line: &str| line == name || line.starts_with(&format!("{name} "));
        assert!(in_script.chain(in_text).any(shown), "{name} has no example");
    }
}

#[test]
fn the_documents_configuration_is_one() {
    let (hive, text) = (Hive::new(), document());
    let config = between(&text, "config").1;
    let config = config.trim_start_matches("```toml\n").trim_end_matches("```\n");
    let file = hive.path("cohsh.toml");
    fs::write(&file, config).expect("written");
    hive.private("home.ticket", &ticket());
    let output = Hive::bare().arg("--config").arg(&file).arg("ls").output().expect("ran");
    let err = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(err.starts_with("cohsh: no hive at /nowhere/cohesix/out/hive.sock "), "{err}");
}

fn ticket() -> String {
    crate::hive::ticket(&crate::hive::claims(ticket::Role::Queen))
}

/// The rows of the document's table of fields: of what, and its fields.
fn shapes(text: &str) -> Vec<(BTreeSet<String>, BTreeSet<String>)> {
    let quoted = |cell: &str| -> BTreeSet<String> {
        cell.split('`').skip(1).step_by(2).map(ToOwned::to_owned).collect()
    };
    let rows = between(text, "json").1.lines().skip(2);
    rows.map(|row| {
        let cells: Vec<_> = row.split(" | ").collect();
        let commands = quoted(cells[0]);
        let error = cells[0].trim_start_matches("| ") == "error";
        (if error { ["error".to_owned()].into() } else { commands }, quoted(cells[1]))
    })
    .collect()
}

/// What the program prints with `--json`, each line of which is an object.
fn objects(hive: &Hive, words: &[&str], code: i32) -> Vec<Value> {
    let (ended, out, err) = hive.run(&[&["--json"], words].concat());
    assert_eq!((ended, &*err), (code, ""), "{words:?}: {out}");
    out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Of what, the words of it, and the exit code.
type Sample<'a> = (&'a str, &'a [&'a str], i32);

/// Each command, or nearly; the others take files.
const SAMPLES: &[Sample<'_>] = &[
    ("ls", &["ls", "/proc"], 0),
    ("stat", &["stat", "/", "/log"], 0),
    ("cat", &["cat", "/proc/boot"], 0),
    ("cat", &["cat", "/log/queen.log"], 0),
    ("tail", &["tail", "/proc/boot"], 0),
    ("log", &["log"], 0),
    ("echo", &["echo", "x", "/log/queen.log"], 0),
    ("whoami", &["whoami"], 0),
    ("attach", &["attach", "queen.ticket"], 0),
    ("refused", &["refused", "kill", "worker-99"], 0),
    ("refused", &["refused", "cat", "/nope"], 0),
    ("error", &["refused", "bogus"], 2),
    ("spawn heartbeat", &["spawn", "heartbeat", "--ticks", "3", "--period-ms", "700"], 0),
    ("workers", &["workers"], 0),
    ("tail", &["tail", "-f", "/worker/worker-1/telemetry"], 0),
    ("spawn heartbeat", &["spawn", "heartbeat"], 0),
    ("kill", &["kill", "worker-2"], 0),
    ("budget", &["budget", "--ttl", "60"], 0),
    ("bind", &["bind", "/log", "/shadow"], 0),
    ("mount", &["mount", "log", "/shadow"], 0),
    ("help", &["help"], 0),
    ("help", &["help", "spawn"], 0),
    ("completions", &["completions", "bash"], 0),
    ("man", &["man"], 0),
    ("error", &["spawn", "gpu", "GPU-0", "--mem-mb", "1", "--streams", "1", "--lease-ttl", "1"], 1),
    ("error", &["cat", "/nope"], 1),
    ("error", &["bogus"], 2),
    ("error", &["--ticket-file", "/nowhere", "ls"], 2),
    ("error", &["--hive", "nowhere", "ls"], 2),
    ("error", &["--script", "/nowhere"], 2),
    ("error", &["completions", "bogus"], 2),
    ("error", &["ticket", "mint"], 2),
];

/// What the commands about GPUs print, where there is one.
fn of_gpus(hive: &Hive) -> Vec<(&'static str, Vec<Value>)> {
    let bridge = Bridge::new(hive);
    let leased = objects(hive, &["gpu", "lease", "GPU-0"], 0);
    let worker = leased[0]["result"].as_str().expect("a name").to_owned();
    let ctl = "/gpu/GPU-0/ctl";
    // The bridge has said how it is before it has run anything.
    let run = ["gpu", "run", "vadd", "--n", "9", "--verify", "--bundles", bridge.folder()];
    let run = [&run[..], &["--worker", &worker]].concat();
    let ran = objects(hive, &run, 0);
    let listed = objects(hive, &["gpu", "ls"], 0);
    let info = objects(hive, &["gpu", "info", "GPU-0"], 0);
    hive.ok(&["echo", &format!("RELEASE {worker}"), ctl]);
    let refused = objects(hive, &run, 1);
    let names = ["gpu lease", "gpu run", "gpu ls", "gpu info", "gpu run"];
    names.into_iter().zip([leased, ran, listed, info, refused]).collect()
}

#[test]
fn every_command_prints_the_fields_of_the_document() {
    let hive = Hive::new();
    let (secret, out) = (hive.private("secret", SECRET), hive.path("out"));
    let out = out.to_str().expect("UTF-8");
    let observer = hive
        .private("observer", &crate::hive::ticket(&crate::hive::claims(ticket::Role::Observer)));
    let mint = ["ticket", "mint", "--secret-file", &secret, "--role", "queen"];
    hive.append(b"\xff\n");
    let with_files: &[Sample<'_>] = &[
        ("ticket", &mint, 0),
        ("ticket", &[&mint[..], &["--out", out]].concat(), 0),
        ("ticket", &["ticket", "show", out], 0),
        ("error", &["--ticket-file", &observer, "kill", "worker-1"], 1),
    ];
    let text = document();
    let shapes = shapes(&text);
    let mut used = BTreeSet::new();
    for (name, words, code) in SAMPLES.iter().chain(with_files) {
        let objects = objects(&hive, words, *code);
        assert!(!objects.is_empty(), "{words:?} prints nothing");
        for object in objects {
            let object = object.as_object().expect("an object");
            let fields: BTreeSet<_> = object.keys().cloned().collect();
            let row = shapes.iter().position(|(commands, documented)| {
                commands.contains(*name) && *documented == fields
            });
            used.insert(row.unwrap_or_else(|| panic!("{words:?}: {fields:?} is not documented")));
        }
    }
    for (name, objects) in of_gpus(&hive) {
        for object in objects {
            let fields: BTreeSet<_> =
                object.as_object().expect("an object").keys().cloned().collect();
            let row = shapes.iter().position(|(commands, documented)| {
                commands.contains(name) && *documented == fields
            });
            used.insert(row.unwrap_or_else(|| panic!("{name}: {fields:?} is not documented")));
        }
    }
    // `lost` and revoking take more than a line; other tests have them.
    let unused: Vec<_> = (0..shapes.len()).filter(|row| !used.contains(row)).collect();
    let unused: Vec<_> = unused.iter().map(|row| &shapes[*row].1).collect();
    assert!(unused.iter().all(|fields| fields.contains("lost")), "{unused:?}");
    let all: BTreeSet<_> = shapes.iter().flat_map(|(commands, _)| commands).collect();
    for entry in commands(&hive) {
        let name = of(&entry, "command").to_owned();
        assert!(name == "exit" || all.contains(&name), "{name} is not documented");
    }
}

#[test]
fn wrong_options_are_an_object_too() {
    let output = Hive::bare().args(["--json", "--nonsense"]).output().expect("ran");
    assert_eq!((output.status.code(), output.stderr.len()), (Some(2), 0));
    let said: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert!(of(&said, "error").contains("`cohsh --help`"), "{said}");
    assert_eq!(said["at"], "cohsh");
}
