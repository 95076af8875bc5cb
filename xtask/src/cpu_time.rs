//! CPU time that a process has used.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

/// CPU time of the process `pid`, user and system. Resolution: 10 ms.
pub fn of(pid: u32) -> Result<Duration> {
    if cfg!(target_os = "linux") { of_proc(pid) } else { of_ps(pid) }
}

/// proc(5): fields 14 and 15 of `stat`, in clock ticks; those are 100 a second for user space
/// on every Linux that Rust supports.
fn of_proc(pid: u32) -> Result<Duration> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // The second field is a name in parentheses that may contain anything.
    let fields = stat.rsplit_once(')').context("a name in parentheses")?.1;
    let mut fields = fields.split_whitespace().skip(11);
    let mut next = || fields.next().context("14 fields")?.parse::<u64>().context("ticks");
    Ok(Duration::from_millis((next()? + next()?) * 10))
}

/// ps(1) elsewhere: `[[hours:]minutes:]seconds.hundredths`.
fn of_ps(pid: u32) -> Result<Duration> {
    let output = Command::new("ps").args(["-o", "cputime=", "-p", &pid.to_string()]).output()?;
    parse_ps(&String::from_utf8_lossy(&output.stdout))
}

fn parse_ps(text: &str) -> Result<Duration> {
    let seconds = text.trim().split(':').try_fold(0.0, |sum: f64, part| {
        Ok::<_, anyhow::Error>(sum * 60.0 + part.parse::<f64>().context("a time of ps")?)
    })?;
    Ok(Duration::from_secs_f64(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_ps_read() {
        assert_eq!(parse_ps("  0:01.25\n").expect("a time"), Duration::from_millis(1250));
        assert_eq!(parse_ps("1:02:03.50").expect("a time"), Duration::from_millis(3_723_500));
        assert!(parse_ps("").is_err());
    }

    #[test]
    fn this_process_has_used_some() {
        let mut x = 1u64;
        while of(std::process::id()).expect("it runs") < Duration::from_millis(10) {
            x = std::hint::black_box(x.wrapping_mul(3));
        }
    }
}
