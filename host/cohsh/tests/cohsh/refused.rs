//! `refused`: a command that the hive is to refuse.

use serde_json::{Value, json};
use ticket::Role;

use crate::hive::{Hive, claims};

#[test]
fn what_the_hive_refuses_is_done() {
    let hive = Hive::new();
    for (line, says) in [
        ("refused kill worker-9", "/queen/ctl: kill: no such worker lives (NotFound); `workers`"),
        ("refused cat /nope", "/nope: no such file (NotFound); "),
        ("refused ls /proc/boot/x", "/proc/boot/x: not a directory (NotDirectory); "),
        ("refused echo x > /proc/boot", "/proc/boot: permission denied (Permission); this session"),
        ("refused echo '{}' >> /queen/ctl", "/queen/ctl: "),
    ] {
        let (code, out, err) = hive.run(&["-c", line]);
        assert_eq!((code, &*err, out.lines().count()), (0, "", 1), "{line}: {out}");
        assert!(out.starts_with(&format!("refused: {says}")), "{line}: {out}");
    }
    // The words of another shell.
    for words in [&["echo", "x", ">", "/proc/boot"][..], &["echo", "x", "/proc/boot"]] {
        let out = hive.ok(&[&["refused"], words].concat());
        assert!(out.starts_with("refused: /proc/boot: permission denied"), "{out}");
    }
    // A script goes on, in the same session.
    let script = "bind /log /shadow\nrefused kill worker-9\nls /shadow\n";
    let (code, out, err) = hive.piped(script);
    assert_eq!((code, &*err), (0, ""));
    assert!(out.starts_with("ok\nrefused: ") && out.ends_with("\nqueen.log\n"), "{out}");
}

#[test]
fn what_the_hive_does_fails() {
    let hive = Hive::new();
    hive.ok(&["spawn", "heartbeat"]);
    let script = "refused kill worker-2\nrefused kill worker-1\nls\n";
    let (code, out, err) = hive.piped(script);
    assert!(
        out.starts_with("refused: ")
            && out.ends_with("(NotFound); `workers` lists those that live\nok\n")
    );
    assert_eq!(code, 1);
    assert_eq!(err, "stdin:2: `kill worker-1` was not refused: the hive has done it\n");
    assert!(hive.ok(&["log", "-n", "1"]).starts_with("ended worker-1 reason=killed"));
    let (code, out, err) = hive.run(&["refused", "echo", "x", ">", "/log/queen.log"]);
    assert_eq!((code, &*out), (1, ""));
    assert_eq!(err, "cohsh: `echo x > /log/queen.log` was not refused: the hive has done it\n");
    // Some of it was refused, and that is what counts.
    let out = hive.ok(&["refused", "cat", "/proc/boot", "/nope"]);
    assert!(out.starts_with("Cohesix ") && out.contains("\nrefused: /nope: no such file"), "{out}");
}

#[test]
fn other_failures_stay_what_they_are() {
    let hive = Hive::new();
    for line in [
        "refused",
        "refused bogus",
        "refused cat",
        "refused kill 7",
        "refused refused cat /nope",
        "refused exit",
        "refused help",
        "refused cat a > b",
    ] {
        let (code, out, err) = hive.run(&["-c", line]);
        assert_eq!((code, &*out, err.lines().count()), (2, "", 1), "{line}: {err}");
    }
    let nowhere = Hive::bare().args(["--socket", "nowhere", "refused", "ls"]).output();
    let nowhere = nowhere.expect("ran");
    assert_eq!((nowhere.status.code(), &*nowhere.stdout), (Some(2), &b""[..]));
    assert!(String::from_utf8_lossy(&nowhere.stderr).starts_with("cohsh: no hive at nowhere"));
    // Who is not let in at all is refused.
    let mut bare = Hive::bare();
    let output = bare.arg("--socket").arg(hive.socket()).args(["refused", "ls"]).output();
    let output = output.expect("ran");
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.starts_with(b"refused: permission denied (Permission); the hive lets"));
}

#[test]
fn json_is_the_error_by_another_name() {
    let hive = Hive::new();
    let line = "kill worker-9";
    let (_, error, _) = hive.run(&["--json", "-c", line]);
    let said = hive.ok(&["--json", "-c", &format!("refused {line}")]);
    let [mut error, said]: [Value; 2] =
        [&*error, &*said].map(|text| serde_json::from_str(text).expect("JSON"));
    let fields = error.as_object_mut().expect("an object");
    let message = fields.remove("error").expect("a message");
    fields.insert("refused".into(), message);
    fields.remove("at");
    assert_eq!(said, error);
    assert_eq!((&said["name"], &said["path"]), (&json!("NotFound"), &json!("/queen/ctl")));
    let observer = hive.ticket_file("observer.ticket", &claims(Role::Observer));
    let said = hive.ok(&["--json", "--ticket-file", &observer, "refused", "spawn", "heartbeat"]);
    let said: Value = serde_json::from_str(&said).expect("JSON");
    assert_eq!((&said["errno"], &said["reason"]), (&json!(13), &Value::Null));
    assert!(said["refused"].as_str().is_some_and(|text| text.contains("an observer's")), "{said}");
}
