//! Devices as bridges publish them: what needs no GPU worker.

use std::time::Instant;

use conformance_tests::{
    Client, DEADLINE, DIALECTS, EVENTS, Hive, LOG, Mode, Role, cases, refusals as r,
};
use secure9p_codec::{Fid, Reply, Request};

cases![a_device_is_there_until_it_is_withdrawn, a_device_goes_with_the_session_that_published_it,];

const PUBLISH: &str = "/gpu/publish";

fn about(id: &str) -> String {
    format!(
        "{{\"publish\":{{\"id\":\"{id}\",\"uuid\":\"u\",\"name\":\"a test\",\"memory_mb\":8000,\
         \"streams\":4,\"driver_version\":\"1\",\"runtime_version\":\"2\",\"backend\":\"mock\"}}}}\n"
    )
}

fn a_device_is_there_until_it_is_withdrawn(hive: &Hive) {
    for dialect in DIALECTS {
        let mut queen = Client::attach(hive, dialect);
        let mut observer = Client::with_ticket(hive, dialect, hive.ticket(Role::Observer));
        let mut bridge = Client::with_ticket(hive, dialect, hive.ticket(Role::GpuBridge));
        observer.open_at(1, EVENTS, Mode::READ);
        bridge.append(PUBLISH, &about("GPU-0"));
        let gauge = "{\"gauge\":{\"id\":\"GPU-0\",\"utilization\":7}}\n";
        bridge.append(PUBLISH, gauge);
        for client in [&mut queen, &mut observer] {
            let info = client.cat("/gpu/GPU-0/info");
            assert!(info.contains("\"backend\":\"mock\",\"utilization\":7  ,"), "{info}");
            assert!(info.contains("\"memory_mb_free\":8000   ,\"streams_free\":4 "), "{info}");
            assert_eq!(client.cat("/gpu/GPU-0/status"), "");
        }
        queen.append("/gpu/GPU-0/ctl", "RESET\n");
        bridge.open_at(1, "/gpu/GPU-0/job", Mode::READ);
        bridge.send(7, &Request::Read { fid: Fid(1), offset: 0, count: 100 });
        bridge.open_at(2, PUBLISH, Mode::WRITE);
        let data = b"{\"withdraw\":\"GPU-0\"}\n";
        bridge.send(8, &Request::Write { fid: Fid(2), offset: 0, data });
        let (one, two) = (bridge.receive(), bridge.receive());
        let (released, written) = if one.bytes()[5] == 7 { (one, two) } else { (two, one) };
        released.is_refused(r::CLOSED);
        assert!(matches!(written.reply(), Reply::Write { .. }));
        assert_eq!(queen.list("/gpu", 8000), []);
        assert!(queen.cat(LOG).contains("gone gpu=GPU-0 reason=withdrawn\n"));
        let (mut seen, start) = (String::new(), Instant::now());
        while !seen.contains("/gpu/GPU-0 gone\n") {
            seen += str::from_utf8(&observer.read(1, seen.len() as u64, 8000)).expect("text");
            assert!(start.elapsed() < DEADLINE, "{seen}");
        }
        assert!(seen.contains("/gpu/GPU-0 0\n"), "{seen}");
    }
}

fn a_device_goes_with_the_session_that_published_it(hive: &Hive) {
    for dialect in DIALECTS {
        let mut queen = Client::attach(hive, dialect);
        let mut bridges = [0, 1].map(|number| {
            let ticket = hive.ticket(Role::GpuBridge);
            let mut bridge = Client::with_ticket(hive, dialect, ticket);
            bridge.append(PUBLISH, &about(&format!("GPU-{number}")));
            bridge
        });
        bridges[0].open_at(2, PUBLISH, Mode::WRITE);
        let taken = about("GPU-1");
        let write = Request::Write { fid: Fid(2), offset: 0, data: taken.as_bytes() };
        bridges[0].refuses(&write, r::BUSY);
        queen.find(1, "/gpu/GPU-0/info");
        queen.open_at(2, "/gpu/GPU-0/status", Mode::READ);
        let [first, second] = bridges;
        drop(first);
        let start = Instant::now();
        while queen.list("/gpu", 8000).len() > 1 {
            assert!(start.elapsed() < DEADLINE, "it stays");
        }
        queen.refuses(&queen.stat_request(1), r::CLOSED);
        queen.refuses(&Request::Read { fid: Fid(2), offset: 0, count: 9 }, r::CLOSED);
        assert_eq!(queen.list("/gpu", 8000)[0].name, "GPU-1");
        drop(second);
        while !queen.list("/gpu", 8000).is_empty() {
            assert!(start.elapsed() < DEADLINE, "it stays");
        }
    }
}
