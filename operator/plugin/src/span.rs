//! Spans of time as people write them: `4m12s`, `3h5m`, `2d4h`.
//!
//! Pure. At most two units, the larger two; what has not begun yet is `0s`, because clocks of two machines differ.

use std::time::Duration;

use jiff::Timestamp;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// From one moment to a later one.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> String {
    seconds(to.duration_since(from).as_secs())
}

/// Whole seconds.
pub(crate) fn seconds(seconds: i64) -> String {
    match seconds.max(0) {
        seconds if seconds < MINUTE => format!("{seconds}s"),
        seconds if seconds < HOUR => two((seconds / MINUTE, 'm'), (seconds % MINUTE, 's')),
        seconds if seconds < DAY => two((seconds / HOUR, 'h'), (seconds % HOUR / MINUTE, 'm')),
        seconds if seconds < 10 * DAY => two((seconds / DAY, 'd'), (seconds % DAY / HOUR, 'h')),
        seconds => format!("{}d", seconds / DAY),
    }
}

/// The age of a sample, where tenths of a second tell something. None for what is not an age: NaN, or below zero.
pub(crate) fn sample(seconds: f64) -> Option<String> {
    let age = Duration::try_from_secs_f64(seconds).ok()?;
    if age < Duration::from_secs(10) {
        return Some(format!("{:.1}s", age.as_secs_f64()));
    }
    Some(self::seconds(i64::try_from(age.as_secs()).unwrap_or(i64::MAX)))
}

fn two(large: (i64, char), small: (i64, char)) -> String {
    if small.0 == 0 {
        return format!("{}{}", large.0, large.1);
    }
    format!("{}{}{}{}", large.0, large.1, small.0, small.1)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(-5, "0s")]
    #[case(0, "0s")]
    #[case(59, "59s")]
    #[case(60, "1m")]
    #[case(252, "4m12s")]
    #[case(3599, "59m59s")]
    #[case(3600, "1h")]
    #[case(11_100, "3h5m")]
    #[case(86_399, "23h59m")]
    #[case(86_400, "1d")]
    #[case(187_200, "2d4h")]
    #[case(864_000, "10d")]
    #[case(i64::MAX, "106751991167300d")]
    fn a_span_has_at_most_its_two_largest_units(#[case] given: i64, #[case] expected: &str) {
        assert_eq!(seconds(given), expected);
    }

    #[rstest]
    #[case(f64::NAN, None)]
    #[case(-1.0, None)]
    #[case(0.0, Some("0.0s"))]
    #[case(3.24, Some("3.2s"))]
    #[case(12.9, Some("12s"))]
    #[case(200.0, Some("3m20s"))]
    fn the_age_of_a_young_sample_has_tenths(#[case] given: f64, #[case] expected: Option<&str>) {
        assert_eq!(sample(given).as_deref(), expected);
    }

    #[test]
    fn a_moment_that_the_other_clock_has_not_reached_is_now() {
        let now: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let ahead: Timestamp = "2026-01-01T00:00:03Z".parse().unwrap();
        assert_eq!(between(ahead, now), "0s");
    }
}
