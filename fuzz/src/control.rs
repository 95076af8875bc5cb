//! The target that parses a control line, its seeds and its runner.
//!
//! Held to: a command's own text is a line that gives the same command; a refusal is one short
//! line of text that names what is wrong and moves no cursor. (core/control's own tests hold it
//! to another JSON parser.)

use std::fmt;
use std::fs;
use std::io;
use std::path::PathBuf;

use control::parse;

use crate::corpus::Entry;
use crate::mutate::Random;
use crate::run::{Finding, guard};

/// Longest text of a refusal, in bytes.
const MAX_REFUSAL: usize = 200;

/// Takes `data` as a line of `/queen/ctl`. Whether it is a command.
///
/// # Panics
/// Where something is wrong.
pub fn fuzz_control(data: &[u8]) -> bool {
    match parse(data) {
        Ok(command) => {
            let line = command.to_string();
            assert_eq!(parse(line.as_bytes()), Ok(command), "{line}");
            true
        }
        Err(refused) => {
            let text = refused.to_string();
            assert!(text.contains(": ") && text.len() <= MAX_REFUSAL, "{text}");
            assert!(!text.contains(char::is_control), "{text:?}");
            false
        }
    }
}

/// Lines that the corpus starts from.
const SEEDS: &[(&str, &str)] = &[
    ("spawn", r#"{"spawn":"heartbeat","ticks":100,"budget":{"ttl_s":120,"ops":500}}"#),
    ("spawn-period", r#"{"spawn":"heartbeat","period_ms":20}"#),
    (
        "spawn-gpu",
        r#"{"spawn":"gpu","lease":{"gpu_id":"GPU-0","mem_mb":4096,"streams":2,"ttl_s":120,"priority":1},"budget":{"ops":9}}"#,
    ),
    ("kill", r#"{"kill":"worker-7"}"#),
    ("budget", r#"{"budget":{"ttl_s":120,"ops":1000,"ticks":5}}"#),
    ("bind", r#"{"bind":{"from":"/worker","to":"/shadow"}}"#),
    ("mount", r#"{"mount":{"service":"gpu-bridge","at":"/gpu"}}"#),
    ("revoke", r#"{"revoke":{"ticket":"00ff00ff00ff00ff"}}"#),
    ("order-and-blanks", " {\t\"budget\" : {\"ops\":1} ,\"spawn\":\"heartbeat\"} \r"),
    ("empty", ""),
    ("no-object", "kill worker-7"),
    ("two-commands", r#"{"kill":"worker-1","bind":{"from":"/a","to":"/b"}}"#),
    ("two-objects", r#"{"kill":"worker-1"}{"kill":"worker-2"}"#),
    ("doubled", r#"{"kill":"worker-1","kill":"worker-2"}"#),
    ("escaped-name", r#"{"kill":"worker-1","\u006bill":"worker-2"}"#),
    ("escaped-text", r#"{"kill":"worker\u002d7"}"#),
    ("unknown", r#"{"spawn":"heartbeat","tick":5}"#),
    ("empty-object", r#"{"budget":{}}"#),
    ("range", r#"{"budget":{"ttl_s":31536001}}"#),
    ("number", r#"{"budget":{"ttl_s":007,"ops":1e3,"ticks":-1.5}}"#),
    ("path", r#"{"bind":{"from":"/a/../b","to":"c"}}"#),
    ("deep", r#"{"bind":{"from":{"from":{"from":[[[[["/a"]]]]]}}}}"#),
    ("control-character", "{\"kill\":\"worker-7\u{1b}[2J\"}"),
    ("not-utf-8", "{\"kill\":\"worker-\u{fe}\"}"),
];

/// Every seed with its name.
#[must_use]
pub fn control_seeds() -> Vec<(String, Vec<u8>)> {
    let latin_1 = |text: &str| match text.contains('\u{fe}') {
        true => text.chars().map(|character| character as u8).collect(),
        false => text.as_bytes().to_vec(),
    };
    SEEDS.iter().map(|(name, text)| ((*name).to_owned(), latin_1(text))).collect()
}

/// Where the lines are.
#[must_use]
pub fn control_corpus_dir() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus/control")
}

/// Every line of the corpus, by name.
///
/// # Errors
/// Where it cannot be read.
pub fn control_corpus() -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for file in fs::read_dir(control_corpus_dir())? {
        let path = file?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        entries.push(Entry { name, bytes: fs::read(&path)? });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

/// How a run of lines went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ControlSummary {
    /// Lines that were commands.
    pub commands: u64,
    /// Lines that were refused.
    pub refused: u64,
}

impl fmt::Display for ControlSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { commands, refused } = self;
        write!(f, "{} control lines: {commands} commands, {refused} refused", commands + refused)
    }
}

/// Parses `iterations` lines made from the corpus and `seed`.
///
/// # Errors
/// As of [`crate::run`].
pub fn run_control(iterations: u64, seed: u64) -> Result<ControlSummary, Finding> {
    let corpus = control_corpus().map_err(Finding::Corpus)?;
    let lines: Vec<Vec<u8>> = corpus.into_iter().map(|entry| entry.bytes).collect();
    if lines.is_empty() {
        return Err(Finding::Corpus(io::Error::other("it has no control lines")));
    }
    let mut random = Random::new(seed);
    let mut summary = ControlSummary::default();
    for iteration in 0..iterations {
        let line = mutated(&mut random, &lines);
        match guard("control", iteration, &line, fuzz_control)? {
            true => summary.commands += 1,
            false => summary.refused += 1,
        }
    }
    Ok(summary)
}

/// A line with a few changes: bytes, and pieces of other lines from sign to sign.
pub(crate) fn mutated(random: &mut Random, lines: &[Vec<u8>]) -> Vec<u8> {
    let mut line = lines[random.below(lines.len())].clone();
    for _ in 0..random.below(4) {
        let at = random.below(line.len() + 1);
        match random.below(6) {
            0 if at < line.len() => line[at] ^= 1 << random.below(8),
            1 if at < line.len() => line[at] = b"\"{}[]:,\\ 019-.e"[random.below(15)],
            2 if at < line.len() => {
                line.remove(at);
            }
            3 => line.truncate(at),
            _ => {
                let other = &lines[random.below(lines.len())];
                let pieces: Vec<&[u8]> =
                    other.split_inclusive(|byte| b"{}:,".contains(byte)).collect();
                if !pieces.is_empty() {
                    let piece = pieces[random.below(pieces.len())];
                    // Behind a sign it mostly fits.
                    let rest = line.get(at..).unwrap_or_default();
                    let sign = rest.iter().position(|byte| b"{:,".contains(byte));
                    let at = sign.map_or(at, |sign| at + sign + 1);
                    line.splice(at..at, piece.iter().copied());
                }
            }
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_does_the_same_again_and_reaches_both_outcomes() {
        let summary = run_control(5000, 1).expect("nothing is found");
        assert_eq!(summary, run_control(5000, 1).expect("nothing is found"));
        assert_ne!(summary, run_control(5000, 2).expect("nothing is found"));
        assert!(summary.commands > 500 && summary.refused > 2000, "{summary}");
    }
}
