//! Fuzz targets of the 9P codec, the connection, tickets and lines, and a deterministic runner.
//!
//! [`fuzz_decode`] takes bytes as one frame, [`fuzz_session`] takes them as what a client sends on
//! one connection to a model tree, [`fuzz_hive`] to the system's own, [`fuzz_ticket`] as an
//! attach's names and as claims. All panic where anything is wrong and return otherwise, so that
//! libFuzzer (`fuzz/libfuzzer`) and [`run`] can use them alike. What they hold the code to is more
//! than not panicking: see [`decode`], [`session`] and `ticket.rs`.
//!
//! [`fuzz_control`] takes bytes as a line of `/queen/ctl`; [`run_control`] runs it.
//! [`fuzz_gpu_job`] takes them as lines of a GPU's files, and [`run_gpu_job`] runs that.
//!
//! The corpus is `fuzz/corpus/session/`, streams made by [`seeds`], `fuzz/corpus/ticket/`, made by
//! [`ticket_seeds`], control lines in `fuzz/corpus/control/`, a GPU's in `fuzz/corpus/gpu_job/`, and any that a fuzzer found. The
//! tests replay all of it.
#![forbid(unsafe_code)]

mod control;
mod corpus;
mod decode;
mod gpu_job;
mod hive;
mod mutate;
mod run;
pub mod seeds;
mod session;
mod ticket;
pub mod ticket_seeds;
mod world;

pub use control::{
    ControlSummary, control_corpus, control_corpus_dir, control_seeds, fuzz_control, run_control,
};
pub use corpus::{Corpus, Entry, corpus, corpus_dir};
pub use decode::fuzz_decode;
pub use gpu_job::{GpuSummary, fuzz_gpu_job, gpu_seeds, run_gpu_job};
pub use run::{Finding, Summary, run};
pub use session::{Tally, fuzz_hive, fuzz_session};
pub use ticket::{Tickets, fuzz_ticket};
