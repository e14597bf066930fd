//! What was there at this time yesterday, and a week ago: the largest load of each five minutes of the last week.
//!
//! Knows the wall's time in UTC and nothing of calendars: a shift by daylight saving is off by an hour for a day, and
//! then learned. What was never seen is not zero: it is nothing.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::narrow;
use crate::span;

const BIN_SECONDS: i64 = 300;

const DAY: i64 = 24 * 3600 / BIN_SECONDS;

const WEEK: i64 = 7 * DAY;

/// What is looked at beyond the horizon: clocks and crowds are not exact.
const SLACK: Duration = Duration::from_mins(1);

/// Bins that are looked at, at most: a horizon of an hour and a bit.
const MOST_AHEAD: i64 = 14;

/// The last week; empty until the first sample.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Season {
    // One slot per bin of the week, what is unknown below zero; by f32, because a week of them is carried about.
    week: Vec<f32>,
    open: Option<(i64, f64)>,
}

impl Season {
    /// Takes a load.
    pub(super) fn take(&mut self, load: f64, wall: Timestamp) {
        let bin = bin(wall);
        self.open = match self.open {
            Some((open, most)) if open == bin => Some((open, most.max(load))),
            Some((open, most)) => {
                self.close(open, most);
                Some((bin, load))
            }
            None => Some((bin, load)),
        };
    }

    fn close(&mut self, bin: i64, most: f64) {
        if self.week.is_empty() {
            self.week = vec![-1.0; place(WEEK - 1) + 1];
        }
        if let Some(slot) = self.week.get_mut(place(bin)) {
            *slot = narrow(most);
        }
    }

    /// The largest load that usually comes between now and the end of the horizon, and when.
    pub(super) fn soon(&self, wall: Timestamp, horizon: Duration) -> Option<(f64, Timestamp)> {
        let first = bin(wall);
        let last = bin(span::after(wall, horizon.saturating_add(SLACK))).min(first + MOST_AHEAD);
        let bins = (first..=last).filter_map(|bin| Some((bin, self.usual(bin)?)));
        let (bin, load) = bins.reduce(|one, other| if other.1 > one.1 { other } else { one })?;
        let at = Timestamp::from_second(bin.saturating_mul(BIN_SECONDS)).unwrap_or(wall);
        Some((load, at.max(wall)))
    }

    /// The larger of yesterday and a week ago.
    fn usual(&self, bin: i64) -> Option<f64> {
        let known = |bin: i64| {
            self.week
                .get(place(bin))
                .copied()
                .filter(|load| *load >= 0.0)
                .map(f64::from)
        };
        known(bin - DAY).into_iter().chain(known(bin)).reduce(f64::max)
    }
}

fn bin(wall: Timestamp) -> i64 {
    wall.as_second().div_euclid(BIN_SECONDS)
}

#[expect(clippy::cast_possible_truncation, reason = "a remainder of two thousand")]
fn place(bin: i64) -> usize {
    bin.rem_euclid(WEEK) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3600;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A season that saw 100 always, and `peak` in the five minutes from `from` on.
    fn seen(days: i64, from: i64, peak: f64) -> Season {
        let mut season = Season::default();
        for second in (0..days * 24 * HOUR).step_by(60) {
            let load = if second >= from && second < from + 300 {
                peak
            } else {
                100.0
            };
            season.take(load, at(second));
        }
        season
    }

    #[test]
    fn nothing_is_usual_on_the_first_day() {
        let season = seen(1, 9 * HOUR, 1000.0);
        assert_eq!(season.soon(at(9 * HOUR - 24 * HOUR), Duration::from_secs(40)), None);
    }

    #[test]
    fn what_came_yesterday_is_expected_one_horizon_ahead() {
        let season = seen(1, 9 * HOUR, 1000.0);
        let tomorrow = 24 * HOUR;
        let soon = |second| {
            season
                .soon(at(tomorrow + second), Duration::from_secs(90))
                .map(|(load, _)| load)
        };
        // The horizon and a minute reach into the next bin 150 s before it begins.
        assert_eq!(soon(9 * HOUR - 151), Some(100.0));
        assert_eq!(soon(9 * HOUR - 149), Some(1000.0));
        assert_eq!(soon(9 * HOUR + 299), Some(1000.0));
        assert_eq!(soon(9 * HOUR + 301), Some(100.0));
    }

    #[test]
    fn what_came_a_week_ago_is_remembered_and_then_replaced() {
        let season = seen(7, 9 * HOUR, 1000.0);
        let next_week = 7 * 24 * HOUR + 9 * HOUR;
        assert_eq!(
            season.soon(at(next_week), Duration::ZERO).map(|(load, _)| load),
            Some(1000.0)
        );
        let season = seen(8, 9 * HOUR, 1000.0);
        assert_eq!(
            season
                .soon(at(next_week + 7 * 24 * HOUR), Duration::ZERO)
                .map(|(load, _)| load),
            Some(100.0)
        );
    }
}
