//! What autoscalers can know of a simulation: Prometheus's rates, the metrics server's usage, Knative's averages.
//!
//! Requests are counted when they arrive (at the balancer or as in-flight requests), not when they are answered: an
//! overloaded API would otherwise hide its own load. Nobody sees what has not been scraped yet.

use std::time::Duration;

use serde::Serialize;

use crate::sim::{load::Load, plant::SATURATION, run::World};

/// Seconds between two scrapes of Prometheus: the same for everybody who asks it.
pub const SCRAPE_SECONDS: i64 = 5;

/// When pods are scraped within the interval, a fifth of them at each of these seconds: Prometheus spreads its targets. Ticks of
/// autoscalers happen at its beginning, so samples are 2 s old on average.
const SCRAPE_PHASES: [i64; 5] = [0, 1, 2, 3, 4];

/// The one in the middle.
const SCRAPE_PHASE: i64 = 3;

/// When pods are read directly, within the interval of that: the sample is as old as one that is fetched and not yet read.
const READ_PHASE: i64 = 1;

/// How our operator sees the load.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sensing {
    /// `metrics.source: Prometheus`: it scrapes every 5 s, and every 5 s somebody decides.
    #[default]
    Prometheus,
    /// `metrics.source: Pods`: they are read every 2 s, and every 2 s somebody decides.
    Direct,
}

impl Sensing {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Prometheus, Self::Direct];

    /// Seconds between two scrapes, and between two decisions.
    pub fn period_seconds(self) -> u32 {
        match self {
            Self::Prometheus => 5,
            Self::Direct => 2,
        }
    }

    /// The same as a duration.
    pub fn period(self) -> Duration {
        Duration::from_secs(u64::from(self.period_seconds()))
    }

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Prometheus => "Prometheus, 5 s",
            Self::Direct => "direct, 2 s",
        }
    }

    /// The load at the beginning of second `now` in requests/s, and how many seconds old it is: the slope between the last two
    /// scrapes.
    pub fn load(self, load: &Load, now: u32) -> (f64, u32) {
        match self {
            Self::Prometheus => (rate(load, now, 2 * SCRAPE_SECONDS), age(now)),
            Self::Direct => {
                let (now, period) = (i64::from(now), i64::from(self.period_seconds()));
                let last = sample_before(now, (period, READ_PHASE));
                (load.mean(last - period, last), whole(now - last))
            }
        }
    }
}

/// `sum(rate(...[window]))` at the beginning of second `now`, in requests/s: the slope between the first and the last
/// scrape of each pod within the window, where all pods have the same share of the load.
pub fn rate(load: &Load, now: u32, window_seconds: i64) -> f64 {
    let now = i64::from(now);
    let of_phase = |phase: i64| {
        let scrape_before = |time| sample_before(time, (SCRAPE_SECONDS, phase));
        let (last, first) = (
            scrape_before(now),
            scrape_before(now - window_seconds - 1) + SCRAPE_SECONDS,
        );
        load.mean(first.min(last - SCRAPE_SECONDS), last)
    };
    SCRAPE_PHASES.into_iter().map(of_phase).sum::<f64>() / 5.0
}

/// The age of the scrapes in the middle at `now` in seconds.
pub fn age(now: u32) -> u32 {
    let now = i64::from(now);
    whole(now - sample_before(now, (SCRAPE_SECONDS, SCRAPE_PHASE)))
}

fn whole(seconds: i64) -> u32 {
    u32::try_from(seconds).unwrap_or_default()
}

/// When what happens once in every `period`, at `phase` within it, happened last, at `time` at the latest.
pub(crate) fn sample_before(time: i64, (period, phase): (i64, i64)) -> i64 {
    (time - phase).div_euclid(period) * period + phase
}

/// Mean rate of the last whole seconds, as Knative's one-second scrapes give it.
pub fn mean(load: &Load, now: u32, window_seconds: u32) -> f64 {
    load.mean(i64::from(now) - i64::from(window_seconds), i64::from(now))
}

/// CPU used by all pods over the metrics server's last 15 s, in pods that are saturated (one such pod uses its request).
pub fn cpu(world: &World<'_>, now: u32) -> Option<f64> {
    let end = now / 15 * 15;
    let start = end.checked_sub(15)?;
    Some((world.past.served_before(end) - world.past.served_before(start)) / 15.0 / SATURATION)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pods_that_are_read_directly_tell_of_the_two_seconds_before_the_last() {
        let load = Load::from_rates("step", (0..60).map(|second| if second < 30 { 0.0 } else { 1000.0 }), 1);
        let seen = |now| Sensing::Direct.load(&load, now);
        // Read at 29 and 31, asked at 32: one of these two seconds had load.
        let (half, age) = seen(32);
        assert!((400.0..600.0).contains(&half), "{half}");
        assert_eq!(age, 1);
        assert!(seen(30).0 < 1.0 && seen(34).0 > 800.0);
    }
}
