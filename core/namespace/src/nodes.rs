//! Every file, in one table. A new file is a line here, a line in `policy` and what it holds in
//! `tree`.

/// A file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    /// `/`
    Root,
    /// `/proc`
    Proc,
    /// `/proc/boot`
    Boot,
    /// `/proc/events`
    Events,
    /// `/proc/mem`
    Memory,
    /// `/proc/sessions`
    Sessions,
    /// `/log`
    Log,
    /// `/log/queen.log`
    QueenLog,
    /// `/queen`
    Queen,
    /// `/queen/ctl`
    Control,
    /// `/worker`
    Worker,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Files are in it.
    Directory,
    /// Written when it is read.
    Text,
    /// Written to at its end.
    Append,
}

/// A line of the table.
struct Line {
    node: Node,
    parent: Node,
    name: &'static str,
    path: &'static str,
    kind: Kind,
}

const fn line(
    node: Node,
    parent: Node,
    name: &'static str,
    path: &'static str,
    kind: Kind,
) -> Line {
    Line { node, parent, name, path, kind }
}

/// In order of the enum, so that a node's number is its line.
const TABLE: [Line; 11] = [
    line(Node::Root, Node::Root, "/", "/", Kind::Directory),
    line(Node::Proc, Node::Root, "proc", "/proc", Kind::Directory),
    line(Node::Boot, Node::Proc, "boot", "/proc/boot", Kind::Text),
    line(Node::Events, Node::Proc, "events", "/proc/events", Kind::Append),
    line(Node::Memory, Node::Proc, "mem", "/proc/mem", Kind::Text),
    line(Node::Sessions, Node::Proc, "sessions", "/proc/sessions", Kind::Text),
    line(Node::Log, Node::Root, "log", "/log", Kind::Directory),
    line(Node::QueenLog, Node::Log, "queen.log", "/log/queen.log", Kind::Append),
    line(Node::Queen, Node::Root, "queen", "/queen", Kind::Directory),
    line(Node::Control, Node::Queen, "ctl", "/queen/ctl", Kind::Append),
    line(Node::Worker, Node::Root, "worker", "/worker", Kind::Directory),
];

impl Node {
    fn line(self) -> &'static Line {
        // The test below holds the table to the enum's order.
        &TABLE[self as usize]
    }

    /// Every file.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|line| line.node)
    }

    /// Its number, which no other file ever has.
    pub const fn number(self) -> u64 {
        self as u64 + 1
    }

    /// Its name in its directory.
    pub fn name(self) -> &'static str {
        self.line().name
    }

    /// Its path from the root.
    pub fn path(self) -> &'static str {
        self.line().path
    }

    /// The directory that it is in; the root is in itself.
    pub fn parent(self) -> Self {
        self.line().parent
    }

    /// What it is.
    pub fn kind(self) -> Kind {
        self.line().kind
    }

    /// The file `name` in this directory.
    pub fn child(self, name: &[u8]) -> Option<Self> {
        self.children(0).find(|child| child.name().as_bytes() == name)
    }

    /// The files in this directory whose number is above `place`, in order of their numbers.
    pub fn children(self, place: u64) -> impl Iterator<Item = Self> {
        let inside = move |node: &Self| node.parent() == self && *node != Self::Root;
        Self::all().filter(inside).filter(move |node| node.number() > place)
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;

    use super::*;

    #[test]
    fn the_table_agrees_with_the_enum_and_with_itself() {
        for (index, line) in TABLE.iter().enumerate() {
            assert_eq!(line.node as usize, index);
            assert_eq!(line.parent.kind(), Kind::Directory);
            let parent = line.parent.path().trim_end_matches('/');
            let path = if line.node == Node::Root {
                "/".into()
            } else {
                format!("{parent}/{}", line.name)
            };
            assert_eq!(line.path, path);
        }
    }

    #[test]
    fn children_come_in_order_and_go_on_behind_a_place() {
        let all: std::vec::Vec<_> = Node::Proc.children(0).collect();
        assert_eq!(all, [Node::Boot, Node::Events, Node::Memory, Node::Sessions]);
        let rest: std::vec::Vec<_> = Node::Proc.children(Node::Events.number()).collect();
        assert_eq!(rest, [Node::Memory, Node::Sessions]);
        assert_eq!(Node::Root.child(b"queen"), Some(Node::Queen));
        assert_eq!(Node::Root.child(b"/"), None);
        assert_eq!(Node::Worker.children(0).next(), None);
    }
}
