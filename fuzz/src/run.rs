//! The deterministic runner: the same numbers of iterations and seed do the same everywhere.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::mutate::{Random, attach, frames, stream};
use crate::session::Tally;
use crate::ticket::Tickets;
use crate::{Corpus, corpus, fuzz_decode, fuzz_hive, fuzz_session, fuzz_ticket};

/// How a run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Summary {
    /// Streams played to the model and to the system's tree, and decoded frame by frame.
    pub streams: u64,
    /// Frames of them decoded by themselves.
    pub decoded: u64,
    /// What their sessions with the model came to.
    pub tally: Tally,
    /// What became of as many attaches.
    pub tickets: Tickets,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { streams, decoded, tally, tickets } = self;
        let Tally { frames, answered, refused, waited, closed } = tally;
        let Tickets { admitted, refused: forged, claims } = tickets;
        write!(
            f,
            "{streams} streams: {frames} frames sent, {answered} answered, {refused} refused, \
             {waited} waited, {closed} streams broken off; {decoded} frames decoded; \
             {admitted} tickets admitted, {forged} refused, {claims} times claims"
        )
    }
}

/// A run that ended before its time.
#[derive(Debug)]
pub enum Finding {
    /// The corpus cannot be read.
    Corpus(io::Error),
    /// Something is wrong.
    Panic {
        /// `decode`, `session`, `hive`, `ticket`, `control` or `gpu_job`.
        target: &'static str,
        /// Which iteration, from 0.
        iteration: u64,
        /// The input: put it into `fuzz/corpus/session/` (`ticket/`, `control/` or `gpu_job/` for those
        /// targets) and the tests replay it.
        input: Vec<u8>,
        /// What the panic said.
        message: String,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Corpus(error) => write!(f, "cannot read the corpus: {error}"),
            Self::Panic { target, iteration, input, message } => {
                write!(f, "target {target}, iteration {iteration}: {message}; input: ")?;
                input.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }
    }
}

impl std::error::Error for Finding {}

/// Plays `iterations` streams, and as many attaches, made from the corpus and `seed`.
///
/// # Errors
/// The first input that a target panics on; nothing is played after it. The panic's own message
/// goes to standard error as any does.
pub fn run(iterations: u64, seed: u64) -> Result<Summary, Finding> {
    let sessions = corpus(Corpus::Session).map_err(Finding::Corpus)?;
    let tickets = corpus(Corpus::Ticket).map_err(Finding::Corpus)?;
    let streams: Vec<Vec<Vec<u8>>> = sessions.iter().map(|entry| frames(&entry.bytes)).collect();
    let pool = streams.concat();
    if pool.is_empty() || tickets.is_empty() {
        return Err(Finding::Corpus(io::Error::other("it is empty")));
    }
    let mut random = Random::new(seed);
    let mut summary = Summary::default();
    for iteration in 0..iterations {
        let input = stream(&mut random, &streams, &pool);
        let tally = guard("session", iteration, &input, fuzz_session)?;
        guard("hive", iteration, &input, fuzz_hive)?;
        for frame in frames(&input) {
            guard("decode", iteration, &frame, fuzz_decode)?;
            summary.decoded += 1;
        }
        summary.streams += 1;
        summary.tally.frames += tally.frames;
        summary.tally.answered += tally.answered;
        summary.tally.refused += tally.refused;
        summary.tally.waited += tally.waited;
        summary.tally.closed += tally.closed;
        let input = attach(&mut random, &tickets);
        let tickets = guard("ticket", iteration, &input, fuzz_ticket)?;
        summary.tickets.admitted += tickets.admitted;
        summary.tickets.refused += tickets.refused;
        summary.tickets.claims += tickets.claims;
    }
    Ok(summary)
}

pub(crate) fn guard<R>(
    target: &'static str,
    iteration: u64,
    input: &[u8],
    call: impl FnOnce(&[u8]) -> R,
) -> Result<R, Finding> {
    catch_unwind(AssertUnwindSafe(|| call(input))).map_err(|panic| {
        let message = match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
            (Some(text), _) => text.clone(),
            (None, Some(text)) => (*text).to_owned(),
            (None, None) => "a panic without words".to_owned(),
        };
        Finding::Panic { target, iteration, input: input.to_vec(), message }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_found_and_shown_with_its_input() {
        let finding = guard("session", 7, &[1, 0xff], |_| panic!("broken: {}", 3));
        let text = finding.map(|(): ()| ()).unwrap_err().to_string();
        assert_eq!(text, "target session, iteration 7: broken: 3; input: 01ff");
    }

    #[test]
    fn a_run_does_the_same_again() {
        let first = run(200, 1).unwrap();
        assert_eq!(first, run(200, 1).unwrap());
        assert_ne!(first, run(200, 2).unwrap());
    }

    /// A corpus or mutator that is refused at the door would find nothing.
    #[test]
    fn a_run_reaches_every_kind_of_outcome() {
        let Summary { streams, decoded, tally, tickets } = run(2000, 3).unwrap();
        assert_eq!(streams, 2000);
        assert!(decoded > 10_000, "{decoded}");
        assert!(tally.answered > tally.frames / 4, "{tally:?}");
        assert!(tally.refused > tally.frames / 20, "{tally:?}");
        assert!(tally.waited > 100 && tally.closed > 20, "{tally:?}");
        assert!(tickets.admitted > 50 && tickets.refused > 300, "{tickets:?}");
        assert!(tickets.claims > 200, "{tickets:?}");
    }
}
