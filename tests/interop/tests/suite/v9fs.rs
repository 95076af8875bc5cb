//! Linux's own 9P file system: a guest in QEMU mounts the hive, in 9P2000 and in 9P2000.L.
//!
//! The guest is Debian's kernel with busybox, and what it does is in guest/init. Its only way out
//! is to the hive's socket. Its output stays in `out/interop/v9fs-HIVE.txt`.

use std::process::Command;
use std::time::Duration;

use interop_tests::tools::{file, find, folder};
use interop_tests::{Hive, Initramfs, cases, run};

cases! { needs LinuxGuest; linux_mounts_it }

/// The guest takes 10 s on an idle machine.
const LIMIT: Duration = Duration::from_secs(180);
/// The commands of guest/init's sessions, each with what it prints.
type Session<'a> = Vec<(&'a str, Vec<&'a str>)>;

/// The guest's first file system.
fn initramfs() -> Vec<u8> {
    let read = |path: std::path::PathBuf| {
        std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let mut files = Initramfs::default();
    for name in ["bin", "dev", "hive", "lib", "proc"] {
        files = files.directory(name);
    }
    let linux = folder().join("linux");
    let modules = std::fs::read_dir(linux.join("lib")).expect("the kernel's modules");
    for module in modules {
        let module = module.expect("a module");
        let name = format!("lib/{}", module.file_name().to_string_lossy());
        files = files.program(&name, &read(module.path()));
    }
    files
        .program("bin/busybox", &read(linux.join("busybox")))
        .program("init", &read(file("guest/init")))
        .finish()
}

/// Boots the guest beside the hive and returns what it printed.
fn transcript(hive: &Hive) -> String {
    let initrd = hive.scratch.write("initramfs.cpio", &initramfs());
    let socket = hive.socket.to_str().expect("a path in UTF-8").replace(',', ",,");
    let forward = |port, name| format!("guestfwd=tcp:10.0.2.100:{port}-chardev:{name}");
    let network =
        format!("user,id=net,restrict=on,{},{}", forward(564, "old"), forward(565, "linux"));
    let mut qemu = Command::new(find("qemu-system-x86_64").expect("it was found before"));
    qemu.args(["-nodefaults", "-no-reboot", "-display", "none", "-m", "256", "-serial", "stdio"])
        .args(["-append", "console=ttyS0 quiet panic=-1", "-kernel"])
        .arg(folder().join("linux/vmlinuz"))
        .arg("-initrd")
        .arg(initrd)
        .args(["-chardev", &format!("socket,id=old,path={socket}")])
        .args(["-chardev", &format!("socket,id=linux,path={socket}")])
        .args(["-netdev", &network, "-device", "e1000,netdev=net"]);
    let finished = run(&mut qemu, LIMIT);
    assert_eq!(finished.code, Some(0), "{finished:?}");
    let text = finished.stdout.replace('\r', "");
    let kept = folder().join(format!("v9fs-{}.txt", hive.name()));
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

fn linux_mounts_it(hive: &Hive) {
    let text = transcript(hive);
    let mut sessions = sessions(&text);
    assert_eq!(sessions.pop().map(|(name, _)| name), Some("end"), "{text}");
    let dialects: Vec<_> = sessions.iter().map(|(name, _)| *name).collect();
    assert_eq!(dialects, ["9p2000", "9p2000.L"], "{text}");
    let sizes = ["19", "38"];
    for ((dialect, session), size) in sessions.into_iter().zip(sizes) {
        // For a test that fails.
        println!("{dialect}: {session:#?}");
        check(hive, session, size);
    }
}

/// What a session prints; `size` is the log's after three lines more.
fn check(hive: &Hive, session: Session<'_>, size: &str) {
    let mut session = session.into_iter();
    let mut next = |command: &str| {
        let (given, printed) = session.next().unwrap_or_else(|| panic!("no command {command}"));
        assert!(given.starts_with(command), "{given} where {command} should be");
        printed
    };
    let denied = ["sh: can't create proc/boot: Permission denied", "[1]"];
    let nothing: [&str; 0] = [];
    assert_eq!(next("mount -t 9p"), nothing);
    let names = next("ls -p").join(" ");
    let names: Vec<_> = names.split_whitespace().collect();
    assert_eq!(names, ["log/", "proc/", "queen/", "worker/"]);
    assert_eq!(next("ls -l log"), ["-rw-rw-rw- "]);
    hive.has_boot(&format!("{}\n", next("cat proc/boot").join("\n")));
    assert_eq!(next("echo first >> log/queen.log"), nothing);
    assert_eq!(next("echo second >> log/queen.log"), nothing);
    assert_eq!(next("tail -n 1 log/queen.log"), ["second"]);
    assert_eq!(next("echo third > log/queen.log"), nothing);
    assert_eq!(next("tail -n 3 log/queen.log"), ["first", "second", "third"]);
    assert_eq!(next("wc -c < log/queen.log"), [size]);
    assert_eq!(next("echo no > proc/boot"), denied);
    assert_eq!(next("echo no >> proc/boot"), denied);
    let absent = "cat: can't open 'proc/nothing': No such file or directory";
    assert_eq!(next("cat proc/nothing"), [absent, "[1]"]);
    assert_eq!(
        next("mkdir new"),
        ["mkdir: can't create directory 'new': Permission denied", "[1]"]
    );
    assert_eq!(next("rm proc/boot"), ["rm: can't remove 'proc/boot': Permission denied", "[1]"]);
    let df = next("df .").join("");
    assert!(df.starts_with("10.0.2.100 ") && df.ends_with(" /hive"), "{df}");
    assert_eq!(next("umount /hive"), nothing);
    assert_eq!(session.next(), None);
}
