//! Many requests at once, and many connections.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use conformance_tests::{
    BOOT, Client, DEADLINE, DIALECTS, EVENTS, Hive, LOG, Mode, SESSIONS, cases, frame,
    refusals as r, unharmed,
};
use secure9p_codec::{Dialect, Fid, Names, Reply, Request};

cases![
    sixteen_requests_in_flight_are_all_answered,
    a_long_batch_is_answered_in_order,
    sixteen_connections_work_at_the_same_time,
    fids_run_out_for_their_connection_only,
    sessions_run_out_for_their_connection_only,
    fifty_connections_dropped_in_mid_frame_leave_nothing,
    a_flood_without_reading_hurts_nobody_else,
    floods_that_are_answered_starve_nobody,
];

fn sixteen_requests_in_flight_are_all_answered(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        client.open_at(1, BOOT, Mode::READ);
        client.open_at(2, LOG, Mode::WRITE);
        client.open_at(3, EVENTS, Mode::READ);
        let boot = client.cat(BOOT);
        client.send(16, &Request::Read { fid: Fid(3), offset: 0, count: 100 });
        let mut batch = Vec::new();
        for tag in 0..15 {
            let request = match tag % 3 {
                0 => Request::Read { fid: Fid(1), offset: u64::from(tag), count: 5 },
                1 => client.stat_request(1),
                _ => Request::Write { fid: Fid(2), offset: 0, data: b"one of many\n" },
            };
            batch.extend(frame(dialect, tag, &request));
        }
        client.send_bytes(&batch);
        let mut answers: Vec<_> = (0..16).map(|_| client.receive()).collect();
        answers.sort_by_key(|answer| answer.tag());
        for (tag, answer) in answers[..15].iter().enumerate() {
            assert_eq!(usize::from(answer.tag()), tag);
            match (tag % 3, answer.reply()) {
                (0, Reply::Read { data }) => assert_eq!(data, &boot.as_bytes()[tag..tag + 5]),
                (1, Reply::Stat { .. } | Reply::Getattr { .. }) => {}
                (2, Reply::Write { count: 12 }) => {}
                (_, other) => panic!("{tag}: {other:?}"),
            }
        }
        assert!(answers[15].tag() == 16 && !answers[15].data().is_empty());
    }
}

fn a_long_batch_is_answered_in_order(hive: &Hive) {
    let mut client = Client::attach(hive, Dialect::Linux);
    client.open_at(1, BOOT, Mode::READ);
    // More than fits between the two ends, in both directions.
    let read = Request::Read { fid: Fid(1), offset: 0, count: 80 };
    let batch: Vec<u8> = (0..3000).flat_map(|tag| frame(Dialect::Linux, tag, &read)).collect();
    let mut socket = client.socket();
    let sender = thread::spawn(move || std::io::Write::write_all(&mut socket, &batch));
    for tag in 0..3000 {
        let answer = client.receive();
        assert_eq!((answer.tag(), answer.data().len()), (tag, 80));
    }
    sender.join().expect("no panic").expect("all was sent");
}

fn sixteen_connections_work_at_the_same_time(hive: &Hive) {
    let mut clients: Vec<_> =
        (0..16).map(|number| Client::attach(hive, DIALECTS[number % 2])).collect();
    assert_eq!(clients[0].cat(SESSIONS).lines().count(), 16);
    let before = clients[0].cat(LOG).len();
    thread::scope(|scope| {
        for (number, client) in clients.iter_mut().enumerate() {
            scope.spawn(move || {
                let boot = client.cat(BOOT);
                for round in 0..10 {
                    client.append(LOG, &format!("client {number:02} round {round}\n"));
                    assert_eq!(client.cat(BOOT), boot);
                }
            });
        }
    });
    // Each append is whole, and each client's are in order.
    let log = clients[15].cat(LOG);
    let lines: Vec<_> = log[before..].lines().collect();
    assert_eq!(lines.len(), 160);
    for number in 0..16 {
        let own: Vec<_> =
            lines.iter().filter_map(|l| l.strip_prefix(&format!("client {number:02} "))).collect();
        assert_eq!(own, (0..10).map(|round| format!("round {round}")).collect::<Vec<_>>());
    }
}

fn fids_run_out_for_their_connection_only(hive: &Hive) {
    unharmed(hive, |hive| {
        for dialect in DIALECTS {
            let mut client = Client::attach(hive, dialect);
            let walk =
                |newfid| Request::Walk { fid: Fid(0), newfid: Fid(newfid), names: Names::EMPTY };
            let mut next = 1;
            let refused = loop {
                let answer = client.ask(&walk(next));
                if !matches!(answer.reply(), Reply::Walk { .. }) {
                    break answer;
                }
                next += 1;
                assert!(next < 10_000, "there is no end of fids");
            };
            refused.is_refused(r::TOO_MANY_FIDS);
            assert!(next >= 32, "only {next} fids");
            client.refuses(&walk(next), r::TOO_MANY_FIDS);
            // What is there works, and one that goes makes room for one.
            client.open(next - 1, Mode::READ);
            client.clunk(5);
            assert_eq!(client.walk(0, 5, "proc/boot").len(), 2);
            client.refuses(&walk(next), r::TOO_MANY_FIDS);
            Client::attach(hive, dialect).cat(BOOT);
        }
    });
}

fn sessions_run_out_for_their_connection_only(hive: &Hive) {
    unharmed(hive, |hive| {
        // Kept open, so that what each takes adds up.
        let mut greedy: Vec<_> = (0..8).map(|_| Client::attach(hive, Dialect::Linux)).collect();
        for client in &mut greedy {
            for fid in 1..100 {
                let (fid, afid, n_uname) = (Fid(fid), Fid::NONE, secure9p_codec::UserId::NONE);
                let aname = client.ticket().to_owned();
                let uname = "greedy";
                let attach = Request::Attach { fid, afid, uname, aname: &aname, n_uname };
                if !matches!(client.ask(&attach).reply(), Reply::Attach { .. }) {
                    break;
                }
            }
        }
        let mut others: Vec<_> = (0..8).map(|_| Client::attach(hive, Dialect::Plan9)).collect();
        for other in &mut others {
            assert!(other.cat(BOOT).starts_with("Cohesix "));
        }
    });
}

fn fifty_connections_dropped_in_mid_frame_leave_nothing(hive: &Hive) {
    unharmed(hive, |hive| {
        for number in 0..50 {
            let dialect = DIALECTS[number % 2];
            let mut client = Client::attach(hive, dialect);
            if number % 3 == 0 {
                client.open_at(1, EVENTS, Mode::READ);
                client.send(9, &Request::Read { fid: Fid(1), offset: 0, count: 10 });
            }
            if number % 3 == 1 {
                client.open_at(2, conformance_tests::CONTROL, Mode::WRITE);
                client.write(2, 0, b"no end");
            }
            let whole =
                frame(dialect, 3, &Request::Write { fid: Fid(7), offset: 0, data: &[0; 99] });
            client.send_bytes(&whole[..1 + number * 2]);
        }
    });
}

fn a_flood_without_reading_hurts_nobody_else(hive: &Hive) {
    unharmed(hive, |hive| {
        let mut client = Client::attach(hive, Dialect::Linux);
        client.open_at(1, BOOT, Mode::READ);
        let mut socket = client.socket();
        socket.set_nonblocking(true).expect("a socket");
        let request =
            frame(Dialect::Linux, 1, &Request::Read { fid: Fid(1), offset: 0, count: 8000 });
        // Until nothing is taken any more, and still not when others were served.
        let mut other = Client::attach(hive, Dialect::Plan9);
        let mut at = 0;
        for _ in 0..20 {
            while let Ok(taken) = std::io::Write::write(&mut socket, &request[at..]) {
                at = (at + taken) % request.len();
            }
            other.append(LOG, "in between\n");
            assert!(other.cat(BOOT).starts_with("Cohesix "));
        }
        // Who reads at last is answered.
        socket.set_nonblocking(false).expect("a socket");
        for _ in 0..100 {
            assert!(client.receive().data().starts_with(b"Cohesix "));
        }
    });
}

/// As fast as it can, and reads every answer: there is always something to do for it.
fn flood(client: &mut Client, done: &AtomicBool) {
    let request = frame(Dialect::Linux, 1, &Request::Read { fid: Fid(1), offset: 0, count: 1 });
    let batch = request.repeat(200);
    // The next batch is on its way before the last is answered.
    client.send_bytes(&batch);
    while !done.load(Ordering::Relaxed) {
        client.send_bytes(&batch);
        for _ in 0..200 {
            assert_eq!(client.receive().data().len(), 1);
        }
    }
}

/// Says that it is over, also when a test fails.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn floods_that_are_answered_starve_nobody(hive: &Hive) {
    unharmed(hive, |hive| {
        let mut floods: Vec<_> = (0..4).map(|_| Client::attach(hive, Dialect::Linux)).collect();
        for client in &mut floods {
            client.open_at(1, BOOT, Mode::READ);
        }
        let mut others: Vec<_> = DIALECTS.map(|dialect| Client::attach(hive, dialect)).into();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            let _over = Done(&done);
            let start = Instant::now();
            for client in &mut floods {
                scope.spawn(|| flood(client, &done));
            }
            for _ in 0..50 {
                for other in &mut others {
                    other.append(LOG, "in between\n");
                    assert!(other.cat(BOOT).starts_with("Cohesix "));
                    // A server that lets them wait for every gap in the floods ends here.
                    assert!(start.elapsed() < DEADLINE, "the others starve");
                }
            }
        });
    });
}
