//! The largest or smallest value of the last while, in sixteen buckets.
//!
//! What is remembered is remembered at most one sixteenth of the while too long, never too short, whatever the tick.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const BUCKETS: usize = 16;

/// Which end is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// The largest.
    Largest,
    /// The smallest.
    Smallest,
}

/// The extreme of a sliding while.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Extreme {
    buckets: [Option<f64>; BUCKETS],
    newest: i64,
    value: Option<f64>,
}

impl Extreme {
    /// Takes a value; `seconds` is the length of the while, at least 1.
    pub(super) fn take(&mut self, value: f64, (side, seconds): (Side, u32), now: Timestamp) {
        let bucket = bucket(seconds, now);
        let passed = bucket.saturating_sub(self.newest);
        if passed != 0 {
            self.forget(passed);
            self.newest = bucket;
        }
        let place = &mut self.buckets[place(bucket)];
        *place = Some(place.map_or(value, |known| side.of(known, value)));
        self.value = self.fold(side, |_| true);
    }

    /// The extreme as of the last value; `None` before the first.
    pub(super) fn value(&self) -> Option<f64> {
        self.value
    }

    /// The extreme of the while that ends now, which may be later than the last value.
    pub(super) fn value_since(&self, (side, seconds): (Side, u32), now: Timestamp) -> Option<f64> {
        let passed = bucket(seconds, now).saturating_sub(self.newest);
        if passed <= 0 {
            return self.value;
        }
        let left = self
            .newest
            .saturating_add(1)
            .saturating_add(passed)
            .saturating_sub(length());
        self.fold(side, |bucket| bucket >= left)
    }

    fn fold(&self, side: Side, keep: impl Fn(i64) -> bool) -> Option<f64> {
        let newest = self.newest;
        let kept = (0..length())
            .map(|back| newest.saturating_sub(back))
            .filter(|bucket| keep(*bucket));
        kept.filter_map(|bucket| self.buckets[place(bucket)])
            .reduce(|one, other| side.of(one, other))
    }

    fn forget(&mut self, passed: i64) {
        if passed < 0 || passed >= length() {
            self.buckets = [None; BUCKETS];
            return;
        }
        for bucket in 1..=passed {
            self.buckets[place(self.newest.saturating_add(bucket))] = None;
        }
    }
}

impl Side {
    fn of(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Largest => one.max(other),
            Self::Smallest => one.min(other),
        }
    }
}

// One bucket more than the while needs: the oldest one is partly over.
#[expect(clippy::cast_possible_wrap, reason = "sixteen")]
const fn length() -> i64 {
    BUCKETS as i64
}

fn bucket(seconds: u32, now: Timestamp) -> i64 {
    let width_millis = i64::from(seconds.max(1)) * 1000 / (length() - 1) + 1;
    now.as_millisecond().div_euclid(width_millis)
}

#[expect(clippy::cast_possible_truncation, reason = "a remainder of sixteen")]
fn place(bucket: i64) -> usize {
    bucket.rem_euclid(length()) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn before_the_first_value_there_is_none() {
        assert_eq!(Extreme::default().value(), None);
    }

    proptest! {
        #[test]
        fn it_is_the_extreme_of_the_while_and_of_at_most_a_little_more(
            steps in proptest::collection::vec((1..40_i64, 0.0..1000.0_f64), 1..120), seconds in 5..700_u32,
        ) {
            let mut extreme = Extreme::default();
            let mut seen: Vec<(i64, f64)> = Vec::new();
            let mut now = 1_000_000;
            for (step, value) in steps {
                now += step;
                extreme.take(value, (Side::Largest, seconds), at(now));
                seen.push((now, value));
                let since = |seconds: i64| {
                    let young = seen.iter().filter(|(then, _)| now - then < seconds);
                    young.map(|(_, value)| *value).fold(f64::MIN, f64::max)
                };
                let seconds = i64::from(seconds);
                let found = extreme.value().unwrap();
                // A bucket is a fifteenth, rounded up to the next millisecond.
                prop_assert!(found >= since(seconds) && found <= since(seconds + seconds / 15 + 2), "{}", found);
            }
        }
    }
}
