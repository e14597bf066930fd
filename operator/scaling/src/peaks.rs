//! The largest load of the last while: a maximum over a sliding window in bounded memory.
//!
//! Kept as peaks that only fall: a peak that is older and not higher than a new one can never be the maximum again.
//! Neighbours closer than one thirtieth of the window share a peak, so that memory is bounded whatever the tick; what is
//! remembered is remembered at most that much too long, never too short.

use std::time::Duration;

use arrayvec::ArrayVec;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::span;
use crate::units::RequestsPerSecond;

/// Peaks per window; see the head of the file.
const RESOLUTION: u32 = 30;

/// More peaks than one window holds; reached only where the window is lengthened while full.
const MOST_PEAKS: usize = 32;

/// The peaks of the last while.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Peaks(ArrayVec<Peak, MOST_PEAKS>);

/// The largest load of some neighbouring samples.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Peak {
    opened: Timestamp,
    last: Timestamp,
    load: RequestsPerSecond,
}

impl Peaks {
    /// Takes a load, and drops what is `length` old.
    pub(crate) fn take(&mut self, load: RequestsPerSecond, length: Duration, now: Timestamp) {
        let horizon = span::before(now, length);
        self.0.retain(|peak| peak.last > horizon && peak.load > load);
        let width = length / RESOLUTION;
        let full = self.0.is_full();
        match self.0.last_mut() {
            Some(peak) if full || span::elapsed(peak.opened, now) < width => peak.last = now,
            Some(_) | None => self.0.push(Peak {
                opened: now,
                last: now,
                load,
            }),
        }
    }

    /// The largest load since `horizon`, as of the last sample.
    pub(crate) fn max_since(&self, horizon: Timestamp) -> Option<RequestsPerSecond> {
        // The first that is young enough is the largest: they only fall.
        self.0.iter().find(|peak| peak.last > horizon).map(|peak| peak.load)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LENGTH: Duration = Duration::from_secs(600);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn rate(raw: f64) -> RequestsPerSecond {
        RequestsPerSecond::new(raw).unwrap()
    }

    fn max_at(peaks: &Peaks, second: i64) -> Option<RequestsPerSecond> {
        peaks.max_since(at(second - 600))
    }

    #[test]
    fn the_maximum_is_that_of_the_last_window() {
        let load = |second: i64| if second < 300 { 600.0 } else { 50.0 };
        let feed = |end: i64| {
            let mut peaks = Peaks::default();
            for second in (0..=end).step_by(5) {
                peaks.take(rate(load(second)), LENGTH, at(second));
            }
            max_at(&peaks, end)
        };
        assert_eq!(feed(295 + 595), Some(rate(600.0)), "the last peak is just within");
        // One thirtieth of 600 s is 20 s.
        assert_eq!(feed(295 + 600 + 20), Some(rate(50.0)), "the last peak left");
    }

    #[test]
    fn nothing_seen_has_no_maximum() {
        assert_eq!(max_at(&Peaks::default(), 600), None);
    }

    #[test]
    fn memory_is_bounded_whatever_the_samples_and_however_the_window_changes() {
        let mut peaks = Peaks::default();
        for second in 0..20_000_i64 {
            let length = if second % 7000 < 3000 { LENGTH } else { 10 * LENGTH };
            let falling = f64::from(u32::try_from(20_000 - second).unwrap());
            peaks.take(rate(falling), length, at(second));
        }
        assert!(max_at(&peaks, 19_999) >= Some(rate(600.0)));
    }
}
