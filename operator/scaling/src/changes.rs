//! The change budget: how often the result changed within the last hour.
//!
//! Counted in slices of five minutes, so that memory is bounded; a change is counted for at least an hour, and for at most
//! five minutes more. Increases are counted and never refused; what to do when the budget is used up is the guard's.
//! After the flap budget of kubernetes/enhancements#883.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const SLICE_SECONDS: i64 = 300;

/// An hour, and the slice that is not over.
const SLICE_COUNT: u16 = 13;
const SLICES: usize = SLICE_COUNT as usize;

/// Changes by slice, newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Changes {
    newest: i64,
    counts: [u32; SLICES],
}

impl Changes {
    /// Counts one change.
    pub(crate) fn count(&mut self, now: Timestamp) {
        *self = self.at(now);
        self.counts[0] = self.counts[0].saturating_add(1);
    }

    /// When there is room for another within `budget`; `None` where there is now.
    pub(crate) fn room_at(&self, budget: u32, now: Timestamp) -> Option<Timestamp> {
        let present = self.at(now);
        let mut left: u64 = present.counts.iter().copied().map(u64::from).sum();
        if left < u64::from(budget) {
            return None;
        }
        let oldest_first = (0..SLICE_COUNT).zip(&present.counts).rev();
        for (age, count) in oldest_first {
            left -= u64::from(*count);
            if left < u64::from(budget) {
                return Some(end_of(present.newest - i64::from(age)));
            }
        }
        Some(end_of(present.newest))
    }

    fn at(self, now: Timestamp) -> Self {
        let newest = now.as_second().div_euclid(SLICE_SECONDS);
        let passed = usize::try_from(newest - self.newest).unwrap_or(0).min(SLICES);
        let mut counts = [0; SLICES];
        counts[passed..].copy_from_slice(&self.counts[..SLICES - passed]);
        Self { newest, counts }
    }
}

/// When a slice is not counted any more.
fn end_of(slice: i64) -> Timestamp {
    let seconds = slice
        .saturating_add(i64::from(SLICE_COUNT))
        .saturating_mul(SLICE_SECONDS);
    Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::span;

    const LONGEST: Duration = Duration::from_secs(65 * 60);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn there_is_room_until_the_budget_is_used_up_and_again_when_its_hour_is_over() {
        let mut changes = Changes::default();
        for second in [1000, 1000, 1001] {
            changes.count(at(second));
        }
        assert_eq!(changes.room_at(4, at(1002)), None);
        let again = changes.room_at(3, at(1002)).unwrap();
        assert!(
            again >= at(1000 + 3600) && again <= span::after(at(1001), LONGEST),
            "{again}"
        );
        assert_eq!(changes.room_at(3, again), None);
    }

    #[test]
    fn never_more_than_the_budget_within_any_hour() {
        let mut changes = Changes::default();
        let mut made = Vec::new();
        for second in (0..40_000).step_by(7) {
            if changes.room_at(5, at(second)).is_none() {
                changes.count(at(second));
                made.push(second);
            }
        }
        // The sixth after any change is more than an hour later.
        assert!(made.windows(6).all(|six| six[5] - six[0] > 3600), "{made:?}");
        assert!(made.len() >= 5 * (40_000 / (65 * 60)), "{}", made.len());
    }

    #[test]
    fn the_ends_of_the_calendar_are_no_trouble() {
        let mut changes = Changes::default();
        for time in [Timestamp::MIN, Timestamp::MAX, Timestamp::MIN] {
            changes.count(time);
            assert!(changes.room_at(1, time).is_some());
        }
    }
}
