//! `run` with a script on stdin: the hive's shell, on a VM that was booted for it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use boot_tests::Scratch;
use ticket::{Claims, Key, PREFIX, Role, Ticket, TicketId};

/// What `printf SCRIPT | ./cohesix run` does, in `folder`.
fn run(script: &str, folder: &Path) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_run-image"))
        .args(["--system", "qemu-virt"])
        .env("COHESIX_OUT", folder.join("out"))
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(script.as_bytes()).expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

#[test]
fn a_script_on_stdin_runs_on_the_hive() {
    let scratch = Scratch::new();
    let script = "ls /\ncat /proc/boot\necho hello > /log/queen.log\ncat /log/queen.log\n";
    let output = run(script, scratch.folder());
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.starts_with("log/\nproc/\nqueen/\nworker/\nCohesix "), "{said}");
    assert!(said.contains("\nkernel: ") && said.ends_with("\nhello\n"), "{said}");
    assert_eq!(output.stderr, b"");
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_script_stops_at_what_the_hive_refuses() {
    let scratch = Scratch::new();
    let output = run("ls /proc\necho x > /proc/boot\nls /\n", scratch.folder());
    assert_eq!(output.stdout, b"boot\ncaps\nevents\nmem\nsched\nself\nsessions\n");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.starts_with("stdin:2: /proc/boot: ") && said.contains("Permission"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

/// A queen's ticket for an hour, of a secret that is no hive's.
fn forged() -> Ticket {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("a clock").as_millis();
    let mut claims = Claims::new(Role::Queen, u64::try_from(now).expect("this age"));
    claims.budget.ttl_s = Some(3600);
    let key = Key::from_secret(b"the secret of another hive").expect("a secret");
    key.mint(&claims).expect("it fits")
}

/// The first session of docs/USERLAND_AND_CLI.md.
fn first_session() -> String {
    let path = xtask::workspace::root().join("docs/USERLAND_AND_CLI.md");
    let text = fs::read_to_string(&path).expect("the document");
    let begin = text.split("<!-- first session -->\n```coh\n").nth(1).expect("its begin");
    begin.split("```\n<!-- end of first session -->").next().expect("its end").to_owned()
}

/// A queen's work as a newcomer is shown it: a worker that ends by itself and one that is killed,
/// and a forged ticket.
#[test]
fn a_script_commands_workers_and_sees_a_forged_ticket_refused() {
    let scratch = Scratch::new();
    let forged = forged();
    let mut options = OpenOptions::new();
    let file = options.write(true).create_new(true).mode(0o600).open(scratch.path("forged.ticket"));
    writeln!(file.expect("new"), "{}", forged.as_str()).expect("written");
    let output = run(&first_session(), scratch.folder());
    let said = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}{told}");
    let gone =
        "cohsh: /worker/worker-1/telemetry: is gone: its worker has ended, and `log` says why\n";
    assert_eq!(told, gone, "{said}");
    let mut lines = said.lines();
    // The worker's five ticks, and nothing else, while `tail` waits for its end.
    let beats = (1..=5).map(|beat| format!("heartbeat {beat}"));
    for expected in std::iter::once("worker-1".to_owned()).chain(beats) {
        assert_eq!(lines.next(), Some(&*expected), "{said}");
    }
    // The log has both events, and ends with that of the end.
    let log: Vec<_> = lines.by_ref().take_while(|line| *line != "worker-2").collect();
    let spawned = "spawned worker-1 role=heartbeat period_ms=1000 ticks=5 ";
    assert!(log.iter().any(|line| line.starts_with(spawned)), "{said}");
    assert_eq!(log.last(), Some(&"ended worker-1 reason=ticks"), "{said}");
    // The second one is killed, and nobody is left.
    assert_eq!(lines.next(), Some("ok"), "{said}");
    assert_eq!(lines.next(), Some("NAME  KIND  TICKS LEFT  OPS LEFT  TTL LEFT"), "{said}");
    let refused = lines.next().expect("a refusal");
    let id = TicketId::of(forged.as_str()).expect("a ticket");
    let start = format!("refused: permission denied (Permission); the ticket {id} is of another");
    assert!(refused.starts_with(&start), "{refused}");
    let logged = lines.next().expect("a line of the log");
    assert!(logged.starts_with("refused: attach connection="), "{logged}");
    assert!(logged.contains("secret"), "{logged}");
    // The session is still the queen's.
    assert_eq!(lines.next(), Some("role     queen"), "{said}");
    // Neither ticket is shown anywhere.
    let serial = fs::read_to_string(scratch.path("out/serial.log")).expect("the serial log");
    for text in [&*said, &*told, &*serial] {
        assert!(!text.contains(PREFIX), "{text}");
    }
}
