//! Why the hive refuses a control line.
//!
//! 9P2000.L's errors carry a number and no text. What is wrong with a line stands in the hive's
//! log, which a queen may read: `refused: <reason>: <line>`, cut where it is too long.

use client::names;

use crate::control::CONTROL;
use crate::failure::Failure;
use crate::files;
use crate::session::Hive;
use crate::tail::LOG;

/// How such a line of the log begins.
const REFUSED: &str = "refused: ";
/// Bytes of a line of the log that was cut, without its end.
const CUT: usize = 511;

/// The failure with the reason that the log has for it, where `text` was written to control.
pub(crate) fn explain(hive: &mut Hive, failure: Failure, text: &[u8]) -> Failure {
    let is_control = failure.path().is_some_and(|path| names(path).ok() == names(CONTROL).ok());
    if !is_control || failure.errno().is_none() {
        return failure;
    }
    // Where the log cannot be read the number alone is told.
    let reason = files::read_whole(hive, LOG).ok().and_then(|log| {
        reason(&String::from_utf8_lossy(&log), &String::from_utf8_lossy(text)).map(str::to_owned)
    });
    failure.because(reason)
}

/// The last reason in the log for refusing one of these lines.
fn reason<'l>(log: &'l str, text: &str) -> Option<&'l str> {
    let lines: Vec<_> = text.lines().map(logged).collect();
    log.lines().rev().find_map(|entry| {
        let (rest, is_cut) = (entry.strip_prefix(REFUSED)?, entry.len() + 3 >= CUT);
        lines.iter().find_map(|line| before(rest, line, is_cut))
    })
}

/// A line as the log has it: control characters are escaped.
fn logged(line: &str) -> String {
    let mut logged = String::new();
    for character in line.chars() {
        match character.is_control() {
            true => logged.extend(character.escape_default()),
            false => logged.push(character),
        }
    }
    logged
}

/// What stands in `rest` before the line, the end of which may be cut off.
fn before<'r>(rest: &'r str, line: &str, is_cut: bool) -> Option<&'r str> {
    rest.match_indices(": ").find_map(|(at, colon)| {
        let (reason, shown) = (rest.get(..at)?, rest.get(at + colon.len()..)?);
        // What is cut may end within a character.
        let shown =
            if is_cut { shown.trim_end_matches(char::REPLACEMENT_CHARACTER) } else { shown };
        let same = line == shown || is_cut && !shown.is_empty() && line.starts_with(shown);
        same.then_some(reason)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_reason_for_the_line_is_found() {
        let line = r#"{"kill":"worker-7"}"#;
        let log = format!(
            "refused: kill: no such worker lives: {line}\n\
             refused: the session is gone: {line}\n\
             refused: kill: no such worker lives: {{\"kill\":\"worker-8\"}}\n\
             refused: attach connection=3: there is no ticket: put one into aname or uname\n\
             ended worker-7 reason=killed\n"
        );
        assert_eq!(reason(&log, &format!("{line}\n")), Some("the session is gone"));
        assert_eq!(reason(&log, "{\"kill\":\"worker-8\"}\n"), Some("kill: no such worker lives"));
        assert_eq!(reason(&log, "{\"kill\":\"worker-9\"}\n"), None);
        assert_eq!(
            reason(&log, "{\"kill\":\"worker-9\"}\n{\"kill\":\"worker-8\"}"),
            Some("kill: no such worker lives")
        );
        assert_eq!(reason("", line), None);
    }

    #[test]
    fn what_is_cut_or_escaped_is_known_again() {
        let line = format!("{{\t\"kill\":\"{}\"}}", "é".repeat(600));
        let mut entry = format!("refused: why: {}", logged(&line)).into_bytes();
        for cut in [CUT, CUT - 1] {
            entry.truncate(cut);
            let log = String::from_utf8_lossy(&entry);
            assert_eq!(reason(&log, &line), Some("why"), "{cut}");
        }
        // Only what was cut may end early.
        assert_eq!(reason("refused: why: {\"kill\":", "{\"kill\":\"worker-7\"}"), None);
    }
}
