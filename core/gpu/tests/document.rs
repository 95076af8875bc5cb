//! docs/gpu.md's examples are what they are said to be.

use gpu::{Job, Status, limits};

fn between<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->\n"));
    let (_, rest) = text.split_once(&begin).expect(&begin);
    let (there, _) = rest.split_once(&end).expect(&end);
    there.lines().filter(|line| line.starts_with('{')).collect()
}

#[test]
fn the_documents_examples_are_lines() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/gpu.md");
    let text = std::fs::read_to_string(path).expect("docs/gpu.md");
    let jobs = between(&text, "jobs");
    for line in &jobs {
        let job = Job::parse(line.as_bytes()).unwrap_or_else(|error| panic!("{line}: {error}"));
        assert_eq!(job.to_string(), *line);
    }
    let statuses = between(&text, "statuses");
    for line in &statuses {
        let status = Status::parse(line.as_bytes()).unwrap_or_else(|e| panic!("{line}: {e}"));
        assert_eq!(status.to_string(), *line);
    }
    assert_eq!((jobs.len(), statuses.len()), (2, 3));
    for (_, most) in [limits::VADD_N, limits::MATMUL_SIDE, limits::TIMEOUT_MS, limits::BLOCK] {
        assert!(text.contains(&most.to_string()), "{most}");
    }
}
