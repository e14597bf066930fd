//! The one entry: senses, asks the laws, passes the largest answer through the guard, writes down why, and then learns.
//!
//! Order of authority: the bounds, then a pause, then the gates and ceilings, then the laws. All that is learned from a
//! sample is learned after its decision, so that within one decision more of a signal never means fewer replicas. What the
//! mode permits is put on top at the end, so that every mode explains the same result.

use jiff::Timestamp;

use crate::burst::{self, Pace};
use crate::decision::Decision;
use crate::demand;
use crate::guard;
use crate::laws::{Answers, Plans};
use crate::memory::Memory;
use crate::observation::Observation;
use crate::policy::Policy;
use crate::record::{Forecast, Limit, Limits, Record};
use crate::situation::Situation;
use crate::units::Replicas;

/// Decides the floor of one cluster: pure and total.
///
/// Call it at every tick with the memory that the last call returned ([`Memory::default`] at the start, after a change of
/// leader, or when the memory was lost) and with the wall clock's time.
///
/// ```
/// use std::time::Duration;
/// use jiff::Timestamp;
/// use pathfinder_scaling::{Memory, Observation, Policy, PolicyInput, Replicas, Signal, decide};
///
/// let policy = Policy::parse(PolicyInput::default()).map_err(|errors| errors[0])?;
/// let load = Signal::classify(590.0, Duration::from_secs(3), Duration::from_secs(15));
/// let observation = Observation {
///     replicas_ordered: Some(Replicas::new(2)),
///     replicas_ready: Some(Replicas::new(2)),
///     floor: Some(Replicas::new(2)),
///     ..Observation::of(load)
/// };
/// let (decision, _memory) = decide(&policy, Memory::default(), &observation, Timestamp::UNIX_EPOCH);
/// // Six replicas of 100 would serve 590 today; the seventh is for what may come before an eighth could be ready.
/// assert_eq!(decision.floor, Replicas::new(7));
/// # Ok::<(), pathfinder_scaling::PolicyError>(())
/// ```
pub fn decide(policy: &Policy, memory: Memory, observation: &Observation, now: Timestamp) -> (Decision, Memory) {
    decide_with(policy, memory, observation, (Plans::default(), now))
}

/// The same, with what the plans of the spec ask for at this time.
pub(crate) fn decide_with(
    policy: &Policy,
    mut memory: Memory,
    observation: &Observation,
    (plans, wall): (Plans, Timestamp),
) -> (Decision, Memory) {
    let clock = memory.advance(policy, wall);
    memory.sense(policy, observation.requests_per_second, clock.now);
    let previous = memory.previous(policy, observation);
    let situation = Situation {
        policy,
        observation,
        clock,
        from: policy.clamp(previous),
        capacity: memory.capacity.per_replica(policy),
    };
    let plans = Plans {
        forecast: plans.forecast.or_else(|| forecast(&situation, &memory)),
        ..plans
    };
    let answers = Answers::of(&situation, &memory, plans);
    let mut limits = Limits::new();
    let result = moved(&situation, &memory, &answers, previous, &mut limits);
    let record = Record {
        at: wall,
        signals: answers.rows(observation),
        limits,
        result,
        previous,
        reason: answers.reason(&situation, result),
        latency_not_scalable: answers.not_scalable(&situation),
    };
    learn(&mut memory, &situation, &answers, result);
    (Decision::under(policy, observation, record), memory)
}

/// What usually comes within the horizon, where that has been the better adviser lately.
fn forecast(situation: &Situation<'_>, memory: &Memory) -> Option<Forecast> {
    let wall = situation.clock.wall;
    let usually = memory.learning.usually(situation.policy, wall, situation.horizon())?;
    Some(Forecast {
        replicas: demand::replicas(usually.load, situation.capacity),
        at: usually.at,
    })
}

/// The result: the largest answer, as far as the guard lets it through, and what it was limited by.
fn moved(
    situation: &Situation<'_>,
    memory: &Memory,
    answers: &Answers,
    previous: Replicas,
    limits: &mut Limits,
) -> Replicas {
    let (policy, from) = (situation.policy, situation.from);
    let asked = answers.largest().map_or(previous, |(_, asked)| asked);
    let to = policy.clamp(asked);
    let result = match &answers.demand {
        // Without a load the other answers only raise.
        None => {
            guard::push(limits, Limit::Freshness);
            if to > from {
                guard::raise(situation, to, limits)
            } else {
                from
            }
        }
        Some(_) if to > from => guard::raise(situation, to, limits),
        Some(demand) if to < from => guard::lower(situation, memory, demand, to, limits),
        Some(_) => to,
    };
    // A bound explains the result where the result lies on it because an answer is beyond, or the floor was.
    let beyond = [asked, previous]
        .into_iter()
        .filter(|asked| policy.clamp(*asked) == result);
    let bound = beyond.map(|asked| guard::bounds(policy, asked)).find(Option::is_some);
    for limit in answers.limits(situation).into_iter().chain([bound.flatten()]).flatten() {
        guard::push(limits, limit);
    }
    result
}

/// What is remembered of this decision and its samples.
fn learn(memory: &mut Memory, situation: &Situation<'_>, answers: &Answers, result: Replicas) {
    let Situation {
        policy, observation, ..
    } = *situation;
    let demand = answers.demand.as_ref();
    let pace = demand.map_or(Pace::Routine, |demand| burst::pace(situation, demand));
    memory.settle(policy, observation, (result, pace));
    let too_much = memory.latency.learn(situation, demand, answers.latency, result);
    memory.capacity.learn(situation, too_much);
    if let Some(demand) = demand {
        memory.burst.take(situation, demand);
        memory.learning.take(policy, &situation.sample(demand.load));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;
    use crate::policy::PolicyInput;
    use crate::record::{Forecast, Reason, ScheduleName, Scheduled, SignalName};
    use crate::signal::{MissingReason, Signal};

    fn noon() -> Timestamp {
        "2026-03-01T12:00:00Z".parse().unwrap()
    }

    fn scheduled(replicas: u32) -> Plans {
        Plans {
            schedule: Some(Scheduled {
                name: ScheduleName::from("registration").unwrap(),
                replicas: Replicas::new(replicas),
                until: noon() + Duration::from_hours(1),
            }),
            forecast: None,
        }
    }

    fn forecast(replicas: u32) -> Plans {
        Plans {
            schedule: None,
            forecast: Some(Forecast {
                replicas: Replicas::new(replicas),
                at: noon() + Duration::from_mins(5),
            }),
        }
    }

    /// A first decision at floor 2 with these plans.
    fn record(signal: Signal, plans: Plans) -> Record {
        let policy = Policy::parse(PolicyInput::default()).unwrap();
        let observation = Observation {
            floor: Some(Replicas::new(2)),
            ..Observation::of(signal)
        };
        decide_with(&policy, Memory::default(), &observation, (plans, noon()))
            .0
            .record
    }

    fn load(raw: f64) -> Signal {
        Signal::classify(raw, Duration::ZERO, Duration::ZERO)
    }

    const SILENT: Signal = Signal::Missing {
        reason: MissingReason::TargetDown,
    };

    #[rstest]
    #[case::a_schedule_with_load(
        load(150.0),
        scheduled(6),
        "6 replicas by schedule registration until 13:00:00 UTC: it asks for 6, the load for 2"
    )]
    #[case::a_schedule_without_data(
        SILENT,
        scheduled(6),
        "6 replicas by schedule registration until 13:00:00 UTC: it asks for 6"
    )]
    #[case::a_schedule_beyond_the_maximum(
        load(150.0),
        scheduled(60),
        "10 replicas (maxReplicas) by schedule registration until 13:00:00 UTC: it asks for 60, the load for 2"
    )]
    #[case::a_forecast(
        load(150.0),
        forecast(4),
        "4 replicas by forecast: 12:05:00 UTC usually needs 4, the load for 2"
    )]
    fn a_plan_is_a_floor_and_the_largest_answer_gives_the_reason(
        #[case] signal: Signal,
        #[case] plans: Plans,
        #[case] sentence: &str,
    ) {
        assert_eq!(record(signal, plans).sentence(), sentence);
    }

    #[test]
    fn a_plan_below_demand_says_nothing() {
        let (with, without) = (record(load(590.0), scheduled(6)), record(load(590.0), Plans::default()));
        assert!(
            with.sentence()
                .starts_with("7 replicas for a burst: 590 requests/s now, "),
            "{with}"
        );
        assert_eq!(with.sentence(), without.sentence());
    }

    #[test]
    fn a_plan_has_a_row_of_its_own() {
        let rows = record(load(150.0), scheduled(6)).signals;
        assert_eq!(
            (rows[1].name, rows[1].asked),
            (SignalName::Schedule, Some(Replicas::new(6)))
        );
    }

    #[test]
    fn a_plan_below_what_stands_raises_nothing_without_data() {
        let record = record(SILENT, scheduled(1));
        assert_eq!(record.result, Replicas::new(2));
        assert!(matches!(record.reason, Reason::NoData { .. }), "{record}");
    }
}
