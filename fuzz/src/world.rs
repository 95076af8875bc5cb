//! The trees that sessions are played to, and what is checked of them.
//!
//! The model ([`Model`]) watches how it is called: only as [`secure9p_core::Tree`] says, and never
//! without asking the policy first. The system's own tree ([`Hive`]) is looked at as
//! somebody else: what a client leaves behind would show there.

use std::fmt;
use std::sync::OnceLock;
use std::time::Duration;

use namespace::{Host, Namespace};
use secure9p_codec::Name;
use secure9p_core::model::Model;
use secure9p_core::{ConnectionId, OpenMode, Read, Tree};

/// What happens in the tree beside the client's requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Event {
    /// `/proc/events` grows.
    Grow = 0,
    /// The writes that wait are done.
    Finish = 1,
    /// Every session loses its rights.
    Revoke = 2,
    /// `/log/queen.log` goes away.
    TakeAway = 3,
}

impl Event {
    pub(crate) fn of(byte: u8) -> Self {
        match byte % 4 {
            0 => Self::Grow,
            1 => Self::Finish,
            2 => Self::Revoke,
            _ => Self::TakeAway,
        }
    }
}

/// A tree, and what is checked of it.
pub(crate) trait World: Tree {
    /// A request or a poll starts.
    fn begin(&mut self);
    /// Lets something happen, where this tree has such a thing.
    fn happen(&mut self, event: Event);
    /// Checks what it holds for a client of so many fids.
    fn check(&self, fids: usize);
    /// Checks that it holds nothing of the client, who has gone.
    fn check_empty(&mut self);
}

impl World for Model {
    fn begin(&mut self) {
        Model::begin(self);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Grow => self.append("events", b"/log/queen.log 5\n"),
            Event::Finish => self.finish_writes(),
            Event::Revoke => self.revoke(),
            Event::TakeAway => self.take_away("queen.log"),
        }
    }

    fn check(&self, fids: usize) {
        assert!(self.sessions() <= fids, "a session without a fid");
        assert!(self.opens() <= fids, "an open file without a fid");
    }

    fn check_empty(&mut self) {
        let left = (self.sessions(), self.opens(), self.pending_writes());
        assert_eq!(left, (0, 0, 0), "something of the client is left");
    }
}

/// The system's own tree.
pub(crate) type Hive = Namespace<Machine>;

/// A machine on which nothing changes.
pub(crate) struct Machine;

impl Host for Machine {
    fn boot(&self) -> &str {
        "a machine that does not change\n"
    }

    fn memory(&mut self, text: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(text, "free: 7")
    }

    fn now(&self) -> Duration {
        Duration::from_secs(5)
    }
}

impl World for Hive {
    fn begin(&mut self) {}

    fn happen(&mut self, event: Event) {
        if event == Event::Grow {
            self.log(format_args!("grown"));
        }
    }

    fn check(&self, _: usize) {}

    fn check_empty(&mut self) {
        let (boot, sessions, writers) = look(self);
        assert_eq!(boot, Machine.boot().as_bytes(), "/proc/boot changed");
        let lines = sessions.iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(lines, 1, "a session is left: {}", String::from_utf8_lossy(&sessions));
        static FRESH: OnceLock<usize> = OnceLock::new();
        let fresh = *FRESH.get_or_init(|| look(&mut Box::new(Hive::new(Machine))).2);
        assert_eq!(writers, fresh, "an open /queen/ctl is left");
    }
}

/// What somebody else sees: `/proc/boot`, `/proc/sessions`, and how often `/queen/ctl` can be
/// open at once.
fn look(tree: &mut Hive) -> (Vec<u8>, Vec<u8>, usize) {
    let (session, root) = tree.attach(ConnectionId(2), "queen", "").expect("there is room");
    let find = |tree: &mut Hive, path: [&str; 2]| {
        path.iter().fold(root.node, |from, name| {
            let name = Name::new(name).expect("a name");
            tree.walk(session, from, name).expect("a file of the system").node
        })
    };
    let mut texts = ["boot", "sessions"].map(|name| {
        let node = find(tree, ["proc", name]);
        let mode = OpenMode { read: true, write: false };
        let mut open = tree.open(session, node, mode).expect("it can be read");
        let mut into = vec![0; 1 << 12];
        let read = tree.read(session, node, &mut open, 0, &mut into).expect("it can be read");
        tree.close(session, node, open);
        let Read::Bytes(length) = read else { panic!("it does not wait") };
        into.truncate(length);
        into
    });
    let ctl = find(tree, ["queen", "ctl"]);
    let mode = OpenMode { read: false, write: true };
    let opens: Vec<_> = (0..256).map_while(|_| tree.open(session, ctl, mode).ok()).collect();
    let writers = opens.len();
    opens.into_iter().for_each(|open| tree.close(session, ctl, open));
    tree.detach(session);
    let sessions = std::mem::take(&mut texts[1]);
    (std::mem::take(&mut texts[0]), sessions, writers)
}
