//! A worker and a server that is written out.

extern crate std;
use std::collections::HashMap;
use std::format;
use std::string::String;
use std::vec::Vec;

use gpu::limits::DETAIL_BYTES;
use secure9p_codec::{
    Dialect, Dirent, Fid, Name, Qid, Request, Tag, WalkReply, decode_request, encode_reply,
    put_dirent,
};

use super::*;

const PERIOD: Duration = Duration::from_millis(100);
const START: Duration = Duration::from_secs(7);

fn at(millis: u64) -> Duration {
    START + Duration::from_millis(millis)
}

fn job(id: &str) -> String {
    let hash = "0".repeat(64);
    format!(
        r#"{{"job":"{id}","kernel":"vadd","n":256,"grid":[1],"block":[256],"bytes_hash":"sha256:{hash}","inputs":["a","b"],"outputs":["c"],"timeout_ms":5000}}"#
    )
}

fn status(job: &str, state: &str, progress: u8) -> String {
    let result = match state {
        "OK" => format!(r#","result":"sha256:{}""#, "1".repeat(64)),
        _ => String::new(),
    };
    format!(r#"{{"job":"{job}","state":"{state}","progress":{progress},"detail":""{result}}}"#)
}

/// What the server has, and with which errno it refuses what.
#[derive(Default)]
struct Server {
    fids: HashMap<u32, String>,
    tasks: String,
    status: String,
    jobs: Vec<String>,
    telemetry: Vec<String>,
    /// By the request and the file: `write job`.
    refuses: HashMap<String, u32>,
    frames: Vec<String>,
    no_gpu: bool,
}

impl Server {
    fn answer(&mut self, frame: &[u8]) -> Vec<u8> {
        assert!(frame.len() <= MSIZE);
        let (tag, request) = decode_request(Dialect::Linux, frame).expect("a request");
        let mut out = [0; MSIZE];
        if let Request::Walk { newfid, names, .. } = request {
            let path: Vec<_> = names.map(|name| name.as_str()).collect();
            let name = path.last().copied().unwrap_or_default();
            if let Some(ecode) = self.refusal("walk", name) {
                return encode(tag, &Reply::Lerror { ecode });
            }
            assert!(self.fids.insert(newfid.0, path.join("/")).is_none(), "the fid is in use");
            let mut walked = WalkReply::new(&mut out);
            for _ in &path {
                walked.push(Qid::default()).expect("room");
            }
            let length = walked.seal(tag).expect("room");
            return out[..length].to_vec();
        }
        let mut data = [0; MSIZE];
        let reply = self.reply(&request, &mut data);
        encode(tag, &reply)
    }

    fn refusal(&mut self, what: &str, file: &str) -> Option<u32> {
        let key = format!("{what} {file}");
        self.frames.push(key.clone());
        self.refuses.get(&key).copied()
    }

    fn file(&self, fid: Fid) -> String {
        let path = self.fids.get(&fid.0).expect("a fid");
        path.rsplit('/').next().expect("a name").into()
    }

    fn reply<'d>(&mut self, request: &Request<'_>, data: &'d mut [u8]) -> Reply<'d> {
        let qid = Qid::default();
        match *request {
            Request::Version { msize, .. } => Reply::Version { msize, version: "9P2000.L" },
            Request::Attach { aname, .. } => {
                assert_eq!(aname, "the ticket");
                Reply::Attach { qid }
            }
            Request::Clunk { fid } => match self.fids.remove(&fid.0) {
                Some(_) => Reply::Clunk,
                None => Reply::Lerror { ecode: EBADF },
            },
            Request::Lopen { fid, .. } => match self.refusal("open", &self.file(fid)) {
                Some(ecode) => Reply::Lerror { ecode },
                None => Reply::Lopen { qid, iounit: 0 },
            },
            Request::Readdir { .. } => {
                if self.no_gpu {
                    return Reply::Readdir { data: &[] };
                }
                let name = Name::new("GPU-0").expect("a name");
                let entry = Dirent { qid, offset: 1, kind: Dirent::DIRECTORY, name };
                let length = put_dirent(&entry, data).expect("room");
                Reply::Readdir { data: &data[..length] }
            }
            Request::Read { fid, offset, count } => {
                let file = self.file(fid);
                if let Some(ecode) = self.refusal("read", &file) {
                    return Reply::Lerror { ecode };
                }
                let text = if file == "tasks" { &self.tasks } else { &self.status };
                let rest = text.as_bytes().get(offset as usize..).unwrap_or_default();
                let length = rest.len().min(count as usize);
                data[..length].copy_from_slice(&rest[..length]);
                Reply::Read { data: &data[..length] }
            }
            Request::Write { fid, data, .. } => {
                let file = self.file(fid);
                if let Some(ecode) = self.refusal("write", &file) {
                    return Reply::Lerror { ecode };
                }
                let line = str::from_utf8(data).expect("UTF-8");
                let line = line.strip_suffix('\n').expect("a line").into();
                if file == "job" {
                    self.jobs.push(line)
                } else {
                    self.telemetry.push(line)
                }
                Reply::Write { count: data.len() as u32 }
            }
            ref other => panic!("unexpected {other:?}"),
        }
    }

    fn task(&mut self, line: &str) {
        self.tasks += &format!("{line}\n");
    }

    fn say(&mut self, line: &str) {
        self.status += &format!("{line}\n");
    }

    fn told(&mut self) -> Vec<String> {
        core::mem::take(&mut self.telemetry)
    }
}

fn encode(tag: Tag, reply: &Reply<'_>) -> Vec<u8> {
    let mut out = [0; MSIZE];
    let length = encode_reply(Dialect::Linux, tag, reply, &mut out).expect("room");
    out[..length].to_vec()
}

/// Answers all that the worker wants to say at `now`; what it does then.
fn run(worker: &mut GpuWorker<'_>, server: &mut Server, now: Duration) -> Next {
    let mut frame = [0; MSIZE];
    for _ in 0..1000 {
        match worker.next(now, &mut frame) {
            Next::Send(length) => worker.reply(&server.answer(&frame[..length])),
            other => return other,
        }
    }
    panic!("it does not come to rest: {:?}", &server.frames[server.frames.len() - 8..]);
}

fn started() -> (GpuWorker<'static>, Server) {
    let mut worker = GpuWorker::new("the ticket", START, PERIOD);
    let mut server = Server::default();
    assert_eq!(run(&mut worker, &mut server, at(1)), Next::Wait(at(100)));
    assert_eq!(worker.gpu(), "GPU-0");
    let mut open: Vec<_> = server.fids.values().cloned().collect();
    open.sort();
    let expected =
        ["gpu", "gpu/GPU-0/job", "gpu/GPU-0/status", "worker/self/tasks", "worker/self/telemetry"];
    assert_eq!(open, expected);
    (worker, server)
}

fn refused(job: &str, errno: &str) -> String {
    format!(r#"{{"job":"{job}","state":"REFUSED","errno":"{errno}"}}"#)
}

#[test]
fn tasks_are_submitted_and_what_is_said_of_them_is_told_when_it_changes() {
    let (mut worker, mut server) = started();
    for id in ["a", "b"] {
        server.task(&job(id));
    }
    for id in ["x", "a"] {
        server.say(&status(id, "QUEUED", 0));
    }
    assert_eq!(run(&mut worker, &mut server, at(99)), Next::Wait(at(100)));
    assert_eq!(server.jobs, [""; 0], "nothing between ticks");
    assert_eq!(run(&mut worker, &mut server, at(100)), Next::Wait(at(200)));
    assert_eq!(server.jobs, [job("a"), job("b")]);
    assert_eq!(server.told(), [status("a", "QUEUED", 0)], "of its own only");
    for line in [
        status("b", "QUEUED", 0),
        status("a", "RUNNING", 1),
        status("a", "RUNNING", 1),
        status("x", "OK", 100),
        status("a", "RUNNING", 50),
        status("a", "OK", 100),
        status("a", "OK", 100),
    ] {
        server.say(&line);
    }
    // Late: once for all ticks that were missed.
    assert_eq!(run(&mut worker, &mut server, at(560)), Next::Wait(at(600)));
    let expected = [
        status("b", "QUEUED", 0),
        status("a", "RUNNING", 1),
        status("a", "RUNNING", 50),
        status("a", "OK", 100),
    ];
    assert_eq!(server.told(), expected);
    server.say(&status("b", "ERR", 3));
    let _ = run(&mut worker, &mut server, at(600));
    assert_eq!(server.told(), [status("b", "ERR", 3)]);
    // A job that is submitted again is told of again.
    server.task(&job("a"));
    server.say(&status("a", "OK", 100));
    let _ = run(&mut worker, &mut server, at(700));
    assert_eq!(server.told(), [status("a", "OK", 100)]);
}

#[test]
fn a_rest_costs_two_frames() {
    let (mut worker, mut server) = started();
    server.frames.clear();
    let _ = run(&mut worker, &mut server, at(100));
    assert_eq!(server.frames, ["read tasks", "read status"]);
}

#[test]
fn a_refused_task_is_told_and_it_goes_on() {
    let (mut worker, mut server) = started();
    for (errno, name) in [(13, "EACCES"), (16, "EBUSY"), (22, "EINVAL"), (90, "EMSGSIZE")] {
        server.refuses.insert("write job".into(), errno);
        server.task(&job("a"));
        server.task("no job at all");
        let now = at(100 * u64::from(errno));
        let _ = run(&mut worker, &mut server, now);
        let null = format!(r#"{{"job":null,"state":"REFUSED","errno":"{name}"}}"#);
        assert_eq!(server.told(), [refused("a", name), null]);
    }
    server.refuses.clear();
    server.task(&job("b"));
    let _ = run(&mut worker, &mut server, at(100_000));
    assert_eq!(server.jobs, [job("b")]);
}

#[test]
fn a_closed_job_file_is_opened_anew_before_the_next_task() {
    let (mut worker, mut server) = started();
    server.refuses.insert("write job".into(), EBADF);
    server.refuses.insert("open job".into(), EBADF);
    for id in ["a", "b"] {
        server.task(&job(id));
    }
    let _ = run(&mut worker, &mut server, at(100));
    assert_eq!(server.told(), [refused("a", "EBADF"), refused("b", "EBADF")]);
    let writes = server.frames.iter().filter(|frame| *frame == "write job").count();
    assert_eq!(writes, 1, "what cannot be opened is not written to");
    server.refuses.clear();
    server.task(&job("c"));
    let _ = run(&mut worker, &mut server, at(200));
    assert_eq!((server.jobs.clone(), server.told()), (Vec::from([job("c")]), Vec::new()));
}

#[test]
fn a_new_lease_is_found_before_a_task_is_refused() {
    let (mut worker, mut server) = started();
    server.refuses.insert("write job".into(), EBADF);
    server.task(&job("a"));
    let mut frame = [0; MSIZE];
    while !server.frames.contains(&"write job".into()) {
        let Next::Send(length) = worker.next(at(100), &mut frame) else { panic!("it writes") };
        worker.reply(&server.answer(&frame[..length]));
    }
    server.refuses.clear();
    let _ = run(&mut worker, &mut server, at(100));
    assert_eq!((server.jobs.clone(), server.told()), (Vec::from([job("a")]), Vec::new()));
    // Closed for good is tried once more, and told.
    server.refuses.insert("write job".into(), EBADF);
    server.frames.clear();
    server.task(&job("b"));
    let _ = run(&mut worker, &mut server, at(200));
    assert_eq!(server.told(), [refused("b", "EBADF")]);
    let writes = server.frames.iter().filter(|frame| *frame == "write job").count();
    assert_eq!(writes, 2);
}

#[test]
fn where_the_device_goes_each_job_ends_and_a_new_one_is_used() {
    let (mut worker, mut server) = started();
    for id in ["a", "b"] {
        server.task(&job(id));
    }
    let _ = run(&mut worker, &mut server, at(100));
    for what in ["read status", "write job"] {
        server.refuses.insert(what.into(), EBADF);
    }
    server.refuses.insert("walk job".into(), ENOENT);
    let _ = run(&mut worker, &mut server, at(200));
    let gone = |id: &str| status(id, "ERR", 0).replace("\"\"", "\"device gone\"");
    assert_eq!(server.told(), [gone("a"), gone("b")]);
    server.task(&job("c"));
    let _ = run(&mut worker, &mut server, at(300));
    assert_eq!(server.told(), [refused("c", "ENOENT")]);
    server.refuses.clear();
    server.status.clear();
    server.task(&job("d"));
    server.say(&status("d", "OK", 100));
    let _ = run(&mut worker, &mut server, at(400));
    assert_eq!(server.told(), [status("d", "OK", 100)]);
    assert_eq!(server.jobs, [job("a"), job("b"), job("d")]);
}

#[test]
fn a_task_for_a_device_that_came_back_meanwhile_is_not_taken_for_gone() {
    let (mut worker, mut server) = started();
    server.task(&job("old"));
    let _ = run(&mut worker, &mut server, at(100));
    // Both files are of the device before.
    for what in ["write job", "read status"] {
        server.refuses.insert(what.into(), EBADF);
    }
    server.frames.clear();
    server.task(&job("new"));
    let mut frame = [0; MSIZE];
    while !server.frames.contains(&"read status".into()) {
        let Next::Send(length) = worker.next(at(200), &mut frame) else { panic!("it asks") };
        worker.reply(&server.answer(&frame[..length]));
    }
    server.refuses.clear();
    server.say(&status("new", "OK", 100));
    let _ = run(&mut worker, &mut server, at(200));
    let _ = run(&mut worker, &mut server, at(300));
    let gone = status("old", "ERR", 0).replace("\"\"", "\"device gone\"");
    assert_eq!(server.told(), [gone, status("new", "OK", 100)]);
    assert_eq!(server.jobs, [job("old"), job("new")]);
}

#[test]
fn a_lease_that_ends_before_it_has_begun_is_no_end() {
    let mut worker = GpuWorker::new("the ticket", START, PERIOD);
    let mut server = Server::default();
    server.refuses.insert("open job".into(), EBADF);
    server.refuses.insert("walk status".into(), EBADF);
    assert_eq!(run(&mut worker, &mut server, at(1)), Next::Wait(at(100)));
    server.task(&job("a"));
    assert_eq!(run(&mut worker, &mut server, at(100)), Next::Wait(at(200)));
    assert_eq!(server.told(), [refused("a", "EBADF")]);
}

#[test]
fn lines_come_in_pieces_and_too_long_ones_are_passed_over() {
    let (mut worker, mut server) = started();
    let whole = job("a");
    server.tasks += &whole[..50];
    let _ = run(&mut worker, &mut server, at(100));
    assert_eq!(server.jobs, [""; 0]);
    server.task(&whole[50..]);
    server.task("\n  ");
    server.task(&"x".repeat(MAX_TASK + 1));
    server.task(&"x".repeat(3 * MAX_TASK + 7));
    server.task(&job("b"));
    // As long as a line may be.
    server.task(&format!("{}{}", " ".repeat(MAX_TASK - job("c").len()), job("c")));
    let _ = run(&mut worker, &mut server, at(200));
    assert_eq!(server.jobs.len(), 3, "{:?}", server.jobs);
    assert_eq!(server.jobs[..2], [job("a"), job("b")]);
    let long = r#"{"job":null,"state":"REFUSED","errno":"EMSGSIZE"}"#;
    assert_eq!(server.told(), [long, long]);
    // One whose end is not there yet.
    server.tasks += &"y".repeat(2 * MAX_TASK);
    let _ = run(&mut worker, &mut server, at(300));
    server.task("y");
    server.task(&job("d"));
    let _ = run(&mut worker, &mut server, at(400));
    assert_eq!((server.jobs.len(), server.told()), (4, Vec::from([String::from(long)])));
}

#[test]
fn what_was_lost_is_told_and_read_anew() {
    let (mut worker, mut server) = started();
    server.refuses.insert("read tasks".into(), EOVERFLOW);
    let mut frame = [0; MSIZE];
    let Next::Send(length) = worker.next(at(100), &mut frame) else { panic!("it reads") };
    worker.reply(&server.answer(&frame[..length]));
    server.refuses.clear();
    server.task(&job("a"));
    let _ = run(&mut worker, &mut server, at(100));
    assert_eq!(server.told(), [r#"{"tasks":"LOST"}"#]);
    let _ = run(&mut worker, &mut server, at(200));
    assert_eq!(server.jobs, [job("a")]);
    // The status from its start: what was told is not told again.
    server.say(&status("a", "QUEUED", 0));
    let _ = run(&mut worker, &mut server, at(300));
    server.refuses.insert("read status".into(), EOVERFLOW);
    for _ in 0..2 {
        let Next::Send(length) = worker.next(at(400), &mut frame) else { panic!("it reads") };
        worker.reply(&server.answer(&frame[..length]));
    }
    server.refuses.clear();
    let _ = run(&mut worker, &mut server, at(400));
    server.say(&status("a", "OK", 100));
    let _ = run(&mut worker, &mut server, at(500));
    let lost = String::from(r#"{"status":"LOST"}"#);
    assert_eq!(server.told(), [status("a", "QUEUED", 0), lost, status("a", "OK", 100)]);
}

#[test]
fn the_longest_status_lines_come_through() {
    let (mut worker, mut server) = started();
    let long = "j".repeat(32);
    server.task(&job(&long));
    let detail = format!("\"{}\"", "d".repeat(DETAIL_BYTES));
    let mut lines: Vec<_> = (1..20)
        .map(|progress| status(&long, "RUNNING", progress).replace("\"\"", &detail))
        .collect();
    lines.push(status(&long, "OK", 100).replace("\"\"", &detail));
    for line in &lines {
        server.say(line);
    }
    let _ = run(&mut worker, &mut server, at(100));
    assert_eq!(server.told(), lines);
}

#[test]
fn what_it_cannot_do_without_ends_it_for_good() {
    for what in ["walk tasks", "open tasks", "open telemetry", "walk gpu", "open gpu"] {
        let mut worker = GpuWorker::new("the ticket", START, PERIOD);
        let mut server = Server::default();
        server.refuses.insert(what.into(), 13);
        let ended = Next::Ended(Ended::Refused(13));
        assert_eq!(run(&mut worker, &mut server, at(0)), ended, "{what}");
        worker.reply(b"garbage");
        assert_eq!(run(&mut worker, &mut server, at(500)), ended, "{what}");
    }
    let mut worker = GpuWorker::new("the ticket", START, PERIOD);
    let mut server = Server { no_gpu: true, ..Server::default() };
    assert_eq!(run(&mut worker, &mut server, at(0)), Next::Ended(Ended::Refused(ENOENT)));
    let (mut worker, mut server) = started();
    server.task("x");
    server.refuses.insert("write job".into(), 22);
    server.refuses.insert("write telemetry".into(), EBADF);
    assert_eq!(run(&mut worker, &mut server, at(100)), Next::Ended(Ended::Refused(EBADF)));
}

#[test]
fn what_is_no_answer_ends_it() {
    let unknown = Reply::Version { msize: 2048, version: "unknown" };
    let big = Reply::Version { msize: 8192, version: "9P2000.L" };
    let good = Reply::Version { msize: 2048, version: "9P2000.L" };
    for reply in [
        encode(Tag::NONE, &unknown),
        encode(Tag::NONE, &big),
        encode(Tag(0), &good),
        encode(Tag::NONE, &Reply::Clunk),
        Vec::new(),
        [0xff; MSIZE].to_vec(),
    ] {
        let mut worker = GpuWorker::new("the ticket", START, PERIOD);
        let mut frame = [0; MSIZE];
        assert!(matches!(worker.next(at(0), &mut frame), Next::Send(_)));
        worker.reply(&reply);
        assert_eq!(worker.next(at(0), &mut frame), Next::Ended(Ended::Botched));
    }
}

#[test]
fn a_buffer_or_a_ticket_that_does_not_fit_ends_it() {
    let long = "x".repeat(MSIZE);
    let mut frame = [0; MSIZE];
    let mut worker = GpuWorker::new(&long, START, PERIOD);
    assert_eq!(worker.next(at(0), &mut frame[..10]), Next::Ended(Ended::TooLong));
    let mut worker = GpuWorker::new(&long, START, PERIOD);
    assert_eq!(run(&mut worker, &mut Server::default(), at(0)), Next::Ended(Ended::TooLong));
}
