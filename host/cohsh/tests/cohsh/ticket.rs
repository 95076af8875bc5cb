//! `cohsh ticket`, and attaching with a ticket.

use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Stdio;
use std::thread;

use secure9p_codec::{
    Dialect, MAX_MSIZE, Reply, Request, decode_request, encode_reply, frame_length,
};
use serde_json::{Value, json};
use ticket::{Claims, Key, MAX_TTL_S, Name, PREFIX, Role, TicketId};

use crate::hive::{Hive, LIMIT, SECRET, key, now_ms, text};

/// Linux's EACCES.
const EACCES: u32 = 13;

/// A folder for secrets and tickets, gone when it is dropped.
struct Folder(Hive);

impl Folder {
    fn new() -> Self {
        Self(Hive::new())
    }

    /// A file of this mode. Returns its path.
    fn file(&self, name: &str, holds: &str, mode: u32) -> String {
        let path = self.0.path(name);
        fs::write(&path, holds).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).expect("ours");
        shown(path)
    }

    fn secret(&self) -> String {
        self.file("secret", &format!("{SECRET}\n"), 0o600)
    }

    /// Mints with these options, and returns the ticket.
    fn mint(&self, options: &[&str]) -> String {
        let secret = self.secret();
        let out = self.0.ok(&[&["ticket", "mint", "--secret-file", &secret], options].concat());
        let ticket = out.strip_suffix('\n').expect("a line").to_owned();
        assert!(ticket.starts_with(PREFIX) && !ticket.contains('\n'), "{ticket}");
        ticket
    }
}

fn shown(path: PathBuf) -> String {
    path.to_str().expect("UTF-8").to_owned()
}

/// What the program answers with `ticket` at stdin.
fn with_stdin(arguments: &[&str], ticket: &str) -> (i32, String, String) {
    let mut program = Hive::bare();
    program.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = program.spawn().expect("started");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(ticket.as_bytes()).expect("taken");
    drop(stdin);
    let output = child.wait_with_output().expect("ran");
    (output.status.code().expect("a code"), text(&output.stdout), text(&output.stderr))
}

#[test]
fn what_is_minted_is_what_was_asked_for() {
    let folder = Folder::new();
    let before = now_ms();
    let queen = folder.mint(&["--role", "queen"]);
    let worker = folder.mint(&[
        "--role",
        "worker-heartbeat",
        "--subject",
        "worker-7",
        "--ttl",
        "120",
        "--ticks",
        "100",
        "--ops",
        "500",
    ]);
    let bare = folder.mint(&["--role", "worker-gpu", "--subject", "worker-8"]);
    let now = now_ms();
    let [queen, worker, bare] =
        [queen, worker, bare].map(|text| key().check(&text, now).expect("valid"));
    for claims in [&queen, &worker, &bare] {
        assert!((before..=now).contains(&claims.issued_at_ms) && claims.nonce.is_some());
    }
    assert_eq!((queen.role, queen.budget.ttl_s, queen.subject), (Role::Queen, Some(86_400), None));
    let budget = worker.budget;
    assert_eq!((budget.ticks, budget.ops, budget.ttl_s), (Some(100), Some(500), Some(120)));
    assert_eq!(worker.subject, Name::new("worker-7").ok());
    assert_eq!((bare.role, bare.budget.ttl_s), (Role::WorkerGpu, None));
    assert_ne!(folder.mint(&["--role", "queen"]), folder.mint(&["--role", "queen"]));
}

#[test]
fn a_ticket_goes_to_a_new_file_of_its_owner() {
    let folder = Folder::new();
    let (secret, out) = (folder.secret(), shown(folder.0.path("ticket")));
    let arguments =
        ["ticket", "mint", "--secret-file", &secret, "--role", "observer", "--out", &out];
    assert_eq!(folder.0.ok(&arguments), "");
    let mode = fs::metadata(&out).expect("made").permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
    let held = fs::read_to_string(&out).expect("readable");
    let ticket = held.strip_suffix('\n').expect("a line");
    assert!(key().check(ticket, now_ms()).is_ok());
    // What is there is left alone.
    let (code, _, err) = folder.0.run(&arguments);
    assert!(code == 2 && err.contains("remove it"), "{err}");
    assert_eq!(fs::read_to_string(&out).expect("readable"), held);
    // In JSON the file is named, and the ticket stands nowhere else.
    let (json, other) = ("--json", shown(folder.0.path("other")));
    let arguments = [json, "ticket", "mint", "--secret-file", &secret, "--role", "queen"];
    let object: Value =
        serde_json::from_str(&folder.0.ok(&[&arguments[..], &["--out", &other]].concat()))
            .expect("JSON");
    assert_eq!((&object["out"], &object["ticket"]), (&json!(other), &Value::Null));
    let object: Value = serde_json::from_str(&folder.0.ok(&arguments)).expect("JSON");
    let ticket = object["ticket"].as_str().expect("a ticket");
    assert!(key().check(ticket, now_ms()).is_ok());
    assert_eq!(object["id"], TicketId::of(ticket).expect("a ticket").to_string());
}

#[test]
fn a_valid_ticket_is_shown_without_its_mac() {
    let folder = Folder::new();
    let secret = folder.secret();
    let ticket =
        folder.mint(&["--role", "worker-heartbeat", "--subject", "worker-7", "--ops", "5"]);
    let file = folder.file("ticket", &format!("{ticket}\n"), 0o600);
    let mac = ticket.split_once('.').expect("a dot").1;
    let out = folder.0.ok(&["ticket", "show", "--secret-file", &secret, &file]);
    for line in ["role     worker-heartbeat", "subject  worker-7", "ops      5", "status   valid"] {
        assert!(out.lines().any(|other| other == line), "{line}: {out}");
    }
    assert!(out.contains("expires  with its worker\n") && !out.contains("ticks"), "{out}");
    assert!(out.contains(&TicketId::of(&ticket).expect("a ticket").to_string()), "{out}");
    let json = folder.0.ok(&["--json", "ticket", "show", "--secret-file", &secret, &file]);
    for shown in [&out, &json] {
        assert!(mac.as_bytes().windows(12).all(|part| !shown.contains(&text(part))), "{shown}");
        assert!(!shown.contains(PREFIX));
    }
    let object: Value = serde_json::from_str(&json).expect("JSON");
    for (key, value) in [
        ("status", json!("valid")),
        ("checked", json!(true)),
        ("role", json!("worker-heartbeat")),
        ("subject", json!("worker-7")),
        ("budget", json!({ "ticks": null, "ops": 5, "ttl_s": null })),
        ("expires_at_ms", Value::Null),
        ("mount", Value::Null),
        ("scopes", json!([])),
    ] {
        assert_eq!(object[key], value, "{key}");
    }
    // From stdin, and without the secret.
    let (code, out, err) = with_stdin(&["ticket", "show", "-"], &ticket);
    assert_eq!((code, &*err), (0, ""));
    assert!(out.ends_with("status   not checked\n"), "{out}");
}

#[test]
fn what_is_not_valid_is_shown_and_code_1() {
    let folder = Folder::new();
    let secret = folder.secret();
    let queen = |issued_at_ms| {
        let mut claims = Claims::new(Role::Queen, issued_at_ms);
        claims.budget.ttl_s = Some(60);
        claims
    };
    let theirs = Key::from_secret(b"another secret, as long").expect("a secret");
    let mint = |key: &Key, at| key.mint(&queen(at)).expect("it fits").as_str().to_owned();
    let now = now_ms();
    for (ticket, status, says) in [
        (mint(&key(), now - 60_000), "expired", "mint another"),
        (mint(&key(), now + 3_600_000), "not yet valid", "set the clock"),
        (mint(&theirs, now), "forged", "of another secret"),
    ] {
        let command = ["ticket", "show", "--secret-file", &secret, "-"];
        let (code, out, err) = with_stdin(&command, &ticket);
        assert_eq!((code, err.lines().count()), (1, 1), "{err}");
        assert!(err.starts_with("cohsh: stdin: ") && err.contains(says), "{err}");
        assert!(out.contains("role     queen\n"), "{out}");
        assert!(out.ends_with(&format!("status   {status}\n")), "{out}");
        let (code, out, err) = with_stdin(&[&["--json"], &command[..]].concat(), &ticket);
        assert_eq!((code, &*err, out.lines().count()), (1, "", 1));
        let object: Value = serde_json::from_str(&out).expect("JSON");
        assert_eq!(object["status"], status);
    }
    // Without the secret a time that is over is seen, but not who has minted it.
    let (code, out, _) = with_stdin(&["ticket", "show", "-"], &mint(&theirs, now - 60_000));
    assert!(code == 1 && out.ends_with("status   expired\n"), "{out}");
    for damaged in ["", "hello", &mint(&key(), now)[..100], &"x".repeat(225)] {
        let (code, out, err) = with_stdin(&["ticket", "show", "-"], damaged);
        assert_eq!((code, &*out, err.lines().count()), (1, "", 1), "{err}");
        assert!(err.contains("it is no ticket"), "{err}");
    }
}

#[test]
fn wrong_usage_is_one_line_and_shows_no_ticket() {
    let folder = Folder::new();
    let secret = folder.secret();
    let short = folder.file("short", "secret\n", 0o600);
    let ticket = folder.mint(&["--role", "queen"]);
    let mint = ["ticket", "mint", "--secret-file", &secret, "--role"];
    let (longest, longer) = (MAX_TTL_S.to_string(), (MAX_TTL_S + 1).to_string());
    folder.mint(&["--role", "queen", "--ttl", &longest]);
    for (arguments, says) in [
        (&["ticket"][..], "cohsh ticket --help"),
        (&["ticket", "bogus"], "bogus"),
        (&["ticket", "mint"], "--role"),
        (&[&mint[..], &["king"]].concat(), "[possible values: queen, worker-heartbeat"),
        (&[&mint[..], &["worker-gpu"]].concat(), "needs a subject"),
        (&[&mint[..], &["observer", "--subject", "a/b"]].concat(), "is no name"),
        (&[&mint[..], &["observer", "--subject", &"x".repeat(24)]].concat(), "longer than 23"),
        (&[&mint[..], &["queen", "--ttl", "0"]].concat(), "0"),
        (&[&mint[..], &["queen", "--ttl", &longer]].concat(), &longest),
        (&["ticket", "mint", "--secret-file", &short, "--role", "queen"], "openssl rand"),
        (&["ticket", "mint", "--secret-file", "/nowhere", "--role", "queen"], "check its path"),
        (&["ticket", "show", "/nowhere"], "check its path"),
        (&["ticket", "show", &ticket], "a ticket is no argument"),
        (&["ticket", "mint", &ticket], "a ticket is no argument"),
        (&["--aname", &ticket, "ls"], "a ticket is no argument"),
        (&["--uname", &ticket, "ls"], "a ticket is no argument"),
        (&["--ticket-file", "/nowhere", "ls"], "check its path"),
        (&["--ticket-file", &short, "ls"], "it is no ticket"),
    ] {
        let (code, out, err) = folder.0.run(arguments);
        assert_eq!((code, &*out, err.lines().count()), (2, "", 1), "{arguments:?}: {err}");
        assert!(err.contains(says) && !err.contains(PREFIX), "{arguments:?}: {err}");
        assert!(!err.contains(SECRET), "{err}");
    }
    assert!(folder.0.ok(&["ticket", "--help"]).contains("mint"));
    assert!(folder.0.ok(&["ticket", "mint", "--help"]).contains("--secret-file"));
}

#[test]
fn files_that_others_may_use_are_refused() {
    let folder = Folder::new();
    let secret = folder.secret();
    let ticket = folder.mint(&["--role", "queen"]);
    for mode in [0o640, 0o604, 0o620, 0o644, 0o602] {
        let open = folder.file("open", &ticket, mode);
        let open_secret = folder.file("open-secret", SECRET, mode);
        for arguments in [
            &["ticket", "show", &open][..],
            &["ticket", "mint", "--secret-file", &open_secret, "--role", "queen"],
            &["ticket", "show", "--secret-file", &open_secret, &folder.file("t", &ticket, 0o600)],
            &["--ticket-file", &open, "ls"],
        ] {
            let (code, out, err) = folder.0.run(arguments);
            assert_eq!((code, &*out, err.lines().count()), (2, "", 1), "{arguments:?}: {err}");
            assert!(err.contains("open") && err.contains("`chmod 600`"), "{err}");
        }
    }
    let closed = folder.file("open", &ticket, 0o400);
    folder.0.ok(&["ticket", "show", "--secret-file", &secret, &closed]);
}

/// Answers a client's version and refuses its attach. Returns the attach's names.
fn refuse(mut stream: UnixStream) -> (String, String) {
    stream.set_read_timeout(Some(LIMIT)).expect("a socket");
    loop {
        let mut frame = vec![0; 4];
        stream.read_exact(&mut frame).expect("a size");
        let size = u32::from_le_bytes(frame[..].try_into().expect("four bytes")) as usize;
        frame.resize(size, 0);
        stream.read_exact(&mut frame[4..]).expect("a frame");
        assert_eq!(frame_length(&frame, MAX_MSIZE), Ok(Some(size)));
        let (tag, request) = decode_request(Dialect::Linux, &frame).expect("a request");
        let names = match request {
            Request::Attach { uname, aname, .. } => Some((uname.to_owned(), aname.to_owned())),
            _ => None,
        };
        let reply = match names {
            Some(_) => Reply::Lerror { ecode: EACCES },
            None => Reply::Version { msize: MAX_MSIZE, version: Dialect::Linux.version() },
        };
        let mut out = vec![0; MAX_MSIZE as usize];
        let length = encode_reply(Dialect::Linux, tag, &reply, &mut out).expect("it fits");
        stream.write_all(&out[..length]).expect("taken");
        if let Some(names) = names {
            return names;
        }
    }
}

#[test]
fn every_command_attaches_with_the_ticket() {
    let folder = Folder::new();
    let ticket = folder.mint(&["--role", "queen"]);
    let file = folder.file("ticket", &format!("{ticket}\n"), 0o600);
    let cases = [
        (&["--ticket-file", &file, "ls"][..], "", ticket.clone()),
        (&["--ticket-file", &file, "--aname", "/log", "cat", "/"], "", format!("{ticket}/log")),
        (&["--uname", "me", "-c", "stat /"], &*file, ticket.clone()),
        (&["--ticket-file", &file, "tail", "/a"], "/nowhere", ticket.clone()),
        (&["ls"], "", String::new()),
    ];
    for (number, (options, environment, aname)) in cases.into_iter().enumerate() {
        let socket = folder.0.path(&format!("door-{number}.sock"));
        let door = UnixListener::bind(&socket).expect("bound");
        let mut program = Hive::bare();
        program
            .arg("--socket")
            .arg(&socket)
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        program.env("COHSH_TICKET_FILE", environment);
        let names = thread::spawn(move || refuse(door.accept().expect("a client").0));
        let output = program.output().expect("ran");
        // Had it not come, the door would wait for ever.
        let _ = UnixStream::connect(&socket);
        let (uname, seen) = names.join().expect("answered");
        let name = if options.contains(&"--uname") { "me" } else { "queen" };
        assert_eq!((&*uname, seen), (name, aname), "{options:?}");
        // It is refused, and is told what would help, without showing it.
        let err = text(&output.stderr);
        assert_eq!((output.status.code(), err.lines().count()), (Some(1), 1), "{err}");
        assert!(err.contains("--ticket-file") && !err.contains(PREFIX), "{err}");
    }
    let (code, _, err) = folder.0.run(&["--ticket-file", &file, "--aname", "log", "ls"]);
    assert!(code == 2 && err.contains("begins with a slash"), "{err}");
}

#[test]
fn tickets_are_shown_without_a_hive_and_the_variables_ticket() {
    let folder = Folder::new();
    let mut program = Hive::bare();
    program.args(["ticket", "--help"]).env("COHSH_TICKET_FILE", "/nowhere");
    program.env("COHESIX_SOCKET", "/nowhere");
    assert!(program.output().expect("ran").status.success());
    let (code, _, err) = folder.0.run(&["-c", "ticket show x"]);
    assert!(code == 2 && err.contains("from another shell only"), "{err}");
}
