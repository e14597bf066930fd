//! From values to pixels, and where an axis has its ticks.
//!
//! Pure. Ticks are round figures: 1, 2 or 5 times a power of ten; times are parts of hours and days.

use jiff::{Timestamp, tz::TimeZone};

/// A straight mapping of values to pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scale {
    /// Value and pixel of one end.
    pub(crate) from: (f64, f64),
    /// Value and pixel of the other.
    pub(crate) to: (f64, f64),
}

impl Scale {
    /// The pixel of a value.
    pub(crate) fn at(&self, value: f64) -> f64 {
        let ((low, start), (high, end)) = (self.from, self.to);
        start + (end - start) * (value - low) / (high - low)
    }
}

/// A place on an axis and its words.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tick {
    /// Where.
    pub(crate) value: f64,
    /// What stands there.
    pub(crate) label: String,
}

/// The distance of ticks for a span of which there shall be about `count`.
fn round_step(span: f64, count: f64) -> f64 {
    let rough = (span / count).max(f64::MIN_POSITIVE);
    let power = 10_f64.powf(rough.log10().floor());
    let factor = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .find(|factor| factor * power >= rough * 0.999)
        .unwrap_or(10.0);
    factor * power
}

/// Ticks from 0 to at least `most`; the last one is the top of the axis.
pub(crate) fn from_zero(most: f64, least_step: f64) -> Vec<Tick> {
    between(0.0, most, least_step)
}

/// Ticks that enclose two values.
pub(crate) fn between(low: f64, high: f64, least_step: f64) -> Vec<Tick> {
    let step = round_step(high - low, 4.0).max(least_step);
    let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
    let digits = (0..6).find(|digits| step * 10_f64.powi(*digits) > 0.999).unwrap_or(6);
    counted(first, last.max(first + 1.0))
        .map(|index| Tick {
            value: index * step,
            label: grouped(index * step, digits),
        })
        .collect()
}

fn counted(first: f64, last: f64) -> impl Iterator<Item = f64> {
    std::iter::successors(Some(first), |index| Some(index + 1.0)).take_while(move |index| *index <= last + 0.5)
}

/// `1,234.5`: a figure with so many digits after the point and its thousands apart.
fn grouped(value: f64, digits: i32) -> String {
    let digits = usize::try_from(digits).unwrap_or_default();
    let text = format!("{value:.digits$}");
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    let mut apart = String::new();
    for (index, letter) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index) % 3 == 0 && whole.len() > 4 {
            apart.push(',');
        }
        apart.push(letter);
    }
    apart + rest
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Distances of ticks on a time axis.
const STEPS: [i64; 17] = [
    10,
    30,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    7 * DAY,
    14 * DAY,
];

/// The most ticks whose words fit beside each other.
const MOST_TIMES: i64 = 10;

/// Ticks of the time since the beginning of a load: of the clock (UTC) where the beginning is known, else counted from it.
pub(crate) fn times(seconds: u32, begin: Option<Timestamp>) -> Vec<Tick> {
    let seconds = i64::from(seconds);
    let step = STEPS
        .into_iter()
        .find(|step| seconds / step <= MOST_TIMES)
        .unwrap_or(14 * DAY);
    let start = begin.map_or(0, Timestamp::as_second);
    let first = (start + step - 1).div_euclid(step) * step;
    let moments = std::iter::successors(Some(first), |moment| Some(moment + step));
    moments
        .take_while(|moment| *moment <= start + seconds)
        .map(|moment| Tick {
            value: float(moment - start),
            label: match begin {
                Some(_) => clock(moment, step),
                None => elapsed(moment, step, seconds),
            },
        })
        .collect()
}

fn clock(moment: i64, step: i64) -> String {
    let format = match (step, moment.rem_euclid(DAY)) {
        (DAY.., _) | (_, 0) => "%b %-d",
        (MINUTE.., _) => "%H:%M",
        _ => "%H:%M:%S",
    };
    let time = Timestamp::from_second(moment).unwrap_or_default();
    time.to_zoned(TimeZone::UTC).strftime(format).to_string()
}

fn elapsed(moment: i64, step: i64, seconds: i64) -> String {
    match step {
        DAY.. => format!("day {}", moment / DAY),
        HOUR.. => format!("{} h", moment / HOUR),
        _ if seconds > HOUR => format!("{}:{:02} h", moment / HOUR, moment % HOUR / MINUTE),
        MINUTE.. => format!("{} min", moment / MINUTE),
        _ => format!("{}:{:02} min", moment / MINUTE, moment % MINUTE),
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of at most some months")]
fn float(seconds: i64) -> f64 {
    seconds as f64
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn labels(ticks: &[Tick]) -> Vec<&str> {
        ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[rstest]
    #[case(40.0, &["0", "10", "20", "30", "40"])]
    #[case(47.0, &["0", "20", "40", "60"])]
    #[case(0.8, &["0.0", "0.2", "0.4", "0.6", "0.8"])]
    #[case(38_000.0, &["0", "10,000", "20,000", "30,000", "40,000"])]
    fn ticks_are_round_and_reach_the_most(#[case] most: f64, #[case] expected: &[&str]) {
        assert_eq!(labels(&from_zero(most, 0.0)), expected);
    }

    #[test]
    fn replicas_have_no_halves() {
        assert_eq!(labels(&from_zero(2.0, 1.0)), ["0", "1", "2"]);
    }

    #[rstest]
    #[case(600, &["0 min", "1 min", "2 min", "3 min", "4 min", "5 min", "6 min", "7 min", "8 min", "9 min", "10 min"])]
    #[case(86_400, &["0 h", "3 h", "6 h", "9 h", "12 h", "15 h", "18 h", "21 h", "24 h"])]
    #[case(14 * 86_400, &["day 0", "day 2", "day 4", "day 6", "day 8", "day 10", "day 12", "day 14"])]
    #[case(2 * 3600, &["0:00 h", "0:15 h", "0:30 h", "0:45 h", "1:00 h", "1:15 h", "1:30 h", "1:45 h", "2:00 h"])]
    fn without_a_clock_time_counts_from_the_beginning(#[case] seconds: u32, #[case] expected: &[&str]) {
        assert_eq!(labels(&times(seconds, None)), expected);
    }

    #[test]
    fn with_a_clock_ticks_are_at_its_round_hours_and_midnight_is_a_date() {
        let begin: Timestamp = "2026-01-01T20:30:00Z".parse().unwrap();
        let ticks = times(8 * 3600, Some(begin));
        assert_eq!(
            labels(&ticks),
            ["21:00", "22:00", "23:00", "Jan 2", "01:00", "02:00", "03:00", "04:00"]
        );
        // 21:00 is half an hour after the beginning.
        assert!((ticks[0].value - 1800.0).abs() < 1e-9);
    }

    #[test]
    fn a_scale_maps_its_ends_to_its_ends() {
        let scale = Scale {
            from: (10.0, 200.0),
            to: (20.0, 0.0),
        };
        assert!((scale.at(10.0) - 200.0).abs() < 1e-9 && (scale.at(15.0) - 100.0).abs() < 1e-9);
    }
}
