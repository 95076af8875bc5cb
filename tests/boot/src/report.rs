//! Reads what a system reports: `key=value` lines and tick times.

use std::time::Instant;

/// A line of the form `LABEL: key=value key=value …`.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    line: &'a str,
    fields: &'a str,
}

impl<'a> Fields<'a> {
    /// `None` where `line` does not have this label.
    #[must_use]
    pub fn of(line: &'a str, label: &str) -> Option<Self> {
        let fields = line.strip_prefix(label)?.strip_prefix(": ")?;
        Some(Self { line, fields })
    }

    /// The value of `key`; panics where it is missing.
    #[track_caller]
    #[must_use]
    pub fn text(&self, key: &str) -> &'a str {
        let value = |field: &'a str| field.strip_prefix(key)?.strip_prefix('=');
        match self.fields.split_whitespace().find_map(value) {
            Some(value) => value,
            None => panic!("no {key}= in {:?}", self.line),
        }
    }

    /// The value of `key` as a number, hexadecimal after `0x`; panics where it is none.
    #[track_caller]
    #[must_use]
    pub fn number(&self, key: &str) -> u64 {
        let text = self.text(key);
        let number = match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16),
            None => text.parse(),
        };
        number.unwrap_or_else(|_| panic!("{key}= is no number in {:?}", self.line))
    }
}

/// The period of numbered ticks in seconds: the median of the slopes between all pairs (the
/// Theil-Sen estimator). A busy host only ever delays a line's arrival, some lines by much; a
/// mean or least squares would carry such a delay into the result, while the median ignores it as
/// long as fewer than about 29 % of the lines are late. A lost tick shows in the numbers and does
/// not count as a longer period.
#[must_use]
pub fn period_s(ticks: &[(u64, Instant)]) -> f64 {
    let mut slopes = Vec::new();
    for (index, &(first, at)) in ticks.iter().enumerate() {
        for &(later, later_at) in ticks.iter().skip(index + 1) {
            assert!(later > first, "tick {later} came after tick {first}");
            slopes.push(later_at.duration_since(at).as_secs_f64() / (later - first) as f64);
        }
    }
    slopes.sort_by(f64::total_cmp);
    *slopes.get(slopes.len() / 2).expect("at least two ticks")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn fields_are_read_by_name() {
        let line = "fault: component=null-read kind=vm-read address=0x1f slots=12";
        let fields = Fields::of(line, "fault").expect("its label");
        assert_eq!(fields.text("kind"), "vm-read");
        assert_eq!(fields.number("address"), 31);
        assert_eq!(fields.number("slots"), 12);
        assert!(Fields::of(line, "reaped").is_none());
    }

    #[test]
    #[should_panic(expected = "no ip= in")]
    fn a_missing_field_is_told() {
        let _ = Fields::of("fault: kind=x", "fault").expect("its label").text("ip");
    }

    fn ticks(late_ms: &[u64]) -> Vec<(u64, Instant)> {
        let start = Instant::now();
        let tick = |(n, late)| (n, start + Duration::from_millis(n * 1000 + late));
        (2..).zip(late_ms.iter().copied()).map(tick).collect()
    }

    #[test]
    fn three_late_lines_of_eleven_do_not_matter() {
        let period = period_s(&ticks(&[0, 1, 0, 400, 0, 2, 0, 0, 700, 0, 500]));
        assert!((period - 1.0).abs() < 0.005, "{period}");
    }

    #[test]
    fn a_clock_three_percent_wrong_is_seen() {
        let period = period_s(&ticks(&[0, 30, 60, 90, 120, 150, 180, 210, 240, 270, 300]));
        assert!((period - 1.03).abs() < 0.001, "{period}");
    }
}
