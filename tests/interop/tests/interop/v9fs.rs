//! Linux's own 9P file system: a guest in QEMU mounts the hive, in 9P2000 and in 9P2000.L.
//!
//! The guest is Debian's kernel with busybox, and what it does is in guest/init. Its only way out
//! is to the hive's socket. Its output stays in `out/interop/v9fs-HIVE.txt`.

use std::process::Command;
use std::time::Duration;

use interop_tests::tools::{file, find, folder};
use interop_tests::{Hive, Initramfs, Role, cases, run};

cases! { needs LinuxGuest; linux_mounts_it }

/// The guest takes 10 s on an idle machine.
const LIMIT: Duration = Duration::from_secs(180);
/// The guest's sessions, in their order: the dialect, and the workers that it spawns.
const SESSIONS: [(&str, [&str; 2]); 2] =
    [("9p2000.L", ["worker-1", "worker-2"]), ("9p2000", ["worker-3", "worker-4"])];
/// Which of them docs/9p.md shows.
const DOCUMENTED: usize = 0;

/// The commands of a session, each with the lines that it printed.
type Session<'a> = Vec<(&'a str, Vec<&'a str>)>;

/// The guest's first file system.
fn initramfs(hive: &Hive) -> Vec<u8> {
    let read = |path: std::path::PathBuf| {
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let mut files = Initramfs::default();
    for name in ["bin", "dev", "etc", "hive", "lib", "proc", "tickets"] {
        files = files.directory(name);
    }
    let linux = folder("linux");
    let modules = std::fs::read_dir(linux.join("lib")).expect("the kernel's modules");
    for module in modules {
        let module = module.expect("a module");
        let name = format!("lib/{}", module.file_name().to_string_lossy());
        files = files.program(&name, &read(module.path()));
    }
    files
        .program("lib/modules", &read(file("guest/modules")))
        .program("bin/busybox", &read(linux.join("busybox")))
        .program("init", &read(file("guest/init")))
        .program("etc/passwd", b"root:x:0:0::/:/bin/sh\nme:x:1000:1000::/:/bin/sh\n")
        .secret("tickets/observer", hive.ticket(Role::Observer).as_bytes())
        .secret("tickets/forged", hive.forged().as_bytes())
        .secret("tickets/queen-9p2000.L", hive.ticket(Role::Queen).as_bytes())
        .secret("tickets/queen-9p2000", hive.ticket(Role::Queen).as_bytes())
        .finish()
}

/// Boots the guest beside the hive and returns what it printed.
fn transcript(hive: &Hive) -> String {
    let initrd = hive.scratch.write("initramfs.cpio", &initramfs(hive));
    let socket = hive.socket.to_str().expect("a path in UTF-8").replace(',', ",,");
    let network = "user,id=net,restrict=on,guestfwd=tcp:10.0.2.100:564-chardev:hive";
    let mut qemu = Command::new(find("qemu-system-x86_64").expect("it was found before"));
    qemu.args(["-nodefaults", "-no-reboot", "-display", "none", "-m", "256", "-serial", "stdio"])
        .args(["-append", "console=ttyS0 quiet panic=-1", "-kernel"])
        .arg(folder("linux").join("vmlinuz"))
        .arg("-initrd")
        .arg(initrd)
        .args(["-chardev", &format!("socket,id=hive,path={socket}")])
        .args(["-netdev", network, "-device", "e1000,netdev=net,romfile="]);
    let finished = run(&mut qemu, LIMIT);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let text = finished.stdout.replace('\r', "");
    let kept = folder(&format!("v9fs-{}.txt", hive.name()));
    std::fs::write(kept, &text).expect("out/ is writable");
    text
}

/// The sessions of a transcript: the dialect's name, the commands, what each printed.
fn sessions(text: &str) -> Vec<(&str, Session<'_>)> {
    let mut sessions = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("== ") {
            sessions.push((name, Session::new()));
        } else if let Some((_, commands)) = sessions.last_mut() {
            match (line.strip_prefix("$ "), commands.last_mut()) {
                (Some(command), _) => commands.push((command, Vec::new())),
                (None, Some((_, printed))) => printed.push(line),
                (None, None) => {}
            }
        }
    }
    sessions
}

/// The session that docs/9p.md shows: the first text after the heading.
fn documented(docs: &str) -> &str {
    let (_, section) = docs.split_once("\n## Linux mounts the hive\n").expect("a heading");
    let (_, text) = section.split_once("\n```text\n").expect("a text");
    text.split_once("```").expect("its end").0
}

fn linux_mounts_it(hive: &Hive) {
    let docs = file("../../docs/9p.md");
    let docs = std::fs::read_to_string(docs).expect("the documentation");
    let text = transcript(hive);
    let mut sessions = sessions(&text);
    assert_eq!(sessions.pop().map(|(name, _)| name), Some("end"), "{text}");
    assert_eq!(sessions.len(), SESSIONS.len(), "{text}");
    let (shown_dialect, shown_workers) = SESSIONS[DOCUMENTED];
    for ((name, session), (dialect, workers)) in sessions.into_iter().zip(SESSIONS) {
        assert_eq!(name, dialect, "{text}");
        // The other dialect's differs in this and in nothing else.
        let mut shown = documented(&docs)
            .replace(&format!(",version={shown_dialect},"), &format!(",version={dialect},"));
        for (shown_worker, worker) in shown_workers.into_iter().zip(workers).rev() {
            shown = shown.replace(shown_worker, worker);
        }
        check(hive, &session, &shown, dialect);
    }
}

/// Panics unless they are heartbeats in their order. A tick is a number of the clock: a busy machine
/// misses some.
#[track_caller]
fn beat(printed: &[&str]) {
    let tick = |line: &&str| line.strip_prefix("heartbeat ")?.parse::<u64>().ok();
    let ticks: Option<Vec<_>> = printed.iter().map(tick).collect();
    let ticks = ticks.unwrap_or_else(|| panic!("{printed:?}"));
    assert!(ticks[0] >= 1 && ticks.is_sorted_by(|one, next| one < next), "{printed:?}");
}

/// Panics unless a session has the commands of `shown`, each with the same output. `/proc/boot`
/// is each system's own, and which ticks there were is the clock's.
fn check(hive: &Hive, session: &Session<'_>, shown: &str, dialect: &str) {
    let shown = format!("== shown\n{shown}");
    let (_, shown) = sessions(&shown).pop().expect("a session");
    let commands = |session: &Session<'_>| {
        session.iter().map(|(command, _)| (*command).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(commands(session), commands(&shown), "{dialect}");
    for ((command, printed), (_, shown)) in session.iter().zip(&shown) {
        if *command == "cat proc/boot" {
            hive.has_boot(&format!("{}\n", printed.join("\n")));
        } else if command.ends_with("/telemetry") && command.starts_with("head ") {
            assert_eq!(printed.len(), shown.len(), "{dialect}: {printed:?}");
            beat(printed);
        } else {
            assert_eq!(printed, shown, "{dialect}: {command}");
        }
    }
}
