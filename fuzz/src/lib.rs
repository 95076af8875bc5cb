//! Fuzz targets of the 9P codec and connection, and a deterministic runner.
//!
//! [`fuzz_decode`] takes bytes as one frame, [`fuzz_session`] takes them as what a client sends on
//! one connection to a model tree, [`fuzz_hive`] to the system's own. All panic where anything is wrong and return otherwise, so that libFuzzer
//! (`fuzz/libfuzzer`) and [`run`] can use them alike. What they hold the code to is more than not
//! panicking: see [`decode`] and [`session`].
//!
//! [`fuzz_control`] takes bytes as a line of `/queen/ctl`; [`run_control`] runs it.
//!
//! The corpus is `fuzz/corpus/session/`: streams made by [`seeds`], and any that a fuzzer found.
//! The tests replay all of it.
//! Control lines are in `fuzz/corpus/control/`.
#![forbid(unsafe_code)]

mod control;
mod corpus;
mod decode;
mod mutate;
mod run;
pub mod seeds;
mod session;
mod world;

pub use control::{
    ControlSummary, control_corpus, control_corpus_dir, control_seeds, fuzz_control, run_control,
};
pub use corpus::{Entry, corpus, corpus_dir};
pub use decode::fuzz_decode;
pub use run::{Finding, Summary, run};
pub use session::{Tally, fuzz_hive, fuzz_session};
