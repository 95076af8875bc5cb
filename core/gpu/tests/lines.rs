//! Lines of jobs, of ctl and of status: what is taken, what is said of what is not, and another
//! JSON parser's opinion.

use gpu::{Backend, Ctl, Hash, Job, JobId, Kernel, Share, State, Status, WorkerId, limits};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

const HASH: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn vadd() -> String {
    format!(
        r#"{{"job":"jid-9","kernel":"vadd","n":1000,"grid":[4],"block":[256],"bytes_hash":"{HASH}","inputs":["a.f32","b.f32"],"outputs":["out.f32"],"timeout_ms":5000}}"#
    )
}

fn matmul() -> String {
    format!(
        r#"{{"job":"m_1","kernel":"matmul","m":30,"n":100,"k":7,"grid":[7,4],"block":[16,8],"bytes_hash":"{HASH}","inputs":["a.f32","b.f32"],"outputs":["out.f32"],"timeout_ms":1}}"#
    )
}

fn refusal(line: &str) -> String {
    match Job::parse(line.as_bytes()) {
        Ok(job) => panic!("{line} is {job}"),
        Err(refused) => refused.to_string(),
    }
}

#[test]
fn jobs_are_read_and_written() {
    for line in [vadd(), matmul()] {
        let job = Job::parse(line.as_bytes()).expect(&line);
        assert_eq!(job.to_string(), line);
    }
    let line = matmul();
    let job = Job::parse(line.as_bytes()).expect("a job");
    assert_eq!(job.kernel, Kernel::Matmul { m: 30, n: 100, k: 7 });
    assert_eq!(job.kernel.inputs(), [210, 700]);
    assert_eq!(job.kernel.output(), 3000);
    assert_eq!(job.kernel.bytes(), 4 * 3910);
    assert_eq!(job.kernel.operations(), 42_000);
    assert_eq!((job.shape.grid(), job.shape.block()), ([7, 4, 1], [16, 8, 1]));
    // Ones at the end say nothing, order and blanks neither.
    let line = vadd().replace("[4]", "[ 4 , 1,1]").replace("[256]", "[256,1]");
    let odd =
        line.replacen(r#""job":"jid-9","#, "", 1).replace("5000}", "5000,\t\"job\" :\"jid-9\"} ");
    let job = Job::parse(odd.as_bytes()).expect(&odd);
    assert_eq!(job.to_string(), vadd());
    assert_eq!(job.fingerprint(), Job::parse(vadd().as_bytes()).expect("a job").fingerprint());
}

#[test]
fn a_job_that_is_wrong_is_refused_with_the_field() {
    let vadd = |from: &str, to: &str| {
        assert!(vadd().contains(from), "{from}");
        refusal(&vadd().replacen(from, to, 1))
    };
    for (from, to, says) in [
        ("\"jid-9\"", "\"\"", "job: must be a job like"),
        ("\"jid-9\"", "\"a.b\"", "job: must be a job like"),
        ("\"jid-9\"", "\"../x\"", "job: must be a job like"),
        ("\"jid-9\"", "\"-\"", "job: must be a job like"),
        ("\"jid-9\"", "9", "job: must be a job like"),
        ("jid-9", "jid\\u002d9", "job: must have no backslash"),
        ("jid-9", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "job: must be a job like"),
        ("\"vadd\"", "\"vsub\"", "kernel: must be \"vadd\" or \"matmul\""),
        (":1000", ":0", "n: must be a whole number from 1 to 268435456"),
        (":1000", ":268435457", "n: must be a whole number from 1 to 268435456"),
        (":1000", ":1e3", "n: must be a whole number"),
        (":1000", ":\"1000\"", "n: must be a whole number"),
        ("\"n\":1000", "\"n\":1000,\"m\":1", "m: is no field here; there are job, kernel, n,"),
        ("\"n\":1000,", "", "n: is missing"),
        ("\"n\":1000", "\"n\":1000,\"n\":1000", "n: stands twice: write it once"),
        ("\"n\":1000", "\"N\":1000", "N: is no field here; there are job, kernel, m,"),
        ("[4]", "[3]", "grid: must be [4]: what covers it with that block"),
        ("[4]", "[5]", "grid: must be [4]"),
        ("[4]", "[4,2]", "grid: must be [4]"),
        ("[4]", "4", "grid: must be one to three numbers"),
        ("[4]", "[]", "grid: must be a whole number"),
        ("[4]", "[4,]", "grid: must be a whole number"),
        ("[4]", "[4,1,1,1]", "grid: must be one to three numbers"),
        ("[4]", "[4 1]", "grid: must be one to three numbers"),
        ("[256]", "[1025]", "block: must be a whole number from 1 to 1024"),
        ("[256]", "[0]", "block: must be a whole number from 1 to 1024"),
        ("[256]", "[256,2]", "block: must be one number for vadd"),
        ("[256]", "[256,1,2]", "block: must be one number for vadd"),
        ("[256]", "[1024,1024]", "block: must be 1 to 3 numbers, whose product"),
        ("sha256:e3", "sha256:E3", "bytes_hash: must be sha256:"),
        ("sha256:", "sha1:", "bytes_hash: must be sha256:"),
        ("[\"a.f32\",\"b.f32\"]", "[\"a.f32\"]", "inputs: must be two files"),
        ("[\"a.f32\",\"b.f32\"]", "[\"a\",\"b\",\"c\"]", "inputs: must be two files"),
        ("\"a.f32\"", "\"../a\"", "inputs: must be two files"),
        ("\"a.f32\"", "\"/etc/passwd\"", "inputs: must be two files"),
        ("\"a.f32\"", "\"..\"", "inputs: must be two files"),
        ("[\"out.f32\"]", "[]", "outputs: must be one file"),
        ("[\"out.f32\"]", "[\"a\",\"b\"]", "outputs: must be one file"),
        ("5000", "0", "timeout_ms: must be a whole number from 1 to 3600000"),
        ("5000", "3600001", "timeout_ms: must be a whole number"),
        ("5000}", "5000} {", "line: must end with the object"),
        ("5000}", "5000", "timeout_ms: needs a comma or a brace"),
        ("5000}", "5000,}", "timeout_ms: needs a field's name"),
        ("{", "[", "line: must be one JSON object"),
        ("\"job\":", "\"job\" ", "job: needs a colon"),
    ] {
        let said = vadd(from, to);
        assert!(said.starts_with(says), "{from} -> {to}: {said}");
    }
    assert_eq!(refusal("{}"), "kernel: is missing");
    assert_eq!(Job::parse(b"{\xff").unwrap_err().to_string(), "line: must be UTF-8");
}

#[test]
fn every_field_is_needed_and_stands_once() {
    for line in [vadd(), matmul()] {
        let Json::Object(fields) = serde_json::from_str(&line).expect("JSON") else { panic!() };
        for name in fields.keys() {
            let mut without = fields.clone();
            without.remove(name);
            assert_eq!(refusal(&Json::Object(without).to_string()), format!("{name}: is missing"));
            let twice = line.replacen('{', &format!("{{\"{name}\":{},", fields[name]), 1);
            assert_eq!(refusal(&twice), format!("{name}: stands twice: write it once"));
        }
    }
}

#[test]
fn a_product_is_bounded_by_what_can_be_checked() {
    let job = |m: u64, n: u64, k: u64, grid: &str| {
        matmul()
            .replace("\"m\":30,\"n\":100,\"k\":7", &format!("\"m\":{m},\"n\":{n},\"k\":{k}"))
            .replace("[7,4]", grid)
    };
    assert!(Job::parse(job(4096, 4096, 4096, "[256,512]").as_bytes()).is_ok());
    assert!(refusal(&job(4096, 4096, 4097, "[256,512]")).starts_with("k: must be less"));
    assert!(
        refusal(&job(16385, 1, 1, "[1,1]"))
            .starts_with("m: must be a whole number from 1 to 16384")
    );
    assert!(refusal(&matmul().replace("[16,8]", "[16,8,2]")).starts_with("block: must be two"));
}

#[test]
fn the_longest_lines_fit_their_bounds() {
    let file = "f".repeat(limits::FILE_NAME_BYTES);
    let line = matmul()
        .replace("m_1", &"j".repeat(limits::JOB_ID_BYTES))
        .replace("a.f32", &file)
        .replace("b.f32", &file)
        .replace("out.f32", &file)
        .replace("\"m\":30,\"n\":100,\"k\":7", "\"m\":16384,\"n\":16384,\"k\":256")
        .replace("[7,4]", "[16384,16384]")
        .replace("[16,8]", "[1,1]")
        .replace(":1}", ":3600000}");
    let job = Job::parse(line.as_bytes()).expect(&line);
    // The block's ones at its end are left out.
    assert!(job.to_string().len() + 3 <= limits::JOB_LINE_BYTES, "{}", job.to_string().len());
    let status = Status {
        job: job.id,
        state: State::Ok,
        progress: 100,
        backend: Some(Backend::Nvml),
        detail: &"\u{e9}".repeat(200),
        result: Hash::of(HASH),
    };
    let line = status.to_string();
    assert!(line.len() <= limits::STATUS_LINE_BYTES, "{}", line.len());
    assert_eq!(Status::parse(line.as_bytes()).expect("a status").detail.chars().count(), 80);
}

#[test]
fn status_lines_say_nothing_that_cannot_be() {
    let ok = format!(
        r#"{{"job":"j","state":"OK","progress":100,"backend":"mock","detail":"","result":"{HASH}"}}"#
    );
    assert_eq!(Status::parse(ok.as_bytes()).expect("a status").to_string(), ok);
    let refused = |from: &str, to: &str| {
        let line = ok.replacen(from, to, 1);
        Status::parse(line.as_bytes()).expect_err(&line).to_string()
    };
    assert!(refused("\"OK\"", "\"ERR\"").starts_with("result: must be there if state is OK"));
    assert!(refused(&format!(",\"result\":\"{HASH}\""), "").starts_with("result: must be there"));
    assert!(refused("100", "99").starts_with("progress: must be 0 for QUEUED and 100 for OK"));
    assert!(refused("100", "101").starts_with("progress: must be a whole number from 0 to 100"));
    assert!(refused("\"OK\"", "\"DONE\"").starts_with("state: must be QUEUED, RUNNING, OK or ERR"));
    assert!(refused("\"mock\"", "\"cuda\"").starts_with("backend: must be nvml, wgpu or mock"));
    assert_eq!(refused("\"detail\":\"\",", ""), "detail: is missing");
    let queued = r#"{"job":"j","state":"QUEUED","progress":0,"detail":"waits"}"#;
    assert_eq!(Status::parse(queued.as_bytes()).expect("a status").to_string(), queued);
    // What a line cannot hold is replaced, not let through.
    let odd =
        Status { detail: "a\"b\\c\nd\u{1b}[2J\u{85}", ..Status::parse(queued.as_bytes()).unwrap() };
    assert!(odd.to_string().contains(r#""detail":"a'b/c d [2J ""#), "{odd}");
    assert!(Status::parse(odd.to_string().as_bytes()).is_ok());
}

#[test]
fn ctl_lines_are_words() {
    let share = Share { mem_mb: 4096, streams: 2, ttl_s: 120, priority: 0 };
    let lease = |priority| Ctl::Lease { worker: WorkerId(7), share: Share { priority, ..share } };
    for (line, ctl) in [
        ("LEASE worker-7 4096 2 120", lease(0)),
        ("LEASE worker-7 4096 2 120 255", lease(255)),
        ("RELEASE worker-0", Ctl::Release(WorkerId(0))),
        ("PRIORITY worker-7 3", Ctl::Priority { worker: WorkerId(7), priority: 3 }),
        ("RESET", Ctl::Reset),
    ] {
        assert_eq!(Ctl::parse(line.as_bytes()), Ok(ctl), "{line}");
        assert_eq!(Ctl::parse(ctl.to_string().as_bytes()), Ok(ctl));
    }
    for (line, says) in [
        ("", "line: must be LEASE"),
        ("lease worker-7 1 1 1", "line: must be LEASE"),
        (" RESET", "line: must be LEASE"),
        ("RESET ", "line: must end with its last word"),
        ("RESET now", "line: must end with its last word"),
        ("LEASE", "worker: must be a worker like worker-7"),
        ("LEASE worker-07 1 1 1", "worker: must be a worker"),
        ("LEASE worker-7 ", "mem_mb: must be a whole number from 1 to 1048576"),
        ("LEASE worker-7", "mem_mb: is missing"),
        ("LEASE worker-7 4096", "streams: is missing"),
        ("LEASE worker-7 4096 2", "ttl_s: is missing"),
        ("LEASE worker-7 0 2 120", "mem_mb: must be a whole number from 1 to 1048576"),
        ("LEASE worker-7 1 1025 120", "streams: must be a whole number from 1 to 1024"),
        ("LEASE worker-7 1 1 31536001", "ttl_s: must be a whole number from 1 to 31536000"),
        ("LEASE worker-7 1 1 1 256", "priority: must be a whole number from 0 to 255"),
        ("LEASE worker-7 1  1 1", "streams: must be a whole number"),
        ("LEASE worker-7 1 1 1 1 1", "line: must end with its last word"),
        ("LEASE worker-7 +1 1 1", "mem_mb: must be a whole number"),
        ("RELEASE", "worker: must be a worker"),
        ("PRIORITY worker-7", "priority: is missing"),
    ] {
        let said = Ctl::parse(line.as_bytes()).expect_err(line).to_string();
        assert!(said.starts_with(says), "{line}: {said}");
    }
}

/// What is taken is taken by the other parser with the same values, and its text is the same.
fn check_job(line: &[u8]) -> bool {
    let Ok(job) = Job::parse(line) else { return false };
    let shown = String::from_utf8_lossy(line);
    let there: Json = serde_json::from_slice(line).unwrap_or_else(|e| panic!("{shown}: {e}"));
    assert_eq!(Job::parse(job.to_string().as_bytes()).expect("its own text"), job, "{shown}");
    let trimmed = |name: &str| {
        let mut dims = there[name].as_array().expect("a list").clone();
        while dims.len() > 1 && dims.last() == Some(&json!(1)) {
            dims.pop();
        }
        Json::Array(dims)
    };
    let mut expected = there.clone();
    for name in ["grid", "block"] {
        expected[name] = trimmed(name);
    }
    let written: Json = serde_json::from_str(&job.to_string()).expect("JSON");
    assert_eq!(written, expected, "{shown}");
    true
}

fn job_line() -> impl Strategy<Value = String> {
    let side = || 1..=300_u32;
    ("[a-zA-Z0-9][a-zA-Z0-9_-]{0,31}", [side(), side(), side()], 1..=32_u32, 1..=32_u32, any::<bool>(), 1..=3_600_000_u32)
        .prop_map(|(id, [m, n, k], x, y, product, timeout)| {
            let (sizes, grid, block) = if product {
                let grid = format!("[{},{}]", n.div_ceil(x), m.div_ceil(y));
                (format!("\"kernel\":\"matmul\",\"m\":{m},\"n\":{n},\"k\":{k}"), grid, format!("[{x},{y}]"))
            } else {
                (format!("\"kernel\":\"vadd\",\"n\":{n}"), format!("[{}]", n.div_ceil(x)), format!("[{x}]"))
            };
            format!(
                "{{\"job\":\"{id}\",{sizes},\"grid\":{grid},\"block\":{block},\"bytes_hash\":\"{HASH}\",\"inputs\":[\"a\",\"b\"],\"outputs\":[\"c\"],\"timeout_ms\":{timeout}}}"
            )
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_jobs_text_is_that_job(line in job_line()) {
        prop_assert!(check_job(line.as_bytes()), "{}", line);
    }

    #[test]
    fn damaged_jobs_are_refused_or_mean_the_same(
        line in job_line(),
        changes in proptest::collection::vec((0..5_u8, any::<u16>(), any::<u16>()), 1..4),
    ) {
        let mut line = line.into_bytes();
        for (what, at, with) in changes {
            let at = usize::from(at) % (line.len() + 1);
            match what {
                0 if at < line.len() => line[at] = with.to_le_bytes()[0],
                1 if at < line.len() => { line.remove(at); }
                2 => line.truncate(at),
                3 => {
                    let from = usize::from(with) % (line.len() + 1);
                    let copy = line[from.min(at)..from.max(at)].to_vec();
                    line.splice(at..at, copy);
                }
                _ => {
                    let sign = b"{}[]:,\"\\ 019-.e\t"[usize::from(with) % 16];
                    line.insert(at, sign);
                }
            }
        }
        check_job(&line);
    }

    #[test]
    fn any_bytes_do_no_harm(bytes: Vec<u8>) {
        check_job(&bytes);
        let _ = Status::parse(&bytes);
        let _ = Ctl::parse(&bytes);
    }

    #[test]
    fn a_statuss_text_is_that_status(
        id in "[a-zA-Z0-9][a-zA-Z0-9_-]{0,31}",
        state in 0..4_usize,
        percent in 0..=100_u8,
        backend in proptest::option::of(0..3_usize),
        detail in "\\PC{0,60}",
        hash: [u8; 32],
    ) {
        let state = [State::Queued, State::Running, State::Ok, State::Err][state];
        let progress = match state { State::Queued => 0, State::Ok => 100, _ => percent };
        let detail: String = detail.replace(['"', '\\'], "");
        let mut end = detail.len().min(limits::DETAIL_BYTES);
        while !detail.is_char_boundary(end) { end -= 1; }
        let status = Status {
            job: JobId::of(&id).expect("a job"),
            state,
            progress,
            backend: backend.map(|index| Backend::ALL[index]),
            detail: &detail[..end],
            result: (state == State::Ok).then_some(Hash(hash)),
        };
        let line = status.to_string();
        prop_assert_eq!(Status::parse(line.as_bytes()), Ok(status), "{}", line);
        prop_assert!(serde_json::from_str::<Json>(&line).is_ok(), "{}", line);
    }
}
