//! The down window: whether fresh samples cover it without a gap, and the largest load within it.
//!
//! A maximum over a sliding window, kept as peaks that only fall: a peak that is older and not higher than a new one can
//! never be the maximum again. Neighbours closer than one sixtieth of the window share a peak, so memory is bounded
//! whatever the tick, and what is remembered is remembered at most that much too long, never too short.
//! Knows loads, not replicas: a new capacity per replica applies to the past as well.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::policy::Policy;
use crate::span;
use crate::units::RequestsPerSecond;

/// Peaks per window; see the head of the file.
const RESOLUTION: u32 = 60;

/// More peaks than one window holds; reached only where the window is lengthened while full.
const MOST_PEAKS: usize = 64;

/// Fresh samples since the last gap.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Window {
    run: Option<Run>,
    peaks: VecDeque<Peak>,
}

/// A time without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Run {
    since: Timestamp,
    last: Timestamp,
}

/// The largest load of some neighbouring samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Peak {
    opened: Timestamp,
    last: Timestamp,
    load: RequestsPerSecond,
}

impl Window {
    /// Takes a fresh sample. More than the policy's sample gap since the last one makes a new beginning.
    pub(crate) fn take(&mut self, policy: &Policy, load: RequestsPerSecond, now: Timestamp) {
        if self
            .run
            .is_some_and(|run| span::elapsed(run.last, now) > policy.max_sample_gap())
        {
            self.forget();
        }
        let horizon = span::before(now, policy.down_window());
        // What lies before the horizon is dropped, so it must not count as covered if the window is lengthened later.
        let since = self.run.map_or(now, |run| run.since.max(horizon));
        self.run = Some(Run { since, last: now });
        while self.peaks.front().is_some_and(|peak| peak.last <= horizon) {
            self.peaks.pop_front();
        }
        self.push(load, now, policy.down_window() / RESOLUTION);
    }

    fn push(&mut self, load: RequestsPerSecond, now: Timestamp, width: Duration) {
        while self.peaks.back().is_some_and(|peak| peak.load <= load) {
            self.peaks.pop_back();
        }
        let full = self.peaks.len() >= MOST_PEAKS;
        match self.peaks.back_mut() {
            Some(peak) if full || span::elapsed(peak.opened, now) < width => peak.last = now,
            Some(_) | None => self.peaks.push_back(Peak {
                opened: now,
                last: now,
                load,
            }),
        }
    }

    /// Forgets everything: a sample could not be used.
    pub(crate) fn forget(&mut self) {
        self.run = None;
        self.peaks.clear();
    }

    /// When the last fresh sample came, if none that could not be used came since.
    pub(crate) fn last(&self) -> Option<Timestamp> {
        self.run.map(|run| run.last)
    }

    /// When fresh samples cover `length` if none is missed; `None` after a gap.
    pub(crate) fn full_at(&self, length: Duration) -> Option<Timestamp> {
        self.run.map(|run| span::after(run.since, length))
    }

    /// The largest load.
    pub(crate) fn max(&self) -> Option<RequestsPerSecond> {
        self.peaks.front().map(|peak| peak.load)
    }

    /// When the last load that is `blocking` leaves a window of `length`; `None` where none is.
    pub(crate) fn free_at(&self, length: Duration, blocking: impl Fn(RequestsPerSecond) -> bool) -> Option<Timestamp> {
        let last = self.peaks.iter().rev().find(|peak| blocking(peak.load))?;
        Some(span::after(last.last, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::PolicyInput;

    const LENGTH: Duration = Duration::from_mins(10);

    fn over(length: Duration) -> Policy {
        Policy::parse(PolicyInput {
            scale_down_cooldown: length,
            ..PolicyInput::default()
        })
        .unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn rate(raw: f64) -> RequestsPerSecond {
        RequestsPerSecond::new(raw).unwrap()
    }

    fn fed(samples: impl IntoIterator<Item = (i64, f64)>) -> Window {
        let mut window = Window::default();
        for (second, load) in samples {
            window.take(&over(LENGTH), rate(load), at(second));
        }
        window
    }

    #[test]
    fn the_maximum_is_that_of_the_last_window() {
        let load = |second: i64| if second < 300 { 600.0 } else { 50.0 };
        let feed = |end: i64| fed((0..=end).step_by(5).map(|second| (second, load(second))));
        assert_eq!(feed(295 + 600).max(), Some(rate(600.0)), "the last peak is just within");
        assert_eq!(
            feed(300 + 600 + 10).max(),
            Some(rate(50.0)),
            "the last peak left, one sixtieth later at most"
        );
    }

    #[test]
    fn it_is_full_once_samples_cover_it_without_a_gap() {
        let window = fed((0..=300).step_by(5).map(|second| (second, 1.0)));
        assert_eq!(window.full_at(LENGTH), Some(at(600)));
    }

    #[test]
    fn a_gap_makes_a_new_beginning() {
        let window = fed([(0, 600.0), (5, 600.0), (21, 50.0)]);
        assert_eq!(window.full_at(LENGTH), Some(at(621)));
        assert_eq!(window.max(), Some(rate(50.0)));
    }

    #[test]
    fn a_longer_window_is_not_full_by_what_a_shorter_one_dropped() {
        let mut window = Window::default();
        for second in (0..=1000).step_by(5) {
            window.take(&over(Duration::from_mins(1)), rate(1.0), at(second));
        }
        assert_eq!(window.full_at(LENGTH), Some(at(1000 - 60 + 600)));
    }

    #[test]
    fn memory_is_bounded_whatever_the_samples_and_however_the_window_changes() {
        let mut window = Window::default();
        for second in 0..20_000_i64 {
            let length = if second % 7000 < 3000 { LENGTH } else { 10 * LENGTH };
            let falling = f64::from(u32::try_from(20_000 - second).unwrap());
            window.take(&over(length), rate(falling), at(second));
            assert!(
                window.peaks.len() <= MOST_PEAKS,
                "{} peaks at {second} s",
                window.peaks.len()
            );
        }
    }

    #[test]
    fn it_says_when_a_blocking_load_leaves() {
        let window = fed([(0, 600.0), (15, 400.0), (30, 50.0)]);
        assert_eq!(window.free_at(LENGTH, |load| load >= rate(400.0)), Some(at(615)));
        assert_eq!(window.free_at(LENGTH, |load| load > rate(600.0)), None);
    }
}
