//! A worker and a server that is written out.

extern crate std;
use std::format;
use std::string::String;
use std::vec::Vec;

use secure9p_codec::{Qid, Qids, WalkReply, decode_request, encode_reply};

use super::*;

const PERIOD: Duration = Duration::from_millis(100);
const START: Duration = Duration::from_secs(7);

fn at(millis: u64) -> Duration {
    START + Duration::from_millis(millis)
}

/// Answers like a server that lets everybody in; what is written goes to `lines`.
fn answer(frame: &[u8], lines: &mut Vec<String>) -> Vec<u8> {
    let mut out = [0; MSIZE];
    let (tag, request) = decode_request(DIALECT, frame).expect("a request");
    let qid = Qid::default();
    let reply = match request {
        Request::Version { msize, version } => {
            assert_eq!((tag, msize), (Tag::NONE, 2048));
            Reply::Version { msize, version }
        }
        Request::Attach { aname, afid, .. } => {
            assert_eq!((aname, afid), ("the ticket", Fid::NONE));
            Reply::Attach { qid }
        }
        Request::Walk { names, .. } => {
            let path: Vec<_> = names.map(|name| name.as_str()).collect();
            assert_eq!(path, PATH);
            let mut walked = WalkReply::new(&mut out);
            for _ in path {
                walked.push(qid).expect("room");
            }
            let length = walked.seal(tag).expect("room");
            return out[..length].to_vec();
        }
        Request::Lopen { flags, .. } => {
            assert_eq!(flags & 3, 1);
            Reply::Lopen { qid, iounit: 0 }
        }
        Request::Write { data, .. } => {
            lines.push(String::from_utf8(data.to_vec()).expect("text"));
            Reply::Write { count: data.len() as u32 }
        }
        other => panic!("unexpected {other:?}"),
    };
    let length = encode_reply(DIALECT, tag, &reply, &mut out).expect("room");
    out[..length].to_vec()
}

/// Answers all that the worker wants to say at `now`; what it does then.
fn run(heart: &mut Heartbeat<'_>, now: Duration, lines: &mut Vec<String>) -> Next {
    let mut frame = [0; MSIZE];
    loop {
        match heart.next(now, &mut frame) {
            Next::Send(length) => heart.reply(&answer(&frame[..length], lines)),
            other => return other,
        }
    }
}

#[test]
fn ticks_are_numbers_of_the_clock() {
    let mut heart = Heartbeat::new("the ticket", START, PERIOD);
    let mut lines = Vec::new();
    assert_eq!(run(&mut heart, at(1), &mut lines), Next::Wait(at(100)));
    assert_eq!(run(&mut heart, at(99), &mut lines), Next::Wait(at(100)));
    assert_eq!(lines, [] as [&str; 0]);
    assert_eq!(run(&mut heart, at(100), &mut lines), Next::Wait(at(200)));
    assert_eq!(run(&mut heart, at(150), &mut lines), Next::Wait(at(200)));
    // Late: what was missed stays missing, and lateness does not add up.
    assert_eq!(run(&mut heart, at(460), &mut lines), Next::Wait(at(500)));
    assert_eq!(lines, ["heartbeat 1\n", "heartbeat 4\n"]);
    assert_eq!(heart.last(), 4);
}

#[test]
fn lines_are_right_for_every_number() {
    for tick in [0, 1, 9, 10, 99, 100, u64::MAX] {
        assert_eq!(line(tick, &mut [0; MAX_LINE]), format!("heartbeat {tick}\n").as_bytes());
    }
}

#[test]
fn a_frame_comes_again_until_it_is_answered() {
    let mut heart = Heartbeat::new("the ticket", START, PERIOD);
    let (mut one, mut two) = ([0; MSIZE], [0; MSIZE]);
    let first = heart.next(at(0), &mut one);
    assert_eq!(heart.next(at(900), &mut two), first);
    assert_eq!(one, two);
}

#[test]
fn a_refusal_at_any_step_ends_it_for_good() {
    for refused in 0..5 {
        let mut heart = Heartbeat::new("the ticket", START, PERIOD);
        let mut frame = [0; MSIZE];
        let mut lines = Vec::new();
        for step in 0..5 {
            let Next::Send(length) = heart.next(at(100), &mut frame) else { panic!("{step}") };
            if step == refused {
                let tag = if step == 0 { Tag::NONE } else { TAG };
                let refusal = Reply::Lerror { ecode: 13 };
                let length = encode_reply(DIALECT, tag, &refusal, &mut frame).expect("room");
                heart.reply(&frame[..length]);
                break;
            }
            heart.reply(&answer(&frame[..length], &mut lines));
        }
        let ended = Next::Ended(Ended::Refused(13));
        assert_eq!(heart.next(at(200), &mut frame), ended, "step {refused}");
        heart.reply(b"garbage");
        assert_eq!(heart.next(at(300), &mut frame), ended);
    }
}

#[test]
fn what_is_no_answer_ends_it() {
    let mut frame = [0; MSIZE];
    let write = |reply: &Reply<'_>, tag| {
        let mut out = [0; MSIZE];
        let length = encode_reply(DIALECT, tag, reply, &mut out).expect("room");
        out[..length].to_vec()
    };
    let unknown = Reply::Version { msize: 2048, version: "unknown" };
    let big = Reply::Version { msize: 8192, version: DIALECT.version() };
    let good = Reply::Version { msize: 2048, version: DIALECT.version() };
    let mut none = [];
    let walk = Reply::Walk { qids: Qids::pack(&[], &mut none).expect("room") };
    let bad = [
        write(&unknown, Tag::NONE),
        write(&big, Tag::NONE),
        write(&good, Tag(0)),
        write(&walk, Tag::NONE),
        Vec::new(),
        [0xff; MSIZE].to_vec(),
    ];
    for reply in bad {
        let mut heart = Heartbeat::new("the ticket", START, PERIOD);
        assert!(matches!(heart.next(at(0), &mut frame), Next::Send(_)));
        heart.reply(&reply);
        assert_eq!(heart.next(at(0), &mut frame), Next::Ended(Ended::Botched));
    }
}

#[test]
fn a_buffer_or_a_ticket_that_does_not_fit_ends_it() {
    let long = "x".repeat(MSIZE);
    let mut heart = Heartbeat::new(&long, START, PERIOD);
    let mut lines = Vec::new();
    let mut frame = [0; MSIZE];
    assert_eq!(heart.next(at(0), &mut frame[..10]), Next::Ended(Ended::TooLong));
    let mut heart = Heartbeat::new(&long, START, PERIOD);
    assert_eq!(run(&mut heart, at(0), &mut lines), Next::Ended(Ended::TooLong));
}

#[test]
fn a_clock_that_is_far_ahead_or_stands_still_does_no_harm() {
    let mut heart = Heartbeat::new("the ticket", START, Duration::ZERO);
    let mut lines = Vec::new();
    assert_eq!(run(&mut heart, Duration::ZERO, &mut lines), Next::Wait(at(1)));
    assert_eq!(run(&mut heart, Duration::MAX, &mut lines), Next::Wait(Duration::MAX));
    assert_eq!(lines.len(), 1);
}
