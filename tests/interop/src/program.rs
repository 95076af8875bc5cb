//! Running a client to its end, or to a deadline.

use std::io::Read;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How a program ended.
#[derive(Debug)]
pub struct Finished {
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    /// Its output.
    pub stdout: String,
    /// Its complaints.
    pub stderr: String,
}

impl Finished {
    /// The output; panics unless the program was content.
    #[track_caller]
    #[must_use]
    pub fn output(&self) -> &str {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{self:?}");
        &self.stdout
    }

    /// Panics unless the program failed with `code`, and said exactly this line and nothing else.
    #[track_caller]
    pub fn refused(&self, code: i32, line: &str) {
        let wanted = format!("{line}\n");
        assert_eq!(
            (self.code, self.stdout.as_str(), self.stderr.as_str()),
            (Some(code), "", wanted.as_str())
        );
    }
}

/// Runs `command`, in English, to its end. At the deadline it is ended by its own process id, and
/// the test fails.
#[track_caller]
#[must_use]
pub fn run(command: &mut Command, limit: Duration) -> Finished {
    let deadline = Instant::now() + limit;
    let name = command.get_program().to_string_lossy().into_owned();
    command.env("LC_ALL", "C").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
    let (tell, told) = channel();
    read_all(0, child.stdout.take().expect("a pipe"), tell.clone());
    read_all(1, child.stderr.take().expect("a pipe"), tell);
    let mut texts = [String::new(), String::new()];
    for _ in 0..texts.len() {
        let left = deadline.saturating_duration_since(Instant::now());
        let Ok((index, text)) = told.recv_timeout(left) else {
            child.kill().expect("it is ours");
            let status = child.wait().expect("it was started");
            // With it the pipes have ended.
            let rest: Vec<_> = told.iter().map(|(_, text)| text).collect();
            panic!("{name} did not end in {limit:?} ({status}): {texts:?} {rest:?}");
        };
        texts[index] = text;
    }
    let status = child.wait().expect("it was started");
    let [stdout, stderr] = texts;
    Finished { code: status.code(), stdout, stderr }
}

/// Does `work` in a thread of its own and waits for it; the test fails where it fails or is not
/// done at the deadline. For clients in this process, which have no deadline themselves.
#[track_caller]
pub fn within<T: Send + 'static>(limit: Duration, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = channel();
    let worker = thread::spawn(move || {
        let _ = tell.send(work());
    });
    match told.recv_timeout(limit) {
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => panic!("not done in {limit:?}"),
        Err(RecvTimeoutError::Disconnected) => match worker.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("it tells before it ends"),
        },
    }
}

/// Tells, in a thread, everything that comes out of `pipe`.
fn read_all(index: usize, mut pipe: impl Read + Send + 'static, tell: Sender<(usize, String)>) {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        // Nobody waits any more once the test has failed.
        let _ = tell.send((index, String::from_utf8_lossy(&bytes).into_owned()));
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHORT: Duration = Duration::from_millis(10);

    #[test]
    #[should_panic(expected = "sleep did not end in 10ms (signal: 9 (SIGKILL))")]
    fn a_program_that_does_not_end_is_ended() {
        let _ = run(Command::new("sleep").arg("1000"), SHORT);
    }

    #[test]
    #[should_panic(expected = "not done in 10ms")]
    fn work_that_is_not_done_fails() {
        let (_hold, never) = channel::<()>();
        let _ = within(SHORT, move || never.recv());
    }

    #[test]
    #[should_panic(expected = "refused by the server")]
    fn work_that_fails_fails_the_test() {
        within(Duration::from_secs(60), || panic!("refused by the server"));
    }
}
