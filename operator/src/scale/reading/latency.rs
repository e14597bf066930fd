//! From the durations of each pod's requests to the latency of a cluster at one quantile.
//!
//! Pure. The quantile is taken of all pods' requests together, never averaged over pods. A quantile over most pods is
//! still a quantile, so it counts as long as at least half of the pods that must be heard of are heard: what could be
//! lowered meanwhile is held by the load, of which a silent pod leaves only a lower bound. Nobody asking anything is no
//! latency at all: it is `Missing`, never 0.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use pathfinder_scaling::{InvalidReason, MissingReason, Seconds, Signal};

use super::{
    histogram::Histogram,
    pod::{age, is_ready, must_be_heard, sample},
};
use crate::scale::sample::{Answer, PodSample, Samples};

/// The latency in seconds at `quantile` (0 to 1) of the cluster whose API pods these are. Pods that are not ready do not
/// count.
pub fn latency(
    answer: &Answer,
    pods: &[&Pod],
    quantile: f64,
    (max_age, now): (Duration, Timestamp),
) -> Signal<Seconds> {
    let samples = match answer {
        Answer::Samples(samples) => samples,
        Answer::Unreachable(_) => return missing(MissingReason::SourceUnreachable),
        Answer::Unknown => return missing(MissingReason::SourceUnknown),
    };
    let heard = match hear(samples, pods, (max_age, now)) {
        Ok(heard) => heard,
        Err(reason) => return Signal::Invalid { reason },
    };
    match heard.gap {
        Some(gap) if heard.silent > heard.spoke => return gap.into(),
        None if heard.spoke == 0 => return missing(MissingReason::NotScraped),
        Some(_) | None => {}
    }
    let found = Histogram::sum(&heard.histograms).and_then(|all| all.quantile(quantile));
    found.map_or(missing(MissingReason::NoRequests), |seconds| {
        Signal::classify(seconds, heard.oldest, max_age)
    })
}

/// What one pod said of its durations.
pub(super) enum Said {
    /// So many requests of such durations.
    Durations(Histogram, Duration),
    /// It is scraped, and nobody asked it anything.
    Quiet,
    /// Nothing that can be used.
    Silent(Gap),
}

/// Why a pod said nothing.
#[derive(Clone, Copy)]
pub(super) enum Gap {
    Stale(Duration),
    Missing(MissingReason),
}

impl From<Gap> for Signal<Seconds> {
    fn from(gap: Gap) -> Self {
        match gap {
            Gap::Stale(age) => Self::Stale { age },
            Gap::Missing(reason) => missing(reason),
        }
    }
}

/// What one pod said of its durations.
///
/// # Errors
/// For nonsense, whatever its age.
pub(super) fn said(samples: &Samples, pod: &Pod, (max_age, now): (Duration, Timestamp)) -> Result<Said, InvalidReason> {
    let silent = |reason| Ok(Said::Silent(Gap::Missing(reason)));
    let Some((sample, up)) = sample(samples, pod).and_then(|sample| Some((sample, sample.up?))) else {
        return silent(MissingReason::NotScraped);
    };
    let histogram = Histogram::parse(&sample.durations)?;
    if up < 1.0 {
        return silent(MissingReason::TargetDown);
    }
    match (histogram, sample.sampled) {
        // Scraped, and it has no series at all: nobody asked it anything yet.
        (_, None) => Ok(Said::Quiet),
        (_, Some(at)) if age(at, now) > max_age => Ok(Said::Silent(Gap::Stale(age(at, now)))),
        (Some(histogram), Some(at)) => Ok(Said::Durations(histogram, age(at, now))),
        (None, Some(_)) if idle(sample) => Ok(Said::Quiet),
        (None, Some(_)) => silent(MissingReason::NotScraped),
    }
}

// Its requests are counted and there were none; then it may have no durations either.
pub(super) fn idle(sample: &PodSample) -> bool {
    sample.durations.is_empty() && sample.rate.is_some_and(|rate| rate <= 0.0)
}

#[derive(Default)]
struct Heard {
    histograms: Vec<Histogram>,
    oldest: Duration,
    spoke: usize,
    silent: usize,
    gap: Option<Gap>,
}

fn hear(samples: &Samples, pods: &[&Pod], (max_age, now): (Duration, Timestamp)) -> Result<Heard, InvalidReason> {
    let mut heard = Heard::default();
    for pod in pods.iter().filter(|pod| is_ready(pod)) {
        match said(samples, pod, (max_age, now))? {
            Said::Durations(histogram, age) => {
                heard.spoke += 1;
                heard.oldest = heard.oldest.max(age);
                heard.histograms.push(histogram);
            }
            Said::Quiet => heard.spoke += 1,
            Said::Silent(gap) if must_be_heard(pod, max_age, now) => {
                heard.silent += 1;
                heard.gap = heard.gap.or(Some(gap));
            }
            Said::Silent(_) => {}
        }
    }
    Ok(heard)
}

fn missing(reason: MissingReason) -> Signal<Seconds> {
    Signal::Missing { reason }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::scale::reading::fixtures::{MAX_AGE, down, durations, now, pod, quiet, samples, unready};
    use crate::scale::why::Why;

    const INF: f64 = f64::INFINITY;
    // Alone its p95 is 0.095: rank 95 of the 100 between 0 and 0.1.
    const FAST: [(f64, f64); 4] = [(0.1, 100.0), (0.2, 100.0), (0.5, 100.0), (INF, 100.0)];
    const SLOW: [(f64, f64); 4] = [(0.1, 0.0), (0.2, 0.0), (0.5, 100.0), (INF, 100.0)];
    const NONE: [(f64, f64); 2] = [(0.1, 0.0), (INF, 0.0)];

    fn look(of: &[(&str, PodSample)], pods: &[Pod]) -> Signal<Seconds> {
        let pods: Vec<&Pod> = pods.iter().collect();
        latency(&samples(of), &pods, 0.95, (MAX_AGE, now()))
    }

    fn assert_seconds(signal: Signal<Seconds>, seconds: f64) {
        let found = signal.fresh().unwrap_or_else(|| panic!("{signal:?}"));
        assert!((found.get() - seconds).abs() < 1e-9, "{found}");
    }

    #[test]
    fn the_quantile_is_taken_of_the_requests_of_all_pods_together() {
        // 200 requests, rank 190: 90 of the 100 between 0.2 and 0.5, so 0.2 + 0.3 x 0.9. A mean of both p95 would be 0.29.
        let both = [("a", durations(&FAST)), ("b", durations(&SLOW))];
        assert_seconds(look(&both, &[pod("a", 100), pod("b", 100)]), 0.47);
    }

    #[test]
    fn the_oldest_sample_is_the_age() {
        let older = PodSample {
            sampled: Some(999_994.0),
            ..durations(&FAST)
        };
        let signal = look(
            &[("a", durations(&FAST)), ("b", older)],
            &[pod("a", 100), pod("b", 100)],
        );
        assert_eq!(signal.age(), Some(Duration::from_secs(6)));
    }

    #[rstest]
    #[case::all_buckets_are_zero(durations(&NONE))]
    #[case::no_series_yet(quiet())]
    #[case::a_counter_that_stands(PodSample { rate: Some(0.0), ..durations(&[]) })]
    fn a_quantile_of_nothing_is_missing_and_not_zero(#[case] sample: PodSample) {
        let reason = MissingReason::NoRequests;
        assert_eq!(look(&[("a", sample)], &[pod("a", 100)]), Signal::Missing { reason });
    }

    #[rstest]
    #[case::requests_without_durations(PodSample { rate: Some(5.0), ..durations(&[]) }, MissingReason::NotScraped)]
    #[case::no_infinite_bucket(durations(&[(0.1, 1.0)]), MissingReason::NotScraped)]
    #[case::down(down(), MissingReason::TargetDown)]
    #[case::never_scraped(PodSample::default(), MissingReason::NotScraped)]
    fn no_durations_are_missing(#[case] sample: PodSample, #[case] reason: MissingReason) {
        assert_eq!(look(&[("a", sample)], &[pod("a", 100)]), Signal::Missing { reason });
    }

    #[rstest]
    #[case(f64::NAN, InvalidReason::NotANumber)]
    #[case(INF, InvalidReason::Infinite)]
    #[case(-1.0, InvalidReason::Negative)]
    fn nonsense_of_one_pod_is_invalid_for_the_whole_cluster(#[case] rate: f64, #[case] reason: InvalidReason) {
        let broken = durations(&[(0.1, rate), (INF, 5.0)]);
        let signal = look(
            &[("a", durations(&FAST)), ("b", broken)],
            &[pod("a", 100), pod("b", 100)],
        );
        assert_eq!(signal, Signal::Invalid { reason });
    }

    #[test]
    fn an_old_sample_is_stale() {
        let old = PodSample {
            sampled: Some(999_900.0),
            ..durations(&FAST)
        };
        let age = Duration::from_secs(100);
        assert_eq!(look(&[("a", old)], &[pod("a", 200)]), Signal::Stale { age });
    }

    #[test]
    fn half_of_the_pods_are_enough_and_fewer_are_not() {
        let heard = [("a", durations(&FAST)), ("b", down())];
        let two = [pod("a", 100), pod("b", 100)];
        assert_seconds(look(&heard, &two), 0.095);
        let reason = MissingReason::TargetDown;
        let three = [pod("a", 100), pod("b", 100), pod("c", 100)];
        assert_eq!(look(&heard, &three), Signal::Missing { reason });
    }

    #[test]
    fn a_pod_that_is_not_ready_counts_neither_as_slow_nor_as_silent() {
        let warming = [("a", durations(&FAST)), ("b", durations(&SLOW))];
        // Rank 95 of 100 in the first bucket.
        assert_seconds(look(&warming, &[pod("a", 100), unready("b"), unready("c")]), 0.095);
    }

    #[test]
    fn a_pod_that_became_ready_just_now_is_not_waited_for_but_is_listened_to() {
        let only = [("a", durations(&FAST))];
        assert_seconds(look(&only, &[pod("a", 100), pod("b", 3), pod("c", 3)]), 0.095);
        let both = [("a", durations(&FAST)), ("b", durations(&SLOW))];
        assert_seconds(look(&both, &[pod("a", 100), pod("b", 3)]), 0.47);
    }

    #[rstest]
    #[case(Answer::Unreachable(Why::Redirects), MissingReason::SourceUnreachable)]
    #[case(Answer::Unknown, MissingReason::SourceUnknown)]
    #[case(samples(&[]), MissingReason::NotScraped)]
    fn no_answer_is_missing(#[case] answer: Answer, #[case] reason: MissingReason) {
        let signal = latency(&answer, &[], 0.95, (MAX_AGE, now()));
        assert_eq!(signal, Signal::Missing { reason });
    }
}
