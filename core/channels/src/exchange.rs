//! The VM's end: between the stream and the server's lanes.
//!
//! Channel N of the stream is lane N. Nothing is buffered here: what the host may send fits the
//! lane's ring, because its credit is the ring's space, and what the server answers stays in the
//! ring until the host has given credit for it. A host that sends more than its credit loses
//! that channel, no other.

use ring::lane::{Lane, LinkSide};

use crate::{CHANNELS, Event, HEADER, Header, Kind, MAX_DATA, Parser, WINDOW, credit, hello};

/// Smallest credit that is told at once; smaller ones wait for more, to save frames.
const CREDIT_STEP: u32 = WINDOW / 4;

/// Where a channel is in its life. This side says close only when the server is done with the
/// connection, so that a channel that both sides have closed can be opened at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The host may open it.
    Free,
    /// In use.
    Open,
    /// The host sent more than its credit: a close is owed once the server is done.
    Broken,
    /// This side has closed, the host has not.
    HungUp,
    /// The host has closed: a close is owed once the server is done.
    Ending,
}

#[derive(Debug)]
struct Channel<'a> {
    lane: LinkSide<'a>,
    state: State,
    /// Bytes that the host has room for.
    credit: u32,
    /// Up to where of the inbound ring the host was given credit.
    credited: u32,
}

/// The VM's end of the stream.
#[derive(Debug)]
pub struct Exchange<'a> {
    parser: Parser,
    channels: [Channel<'a>; CHANNELS],
    /// A hello is owed to the host, once every lane is free.
    hello_due: bool,
    /// The host has said hello.
    greeted: bool,
    /// Which channel is served first next time.
    first: usize,
    /// The server waits for space that was made.
    wake: bool,
}

impl<'a> Exchange<'a> {
    /// Serves these lanes, whose rings must have [`WINDOW`] bytes.
    #[must_use]
    pub fn new(lanes: [Lane<'a>; CHANNELS]) -> Self {
        let channels = lanes.map(|lane| Channel {
            lane: LinkSide::new(lane),
            state: State::Free,
            credit: 0,
            credited: 0,
        });
        Self {
            parser: Parser::new(),
            channels,
            hello_due: false,
            greeted: false,
            first: 0,
            wake: false,
        }
    }

    /// The host's side of the stream is gone: every connection ends.
    pub fn disconnected(&mut self) {
        self.parser = Parser::new();
        self.reset();
    }

    fn reset(&mut self) {
        self.greeted = false;
        self.hello_due = false;
        for channel in &mut self.channels {
            channel.lane.end();
            channel.state = State::Free;
        }
    }

    /// Takes bytes off the stream. Returns whether the server has to be told.
    pub fn receive(&mut self, mut input: &[u8]) -> bool {
        let mut changed = false;
        while let Some(event) = self.parser.next(&mut input) {
            match event {
                Event::Hello => {
                    self.reset();
                    self.greeted = true;
                    self.hello_due = true;
                }
                Event::Garbage => self.reset(),
                Event::Open(index) => self.open(usize::from(index)),
                Event::Close(index) => self.close(usize::from(index)),
                Event::Data(index, bytes) => self.data(usize::from(index), bytes),
                Event::Credit(index, bytes) => {
                    if let Some(channel) = self.channels.get_mut(usize::from(index)) {
                        channel.credit = channel.credit.saturating_add(bytes);
                        // Nothing for the server in it, but output may go on.
                        continue;
                    }
                }
            }
            changed = true;
        }
        changed
    }

    fn open(&mut self, index: usize) {
        let Some(channel) = self.channels.get_mut(index) else { return };
        // Opening what is not free is the host's mistake; it changes nothing.
        if channel.state == State::Free && channel.lane.is_free() {
            channel.state = State::Open;
            channel.credit = WINDOW;
            channel.credited = channel.lane.consumed();
            channel.lane.open();
        }
    }

    fn close(&mut self, index: usize) {
        let Some(channel) = self.channels.get_mut(index) else { return };
        channel.state = match channel.state {
            State::Open | State::Broken => State::Ending,
            State::HungUp => State::Free,
            other => other,
        };
        channel.lane.end();
    }

    fn data(&mut self, index: usize, bytes: &[u8]) {
        let Some(channel) = self.channels.get_mut(index) else { return };
        if channel.state == State::Open && channel.lane.inbound.write(bytes) != Ok(bytes.len()) {
            channel.state = State::Broken;
            channel.lane.end();
        }
    }

    /// Whether the server has to be told that space was made for its output; once.
    pub fn take_wake(&mut self) -> bool {
        core::mem::take(&mut self.wake)
    }

    /// Fills `output` with what is to be sent, as much as there is, and returns how much.
    pub fn send(&mut self, output: &mut [u8]) -> usize {
        let mut used = 0;
        if self.hello_due && self.channels.iter().all(|channel| channel.lane.is_free()) {
            used += put(output, used, &hello());
            self.hello_due = used == 0;
        }
        if !self.greeted || self.hello_due {
            return used;
        }
        for step in 0..CHANNELS {
            let index = (self.first + step) % CHANNELS;
            if let Some(channel) = self.channels.get_mut(index) {
                let sent = channel.send(index as u8, output, used);
                used += sent;
                self.wake |= sent > 0 && channel.lane.server_waits();
            }
        }
        self.first = (self.first + 1) % CHANNELS;
        used
    }
}

/// Copies a whole frame to `output[used..]` if it fits; returns its length or 0.
fn put(output: &mut [u8], used: usize, frame: &[u8]) -> usize {
    match output.get_mut(used..used + frame.len()) {
        Some(place) => {
            place.copy_from_slice(frame);
            frame.len()
        }
        None => 0,
    }
}

impl Channel<'_> {
    fn send(&mut self, number: u8, output: &mut [u8], start: usize) -> usize {
        let mut used = start;
        if self.state == State::Open {
            used += self.send_credit(number, output, used);
            used += self.send_data(number, output, used);
        }
        let closed = self.lane.server_closed();
        let next = match self.state {
            State::Open if closed && self.lane.outbound.available() == Ok(0) => State::HungUp,
            State::Broken if closed => State::HungUp,
            State::Ending if closed => State::Free,
            _ => return used - start,
        };
        let close = Header { channel: number, kind: Kind::Close, length: 0 }.encode();
        let sent = put(output, used, &close);
        if sent > 0 {
            self.state = next;
        }
        used + sent - start
    }

    fn send_credit(&mut self, number: u8, output: &mut [u8], used: usize) -> usize {
        let consumed = self.lane.consumed();
        let fresh = consumed.wrapping_sub(self.credited);
        // More than the ring holds can only be the server's mistake.
        if !(CREDIT_STEP..=WINDOW).contains(&fresh) {
            return 0;
        }
        let sent = put(output, used, &credit(number, fresh));
        if sent > 0 {
            self.credited = consumed;
        }
        sent
    }

    fn send_data(&mut self, number: u8, output: &mut [u8], used: usize) -> usize {
        let room = output.len().saturating_sub(used + HEADER);
        let available = self.lane.outbound.available().unwrap_or(0);
        let length = available.min(self.credit as usize).min(MAX_DATA).min(room);
        if length == 0 {
            return 0;
        }
        let header = Header { channel: number, kind: Kind::Data, length: length as u16 };
        let Some(place) = output.get_mut(used..used + HEADER + length) else { return 0 };
        let (head, body) = place.split_at_mut(HEADER);
        head.copy_from_slice(&header.encode());
        let read = self.lane.outbound.read(body).unwrap_or(0);
        self.credit -= read as u32;
        HEADER + read
    }
}

#[cfg(test)]
mod tests;
