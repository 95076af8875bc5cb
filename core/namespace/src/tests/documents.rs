//! docs/ says what the code does: tables of the documents, compared with the code's.

use std::borrow::ToOwned as _;
use std::collections::{BTreeMap, BTreeSet};
use std::format;
use std::fs;
use std::string::{String, ToString as _};
use std::vec::Vec;

use secure9p_core::{Error, OpenMode};
use ticket::{RevokeError, Role, TicketError};

use crate::act::Denial;
use crate::attach::Refusal;
use crate::gpus::{DeviceId, Relation};
use crate::host::{Reason, SpawnError};
use crate::joiner::MAX_CONTROL_LINE;
use crate::lines;
use crate::nodes::{File, Fixed, Kind, Part};
use crate::policy::Who;
use crate::workers::WorkerId;
use crate::{
    EVENT_BYTES, LOG_BYTES, MAX_GPU_WORKERS, MAX_GPUS, MAX_JOBS, MAX_LEASES, MAX_MOUNTS,
    MAX_REVOKED, MAX_SESSIONS, MAX_WORKERS, ORDER_BYTES, STATUS_BYTES, TASK_BYTES, TELEMETRY_BYTES,
    text,
};

const MINE: WorkerId = WorkerId { place: 1, number: 4 };
const OTHERS: WorkerId = WorkerId { place: 1, number: 5 };
const GPU: DeviceId = DeviceId { place: 1, number: 4 };
const OTHER_GPU: DeviceId = DeviceId { place: 1, number: 5 };

/// The rows of the table between the marks of this name, without title; a row is its cells.
fn table(document: &str, name: &str) -> Vec<Vec<String>> {
    let path = format!("{}/../../docs/{document}", env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(&path).expect(&path);
    let (begin, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let (_, behind) = text.split_once(&begin).expect(&begin);
    let (table, _) = behind.split_once(&end).expect(&end);
    let cells = |line: &str| -> Vec<String> {
        line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
    };
    table.lines().skip(2).map(cells).collect()
}

/// What stands between the first two backquotes.
fn code(cell: &str) -> String {
    cell.split('`').nth(1).expect(cell).to_owned()
}

/// `r`, `rw` or `-`: what this role may do with the file.
fn rights(role: Role, file: File) -> &'static str {
    let who = Who { role, worker: Some(MINE) };
    let relation = match role {
        _ if file.gpu() != Some(GPU) => Relation::Stranger,
        Role::GpuBridge => Relation::Bridge,
        _ => Relation::Tenant,
    };
    let may = |read, write| {
        let open = secure9p_core::Access::Open(OpenMode { read, write });
        who.allow(file, relation, open).is_ok()
    };
    match (may(true, false), may(false, true)) {
        (true, true) => "rw",
        (true, false) => "r",
        (false, false) => "-",
        (false, true) => "w",
    }
}

/// Every file, by the path that the documents write.
fn files() -> Vec<(String, File)> {
    let worker = |worker| [File::Worker(worker), File::Telemetry(worker), File::Tasks(worker)];
    let gpu = |device| {
        let parts = Part::ALL.into_iter().map(move |part| File::OfGpu(device, part));
        [File::Gpu(device)].into_iter().chain(parts)
    };
    let path = |file: &File| match file {
        File::Worker(_) => "/worker/ID".to_owned(),
        File::Telemetry(_) => "/worker/ID/telemetry".to_owned(),
        File::Tasks(_) => "/worker/ID/tasks".to_owned(),
        File::Gpu(_) => "/gpu/ID".to_owned(),
        File::OfGpu(_, part) => format!("/gpu/ID/{}", part.name()),
        File::Fixed(fixed) => fixed.path().to_owned(),
    };
    let fixed = Fixed::all().map(File::Fixed);
    let of_workers = worker(MINE).into_iter().chain(worker(OTHERS));
    let all = fixed.chain(of_workers).chain(gpu(GPU)).chain(gpu(OTHER_GPU));
    all.map(|file| (path(&file), file)).collect()
}

#[test]
fn the_roles_table_is_the_policy() {
    let rows = table("ROLES_AND_SCHEDULING.md", "roles");
    let written: Vec<Vec<String>> = rows
        .into_iter()
        .map(|mut row| {
            row[0] = row[0].replace('`', "");
            row
        })
        .collect();
    let expected = files().into_iter().map(|(path, file)| {
        let path = match (file.worker(), file.gpu()) {
            (None, None) => path,
            (Some(MINE), _) | (_, Some(GPU)) => format!("{path}, its own"),
            _ => format!("{path}, another's"),
        };
        let rights = Role::ALL.map(|role| rights(role, file).to_owned());
        [path].into_iter().chain(rights).collect::<Vec<_>>()
    });
    let sorted = |rows: &mut Vec<Vec<String>>| rows.sort();
    let (mut written, mut expected) = (written, expected.collect::<Vec<_>>());
    sorted(&mut written);
    sorted(&mut expected);
    assert_eq!(written, expected);
}

/// Whom a cell of the table of files means.
fn roles(cell: &str) -> BTreeSet<&'static str> {
    let named = cell.split(", ").flat_map(|name| match name {
        "" => &[][..],
        "everybody" => &["queen", "worker-heartbeat", "worker-gpu", "observer", "gpu-bridge"],
        "queen" => &["queen"],
        "observer" => &["observer"],
        "workers" | "that worker" => &["worker-heartbeat", "worker-gpu"],
        "GPU workers" | "that GPU worker" | "its holders" => &["worker-gpu"],
        "GPU bridges" | "its bridge" => &["gpu-bridge"],
        other => panic!("{other} is nobody"),
    });
    named.copied().collect()
}

#[test]
fn every_file_is_in_the_table_of_files_and_no_other() {
    let rows = table("INTERFACES.md", "files");
    let mut written = BTreeMap::new();
    for row in rows {
        let entry = (row[1].clone(), roles(&row[2]), roles(&row[3]));
        assert!(written.insert(code(&row[0]), entry).is_none(), "{row:?} stands twice");
    }
    let whose = |file, letter| -> BTreeSet<&str> {
        let roles = Role::ALL.into_iter().filter(|role| rights(*role, file).contains(letter));
        roles.map(Role::name).collect()
    };
    let expected = files()
        .into_iter()
        .filter(|(_, file)| file.worker() != Some(OTHERS) && file.gpu() != Some(OTHER_GPU));
    let expected: BTreeMap<_, _> = expected
        .map(|(path, file)| {
            let kind = match file.kind() {
                Kind::Directory => "directory",
                Kind::Text => "text",
                Kind::Append => "append",
            };
            (path, (kind.to_owned(), whose(file, 'r'), whose(file, 'w')))
        })
        .collect();
    assert_eq!(written, expected);
}

#[test]
fn the_sizes_are_the_constants() {
    let rows = table("INTERFACES.md", "sizes");
    let written = rows.iter().map(|row| {
        let number = row[1].split(' ').next().expect("a number");
        number.parse::<usize>().expect(number)
    });
    let expected = [
        LOG_BYTES,
        EVENT_BYTES,
        TELEMETRY_BYTES,
        text::MAX_LINE,
        MAX_CONTROL_LINE,
        MAX_WORKERS,
        MAX_SESSIONS,
        MAX_MOUNTS,
        MAX_REVOKED,
        MAX_GPUS,
        MAX_LEASES,
        MAX_JOBS,
        STATUS_BYTES,
        ORDER_BYTES,
        MAX_GPU_WORKERS,
        TASK_BYTES,
    ];
    assert_eq!(written.collect::<Vec<_>>(), expected);
}

/// What the log says in each case, and the answer.
fn denials() -> Vec<(String, &'static str)> {
    let all = [
        Denial::Out { field: "period_ms", least: 10, most: 3_600_000 },
        Denial::NoWorker,
        Denial::Spawn(SpawnError::Places),
        Denial::Spawn(SpawnError::Memory),
        Denial::Spawn(SpawnError::Throttled),
        Denial::Spawn(SpawnError::Kind),
        Denial::Path { field: "bind.from", error: Error::NotFound },
        Denial::Circle,
        Denial::Unlike,
        Denial::Taken,
        Denial::Mounts,
        Denial::NoService,
        Denial::NoTicket,
        Denial::Revoke(RevokeError::Worker),
        Denial::Revoke(RevokeError::Full),
    ];
    let answer = |denial: Denial| match (denial, denial.into()) {
        (Denial::Path { .. }, _) => "that error",
        (_, Error::Invalid) => "Invalid",
        (_, Error::NotFound) => "NotFound",
        (_, Error::Busy) => "Busy",
        (_, other) => panic!("{other:?}"),
    };
    all.map(|denial| (denial.to_string(), answer(denial))).to_vec()
}

/// The same of GPUs' files.
fn gpu_denials() -> Vec<(String, &'static str)> {
    use gpu::{EnqueueError, GrantError, Resource, SubmitError};
    use lines::Denial as Gpu;
    let all = [
        Gpu::NoGpu,
        Gpu::Grant(GrantError::TooBig(Resource::Memory, 8000)),
        Gpu::Grant(GrantError::Busy(Resource::Streams, 1)),
        Gpu::Grant(GrantError::Places),
        Gpu::Desks,
        Gpu::NoWorker,
        Gpu::Grant(GrantError::Held),
        Gpu::NoLease,
        Gpu::Ended,
        Gpu::Submit(SubmitError::TooBig { needs_mb: 3072, mem_mb: 1000 }),
        Gpu::Submit(SubmitError::Enqueue(EnqueueError::Full)),
        Gpu::Submit(SubmitError::Enqueue(EnqueueError::NotYours)),
        Gpu::Submit(SubmitError::Enqueue(EnqueueError::Differs)),
        Gpu::State,
        Gpu::TooOften,
        Gpu::Reserved,
        Gpu::Taken,
        Gpu::Gpus,
        Gpu::NotYours,
    ];
    let answer = |denial: Gpu| match denial.into() {
        Error::Invalid => "Invalid",
        Error::NotFound => "NotFound",
        Error::Busy => "Busy",
        Error::Closed => "Closed",
        Error::Permission => "Permission",
        Error::TooBig => "TooBig",
        other => panic!("{other:?}"),
    };
    all.map(|denial| (denial.to_string(), answer(denial))).to_vec()
}

#[test]
fn refusals_of_gpus_are_said_as_the_document_says() {
    let rows = table("INTERFACES.md", "gpu denials");
    let written: Vec<_> = rows.iter().map(|row| (code(&row[0]), &*row[2])).collect();
    assert_eq!(written, gpu_denials());
}

#[test]
fn refusals_are_said_as_the_document_says() {
    let rows = table("INTERFACES.md", "denials");
    let written: Vec<_> = rows.iter().map(|row| (code(&row[0]), &*row[1])).collect();
    assert_eq!(written, denials());
    let rows = table("INTERFACES.md", "attaches");
    let written: Vec<_> = rows.iter().map(|row| code(&row[0])).collect();
    let expected = [
        Refusal::NoTicket,
        Refusal::Ticket(TicketError::Forged),
        Refusal::Ticket(TicketError::Expired),
        Refusal::Ticket(TicketError::NotYetValid),
        Refusal::Ticket(TicketError::Revoked),
        Refusal::Ticket(TicketError::Malformed),
        Refusal::Gone,
        Refusal::Another,
        Refusal::Limited,
        Refusal::Busy,
    ];
    assert_eq!(written, expected.map(|refusal| refusal.to_string()));
}

#[test]
fn reasons_are_said_as_the_document_says() {
    let rows = table("INTERFACES.md", "reasons");
    let written: Vec<_> = rows.iter().map(|row| code(&row[0])).collect();
    let expected = [
        Reason::Ttl,
        Reason::Ticks,
        Reason::Ops,
        Reason::Killed,
        Reason::Fault { kind: "vm-read", address: 0, ip: 0x20_1294 },
        Reason::Exited { code: 7 },
    ];
    assert_eq!(written, expected.map(|reason| reason.to_string()));
}
