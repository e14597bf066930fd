//! Which pods should leave in the decrease that is about to be ordered.
//!
//! Pure. A ReplicaSet deletes pods that are not ready first, then by the annotation, lowest cost first (0 without one), only
//! then by node and age (kubernetes/pkg/controller/controller_utils.go, `ActivePodsWithRanks.Less`). The law of the cost:
//! of those that must leave, the last one costs one less than the cheapest pod that stays, the one before it one less
//! again. So only pods that leave are written, and only those that are not cheap enough already; their annotation goes
//! with them.
//!
//! The slow pod leaves first, then those with the fewest requests in flight (in tenths of the busiest one's, so that noise
//! decides nothing), the younger one of equals. Where a pod does not tell how long its requests take, the rates of all are
//! compared instead. A pod that was not heard may be the busiest of all, so it leaves last.

use std::cmp::Reverse;

use jiff::Timestamp;
use k8s_openapi::api::core::v1::Pod;

use super::pods::{alive, ready_since};
use crate::scale::{
    reading::{in_flight, sample},
    sample::{Answer, Samples},
};

/// The annotation of the cost.
pub const ANNOTATION_DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// The decrease that is about to be ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaving<'a> {
    /// How many pods will leave.
    pub count: u32,
    /// The pod that is slower than all others.
    pub slow_pod: Option<&'a str>,
}

/// The annotations to write before the decrease: pod and cost, at most one per pod that leaves; none where the order is
/// right as it is.
///
/// Of no use during a rollout (another ReplicaSet, another order), when nothing is lowered anyway.
pub fn deletion_costs(pods: &[&Pod], answer: &Answer, leaving: Leaving<'_>) -> Vec<(String, i32)> {
    let samples = match answer {
        Answer::Samples(samples) => Some(samples),
        Answer::Unreachable(_) | Answer::Unknown => None,
    };
    let (mut ready, first): (Vec<&Pod>, Vec<&Pod>) = pods
        .iter()
        .copied()
        .filter(|pod| alive(pod).is_some())
        .partition(|pod| alive(pod).and_then(ready_since).is_some());
    let count = usize::try_from(leaving.count).unwrap_or(usize::MAX);
    let chosen = count.saturating_sub(first.len());
    if chosen == 0 || chosen >= ready.len() {
        // Those that are not ready suffice, or nobody stays: there is nothing to choose.
        return Vec::new();
    }
    let work = comparable(samples, &ready);
    let busiest = ready.iter().filter_map(|pod| work(samples, pod)).fold(0.0, f64::max);
    ready.sort_by_cached_key(|pod| {
        order(
            pod,
            work(samples, pod).map(|work| tenths(work, busiest)),
            leaving.slow_pod,
        )
    });
    let (leave, stay) = ready.split_at(chosen);
    let cheapest = stay.iter().map(|pod| cost(pod)).min().unwrap_or_default();
    below(leave, cheapest)
}

// Last first: each must cost less than the one after it.
fn below(leave: &[&Pod], cheapest: i32) -> Vec<(String, i32)> {
    let mut least = cheapest;
    let mut writes = Vec::new();
    for pod in leave.iter().rev() {
        if cost(pod) < least {
            least = cost(pod);
        } else {
            least = least.saturating_sub(1);
            writes.extend(pod.metadata.name.clone().map(|name| (name, least)));
        }
    }
    writes
}

type Order = (bool, u8, Reverse<Option<Timestamp>>, Option<String>);

fn order(pod: &Pod, tenths: Option<u8>, slow_pod: Option<&str>) -> Order {
    let name = pod.metadata.name.clone();
    let created = pod.metadata.creation_timestamp.as_ref().map(|at| at.0);
    // `false` comes first.
    let others = slow_pod.is_none() || name.as_deref() != slow_pod;
    (others, tenths.unwrap_or(u8::MAX), Reverse(created), name)
}

fn tenths(work: f64, busiest: f64) -> u8 {
    let of = (work / busiest * 10.0).round().clamp(0.0, 10.0);
    // Where nobody is busy, all are the same.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 to 10; NaN becomes 0"
    )]
    let tenths = of as u8;
    tenths
}

type Work = fn(Option<&Samples>, &Pod) -> Option<f64>;

// By what the pods are compared: requests in flight, unless one of those that tell a rate does not tell them.
fn comparable(samples: Option<&Samples>, ready: &[&Pod]) -> Work {
    let told = |pod: &&Pod| rate(samples, pod).is_none() || requests_in_flight(samples, pod).is_some();
    if ready.iter().all(told) {
        requests_in_flight
    } else {
        rate
    }
}

fn requests_in_flight(samples: Option<&Samples>, pod: &Pod) -> Option<f64> {
    in_flight(sample(samples?, pod)?)
}

fn rate(samples: Option<&Samples>, pod: &Pod) -> Option<f64> {
    let rate = sample(samples?, pod)?.rate?;
    (rate.is_finite() && rate >= 0.0).then_some(rate)
}

fn cost(pod: &Pod) -> i32 {
    let annotation = pod
        .metadata
        .annotations
        .as_ref()
        .and_then(|all| all.get(ANNOTATION_DELETION_COST));
    annotation.and_then(|text| text.parse().ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rstest::rstest;

    use super::*;
    use crate::scale::{
        facts::fixtures::{pod, seconds_ago},
        sample::{Bucket, PodSample},
        why::Why,
    };

    fn rates(of: &[(&str, f64)]) -> Answer {
        let sample = |rate| PodSample {
            rate: Some(rate),
            ..PodSample::default()
        };
        let by_pod = of
            .iter()
            .map(|(name, rate)| (("shop".to_owned(), (*name).to_owned()), sample(*rate)));
        Answer::Samples(by_pod.collect())
    }

    fn costing(mut pod: Pod, cost: &str) -> Pod {
        pod.metadata.annotations = Some(BTreeMap::from([(ANNOTATION_DELETION_COST.into(), cost.into())]));
        pod
    }

    fn aged(mut pod: Pod, seconds: i64) -> Pod {
        pod.metadata.creation_timestamp = Some(seconds_ago(seconds));
        pod
    }

    fn up(name: &str) -> Pod {
        pod(name, Some(100))
    }

    fn plan(pods: &[Pod], of: &[(&str, f64)], (count, slow_pod): (u32, Option<&str>)) -> Vec<(String, i32)> {
        let pods: Vec<&Pod> = pods.iter().collect();
        deletion_costs(&pods, &rates(of), Leaving { count, slow_pod })
    }

    fn costs(of: &[(&str, i32)]) -> Vec<(String, i32)> {
        of.iter().map(|(name, cost)| ((*name).to_owned(), *cost)).collect()
    }

    const BUSY: [(&str, f64); 3] = [("a", 30.0), ("b", 10.0), ("c", 20.0)];

    #[rstest]
    #[case::the_least_busy(1, None, &[("b", -1)])]
    #[case::in_their_order(2, None, &[("c", -1), ("b", -2)])]
    #[case::the_slow_one_first(1, Some("a"), &[("a", -1)])]
    #[case::the_slow_one_before_the_least_busy(2, Some("a"), &[("b", -1), ("a", -2)])]
    #[case::nobody_leaves(0, None, &[])]
    #[case::nobody_stays(3, None, &[])]
    fn those_with_the_least_to_do_leave(
        #[case] count: u32,
        #[case] slow: Option<&str>,
        #[case] writes: &[(&str, i32)],
    ) {
        assert_eq!(plan(&[up("a"), up("b"), up("c")], &BUSY, (count, slow)), costs(writes));
    }

    // Each with so many requests per second that all take about so long.
    fn working(of: &[(&str, f64, f64)]) -> Answer {
        let sample = |rate, seconds: f64| PodSample {
            rate: Some(rate),
            durations: [(seconds * 2.0, rate), (f64::INFINITY, rate)]
                .map(|(le, rate)| Bucket { le, rate })
                .to_vec(),
            ..PodSample::default()
        };
        let by_pod = of
            .iter()
            .map(|&(name, rate, seconds)| (("shop".to_owned(), name.to_owned()), sample(rate, seconds)));
        Answer::Samples(by_pod.collect())
    }

    #[test]
    fn few_long_requests_are_more_in_flight_than_many_short_ones() {
        let pods = [up("a"), up("b"), up("c")];
        let leaving = Leaving {
            count: 1,
            slow_pod: None,
        };
        // 0.1, 5 and 3 in flight.
        let mut answer = working(&[("a", 100.0, 0.001), ("b", 10.0, 0.5), ("c", 30.0, 0.1)]);
        assert_eq!(deletion_costs(&pods.each_ref(), &answer, leaving), costs(&[("a", -1)]));
        // One of them tells only its rate: all are compared by that.
        let Answer::Samples(samples) = &mut answer else {
            panic!("{answer:?}")
        };
        for (_, sample) in samples.iter_mut().filter(|((_, name), _)| name == "c") {
            sample.durations.clear();
        }
        assert_eq!(deletion_costs(&pods.each_ref(), &answer, leaving), costs(&[("b", -1)]));
    }

    #[test]
    fn of_pods_that_are_about_as_busy_the_younger_one_leaves() {
        let pods = [aged(up("a"), 50), aged(up("b"), 500), aged(up("c"), 100)];
        // 98, 97 and 100 of 100 are ten tenths each.
        let about = [("a", 98.0), ("b", 97.0), ("c", 100.0)];
        assert_eq!(plan(&pods, &about, (2, None)), costs(&[("c", -1), ("a", -2)]));
        let none = [("a", 0.0), ("b", 0.0), ("c", 0.0)];
        assert_eq!(plan(&pods, &none, (1, None)), costs(&[("a", -1)]));
    }

    #[rstest]
    #[case::unheard(&[("a", 30.0), ("b", 10.0)])]
    #[case::nonsense(&[("a", 30.0), ("b", 10.0), ("c", f64::NAN)])]
    fn a_pod_that_was_not_heard_is_not_taken_for_idle(#[case] of: &[(&str, f64)]) {
        let pods = [up("a"), up("b"), up("c")];
        assert_eq!(plan(&pods, of, (2, None)), costs(&[("a", -1), ("b", -2)]));
    }

    #[test]
    fn without_an_answer_the_youngest_leave() {
        let pods = [aged(up("a"), 500), aged(up("b"), 50)];
        let leaving = Leaving {
            count: 1,
            slow_pod: None,
        };
        let writes = deletion_costs(&pods.each_ref(), &Answer::Unreachable(Why::Redirects), leaving);
        assert_eq!(writes, costs(&[("b", -1)]));
    }

    #[test]
    fn pods_that_are_not_ready_leave_first_and_need_no_annotation() {
        let pods = [up("a"), up("b"), up("c"), pod("d", None)];
        assert_eq!(plan(&pods, &BUSY, (1, None)), costs(&[]));
        assert_eq!(plan(&pods, &BUSY, (2, None)), costs(&[("b", -1)]));
    }

    #[test]
    fn a_pod_that_leaves_already_is_not_counted() {
        let mut gone = up("d");
        gone.metadata.deletion_timestamp = Some(seconds_ago(1));
        assert_eq!(
            plan(&[up("a"), up("b"), up("c"), gone], &BUSY, (1, None)),
            costs(&[("b", -1)])
        );
    }

    #[rstest]
    #[case::cheap_enough(&[("b", "-1")], 1, &[])]
    #[case::in_order(&[("b", "-7"), ("c", "-3")], 2, &[])]
    #[case::out_of_order(&[("b", "-1"), ("c", "-3")], 2, &[("b", -4)])]
    // From a decrease that was called off: `a` stays and costs -2.
    #[case::dearer_than_one_that_stays(&[("a", "-2"), ("b", "-1")], 1, &[("b", -3)])]
    #[case::no_number(&[("b", "cheap")], 1, &[("b", -1)])]
    fn only_what_is_out_of_order_is_written(
        #[case] annotated: &[(&str, &str)],
        #[case] count: u32,
        #[case] writes: &[(&str, i32)],
    ) {
        let of = |name: &'static str| {
            let cost = annotated.iter().find(|(pod, _)| *pod == name);
            cost.map_or(up(name), |(_, cost)| costing(up(name), cost))
        };
        assert_eq!(plan(&[of("a"), of("b"), of("c")], &BUSY, (count, None)), costs(writes));
    }

    #[test]
    fn once_written_nothing_is_left_to_write() {
        let written = plan(&[up("a"), up("b"), up("c")], &BUSY, (2, None));
        let pods = [up("a"), up("b"), up("c")].map(|pod| {
            let name = pod.metadata.name.clone().unwrap();
            match written.iter().find(|(of, _)| *of == name) {
                Some((_, cost)) => costing(pod, &cost.to_string()),
                None => pod,
            }
        });
        assert_eq!(plan(&pods, &BUSY, (2, None)), costs(&[]));
    }
}
