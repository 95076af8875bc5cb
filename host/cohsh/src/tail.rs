//! `tail`: a file's last lines, and what is appended to it.
//!
//! Following needs no clock: a read of `/proc/events` waits until something changed anywhere in
//! the hive, then the file is read on. Events are opened first, so no change falls in between.
//! Which file changed is not heeded, for a file may have several paths. A worker's file is gone with
//! its worker: then following it ends.

use client::{Errno, Error, File, names};

use crate::explain;
use crate::failure::{Failure, Result};
use crate::files::open;
use crate::output::{Content, Output};
use crate::session::Hive;

/// The file whose reads wait.
const EVENTS: &str = "/proc/events";
/// The hive's log.
pub(crate) const LOG: &str = "/log/queen.log";
/// Bytes asked for in one read: as many as a message carries.
const READ: u32 = u32::MAX;
/// Bytes of what is there already that are kept for its last lines.
const KEPT: usize = 1 << 20;

/// Shows the last lines of a file and, where it is followed, what comes then.
pub(crate) fn tail(
    hive: &mut Hive,
    path: &str,
    lines: usize,
    follow: bool,
    output: &mut Output,
) -> Result<()> {
    let mut content = Content::new(output, path);
    let shown = if names(path)? == names(EVENTS)? {
        // It waits where others end: to show it is to follow it.
        Events::with(hive, |hive, events| {
            loop {
                match events.next(hive)? {
                    Some(bytes) => content.put(&bytes)?,
                    None => content.lost(None)?,
                }
            }
        })
    } else if follow {
        Events::with(hive, |hive, events| {
            with_end(hive, path, lines, &mut content, |hive, file, offset, content| {
                loop {
                    events.next(hive)?;
                    let put = |content: &mut Content<'_>, bytes: &[u8]| content.put(bytes);
                    match read_on(hive, file, offset, content, put) {
                        // Where the session is over, too, that is no end but a failure.
                        Err(failure) if is_gone(&failure) && !explain::is_over(hive) => {
                            return content.gone();
                        }
                        done => done?,
                    }
                }
            })
        })
    } else {
        with_end(hive, path, lines, &mut content, |_, _, _, content| content.end())
    };
    shown.map_err(|failure| failure.at(path))
}

/// Whether the file is not there any more.
fn is_gone(failure: &Failure) -> bool {
    matches!(failure.errno(), Some(Errno::EBADF | Errno::ESTALE))
}

/// Shows the last lines of a file, then calls `after` with the file and where it was read to.
fn with_end(
    hive: &mut Hive,
    path: &str,
    lines: usize,
    content: &mut Content<'_>,
    after: impl FnOnce(&mut Hive, &File, &mut u64, &mut Content<'_>) -> Result<()>,
) -> Result<()> {
    let done = hive.with_file(path, |hive, file| {
        open(hive, file)?;
        let (mut offset, mut kept) = (0, Vec::new());
        read_on(hive, file, &mut offset, content, |_, bytes| {
            kept.extend_from_slice(bytes);
            if kept.len() > KEPT {
                kept = last_lines(&kept, lines).to_vec();
            }
            Ok(())
        })?;
        content.put(last_lines(&kept, lines))?;
        drop(kept);
        after(hive, file, &mut offset, content)
    });
    done.map_err(|failure: Failure| failure.at(path))
}

/// Reads from `offset` to the end and hands on what is there. What was lost is told.
fn read_on(
    hive: &mut Hive,
    file: &File,
    offset: &mut u64,
    content: &mut Content<'_>,
    mut take: impl FnMut(&mut Content<'_>, &[u8]) -> Result<()>,
) -> Result<()> {
    loop {
        match hive.read(file, *offset, READ) {
            Ok([]) => return Ok(()),
            Ok(bytes) => {
                *offset += bytes.len() as u64;
                take(content, bytes)?;
            }
            Err(Error::Refused(Errno::EOVERFLOW)) => {
                let lost = lost(hive, file, *offset)?;
                *offset += lost;
                content.lost(Some(lost))?;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// How many bytes from `offset` on are no longer kept. 9P2000.L's errors carry no number, but a
/// fid's offsets keep their meaning: the first that can be read again is looked for.
fn lost(hive: &mut Hive, file: &File, offset: u64) -> Result<u64> {
    let mut is_lost = |offset| match hive.read(file, offset, 1) {
        Ok(_) => Ok(false),
        Err(Error::Refused(Errno::EOVERFLOW)) => Ok(true),
        Err(error) => Err(error),
    };
    let (mut low, mut step) = (offset, 1_u64);
    let mut high = loop {
        let Some(high) = low.checked_add(step) else {
            return Err(Failure::refused(Errno::EOVERFLOW));
        };
        if !is_lost(high)? {
            break high;
        }
        low = high;
        step = step.saturating_mul(2);
    };
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if is_lost(middle)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(high - offset)
}

/// The last `lines` lines of `bytes`, the last of which need not have an end.
fn last_lines(bytes: &[u8], lines: usize) -> &[u8] {
    if lines == 0 {
        return &[];
    }
    let body = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let ends = body.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n');
    let start = ends.map(|(at, _)| at + 1).nth(lines - 1).unwrap_or(0);
    bytes.get(start..).unwrap_or_default()
}

/// `/proc/events`, open.
pub(crate) struct Events {
    file: File,
    offset: u64,
}

impl Events {
    /// Has `work` work with the events from now on.
    pub fn with<T>(
        hive: &mut Hive,
        work: impl FnOnce(&mut Hive, &mut Self) -> Result<T>,
    ) -> Result<T> {
        let at = |failure: Failure| failure.at(EVENTS);
        let mut events = Self::open(hive).map_err(at)?;
        let done = work(hive, &mut events);
        let closed = hive.clunk(events.file);
        let done = done?;
        closed?;
        Ok(done)
    }

    fn open(hive: &mut Hive) -> Result<Self> {
        let file = hive.walk(EVENTS)?;
        match open(hive, &file) {
            Ok(()) => Ok(Self { file, offset: 0 }),
            Err(failure) => {
                // The first error counts.
                let _ = hive.clunk(file);
                Err(failure)
            }
        }
    }

    /// Waits for events. `None` where some were lost: then anything may have changed.
    pub fn next(&mut self, hive: &mut Hive) -> Result<Option<Vec<u8>>> {
        let at = |failure: Failure| failure.at(EVENTS);
        match hive.read(&self.file, self.offset, READ) {
            // Who would follow that would never stop asking.
            Ok([]) => {
                let why = "reads of it do not wait: only a hive's files can be followed";
                return Err(at(Failure::usage(why)));
            }
            Ok(bytes) => {
                self.offset += bytes.len() as u64;
                return Ok(Some(bytes.to_vec()));
            }
            Err(Error::Refused(Errno::EOVERFLOW)) => {}
            Err(error) => return Err(at(error.into())),
        }
        let fresh = Self::open(hive).map_err(at)?;
        let overrun = std::mem::replace(self, fresh);
        hive.clunk(overrun.file)?;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_whole() {
        let last = |text: &'static str, lines| {
            str::from_utf8(last_lines(text.as_bytes(), lines)).expect("UTF-8")
        };
        assert_eq!(last("a\nb\nc\n", 2), "b\nc\n");
        assert_eq!(last("a\nb\nc", 2), "b\nc");
        assert_eq!(last("a\n\n\n", 2), "\n\n");
        assert_eq!(last("a\nb\n", 9), "a\nb\n");
        assert_eq!(last("a\nb\n", 0), "");
        assert_eq!(last("", 3), "");
    }
}
