//! Replays the corpus of control lines, and keeps it to what its seeds say.
//!
//! After a change of the seeds: `FUZZ_WRITE_CORPUS=1 cargo test -p cohesix-fuzz`.

use fuzz::{control_corpus, control_corpus_dir, control_seeds, fuzz_control};

#[test]
fn every_line_of_the_corpus_parses_and_so_does_every_part() {
    let entries = control_corpus().expect("the corpus is in the repository");
    assert!(entries.len() >= control_seeds().len());
    let mut commands = 0;
    for entry in entries {
        println!("{}", entry.name);
        commands += usize::from(fuzz_control(&entry.bytes));
        for length in 0..entry.bytes.len() {
            // Of a command, only as much as ends with its last brace is one.
            let part = &entry.bytes[..length];
            let whole = part.trim_ascii().len() == entry.bytes.trim_ascii().len();
            assert!(fuzz_control(part) <= whole || entry.name.starts_with("two-objects"));
        }
    }
    assert!(commands >= 9, "{commands}");
}

#[test]
fn the_corpus_holds_every_seed() {
    for (name, bytes) in control_seeds() {
        let path = control_corpus_dir().join(&name);
        if std::env::var_os("FUZZ_WRITE_CORPUS").is_some() {
            std::fs::write(&path, &bytes).expect("the corpus can be written");
        }
        let stored = std::fs::read(&path).unwrap_or_default();
        assert!(path.exists() && stored == bytes, "{name} is not its seed: write the corpus again");
    }
}
