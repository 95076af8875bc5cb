//! `bind` and `mount`: a session's own view of the tree.

use conformance_tests::{CONTROL, Client, DIALECTS, Hive, LOG, Mode, Role, cases, refusals as r};
use secure9p_codec::{Fid, Request};

cases![
    a_bound_directory_is_the_same_by_both_paths,
    one_queens_binds_are_invisible_to_another,
    circles_missing_and_taken_places_are_refused,
    only_a_queen_binds,
];

fn bind(from: &str, to: &str) -> String {
    format!("{{\"bind\":{{\"from\":\"{from}\",\"to\":\"{to}\"}}}}\n")
}

fn names(client: &mut Client, path: &str) -> Vec<String> {
    client.list(path, 8000).into_iter().map(|entry| entry.name).collect()
}

fn a_bound_directory_is_the_same_by_both_paths(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        client.append(CONTROL, &bind("/proc", "/queen/p"));
        client.append(CONTROL, "{\"mount\":{\"service\":\"log\",\"at\":\"/queen/p/l\"}}\n");
        let log = client.cat(LOG);
        assert!(log.contains("bound /proc to /queen/p session="), "{log}");
        assert!(log.contains("mounted log at /queen/p/l session="), "{log}");
        assert_eq!(names(&mut client, "/queen"), ["ctl", "last", "p"]);
        let mut there = names(&mut client, "/proc");
        there.push("l".into());
        assert_eq!(names(&mut client, "/queen/p"), there);
        assert_eq!(names(&mut client, "/queen/p/l"), ["queen.log"]);
        for name in ["", "/boot", "/mem"] {
            let mut qid = |path: &str| {
                let qid = client.walk(0, 1, path).last().copied().expect("found");
                client.clunk(1);
                (qid.kind, qid.path)
            };
            assert_eq!(qid(&format!("/queen/p{name}")), qid(&format!("/proc{name}")));
        }
        // Up from where a mount stands is the directory that it stands in.
        let mut leads_to = |path: &str| {
            let qid = client.walk(0, 1, path).last().map(|qid| qid.path);
            client.clunk(1);
            qid.expect("found")
        };
        for (path, same) in [
            ("queen/p/..", "queen"),
            ("queen/p/l/..", "proc"),
            ("queen/p/l/../..", "queen"),
            ("queen/p/l/../../..", ".."),
            ("proc/..", ".."),
        ] {
            assert_eq!(leads_to(path), leads_to(same), "{path}");
        }
        assert!(client.cat("/queen/p/boot").starts_with("Cohesix "));
        assert!(client.cat("/queen/p/l/queen.log").starts_with(&log[..20]));
    }
}

fn one_queens_binds_are_invisible_to_another(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        let mut other = Client::attach(hive, dialect);
        let before = names(&mut other, "/queen");
        // Open before it is out of sight.
        client.open_at(9, CONTROL, Mode::WRITE);
        client.write(9, 0, b"{\"mount\":{\"service\":\"log\",\"at\":\"/queen\"}}\n");
        client.write(9, 0, bind("/proc", "/p").as_bytes());
        assert_eq!(names(&mut client, "/queen"), ["queen.log"]);
        assert_eq!(names(&mut other, "/queen"), before);
        assert!(!names(&mut other, "/").contains(&"p".to_owned()));
        // Another session of the same connection has its own, too.
        client.attach_as(1, "twin");
        assert_eq!(client.walk(1, 2, "queen/ctl").len(), 2);
        assert_eq!(client.walk(0, 3, "queen/queen.log").len(), 2);
        // They end with their session.
        drop(client);
        let mut next = Client::attach(hive, dialect);
        assert_eq!(names(&mut next, "/queen"), before);
    }
}

fn circles_missing_and_taken_places_are_refused(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        client.append(CONTROL, &bind("/log", "/l"));
        client.open_at(1, CONTROL, Mode::WRITE);
        for (from, to, refusal) in [
            ("/proc", "/proc", r::INVALID),
            ("/proc", "/proc/p", r::INVALID),
            ("/", "/r", r::INVALID),
            ("/proc", "/", r::INVALID),
            ("/l", "/l/x", r::INVALID),
            ("/nothing", "/n", r::NOT_FOUND),
            ("/proc", "/nothing/n", r::NOT_FOUND),
            ("/proc", "/proc/boot/n", r::NOT_DIRECTORY),
            ("/proc", "/l", r::BUSY),
        ] {
            let data = bind(from, to);
            let write = Request::Write { fid: Fid(1), offset: 0, data: data.as_bytes() };
            client.refuses(&write, refusal);
            let log = client.cat(LOG);
            let last = log.lines().last().expect("a line");
            assert!(last.starts_with("refused: ") && last.ends_with(data.trim_end()), "{last}");
        }
        let data = b"{\"mount\":{\"service\":\"moon\",\"at\":\"/m\"}}\n";
        client.refuses(&Request::Write { fid: Fid(1), offset: 0, data }, r::NOT_FOUND);
    }
}

fn only_a_queen_binds(hive: &Hive) {
    for dialect in DIALECTS {
        for role in [Role::Observer, Role::GpuBridge] {
            let mut client = Client::with_ticket(hive, dialect, hive.ticket(role));
            let mut buffer = [0; 64];
            let names = conformance_tests::packed("queen", &mut buffer);
            client.refuses(&Request::Walk { fid: Fid(0), newfid: Fid(1), names }, r::PERMISSION);
        }
    }
}
