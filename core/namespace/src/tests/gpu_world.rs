//! Bridges and GPU workers of the tests.

use std::format;
use std::string::{String, ToString};
use std::vec::Vec;

use secure9p_core::{Tree, Write};
use ticket::Role;

use super::super::*;
use super::world::{READ, User, World};

/// Memory and streams of every GPU here.
pub const MEMORY_MB: u32 = 8000;
pub const STREAMS: u16 = 4;

pub fn about(id: &str) -> String {
    format!(
        r#"{{"publish":{{"id":"{id}","uuid":"u-{id}","name":"a test","memory_mb":{MEMORY_MB},"streams":{STREAMS},"driver_version":"1","runtime_version":"2","backend":"mock"}}}}"#
    )
}

pub fn spawn_line(id: &str, mem_mb: u32, streams: u16, ttl_s: u64) -> String {
    format!(
        r#"{{"spawn":"gpu","lease":{{"gpu_id":"{id}","mem_mb":{mem_mb},"streams":{streams},"ttl_s":{ttl_s},"priority":1}}}}"#
    )
}

/// A small job.
pub fn job(id: &str) -> String {
    let hash = "0".repeat(64);
    format!(
        r#"{{"job":"{id}","kernel":"vadd","n":256,"grid":[1],"block":[256],"bytes_hash":"sha256:{hash}","inputs":["a","b"],"outputs":["c"],"timeout_ms":5000}}"#
    )
}

/// A job that needs so many MiB.
pub fn sized_job(id: &str, mem_mb: u32) -> String {
    // Three vectors of f32.
    let n = (u64::from(mem_mb) << 20) / 12;
    let grid = n.div_ceil(256);
    job(id).replace(r#""n":256,"grid":[1]"#, &format!(r#""n":{n},"grid":[{grid}]"#))
}

/// What a bridge says of a job.
pub fn said(job: &str, state: &str) -> String {
    let (progress, result) = match state {
        "OK" => (100, format!(r#","result":"sha256:{}""#, "1".repeat(64))),
        _ => (10, String::new()),
    };
    format!(
        r#"{{"job":"{job}","state":"{state}","progress":{progress},"backend":"mock","detail":"d"{result}}}"#
    )
}

impl World {
    /// A bridge that has published this GPU.
    pub fn bridge(&mut self, id: &str) -> User {
        let bridge = self.attach(Role::GpuBridge);
        self.append(bridge, "/gpu/publish", format!("{}\n", about(id)).as_bytes()).expect(id);
        bridge
    }

    /// A GPU worker with one stream and 1000 MiB, over its own connection.
    pub fn gpu_worker(&mut self, queen: User, id: &str, ttl_s: u64) -> (WorkerId, User) {
        let worker = self.spawn(queen, &spawn_line(id, 1000, 1, ttl_s));
        (worker, self.attach_worker(worker))
    }

    pub fn line(&mut self, user: User, path: &str, line: &str) -> Result<Write, Error> {
        self.append(user, path, format!("{line}\n").as_bytes())
    }

    /// What the bridge reads of the job file, up to where it waits.
    pub fn orders(&mut self, bridge: User, id: &str) -> Vec<String> {
        let node = self.find(bridge, &format!("/gpu/{id}/job")).expect("there");
        let mut open = self.open(bridge, node, READ).expect("readable");
        let mut text = String::new();
        while let Some(more) = self.read(bridge, node, &mut open, text.len()).expect("kept") {
            assert!(!more.is_empty(), "a read at the end waits");
            text += &more;
        }
        self.tree.close(bridge.session, node, open);
        text.lines().map(ToString::to_string).collect()
    }

    /// The status lines of one job, each as its state and its detail.
    pub fn states(&mut self, user: User, id: &str, job: &str) -> Vec<String> {
        let text = self.cat(user, &format!("/gpu/{id}/status")).expect("read");
        let lines = text.lines().map(|line| gpu::Status::parse(line.as_bytes()).expect(line));
        let of_job = lines.filter(|status| status.job.as_str() == job);
        of_job.map(|status| format!("{} {}", status.state, status.detail)).collect()
    }

    pub fn pass(&mut self, seconds: u64) {
        self.tree.host_mut().now += Duration::from_secs(seconds);
    }
}
