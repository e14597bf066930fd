//! The one entry: senses, asks the laws, passes the largest answer through the guard, writes down why, and then learns.
//!
//! Order of authority: the bounds, then a pause, then the gates and ceilings, then the laws. All that is learned from a
//! sample is learned after its decision, so that within one decision more of a signal never means fewer replicas. What the
//! mode permits is put on top at the end, so that every mode explains the same result.

use jiff::Timestamp;

use crate::burst::{self, Pace};
use crate::decision::Decision;
use crate::guard;
use crate::laws::Answers;
use crate::memory::Memory;
use crate::observation::Observation;
use crate::plans::{Plans, Time};
use crate::policy::Policy;
use crate::record::{Limit, Limits, Record};
use crate::schedule::Schedule;
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
/// // Without a latency: 590 held, a margin of 1.35 and the root make 836, and the room of 1.4 is part of being ready: 597.
/// assert_eq!(decision.floor, Replicas::new(6));
/// # Ok::<(), pathfinder_scaling::PolicyError>(())
/// ```
pub fn decide(policy: &Policy, memory: Memory, observation: &Observation, now: Timestamp) -> (Decision, Memory) {
    decide_scheduled((policy, &[]), memory, observation, now)
}

/// The same with schedules, at most [`MOST_SCHEDULES`](crate::MOST_SCHEDULES): each is a floor while it is on.
pub fn decide_scheduled(
    (policy, schedules): (&Policy, &[Schedule]),
    mut memory: Memory,
    observation: &Observation,
    wall: Timestamp,
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
    let plans = Plans::of(&situation, &mut memory, schedules);
    decided(&situation, memory, (plans, previous))
}

/// The decision by one situation and its plans.
fn decided(situation: &Situation<'_>, mut memory: Memory, (plans, previous): (Plans, Replicas)) -> (Decision, Memory) {
    let (policy, observation) = (situation.policy, situation.observation);
    let answers = Answers::of(situation, &memory, plans);
    let mut limits = Limits::new();
    let result = moved(situation, &memory, &answers, previous, &mut limits);
    let record = Record {
        at: situation.clock.wall,
        signals: answers.rows(observation),
        limits,
        result,
        previous,
        reason: answers.reason(situation, result),
        latency_not_scalable: answers.not_scalable(situation),
    };
    learn(&mut memory, situation, &answers, result);
    if let (Time::Ordinary, Some(demand)) = (plans.time, &answers.demand) {
        memory.learning.take_usual(demand.load, situation.clock.now);
    }
    (Decision::under(policy, observation, record), memory)
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
    use crate::schedule::{Effect, ScheduleInput};
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
            ..Plans::default()
        }
    }

    fn forecast(replicas: u32) -> Plans {
        Plans {
            forecast: Some(Forecast {
                replicas: Replicas::new(replicas),
                at: noon() + Duration::from_mins(5),
            }),
            ..Plans::default()
        }
    }

    /// A first decision at floor 2 with these plans.
    fn record(signal: Signal, plans: Plans) -> Record {
        let policy = Policy::parse(PolicyInput::default()).unwrap();
        let observation = Observation {
            floor: Some(Replicas::new(2)),
            ..Observation::of(signal)
        };
        let mut memory = Memory::default();
        let clock = memory.advance(&policy, noon());
        memory.sense(&policy, signal, clock.now);
        let situation = Situation {
            policy: &policy,
            observation: &observation,
            clock,
            from: Replicas::new(2),
            capacity: policy.per_replica(),
        };
        decided(&situation, memory, (plans, Replicas::new(2))).0.record
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
        let sentence = record(load(590.0), scheduled(6)).sentence();
        assert!(
            sentence.starts_with("7 replicas for a burst") || sentence.starts_with("6 replicas for a burst"),
            "{sentence}"
        );
        assert!(!sentence.contains("schedule"), "{sentence}");
    }

    fn at_nine(effect: Effect) -> Schedule {
        Schedule::parse(&ScheduleInput {
            name: "registration".to_owned(),
            start: "0 9 * * *".to_owned(),
            duration: Duration::from_hours(2),
            time_zone: "Europe/Berlin".to_owned(),
            effect,
            lead: Duration::from_mins(5),
        })
        .unwrap()
    }

    /// The result at a load of 150, every five seconds from `from` to `to`, of a day in winter: Berlin is one hour ahead.
    fn results(schedule: &Schedule, from: &str, to: &str) -> Vec<u32> {
        let input = PolicyInput {
            max_replicas: 100,
            scale_down_cooldown: Some(Duration::ZERO),
            ..PolicyInput::default()
        };
        let policy = Policy::parse(input).unwrap();
        let at = |time: &str| format!("2026-03-01T{time}Z").parse::<Timestamp>().unwrap();
        let (mut memory, mut now, mut results) = (Memory::default(), at(from), Vec::new());
        while now <= at(to) {
            let observation = Observation::of(load(150.0));
            let (decision, next) =
                decide_scheduled((&policy, std::slice::from_ref(schedule)), memory, &observation, now);
            memory = next;
            results.push(decision.record.result.get());
            now += Duration::from_secs(5);
        }
        results
    }

    #[test]
    fn a_schedule_raises_a_lead_before_it_begins_and_lets_go_after_it_ends() {
        let results = results(&at_nine(Effect::Replicas(20)), "07:50:00", "10:10:00");
        let at = |minutes: usize| results[minutes * 12];
        // It begins at 08:00 UTC and is prepared for from 07:55 on; it ends at 10:00.
        assert_eq!((at(5), at(129)), (20, 20));
        assert!(at(4) < 10 && at(139) < 20, "{} {}", at(4), at(139));
    }

    #[test]
    fn a_multiple_of_the_usual_load_needs_an_hour_of_it() {
        let schedule = at_nine(Effect::Multiplier(10.0));
        // Ten times 150 at 100 per replica.
        assert_eq!(results(&schedule, "06:30:00", "08:30:00").last(), Some(&15));
        assert!(
            results(&schedule, "07:30:00", "08:30:00")
                .iter()
                .all(|replicas| *replicas < 10)
        );
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
