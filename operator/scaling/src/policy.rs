//! What the user asked for, parsed once into something that cannot be wrong.
//!
//! [`PolicyInput`] is plain numbers, [`Policy`] has checked ones behind getters. Bounds and windows are worked out here, so
//! that the laws only compare. Knows nothing of the resource that the numbers come from.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::units::{Replicas, RequestsPerSecond};

/// What may be done with a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// Decide and write.
    #[default]
    Auto,
    /// Decide and explain; the floor is `minReplicas`.
    Observe,
    /// Decide and explain; the floor stays as it stands, within the bounds.
    Paused,
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Auto => "Auto",
            Self::Observe => "Observe",
            Self::Paused => "Paused",
        })
    }
}

/// The numbers of a policy as they come in. Take [`PolicyInput::default`] for those that the spec does not have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PolicyInput {
    /// The fewest replicas, whatever the load; at least 1.
    pub min_replicas: u32,
    /// The most replicas, whatever the load; at least `min_replicas`.
    pub max_replicas: u32,
    /// Requests per second that one replica serves well; more than 0.
    pub per_replica: f64,
    /// Time between two routine increases. Present demand never waits for it.
    pub scale_up_cooldown: Duration,
    /// Time from the last increase to the first decrease, and the least time that a peak of the load is remembered.
    pub scale_down_cooldown: Duration,
    /// What may be done with a decision.
    pub mode: Mode,
    /// The shortest down window, for short cooldowns: at least the range of the query's own `rate()`, or a half-filled
    /// range after a gap would pass for a fall of the load.
    pub min_down_window: Duration,
    /// The longest time between two samples of an unbroken window; at least two ticks of the loop, more than 0.
    pub max_sample_gap: Duration,
}

impl Default for PolicyInput {
    fn default() -> Self {
        Self {
            min_replicas: 2,
            max_replicas: 10,
            per_replica: 100.0,
            scale_up_cooldown: Duration::from_mins(5),
            scale_down_cooldown: Duration::from_mins(10),
            mode: Mode::Auto,
            min_down_window: Duration::from_secs(30),
            max_sample_gap: Duration::from_secs(15),
        }
    }
}

/// A checked policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    min_replicas: Replicas,
    max_replicas: Replicas,
    per_replica: RequestsPerSecond,
    scale_up_cooldown: Duration,
    scale_down_cooldown: Duration,
    down_window: Duration,
    max_sample_gap: Duration,
    mode: Mode,
}

impl Policy {
    /// Checks the numbers.
    ///
    /// # Errors
    /// Every [`PolicyError`] there is, not only the first.
    pub fn parse(input: PolicyInput) -> Result<Self, Vec<PolicyError>> {
        let mut errors = Vec::new();
        if input.min_replicas == 0 {
            errors.push(PolicyError::MinReplicasZero);
        }
        if input.min_replicas > input.max_replicas {
            errors.push(PolicyError::MinOverMax {
                min: input.min_replicas,
                max: input.max_replicas,
            });
        }
        if input.max_sample_gap.is_zero() {
            errors.push(PolicyError::SampleGapZero);
        }
        let per_replica = RequestsPerSecond::new(input.per_replica)
            .ok()
            .filter(|rate| rate.get() > 0.0);
        if per_replica.is_none() {
            errors.push(PolicyError::PerReplica {
                given: input.per_replica,
            });
        }
        match per_replica {
            Some(per_replica) if errors.is_empty() => Ok(Self::checked(&input, per_replica)),
            Some(_) | None => Err(errors),
        }
    }

    fn checked(input: &PolicyInput, per_replica: RequestsPerSecond) -> Self {
        Self {
            min_replicas: Replicas::new(input.min_replicas),
            max_replicas: Replicas::new(input.max_replicas),
            per_replica,
            scale_up_cooldown: input.scale_up_cooldown,
            scale_down_cooldown: input.scale_down_cooldown,
            // Two gaps at least: otherwise two samples, one at each end, would pass for a full window.
            down_window: input
                .scale_down_cooldown
                .max(input.min_down_window)
                .max(input.max_sample_gap.saturating_mul(2)),
            max_sample_gap: input.max_sample_gap,
            mode: input.mode,
        }
    }

    /// The fewest replicas; at least 1.
    pub const fn min_replicas(&self) -> Replicas {
        self.min_replicas
    }

    /// The most replicas.
    pub const fn max_replicas(&self) -> Replicas {
        self.max_replicas
    }

    /// Requests per second that one replica serves well; more than 0.
    pub const fn per_replica(&self) -> RequestsPerSecond {
        self.per_replica
    }

    /// Time between two routine increases (of laws other than demand: none exists today).
    pub const fn scale_up_cooldown(&self) -> Duration {
        self.scale_up_cooldown
    }

    /// Time from the last increase to the first decrease.
    pub const fn scale_down_cooldown(&self) -> Duration {
        self.scale_down_cooldown
    }

    /// How far back the load is remembered: the scale-down cooldown, but at least `min_down_window` and two sample gaps.
    pub const fn down_window(&self) -> Duration {
        self.down_window
    }

    /// The longest time between two samples of an unbroken window.
    pub const fn max_sample_gap(&self) -> Duration {
        self.max_sample_gap
    }

    /// What may be done with a decision.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// The nearest allowed number of replicas.
    pub fn clamp(&self, replicas: Replicas) -> Replicas {
        // Not `Ord::clamp`: that panics where the bounds cross, and this crate cannot panic even if `parse` were wrong.
        replicas.max(self.min_replicas).min(self.max_replicas)
    }
}

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
    /// Every sample would be a gap, and nothing would ever be lowered.
    #[error("the longest gap between two samples is 0: it must be at least two ticks of the scaling loop")]
    SampleGapZero,
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn the_defaults_are_a_policy() {
        let policy = Policy::parse(PolicyInput::default()).unwrap();
        assert_eq!(policy.down_window(), policy.scale_down_cooldown());
    }

    #[rstest]
    #[case(0.0)]
    #[case(-0.0)]
    #[case(-5.0)]
    #[case(f64::NAN)]
    #[case(f64::INFINITY)]
    fn a_capacity_that_cannot_be_divided_by_is_refused(#[case] per_replica: f64) {
        let errors = Policy::parse(PolicyInput {
            per_replica,
            ..PolicyInput::default()
        })
        .unwrap_err();
        assert!(matches!(errors[..], [PolicyError::PerReplica { .. }]), "{errors:?}");
    }

    #[test]
    fn every_mistake_is_named_not_only_the_first() {
        let input = PolicyInput {
            min_replicas: 5,
            max_replicas: 4,
            per_replica: 0.0,
            ..PolicyInput::default()
        };
        let errors = Policy::parse(input).unwrap_err();
        assert_eq!(
            errors,
            [
                PolicyError::MinOverMax { min: 5, max: 4 },
                PolicyError::PerReplica { given: 0.0 }
            ]
        );
    }

    #[test]
    fn a_floor_of_zero_is_refused() {
        let errors = Policy::parse(PolicyInput {
            min_replicas: 0,
            ..PolicyInput::default()
        })
        .unwrap_err();
        assert_eq!(errors, [PolicyError::MinReplicasZero]);
    }

    #[rstest]
    #[case::cooldown_rules(600, 30, 15, 600)]
    #[case::short_cooldown(5, 30, 15, 30)]
    #[case::slow_loop(5, 30, 60, 120)]
    fn the_down_window_is_the_cooldown_but_never_too_short_to_mean_anything(
        #[case] cooldown: u64,
        #[case] least: u64,
        #[case] gap: u64,
        #[case] window: u64,
    ) {
        let input = PolicyInput {
            scale_down_cooldown: Duration::from_secs(cooldown),
            min_down_window: Duration::from_secs(least),
            max_sample_gap: Duration::from_secs(gap),
            ..PolicyInput::default()
        };
        assert_eq!(Policy::parse(input).unwrap().down_window(), Duration::from_secs(window));
    }

    #[rstest]
    #[case(0, 2)]
    #[case(7, 7)]
    #[case(u32::MAX, 10)]
    fn clamping_gives_the_nearest_allowed_number(#[case] asked: u32, #[case] allowed: u32) {
        let policy = Policy::parse(PolicyInput::default()).unwrap();
        assert_eq!(policy.clamp(Replicas::new(asked)), Replicas::new(allowed));
    }
}
