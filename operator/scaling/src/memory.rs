//! What one decision hands to the next: the floor, the times of the last changes, and what the laws remember.
//!
//! Small, bounded, without a heap, and serialisable. An empty one is always safe: it starts from the floor as it is found,
//! and nothing is lowered until it has seen one full window. It belongs to one cluster and one leader; whoever loses the
//! lead drops it. What must outlive it, because another leader would decide otherwise without, is what a replica serves:
//! `capacity` gives it and `knowing` takes it. All times in it are steady ones.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::burst::{Burst, Pace};
use crate::capacity::Capacity;
use crate::changes::Changes;
use crate::clock::{Clock, Tick};
use crate::latency::Guard;
use crate::learning::Learning;
use crate::observation::Observation;
use crate::plans::Calendar;
use crate::policy::{Mode, Policy};
use crate::signal::Signal;
use crate::units::{Replicas, RequestsPerSecond};
use crate::window::Window;

/// The state of one cluster's scaling between two decisions.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    floor: Floor,
    clock: Option<Clock>,
    pub(crate) window: Window,
    pub(crate) no_data_since: Option<Timestamp>,
    pub(crate) began: Option<Timestamp>,
    pub(crate) last_routine_increase: Option<Timestamp>,
    pub(crate) last_decrease: Option<Timestamp>,
    pub(crate) changes: Changes,
    pub(crate) capacity: Capacity,
    pub(crate) latency: Guard,
    pub(crate) burst: Burst,
    pub(crate) learning: Learning,
    pub(crate) calendar: Calendar,
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
    /// What one replica was found to serve in requests/s; `None` where nothing was learned.
    pub fn capacity(&self) -> Option<RequestsPerSecond> {
        self.capacity.learned()
    }

    /// The same memory, with what the memory of another leader had found. The policy bounds it as what is found here.
    #[must_use]
    pub fn knowing(mut self, capacity: Option<RequestsPerSecond>) -> Self {
        self.capacity = capacity.map_or(self.capacity, Capacity::known);
        self
    }

    /// The times to decide by. A jump of the wall is a gap in the data.
    pub(crate) fn advance(&mut self, policy: &Policy, wall: Timestamp) -> Clock {
        let clock = match self.clock {
            None => {
                let clock = Clock::starting(wall);
                self.began = Some(clock.now);
                clock
            }
            Some(last) => {
                let (clock, tick) = last.next(wall, policy.max_sample_gap());
                if tick == Tick::Jump {
                    self.window.forget();
                }
                clock
            }
        };
        self.clock = Some(clock);
        clock
    }

    /// The floor before this decision.
    pub(crate) fn previous(&self, policy: &Policy, observation: &Observation) -> Replicas {
        let found = observation.standing();
        match self.floor {
            Floor::Known(floor) => floor,
            // What is only explained goes on from what was explained; once it is to be written, nothing is lowered by that.
            Floor::Assumed(floor) => match policy.mode() {
                Mode::Auto => found.map_or(floor, |found| found.max(floor)),
                Mode::Observe | Mode::Paused => floor,
            },
            Floor::Unknown => found.unwrap_or(policy.min_replicas()),
        }
    }

    /// Takes what the load's signal says: only fresh samples fill the window, anything else empties it.
    pub(crate) fn sense(&mut self, policy: &Policy, signal: Signal, now: Timestamp) {
        match signal {
            Signal::Fresh { .. } => {
                self.no_data_since = None;
                self.window.take(policy.max_sample_gap(), now);
            }
            Signal::Stale { .. } | Signal::Missing { .. } | Signal::Invalid { .. } => {
                self.no_data_since = self.no_data_since.or(self.window.last()).or(Some(now));
                self.window.forget();
            }
        }
    }

    /// Keeps the result for the next decision, and when and how it changed.
    pub(crate) fn settle(&mut self, policy: &Policy, observation: &Observation, (result, pace): (Replicas, Pace)) {
        let previous = self.previous(policy, observation);
        if let Some(clock) = self.clock
            && result != previous
        {
            self.changes.count(clock.now);
            if result < previous {
                self.last_decrease = Some(clock.now);
            } else if pace == Pace::Routine {
                self.last_routine_increase = Some(clock.now);
            }
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
    use crate::policy::PolicyInput;

    fn policy() -> Policy {
        Policy::parse(PolicyInput::default()).unwrap()
    }

    fn found(floor: Option<u32>, ordered: Option<u32>) -> Observation {
        Observation {
            replicas_ordered: ordered.map(Replicas::new),
            floor: floor.map(Replicas::new),
            ..Observation::default()
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn fresh() -> Signal {
        Signal::classify(5.0, Duration::ZERO, Duration::ZERO)
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
        memory.settle(&policy(), &found(None, None), (Replicas::new(2), Pace::Routine));
        assert_eq!(memory.previous(&policy(), &found(Some(8), None)), Replicas::new(8));
    }

    #[test]
    fn an_edited_floor_does_not_change_what_was_decided() {
        let mut memory = Memory::default();
        memory.settle(&policy(), &found(Some(2), None), (Replicas::new(6), Pace::Routine));
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
        memory.settle(&paused, &found(Some(6), None), (Replicas::new(2), Pace::Routine));
        assert_eq!(memory.previous(&policy(), &found(Some(6), None)), Replicas::new(6));
    }

    #[test]
    fn no_data_counts_from_the_last_fresh_sample() {
        let mut memory = Memory::default();
        memory.sense(&policy(), fresh(), at(100));
        for second in [105, 110] {
            let age = Duration::from_secs(20);
            memory.sense(&policy(), Signal::Stale { age }, at(second));
        }
        assert_eq!(memory.no_data_since, Some(at(100)));
    }

    #[rstest]
    #[case::routine(Pace::Routine, Some(1010))]
    #[case::a_burst_starts_no_cooldown(Pace::Burst, None)]
    fn a_routine_increase_starts_the_cooldown(#[case] pace: Pace, #[case] started: Option<i64>) {
        let mut memory = Memory::default();
        memory.advance(&policy(), at(1000));
        memory.advance(&policy(), at(1010));
        memory.settle(&policy(), &found(Some(2), None), (Replicas::new(6), pace));
        assert_eq!(memory.last_routine_increase, started.map(at));
    }

    #[rstest]
    #[case::back(400)]
    #[case::forward(1600)]
    fn a_clock_that_jumps_makes_a_gap(#[case] to: i64) {
        let mut memory = Memory::default();
        let clock = memory.advance(&policy(), at(1000));
        memory.sense(&policy(), fresh(), clock.now);
        memory.advance(&policy(), at(to));
        assert_eq!(memory.window.last(), None);
    }
}
