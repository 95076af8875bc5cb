//! What every hostile case checks, and bytes that nobody chose.

use secure9p_codec::Dialect;

use crate::{BOOT, Client, Hive, LOG, MEMORY, SESSIONS};

/// Does something hostile to the hive and looks that it hurt nobody else: a connection from
/// before goes on (so the server was not restarted either), a fresh one works in both dialects,
/// and sessions and memory come to be as they were.
#[track_caller]
pub fn unharmed(hive: &Hive, hostile: impl FnOnce(&Hive)) {
    let mut witness = Client::attach(hive, Dialect::Linux);
    witness.append(LOG, "before\n");
    let (sessions, memory) = (who(&witness.cat(SESSIONS)), witness.cat(MEMORY));
    hostile(hive);
    for dialect in [Dialect::Linux, Dialect::Plan9] {
        let mut fresh = Client::attach(hive, dialect);
        assert!(fresh.cat(BOOT).starts_with("Cohesix "));
        fresh.append(LOG, "fresh\n");
    }
    assert_eq!(witness.cat(LOG).matches("fresh\n").count(), 2);
    witness.until(SESSIONS, |now| who(now) == sessions);
    witness.until(MEMORY, |now| now == memory);
}

/// The lines of `/proc/sessions` without what moves with every request, the reader's too.
#[must_use]
pub fn who(sessions: &str) -> String {
    let stays = |word: &&str| {
        let name = word.split('=').next().unwrap_or_default();
        ["session", "connection", "role", "user"].contains(&name)
    };
    let line = |line: &str| line.split(' ').filter(stays).collect::<Vec<_>>().join(" ");
    sessions.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The same bytes in every run (xorshift64*, Vigna 2016).
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// `seed` may be anything but 0.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        assert!(seed != 0, "xorshift stays at 0");
        Self(seed)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32;
        number as usize % limit
    }

    /// So many bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.below(256) as u8).collect()
    }
}
