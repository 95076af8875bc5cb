//! Append-only files, their windows, and `/queen/ctl`.

use conformance_tests::{BOOT, CONTROL, Client, DIALECTS, Hive, LOG, Mode, cases, refusals as r};
use secure9p_codec::{Dialect, Fid, Reply, Request, SetAttr, Stat, setattr};

cases![
    the_offset_of_a_write_does_not_matter,
    truncation_is_not_heeded,
    what_may_not_be_changed_is_refused,
    writes_of_every_size_are_appended_whole,
    connections_see_what_others_append,
    a_reader_that_was_overrun_is_told_and_a_fresh_open_goes_on,
    control_lines_are_joined_and_done,
    a_control_line_without_an_end_is_refused,
    one_connections_unfinished_lines_keep_nobody_out,
];

fn the_offset_of_a_write_does_not_matter(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        let before = client.cat(LOG);
        client.open_at(1, LOG, Mode::WRITE);
        for offset in [0, 5, 1 << 40, u64::MAX] {
            client.write(1, offset, format!("at {offset}\n").as_bytes());
        }
        let expected = before + "at 0\nat 5\nat 1099511627776\nat 18446744073709551615\n";
        assert_eq!(client.cat(LOG), expected);
        // A write of nothing is none.
        client.write(1, 0, b"");
        assert_eq!(client.cat(LOG), expected);
    }
}

fn truncation_is_not_heeded(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        client.append(LOG, "it stays\n");
        let before = client.cat(LOG);
        client.find(1, LOG);
        client.open(1, Mode::WRITE.truncating());
        assert_eq!(client.cat(LOG), before);
        // As Linux and 9pfuse do it, on a fid that is open and on one that is not.
        client.find(2, LOG);
        for fid in [Fid(1), Fid(2)] {
            for length in [0, 3, u64::MAX - 1] {
                let mut record = [0; 128];
                let (request, expected) = match dialect {
                    Dialect::Plan9 => {
                        let stat = Stat { length, ..Stat::KEEP }.record(&mut record);
                        (Request::Wstat { fid, stat: stat.expect("it fits") }, Reply::Wstat)
                    }
                    Dialect::Linux => {
                        let valid = setattr::SIZE | setattr::MTIME | setattr::CTIME;
                        let attr = SetAttr { valid, size: length, ..SetAttr::default() };
                        (Request::Setattr { fid, attr }, Reply::Setattr)
                    }
                };
                assert_eq!(client.ask(&request).reply(), expected);
            }
        }
        assert_eq!(client.cat(LOG), before);
        client.write(1, 0, b"at the end\n");
        assert_eq!(client.cat(LOG), before + "at the end\n");
    }
}

fn what_may_not_be_changed_is_refused(hive: &Hive) {
    let mut client = Client::attach(hive, Dialect::Plan9);
    client.find(1, BOOT);
    client.find(2, LOG);
    let mut ask = |fid, stat: Stat<'_>, refusal| {
        let mut record = [0; 128];
        let stat = stat.record(&mut record).expect("it fits");
        let answer = client.ask(&Request::Wstat { fid: Fid(fid), stat });
        match refusal {
            Some(refusal) => answer.is_refused(refusal),
            None => assert_eq!(answer.reply(), Reply::Wstat),
        }
    };
    ask(1, Stat::KEEP, None);
    ask(1, Stat { length: 0, ..Stat::KEEP }, Some(r::PERMISSION));
    ask(2, Stat { name: "queen.log", ..Stat::KEEP }, None);
    ask(2, Stat { name: "renamed", ..Stat::KEEP }, Some(r::REFUSED));
    ask(2, Stat { mode: 0o777, ..Stat::KEEP }, Some(r::REFUSED));
    ask(2, Stat { gid: "eve", ..Stat::KEEP }, Some(r::REFUSED));
    ask(9, Stat::KEEP, Some(r::UNKNOWN_FID));

    let mut client = Client::attach(hive, Dialect::Linux);
    client.find(1, BOOT);
    client.find(2, LOG);
    let mut ask = |fid, valid, refusal| {
        let attr = SetAttr { valid, ..SetAttr::default() };
        client.refuses(&Request::Setattr { fid: Fid(fid), attr }, refusal);
    };
    ask(1, setattr::SIZE, r::PERMISSION);
    ask(1, setattr::MTIME, r::PERMISSION);
    ask(2, setattr::MODE, r::REFUSED);
    ask(2, setattr::UID | setattr::SIZE, r::REFUSED);
    ask(2, 0x8000_0000, r::INVALID);
    ask(9, 0, r::UNKNOWN_FID);
    assert!(client.cat(BOOT).starts_with("Cohesix "));
}

fn writes_of_every_size_are_appended_whole(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        client.open_at(1, LOG, Mode::WRITE);
        let mut expected = client.cat(LOG).into_bytes();
        // The longest frame has 8192 bytes, 23 of them before the data.
        for length in [1, 2, 64, 1000, 4096, 8192 - 24, 8192 - 23] {
            let mut data = vec![b'a' + (length % 26) as u8; length];
            data[length - 1] = b'\n';
            client.write(1, 0, &data);
            expected.extend(&data);
        }
        assert_eq!(client.cat(LOG).into_bytes(), expected);
    }
}

fn connections_see_what_others_append(hive: &Hive) {
    let mut one = Client::attach(hive, Dialect::Plan9);
    let mut two = Client::attach(hive, Dialect::Linux);
    let start = one.cat(LOG).len() as u64;
    // Opened before: a fid sees what is appended later.
    one.open_at(1, LOG, Mode::BOTH);
    two.open_at(1, LOG, Mode::BOTH);
    let mut text = String::new();
    for number in 0..20 {
        let line = format!("line {number}\n");
        let writer = if number % 2 == 0 { &mut one } else { &mut two };
        writer.write(1, 0, line.as_bytes());
        text += &line;
        for reader in [&mut one, &mut two] {
            assert_eq!(reader.read_from(1, start), text.as_bytes());
        }
    }
    assert_eq!(one.size(1), two.size(1));
}

fn a_reader_that_was_overrun_is_told_and_a_fresh_open_goes_on(hive: &Hive) {
    for dialect in DIALECTS {
        let mut reader = Client::attach(hive, dialect);
        let mut writer = Client::attach(hive, Dialect::Linux);
        let line = "x".repeat(7999) + "\n";
        let before = reader.size_of(LOG);
        reader.open_at(1, LOG, Mode::READ);
        writer.open_at(1, LOG, Mode::WRITE);
        writer.write(1, 0, b"first\n");
        assert!(reader.read_from(1, 0).ends_with(b"first\n"));
        let mut appended = 6;
        while writer.size(1) >= before + appended {
            assert!(appended < 1 << 20, "the window grows without a bound");
            writer.write(1, 0, line.as_bytes());
            appended += line.len() as u64;
        }
        let lost = before + appended - reader.size(1);
        let answer = reader.ask(&Request::Read { fid: Fid(1), offset: 0, count: 100 });
        match answer.reply() {
            Reply::Error { ename } => assert_eq!(ename, format!("lost {lost} bytes (Lost)")),
            Reply::Lerror { ecode } => assert_eq!(ecode, 75, "EOVERFLOW"),
            other => panic!("{other:?}"),
        }
        // What is still there can be read on.
        let rest = reader.read_from(1, lost);
        let fresh = reader.cat(LOG);
        assert!(fresh.ends_with(&line) && fresh.as_bytes() == rest);
        assert_eq!(reader.size_of(LOG), fresh.len() as u64);
    }
}

fn control_lines_are_joined_and_done(hive: &Hive) {
    const ONE: &str = r#"{"budget":{"ttl_s":120,"ops":1000}}"#;
    const TWO: &str = r#"{"budget":{"ttl_s":240,"ops":2000}}"#;
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        let count = |client: &mut Client| {
            let log = client.cat(LOG);
            let done = |what: &str| {
                log.lines()
                    .filter(|line| line.starts_with("budget ") && line.ends_with(what))
                    .count()
            };
            (done("ops=1000 ttl_s=120"), done("ops=2000 ttl_s=240"))
        };
        let (ones, twos) = count(&mut client);
        client.open_at(1, CONTROL, Mode::WRITE);
        client.write(1, 0, format!("{ONE}\n").as_bytes());
        assert_eq!(count(&mut client), (ones + 1, twos));
        // A part of a line has no effect, until its end comes.
        let (head, tail) = ONE.split_at(9);
        client.write(1, 0, head.as_bytes());
        client.write(1, 0, b"");
        assert_eq!(count(&mut client), (ones + 1, twos));
        client.write(1, 0, format!("{tail}\n{TWO}\n\n{TWO}").as_bytes());
        assert_eq!(count(&mut client), (ones + 2, twos + 1));
        // Another fid's bytes are another line.
        client.open_at(2, CONTROL, Mode::WRITE);
        client.write(2, 0, format!("{ONE}\n").as_bytes());
        client.write(1, 0, b"\n");
        assert_eq!(count(&mut client), (ones + 3, twos + 2));
        assert_eq!(client.cat(CONTROL), "");
    }
}

fn one_connections_unfinished_lines_keep_nobody_out(hive: &Hive) {
    for dialect in DIALECTS {
        let mut greedy = Client::attach(hive, dialect);
        greedy.attach_as(100, "again");
        for fid in 1..40 {
            let root = if fid % 2 == 0 { 0 } else { 100 };
            greedy.walk(root, fid, CONTROL);
            greedy.open(fid, Mode::WRITE);
            let write = Request::Write { fid: Fid(fid), offset: 0, data: b"{\"budget\"" };
            match fid {
                1 => assert_eq!(greedy.ask(&write).reply(), Reply::Write { count: 9 }),
                _ => greedy.refuses(&write, r::BUSY),
            }
        }
        // As many others as there is room for next to it in the VM.
        let mut others: Vec<_> = (0..22).map(|_| Client::attach(hive, dialect)).collect();
        for other in &mut others {
            other.open_at(1, CONTROL, Mode::WRITE);
            other.write(1, 0, b"{\"budget\":");
        }
        for (number, other) in others.iter_mut().enumerate() {
            other.write(1, 0, format!("{{\"ops\":{}}}}}\n", number + 1).as_bytes());
        }
        greedy.write(1, 0, b":{\"ops\":99}}\n");
        let log = greedy.cat(LOG);
        for number in (1..23).chain([99]) {
            assert!(log.contains(&format!(" ops={number} ")), "{number}: {log}");
        }
        assert!(log.contains("refused: another line of the connection is unfinished\n"));
    }
}

fn a_control_line_without_an_end_is_refused(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        client.open_at(1, CONTROL, Mode::WRITE);
        let half = "y".repeat(5000);
        client.write(1, 0, half.as_bytes());
        let write = |data| Request::Write { fid: Fid(1), offset: 0, data };
        client.refuses(&write(half.as_bytes()), r::TOO_BIG);
        client.refuses(&write(b"{\"budget\":{\"ops\":71}}\n"), r::TOO_BIG);
        // The refused line's rest is no line of its own; the next one is.
        client.write(1, 0, b"{\"budget\":{\"ops\":72}}\n");
        let log = client.cat(LOG);
        assert!(log.contains("refused: a line is too long\n"));
        assert!(!log.contains(" ops=71 ") && log.contains(" ops=72 "));
        assert!(!log.contains("yyy"));
    }
}
