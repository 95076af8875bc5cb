//! Requests that wait (`/proc/events`) and flush(5).

use conformance_tests::{Answer, Client, DIALECTS, EVENTS, Hive, LOG, Mode, cases, refusals as r};
use secure9p_codec::{Fid, Reply, Request, Tag};

cases![
    a_read_of_events_waits_for_an_append,
    events_of_the_own_connection_come_too,
    a_flushed_read_is_never_answered,
    flushes_of_what_does_not_wait_are_answered,
    a_tag_that_waits_is_taken,
    a_fid_that_goes_ends_its_read,
    no_more_requests_wait_than_may,
    a_connection_that_waits_can_go,
];

/// Sends a read of `/proc/events` under `tag`, as `fid`, that has nothing to say yet.
fn wait_for_events(client: &mut Client, fid: u32, tag: u16) {
    client.open_at(fid, EVENTS, Mode::READ);
    client.send(tag, &read(fid));
    // Answered behind it.
    client.size_of(LOG);
}

fn read(fid: u32) -> Request<'static> {
    Request::Read { fid: Fid(fid), offset: 0, count: 1000 }
}

fn text(answer: &Answer) -> &str {
    std::str::from_utf8(answer.data()).expect("UTF-8")
}

fn a_read_of_events_waits_for_an_append(hive: &Hive) {
    for dialect in DIALECTS {
        let mut reader = Client::attach(hive, dialect);
        let mut writer = Client::attach(hive, dialect);
        wait_for_events(&mut reader, 5, 9);
        let size = writer.size_of(LOG);
        writer.append(LOG, "something\n");
        let answer = reader.receive();
        assert_eq!(answer.tag(), 9);
        let events = text(&answer);
        assert!(events.contains(&format!("{LOG} {}\n", size + 10)), "{events:?}");
        // From there on: the next read waits again, and hears of the next.
        let offset = events.len() as u64;
        reader.send(10, &Request::Read { fid: Fid(5), offset, count: 1000 });
        reader.size_of(LOG);
        writer.append(LOG, "more\n");
        let answer = reader.receive();
        assert_eq!((answer.tag(), text(&answer)), (10, &*format!("{LOG} {}\n", size + 15)));
    }
}

fn events_of_the_own_connection_come_too(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        wait_for_events(&mut client, 5, 9);
        client.open_at(6, LOG, Mode::WRITE);
        client.send(1, &Request::Write { fid: Fid(6), offset: 0, data: b"x\n" });
        let mut answers = [client.receive(), client.receive()];
        answers.sort_by_key(Answer::tag);
        assert_eq!(answers[0].reply(), Reply::Write { count: 2 });
        assert!(text(&answers[1]).contains(LOG));
    }
}

fn a_flushed_read_is_never_answered(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        let mut writer = Client::attach(hive, dialect);
        wait_for_events(&mut client, 5, 9);
        assert_eq!(client.ask(&Request::Flush { oldtag: Tag(9) }).reply(), Reply::Flush);
        writer.append(LOG, "what it waited for\n");
        // Every answer from here on is to what is asked here.
        for _ in 0..10 {
            assert!(client.cat(LOG).ends_with("what it waited for\n"));
        }
        // The tag is free, the fid still good.
        client.send(9, &read(5));
        let answer = client.receive();
        assert_eq!(answer.tag(), 9);
        assert!(text(&answer).contains(LOG));
    }
}

fn flushes_of_what_does_not_wait_are_answered(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        // Unknown, the flush's own (1), finished, and NOTAG.
        for oldtag in [77, 1, 0, u16::MAX] {
            let flush = Request::Flush { oldtag: Tag(oldtag) };
            assert_eq!(client.ask(&flush).reply(), Reply::Flush, "{oldtag}");
        }
        // Twice.
        wait_for_events(&mut client, 5, 9);
        for _ in 0..2 {
            assert_eq!(client.ask(&Request::Flush { oldtag: Tag(9) }).reply(), Reply::Flush);
        }
    }
}

fn a_tag_that_waits_is_taken(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        wait_for_events(&mut client, 5, 9);
        client.send(9, &Request::Clunk { fid: Fid(5) });
        let answer = client.receive();
        assert_eq!(answer.tag(), 9);
        answer.is_refused(r::BAD_TAG);
        client.send(9, &Request::Flush { oldtag: Tag(9) });
        client.receive().is_refused(r::BAD_TAG);
        // It still waits, and nothing was clunked.
        Client::attach(hive, dialect).append(LOG, "x\n");
        let answer = client.receive();
        assert_eq!(answer.tag(), 9);
        assert!(text(&answer).contains(LOG));
        client.send(9, &Request::Clunk { fid: Fid(5) });
        assert_eq!(client.receive().reply(), Reply::Clunk);
    }
}

fn a_fid_that_goes_ends_its_read(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        wait_for_events(&mut client, 5, 9);
        client.send(1, &Request::Clunk { fid: Fid(5) });
        let mut answers = [client.receive(), client.receive()];
        answers.sort_by_key(Answer::tag);
        assert_eq!((answers[0].tag(), answers[0].reply()), (1, Reply::Clunk));
        answers[1].is_refused(r::CLOSED);
        assert_eq!(answers[1].tag(), 9);
    }
}

fn no_more_requests_wait_than_may(hive: &Hive) {
    for dialect in DIALECTS {
        let mut client = Client::attach(hive, dialect);
        wait_for_events(&mut client, 5, 100);
        let mut most = 100;
        let refused = loop {
            most += 1;
            assert!(most < 1000, "as many requests wait as are sent");
            client.send(most, &read(5));
            // Refused at once, or it waits and the next answer is the flush's.
            client.send(1, &Request::Flush { oldtag: Tag(999) });
            let answer = client.receive();
            if answer.tag() == most {
                break answer;
            }
            assert_eq!((answer.tag(), answer.reply()), (1, Reply::Flush));
        };
        refused.is_refused(r::TOO_MANY_REQUESTS);
        assert_eq!((client.receive().tag(), most), (1, 108));
        // One that is flushed makes room for one.
        assert_eq!(client.ask(&Request::Flush { oldtag: Tag(103) }).reply(), Reply::Flush);
        client.send(200, &read(5));
        Client::attach(hive, dialect).append(LOG, "x\n");
        let mut tags: Vec<_> = (0..8).map(|_| client.receive().tag()).collect();
        tags.sort_unstable();
        assert_eq!(tags, [100, 101, 102, 104, 105, 106, 107, 200]);
    }
}

fn a_connection_that_waits_can_go(hive: &Hive) {
    conformance_tests::unharmed(hive, |hive| {
        for dialect in DIALECTS {
            for _ in 0..10 {
                let mut client = Client::attach(hive, dialect);
                wait_for_events(&mut client, 5, 9);
                wait_for_events(&mut client, 6, 10);
            }
        }
    });
}
