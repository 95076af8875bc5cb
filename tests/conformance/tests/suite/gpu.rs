//! GPUs: a bridge played by the test, workers with leases, jobs and their ends.

use std::time::Instant;

use conformance_tests::{
    Answer, CONTROL, Client, DEADLINE, DIALECTS, EVENTS, Hive, LOG, Mode, Role, cases, claims,
    refusals as r,
};
use secure9p_codec::{Dialect, Fid, Reply, Request};

cases![
    a_worker_runs_its_tasks_on_the_device_that_it_leased,
    a_lease_that_expires_in_mid_job_closes_and_cancels,
    a_bridge_that_goes_leaves_nothing_behind,
    a_device_is_never_leased_twice,
    a_forged_job_and_a_forged_status_are_refused,
    a_closed_job_file_stays_closed_and_a_new_lease_opens_anew,
    bad_lines_are_refused_and_nothing_happens,
    a_waiting_bridge_is_told_of_jobs_and_of_cancels,
];

const JOB: &str = "/gpu/GPU-0/job";
const STATUS: &str = "/gpu/GPU-0/status";
const CTL: &str = "/gpu/GPU-0/ctl";
const INFO: &str = "/gpu/GPU-0/info";
const PUBLISH: &str = "/gpu/publish";

const ABOUT: &str = r#"{"publish":{"id":"GPU-0","uuid":"u-0","name":"a test","memory_mb":8000,"streams":4,"sm_count":1,"driver_version":"1","runtime_version":"2","backend":"mock"}}"#;

fn job(id: &str) -> String {
    let hash = "0".repeat(64);
    format!(
        r#"{{"job":"{id}","kernel":"vadd","n":256,"grid":[1],"block":[256],"bytes_hash":"sha256:{hash}","inputs":["a","b"],"outputs":["c"],"timeout_ms":5000}}"#
    )
}

fn said(job: &str, state: &str) -> String {
    let (progress, result) = match state {
        "OK" => (100, format!(r#","result":"sha256:{}""#, "1".repeat(64))),
        _ => (10, String::new()),
    };
    format!(
        r#"{{"job":"{job}","state":"{state}","progress":{progress},"backend":"mock","detail":"d"{result}}}"#
    )
}

/// What the bridge reads of a job.
fn order(worker: &str, id: &str) -> String {
    order_of(worker, 1000, id)
}

/// The same of a lease of so much memory.
fn order_of(worker: &str, mem_mb: u32, id: &str) -> String {
    format!("{{\"holder\":\"{worker}\",\"priority\":1,\"mem_mb\":{mem_mb},{}\n", &job(id)[1..])
}

fn cancel(id: &str) -> String {
    format!("{{\"cancel\":\"{id}\"}}\n")
}

/// A bridge as the tests need it: `publish` is fid 1, `status` fid 2, `job` fid 3.
struct Bridge {
    client: Client,
    read: u64,
}

impl Bridge {
    /// One that has published GPU-0.
    fn start(hive: &Hive, dialect: Dialect) -> Self {
        let mut client = Client::with_ticket(hive, dialect, hive.ticket(Role::GpuBridge));
        client.open_at(1, PUBLISH, Mode::WRITE);
        client.write(1, 0, format!("{ABOUT}\n").as_bytes());
        client.open_at(2, STATUS, Mode::WRITE);
        client.open_at(3, JOB, Mode::READ);
        Self { client, read: 0 }
    }

    /// Waits for more orders.
    fn orders(&mut self) -> String {
        let read = self.client.read(3, self.read, 8000);
        self.read += read.len() as u64;
        String::from_utf8(read).expect("UTF-8")
    }

    fn say(&mut self, job: &str, state: &str) {
        self.client.write(2, 0, format!("{}\n", said(job, state)).as_bytes());
    }

    /// Hangs up, and waits until its device is gone and another may publish it.
    fn leave(self, queen: &mut Client) {
        drop(self);
        queen.until(LOG, |log| {
            log.matches("gone gpu=GPU-0 ").count() == log.matches("published gpu=GPU-0 ").count()
        });
    }
}

fn spawn_line(mem_mb: u32, streams: u16, ttl_s: u32) -> String {
    format!(
        "{{\"spawn\":\"gpu\",\"lease\":{{\"gpu_id\":\"GPU-0\",\"mem_mb\":{mem_mb},\
         \"streams\":{streams},\"ttl_s\":{ttl_s},\"priority\":1}}}}\n"
    )
}

/// Spawns a worker with one stream and 1000 MiB.
fn spawn(queen: &mut Client, ttl_s: u32) -> String {
    queen.append(CONTROL, &spawn_line(1000, 1, ttl_s));
    let last = queen.cat("/queen/last");
    last.strip_suffix('\n').expect("a worker").to_owned()
}

/// Somebody on the host with the worker's ticket.
fn as_worker(hive: &Hive, dialect: Dialect, worker: &str) -> Client {
    let mut claims = claims(Role::WorkerGpu);
    claims.subject = ticket::Name::new(worker).ok();
    Client::with_ticket(hive, dialect, hive.mint(&claims))
}

/// Appends a line to a file and answers how that went.
fn append(client: &mut Client, path: &str, line: &str) -> Answer {
    client.find(90, path);
    let mode = Mode::WRITE.request(client.dialect(), 90);
    let opened = client.ask(&mode);
    let answer = match opened.reply() {
        Reply::Open { .. } | Reply::Lopen { .. } => {
            let data = format!("{line}\n");
            client.ask(&Request::Write { fid: Fid(90), offset: 0, data: data.as_bytes() })
        }
        _ => opened,
    };
    client.clunk(90);
    answer
}

fn wait(queen: &mut Client, path: &str, line: &str) {
    queen.until(path, |text| text.contains(line));
}

fn a_worker_runs_its_tasks_on_the_device_that_it_leased(hive: &Hive) {
    for dialect in DIALECTS {
        let mut queen = Client::attach(hive, dialect);
        let mut bridge = Bridge::start(hive, dialect);
        let info = queen.cat(INFO);
        assert!(info.contains(r#""backend":"mock""#), "{info}");
        let worker = spawn(&mut queen, 600);
        let info = queen.cat(INFO);
        assert!(info.contains(r#""memory_mb_free":7000   ,"streams_free":3 "#), "{info}");
        let telemetry = format!("/worker/{worker}/telemetry");
        queen.append(&format!("/worker/{worker}/tasks"), &format!("{}\nnonsense\n", job("one")));
        assert_eq!(bridge.orders(), order(&worker, "one"));
        for state in ["RUNNING", "OK"] {
            bridge.say("one", state);
        }
        wait(&mut queen, &telemetry, &format!("{}\n", said("one", "OK")));
        let text = queen.cat(&telemetry);
        assert!(
            text.contains("{\"job\":null,\"state\":\"REFUSED\",\"errno\":\"EINVAL\"}\n"),
            "{text}"
        );
        let status = queen.cat(STATUS);
        let states: Vec<_> = status
            .lines()
            .map(|line| line.split("\"state\":\"").nth(1).and_then(|rest| rest.split('"').next()))
            .collect();
        assert_eq!(states, [Some("QUEUED"), Some("RUNNING"), Some("OK")], "{status}");
        queen.append(CONTROL, &format!("{{\"kill\":\"{worker}\"}}\n"));
        let log = queen.cat(LOG);
        let ended = format!("ended lease of {worker} gpu=GPU-0 reason=worker ended\n");
        assert!(log.contains(&ended), "{log}");
        bridge.leave(&mut queen);
    }
}

fn a_lease_that_expires_in_mid_job_closes_and_cancels(hive: &Hive) {
    let mut queen = Client::attach(hive, Dialect::Linux);
    let mut bridge = Bridge::start(hive, Dialect::Linux);
    let start = Instant::now();
    let worker = spawn(&mut queen, 2);
    let mut holder = as_worker(hive, Dialect::Linux, &worker);
    holder.open_at(1, JOB, Mode::WRITE);
    holder.write(1, 0, format!("{}\n{}\n", job("runs"), job("waits")).as_bytes());
    assert_eq!(bridge.orders(), order(&worker, "runs"));
    bridge.say("runs", "RUNNING");
    // Nobody asks for anything: the hive wakes by itself.
    assert_eq!(bridge.orders(), cancel("runs"));
    assert!(start.elapsed().as_millis() >= 1900 && start.elapsed() < DEADLINE);
    let late = format!("{}\n", job("late"));
    let late = Request::Write { fid: Fid(1), offset: 0, data: late.as_bytes() };
    holder.refuses(&late, r::CLOSED);
    append(&mut holder, JOB, &job("late")).is_refused(r::CLOSED);
    let status = queen.cat(STATUS);
    assert!(
        status.contains(
            r#""job":"waits","state":"ERR","progress":0,"backend":"mock","detail":"lease expired""#
        ),
        "{status}"
    );
    // The share is taken until the job has stopped.
    append(&mut queen, CONTROL, spawn_line(8000, 4, 5).trim_end()).is_refused(r::BUSY);
    bridge.say("runs", "ERR");
    wait(&mut queen, LOG, &format!("freed share of {worker} gpu=GPU-0\n"));
    // The worker lives still, and its next task is refused.
    queen.append(&format!("/worker/{worker}/tasks"), &format!("{}\n", job("next")));
    let told = "{\"job\":\"next\",\"state\":\"REFUSED\",\"errno\":\"EBADF\"}\n";
    wait(&mut queen, &format!("/worker/{worker}/telemetry"), told);
    queen.append(CONTROL, &spawn_line(8000, 4, 5));
}

fn a_bridge_that_goes_leaves_nothing_behind(hive: &Hive) {
    // What has happened to the job when the bridge goes.
    let states = ["nothing", "queued", "handed out", "running", "stopping", "done"];
    for (round, state) in states.into_iter().enumerate() {
        let mut queen = Client::attach(hive, Dialect::Linux);
        let mut bridge = Bridge::start(hive, Dialect::Linux);
        let worker = spawn(&mut queen, 600);
        let mut holder = as_worker(hive, Dialect::Linux, &worker);
        holder.open_at(1, JOB, Mode::WRITE);
        holder.open_at(2, STATUS, Mode::READ);
        let telemetry = format!("/worker/{worker}/telemetry");
        if state != "nothing" {
            let task = format!("{}\n", job("one"));
            queen.append(&format!("/worker/{worker}/tasks"), &task);
            assert_eq!(bridge.orders(), order(&worker, "one"));
            wait(&mut queen, &telemetry, "\"state\":\"QUEUED\"");
        }
        if state == "queued" {
            holder.write(1, 0, format!("{}\n", job("two")).as_bytes());
        }
        if ["running", "stopping", "done"].contains(&state) {
            bridge.say("one", "RUNNING");
            wait(&mut queen, &telemetry, "\"state\":\"RUNNING\"");
        }
        match state {
            "stopping" => {
                queen.append(CTL, &format!("RELEASE {worker}\n"));
                assert_eq!(bridge.orders(), cancel("one"));
            }
            "done" => {
                bridge.say("one", "OK");
                wait(&mut queen, &telemetry, "\"state\":\"OK\"");
            }
            _ => {}
        }
        drop(bridge);
        // Each round has another bridge that goes at its end.
        queen.until(LOG, |log| {
            log.matches("gone gpu=GPU-0 reason=bridge lost\n").count() == 2 * round + 1
        });
        assert_eq!(queen.list("/gpu", 8000), []);
        let late = format!("{}\n", job("late"));
        let late = Request::Write { fid: Fid(1), offset: 0, data: late.as_bytes() };
        holder.refuses(&late, r::CLOSED);
        holder.refuses(&Request::Read { fid: Fid(2), offset: 0, count: 100 }, r::CLOSED);
        let log = queen.cat(LOG);
        let ended = log.matches(&format!("ended lease of {worker} gpu=GPU-0")).count();
        assert_eq!(ended, 1, "{state}\n{log}");
        if !["nothing", "done"].contains(&state) {
            wait(&mut queen, &telemetry, "\"detail\":\"device gone\"");
        }
        append(&mut queen, CONTROL, spawn_line(1, 1, 5).trim_end()).is_refused(r::BUSY);
        // It comes back: with all of it free, and nothing of before.
        let again = Bridge::start(hive, Dialect::Linux);
        assert_eq!(queen.cat(STATUS), "");
        queen.append(CONTROL, &spawn_line(8000, 4, 5));
        again.leave(&mut queen);
        // A worker whose device goes while it starts ends by itself; the others go on.
        kill_all(&mut queen, |name| name != worker || state == "nothing");
    }
}

/// Kills every worker; some may have ended just now.
fn kill_all(queen: &mut Client, may_have_ended: impl Fn(&str) -> bool) {
    for entry in queen.list("/worker", 8000) {
        let answer = append(queen, CONTROL, &format!("{{\"kill\":\"{}\"}}", entry.name));
        if !matches!(answer.reply(), Reply::Write { .. }) {
            assert!(may_have_ended(&entry.name), "{} has ended", entry.name);
            answer.is_refused(r::NOT_FOUND);
        }
    }
}

fn a_device_is_never_leased_twice(hive: &Hive) {
    let mut queen = Client::attach(hive, Dialect::Linux);
    append(&mut queen, CONTROL, spawn_line(1, 1, 5).trim_end()).is_refused(r::BUSY);
    let _bridge = Bridge::start(hive, Dialect::Linux);
    for line in [spawn_line(8001, 1, 5), spawn_line(1, 5, 5)] {
        append(&mut queen, CONTROL, line.trim_end()).is_refused(r::INVALID);
    }
    queen.append(CONTROL, &spawn_line(5000, 3, 600));
    for line in [spawn_line(3001, 1, 5), spawn_line(1, 2, 5)] {
        append(&mut queen, CONTROL, line.trim_end()).is_refused(r::BUSY);
    }
    let workers = queen.list("/worker", 8000);
    assert_eq!(workers.len(), 1, "no worker is made without its lease");
    queen.append(CONTROL, &spawn_line(3000, 1, 600));
    append(&mut queen, CONTROL, spawn_line(1, 1, 5).trim_end()).is_refused(r::BUSY);
    let info = queen.cat(INFO);
    assert!(info.contains(r#""memory_mb_free":0      ,"streams_free":0 "#), "{info}");
    queen.append(CTL, "RESET\n");
    let info = queen.cat(INFO);
    assert!(info.contains(r#""memory_mb_free":8000   ,"streams_free":4 "#), "{info}");
}

fn a_forged_job_and_a_forged_status_are_refused(hive: &Hive) {
    for dialect in DIALECTS {
        let mut queen = Client::attach(hive, dialect);
        let mut bridge = Bridge::start(hive, dialect);
        let worker = spawn(&mut queen, 600);
        let mut holder = as_worker(hive, dialect, &worker);
        holder.append(JOB, &format!("{}\n", job("mine")));
        let mut other = Client::with_ticket(hive, dialect, hive.ticket(Role::GpuBridge));
        // Another bridge cannot even walk to it.
        let mut buffer = [0; 64];
        let names = conformance_tests::packed("GPU-0", &mut buffer);
        other.find(1, "/gpu");
        other.refuses(&Request::Walk { fid: Fid(1), newfid: Fid(2), names }, r::PERMISSION);
        append(&mut holder, STATUS, &said("mine", "OK")).is_refused(r::PERMISSION);
        append(&mut queen, STATUS, &said("mine", "OK")).is_refused(r::PERMISSION);
        append(&mut bridge.client, STATUS, &said("other", "OK")).is_refused(r::INVALID);
        append(&mut other, PUBLISH, ABOUT).is_refused(r::BUSY);
        append(&mut other, PUBLISH, r#"{"withdraw":"GPU-0"}"#).is_refused(r::PERMISSION);
        let names = conformance_tests::packed(JOB, &mut buffer);
        let mut forger = {
            queen.append(CONTROL, "{\"spawn\":\"heartbeat\",\"period_ms\":3600000}\n");
            let last = queen.cat("/queen/last");
            let mut claims = claims(Role::WorkerHeartbeat);
            claims.subject = ticket::Name::new(last.trim_end()).ok();
            Client::with_ticket(hive, dialect, hive.mint(&claims))
        };
        forger.refuses(&Request::Walk { fid: Fid(0), newfid: Fid(2), names }, r::PERMISSION);
        let status = queen.cat(STATUS);
        assert_eq!(status.lines().count(), 1, "{status}");
        queen.append(CONTROL, &format!("{{\"kill\":\"{worker}\"}}\n"));
        bridge.leave(&mut queen);
    }
}

fn a_closed_job_file_stays_closed_and_a_new_lease_opens_anew(hive: &Hive) {
    let mut queen = Client::attach(hive, Dialect::Linux);
    let mut bridge = Bridge::start(hive, Dialect::Linux);
    let worker = spawn(&mut queen, 600);
    let mut holder = as_worker(hive, Dialect::Linux, &worker);
    holder.open_at(1, JOB, Mode::WRITE);
    queen.append(CTL, &format!("RELEASE {worker}\n"));
    append(&mut holder, JOB, &job("a")).is_refused(r::CLOSED);
    queen.append(CTL, &format!("LEASE {worker} 8000 4 600 1\n"));
    let write = format!("{}\n", job("a"));
    let write = Request::Write { fid: Fid(1), offset: 0, data: write.as_bytes() };
    holder.refuses(&write, r::CLOSED);
    // The worker itself finds its way, too.
    queen.append(&format!("/worker/{worker}/tasks"), &format!("{}\n", job("b")));
    assert_eq!(bridge.orders(), order_of(&worker, 8000, "b"));
    bridge.say("b", "OK");
    wait(&mut queen, &format!("/worker/{worker}/telemetry"), &said("b", "OK"));
}

fn bad_lines_are_refused_and_nothing_happens(hive: &Hive) {
    let mut queen = Client::attach(hive, Dialect::Linux);
    let mut bridge = Bridge::start(hive, Dialect::Linux);
    let worker = spawn(&mut queen, 600);
    let mut holder = as_worker(hive, Dialect::Linux, &worker);
    let twice = format!("{}\n{{}}", job("a"));
    for line in ["x", "{}", &job("a")[1..], &job("a").replace("vadd", "vsub"), &twice] {
        append(&mut holder, JOB, line).is_refused(r::INVALID);
    }
    for line in ["RESET x", "lease", "LEASE worker-1 1", "RESET\nx"] {
        append(&mut queen, CTL, line).is_refused(r::INVALID);
    }
    for line in ["x", "{}", r#"{"publish":{}}"#, r#"{"withdraw":"GPU-0"} x"#] {
        append(&mut bridge.client, PUBLISH, line).is_refused(r::INVALID);
    }
    for line in ["x", "{}", &said("a", "QUEUED")] {
        append(&mut bridge.client, STATUS, line).is_refused(r::INVALID);
    }
    append(&mut queen, CTL, "RELEASE worker-99").is_refused(r::NOT_FOUND);
    assert_eq!(queen.cat(STATUS), "");
    let info = queen.cat(INFO);
    assert!(info.contains(r#""held":1 "#), "{info}");
    let log = queen.cat(LOG);
    assert!(log.contains("refused: gpu=GPU-0: line: must be LEASE "), "{log}");
}

fn a_waiting_bridge_is_told_of_jobs_and_of_cancels(hive: &Hive) {
    for dialect in DIALECTS {
        let mut queen = Client::attach(hive, dialect);
        let mut bridge = Bridge::start(hive, dialect);
        let mut events = Client::attach(hive, dialect);
        events.open_at(1, EVENTS, Mode::READ);
        let worker = spawn(&mut queen, 600);
        let mut holder = as_worker(hive, dialect, &worker);
        bridge.client.send(7, &Request::Read { fid: Fid(3), offset: 0, count: 8000 });
        holder.append(JOB, &format!("{}\n", job("a")));
        let first = bridge.client.receive();
        assert_eq!(str::from_utf8(first.data()), Ok(&*order(&worker, "a")));
        let read = order(&worker, "a").len() as u64;
        bridge.client.send(8, &Request::Read { fid: Fid(3), offset: read, count: 8000 });
        queen.append(CTL, "RESET\n");
        let second = bridge.client.receive();
        assert_eq!(str::from_utf8(second.data()), Ok(&*cancel("a")));
        let mut seen = String::new();
        while !seen.contains(&format!("{JOB} {}\n", read + cancel("a").len() as u64)) {
            let more = events.read(1, seen.len() as u64, 8000);
            seen += str::from_utf8(&more).expect("text");
        }
        assert!(seen.contains("/gpu/GPU-0/status "), "{seen}");
        // A read that waits when its device is withdrawn is released.
        let behind = read + cancel("a").len() as u64;
        bridge.client.send(9, &Request::Read { fid: Fid(3), offset: behind, count: 8000 });
        let withdraw = b"{\"withdraw\":\"GPU-0\"}\n";
        bridge.client.send(10, &Request::Write { fid: Fid(1), offset: 0, data: withdraw });
        let (one, two) = (bridge.client.receive(), bridge.client.receive());
        let (released, written) = if one.bytes()[5] == 9 { (one, two) } else { (two, one) };
        released.is_refused(r::CLOSED);
        assert!(matches!(written.reply(), Reply::Write { .. }));
    }
}
