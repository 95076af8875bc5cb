//! The shell at a terminal: prompt, completion, history, Ctrl-C, Ctrl-D, and what it lets through.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use crate::hive::{Hive, LIMIT};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

const PROMPT: &str = "coh> ";
const CONTROL_C: &str = "\x03";
const CONTROL_D: &str = "\x04";
const UP: &str = "\x1b[A";

/// `cohsh` at a terminal of its own.
struct Terminal {
    child: Child,
    master: File,
    /// What was shown and not yet waited for.
    shown: Vec<u8>,
}

impl Terminal {
    fn of(hive: &Hive) -> Self {
        // Not for the program to inherit: its terminal would never be gone.
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let master = openpt(flags).expect("a terminal");
        grantpt(&master).expect("ours");
        unlockpt(&master).expect("open");
        let name = ptsname(&master, Vec::new()).expect("a name").into_string().expect("UTF-8");
        let slave = OpenOptions::new().read(true).write(true).open(name).expect("its other end");
        let second = || Stdio::from(slave.try_clone().expect("a descriptor"));
        let mut setsid = Command::new("setsid");
        setsid.arg("--ctty").arg(env!("CARGO_BIN_EXE_cohsh")).arg("--socket").arg(hive.socket());
        setsid.env("COHSH_TICKET_FILE", hive.path("queen.ticket")).env("HOME", "/nowhere");
        setsid.env_remove("XDG_CONFIG_HOME").env_remove("COHSH_CONFIG");
        setsid.env("TERM", "xterm").stdin(second()).stdout(second()).stderr(second());
        let child = setsid.spawn().expect("started");
        let mut terminal = Self { child, master: File::from(master), shown: Vec::new() };
        terminal.until(PROMPT);
        terminal
    }

    fn types(&mut self, keys: &str) {
        self.master.write_all(keys.as_bytes()).expect("typed");
    }

    /// Waits until `text` is shown and returns what was shown up to its end.
    fn until(&mut self, text: &str) -> String {
        let start = Instant::now();
        loop {
            let found = self.shown.windows(text.len()).position(|window| window == text.as_bytes());
            if let Some(at) = found {
                let rest = self.shown.split_off(at + text.len());
                let shown = std::mem::replace(&mut self.shown, rest);
                return String::from_utf8(shown).expect("UTF-8");
            }
            let left = LIMIT.saturating_sub(start.elapsed());
            let left = Timespec::try_from(left).expect("a time");
            let mut source = [PollFd::new(&self.master, PollFlags::IN)];
            let ready = poll(&mut source, Some(&left)).expect("waited");
            let shown = String::from_utf8_lossy(&self.shown);
            assert!(ready > 0, "{text:?} is not shown, but {shown:?}");
            let mut bytes = [0; 4096];
            let count = self.master.read(&mut bytes).expect("the program has not ended");
            self.shown.extend(&bytes[..count]);
        }
    }

    /// Types a line and returns what is shown from then on to the next prompt.
    fn line(&mut self, line: &str) -> String {
        self.types(&format!("{line}\r"));
        // The line editor shows the line, then what the command says follows.
        self.until("\n");
        self.until(PROMPT)
    }

    fn end(mut self) -> Option<i32> {
        self.child.wait().expect("waited for").code()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // Where a test failed it runs still.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn lines_are_run_until_control_d() {
    let hive = Hive::new();
    let mut terminal = Terminal::of(&hive);
    assert!(terminal.line("ls /log").contains("queen.log"));
    assert!(terminal.line("echo hello > /log/queen.log").ends_with(PROMPT));
    assert!(terminal.line("cat /log/queen.log").contains("hello\r\n"));
    // What fails is told, and the shell goes on.
    assert!(terminal.line("echo x > /proc/boot").contains("permission denied (Permission)"));
    assert!(terminal.line("rm x").contains("`rm` is no command"));
    assert!(terminal.line(&format!("{UP}{UP}{UP}")).contains("hello\r\n"));
    terminal.types(CONTROL_D);
    assert_eq!(terminal.end(), Some(0));
}

#[test]
fn tab_completes_commands_and_paths() {
    let hive = Hive::new();
    let mut terminal = Terminal::of(&hive);
    assert!(terminal.line("ca\t/p\tb\t").contains("Cohesix "));
    // Several fit: as far as they agree, then they are listed.
    terminal.types("cat /proc/\t\t");
    for name in ["boot", "events", "mem", "sessions"] {
        terminal.until(name);
    }
    terminal.until(PROMPT);
    assert!(terminal.line("m\t").contains("connections: "));
    terminal.types("exit\r");
    assert_eq!(terminal.end(), Some(0));
}

#[test]
fn tab_completes_a_queens_commands() {
    let hive = Hive::new();
    let mut terminal = Terminal::of(&hive);
    assert!(terminal.line("spa\thea\t--ti\t5").contains("worker-1\r\n"));
    // A path is a path behind `bind`, too.
    assert!(terminal.line("bi\t/wor\t /shadow").contains("ok\r\n"));
    let log = terminal.line("cat /log/queen.log");
    assert!(log.contains("spawned worker-1 role=heartbeat period_ms=1000 ticks=5 "), "{log}");
    assert!(log.contains("bound /worker to /shadow"), "{log}");
    assert!(terminal.line("kill 7").contains("must be a worker like"));
    // Files of this machine, and what stands behind `refused`.
    let folder = hive.path("");
    let folder = folder.to_str().expect("UTF-8");
    assert!(terminal.line(&format!("att\t{folder}que\t")).contains("ok\r\n"));
    assert!(terminal.line("ref\tki\tworker-9").contains("refused: /queen/ctl: kill: no such"));
    // Options and names of commands.
    terminal.types("log -\t\t");
    terminal.until("-f  -n");
    terminal.until(PROMPT);
    assert!(terminal.line("\x15help who\t").contains("show as what this session"));
    terminal.types("exit\r");
    assert_eq!(terminal.end(), Some(0));
}

#[test]
fn control_c_ends_the_command_and_not_the_shell() {
    let hive = Hive::new();
    hive.append(b"first\n");
    let mut terminal = Terminal::of(&hive);
    for _ in 0..2 {
        terminal.types("tail -f /log/queen.log\r");
        terminal.until("first\r\n");
        hive.append(b"next\n");
        terminal.until("next\r\n");
        terminal.types(CONTROL_C);
        terminal.until(PROMPT);
    }
    // The same connection: the only one beside the test's own.
    assert!(terminal.line("cat /proc/mem").contains("connections: 2\r\n"));
    // At the prompt it drops the line.
    terminal.types(&format!("nonsense{CONTROL_C}"));
    terminal.until(PROMPT);
    assert!(!terminal.line("ls").contains("no command"));
    terminal.types(CONTROL_D);
    assert_eq!(terminal.end(), Some(0));
}

#[test]
fn what_a_file_holds_moves_no_cursor() {
    let hive = Hive::new();
    hive.append(b"a\x1b[2J\rb\xc2\x9b1A\xff");
    let mut terminal = Terminal::of(&hive);
    let shown = terminal.line("cat /log/queen.log");
    assert!(shown.contains("a\\u{1b}[2J\\rb\\u{9b}1A\\xff\r\n"), "{shown:?}");
    terminal.types(CONTROL_D);
    assert_eq!(terminal.end(), Some(0));
}

#[test]
fn a_broken_connection_is_told_and_made_anew() {
    let hive = Hive::new();
    let mut terminal = Terminal::of(&hive);
    assert!(terminal.line("ls").contains("log/"));
    hive.end();
    assert!(terminal.line("ls").contains("cohsh: /: the server hung up; "));
    assert!(terminal.line("ls").contains("cohsh: no hive at "));
    hive.serve();
    assert!(terminal.line("ls").contains("log/"));
    terminal.types(CONTROL_D);
    assert_eq!(terminal.end(), Some(0));
}
