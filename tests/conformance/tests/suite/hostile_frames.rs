//! Frames that are none, and senders that are slow or stop.

use conformance_tests::{
    BOOT, Client, DIALECTS, Hive, LOG, Mode, Random, cases, frame, raw, refusals as r, unharmed,
};
use secure9p_codec::{Dialect, Fid, REPLIES, REQUESTS, Reply, Request, Tag};

cases![
    garbage_ends_its_own_connection,
    a_size_below_a_header_ends_the_connection,
    a_size_below_a_header_is_not_waited_behind,
    a_size_above_the_msize_ends_the_connection,
    what_came_before_the_garbage_is_answered,
    half_a_frame_and_a_disconnect,
    a_sender_of_single_bytes_is_served,
    replies_from_a_client_are_refused,
    unknown_types_and_the_other_dialects_are_refused,
    bodies_too_short_or_too_long_are_refused,
    random_frames_get_one_answer_each,
    damaged_requests_get_one_answer_each,
    the_tag_of_no_request_is_refused,
];

fn garbage_ends_its_own_connection(hive: &Hive) {
    unharmed(hive, |hive| {
        let mut random = Random::new(1);
        let mut noise = random.bytes(5000);
        noise[3] = 0xff;
        for garbage in
            [&b"GET / HTTP/1.1\r\n\r\n"[..], b"SSH-2.0-x\r\n", &[0; 64], &[0xff; 64], &noise]
        {
            for attached in [true, false] {
                let mut client = match attached {
                    true => Client::attach(hive, Dialect::Linux),
                    false => Client::silent(hive, Dialect::Linux),
                };
                client.send_bytes(garbage);
                assert!(client.is_hung_up(), "{garbage:?}");
            }
        }
    });
}

fn a_size_below_a_header_ends_the_connection(hive: &Hive) {
    unharmed(hive, |hive| {
        for size in 0..7u32 {
            let mut client = Client::attach(hive, Dialect::Linux);
            client.send_bytes(&[&size.to_le_bytes()[..], &[120, 1, 0, 0, 0, 0, 0]].concat());
            assert!(client.is_hung_up(), "{size}");
        }
    });
}

/// The four bytes alone say it: nothing that could come behind them would help.
fn a_size_below_a_header_is_not_waited_behind(hive: &Hive) {
    unharmed(hive, |hive| {
        for size in 0..7u32 {
            let size = size.to_le_bytes();
            let mut attached = Client::attach(hive, Dialect::Linux);
            attached.send_bytes(&size);
            assert!(attached.is_hung_up(), "{size:?} alone");
            let mut silent = Client::silent(hive, Dialect::Plan9);
            for byte in size {
                silent.send_bytes(&[byte]);
            }
            assert!(silent.is_hung_up(), "{size:?} before a version");
            // Behind a request, which is answered first.
            let mut behind = Client::attach(hive, Dialect::Plan9);
            let clunk = frame(Dialect::Plan9, 9, &Request::Clunk { fid: Fid(0) });
            behind.send_bytes(&[&clunk[..], &size].concat());
            assert_eq!(behind.receive().tag(), 9);
            assert!(behind.is_hung_up(), "{size:?} behind a request");
        }
    });
}

fn a_size_above_the_msize_ends_the_connection(hive: &Hive) {
    unharmed(hive, |hive| {
        for (msize, size) in [(8192, 8193), (8192, u32::MAX), (1000, 1001), (512, 8192)] {
            let mut client = Client::negotiated(hive, Dialect::Plan9, msize);
            client.attach_as(0, "tester");
            client.send_bytes(&size.to_le_bytes());
            assert!(client.is_hung_up(), "{size} of {msize}");
        }
        // Before a version 8192 is the limit; a frame that long is read and refused.
        let mut client = Client::silent(hive, Dialect::Plan9);
        client.ask_bytes(&raw(118, 1, &[0; 8192 - 7])).is_refused(r::NO_VERSION);
        client.send_bytes(&8193u32.to_le_bytes());
        assert!(client.is_hung_up());
    });
}

fn what_came_before_the_garbage_is_answered(hive: &Hive) {
    unharmed(hive, |hive| {
        for dialect in DIALECTS {
            let mut client = Client::attach(hive, dialect);
            let mut bytes = frame(dialect, 7, &Request::Clunk { fid: Fid(0) });
            bytes.extend([0; 9]);
            client.send_bytes(&bytes);
            let answer = client.receive();
            assert_eq!((answer.tag(), answer.reply()), (7, Reply::Clunk));
            assert!(client.is_hung_up());
        }
    });
}

fn half_a_frame_and_a_disconnect(hive: &Hive) {
    unharmed(hive, |hive| {
        let whole =
            frame(Dialect::Linux, 3, &Request::Write { fid: Fid(1), offset: 0, data: b"half\n" });
        for length in 1..whole.len() {
            let mut client = Client::attach(hive, Dialect::Linux);
            client.open_at(1, LOG, Mode::WRITE);
            client.send_bytes(&whole[..length]);
        }
        // Nothing of it is ever done, nor does it come before the next connection's bytes.
        let mut client = Client::attach(hive, Dialect::Linux);
        assert!(!client.cat(LOG).contains("half"));
    });
}

fn a_sender_of_single_bytes_is_served(hive: &Hive) {
    unharmed(hive, |hive| {
        for dialect in DIALECTS {
            let mut slow = Client::attach(hive, dialect);
            let mut other = Client::attach(hive, dialect);
            slow.open_at(1, LOG, Mode::WRITE);
            let before = other.cat(LOG);
            let data = b"slowly\n";
            for (number, byte) in
                frame(dialect, 1, &Request::Write { fid: Fid(1), offset: 0, data })
                    .into_iter()
                    .enumerate()
            {
                if number % 8 == 0 {
                    assert_eq!(other.cat(LOG), before);
                }
                slow.send_bytes(&[byte]);
            }
            assert_eq!(slow.receive().reply(), Reply::Write { count: 7 });
            assert!(other.cat(LOG).ends_with("slowly\n"));
        }
    });
}

fn replies_from_a_client_are_refused(hive: &Hive) {
    unharmed(hive, |hive| {
        for dialect in DIALECTS {
            let mut client = Client::attach(hive, dialect);
            for message in REPLIES {
                for body in [0, 4, 13, 60] {
                    client
                        .ask_bytes(&raw(message.kind, 5, &vec![0; body]))
                        .is_no_message(message.kind);
                }
            }
            // Terror and Tlerror do not exist.
            client.ask_bytes(&raw(106, 5, b"")).is_no_message(106);
            client.ask_bytes(&raw(6, 5, &[0; 4])).is_no_message(6);
            assert!(client.cat(BOOT).starts_with("Cohesix "));
        }
    });
}

fn unknown_types_and_the_other_dialects_are_refused(hive: &Hive) {
    unharmed(hive, |hive| {
        for dialect in DIALECTS {
            let mut client = Client::attach(hive, dialect);
            let known = |kind| {
                REQUESTS
                    .iter()
                    .any(|message| message.kind == kind && message.dialects.contains(&dialect))
            };
            for kind in (0..=255).filter(|kind| !known(*kind)) {
                client.ask_bytes(&raw(kind, 5, &[0; 16])).is_no_message(kind);
            }
            assert!(client.cat(BOOT).starts_with("Cohesix "));
        }
    });
}

fn bodies_too_short_or_too_long_are_refused(hive: &Hive) {
    unharmed(hive, |hive| {
        for dialect in DIALECTS {
            let mut client = Client::attach(hive, dialect);
            client.open_at(1, LOG, Mode::WRITE);
            for request in [
                Request::Clunk { fid: Fid(1) },
                Request::Flush { oldtag: Tag(3) },
                Request::Read { fid: Fid(1), offset: 0, count: 1 },
                Request::Write { fid: Fid(1), offset: 0, data: b"not written\n" },
                client.stat_request(1),
                Mode::READ.request(dialect, 1),
            ] {
                let whole = frame(dialect, 5, &request);
                let (kind, body) = (whole[4], &whole[7..]);
                for length in 0..body.len() {
                    client.ask_bytes(&raw(kind, 5, &body[..length])).is_refused(r::BOTCH);
                }
                client.ask_bytes(&raw(kind, 5, &[body, &[0]].concat())).is_refused(r::BOTCH);
            }
            assert!(!client.cat(LOG).contains("not written"));
            client.write(1, 0, b"written\n");
        }
    });
}

/// Sends these frames at once and takes an answer to each, in order.
fn one_answer_each(client: &mut Client, frames: &[Vec<u8>]) {
    let mut socket = client.socket();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for frame in frames {
                std::io::Write::write_all(&mut socket, frame).expect("taken");
            }
        });
        for frame in frames {
            assert_eq!(client.receive().bytes()[5..7], frame[5..7], "{frame:?}");
        }
    });
}

fn random_frames_get_one_answer_each(hive: &Hive) {
    unharmed(hive, |hive| {
        let mut random = Random::new(2);
        for dialect in DIALECTS {
            let mut client = Client::attach(hive, dialect);
            let frames: Vec<_> = (0..500)
                .map(|tag| {
                    let length = random.below(200);
                    raw(random.below(256) as u8, tag, &random.bytes(length))
                })
                .collect();
            one_answer_each(&mut client, &frames);
        }
    });
}

fn damaged_requests_get_one_answer_each(hive: &Hive) {
    unharmed(hive, |hive| {
        let mut random = Random::new(3);
        for dialect in DIALECTS {
            let mut client = Client::attach(hive, dialect);
            let mut buffer = [0; 64];
            let names = conformance_tests::packed("proc/boot", &mut buffer);
            let whole = [
                Request::Walk { fid: Fid(0), newfid: Fid(1), names },
                Mode::READ.request(dialect, 1),
                Request::Read { fid: Fid(1), offset: 0, count: 100 },
                client.stat_request(1),
                Request::Write { fid: Fid(1), offset: 0, data: b"data" },
                Request::Clunk { fid: Fid(1) },
            ];
            let frames: Vec<_> = (0..600)
                .map(|tag| {
                    let mut bytes = frame(dialect, tag, &whole[usize::from(tag) % whole.len()]);
                    if random.below(2) == 0 {
                        // Not the size, nor the tag that it is known by.
                        let at = 7 + random.below(bytes.len() - 7);
                        bytes[at] ^= 1 << random.below(8);
                    }
                    bytes
                })
                .collect();
            one_answer_each(&mut client, &frames);
        }
    });
}

fn the_tag_of_no_request_is_refused(hive: &Hive) {
    unharmed(hive, |hive| {
        for dialect in DIALECTS {
            let mut client = Client::attach(hive, dialect);
            client.find(1, BOOT);
            for request in [Request::Clunk { fid: Fid(1) }, client.stat_request(1)] {
                client.ask_bytes(&frame(dialect, u16::MAX, &request)).is_refused(r::BAD_TAG);
            }
            // A tag is free as soon as its answer has come.
            for _ in 0..3 {
                client.size(1);
            }
            client.clunk(1);
        }
    });
}
