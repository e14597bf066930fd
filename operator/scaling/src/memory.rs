//! What one decision hands to the next: the floor, the last increase, the window, and since when there is no data.
//!
//! Small, bounded and serialisable. An empty one is always safe: it starts from the floor as it is found, and nothing is
//! lowered until it has seen one full window. It belongs to one cluster and one leader; whoever loses the lead drops it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::observation::Observation;
use crate::policy::{Mode, Policy};
use crate::signal::Signal;
use crate::span;
use crate::units::Replicas;
use crate::window::Window;

/// The state of one cluster's scaling between two decisions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    floor: Floor,
    pub(crate) last_increase: Option<Timestamp>,
    pub(crate) window: Window,
    pub(crate) no_data_since: Option<Timestamp>,
    last_decision: Option<Timestamp>,
}

/// The floor as far as it is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
enum Floor {
    /// No decision yet.
    #[default]
    Unknown,
    /// Decided, but not known to be the cluster's own floor: that could not be read yet, or the mode forbids writing. It may
    /// be higher, and is then where the next decision starts from.
    Assumed(Replicas),
    /// Decided to be written, with the cluster's own floor known. From here on this is the truth, and an edit of the HPA is undone.
    Known(Replicas),
}

impl Memory {
    /// The time to decide by. A clock that stepped back a little stands still; one that stepped back further is a gap, and an
    /// increase that then lies in the future counts as just made: decreases wait for at most one cooldown and window.
    pub(crate) fn advance(&mut self, policy: &Policy, now: Timestamp) -> Timestamp {
        let last = self.last_decision.unwrap_or(now);
        let step_back = span::elapsed(now, last);
        let steady = if step_back <= policy.max_sample_gap() {
            now.max(last)
        } else {
            now
        };
        if steady < last {
            self.window.forget();
            self.last_increase = self.last_increase.map(|time| time.min(now));
            self.no_data_since = self.no_data_since.map(|time| time.min(now));
        }
        self.last_decision = Some(steady);
        steady
    }

    /// The floor before this decision.
    pub(crate) fn previous(&self, policy: &Policy, observation: &Observation) -> Replicas {
        let found = observation.standing();
        match self.floor {
            Floor::Known(floor) => floor,
            Floor::Assumed(floor) => found.map_or(floor, |found| found.max(floor)),
            Floor::Unknown => found.unwrap_or(policy.min_replicas()),
        }
    }

    /// Takes what the load's signal says: only fresh samples fill the window, anything else empties it.
    pub(crate) fn sense(&mut self, policy: &Policy, signal: &Signal, now: Timestamp) {
        match signal {
            Signal::Fresh { value, .. } => {
                self.no_data_since = None;
                self.window.take(policy, *value, now);
            }
            Signal::Stale { .. } | Signal::Missing { .. } | Signal::Invalid { .. } => {
                self.no_data_since = self.no_data_since.or(self.window.last()).or(Some(now));
                self.window.forget();
            }
        }
    }

    /// Keeps the result for the next decision.
    pub(crate) fn settle(&mut self, policy: &Policy, observation: &Observation, result: Replicas) {
        if result > self.previous(policy, observation) {
            self.last_increase = self.last_decision;
        }
        let found = matches!(self.floor, Floor::Known(_)) || observation.standing().is_some();
        self.floor = match policy.mode() {
            Mode::Auto if found => Floor::Known(result),
            Mode::Auto | Mode::Observe | Mode::Paused => Floor::Assumed(result),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;
    use crate::observation::Rollout;
    use crate::policy::PolicyInput;
    use crate::signal::MissingReason;

    fn policy() -> Policy {
        Policy::parse(PolicyInput::default()).unwrap()
    }

    fn found(floor: Option<u32>, ordered: Option<u32>) -> Observation {
        Observation {
            requests_per_second: Signal::Missing {
                reason: MissingReason::NotAskedYet,
            },
            replicas_ordered: ordered.map(Replicas::new),
            replicas_ready: None,
            floor: floor.map(Replicas::new),
            rollout: Rollout::Settled,
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[rstest]
    #[case::the_floor_counts_not_what_the_hpa_added(Some(6), Some(9), 6)]
    #[case::without_a_floor_what_is_ordered(None, Some(9), 9)]
    #[case::with_nothing_the_minimum(None, None, 2)]
    fn an_empty_memory_starts_from_what_it_finds(
        #[case] floor: Option<u32>,
        #[case] ordered: Option<u32>,
        #[case] start: u32,
    ) {
        assert_eq!(
            Memory::default().previous(&policy(), &found(floor, ordered)),
            Replicas::new(start)
        );
    }

    #[test]
    fn a_floor_that_is_found_late_is_not_lowered() {
        let mut memory = Memory::default();
        memory.settle(&policy(), &found(None, None), Replicas::new(2));
        assert_eq!(memory.previous(&policy(), &found(Some(8), None)), Replicas::new(8));
    }

    #[test]
    fn an_edited_floor_does_not_change_what_was_decided() {
        let mut memory = Memory::default();
        memory.settle(&policy(), &found(Some(2), None), Replicas::new(6));
        assert_eq!(memory.previous(&policy(), &found(Some(3), None)), Replicas::new(6));
    }

    #[test]
    fn what_was_only_explained_does_not_lower_a_higher_floor_once_writing_is_allowed() {
        let paused = Policy::parse(PolicyInput {
            mode: Mode::Paused,
            ..PolicyInput::default()
        })
        .unwrap();
        let mut memory = Memory::default();
        memory.settle(&paused, &found(Some(6), None), Replicas::new(2));
        assert_eq!(memory.previous(&policy(), &found(Some(6), None)), Replicas::new(6));
    }

    #[test]
    fn no_data_counts_from_the_last_fresh_sample() {
        let mut memory = Memory::default();
        memory.sense(
            &policy(),
            &Signal::classify(5.0, Duration::ZERO, Duration::ZERO),
            at(100),
        );
        for second in [105, 110] {
            memory.sense(
                &policy(),
                &Signal::Stale {
                    age: Duration::from_secs(20),
                },
                at(second),
            );
        }
        assert_eq!(memory.no_data_since, Some(at(100)));
    }

    #[test]
    fn a_clock_that_steps_back_a_little_stands_still() {
        let mut memory = Memory::default();
        memory.advance(&policy(), at(1000));
        assert_eq!(memory.advance(&policy(), at(990)), at(1000));
    }

    #[test]
    fn a_clock_that_steps_back_far_is_a_gap_and_restarts_the_cooldown() {
        let mut memory = Memory::default();
        memory.advance(&policy(), at(1000));
        memory.sense(
            &policy(),
            &Signal::classify(5.0, Duration::ZERO, Duration::ZERO),
            at(1000),
        );
        memory.last_increase = Some(at(900));
        assert_eq!(memory.advance(&policy(), at(400)), at(400));
        assert_eq!(memory.window.last(), None);
        assert_eq!(memory.last_increase, Some(at(400)));
    }
}
