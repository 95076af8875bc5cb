//! The tree through a connection, as a client sees it.

extern crate std;
use std::string::{String, ToString};
use std::vec::Vec;

use secure9p_codec::Name;
use secure9p_core::{Access, AccessPolicy, OpenMode, Read, Tree, Write};

use super::*;
use crate::sessions::SessionId;

struct Fixed;

impl Host for Fixed {
    fn boot(&self) -> &str {
        "Cohesix 0.1.0\nkernel: a test\n"
    }

    fn memory(&mut self, text: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(text, "free: 7")
    }

    fn now(&self) -> Duration {
        Duration::from_secs(5)
    }
}

type Tested = Namespace<Fixed>;

fn attached() -> (std::boxed::Box<Tested>, SessionId) {
    let mut tree = std::boxed::Box::new(Tested::new(Fixed));
    let (session, _) = tree.attach(ConnectionId(1), "me", "").expect("let in");
    (tree, session)
}

fn find(tree: &mut Tested, session: SessionId, path: &str) -> Result<Node, Error> {
    let mut node = Node::Root;
    for name in path.split('/').filter(|name| !name.is_empty()) {
        let name = Name::new(name).expect("a name");
        node = tree.walk(session, node, name)?.node;
    }
    Ok(node)
}

const READ: OpenMode = OpenMode { read: true, write: false };
const WRITE: OpenMode = OpenMode { read: false, write: true };

fn cat(tree: &mut Tested, session: SessionId, path: &str) -> String {
    let node = find(tree, session, path).expect("it is there");
    let mut open = tree.open(session, node, READ).expect("readable");
    let mut text = Vec::new();
    loop {
        let mut into = [0; 7];
        match tree.read(session, node, &mut open, text.len() as u64, &mut into).expect("read") {
            Read::Bytes(0) | Read::Wait => break,
            Read::Bytes(count) => text.extend(&into[..count]),
        }
    }
    let length = tree.stat(session, node).expect("a stat").length;
    tree.close(session, node, open);
    assert_eq!(length, text.len() as u64, "{path}: the length is true");
    String::from_utf8(text).expect("UTF-8")
}

fn append(tree: &mut Tested, session: SessionId, path: &str, data: &[u8]) -> Result<Write, Error> {
    let node = find(tree, session, path)?;
    let mut open = tree.open(session, node, WRITE)?;
    let written = tree.write(session, node, &mut open, data);
    tree.close(session, node, open);
    written
}

#[test]
fn directories_list_what_is_in_them() {
    let (mut tree, session) = attached();
    let mut names = |path: &str| {
        let node = find(&mut tree, session, path).expect("it is there");
        let mut names = Vec::new();
        let mut place = 0;
        while let Some(entry) = tree.entry(session, node, place).expect("listed") {
            names.push(entry.stat.name.to_string());
            place = entry.next;
        }
        names
    };
    assert_eq!(names("/"), ["proc", "log", "queen", "worker"]);
    assert_eq!(names("/proc"), ["boot", "events", "mem", "sessions"]);
    assert_eq!(names("/worker"), [] as [&str; 0]);
    assert_eq!(names("/proc/../proc/../../queen"), ["ctl"]);
}

#[test]
fn files_say_what_they_know() {
    let (mut tree, session) = attached();
    assert_eq!(cat(&mut tree, session, "/proc/boot"), "Cohesix 0.1.0\nkernel: a test\n");
    assert_eq!(cat(&mut tree, session, "/proc/mem"), "free: 7\n");
    let sessions = "session=0 connection=1 open=1   operations=0          fids=0   frames=0          \
                    in=0            out=0            errors=0        role=queen user=me\n";
    assert_eq!(cat(&mut tree, session, "/proc/sessions"), sessions);
    assert_eq!(find(&mut tree, session, "/proc/nothing"), Err(Error::NotFound));
}

#[test]
fn the_log_is_appended_to_and_read_from_its_start() {
    let (mut tree, session) = attached();
    assert_eq!(append(&mut tree, session, "/log/queen.log", b"hello\n"), Ok(Write::Done(6)));
    tree.log(format_args!("of the\nsystem"));
    assert_eq!(cat(&mut tree, session, "/log/queen.log"), "hello\nof the\\nsystem\n");
}

#[test]
fn an_overrun_reader_learns_how_much_it_lost_and_a_fresh_open_goes_on() {
    let (mut tree, session) = attached();
    let node = Node::QueenLog;
    tree.log(format_args!("first"));
    let mut open = tree.open(session, node, READ).expect("readable");
    let line = [b'x'; 1000];
    for _ in 0..LOG_BYTES / line.len() + 1 {
        append(&mut tree, session, "/log/queen.log", &line).expect("appended");
    }
    let mut into = [0; 16];
    let Err(Error::Lost(bytes)) = tree.read(session, node, &mut open, 0, &mut into) else {
        panic!("the reader was overrun");
    };
    assert_eq!(bytes, tree.log.start());
    let mut fresh = tree.open(session, node, READ).expect("readable");
    assert!(matches!(tree.read(session, node, &mut fresh, 0, &mut into), Ok(Read::Bytes(16))));
    let big = std::vec![0; LOG_BYTES + 1];
    assert_eq!(append(&mut tree, session, "/log/queen.log", &big), Err(Error::TooBig));
}

#[test]
fn events_wait_and_then_tell_path_and_size() {
    let (mut tree, session) = attached();
    let node = Node::Events;
    tree.log(format_args!("before"));
    let mut open = tree.open(session, node, READ).expect("readable");
    let mut into = [0; 64];
    assert_eq!(tree.read(session, node, &mut open, 0, &mut into), Ok(Read::Wait));
    append(&mut tree, session, "/log/queen.log", b"12345\n").expect("appended");
    let Ok(Read::Bytes(count)) = tree.read(session, node, &mut open, 0, &mut into) else {
        panic!("something happened");
    };
    assert_eq!(&into[..count], b"/log/queen.log 13\n");
    assert_eq!(tree.read(session, node, &mut open, count as u64, &mut into), Ok(Read::Wait));
}

#[test]
fn nobody_hears_of_what_happened_before_and_a_late_reader_learns_what_it_lost() {
    let (mut tree, session) = attached();
    let mut into = [0; 64];
    let mut early = tree.open(session, Node::Events, READ).expect("readable");
    let mut lines = 0;
    while lines * b"/log/queen.log 1\n".len() <= EVENT_BYTES {
        tree.log(format_args!("."));
        lines += 1;
    }
    let mut late = tree.open(session, Node::Events, READ).expect("readable");
    assert_eq!(tree.read(session, Node::Events, &mut late, 0, &mut into), Ok(Read::Wait));
    let read = tree.read(session, Node::Events, &mut early, 0, &mut into);
    assert!(matches!(read, Err(Error::Lost(1..))), "{read:?}");
    assert_eq!(tree.stat(session, Node::Events).expect("a stat").length, 0);
    tree.close(session, Node::Events, early);
    tree.close(session, Node::Events, late);
    let (before, changes) = (tree.events.version(), tree.changes());
    tree.log(format_args!("unheard"));
    assert_eq!(tree.events.version(), before, "nothing is kept for nobody");
    assert_ne!(tree.changes(), changes);
}

#[test]
fn control_lines_are_accepted_whole_and_logged() {
    let (mut tree, session) = attached();
    let lines = b"{\"spawn\":\"heartbeat\"}\n \n{\"kill\":\"wor";
    assert_eq!(
        append(&mut tree, session, "/queen/ctl", lines),
        Ok(Write::Done(lines.len() as u32))
    );
    append(&mut tree, session, "/queen/ctl", b"bad \xff\x1b\n").expect("accepted");
    let endless = [b'a'; control::MAX_CONTROL_LINE + 1];
    assert_eq!(append(&mut tree, session, "/queen/ctl", &endless), Err(Error::TooBig));
    let log = "ctl: {\"spawn\":\"heartbeat\"}\nctl refused: a line did not end\n\
               ctl: bad \u{fffd}\\u{1b}\nctl refused: a line is too long\n";
    assert_eq!(cat(&mut tree, session, "/log/queen.log"), log);
}

#[test]
fn a_ticket_in_a_control_line_or_a_name_is_never_shown() {
    let (mut tree, session) = attached();
    let secret = "cohesix-ticket-00ff.abcd";
    tree.attach(ConnectionId(3), secret, "").expect("let in");
    assert!(tree.attach(ConnectionId(3), "me", secret).is_err());
    let line = std::format!("{{\"ticket\":\"{secret}\"}}\n");
    append(&mut tree, session, "/queen/ctl", line.as_bytes()).expect("accepted");
    tree.log(format_args!("{}{}", "cohesix-tick", "et-00ff.abcd"));
    for path in ["/log/queen.log", "/proc/sessions"] {
        let text = cat(&mut tree, session, path);
        assert!(!text.contains("00ff") && !text.contains("cohesix-ticket"), "{path}: {text}");
    }
}

#[test]
fn a_role_decides_what_a_connection_may_do() {
    let (mut tree, queen) = attached();
    tree.set_role(ConnectionId(2), Role::Worker).expect("room");
    let (worker, _) = tree.attach(ConnectionId(2), "queen", "").expect("let in");
    tree.set_role(ConnectionId(2), Role::Observer).expect("room");
    let (observer, _) = tree.attach(ConnectionId(2), "queen", "").expect("let in");
    for (session, log, sessions) in [(queen, 0o666, true), (worker, 0o444, false)] {
        assert_eq!(tree.stat(session, Node::QueenLog).expect("a stat").permissions, log);
        assert_eq!(find(&mut tree, session, "/proc/sessions").is_ok(), sessions);
    }
    assert_eq!(find(&mut tree, observer, "/queen"), Err(Error::NotFound));
    let open = Access::Open(WRITE);
    assert_eq!(tree.allow(queen, Node::QueenLog, open), Ok(()));
    assert_eq!(tree.allow(queen, Node::Boot, open), Err(Error::Permission));
    assert_eq!(tree.allow(worker, Node::QueenLog, open), Err(Error::Permission));
    assert_eq!(tree.allow(observer, Node::Boot, Access::Read), Ok(()));
    assert_eq!(tree.allow(observer, Node::Control, Access::Write), Err(Error::Permission));
}

#[test]
fn a_qid_changes_with_its_file() {
    let (mut tree, session) = attached();
    let qid = |tree: &mut Tested, node| tree.stat(session, node).expect("a stat").qid;
    let log = qid(&mut tree, Node::QueenLog);
    assert_eq!(qid(&mut tree, Node::QueenLog), log);
    tree.log(format_args!("a line"));
    let changed = qid(&mut tree, Node::QueenLog);
    assert!(changed.version != log.version && changed.path == log.path);
    assert_eq!(qid(&mut tree, Node::Boot), qid(&mut tree, Node::Boot));
    // Nobody may keep what these say.
    for node in [Node::Memory, Node::Sessions] {
        assert_ne!(qid(&mut tree, node).version, qid(&mut tree, node).version);
    }
}

#[test]
fn what_ended_is_closed() {
    let (mut tree, session) = attached();
    tree.detach(session);
    assert_eq!(tree.stat(session, Node::Boot), Err(Error::Closed));
    assert_eq!(find(&mut tree, session, "/proc"), Err(Error::Closed));
    assert_eq!(tree.attach(ConnectionId(1), "me", "/other").map(|_| ()), Err(Error::NotFound));
}
