//! The laws by which the HPA turns a metric into a proposal of replicas.
//!
//! Follows `pkg/controller/podautoscaler/replica_calculator.go` (Kubernetes 1.33 and later, with a tolerance per
//! direction) including its integer arithmetic: quantities are whole milli-units there. Knows one metric at a time;
//! history, bounds and rates are none of its business.

use thiserror::Error;

use crate::sim::peers::whole;

/// The metric could not be had, so there is no proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the metric has no value: give the HPA a source that answers, or a second metric")]
pub struct NoMetric;

/// How far from 1 the ratio of usage to target may lie without a change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tolerance {
    /// Above 1.
    pub up: f64,
    /// Below 1.
    pub down: f64,
}

impl Default for Tolerance {
    /// `--horizontal-pod-autoscaler-tolerance`, 0.1 in both directions.
    fn default() -> Self {
        Self { up: 0.1, down: 0.1 }
    }
}

impl Tolerance {
    fn holds(self, ratio: f64) -> bool {
        1.0 - self.down <= ratio && ratio <= 1.0 + self.up
    }
}

/// What `groupPods` makes of the pods. Deleting and failed pods are in no group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PodMetrics {
    /// Pods that count and have a sample.
    pub ready_with_sample: u32,
    /// The sum of their samples in milli-units (of a core, of a request per second).
    pub usage_milli: u64,
    /// What one pod requests, in milli-units; only for utilization.
    pub request_milli: u32,
    /// Pods that are Pending; for CPU also those not Ready, or whose sample was taken before they became Ready, in their
    /// first 300 s (`cpuInitializationPeriod`). Their samples are not in the sum.
    pub unready: u32,
    /// Pods that run without a sample.
    pub missing: u32,
}

/// Resource metric with a target utilization in percent of the request.
///
/// `utilization = sum(usage) x 100 / sum(request)` in whole percent, `ratio = utilization / target`. Without missing pods,
/// and without unready pods on the way up: `current` if within tolerance, else `ceil(ratio x ready)`. Otherwise missing
/// pods count `request x max(100, target) / 100` on the way down and 0 on the way up, unready pods 0 on the way up, the
/// ratio is taken again, and `current` stays if it is now within tolerance, on the other side of 1, or would move against
/// itself; else `ceil(ratio' x pods counted)`.
///
/// # Errors
/// [`NoMetric`] if no pod has a sample, or nothing is requested.
pub fn resource_utilization(
    pods: &PodMetrics,
    target_percent: u32,
    current: u32,
    tolerance: Tolerance,
) -> Result<u32, NoMetric> {
    let missing_milli = u64::from(pods.request_milli) * u64::from(target_percent.max(100)) / 100;
    let request = u64::from(pods.request_milli);
    let law = PodLaw {
        missing_milli,
        ratio: |usage: u64, count: u32| {
            let utilization = (usage * 100).checked_div(request * u64::from(count)).ok_or(NoMetric)?;
            Ok(real(utilization) / f64::from(target_percent))
        },
    };
    law.propose(pods, current, tolerance, Against::Holds)
}

/// Pods metric, or resource metric with `AverageValue`: `ratio = (sum(usage) / pods) / target`, the mean in whole
/// milli-units. As [`resource_utilization`], but missing pods count the target on the way down, and a result that moves
/// against the ratio is taken.
///
/// # Errors
/// [`NoMetric`] if no pod has a sample.
pub fn pods_average_value(
    pods: &PodMetrics,
    target_milli: u32,
    current: u32,
    tolerance: Tolerance,
) -> Result<u32, NoMetric> {
    let law = PodLaw {
        missing_milli: u64::from(target_milli),
        ratio: |usage: u64, count: u32| {
            let mean = usage.checked_div(u64::from(count)).ok_or(NoMetric)?;
            Ok(real(mean) / f64::from(target_milli))
        },
    };
    law.propose(pods, current, tolerance, Against::Taken)
}

/// Object or External metric with `Value`: `ratio = value / target`; `current` if within tolerance, else
/// `ceil(ratio x ready_pods)` (phase Running and Ready). From zero replicas: `ceil(ratio)`.
/// A value below zero or not a number gives 0: the one is served as 0, the unchecked conversion of the other to
/// milli-units ends there in practice.
pub fn external_value(value: f64, target: f64, ready_pods: u32, current: u32, tolerance: Tolerance) -> u32 {
    let ratio = milli(value) / target_milli(target);
    if current == 0 {
        whole(ratio.ceil())
    } else if tolerance.holds(ratio) {
        current
    } else {
        whole((ratio * f64::from(ready_pods)).ceil())
    }
}

/// Object or External metric with `AverageValue`: `ratio = value / (target x status.replicas)`; *`status.replicas`* if
/// within tolerance (surge pods of a rollout are copied into the spec: kubernetes#138505), else `ceil(value / target)`.
/// A value below zero or not a number gives 0, see [`external_value`].
pub fn external_average_value(value: f64, target: f64, status_replicas: u32, tolerance: Tolerance) -> u32 {
    let (value, target) = (milli(value), target_milli(target));
    if tolerance.holds(value / (target * f64::from(status_replicas))) {
        status_replicas
    } else {
        whole((value / target).ceil())
    }
}

/// Whether a second ratio that asks for more while the replicas go down (or the reverse) is obeyed.
#[derive(Clone, Copy)]
enum Against {
    Holds,
    Taken,
}

/// What differs between the laws over pods.
struct PodLaw<Ratio> {
    missing_milli: u64,
    ratio: Ratio,
}

impl<Ratio: Fn(u64, u32) -> Result<f64, NoMetric>> PodLaw<Ratio> {
    fn propose(
        &self,
        pods: &PodMetrics,
        current: u32,
        tolerance: Tolerance,
        against: Against,
    ) -> Result<u32, NoMetric> {
        if pods.ready_with_sample == 0 {
            return Err(NoMetric);
        }
        let first = (self.ratio)(pods.usage_milli, pods.ready_with_sample)?;
        let up_with_unready = pods.unready > 0 && first > 1.0;
        if !up_with_unready && pods.missing == 0 {
            let kept = tolerance.holds(first);
            return Ok(if kept {
                current
            } else {
                scaled(first, pods.ready_with_sample)
            });
        }
        let (usage, count) = self.filled(pods, first);
        let second = (self.ratio)(usage, count)?;
        let turned = (first < 1.0 && second > 1.0) || (first > 1.0 && second < 1.0);
        let proposal = scaled(second, count);
        let moves_against = match against {
            Against::Holds => (second < 1.0 && proposal > current) || (second > 1.0 && proposal < current),
            Against::Taken => false,
        };
        let kept = tolerance.holds(second) || turned || moves_against;
        Ok(if kept { current } else { proposal })
    }

    /// Usage and number of pods once the silent ones are given a value that damps the change.
    fn filled(&self, pods: &PodMetrics, first: f64) -> (u64, u32) {
        let (mut usage, mut count) = (pods.usage_milli, pods.ready_with_sample);
        if first < 1.0 {
            usage += u64::from(pods.missing) * self.missing_milli;
        }
        count += pods.missing;
        if first > 1.0 {
            count += pods.unready;
        }
        (usage, count)
    }
}

fn scaled(ratio: f64, pods: u32) -> u32 {
    whole((ratio * f64::from(pods)).ceil())
}

/// Metric values reach the HPA cut to whole milli-units (`int64(value * 1000)` in KEDA and in prometheus-adapter).
fn milli(value: f64) -> f64 {
    (value * 1000.0).trunc()
}

/// A target is written in decimals, so its milli-units are exact.
fn target_milli(target: f64) -> f64 {
    (target * 1000.0).round()
}

#[expect(
    clippy::cast_precision_loss,
    reason = "the original converts the same integers to float64"
)]
fn real(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn pods(ready_with_sample: u32, usage_milli: u64, unready: u32, missing: u32) -> PodMetrics {
        PodMetrics {
            ready_with_sample,
            usage_milli,
            request_milli: 100,
            unready,
            missing,
        }
    }

    #[rstest]
    // 4 pods, 360 m of 400 m = 90 %; 90 / 60 = 1.5; ceil(1.5 x 4) = 6
    #[case::up(pods(4, 360, 0, 0), 60, 4, 6)]
    // 80 m of 400 m = 20 %; 20 / 60 = 0.333; ceil(1.33) = 2
    #[case::down(pods(4, 80, 0, 0), 60, 4, 2)]
    // 199 x 100 / 300 = 66.3, cut to 66; 66 / 60 = 1.1 is within; uncut it would be ceil(1.106 x 3) = 4
    #[case::whole_percent_decide(pods(3, 199, 0, 0), 60, 3, 3)]
    // 201 x 100 / 300 = 67; 67 / 60 = 1.117; ceil(3.35) = 4
    #[case::just_outside_above(pods(3, 201, 0, 0), 60, 3, 4)]
    // 54 / 60 = 0.9 is within
    #[case::just_inside_below(pods(10, 540, 0, 0), 60, 10, 10)]
    // 53 / 60 = 0.883; ceil(8.83) = 9
    #[case::just_outside_below(pods(10, 530, 0, 0), 60, 10, 9)]
    // Unready pods are left out on the way down: 20 / 50 = 0.4; ceil(0.4 x 10) = 4
    #[case::unready_down(pods(10, 200, 5, 0), 50, 15, 4)]
    // 60 / 50 = 1.2 over the 10; over 11 pods 600 x 100 / 1100 = 54, 54 / 50 = 1.08 is within: stays (else 12)
    #[case::unready_up_within(pods(10, 600, 1, 0), 50, 11, 11)]
    // over 14 pods 60000 / 1400 = 42, 0.84 is on the other side of 1: stays
    #[case::unready_up_turned(pods(10, 600, 4, 0), 50, 14, 14)]
    // 150 / 50 = 3; over 6 pods 600 x 100 / 600 = 100, 100 / 50 = 2; ceil(2 x 6) = 12
    #[case::unready_up(pods(4, 600, 2, 0), 50, 6, 12)]
    // 20 / 50 = 0.4; 2 missing at 100 m: (160 + 200) x 100 / 1000 = 36; 0.72; ceil(7.2) = 8, not ceil(0.4 x 8) = 4
    #[case::missing_down(pods(8, 160, 0, 2), 50, 10, 8)]
    // 25 / 50; 3 missing at 100 m: 500 x 100 / 1100 = 45; 0.9 is within: stays; the 5 unready do not count on the way down
    // (over 16 pods it would be 31 / 50 and ceil(9.92) = 10)
    #[case::missing_down_unready(pods(8, 200, 5, 3), 50, 16, 16)]
    // target 150 %: 100 / 150 = 0.667; 2 missing at 150 m: 1100 x 100 / 1000 = 110; 0.733; ceil(7.33) = 8
    // (at 100 m it would be 100 / 150 and 7)
    #[case::missing_down_above_100(pods(8, 800, 0, 2), 150, 10, 8)]
    // 56 / 50 = 1.12; 2 missing at 0: 44800 / 1000 = 44; 0.88 is on the other side: stays (else 9)
    #[case::missing_up_turned(pods(8, 448, 0, 2), 50, 10, 10)]
    // 100 / 50 = 2; 2 missing at 0: 80; 1.6; ceil(16) = 16
    #[case::missing_up(pods(8, 800, 0, 2), 50, 10, 16)]
    // 1 % of 50 %; 4 missing at 100 m: 408 x 100 / 1200 = 34; 0.68; ceil(8.16) = 9 > 8 though the ratio asks for fewer: stays
    #[case::would_move_against(pods(8, 8, 0, 4), 50, 8, 8)]
    fn utilization_of_the_request(
        #[case] pods: PodMetrics,
        #[case] target_percent: u32,
        #[case] current: u32,
        #[case] expected: u32,
    ) {
        let proposal = resource_utilization(&pods, target_percent, current, Tolerance::default());
        assert_eq!(proposal, Ok(expected));
    }

    #[rstest]
    #[case::no_samples(pods(0, 0, 3, 2))]
    #[case::no_requests(PodMetrics { request_milli: 0, ..pods(3, 100, 0, 0) })]
    fn utilization_without_samples_or_requests_is_no_metric(#[case] pods: PodMetrics) {
        assert_eq!(resource_utilization(&pods, 60, 5, Tolerance::default()), Err(NoMetric));
    }

    #[rstest]
    // 60 rps over 4 pods = 15; 15 / 10 = 1.5; 6
    #[case::up(pods(4, 60_000, 0, 0), 4, 6)]
    // 44 rps / 4 = 11; 1.1 is within
    #[case::within(pods(4, 44_000, 0, 0), 4, 4)]
    // 5 / 10 = 0.5; 2 missing at the target: (20 + 20) / 6 = 6.666; 0.6666 x 6 = 3.9996; 4, not ceil(0.5 x 4) = 2
    #[case::missing_down(pods(4, 20_000, 0, 2), 6, 4)]
    // 20 / 10 = 2; 2 unready at 0: 80 / 6 = 13.333; 1.3333 x 6 = 7.9998; 8
    #[case::unready_up(pods(4, 80_000, 2, 0), 6, 8)]
    // 2 / 10; 4 missing at 10: (16 + 40) / 12 = 4.666; 0.4666 x 12 = 5.6; 6 > 5 is taken here
    #[case::moves_against(pods(8, 16_000, 0, 4), 5, 6)]
    fn average_over_pods(#[case] pods: PodMetrics, #[case] current: u32, #[case] expected: u32) {
        assert_eq!(
            pods_average_value(&pods, 10_000, current, Tolerance::default()),
            Ok(expected)
        );
    }

    #[rstest]
    // 300 / 200 = 1.5; ceil(1.5 x 5 ready) = 8, although the spec says 6
    #[case::counts_ready_pods(300.0, 5, 6, 8)]
    // 220 / 200 = 1.1 is within: the spec's 6
    #[case::within(220.0, 5, 6, 6)]
    // 0.5; ceil(2.5) = 3
    #[case::down(100.0, 5, 6, 3)]
    // from zero ceil(1.5) = 2, and no tolerance: ceil(1.05) = 2
    #[case::from_zero(300.0, 0, 0, 2)]
    #[case::from_zero_within(210.0, 0, 0, 2)]
    #[case::nothing(0.0, 5, 6, 0)]
    #[case::not_a_number(f64::NAN, 5, 6, 0)]
    fn external_value_scales_the_ready_pods(
        #[case] value: f64,
        #[case] ready_pods: u32,
        #[case] current: u32,
        #[case] expected: u32,
    ) {
        let proposal = external_value(value, 200.0, ready_pods, current, Tolerance::default());
        assert_eq!(proposal, expected);
    }

    #[rstest]
    // 1000 / (100 x 9) = 1.11; ceil(10) = 10
    #[case::up(1000.0, 9, 10)]
    // 990 / 900 = 1.1 is within: 9, although ceil(9.9) = 10
    #[case::within(990.0, 9, 9)]
    // 1100 / (100 x 12) = 0.917 is within: 12 pods of a rollout stay, although ceil(11) = 11
    #[case::surge_is_copied(1100.0, 12, 12)]
    // 1000.0004 is 1000000 milli, so 10 and not 11
    #[case::cut_to_milli(1000.0004, 20, 10)]
    #[case::from_zero(250.0, 0, 3)]
    #[case::nothing(0.0, 9, 0)]
    #[case::not_a_number(f64::NAN, 9, 0)]
    fn external_average_value_keeps_the_observed_replicas(
        #[case] value: f64,
        #[case] status_replicas: u32,
        #[case] expected: u32,
    ) {
        let proposal = external_average_value(value, 100.0, status_replicas, Tolerance::default());
        assert_eq!(proposal, expected);
    }

    #[test]
    fn tolerance_differs_per_direction() {
        let tolerance = Tolerance { up: 0.0, down: 0.3 };
        // 1010 / 1000 = 1.01 > 1.0: 11; 700 / 1000 = 0.7 is within; 690 / 1000 = 0.69 is not: 7
        assert_eq!(external_average_value(1010.0, 100.0, 10, tolerance), 11);
        assert_eq!(external_average_value(700.0, 100.0, 10, tolerance), 10);
        assert_eq!(external_average_value(690.0, 100.0, 10, tolerance), 7);
    }
}
