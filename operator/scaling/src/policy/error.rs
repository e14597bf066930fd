//! What can be wrong with the numbers of a policy: each mistake with its field, as the spec writes it, and the way out.
//!
//! All of them are found at once, so that one edit can mend them all.

use thiserror::Error;

use crate::policy::input::PolicyInput;
use crate::units::RequestsPerSecond;

/// Why numbers are not a policy.
#[derive(Clone, Copy, Debug, PartialEq, Error)]
pub enum PolicyError {
    /// An HPA cannot hold a floor of 0.
    #[error("minReplicas is 0: write 1 or more")]
    MinReplicasZero,
    /// The bounds cross.
    #[error("minReplicas {min} is more than maxReplicas {max}: raise maxReplicas or lower minReplicas")]
    MinOverMax {
        /// The lower bound.
        min: u32,
        /// The upper bound.
        max: u32,
    },
    /// Nothing can be divided by it.
    #[error(
        "requestsPerSecond.perReplica is {given}: write the requests per second that one replica serves well, more than 0"
    )]
    PerReplica {
        /// What was given.
        given: f64,
    },
    /// The bounds of what is learned do not include what is given.
    #[error(
        "requestsPerSecond.capacityBounds are {lowest} to {highest} of perReplica: write factors around it, the first more than 0 and at most 1, the second at least 1"
    )]
    CapacityBounds {
        /// The lower factor.
        lowest: f64,
        /// The upper factor.
        highest: f64,
    },
    /// No request is that fast.
    #[error("latency.target is 0: write the latency to be kept, 500ms for example, or leave latency out")]
    LatencyTargetZero,
    /// Not a share that can be aimed at.
    #[error("objective is {given}: write the share of requests to be within latency.target, 0.5 to 0.99999")]
    Objective {
        /// What was given.
        given: f64,
    },
    /// Nothing is sampled continuously.
    #[error("metrics.intervalSeconds is 0: write the seconds between two scrapes, more than 0")]
    ScrapeIntervalZero,
    /// Nothing could ever be raised.
    #[error("scaleUp.maxPercent is 0: write 1 or more, or pause increases")]
    UpPercentZero,
    /// Not a part of a whole.
    #[error("scaleDown.maxPercent is {given}: write 1 to 100, or pause decreases")]
    DownPercent {
        /// What was given.
        given: u32,
    },
    /// Nothing could ever be lowered.
    #[error("changeBudgetPerHour is 0: write 1 or more, or pause decreases")]
    ChangeBudgetZero,
    /// It would be in force at every missed sample.
    #[error("fallback.afterSeconds is 0: write how long data may be missing before it, more than 0")]
    FallbackAfterZero,
    /// It would mean nothing.
    #[error("fallback.replicas is 0: write 1 or more, or leave fallback out")]
    FallbackReplicasZero,
    /// Every sample would be a gap, and nothing would ever be lowered.
    #[error("the longest gap between two samples is 0: it must be at least two ticks of the scaling loop")]
    SampleGapZero,
}

/// Every mistake in `input`; none where it is a policy.
pub(super) fn all(input: &PolicyInput) -> Vec<PolicyError> {
    [
        bounds(input),
        capacity(input),
        latency(input),
        steps(input),
        silence(input),
    ]
    .concat()
}

fn found<const N: usize>(checks: [(bool, PolicyError); N]) -> Vec<PolicyError> {
    let wrong = checks.into_iter().filter(|(wrong, _)| *wrong);
    wrong.map(|(_, error)| error).collect()
}

fn bounds(input: &PolicyInput) -> Vec<PolicyError> {
    let crossed = PolicyError::MinOverMax {
        min: input.min_replicas,
        max: input.max_replicas,
    };
    found([
        (input.min_replicas == 0, PolicyError::MinReplicasZero),
        (input.min_replicas > input.max_replicas, crossed),
    ])
}

fn capacity(input: &PolicyInput) -> Vec<PolicyError> {
    let given = input.per_replica;
    let divides = RequestsPerSecond::new(given).is_ok_and(|rate| rate.get() > 0.0);
    let (lowest, highest) = (input.capacity_bounds.lowest, input.capacity_bounds.highest);
    let around = lowest > 0.0 && lowest <= 1.0 && highest >= 1.0 && highest.is_finite();
    found([
        (!divides, PolicyError::PerReplica { given }),
        (!around, PolicyError::CapacityBounds { lowest, highest }),
    ])
}

fn latency(input: &PolicyInput) -> Vec<PolicyError> {
    let given = input.objective;
    let no_target = input.latency_target.is_some_and(|target| target.is_zero());
    found([
        (no_target, PolicyError::LatencyTargetZero),
        (!(0.5..=0.99999).contains(&given), PolicyError::Objective { given }),
        (input.scrape_interval.is_zero(), PolicyError::ScrapeIntervalZero),
    ])
}

fn steps(input: &PolicyInput) -> Vec<PolicyError> {
    let given = input.down_percent_max;
    found([
        (input.up_percent_max == 0, PolicyError::UpPercentZero),
        (!(1..=100).contains(&given), PolicyError::DownPercent { given }),
        (input.change_budget_per_hour == 0, PolicyError::ChangeBudgetZero),
    ])
}

fn silence(input: &PolicyInput) -> Vec<PolicyError> {
    let fallback = input.fallback;
    let at_once = fallback.is_some_and(|fallback| fallback.after.is_zero());
    let nothing = fallback.is_some_and(|fallback| fallback.replicas == 0);
    found([
        (at_once, PolicyError::FallbackAfterZero),
        (nothing, PolicyError::FallbackReplicasZero),
        (input.max_sample_gap.is_zero(), PolicyError::SampleGapZero),
    ])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::{CapacityBounds, Fallback};

    type Change = fn(&mut PolicyInput);

    const MISTAKES: [(Change, &str); 22] = [
        (|input| input.per_replica = 0.0, "requestsPerSecond.perReplica is 0"),
        (|input| input.per_replica = -0.0, "requestsPerSecond.perReplica is -0"),
        (|input| input.per_replica = -5.0, "requestsPerSecond.perReplica is -5"),
        (
            |input| input.per_replica = f64::NAN,
            "requestsPerSecond.perReplica is NaN",
        ),
        (
            |input| input.per_replica = f64::INFINITY,
            "requestsPerSecond.perReplica is inf",
        ),
        (|input| input.min_replicas = 0, "minReplicas is 0"),
        (
            |input| input.max_replicas = 1,
            "minReplicas 2 is more than maxReplicas 1",
        ),
        (
            |input| input.capacity_bounds.lowest = 1.1,
            "requestsPerSecond.capacityBounds are 1.1 to 1.4",
        ),
        (
            |input| input.capacity_bounds.lowest = 0.0,
            "requestsPerSecond.capacityBounds are 0 to 1.4",
        ),
        (
            |input| input.capacity_bounds.highest = f64::NAN,
            "requestsPerSecond.capacityBounds are 0.5 to NaN",
        ),
        (
            |input| input.latency_target = Some(Duration::ZERO),
            "latency.target is 0",
        ),
        (|input| input.objective = 1.0, "objective is 1"),
        (|input| input.objective = 0.4, "objective is 0.4"),
        (|input| input.objective = f64::NAN, "objective is NaN"),
        (
            |input| input.scrape_interval = Duration::ZERO,
            "metrics.intervalSeconds is 0",
        ),
        (|input| input.up_percent_max = 0, "scaleUp.maxPercent is 0"),
        (|input| input.down_percent_max = 0, "scaleDown.maxPercent is 0"),
        (|input| input.down_percent_max = 101, "scaleDown.maxPercent is 101"),
        (|input| input.change_budget_per_hour = 0, "changeBudgetPerHour is 0"),
        (
            |input| {
                input.fallback = Some(Fallback {
                    after: Duration::ZERO,
                    replicas: 3,
                });
            },
            "fallback.afterSeconds is 0",
        ),
        (
            |input| {
                input.fallback = Some(Fallback {
                    after: Duration::MAX,
                    replicas: 0,
                });
            },
            "fallback.replicas is 0",
        ),
        (
            |input| input.max_sample_gap = Duration::ZERO,
            "the longest gap between two samples is 0",
        ),
    ];

    #[test]
    fn a_mistake_names_its_field_and_what_stands_there() {
        for (change, words) in MISTAKES {
            let mut input = PolicyInput::default();
            change(&mut input);
            let errors = all(&input);
            assert_eq!(errors.len(), 1, "{errors:?}");
            assert!(errors[0].to_string().starts_with(words), "{} {words}", errors[0]);
        }
    }

    #[test]
    fn every_mistake_is_named_not_only_the_first() {
        let input = PolicyInput {
            min_replicas: 5,
            max_replicas: 4,
            per_replica: 0.0,
            capacity_bounds: CapacityBounds {
                lowest: 2.0,
                highest: 1.0,
            },
            ..PolicyInput::default()
        };
        let errors = all(&input);
        assert!(
            matches!(
                errors[..],
                [
                    PolicyError::MinOverMax { min: 5, max: 4 },
                    PolicyError::PerReplica { .. },
                    PolicyError::CapacityBounds { .. },
                ]
            ),
            "{errors:?}"
        );
    }
}
