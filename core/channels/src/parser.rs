//! Reads the stream piece by piece.

use crate::{GREETING, HEADER, Header, Kind, hello};

/// Something that happened on the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event<'a> {
    /// The peer starts anew: every channel is closed.
    Hello,
    /// The stream is garbage: every channel is closed, and nothing comes until the next hello.
    Garbage,
    /// A new connection on this channel.
    Open(u8),
    /// Bytes of a channel; a frame's may come in several pieces.
    Data(u8, &'a [u8]),
    /// Room for so many more bytes on a channel.
    Credit(u8, u32),
    /// No more bytes from the peer on this channel.
    Close(u8),
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Looking for a hello: so many of its bytes have been seen.
    Hunt(usize),
    /// Inside a header.
    Header([u8; HEADER], usize),
    /// Inside a data frame: bytes still to come.
    Data(u8, usize),
    /// Inside a credit's number.
    Credit(u8, [u8; 4], usize),
    /// Inside a hello's text.
    Greeting(usize),
}

/// The reading end of a stream.
#[derive(Debug)]
pub struct Parser(State);

impl Default for Parser {
    fn default() -> Self {
        Self::new()
    }
}

const FIRST: State = State::Header([0; HEADER], 0);

impl Parser {
    /// At the start of a stream nothing counts before a hello.
    #[must_use]
    pub fn new() -> Self {
        Self(State::Hunt(0))
    }

    /// Takes the next event off `input`; `None` where more bytes are needed.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Option<Event<'a>> {
        while !input.is_empty() {
            let event = match self.0 {
                State::Data(channel, left) => Some(self.data(channel, left, input)),
                _ => {
                    let (&byte, rest) = input.split_first()?;
                    *input = rest;
                    self.byte(byte)
                }
            };
            if event.is_some() {
                return event;
            }
        }
        None
    }

    fn data<'a>(&mut self, channel: u8, left: usize, input: &mut &'a [u8]) -> Event<'a> {
        let (piece, rest) = input.split_at(left.min(input.len()));
        *input = rest;
        let left = left - piece.len();
        self.0 = if left == 0 { FIRST } else { State::Data(channel, left) };
        Event::Data(channel, piece)
    }

    fn byte<'a>(&mut self, byte: u8) -> Option<Event<'a>> {
        match self.0 {
            State::Hunt(seen) => self.hunt(byte, seen),
            State::Header(mut header, seen) => {
                if let Some(place) = header.get_mut(seen) {
                    *place = byte;
                }
                self.0 = State::Header(header, seen + 1);
                if seen + 1 == HEADER { self.header(header) } else { None }
            }
            State::Credit(channel, mut number, seen) => {
                if let Some(place) = number.get_mut(seen) {
                    *place = byte;
                }
                self.0 = State::Credit(channel, number, seen + 1);
                if seen + 1 < number.len() {
                    return None;
                }
                self.0 = FIRST;
                Some(Event::Credit(channel, u32::from_le_bytes(number)))
            }
            State::Greeting(seen) => {
                if GREETING.get(seen) != Some(&byte) {
                    return Some(self.garbage());
                }
                self.0 = State::Greeting(seen + 1);
                if seen + 1 < GREETING.len() {
                    return None;
                }
                self.0 = FIRST;
                Some(Event::Hello)
            }
            // `next` takes data in whole pieces.
            State::Data(..) => None,
        }
    }

    fn header<'a>(&mut self, header: [u8; HEADER]) -> Option<Event<'a>> {
        let Some(Header { channel, kind, length }) = Header::decode(header) else {
            return Some(self.garbage());
        };
        self.0 = FIRST;
        match kind {
            Kind::Open => return Some(Event::Open(channel)),
            Kind::Close => return Some(Event::Close(channel)),
            Kind::Data => self.0 = State::Data(channel, usize::from(length)),
            Kind::Credit => self.0 = State::Credit(channel, [0; 4], 0),
            Kind::Hello => self.0 = State::Greeting(0),
        }
        None
    }

    fn garbage<'a>(&mut self) -> Event<'a> {
        self.0 = State::Hunt(0);
        Event::Garbage
    }

    fn hunt<'a>(&mut self, byte: u8, seen: usize) -> Option<Event<'a>> {
        let wanted = hello();
        let seen = if wanted.get(seen) == Some(&byte) {
            seen + 1
        } else {
            // No byte of a hello but its first is NUL twice in a row: a restart at the first
            // byte misses none.
            usize::from(wanted.first() == Some(&byte))
        };
        if seen == wanted.len() {
            self.0 = FIRST;
            return Some(Event::Hello);
        }
        self.0 = State::Hunt(seen);
        None
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::{CHANNELS, MAX_DATA, credit};

    /// The events of `stream`, cut at `cuts`; pieces of data joined.
    fn events(stream: &[u8], cuts: &[usize]) -> Vec<(char, u8, Vec<u8>)> {
        let mut parser = Parser::new();
        let mut found: Vec<(char, u8, Vec<u8>)> = Vec::new();
        let mut start = 0;
        for end in cuts.iter().copied().chain([stream.len()]) {
            let end = end.clamp(start, stream.len());
            let mut piece = &stream[start..end];
            while let Some(event) = parser.next(&mut piece) {
                match event {
                    Event::Hello => found.push(('H', 0, Vec::new())),
                    Event::Garbage => found.push(('G', 0, Vec::new())),
                    Event::Open(c) => found.push(('O', c, Vec::new())),
                    Event::Close(c) => found.push(('X', c, Vec::new())),
                    Event::Credit(c, n) => found.push(('C', c, n.to_le_bytes().to_vec())),
                    Event::Data(c, bytes) => match found.last_mut() {
                        Some(('D', channel, data)) if *channel == c => data.extend(bytes),
                        _ => found.push(('D', c, bytes.to_vec())),
                    },
                }
            }
            start = end;
        }
        found
    }

    fn frame(channel: u8, kind: Kind, data: &[u8]) -> Vec<u8> {
        let mut frame = Header { channel, kind, length: data.len() as u16 }.encode().to_vec();
        frame.extend(data);
        frame
    }

    fn sample() -> Vec<u8> {
        let mut stream = hello().to_vec();
        stream.extend(frame(3, Kind::Open, b""));
        stream.extend(frame(3, Kind::Data, b"abc"));
        stream.extend(credit(3, 0x0102_0304));
        stream.extend(frame(3, Kind::Close, b""));
        stream
    }

    #[test]
    fn a_stream_reads_the_same_however_it_is_cut() {
        let stream = sample();
        let whole = events(&stream, &[]);
        let kinds: Vec<char> = whole.iter().map(|event| event.0).collect();
        assert_eq!(kinds, ['H', 'O', 'D', 'C', 'X']);
        assert_eq!(whole[2].2, b"abc");
        assert_eq!(whole[3].2, 0x0102_0304u32.to_le_bytes());
        for cut in 0..stream.len() {
            assert_eq!(events(&stream, &[cut]), whole);
        }
        let every: Vec<usize> = (0..stream.len()).collect();
        assert_eq!(events(&stream, &every), whole);
    }

    #[test]
    fn nothing_counts_before_a_hello_and_after_garbage() {
        let mut stream = b"boot noise \0\0H".to_vec();
        stream.extend(sample());
        stream.extend(frame(CHANNELS as u8, Kind::Open, b""));
        stream.extend(frame(1, Kind::Open, b""));
        stream.extend(hello());
        stream.extend(frame(2, Kind::Open, b""));
        let kinds: Vec<(char, u8)> = events(&stream, &[]).iter().map(|e| (e.0, e.1)).collect();
        let expected =
            [('H', 0), ('O', 3), ('D', 3), ('C', 3), ('X', 3), ('G', 0), ('H', 0), ('O', 2)];
        assert_eq!(kinds, expected);
    }

    #[test]
    fn headers_outside_the_protocol_are_refused() {
        for (channel, kind, length) in [
            (CHANNELS as u8, b'O', 0u16),
            (0, b'O', 1),
            (0, b'D', 0),
            (0, b'D', MAX_DATA as u16 + 1),
            (0, b'C', 3),
            (1, b'H', 12),
            (0, b'?', 0),
        ] {
            let [low, high] = length.to_le_bytes();
            assert_eq!(
                Header::decode([channel, kind, low, high]),
                None,
                "{channel} {kind} {length}"
            );
        }
    }

    proptest! {
        #[test]
        fn headers_read_back(channel in 0..CHANNELS as u8, length in 1..=MAX_DATA as u16) {
            let header = Header { channel, kind: Kind::Data, length };
            prop_assert_eq!(Header::decode(header.encode()), Some(header));
        }

        #[test]
        fn no_bytes_make_it_panic_and_a_hello_always_recovers(noise in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut parser = Parser::new();
            let mut piece = &noise[..];
            while parser.next(&mut piece).is_some() {}
            // Inside a data frame a hello is data; behind the longest one it is heard.
            let filler = [0xff; MAX_DATA + HEADER];
            let mut stream: Vec<u8> = filler.to_vec();
            stream.extend(hello());
            let mut rest = &stream[..];
            let mut heard = false;
            while let Some(event) = parser.next(&mut rest) {
                heard |= event == Event::Hello;
            }
            prop_assert!(heard);
        }
    }
}
