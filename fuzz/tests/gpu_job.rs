//! Replays the corpus of a GPU's lines, and keeps it to what its seeds say.
//!
//! After a change of the seeds: `FUZZ_WRITE_CORPUS=1 cargo test -p cohesix-fuzz`.

use fuzz::{Corpus, corpus, corpus_dir, fuzz_gpu_job, gpu_seeds};

#[test]
fn every_input_of_the_corpus_is_taken_and_so_is_every_part() {
    let entries = corpus(Corpus::GpuJob).expect("the corpus is in the repository");
    assert!(entries.len() >= gpu_seeds().len());
    for entry in entries {
        println!("{}", entry.name);
        let whole = fuzz_gpu_job(&entry.bytes);
        for length in 0..entry.bytes.len() {
            fuzz_gpu_job(&entry.bytes[..length]);
        }
        // Seeds are what they are called.
        let counts = (whole.jobs, whole.done, whole.statuses, whole.cancelled);
        let expected = match &*entry.name {
            "status" | "status-queued" => (0, 0, 1, 0),
            "lease" => (0, 1, 0, 0),
            "release" => (1, 2, 0, 1),
            "expiry" => (1, 1, 0, 1),
            "full" => (0, 1, 0, 0),
            "priority" => (2, 2, 0, 1),
            "vadd" | "matmul" | "grid" | "escape" | "doubled" | "slash" => (0, 0, 0, 0),
            _ => continue,
        };
        assert_eq!(counts, expected, "{}", entry.name);
    }
}

#[test]
fn the_corpus_holds_every_seed() {
    for (name, bytes) in gpu_seeds() {
        let path = corpus_dir(Corpus::GpuJob).join(&name);
        if std::env::var_os("FUZZ_WRITE_CORPUS").is_some() {
            std::fs::write(&path, &bytes).expect("the corpus can be written");
        }
        let stored = std::fs::read(&path).unwrap_or_default();
        assert!(stored == bytes, "{name} is not its seed: write the corpus again");
    }
}
