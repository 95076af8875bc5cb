//! One command, scripts, JSON, following.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::thread;

use crate::hive::{Hive, LIMIT, text};
use serde_json::{Value, json};

#[test]
fn files_are_listed_read_described_and_appended_to() {
    let hive = Hive::new();
    assert_eq!(hive.ok(&["ls", "/"]), "log/\nproc/\nqueen/\nworker/\n");
    assert_eq!(hive.ok(&["ls", "proc/boot"]), "proc/boot\n");
    assert!(hive.ok(&["cat", "/proc/boot"]).starts_with("Cohesix "));
    assert_eq!(hive.ok(&["echo", "hello", ">", "/log/queen.log"]), "");
    assert_eq!(hive.ok(&["echo", "one", "two", "/log/queen.log"]), "");
    assert_eq!(hive.ok(&["-c", "echo 'a  b' >> /log/queen.log # and no more"]), "");
    assert_eq!(hive.ok(&["cat", "/log/queen.log"]), "hello\none two\na  b\n");
    assert_eq!(hive.ok(&["tail", "-n", "2", "/log/queen.log"]), "one two\na  b\n");
    assert!(hive.ok(&["ls", "-l", "/log"]).starts_with("-rw-rw-rw-       19 queen.log\n"));
    assert!(
        hive.ok(&["stat", "/log/queen.log"]).contains("file, mode 0666 (-rw-rw-rw-), 19 bytes")
    );
    assert!(hive.ok(&["cat", "/proc/sessions"]).contains("user=queen"));
    assert!(hive.ok(&["--uname", "somebody", "cat", "/proc/sessions"]).contains("user=somebody"));
    assert!(hive.ok(&["help"]).contains("tail [-f]"));
}

#[test]
fn the_socket_is_found_and_tcp_is_spoken() {
    let hive = Hive::new();
    let bare = || {
        let mut program = Hive::bare();
        program.env("COHSH_TICKET_FILE", hive.path("queen.ticket"));
        program
    };
    let there = bare().env("COHESIX_SOCKET", hive.socket()).arg("ls").output().expect("ran");
    assert_eq!(text(&there.stdout), "log/\nproc/\nqueen/\nworker/\n");
    let address = hive.tcp();
    let there = bare().args(["--tcp", &address, "ls", "/log"]).output().expect("ran");
    assert_eq!(text(&there.stdout), "queen.log\n");
}

#[test]
fn what_the_hive_refuses_is_one_line_and_code_1() {
    let hive = Hive::new();
    for (arguments, says) in [
        (&["echo", "x", ">", "/proc/boot"][..], "/proc/boot: permission denied (Permission); "),
        (&["cat", "/nope", "/proc/boot"], "/nope: no such file (NotFound); "),
        (&["cat", "/proc"], "/proc: is a directory (IsDirectory); "),
        (&["ls", "/proc/boot/x"], "/proc/boot/x: not a directory (NotDirectory); "),
        (&["tail", "/nope"], "/nope: no such file (NotFound); "),
        (&["--aname", "/elsewhere", "ls"], "no such file (NotFound); "),
    ] {
        let (code, out, err) = hive.run(arguments);
        assert_eq!((code, &*out, err.lines().count()), (1, "", 1), "{arguments:?}: {err}");
        assert!(err.starts_with(&format!("cohsh: {says}")), "{err}");
    }
}

#[test]
fn wrong_usage_and_no_hive_are_one_line_and_code_2() {
    let hive = Hive::new();
    for arguments in [
        &["rm", "/log/queen.log"][..],
        &["echo", "to", "nowhere"],
        &["cat"],
        &["-c", "cat 'open"],
        &["--script", "/nowhere/at/all"],
        &["--nonsense"],
        &["--socket"],
        &["--tcp", "localhost:1", "ls"],
        &["--script", "a", "ls"],
        &["cat", "/proc/boot", "--json"],
    ] {
        let (code, out, err) = hive.run(arguments);
        assert_eq!((code, &*out, err.lines().count()), (2, "", 1), "{arguments:?}: {err}");
    }
    let long = "x".repeat(9000);
    let (code, _, err) = hive.run(&["echo", &long, ">", "/log/queen.log"]);
    assert!(code == 2 && err.contains("more than one append takes"), "{err}");
    let nobody = hive.path("nobody");
    let nobody = nobody.to_str().expect("UTF-8");
    let there = Hive::bare().args(["--socket", nobody, "ls"]).output().expect("ran");
    assert_eq!((there.status.code(), text(&there.stdout)), (Some(2), String::new()));
    let err = text(&there.stderr);
    assert!(err.contains("`./cohesix run --headless`") && err.contains("`./cohesix sim`"), "{err}");
}

#[test]
fn a_script_stops_at_the_line_that_fails() {
    let hive = Hive::new();
    let script = hive.path("script.coh");
    let lines = "# a script\necho one > /log/queen.log\n\necho two > /proc/boot\necho three > /log/queen.log\n";
    std::fs::write(&script, lines).expect("written");
    let name = script.to_str().expect("UTF-8");
    let (code, out, err) = hive.run(&["--script", name]);
    assert_eq!((code, &*out, err.lines().count()), (1, "", 1));
    assert!(err.starts_with(&format!("{name}:4: /proc/boot: permission denied")), "{err}");
    assert_eq!(hive.ok(&["cat", "/log/queen.log"]), "one\n");

    let (code, out, err) = hive.piped("cat /log/queen.log\nbogus\nls\n");
    assert_eq!((code, &*out), (2, "one\n"));
    assert!(err.starts_with("stdin:2: `bogus` is no command"), "{err}");
    // The last line needs no end, and `exit` leaves the rest.
    assert_eq!(hive.piped("ls /log"), (0, "queen.log\n".into(), String::new()));
    assert_eq!(hive.piped("exit\nbogus\n"), (0, String::new(), String::new()));
    assert_eq!(hive.piped(""), (0, String::new(), String::new()));
}

fn objects(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn json_is_an_object_a_result() {
    let hive = Hive::new();
    assert_eq!(
        objects(&hive.ok(&["--json", "echo", "hé", ">", "/log/queen.log"])),
        [json!({ "path": "/log/queen.log", "written": 4 })]
    );
    assert_eq!(
        objects(&hive.ok(&["--json", "cat", "/log/queen.log"])),
        [json!({ "path": "/log/queen.log", "text": "hé\n" })]
    );
    let listed = objects(&hive.ok(&["--json", "ls", "/log"]));
    assert_eq!(listed.len(), 1);
    for (key, value) in [
        ("path", json!("/log/queen.log")),
        ("name", json!("queen.log")),
        ("type", json!("file")),
        ("mode", json!("0666")),
        ("size", json!(4)),
    ] {
        assert_eq!(listed[0][key], value);
    }
    hive.append(b"\xff\n");
    assert_eq!(objects(&hive.ok(&["--json", "cat", "/log/queen.log"]))[0]["base64"], "aMOpCv8K");

    let (code, out, err) = hive.run(&["--json", "-c", "echo x > /proc/boot"]);
    assert_eq!((code, &*err), (1, ""));
    let error = &objects(&out)[0];
    assert_eq!((&error["errno"], &error["name"]), (&json!(13), &json!("Permission")));
    assert_eq!(error["path"], "/proc/boot");
    assert!(error["error"].as_str().expect("a string").contains("permission denied"));
    let (code, out, _) = hive.run(&["--json", "bogus"]);
    assert_eq!((code, &objects(&out)[0]["errno"]), (2, &Value::Null));
}

/// `cohsh tail` of something that goes on.
pub struct Following {
    child: Child,
    out: BufReader<UnixStream>,
}

impl Following {
    pub fn of(hive: &Hive, arguments: &[&str]) -> Self {
        // A socket, for waiting for it ends some time.
        let (out, stdout) = UnixStream::pair().expect("a pair");
        out.set_read_timeout(Some(LIMIT)).expect("a socket");
        let mut command = hive.program();
        command.args(arguments).stdout(OwnedFd::from(stdout)).stderr(Stdio::piped());
        let child = command.spawn().expect("started");
        Self { child, out: BufReader::new(out) }
    }

    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.read_line(&mut line).expect("a line");
        line
    }

    /// Waits until it ends by itself. Returns the exit code and what it wrote to stderr.
    pub fn ended(mut self) -> (i32, String) {
        let mut rest = String::new();
        self.out.read_to_string(&mut rest).expect("UTF-8");
        assert_eq!(rest, "");
        let output = self.child.wait_with_output().expect("waited for");
        (output.status.code().expect("an exit code"), text(&output.stderr))
    }

    /// Ends it and returns what it wrote to stderr.
    pub fn end(mut self) -> String {
        self.child.kill().expect("killed");
        let mut err = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut err).expect("UTF-8");
        self.child.wait().expect("waited for");
        err
    }
}

#[test]
fn tail_follows_what_is_appended() {
    let hive = Hive::new();
    hive.append(b"1\n2\n3\n");
    let mut following = Following::of(&hive, &["tail", "-n", "2", "-f", "/log/queen.log"]);
    assert_eq!((following.line(), following.line()), ("2\n".into(), "3\n".into()));
    for line in ["hello\n", "world\n"] {
        hive.append(line.as_bytes());
        assert_eq!(following.line(), line);
    }
    // A character that comes in two appends is one raw and one in JSON.
    let mut json = Following::of(&hive, &["--json", "tail", "-n", "1", "-f", "/log/queen.log"]);
    assert_eq!(objects(&json.line()), [json!({ "path": "/log/queen.log", "text": "world\n" })]);
    hive.append(b"a\xc3");
    assert_eq!(objects(&json.line())[0]["text"], "a");
    hive.append(b"\xa9\n");
    assert_eq!(objects(&json.line())[0]["text"], "é\n");
    assert_eq!(following.line(), "aé\n");
    assert_eq!((following.end(), json.end()), Default::default());
}

#[test]
fn the_last_lines_of_the_events_are_those_that_come() {
    let hive = Hive::new();
    let mut events = Following::of(&hive, &["tail", "/proc/events"]);
    let (told, line) = channel();
    let reading = thread::spawn(move || {
        told.send(events.line()).expect("somebody waits");
        events
    });
    // When it begins to wait is not seen from outside.
    let line = loop {
        hive.append(b"more\n");
        match line.try_recv() {
            Ok(line) => break line,
            Err(_) => thread::yield_now(),
        }
    };
    assert!(line.starts_with("/log/queen.log "), "{line}");
    assert_eq!(reading.join().expect("read").end(), "");
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let done = Command::new("kill").args(["-s", name, &pid]).status().expect("ran");
    assert!(done.success());
}

#[test]
fn tail_tells_what_it_lost_and_goes_on() {
    /// More than the log's window and than that of the events take.
    const LINES: u64 = 3000;
    let hive = Hive::new();
    hive.append(b"start\n");
    let mut following = Following::of(&hive, &["tail", "-f", "/log/queen.log"]);
    assert_eq!(following.line(), "start\n");
    signal(&following.child, "STOP");
    for number in 0..LINES {
        hive.append(format!("{number:>63}\n").as_bytes());
    }
    signal(&following.child, "CONT");
    hive.append(b"end\n");
    let mut seen = Vec::new();
    loop {
        let line = following.line();
        if line == "end\n" {
            break;
        }
        seen.push(line.trim().parse::<u64>().expect("a number"));
    }
    assert!(seen.is_sorted() && seen.last() == Some(&(LINES - 1)), "{seen:?}");
    // Every byte was either seen or told as lost.
    let err = following.end();
    let lost = err.lines().map(|line| {
        let bytes = line.strip_prefix("cohsh: /log/queen.log: lost ").expect("what was lost");
        bytes.split(' ').next().and_then(|bytes| bytes.parse::<u64>().ok()).expect("a number")
    });
    let lost: u64 = lost.sum();
    assert!(lost > 0);
    assert_eq!(lost + 64 * seen.len() as u64, 64 * LINES, "{err}");
}

#[test]
fn a_reader_that_has_gone_is_no_news() {
    let hive = Hive::new();
    let Following { child, out } = Following::of(&hive, &["tail", "-f", "/log/queen.log"]);
    drop(out);
    hive.append(b"x\n");
    let output = child.wait_with_output().expect("waited for");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(2), String::new()));
}

#[test]
fn a_command_holds_no_fids() {
    let hive = Hive::new();
    let mut child =
        hive.program().stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("started");
    let mut stdin = child.stdin.take().expect("a pipe");
    // More than a connection's fids, of every command, with failures.
    for _ in 0..100 {
        let lines =
            "ls -l /proc\ncat /proc/boot\nstat /\necho x > /log/queen.log\ntail /log/queen.log\n";
        stdin.write_all(lines.as_bytes()).expect("taken");
    }
    drop(stdin);
    assert_eq!(child.wait().expect("waited for").code(), Some(0));
}
