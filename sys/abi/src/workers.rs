//! What is said of workers between the root task, their server and themselves.

/// Most bytes of a ticket.
pub const MAX_TICKET: usize = 224;
/// Where what a worker is told at its start lies in its IPC buffer's page, in bytes: behind the
/// list of areas.
pub const OFFSET: usize = 2048;
/// Bytes of it.
pub const SIZE: usize = 4 * 8 + MAX_TICKET;
const _: () = assert!(crate::startup::OFFSET + crate::startup::MAX_BYTES <= OFFSET);
const _: () = assert!(OFFSET + SIZE <= 4096);

/// Bytes of the page that a worker shares with its server: half for its request, half for the
/// reply.
pub const FRAMES: usize = 4096;
/// Most bytes of a worker's frame.
pub const MAX_FRAME: usize = FRAMES / 2;

/// The component index of the worker in place 0.
pub const FIRST_INDEX: u8 = 16;
/// Most workers: what is left of the indices.
pub const MAX_WORKERS: usize = 256 - FIRST_INDEX as usize;

/// The place of the worker with this process index.
#[must_use]
pub fn place(index: u8) -> Option<u8> {
    index.checked_sub(FIRST_INDEX)
}

/// Kinds of workers as messages name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub enum WorkerKind {
    /// Appends heartbeats.
    Heartbeat = 0,
    /// Submits jobs to a GPU.
    Gpu = 1,
}

impl WorkerKind {
    /// Reads a message's word.
    #[must_use]
    pub fn from_word(word: u64) -> Option<Self> {
        [Self::Heartbeat, Self::Gpu].into_iter().find(|kind| *kind as u64 == word)
    }
}

/// What a spawn may ask for, as message words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct WorkerLimits {
    /// Places of the kind.
    pub places: u64,
    /// Period in ms: default, least, most.
    pub period_ms: [u64; 3],
    /// Ticks: default, most.
    pub ticks: [u64; 2],
    /// Requests: default, most.
    pub ops: [u64; 2],
    /// Seconds to live: default, most.
    pub ttl_s: [u64; 2],
}

impl WorkerLimits {
    /// Number of words.
    pub const WORDS: usize = 10;

    /// As words.
    #[must_use]
    pub fn words(&self) -> [u64; Self::WORDS] {
        let [p0, p1, p2] = self.period_ms;
        let ([t0, t1], [o0, o1], [l0, l1]) = (self.ticks, self.ops, self.ttl_s);
        [self.places, p0, p1, p2, t0, t1, o0, o1, l0, l1]
    }

    /// From words.
    #[must_use]
    pub fn from_words(words: &[u64]) -> Option<Self> {
        let &[places, p0, p1, p2, t0, t1, o0, o1, l0, l1] = words.first_chunk()?;
        Some(Self {
            places,
            period_ms: [p0, p1, p2],
            ticks: [t0, t1],
            ops: [o0, o1],
            ttl_s: [l0, l1],
        })
    }
}

/// In the place of a fault's kind: the worker asked the root task for what it may not. Apart from
/// the kernel's.
pub const FORBIDDEN_CALL: u64 = 1 << 32;

/// Why a worker ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its time to live is over.
    Ttl,
    /// It has had all its ticks.
    Ticks,
    /// It did something forbidden: number of the fault's kind, address, instruction pointer.
    Fault([u64; 3]),
    /// It ended with this code.
    Exit(u64),
}

/// A worker that ended by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Its place.
    pub place: u8,
    /// Its number.
    pub number: u32,
    /// Why.
    pub cause: Cause,
}

impl Ended {
    /// Number of words.
    pub const WORDS: usize = 6;

    /// As words.
    #[must_use]
    pub fn words(&self) -> [u64; Self::WORDS] {
        let (cause, [a, b, c]) = match self.cause {
            Cause::Ttl => (0, [0; 3]),
            Cause::Ticks => (1, [0; 3]),
            Cause::Fault(words) => (2, words),
            Cause::Exit(code) => (3, [code, 0, 0]),
        };
        [self.place.into(), self.number.into(), cause, a, b, c]
    }

    /// From words.
    #[must_use]
    pub fn from_words(words: &[u64]) -> Option<Self> {
        let &[place, number, cause, a, b, c] = words.first_chunk()?;
        let cause = match cause {
            0 => Cause::Ttl,
            1 => Cause::Ticks,
            2 => Cause::Fault([a, b, c]),
            3 => Cause::Exit(a),
            _ => return None,
        };
        Some(Self { place: place.try_into().ok()?, number: number.try_into().ok()?, cause })
    }
}

/// What a worker is told at its start.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Birth {
    /// Its number.
    pub number: u32,
    /// When it was started, in nanoseconds since the machine's start: its ticks count from here.
    pub start: u64,
    /// Period of its tick, in nanoseconds.
    pub period: u64,
    ticket: [u8; MAX_TICKET],
    length: usize,
}

impl core::fmt::Debug for Birth {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // Without the ticket.
        write!(f, "Birth of worker {}", self.number)
    }
}

impl Birth {
    /// With a ticket of at most [`MAX_TICKET`] bytes; a longer one is cut and worth nothing.
    #[must_use]
    pub fn new(number: u32, start: u64, period: u64, ticket: &str) -> Self {
        let mut bytes = [0; MAX_TICKET];
        let length = ticket.len().min(MAX_TICKET);
        for (place, byte) in bytes.iter_mut().zip(ticket.bytes()) {
            *place = byte;
        }
        Self { number, start, period, ticket: bytes, length }
    }

    /// The ticket.
    #[must_use]
    pub fn ticket(&self) -> &str {
        let bytes = self.ticket.get(..self.length).unwrap_or_default();
        core::str::from_utf8(bytes).unwrap_or_default()
    }

    /// As bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; SIZE] {
        let mut bytes = [0; SIZE];
        let words = [self.number.into(), self.start, self.period, self.length as u64];
        for (place, word) in bytes.chunks_exact_mut(8).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        bytes[SIZE - MAX_TICKET..].copy_from_slice(&self.ticket);
        bytes
    }

    /// From bytes.
    #[must_use]
    pub fn decode(bytes: &[u8; SIZE]) -> Option<Self> {
        let word = |index: usize| Some(u64::from_le_bytes(*bytes.get(index * 8..)?.first_chunk()?));
        let length = usize::try_from(word(3)?).ok().filter(|length| *length <= MAX_TICKET)?;
        Some(Self {
            number: word(0)?.try_into().ok()?,
            start: word(1)?,
            period: word(2)?,
            ticket: *bytes.last_chunk()?,
            length,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_reads_back() {
        let birth = Birth::new(7, 1 << 40, 3, "cohesix-ticket-00.ff");
        let read = Birth::decode(&birth.encode()).expect("a birth");
        assert_eq!((read, read.ticket()), (birth, "cohesix-ticket-00.ff"));
        assert_eq!(Birth::decode(&[0xff; SIZE]), None);
        for cause in [Cause::Ttl, Cause::Ticks, Cause::Fault([1, 2, 3]), Cause::Exit(9)] {
            let ended = Ended { place: 239, number: 70_000, cause };
            assert_eq!(Ended::from_words(&ended.words()), Some(ended));
        }
        assert_eq!(Ended::from_words(&[0, 0, 4, 0, 0, 0]), None);
        assert_eq!(Ended::from_words(&[]), None);
        let limits = WorkerLimits {
            places: 1,
            period_ms: [2, 3, 4],
            ticks: [5, 6],
            ops: [7, 8],
            ttl_s: [9, 10],
        };
        assert_eq!(WorkerLimits::from_words(&limits.words()), Some(limits));
        assert_eq!(WorkerLimits::from_words(&[1; 9]), None);
    }

    #[test]
    fn places_and_indices_agree() {
        assert_eq!((place(15), place(16), place(255)), (None, Some(0), Some(239)));
        assert_eq!(MAX_WORKERS, 240);
    }
}
