//! The windows of the Knative autoscaler: averages over whole seconds, and the highest decision of a delay.
//!
//! Follows `pkg/autoscaler/aggregation/bucketing.go` and `aggregation/max/window.go`. Knows numbers and seconds; neither
//! what was counted nor what is decided.

use std::collections::VecDeque;

use super::{TICK_SECONDS, whole};

/// Longest scale-down delay in seconds.
const LONGEST_DELAY_SECONDS: u32 = 3600;

/// An average over the last whole seconds (`TimedFloat64Buckets`). Seconds without a record count as 0 between records,
/// and not at all after the last one; a window that is not full yet averages over what exists; after a whole window
/// without a record it is 0, and begins anew.
#[derive(Clone, Debug)]
pub struct Bucketed {
    seconds: Box<[f64]>,
    total: f64,
    span: Option<Span>,
}

/// First and last second with a record since the last silence of a whole window.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: u32,
    last: u32,
}

impl Bucketed {
    /// A window of this many seconds, rounded up, at least one.
    pub fn new(window_seconds: f64) -> Self {
        let seconds = whole(window_seconds.ceil()).max(1);
        Self {
            seconds: std::iter::repeat_n(0.0, seconds as usize).collect(),
            total: 0.0,
            span: None,
        }
    }

    /// Adds to the second of `now_seconds`: two records within one second add up, as they do in the original.
    pub fn record(&mut self, now_seconds: f64, value: f64) {
        let second = whole(now_seconds);
        let span = match self.span {
            Some(Span { first, last }) if second.saturating_sub(last) < self.window() => {
                self.clear(last, second);
                Span {
                    first,
                    last: last.max(second),
                }
            }
            Some(_) | None => {
                self.seconds.fill(0.0);
                self.total = 0.0;
                Span {
                    first: second,
                    last: second,
                }
            }
        };
        self.span = Some(span);
        let slot = self.slot(span.last);
        self.seconds[slot] += value;
        self.total += value;
    }

    /// The average at `now_seconds`, in the unit of the records, to six decimals.
    pub fn average(&self, now_seconds: f64) -> f64 {
        let Some(Span { first, last }) = self.span else {
            return 0.0;
        };
        let silent = whole(now_seconds).saturating_sub(last);
        if silent >= self.window() {
            return 0.0;
        }
        let outdated: f64 = (1..=silent).map(|ahead| self.seconds[self.slot(last + ahead)]).sum();
        let counted = (last - first + 1).min(self.window() - silent);
        // Rounded, or the rest of a sum that should be zero would be rounded up to a pod.
        ((self.total - outdated) / f64::from(counted) * 1e6).round() / 1e6
    }

    /// Empties the seconds after `last` up to `second`.
    fn clear(&mut self, last: u32, second: u32) {
        for emptied in last.saturating_add(1)..=second {
            let slot = self.slot(emptied);
            self.total -= self.seconds[slot];
            self.seconds[slot] = 0.0;
            if slot == 0 {
                // Summed anew once per lap, so that rounding does not pile up over a long trace.
                self.total = self.seconds.iter().sum();
            }
        }
    }

    fn window(&self) -> u32 {
        u32::try_from(self.seconds.len()).unwrap_or(u32::MAX)
    }

    fn slot(&self, second: u32) -> usize {
        (second % self.window()) as usize
    }
}

/// The highest value of the last intervals of one tick (`max.TimeWindow`): values that only fall, newest last.
#[derive(Clone, Debug)]
pub(super) struct Highest {
    intervals: u32,
    peaks: VecDeque<Peak>,
}

#[derive(Clone, Copy, Debug)]
struct Peak {
    interval: u32,
    value: u32,
}

impl Highest {
    /// Over a delay in seconds, at most an hour.
    pub(super) fn new(delay_seconds: u32) -> Self {
        let intervals = whole((f64::from(delay_seconds.min(LONGEST_DELAY_SECONDS)) / TICK_SECONDS).ceil()).max(1);
        Self {
            intervals,
            peaks: VecDeque::with_capacity(intervals as usize),
        }
    }

    /// Takes a value and returns the highest of the window. Within one interval the larger one stays.
    pub(super) fn record(&mut self, now_seconds: f64, value: u32) -> u32 {
        let interval = whole(now_seconds / TICK_SECONDS);
        while self.peaks.back().is_some_and(|peak| peak.value <= value) {
            self.peaks.pop_back();
        }
        while self
            .peaks
            .front()
            .is_some_and(|peak| interval - peak.interval >= self.intervals)
        {
            self.peaks.pop_front();
        }
        if self.peaks.back().is_none_or(|peak| peak.interval != interval) {
            self.peaks.push_back(Peak { interval, value });
        }
        self.peaks.front().map_or(value, |peak| peak.value)
    }
}

/// How many of the pods are scraped per second (`sample_size.go`): all of up to 3, else `ceil(N X / (N + X - 1))` with
/// `X = 1.96^2 x 100 / 25`; their sum is then extrapolated by N / n. Confidence 95 %, margin 5 %.
pub fn scrape_sample_size(pods: u32) -> u32 {
    const LARGEST: f64 = 1.96 * 1.96 * 100.0 / 25.0;
    if pods <= 3 {
        return pods;
    }
    let pods = f64::from(pods);
    whole((pods * LARGEST / (pods + LARGEST - 1.0)).ceil())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn recorded(window_seconds: f64, records: &[(f64, f64)]) -> Bucketed {
        let mut window = Bucketed::new(window_seconds);
        for (second, value) in records {
            window.record(*second, *value);
        }
        window
    }

    #[rstest]
    #[case::nothing(&[], 5.0, 0.0)]
    // (10 + 20) / 2 of 6 seconds
    #[case::not_full_yet(&[(100.0, 10.0), (101.0, 20.0)], 101.0, 15.0)]
    // (12 + 0 + 0 + 12) / 4: the seconds between count as 0
    #[case::a_gap(&[(100.0, 12.0), (103.0, 12.0)], 103.0, 6.0)]
    // silent since 103: (12 + 12) / 4, the last 2 seconds do not count
    #[case::silent(&[(100.0, 12.0), (103.0, 12.0)], 105.0, 6.0)]
    // at 107 the second 100 (and 101) is out: 12 / min(4, 6 - 4)
    #[case::silent_longer(&[(100.0, 12.0), (103.0, 12.0)], 107.0, 6.0)]
    #[case::silent_for_a_window(&[(100.0, 12.0), (103.0, 12.0)], 109.0, 0.0)]
    // Begins anew after a window of silence: only the 30.
    #[case::anew(&[(100.0, 12.0), (106.0, 30.0)], 106.0, 30.0)]
    // 7 seconds of a window of 6: the first is out, (2 + 3 + 4 + 5 + 6 + 7) / 6
    #[case::full(&[(0.0, 1.0), (1.0, 2.0), (2.0, 3.0), (3.0, 4.0), (4.0, 5.0), (5.0, 6.0), (6.0, 7.0)], 6.0, 4.5)]
    #[case::twice_in_a_second(&[(4.0, 5.0), (4.5, 7.0)], 4.9, 12.0)]
    fn an_average_over_six_seconds(#[case] records: &[(f64, f64)], #[case] now: f64, #[case] expected: f64) {
        let average = recorded(6.0, records).average(now);
        assert!((average - expected).abs() < 1e-9, "{average}");
    }

    #[test]
    fn a_load_that_ended_is_exactly_zero() {
        let mut window = Bucketed::new(6.0);
        for second in 0..1_000_000 {
            window.record(f64::from(second), 1e12 / f64::from(1 + second % 1_009));
        }
        for second in 1_000_000..1_000_006 {
            window.record(f64::from(second), 0.0);
        }
        assert!(window.average(1_000_005.0).abs() < f64::MIN_POSITIVE);
    }

    #[test]
    fn the_highest_of_a_delay_leaves_with_its_interval() {
        let mut highest = Highest::new(6);
        let seen: Vec<u32> = [(0.0, 9), (2.0, 4), (4.0, 6), (6.0, 1), (8.0, 1), (10.0, 2)]
            .into_iter()
            .map(|(now, value)| highest.record(now, value))
            .collect();
        // Three intervals: {9}, {9 4}, {9 4 6}, {4 6 1}, {6 1 1}, {1 1 2}
        assert_eq!(seen, [9, 9, 9, 6, 6, 2]);
    }

    #[test]
    fn within_one_interval_the_larger_value_stays() {
        let mut highest = Highest::new(2);
        assert_eq!(highest.record(0.0, 9), 9);
        assert_eq!(highest.record(1.9, 4), 9);
        assert_eq!(highest.record(2.0, 4), 4);
    }

    #[rstest]
    #[case::none(0, 0)]
    #[case::all_of_three(3, 3)]
    // 4 x 15.3664 / 18.3664 = 3.35
    #[case::four(4, 4)]
    // 100 x 15.3664 / 114.3664 = 13.44
    #[case::a_hundred(100, 14)]
    // tends to 15.37
    #[case::very_many(1_000_000, 16)]
    fn a_sample_of_the_pods_is_scraped(#[case] pods: u32, #[case] expected: u32) {
        assert_eq!(scrape_sample_size(pods), expected);
    }
}
