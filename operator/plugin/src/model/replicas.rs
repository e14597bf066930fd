//! Where the replicas stand and who asked for them: the operator's floor, or the HPA's own CPU and memory.
//!
//! Pure. The HPA does not publish what its metrics asked for, so that is computed as it computes it and called an
//! estimate: `ceil(current * utilisation / target)`, and no change within its tolerance of 10 %.
//! <https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale/#algorithm-details>

use k8s_openapi::api::autoscaling::v2::{HorizontalPodAutoscaler, HorizontalPodAutoscalerStatus, MetricSpec};
use serde::Serialize;

/// The HPA's default tolerance: a utilisation within this share of its target changes nothing.
const TOLERANCE_PERCENT: i64 = 10;

/// What the HPA of a resource says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Replicas {
    /// Name of the HPA.
    pub(crate) hpa: String,
    /// Its `minReplicas`: the operator's floor.
    pub(crate) floor: i64,
    /// Its `maxReplicas`.
    pub(crate) maximum: i64,
    /// Pods at its last pass.
    pub(crate) current: i64,
    /// Pods that it ordered at its last pass.
    pub(crate) desired: i64,
    /// Its own metrics.
    pub(crate) metrics: Vec<Metric>,
    /// Who asked for what is desired.
    pub(crate) asked_by: AskedBy,
    /// Why it does not act, where it says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) inactive: Option<String>,
}

/// One metric of the HPA.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metric {
    /// `cpu` or `memory`.
    pub(crate) resource: String,
    /// Average utilisation in percent of the request; none when the HPA has no figure.
    pub(crate) utilization_percent: Option<i64>,
    /// The utilisation that it aims at, in percent.
    pub(crate) target_percent: i64,
    /// Replicas that it asks for. An estimate.
    pub(crate) estimated_replicas: Option<i64>,
}

/// Who asked for the desired replicas.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) enum AskedBy {
    /// The floor; the HPA's own metrics ask for fewer.
    Floor,
    /// The floor, and there is no figure of the HPA's own metrics.
    FloorAlone,
    /// The floor and the HPA's own metrics alike.
    Both,
    /// The HPA's own metrics, more than the floor.
    Metrics,
    /// The HPA's own metrics, at an earlier time: it comes down later.
    EarlierMetrics,
    /// The HPA's own metrics ask for more than is desired: at the maximum, or it has not acted yet.
    MetricsWantMore,
    /// The floor is above what is desired: the HPA has not looked at it yet.
    FloorNotFollowedYet,
}

impl Replicas {
    /// Reads an HPA.
    pub(crate) fn of(hpa: &HorizontalPodAutoscaler) -> Self {
        let spec = hpa.spec.clone().unwrap_or_default();
        let status = hpa.status.clone().unwrap_or_default();
        let floor = i64::from(spec.min_replicas.unwrap_or(1));
        let current = i64::from(status.current_replicas.unwrap_or(0));
        let desired = i64::from(status.desired_replicas);
        let metrics: Vec<Metric> = spec
            .metrics
            .iter()
            .flatten()
            .filter_map(|metric| Metric::of(metric, &status))
            .collect();
        let wish = metrics.iter().filter_map(|metric| metric.estimated_replicas).max();
        Self {
            hpa: hpa.metadata.name.clone().unwrap_or_default(),
            floor,
            maximum: i64::from(spec.max_replicas),
            current,
            desired,
            metrics,
            asked_by: asked_by(floor, desired, wish),
            inactive: inactive(&status),
        }
    }

    /// What should run now: the HPA's order, or a floor above it that it has not looked at yet.
    pub(crate) fn wanted(&self) -> i64 {
        self.desired.max(self.floor)
    }

    /// The metric that asks for the most, with what it asks for.
    pub(crate) fn strongest(&self) -> Option<(&str, i64)> {
        self.metrics
            .iter()
            .filter_map(|metric| Some((metric.resource.as_str(), metric.estimated_replicas?)))
            .reduce(|most, next| if next.1 > most.1 { next } else { most })
    }
}

impl Metric {
    fn of(spec: &MetricSpec, status: &HorizontalPodAutoscalerStatus) -> Option<Self> {
        let resource = spec.resource.as_ref()?;
        let target = i64::from(resource.target.average_utilization?);
        let utilization = status
            .current_metrics
            .iter()
            .flatten()
            .filter_map(|metric| metric.resource.as_ref())
            .find(|metric| metric.name == resource.name)
            .and_then(|metric| metric.current.average_utilization)
            .map(i64::from);
        let current = i64::from(status.current_replicas.unwrap_or(0));
        Some(Self {
            resource: resource.name.clone(),
            utilization_percent: utilization,
            target_percent: target,
            estimated_replicas: utilization.and_then(|utilization| estimate(current, utilization, target)),
        })
    }
}

/// What the HPA's algorithm makes of one utilisation. None where there is nothing to multiply or divide by.
fn estimate(current: i64, utilization: i64, target: i64) -> Option<i64> {
    if current < 1 || target < 1 || utilization < 0 {
        return None;
    }
    if (utilization - target).abs() * 100 <= target * TOLERANCE_PERCENT {
        return Some(current);
    }
    Some((current * utilization + target - 1) / target)
}

fn asked_by(floor: i64, desired: i64, wish: Option<i64>) -> AskedBy {
    if desired < floor {
        return AskedBy::FloorNotFollowedYet;
    }
    match wish {
        None if desired == floor => AskedBy::FloorAlone,
        Some(wish) if wish > desired => AskedBy::MetricsWantMore,
        Some(wish) if wish == desired && desired == floor => AskedBy::Both,
        Some(wish) if wish == desired => AskedBy::Metrics,
        Some(_) if desired == floor => AskedBy::Floor,
        None | Some(_) => AskedBy::EarlierMetrics,
    }
}

/// `AbleToScale` and `ScalingActive` are the HPA's own words for "I cannot"; `ScalingLimited` is normal.
fn inactive(status: &HorizontalPodAutoscalerStatus) -> Option<String> {
    status
        .conditions
        .iter()
        .flatten()
        .find(|condition| {
            condition.status == "False" && matches!(condition.type_.as_str(), "AbleToScale" | "ScalingActive")
        })
        .map(|condition| {
            let reason = condition.reason.as_deref().unwrap_or("no reason given");
            let message = condition.message.as_deref().unwrap_or_default();
            crate::failure::one_line(&format!("{reason}: {message}"))
        })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::fixtures;

    #[rstest]
    #[case::half_the_target(6, 35, 70, Some(3))]
    #[case::rounded_up(6, 20, 70, Some(2))]
    #[case::over_the_target(4, 140, 70, Some(8))]
    #[case::within_the_tolerance(4, 76, 70, Some(4))]
    #[case::just_outside_the_tolerance(4, 78, 70, Some(5))]
    #[case::idle(6, 0, 70, Some(0))]
    #[case::no_pods(0, 50, 70, None)]
    #[case::no_target(4, 50, 0, None)]
    fn the_estimate_is_the_algorithm_of_the_hpa(
        #[case] current: i64,
        #[case] utilization: i64,
        #[case] target: i64,
        #[case] expected: Option<i64>,
    ) {
        assert_eq!(estimate(current, utilization, target), expected);
    }

    #[rstest]
    #[case::floor_over_metrics(6, 6, Some(2), AskedBy::Floor)]
    #[case::no_figures(6, 6, None, AskedBy::FloorAlone)]
    #[case::both(6, 6, Some(6), AskedBy::Both)]
    #[case::metrics_over_floor(2, 8, Some(8), AskedBy::Metrics)]
    #[case::coming_down_later(2, 8, Some(3), AskedBy::EarlierMetrics)]
    #[case::above_the_floor_without_figures(2, 8, None, AskedBy::EarlierMetrics)]
    #[case::at_the_maximum(2, 10, Some(14), AskedBy::MetricsWantMore)]
    #[case::floor_just_raised(6, 2, Some(2), AskedBy::FloorNotFollowedYet)]
    fn it_is_told_who_asked(
        #[case] floor: i64,
        #[case] desired: i64,
        #[case] wish: Option<i64>,
        #[case] expected: AskedBy,
    ) {
        assert_eq!(asked_by(floor, desired, wish), expected);
    }

    #[test]
    fn an_hpa_is_read_with_its_metrics() {
        let replicas = Replicas::of(&fixtures::hpa("shop", 6, [6, 6], Some([20, 30])));
        assert_eq!(replicas.hpa, "shop-api");
        assert_eq!((replicas.floor, replicas.maximum, replicas.wanted()), (6, 10, 6));
        // cpu: ceil(6 * 20 / 70) = 2; memory: ceil(6 * 30 / 80) = 3.
        assert_eq!(replicas.strongest(), Some(("memory", 3)));
        assert_eq!(replicas.asked_by, AskedBy::Floor);
        assert_eq!(replicas.inactive, None);
    }

    #[test]
    fn a_floor_that_was_just_raised_is_what_is_wanted() {
        let replicas = Replicas::of(&fixtures::hpa("shop", 6, [2, 2], Some([20, 30])));
        assert_eq!(replicas.wanted(), 6);
    }

    #[test]
    fn without_a_metrics_server_the_hpa_says_why_it_does_nothing() {
        let mut hpa = fixtures::hpa("shop", 2, [2, 2], None);
        fixtures::fail_hpa(&mut hpa, "FailedGetResourceMetric", "no metrics\nreturned");
        let replicas = Replicas::of(&hpa);
        assert_eq!(replicas.asked_by, AskedBy::FloorAlone);
        assert_eq!(
            replicas.inactive.as_deref(),
            Some("FailedGetResourceMetric: no metrics returned")
        );
    }
}
