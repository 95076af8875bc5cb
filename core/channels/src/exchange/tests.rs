//! The VM's end between a host and a server that are played here.

extern crate std;
use core::sync::atomic::{AtomicU8, AtomicU32};
use std::boxed::Box;
use std::vec;
use std::vec::Vec;

use ring::lane::{ServerSide, WORDS};

use super::*;

struct Shared {
    words: Vec<AtomicU32>,
    bytes: Vec<AtomicU8>,
}

impl Shared {
    fn new() -> &'static Self {
        let words = (0..CHANNELS * WORDS).map(|_| AtomicU32::new(0)).collect();
        let bytes = (0..CHANNELS * 2 * WINDOW as usize).map(|_| AtomicU8::new(0)).collect();
        Box::leak(Box::new(Self { words, bytes }))
    }

    fn lane(&self, index: usize) -> Lane<'_> {
        Lane::carve(&self.words, &self.bytes, index, WINDOW as usize).expect("a lane")
    }

    /// The link starts, and the server is there.
    fn exchange(&self) -> Exchange<'_> {
        let exchange = self.lonely();
        for index in 0..CHANNELS {
            let _ = self.server(index);
        }
        exchange
    }

    /// The link starts, before the server does.
    fn lonely(&self) -> Exchange<'_> {
        Exchange::new(core::array::from_fn(|index| self.lane(index)))
    }

    fn server(&self, index: usize) -> ServerSide<'_> {
        ServerSide::new(self.lane(index))
    }
}

fn frame(channel: u8, kind: Kind, data: &[u8]) -> Vec<u8> {
    let mut frame = Header { channel, kind, length: data.len() as u16 }.encode().to_vec();
    frame.extend(data);
    frame
}

/// What the VM sends: kind, channel, data.
fn sent(exchange: &mut Exchange) -> Vec<(Kind, u8, Vec<u8>)> {
    let mut stream = Vec::new();
    loop {
        let mut output = [0; 5000];
        let used = exchange.send(&mut output);
        stream.extend(&output[..used]);
        if used == 0 {
            break;
        }
    }
    let mut frames = Vec::new();
    let mut rest = &stream[..];
    while let Some((head, tail)) = rest.split_first_chunk() {
        let header = Header::decode(*head).expect("a header");
        let (data, tail) = tail.split_at(usize::from(header.length));
        frames.push((header.kind, header.channel, data.to_vec()));
        rest = tail;
    }
    frames
}

fn greeted(shared: &Shared) -> Exchange<'_> {
    let mut exchange = shared.exchange();
    exchange.receive(&hello());
    assert_eq!(sent(&mut exchange), [(Kind::Hello, 0, GREETING_BYTES.to_vec())]);
    exchange
}

const GREETING_BYTES: &[u8] = crate::GREETING;

#[test]
fn the_host_is_greeted_when_the_server_is_there() {
    let shared = Shared::new();
    let mut exchange = shared.lonely();
    exchange.receive(&hello());
    assert_eq!(sent(&mut exchange), []);
    let servers: Vec<_> = (0..CHANNELS).map(|index| shared.server(index)).collect();
    assert_eq!(sent(&mut exchange), [(Kind::Hello, 0, GREETING_BYTES.to_vec())]);
    exchange.receive(&frame(3, Kind::Open, b""));
    assert!(servers[3].is_open() && !servers[3].is_ended() && !servers[2].is_open());
}

#[test]
fn bytes_go_both_ways_and_a_close_ends_it() {
    let shared = Shared::new();
    let (mut exchange, mut server) = (greeted(shared), shared.server(5));
    assert!(exchange.receive(&frame(5, Kind::Open, b"")));
    assert!(exchange.receive(&frame(5, Kind::Data, b"\x08\0\0\0ping")));
    assert!(server.is_open());
    let mut into = [0; 64];
    assert_eq!(server.inbound.read(&mut into), Ok(8));
    assert_eq!(&into[..8], b"\x08\0\0\0ping");
    server.outbound.write(b"pong").expect("honest");
    assert_eq!(sent(&mut exchange), [(Kind::Data, 5, b"pong".to_vec())]);
    exchange.receive(&frame(5, Kind::Close, b""));
    assert!(server.is_ended());
    assert_eq!(sent(&mut exchange), []);
    server.close();
    assert_eq!(sent(&mut exchange), [(Kind::Close, 5, vec![])]);
    exchange.receive(&frame(5, Kind::Open, b""));
    assert!(server.is_open() && !server.is_ended());
}

#[test]
fn the_server_hangs_up_after_its_last_bytes() {
    let shared = Shared::new();
    let (mut exchange, mut server) = (greeted(shared), shared.server(0));
    exchange.receive(&frame(0, Kind::Open, b""));
    server.outbound.write(b"bad version").expect("honest");
    server.close();
    let expected = [(Kind::Data, 0, b"bad version".to_vec()), (Kind::Close, 0, vec![])];
    assert_eq!(sent(&mut exchange), expected);
    // What the host still sends goes nowhere, and its close needs no answer.
    exchange.receive(&frame(0, Kind::Data, b"late"));
    exchange.receive(&frame(0, Kind::Close, b""));
    assert_eq!(sent(&mut exchange), []);
    exchange.receive(&frame(0, Kind::Open, b""));
    assert!(server.is_open());
    assert_eq!(server.inbound.available(), Ok(0));
}

#[test]
fn output_waits_for_credit_and_input_earns_it() {
    let shared = Shared::new();
    let (mut exchange, mut server) = (greeted(shared), shared.server(1));
    exchange.receive(&frame(1, Kind::Open, b""));
    let full = vec![7; WINDOW as usize];
    assert_eq!(server.outbound.write(&full), Ok(full.len()));
    let bytes: usize = sent(&mut exchange).iter().map(|(_, _, data)| data.len()).sum();
    assert_eq!(bytes, full.len());
    server.outbound.write(b"more").expect("honest");
    assert_eq!(sent(&mut exchange), []);
    assert!(!exchange.receive(&credit(1, 3)));
    assert_eq!(sent(&mut exchange), [(Kind::Data, 1, b"mor".to_vec())]);
    for _ in 0..WINDOW as usize / MAX_DATA {
        exchange.receive(&frame(1, Kind::Data, &[1; MAX_DATA]));
    }
    assert_eq!(sent(&mut exchange), []);
    server.inbound.skip(CREDIT_STEP as usize).expect("honest");
    assert_eq!(sent(&mut exchange), [(Kind::Credit, 1, CREDIT_STEP.to_le_bytes().to_vec())]);
}

#[test]
fn a_host_that_overruns_its_credit_loses_that_channel_only() {
    let shared = Shared::new();
    let mut exchange = greeted(shared);
    let (mut server, other) = (shared.server(2), shared.server(3));
    exchange.receive(&frame(2, Kind::Open, b""));
    exchange.receive(&frame(3, Kind::Open, b""));
    for _ in 0..=WINDOW as usize / MAX_DATA {
        exchange.receive(&frame(2, Kind::Data, &[1; MAX_DATA]));
    }
    assert!(server.is_ended() && !other.is_ended());
    assert_eq!(sent(&mut exchange), []);
    server.close();
    assert_eq!(sent(&mut exchange), [(Kind::Close, 2, vec![])]);
    exchange.receive(&frame(2, Kind::Close, b""));
    exchange.receive(&frame(2, Kind::Open, b""));
    assert!(server.is_open());
    exchange.receive(&frame(3, Kind::Data, b"\x05\0\0\0x"));
    assert_eq!(other.inbound.available(), Ok(5));
}

#[test]
fn a_hello_ends_everything_and_is_answered_when_every_lane_is_free() {
    let shared = Shared::new();
    let (mut exchange, mut server) = (greeted(shared), shared.server(4));
    exchange.receive(&frame(4, Kind::Open, b""));
    exchange.receive(&[0xff; 4]);
    assert!(server.is_ended());
    exchange.receive(&frame(6, Kind::Open, b""));
    exchange.receive(&hello());
    assert_eq!(sent(&mut exchange), []);
    server.close();
    assert_eq!(sent(&mut exchange), [(Kind::Hello, 0, GREETING_BYTES.to_vec())]);
    exchange.disconnected();
    assert_eq!(sent(&mut exchange), []);
}

#[test]
fn many_channels_share_the_stream_in_small_pieces() {
    let shared = Shared::new();
    let mut exchange = greeted(shared);
    let mut servers: Vec<_> = (0..CHANNELS).map(|index| shared.server(index)).collect();
    for (index, server) in servers.iter_mut().enumerate() {
        exchange.receive(&frame(index as u8, Kind::Open, b""));
        server.outbound.write(&[index as u8; 300]).expect("honest");
    }
    let mut got = vec![0; CHANNELS];
    let mut output = [0; 100];
    loop {
        let used = exchange.send(&mut output);
        if used == 0 {
            break;
        }
        let mut rest = &output[..used];
        while let Some((head, tail)) = rest.split_first_chunk() {
            let header = Header::decode(*head).expect("a header");
            let (data, tail) = tail.split_at(usize::from(header.length));
            assert!(data.iter().all(|byte| *byte == header.channel));
            got[usize::from(header.channel)] += data.len();
            rest = tail;
        }
    }
    assert_eq!(got, vec![300; CHANNELS]);
}
