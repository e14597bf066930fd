//! From samples of pods to what else could make the API slow: a store that is full, or one slow pod.
//!
//! Pure. A store is as full as the median pod feels it: one pod that feels it alone is a slow pod, not a slow store. A pod
//! is slow where its own quantile is over the target and three times the median of the others, while theirs is within
//! the target; so two pods are enough to tell. It is named here, because the engine knows no names.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use pathfinder_scaling::{InvalidReason, Ratio, Seconds, Signal, SlowPod, Suspects};

use super::{
    latency::{Said, said},
    pod::{age, is_ready, sample},
};
use crate::scale::sample::{Answer, PodSample, Samples};

// How much slower than the others it must be: pods of one cluster differ by their nodes, hardly ever by this much.
const TIMES_SLOWER: f64 = 3.0;

// A quantile of fewer requests per second is chance.
const ENOUGH_REQUESTS_PER_SECOND: f64 = 1.0;

/// What latency is measured by.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LatencyTarget {
    /// The quantile, 0 to 1.
    pub quantile: f64,
    /// What it should stay within.
    pub within: Seconds,
}

/// The suspects, and the name of the one that has one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Named {
    /// What the engine is told.
    pub suspects: Suspects,
    /// The name of `suspects.slow_pod`, there whenever that is.
    pub slow_pod_name: Option<String>,
}

/// What else than too few pods could make the cluster slow whose API pods these are.
///
/// Without a target no pod is called slow. A store of which no pod says anything is `None`.
pub fn suspects(
    answer: &Answer,
    pods: &[&Pod],
    target: Option<LatencyTarget>,
    (max_age, now): (Duration, Timestamp),
) -> Named {
    let samples = match answer {
        Answer::Samples(samples) => samples,
        Answer::Unreachable(_) | Answer::Unknown => return Named::default(),
    };
    let ready: Vec<&Pod> = pods.iter().copied().filter(|pod| is_ready(pod)).collect();
    let felt = |of: fn(&PodSample) -> Option<f64>| saturation(samples, &ready, of, (max_age, now));
    let (postgres, redis) = (felt(|sample| sample.postgres), felt(|sample| sample.redis));
    let slow = target.and_then(|target| slowest(&measured(samples, &ready, target, (max_age, now)), target));
    let (slow_pod, slow_pod_name) = slow.unzip();
    Named {
        suspects: Suspects {
            postgres,
            redis,
            slow_pod,
        },
        slow_pod_name,
    }
}

// What the median pod feels of a store. It counts where at least half of the pods that speak of it do so freshly and
// sanely.
fn saturation(
    samples: &Samples,
    pods: &[&Pod],
    of: fn(&PodSample) -> Option<f64>,
    (max_age, now): (Duration, Timestamp),
) -> Option<Signal<Ratio>> {
    let mut fresh = Vec::new();
    let mut oldest = Duration::ZERO;
    let mut unusable = Vec::new();
    for sample in pods.iter().filter_map(|pod| sample(samples, pod)) {
        let Some((raw, at)) = of(sample).zip(sample.sampled) else {
            continue;
        };
        match Signal::<Ratio>::classify(raw, age(at, now), max_age) {
            Signal::Fresh { value, age } => {
                fresh.push(value.get());
                oldest = oldest.max(age);
            }
            other @ (Signal::Stale { .. } | Signal::Missing { .. } | Signal::Invalid { .. }) => unusable.push(other),
        }
    }
    match unusable.first() {
        Some(unusable_one) if unusable.len() > fresh.len() => Some(*unusable_one),
        Some(_) | None => median(fresh).map(|middle| Signal::classify(middle, oldest, max_age)),
    }
}

// One pod's latency, with enough requests to speak of one.
struct Measured {
    name: String,
    seconds: f64,
    requests_per_second: f64,
}

fn measured(
    samples: &Samples,
    pods: &[&Pod],
    target: LatencyTarget,
    (max_age, now): (Duration, Timestamp),
) -> Vec<Measured> {
    let of = |pod: &&Pod| {
        let said: Result<Said, InvalidReason> = said(samples, pod, (max_age, now));
        let Ok(Said::Durations(histogram, _)) = said else {
            return None;
        };
        Some(Measured {
            name: pod.metadata.name.clone()?,
            seconds: histogram.quantile(target.quantile)?,
            requests_per_second: histogram.total(),
        })
    };
    pods.iter().filter_map(of).collect()
}

fn slowest(pods: &[Measured], target: LatencyTarget) -> Option<(SlowPod, String)> {
    let all: f64 = pods.iter().map(|pod| pod.requests_per_second).sum();
    let busy = |pod: &&Measured| pod.requests_per_second >= ENOUGH_REQUESTS_PER_SECOND;
    let slowest = pods
        .iter()
        .filter(busy)
        .max_by(|one, other| one.seconds.total_cmp(&other.seconds))?;
    let others = pods.iter().filter(busy).filter(|pod| pod.name != slowest.name);
    let usual = median(others.map(|pod| pod.seconds).collect())?;
    let within = target.within.get();
    let stands_out = slowest.seconds > within && usual <= within && slowest.seconds >= TIMES_SLOWER * usual;
    let share = Ratio::new(slowest.requests_per_second / all).ok()?;
    stands_out.then(|| (SlowPod { share }, slowest.name.clone()))
}

// Between the two in the middle where there are two.
fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let upper = values.get(values.len() / 2)?;
    let lower = values.get(values.len().saturating_sub(1) / 2)?;
    Some(f64::midpoint(*lower, *upper))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::scale::reading::fixtures::{MAX_AGE, down, durations, fresh, now, pod, samples, unready};
    use crate::scale::why::Why;

    const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];

    fn look(of: &[(&str, PodSample)], pods: &[Pod]) -> Named {
        let pods: Vec<&Pod> = pods.iter().collect();
        let target = LatencyTarget {
            quantile: 0.95,
            within: Seconds::new(0.5).unwrap(),
        };
        suspects(&samples(of), &pods, Some(target), (MAX_AGE, now()))
    }

    fn feeling(postgres: &[f64]) -> Option<Signal<Ratio>> {
        let of: Vec<_> = NAMES
            .iter()
            .zip(postgres)
            .map(|(name, felt)| {
                let sample = PodSample {
                    postgres: Some(*felt),
                    ..fresh()
                };
                (*name, sample)
            })
            .collect();
        let pods: Vec<Pod> = of.iter().map(|(name, _)| pod(name, 100)).collect();
        look(&of, &pods).suspects.postgres
    }

    #[rstest]
    #[case::one_pod_alone_is_no_slow_store(&[0.1, 0.1, 1.0], 0.1)]
    #[case::most_pods_feel_it(&[0.1, 0.9, 1.0], 0.9)]
    #[case::between_the_two_in_the_middle(&[0.2, 1.0], 0.6)]
    #[case::over_the_whole(&[1.5], 1.5)]
    #[case::one_of_two_is_nonsense(&[f64::NAN, 0.9], 0.9)]
    fn a_store_is_as_full_as_the_median_pod_feels_it(#[case] felt: &[f64], #[case] middle: f64) {
        let found = feeling(felt).and_then(Signal::fresh).expect("it is fresh");
        assert!((found.get() - middle).abs() < 1e-9, "{found}");
    }

    #[test]
    fn mostly_nonsense_is_invalid() {
        let reason = InvalidReason::NotANumber;
        assert_eq!(feeling(&[f64::NAN, f64::NAN, 0.9]), Some(Signal::Invalid { reason }));
    }

    #[test]
    fn a_store_of_which_nobody_speaks_is_not_known() {
        let named = look(&[("a", fresh())], &[pod("a", 100)]);
        assert_eq!((named.suspects.postgres, named.suspects.redis), (None, None));
    }

    #[test]
    fn both_stores_are_told_apart_and_old_feelings_are_stale() {
        let sample = PodSample {
            redis: Some(0.9),
            sampled: Some(999_900.0),
            ..fresh()
        };
        let found = look(&[("a", sample)], &[pod("a", 100)]).suspects;
        let age = Duration::from_secs(100);
        assert_eq!((found.postgres, found.redis), (None, Some(Signal::Stale { age })));
    }

    // All requests take up to so many seconds, so p95 is 95 % of it.
    fn taking(seconds: f64, rate: f64) -> PodSample {
        durations(&[(seconds, rate), (f64::INFINITY, rate)])
    }

    #[rstest]
    // p95 are 1.9 and 0.095: twenty times the others. Its share: 10 of 10 + 30 + 40.
    #[case::one_of_three(&[(2.0, 10.0), (0.1, 30.0), (0.1, 40.0)], Some(0.125))]
    // 30 of 100.
    #[case::one_of_two(&[(2.0, 30.0), (0.1, 70.0)], Some(0.3))]
    // The slower of two slow ones of five, 5 of 40.
    #[case::two_of_five(&[(3.0, 5.0), (2.0, 5.0), (0.1, 10.0), (0.1, 10.0), (0.1, 10.0)], Some(0.125))]
    #[case::alone(&[(2.0, 10.0)], None)]
    #[case::all_are_slow(&[(9.0, 10.0), (2.0, 10.0), (2.0, 10.0)], None)]
    // p95 0.494 is within 0.5.
    #[case::within_the_target(&[(0.52, 10.0), (0.1, 10.0), (0.1, 10.0)], None)]
    // p95 0.57 is over the target, and twice 0.285.
    #[case::only_twice_as_slow(&[(0.6, 10.0), (0.3, 10.0), (0.3, 10.0)], None)]
    #[case::too_few_requests(&[(2.0, 0.9), (0.1, 10.0), (0.1, 10.0)], None)]
    #[case::others_without_requests(&[(2.0, 10.0), (0.1, 0.0)], None)]
    fn a_pod_is_slow_where_it_stands_out(#[case] pods: &[(f64, f64)], #[case] share: Option<f64>) {
        let of: Vec<_> = NAMES
            .iter()
            .zip(pods)
            .map(|(name, (seconds, rate))| (*name, taking(*seconds, *rate)))
            .collect();
        let ready: Vec<Pod> = of.iter().map(|(name, _)| pod(name, 100)).collect();
        let named = look(&of, &ready);
        assert_eq!(named.slow_pod_name.as_deref(), share.map(|_| "a"));
        assert_eq!(named.suspects.slow_pod.map(|slow| slow.share.get()), share);
    }

    #[test]
    fn a_pod_that_is_not_ready_or_not_heard_is_not_the_slow_one() {
        let of = [("a", taking(2.0, 10.0)), ("b", taking(0.1, 10.0)), ("c", down())];
        let named = look(&of, &[unready("a"), pod("b", 100), pod("c", 100)]);
        assert_eq!((named.suspects.slow_pod, named.slow_pod_name), (None, None));
    }

    #[rstest]
    #[case(Answer::Unreachable(Why::Redirects))]
    #[case(Answer::Unknown)]
    fn without_an_answer_there_are_no_suspects(#[case] answer: Answer) {
        assert_eq!(suspects(&answer, &[], None, (MAX_AGE, now())), Named::default());
    }
}
