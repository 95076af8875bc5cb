//! The root task's service: operations, their messages and their answers.
//!
//! A request's label is the [`Operation`]; an answer's label is a [`Status`]. Texts travel as
//! bytes packed into message words, little-endian, after a word with their length.

/// Most bytes in one log line; a longer one is cut by the sender.
pub const MAX_LINE: usize = 200;
/// Message words of the longest text: its length and its bytes.
pub const TEXT_WORDS: usize = 1 + MAX_LINE.div_ceil(8);

/// A number that nobody knows.
pub const UNKNOWN: u64 = u64::MAX;

/// What a process may ask of the root task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Operation {
    /// Word 0: a number; the answer's word 0 is the same number.
    Ping = 1,
    /// Words 0..: a text, printed as one line with the process' name.
    Log = 2,
    /// Word 0: exit code. There is no answer.
    Exit = 3,
    /// Word 0: offset in bytes. The answer is a piece of the boot text from there on, as a text;
    /// an empty one at the end.
    BootText = 4,
    /// The answer's words 0 to 5: free memory in bytes, memory in bytes that processes were given
    /// at boot, free slots, running components, running workers, and in how many slots the kernel
    /// differs from the root task's book, [`UNKNOWN`] where the kernel does not tell.
    Memory = 5,
    /// What a spawn may ask for. Word 0: a [`WorkerKind`]. The answer's words are
    /// [`WorkerLimits`].
    WorkerLimits = 6,
    /// Words: a [`WorkerKind`], the period in ms, ticks, ops, seconds to live. The answer's word 0
    /// is the worker's place, word 1 its number.
    Spawn = 7,
    /// Words 0, 1: place and number of a worker. Answered once it is gone.
    Kill = 8,
    /// The next worker that ended by itself: see [`Ended`]; no words where there is none.
    TakeEnded = 9,
    /// The answer's words 0 to 3: the key of the tickets, little-endian; word 4: when the machine
    /// started, in milliseconds since 1970.
    TicketKey = 10,
    /// Word 0: an index; word 1: 0 for what it holds, 1 for how it is scheduled. The answer's word
    /// 0 is the index of the first process from there on, and behind it, as a text, a line about
    /// it; no words where there is none.
    Process = 11,
    /// Word 0: nanoseconds since the machine's start at which to signal the caller.
    Alarm = 12,
    /// The answer is, as a text, the next line about what happened to a component; an empty one
    /// where there is none.
    TakeNote = 13,
}

impl Operation {
    const ALL: [Self; 13] = [
        Self::Ping,
        Self::Log,
        Self::Exit,
        Self::BootText,
        Self::Memory,
        Self::WorkerLimits,
        Self::Spawn,
        Self::Kill,
        Self::TakeEnded,
        Self::TicketKey,
        Self::Process,
        Self::Alarm,
        Self::TakeNote,
    ];

    /// Reads a request's label.
    #[must_use]
    pub fn from_label(label: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| *operation as u64 == label)
    }
}

/// How the root task answers. Labels from 256 on, so that the kernel's own answer to a call on an
/// empty slot (an error number) is not taken for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum Status {
    /// Done.
    Ok = 0x100,
    /// No such operation, or a malformed message.
    Invalid = 0x101,
    /// The manifest does not grant the operation.
    Permission = 0x102,
    /// Over a limit; try later.
    Busy = 0x103,
    /// There is no such thing.
    NotFound = 0x104,
    /// Too many workers crashed in a short time; try in some seconds.
    Resting = 0x105,
    /// Not enough memory, or of what else it takes, is left.
    NoMemory = 0x106,
}

impl Status {
    /// Reads an answer's label; what no root task sends counts as [`Status::Invalid`].
    #[must_use]
    pub fn from_label(label: u64) -> Self {
        [Self::Ok, Self::Permission, Self::Busy, Self::NotFound, Self::Resting, Self::NoMemory]
            .into_iter()
            .find(|s| *s as u64 == label)
            .unwrap_or(Self::Invalid)
    }
}

/// Packs `text` (cut to [`MAX_LINE`] bytes at a character boundary) and returns the words used.
pub fn pack_text(text: &str, words: &mut [u64; TEXT_WORDS]) -> usize {
    let mut length = text.len().min(MAX_LINE);
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    words[0] = length as u64;
    let bytes = &text.as_bytes()[..length];
    for (word, chunk) in words[1..].iter_mut().zip(bytes.chunks(8)) {
        let mut raw = [0; 8];
        raw[..chunk.len()].copy_from_slice(chunk);
        *word = u64::from_le_bytes(raw);
    }
    1 + length.div_ceil(8)
}

/// Unpacks what a peer sent: the bytes of the text, or `None` where the message is malformed.
pub fn unpack_text<'a>(words: &[u64], buffer: &'a mut [u8; MAX_LINE + 8]) -> Option<&'a [u8]> {
    let (&length, packed) = words.split_first()?;
    let length = usize::try_from(length).ok().filter(|&length| length <= MAX_LINE)?;
    let packed = packed.get(..length.div_ceil(8))?;
    for (chunk, word) in buffer.chunks_mut(8).zip(packed) {
        chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
    }
    buffer.get(..length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &str) -> Option<std::string::String> {
        let mut words = [0; TEXT_WORDS];
        let used = pack_text(text, &mut words);
        let mut buffer = [0; MAX_LINE + 8];
        let bytes = unpack_text(&words[..used], &mut buffer)?;
        Some(core::str::from_utf8(bytes).ok()?.into())
    }

    extern crate std;

    #[test]
    fn texts_of_every_length_travel() {
        let long = "x".repeat(MAX_LINE);
        for length in 0..=MAX_LINE {
            assert_eq!(round_trip(&long[..length]).as_deref(), Some(&long[..length]));
        }
    }

    #[test]
    fn a_long_text_is_cut_at_a_character() {
        let text = "é".repeat(MAX_LINE);
        assert_eq!(round_trip(&text), Some("é".repeat(MAX_LINE / 2)));
    }

    #[test]
    fn malformed_texts_are_refused() {
        let mut buffer = [0; MAX_LINE + 8];
        assert_eq!(unpack_text(&[], &mut buffer), None);
        assert_eq!(unpack_text(&[1], &mut buffer), None);
        assert_eq!(unpack_text(&[u64::MAX, 0], &mut buffer), None);
        assert_eq!(unpack_text(&[MAX_LINE as u64 + 1; 40], &mut buffer), None);
        assert_eq!(unpack_text(&[0], &mut buffer), Some(&[][..]));
    }

    #[test]
    fn labels_read_back() {
        for operation in Operation::ALL {
            assert_eq!(Operation::from_label(operation as u64), Some(operation));
        }
        assert_eq!(Operation::from_label(0), None);
        assert_eq!(Status::from_label(Status::Busy as u64), Status::Busy);
        // What the kernel answers where there is no capability.
        assert_eq!(Status::from_label(2), Status::Invalid);
    }

    /// The first two cells of each row of a table of docs/INTERFACES.md, without title.
    fn rows(name: &str) -> std::vec::Vec<[std::string::String; 2]> {
        let document = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/INTERFACES.md");
        let text = std::fs::read_to_string(document).expect("docs/INTERFACES.md");
        let (_, behind) = text.split_once(&std::format!("<!-- {name} -->\n")).expect(name);
        let (table, _) = behind.split_once("<!-- end of ").expect(name);
        let cells = |line: &str| {
            let mut cells = line.trim_matches('|').split('|').map(|cell| cell.trim().into());
            [cells.next().expect("a label"), cells.next().expect("a name")]
        };
        table.lines().skip(2).map(cells).collect()
    }

    #[test]
    fn the_document_has_every_operation_and_status() {
        let operations = Operation::ALL
            .map(|operation| [std::format!("{}", operation as u64), std::format!("{operation:?}")]);
        assert_eq!(rows("operations"), operations);
        let statuses = rows("statuses").into_iter().map(|[label, what]| {
            let label = label.strip_prefix("0x").expect("a hexadecimal label");
            let status = Status::from_label(u64::from_str_radix(label, 16).expect("a number"));
            let name = what.split(':').next().expect("a name");
            assert_eq!(std::format!("{status:?}"), name);
            status as u64
        });
        assert!(statuses.eq(Status::Ok as u64..=Status::NoMemory as u64));
    }
}
