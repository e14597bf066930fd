//! The one entry: senses, applies the laws, and writes down why.
//!
//! The order is the argument: the policy's bounds at once, then present demand upwards without delay, then downwards
//! through the guard. What the mode permits is put on top at the end, so that every mode explains the same result.

use jiff::Timestamp;

use crate::decision::Decision;
use crate::demand;
use crate::guard::{self, Decrease};
use crate::memory::Memory;
use crate::observation::{Observation, Rollout};
use crate::policy::Policy;
use crate::record::{Limit, Need, Reason, Record, SignalRow, Verdict};
use crate::signal::Signal;
use crate::units::Replicas;

/// Decides the floor of one cluster: pure and total.
///
/// Call it at every tick with the memory that the last call returned ([`Memory::default`] at the start, after a change of
/// leader, or when the memory was lost) and with the wall clock's time.
///
/// ```
/// use std::time::Duration;
/// use jiff::Timestamp;
/// use pathfinder_scaling::{Memory, Observation, Policy, PolicyInput, Replicas, Rollout, Signal, decide};
///
/// let policy = Policy::parse(PolicyInput::default()).map_err(|errors| errors[0])?;
/// let observation = Observation {
///     requests_per_second: Signal::classify(590.0, Duration::from_secs(3), Duration::from_secs(15)),
///     replicas_ordered: Some(Replicas::new(2)),
///     replicas_ready: Some(Replicas::new(2)),
///     floor: Some(Replicas::new(2)),
///     rollout: Rollout::Settled,
/// };
/// let (decision, _memory) = decide(&policy, Memory::default(), &observation, Timestamp::UNIX_EPOCH);
/// assert_eq!(decision.floor, Replicas::new(6));
/// assert_eq!(decision.record.sentence(), "6 replicas: 590 requests/s need 6 at 100 per replica");
/// # Ok::<(), pathfinder_scaling::PolicyError>(())
/// ```
pub fn decide(policy: &Policy, mut memory: Memory, observation: &Observation, now: Timestamp) -> (Decision, Memory) {
    let time = memory.advance(policy, now);
    let signal = observation.requests_per_second;
    memory.sense(policy, &signal, time);
    let previous = memory.previous(policy, observation);
    let rollout = observation.rollout;
    let outcome = match signal {
        Signal::Fresh { value, .. } => {
            let need = demand::need(value, policy.per_replica());
            follow(
                policy,
                &memory,
                Start {
                    previous,
                    rollout,
                    need,
                },
                time,
            )
        }
        Signal::Stale { .. } | Signal::Missing { .. } | Signal::Invalid { .. } => {
            let since = memory.no_data_since.unwrap_or(time);
            let cause = Verdict::from(signal);
            hold(policy, previous, Reason::NoData { cause, since })
        }
    };
    memory.settle(policy, observation, outcome.result);
    let record = Record {
        at: now,
        signals: vec![SignalRow::requests_per_second(signal, outcome.reason)],
        limits: outcome.limits,
        result: outcome.result,
        previous,
        reason: outcome.reason,
    };
    (Decision::under(policy, observation, record), memory)
}

/// A result before it is recorded.
struct Outcome {
    result: Replicas,
    limits: Vec<Limit>,
    reason: Reason,
}

/// From where, in what state, and what present demand asks for.
#[derive(Clone, Copy)]
struct Start {
    previous: Replicas,
    rollout: Rollout,
    need: Need,
}

/// Nothing to decide by: the floor stays, but for the bounds, which are the user's own word.
fn hold(policy: &Policy, previous: Replicas, reason: Reason) -> Outcome {
    let mut limits = vec![Limit::Freshness];
    limits.extend(guard::bounds(policy, previous));
    let result = policy.clamp(previous);
    Outcome { result, limits, reason }
}

/// A fresh load: up at once, down through the guard.
fn follow(policy: &Policy, memory: &Memory, start: Start, now: Timestamp) -> Outcome {
    let Start {
        previous,
        rollout,
        need,
    } = start;
    let (from, to) = (policy.clamp(previous), policy.clamp(need.replicas));
    let (result, mut limits) = if to < from {
        guard::lower(policy, memory, Decrease { from, to, rollout }, now)
    } else {
        (to, Vec::new())
    };
    // A bound explains the result where the result lies on it because demand asks for what is beyond, or the floor was.
    let asked = [need.replicas, previous].into_iter();
    limits.extend(
        asked
            .filter(|asked| policy.clamp(*asked) == result)
            .find_map(|asked| guard::bounds(policy, asked)),
    );
    let reason = if result > to {
        Reason::Held(need)
    } else {
        Reason::Demand(need)
    };
    Outcome { result, limits, reason }
}
