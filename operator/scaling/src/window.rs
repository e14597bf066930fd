//! Whether fresh samples cover a time without a gap: the proof that a decrease needs.
//!
//! After a gap the range of the query's own `rate()` is half empty and its answer too low; one full window of fresh samples
//! makes sure that it is full again. Knows no load.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::span;

/// Fresh samples since the last gap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    run: Option<Run>,
}

/// A time without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Run {
    since: Timestamp,
    last: Timestamp,
}

impl Window {
    /// Takes a fresh sample. More than `longest_gap` since the last one makes a new beginning.
    pub(crate) fn take(&mut self, longest_gap: Duration, now: Timestamp) {
        let since = match self.run {
            Some(run) if span::elapsed(run.last, now) <= longest_gap => run.since,
            Some(_) | None => now,
        };
        self.run = Some(Run { since, last: now });
    }

    /// Forgets everything: a sample could not be used.
    pub(crate) fn forget(&mut self) {
        self.run = None;
    }

    /// When the last fresh sample came, if none that could not be used came since.
    pub(crate) fn last(&self) -> Option<Timestamp> {
        self.run.map(|run| run.last)
    }

    /// When fresh samples cover `length` if none is missed; `None` after a gap.
    pub(crate) fn full_at(&self, length: Duration) -> Option<Timestamp> {
        self.run.map(|run| span::after(run.since, length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GAP: Duration = Duration::from_secs(15);
    const LENGTH: Duration = Duration::from_secs(30);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn fed(seconds: impl IntoIterator<Item = i64>) -> Window {
        let mut window = Window::default();
        for second in seconds {
            window.take(GAP, at(second));
        }
        window
    }

    #[test]
    fn it_is_full_once_samples_cover_it_without_a_gap() {
        assert_eq!(fed((0..=25).step_by(5)).full_at(LENGTH), Some(at(30)));
    }

    #[test]
    fn a_gap_makes_a_new_beginning() {
        assert_eq!(fed([0, 5, 20, 36]).full_at(LENGTH), Some(at(36 + 30)));
    }

    #[test]
    fn what_is_forgotten_covers_nothing() {
        let mut window = fed([0, 5]);
        window.forget();
        assert_eq!((window.full_at(LENGTH), window.last()), (None, None));
    }
}
