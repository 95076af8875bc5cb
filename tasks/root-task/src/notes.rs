//! What happened to components: for the console, and for the hive's log.

use core::fmt;

use abi::service::{MAX_LINE, TEXT_WORDS, pack_text};
use drivers::println;
use heapless::{Deque, String};

use crate::root::Root;
use crate::serve::Answer;

/// Lines that wait for the server; what is over is only on the console.
const MOST: usize = 16;

/// Lines that the workers' server has not taken.
pub(crate) type Notes = Deque<String<MAX_LINE>, MOST>;

impl Root {
    /// Prints a line, and keeps it for the server to log.
    pub(crate) fn note(&mut self, line: fmt::Arguments) {
        println!("{line}");
        if self.wiring.news.is_none() {
            return;
        }
        let mut text = String::new();
        // What no longer fits is cut.
        let _ = fmt::write(&mut text, line);
        if self.notes.push_back(text).is_ok() {
            self.tell_server();
        }
    }

    /// The next line for the log.
    pub(crate) fn take_note(&mut self) -> Answer {
        let line = self.notes.pop_front().unwrap_or_default();
        let mut packed = [0; TEXT_WORDS];
        let used = pack_text(&line, &mut packed);
        Answer::words(&packed[..used])
    }
}
