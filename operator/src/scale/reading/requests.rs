//! From samples of pods to the requests per second of a cluster, a four-valued signal.
//!
//! Pure. Samples are joined to clusters by the operator's own pod cache, so any usual scrape configuration works and a
//! silent pod is seen. A sum over some of the pods is a lower bound: it may raise, it never lowers.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;
use pathfinder_scaling::{MissingReason, RequestsPerSecond, Signal};

use super::{
    pod::{age, is_ready, must_be_heard, sample},
    settling::Summed,
};
use crate::scale::sample::{Answer, Samples};

/// The requests per second of the cluster whose API pods these are.
///
/// `enough` says whether a lower bound already asks for more than is ordered; then a silent pod does not matter.
pub fn requests_per_second(
    answer: &Answer,
    pods: &[&Pod],
    (max_age, now): (Duration, Timestamp),
    enough: impl Fn(RequestsPerSecond) -> bool,
) -> Signal {
    let samples = match answer {
        Answer::Samples(samples) => samples,
        Answer::Unreachable(_) => {
            return Signal::Missing {
                reason: MissingReason::SourceUnreachable,
            };
        }
        Answer::Unknown => {
            return Signal::Missing {
                reason: MissingReason::SourceUnknown,
            };
        }
    };
    let mut sum = 0.0;
    let mut oldest = Duration::ZERO;
    let mut silent = None;
    let mut heard = false;
    for pod in pods {
        match of_pod(samples, pod, (max_age, now)) {
            Signal::Fresh { value, age } => {
                heard = true;
                sum += value.get();
                oldest = oldest.max(age);
            }
            invalid @ Signal::Invalid { .. } => return invalid,
            gap @ (Signal::Stale { .. } | Signal::Missing { .. }) if must_be_heard(pod, max_age, now) => {
                silent = silent.or(Some(gap));
            }
            // A pod that is just starting or not ready carries no traffic that matters yet.
            Signal::Stale { .. } | Signal::Missing { .. } => {}
        }
    }
    let total = Signal::classify(sum, oldest, max_age);
    match (silent, total) {
        (None, total) if heard => total,
        (None, _) => Signal::Missing {
            reason: MissingReason::NotScraped,
        },
        (Some(_), Signal::Fresh { value, .. }) if heard && enough(value) => total,
        (Some(gap), _) => gap,
    }
}

/// The pods whose rates are in that sum, and whether it is all of those that traffic is sent to.
pub fn summed(answer: &Answer, pods: &[&Pod], sampling: (Duration, Timestamp)) -> Summed {
    let Answer::Samples(samples) = answer else {
        return Summed::default();
    };
    let mut summed = Summed::default();
    for pod in pods {
        if of_pod(samples, pod, sampling).fresh().is_none() {
            summed.is_part |= is_ready(pod) && pod.metadata.deletion_timestamp.is_none();
        } else if sample(samples, pod).is_some_and(|sample| sample.rate.is_some()) {
            summed.pods.extend(pod.metadata.name.clone());
        }
    }
    summed
}

fn of_pod(samples: &Samples, pod: &Pod, (max_age, now): (Duration, Timestamp)) -> Signal {
    let Some(sample) = sample(samples, pod) else {
        return Signal::Missing {
            reason: MissingReason::NotScraped,
        };
    };
    match (sample.up, sample.rate, sample.sampled) {
        (Some(up), ..) if up < 1.0 => Signal::Missing {
            reason: MissingReason::TargetDown,
        },
        (Some(_), Some(rate), Some(at)) => Signal::classify(rate, age(at, now), max_age),
        // Scraped, and it has no such series: nobody asked it anything yet.
        (Some(_), _, None) => Signal::classify(0.0, Duration::ZERO, max_age),
        // Never scraped, or only once: a rate needs two samples.
        (None, ..) | (Some(_), None, Some(_)) => Signal::Missing {
            reason: MissingReason::NotScraped,
        },
    }
}

#[cfg(test)]
mod tests {
    use pathfinder_scaling::InvalidReason;

    use super::*;
    use crate::scale::{
        reading::fixtures::{MAX_AGE, down, now, pod, quiet, samples, unready},
        sample::PodSample,
    };

    fn fresh(rate: f64) -> PodSample {
        PodSample {
            rate: Some(rate),
            up: Some(1.0),
            sampled: Some(999_998.0),
            ..PodSample::default()
        }
    }

    fn look(of: &[(&str, PodSample)], pods: &[Pod], enough: bool) -> Signal {
        let pods: Vec<&Pod> = pods.iter().collect();
        requests_per_second(&samples(of), &pods, (MAX_AGE, now()), |_| enough)
    }

    #[test]
    fn the_rates_of_all_pods_are_added_and_the_oldest_sample_counts() {
        let older = PodSample {
            sampled: Some(999_994.0),
            ..fresh(50.0)
        };
        let signal = look(
            &[("a", fresh(100.0)), ("b", older)],
            &[pod("a", 100), pod("b", 100)],
            false,
        );
        let Signal::Fresh { value, age } = signal else {
            panic!("{signal:?}")
        };
        assert!((value.get() - 150.0).abs() < 1e-9);
        assert_eq!(age.as_secs(), 6);
    }

    #[test]
    fn a_silent_pod_makes_the_sum_a_lower_bound_that_may_raise_but_never_lower() {
        let pods = [pod("a", 100), pod("b", 100)];
        let lowering = look(&[("a", fresh(100.0))], &pods, false);
        assert_eq!(
            lowering,
            Signal::Missing {
                reason: MissingReason::NotScraped
            }
        );
        assert!(matches!(
            look(&[("a", fresh(100.0))], &pods, true),
            Signal::Fresh { .. }
        ));
    }

    #[test]
    fn a_pod_that_became_ready_just_now_is_not_waited_for() {
        assert!(matches!(
            look(&[("a", fresh(100.0))], &[pod("a", 100), pod("b", 3)], false),
            Signal::Fresh { .. }
        ));
    }

    #[test]
    fn a_sum_is_a_part_while_a_pod_that_gets_traffic_is_not_heard() {
        let heard = |of: &[(&str, PodSample)], pods: &[Pod]| {
            let pods: Vec<&Pod> = pods.iter().collect();
            let summed = summed(&samples(of), &pods, (MAX_AGE, now()));
            (summed.pods.into_iter().collect::<String>(), summed.is_part)
        };
        let once = PodSample {
            rate: None,
            ..fresh(0.0)
        };
        let (a, b) = (("a", fresh(100.0)), pod("b", 3));
        assert_eq!(
            heard(&[a.clone(), ("b", fresh(1.0))], &[pod("a", 100), b.clone()]),
            ("ab".into(), false)
        );
        assert_eq!(
            heard(std::slice::from_ref(&a), &[pod("a", 100), b.clone()]),
            ("a".into(), true)
        );
        assert_eq!(
            heard(&[a.clone(), ("b", once)], &[pod("a", 100), b.clone()]),
            ("a".into(), true)
        );
        // Nobody asked it anything yet, and nobody is sent to it.
        assert_eq!(
            heard(&[a.clone(), ("b", quiet())], &[pod("a", 100), b]),
            ("a".into(), false)
        );
        assert_eq!(heard(&[a], &[pod("a", 100), unready("b")]), ("a".into(), false));
    }

    #[test]
    fn a_target_that_is_down_is_missing_not_zero() {
        assert_eq!(
            look(&[("a", down())], &[pod("a", 100)], false),
            Signal::Missing {
                reason: MissingReason::TargetDown
            }
        );
    }

    #[test]
    fn up_and_scraped_without_a_series_is_zero() {
        let signal = look(&[("a", quiet())], &[pod("a", 100)], false);
        assert!(
            matches!(signal, Signal::Fresh { value, .. } if value.get() == 0.0),
            "{signal:?}"
        );
    }

    #[test]
    fn an_old_sample_is_stale_whatever_its_rate_says() {
        let old = PodSample {
            sampled: Some(999_900.0),
            ..fresh(100.0)
        };
        assert_eq!(
            look(&[("a", old)], &[pod("a", 200)], false),
            Signal::Stale {
                age: Duration::from_secs(100)
            }
        );
    }

    #[test]
    fn not_a_number_is_invalid_for_the_whole_cluster() {
        let signal = look(
            &[("a", fresh(f64::NAN)), ("b", fresh(1.0))],
            &[pod("a", 100), pod("b", 100)],
            true,
        );
        assert_eq!(
            signal,
            Signal::Invalid {
                reason: InvalidReason::NotANumber
            }
        );
    }

    #[test]
    fn no_pod_heard_of_is_missing() {
        assert_eq!(
            look(&[], &[], false),
            Signal::Missing {
                reason: MissingReason::NotScraped
            }
        );
    }
}
