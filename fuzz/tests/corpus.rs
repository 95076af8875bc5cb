//! Replays the corpus, and keeps it to what its seeds say.
//!
//! After a change of the seeds: `FUZZ_WRITE_CORPUS=1 cargo test -p cohesix-fuzz`.

use fuzz::{
    Corpus, Tickets, corpus, corpus_dir, fuzz_decode, fuzz_hive, fuzz_session, fuzz_ticket, seeds,
    ticket_seeds,
};

#[test]
fn every_stream_of_the_corpus_plays() {
    let entries = corpus(Corpus::Session).expect("the corpus is in the repository");
    assert!(entries.len() >= seeds::all().len());
    for entry in entries {
        println!("{}", entry.name);
        fuzz_session(&entry.bytes);
        fuzz_hive(&entry.bytes);
        fuzz_decode(&entry.bytes);
        // Cut anywhere, it is a client that went away in mid-frame. (Long ones in 1000 places.)
        let step = 1 + entry.bytes.len() / 1000;
        for length in (0..entry.bytes.len()).step_by(step) {
            fuzz_session(&entry.bytes[..length]);
            fuzz_hive(&entry.bytes[..length]);
        }
    }
}

#[test]
fn every_attach_of_the_corpus_is_checked() {
    let entries = corpus(Corpus::Ticket).expect("the corpus is in the repository");
    assert!(entries.len() >= ticket_seeds::all().len());
    for entry in entries {
        println!("{}", entry.name);
        let whole = fuzz_ticket(&entry.bytes);
        for length in 0..entry.bytes.len() {
            fuzz_ticket(&entry.bytes[..length]);
        }
        // Seeds are what they are called.
        let Tickets { admitted, refused, claims } = whole;
        let expected = match &*entry.name {
            "none" | "zero-scopes" | "zero-quotas" | "trailing" | "unknown" => (0, 0, 0),
            "expired.aname" | "early.aname" | "truncated" | "upper-case" => (0, 1, 0),
            name if name.ends_with(".claims") => (0, 0, 1),
            name if name.ends_with(".aname") || name.starts_with("in-") => (1, 0, 0),
            "with-path" => (1, 0, 0),
            _ => continue,
        };
        assert_eq!((admitted, refused, claims), expected, "{}", entry.name);
    }
}

#[test]
fn the_corpus_holds_every_seed() {
    let sessions = seeds::all().into_iter().map(|seed| (Corpus::Session, seed));
    let tickets = ticket_seeds::all().into_iter().map(|seed| (Corpus::Ticket, seed));
    for (of, (name, bytes)) in sessions.chain(tickets) {
        let path = corpus_dir(of).join(&name);
        if std::env::var_os("FUZZ_WRITE_CORPUS").is_some() {
            std::fs::write(&path, &bytes).expect("the corpus can be written");
        }
        let stored = std::fs::read(&path).unwrap_or_default();
        assert!(stored == bytes, "{name} is not its seed: write the corpus again");
    }
}

/// Sessions of a GPU's come as far as they are meant to: what is refused is what must be.
#[test]
fn a_gpus_seeds_are_taken() {
    let seeds = seeds::all();
    for (name, refused) in [("gpu-job", 0), ("gpu-lease", 3), ("gpu-bridge-goes", 2)] {
        for dialect in ["9p2000", "9p2000.L"] {
            let name = format!("{name}.{dialect}");
            let (_, bytes) = seeds.iter().find(|seed| seed.0 == name).expect("a seed");
            let tally = fuzz_hive(bytes);
            assert_eq!((tally.refused, tally.closed), (refused, 0), "{name}: {tally:?}");
        }
    }
}

#[test]
fn the_corpus_has_the_cases_that_it_must() {
    let names: Vec<String> =
        corpus(Corpus::Session).expect("a corpus").into_iter().map(|e| e.name).collect();
    for case in ["write-proc-boot", "length-mismatch", "fid-reuse"] {
        for dialect in ["9p2000", "9p2000.L"] {
            assert!(names.contains(&format!("{case}.{dialect}")), "{case}");
        }
    }
}
