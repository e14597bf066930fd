//! The one entry: senses, asks the laws, passes the largest answer through the guard, writes down why, and then learns.
//!
//! Order of authority: the bounds, then a pause, then the gates and ceilings, then the laws. All that is learned from a
//! sample is learned after its decision, so that within one decision more of a signal never means fewer replicas. What the
//! mode permits is put on top at the end, so that every mode explains the same result.

use jiff::Timestamp;

use crate::burst::{self, Pace};
use crate::decision::Decision;
use crate::guard;
use crate::laws::{Answers, Plans};
use crate::memory::Memory;
use crate::observation::Observation;
use crate::policy::Policy;
use crate::record::{Limit, Limits, Record};
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
/// // 590 and a margin of a tenth are 649, which seven replicas of 100 serve.
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
        policy,
        observation,
        clock,
        capacity,
        ..
    } = *situation;
    let demand = answers.demand.as_ref();
    let pace = demand.map_or(Pace::Routine, |demand| burst::pace(situation.base(), demand));
    memory.settle(policy, observation, (result, pace));
    let too_much = memory.latency.learn(situation, demand, answers.latency, result);
    memory.capacity.learn(situation, too_much);
    if let Some(demand) = demand {
        memory.burst.take(situation, demand);
        memory.learning.take(policy, demand.load, capacity, clock.now);
    }
}
