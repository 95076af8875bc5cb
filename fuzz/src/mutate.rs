//! Changing streams: the same seed gives the same changes everywhere.

use secure9p_codec::{MAX_MSIZE, frame_length};

use crate::corpus::Entry;

/// SplitMix64 (Steele, Lea, Flood 2014): small, and the same on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("below a usize")
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }
}

/// Numbers at which things change.
const EDGES: &[u64] = &[
    0,
    1,
    2,
    6,
    7,
    11,
    16,
    17,
    23,
    24,
    0x7f,
    0x80,
    0xff,
    511,
    512,
    8191,
    8192,
    8193,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_fffe,
    0xffff_ffff,
    i64::MAX as u64,
    1 << 63,
    u64::MAX,
];

/// Longest stream that is made, in bytes.
const MAX_STREAM: usize = 1 << 16;

/// The frames of a stream, and what is behind the last whole one.
pub(crate) fn frames(stream: &[u8]) -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    let mut rest = stream;
    while let Ok(Some(length)) = frame_length(rest, MAX_MSIZE) {
        let Some((frame, behind)) = rest.split_at_checked(length) else { break };
        frames.push(frame.to_vec());
        rest = behind;
    }
    if !rest.is_empty() {
        frames.push(rest.to_vec());
    }
    frames
}

/// A stream made from one of `streams` with frames of all of them (`pool`), changed a little.
pub(crate) fn stream(random: &mut Random, streams: &[Vec<Vec<u8>>], pool: &[Vec<u8>]) -> Vec<u8> {
    let mut frames = random.pick(streams).clone();
    for _ in 0..random.below(6) {
        change_order(random, &mut frames, pool);
    }
    for _ in 0..random.below(4) {
        if frames.is_empty() {
            break;
        }
        let index = random.below(frames.len());
        change_bytes(random, &mut frames[index]);
    }
    let mut stream = frames.concat();
    if random.below(16) == 0 && !stream.is_empty() {
        change_bytes(random, &mut stream);
    }
    stream.truncate(MAX_STREAM);
    stream
}

/// An attach or claims made from one of `entries`, changed a little or not at all.
pub(crate) fn attach(random: &mut Random, entries: &[Entry]) -> Vec<u8> {
    let mut input = random.pick(entries).bytes.clone();
    for _ in 0..random.below(4) {
        let at = random.below(input.len() + 1);
        match random.below(6) {
            // Mostly another digit: it comes as far as the MAC.
            0 | 1 => {
                let digit = b"0123456789abcdef"[random.below(16)];
                if let Some(byte) = input.get_mut(at) {
                    *byte = digit;
                }
            }
            2 => input.truncate(at),
            3 if at < input.len() => put_edge(random, &mut input, at, 8),
            4 => {
                let other = &random.pick(entries).bytes;
                let from = random.below(other.len() + 1);
                let piece = other[from..].iter().copied().take(random.below(12));
                input.splice(at..at, piece);
            }
            _ if at < input.len() => input[at] = random.next() as u8,
            _ => {}
        }
    }
    input
}

fn change_order(random: &mut Random, frames: &mut Vec<Vec<u8>>, pool: &[Vec<u8>]) {
    let at = random.below(frames.len() + 1);
    match random.below(5) {
        // Mostly longer: what comes late in a session is reached by long ones.
        0..=2 => frames.insert(at, random.pick(pool).clone()),
        3 if at < frames.len() => frames.insert(at, frames[at].clone()),
        4 if at < frames.len() => {
            frames.remove(at);
        }
        _ => {}
    }
}

/// Changes a frame; mostly its size is made true again, or it would end the connection.
fn change_bytes(random: &mut Random, frame: &mut Vec<u8>) {
    if frame.is_empty() {
        return;
    }
    let at = random.below(frame.len());
    match random.below(8) {
        0 => frame[at] ^= 1 << random.below(8),
        1 => frame[at] = random.next() as u8,
        2 => put_edge(random, frame, at, 2),
        3 => put_edge(random, frame, at, 4),
        4 => put_edge(random, frame, at, 8),
        5 => frame.truncate(at),
        6 => {
            let length = random.below(16);
            let bytes: Vec<u8> = (0..length).map(|_| random.next() as u8).collect();
            frame.splice(at..at, bytes);
        }
        // A fid or a tag of another frame: small numbers meet.
        _ => {
            let small = random.below(8) as u8;
            frame[at] = small;
        }
    }
    if random.below(16) != 0 && frame.len() >= 7 {
        let size = u32::try_from(frame.len()).expect("a short frame");
        frame[..4].copy_from_slice(&size.to_le_bytes());
    }
}

fn put_edge(random: &mut Random, frame: &mut [u8], at: usize, width: usize) {
    let edge = random.pick(EDGES).to_le_bytes();
    let width = width.min(frame.len() - at);
    frame[at..at + width].copy_from_slice(&edge[..width]);
}
