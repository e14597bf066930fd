//! How many requests a pod has in flight, as far as it can be told from outside.
//!
//! Pure. No gauge is asked for: an API owes none. The rate of its requests and how long they take say it on average.

use super::{histogram::Histogram, latency::idle};
use crate::scale::sample::PodSample;

/// Requests in flight in one pod, on average over the window of its rates; `None` where its durations are not told, or are
/// nonsense.
pub fn in_flight(sample: &PodSample) -> Option<f64> {
    if idle(sample) {
        return Some(0.0);
    }
    let histogram = Histogram::parse(&sample.durations).ok().flatten()?;
    Some(histogram.in_flight())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::scale::reading::fixtures::{durations, quiet};

    const INF: f64 = f64::INFINITY;

    #[rstest]
    // 10 of 0.05 s on average, 30 of 0.2 s.
    #[case::two_buckets(durations(&[(0.1, 10.0), (0.3, 40.0), (INF, 40.0)]), Some(6.5))]
    // 20 took longer than 0.1 s, nobody knows how long: at least that.
    #[case::beyond_the_last_bound(durations(&[(0.1, 10.0), (INF, 30.0)]), Some(2.5))]
    #[case::nobody_asks(PodSample { rate: Some(0.0), ..durations(&[]) }, Some(0.0))]
    #[case::no_durations(PodSample { rate: Some(5.0), ..durations(&[]) }, None)]
    #[case::no_infinite_bucket(durations(&[(0.1, 10.0)]), None)]
    #[case::nonsense(durations(&[(0.1, f64::NAN), (INF, 1.0)]), None)]
    #[case::nothing_at_all(quiet(), None)]
    fn requests_in_flight_are_their_rate_times_how_long_they_take(
        #[case] sample: PodSample,
        #[case] expected: Option<f64>,
    ) {
        let found = in_flight(&sample);
        let near = match (found, expected) {
            (Some(found), Some(expected)) => (found - expected).abs() < 1e-9,
            (found, expected) => found == expected,
        };
        assert!(near, "{found:?}, expected {expected:?}");
    }
}
