//! The tree through a connection, as a client sees it.

extern crate std;
use std::string::{String, ToString};
use std::vec::Vec;

use secure9p_core::{ConnectionId, Error, OpenMode, Read, Tree, Write};

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
    let sessions = "session=0 connection=1 role=queen user=me\n";
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
fn control_lines_are_accepted_whole_and_logged() {
    let (mut tree, session) = attached();
    let lines = b"{\"spawn\":\"heartbeat\"}\n{\"kill\":\"wor";
    assert_eq!(
        append(&mut tree, session, "/queen/ctl", lines),
        Ok(Write::Done(lines.len() as u32))
    );
    append(&mut tree, session, "/queen/ctl", b"bad \xff\x1b\n").expect("accepted");
    let log = "ctl: {\"spawn\":\"heartbeat\"}\nctl: bad \u{fffd}\\u{1b}\n";
    assert_eq!(cat(&mut tree, session, "/log/queen.log"), log);
    let endless = [b'a'; control::MAX_CONTROL_LINE + 1];
    assert_eq!(append(&mut tree, session, "/queen/ctl", &endless), Err(Error::TooBig));
    assert_eq!(cat(&mut tree, session, "/log/queen.log"), log);
}

#[test]
fn what_ended_is_closed() {
    let (mut tree, session) = attached();
    tree.detach(session);
    assert_eq!(tree.stat(session, Node::Boot), Err(Error::Closed));
    assert_eq!(find(&mut tree, session, "/proc"), Err(Error::Closed));
    assert_eq!(tree.attach(ConnectionId(1), "me", "/other").map(|_| ()), Err(Error::NotFound));
}
