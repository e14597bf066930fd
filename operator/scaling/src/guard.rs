//! Between what the laws ask for and what is ordered: bounds, ceilings, steps, and the gates that a decrease has to pass.
//!
//! An increase passes no gate, only limits: the direction's pause, the ceilings, the largest step. A decrease passes all
//! gates or none: each that is shut leaves its [`Limit`] behind. Knows no words.

use crate::demand::{self, Demand};
use crate::latency::HIGH_UTILISATION;
use crate::memory::Memory;
use crate::observation::Rollout;
use crate::policy::{Movement, Policy, SignalRole};
use crate::record::{Direction, Limit, Limits, SignalName};
use crate::situation::{self, Situation};
use crate::span;
use crate::units::{Replicas, RequestsPerSecond};

/// The load's rise that a decrease must survive without being taken back: a tenth.
const HYSTERESIS: f64 = 1.1;

/// The part of the latency target above which nothing is taken away.
const LATENCY_ROOM: f64 = 0.8;

/// The bounds that `asked` is beyond.
pub(crate) fn bounds(policy: &Policy, asked: Replicas) -> Option<Limit> {
    let (min, max) = (policy.min_replicas(), policy.max_replicas());
    if asked > max {
        Some(Limit::MaxReplicas { replicas: max })
    } else if asked < min {
        Some(Limit::MinReplicas { replicas: min })
    } else {
        None
    }
}

/// A number not to pass, where there is one, and the limit that it is.
type Top = (Option<Replicas>, fn(Replicas) -> Limit);

/// How far up it may go now towards `to`, and what keeps it from going all the way.
pub(crate) fn raise(situation: &Situation<'_>, to: Replicas, limits: &mut Limits) -> Replicas {
    if situation.policy.up() == Movement::Paused {
        push(
            limits,
            Limit::Paused {
                direction: Direction::Up,
            },
        );
        return situation.from;
    }
    let ceilings = situation.observation.ceilings;
    let base = situation.base();
    let step = part(base, situation.policy.up_percent_max());
    let tops: [Top; 3] = [
        (ceilings.database_connections, |replicas| Limit::DatabaseConnections {
            replicas,
        }),
        (ceilings.quota, |replicas| Limit::Quota { replicas }),
        (Some(base.plus(step)), |replicas| Limit::StepUp { replicas }),
    ];
    let mut result = to;
    for (top, limit) in tops.into_iter().filter_map(|(top, limit)| Some((top?, limit))) {
        // A ceiling never takes away what is there.
        let most = top.max(situation.from);
        if most < to {
            push(limits, limit(top));
            result = result.min(most);
        }
    }
    result
}

/// How far down it may go now towards `to`, and what keeps it from going all the way.
pub(crate) fn lower(
    situation: &Situation<'_>,
    memory: &Memory,
    demand: &Demand,
    to: Replicas,
    limits: &mut Limits,
) -> Replicas {
    let gates = [
        paused(situation),
        rollout(situation),
        required(situation),
        cooldown(situation, memory),
        full_window(situation, memory),
        spacing(situation, memory),
        budget(situation, memory),
        hysteresis(situation, demand),
    ];
    let before = limits.len();
    gates.into_iter().flatten().for_each(|limit| push(limits, limit));
    let step = part(situation.from, situation.policy.down_percent_max());
    let result = to.max(situation.from.minus(step));
    if let Some(limit) = breach(situation, demand.load, result) {
        push(limits, limit);
    }
    if limits.len() > before {
        return situation.from;
    }
    if result > to {
        let next = span::after(situation.clock.now, situation.policy.down_window());
        push(limits, step_down(situation, next));
    }
    result
}

/// Adds a limit. There is room for one of each kind, and each is added once.
pub(crate) fn push(limits: &mut Limits, limit: Limit) {
    // Losing the explanation is better than losing the decision.
    let _full = limits.try_push(limit);
}

/// `percent` of `whole`, at least one.
fn part(whole: Replicas, percent: u32) -> u32 {
    let part = u64::from(whole.get()) * u64::from(percent) / 100;
    u32::try_from(part).unwrap_or(u32::MAX).max(1)
}

fn paused(situation: &Situation<'_>) -> Option<Limit> {
    let direction = Direction::Down;
    (situation.policy.down() == Movement::Paused).then_some(Limit::Paused { direction })
}

fn rollout(situation: &Situation<'_>) -> Option<Limit> {
    match situation.observation.rollout {
        Rollout::InProgress => Some(Limit::Rollout),
        Rollout::Settled => None,
    }
}

fn required(situation: &Situation<'_>) -> Option<Limit> {
    match situation.policy.latency_role() {
        SignalRole::Required if situation.policy.latency_target().is_some() && situation.latency().is_none() => {
            Some(Limit::SignalRequired {
                signal: SignalName::Latency,
            })
        }
        SignalRole::Required | SignalRole::Optional | SignalRole::RaiseOnly => None,
    }
}

fn cooldown(situation: &Situation<'_>, memory: &Memory) -> Option<Limit> {
    let cooldown = situation.policy.scale_down_cooldown();
    let routine = memory
        .last_routine_increase
        .zip(cooldown)
        .map(|(at, cooldown)| span::after(at, cooldown));
    // Nobody knows when the last increase before the beginning was: it may have been a moment before.
    let beginning = memory.began.map(|at| span::after(at, situation.policy.longest_hold()));
    let until = routine.max(beginning)?;
    (situation.clock.now < until).then(|| Limit::ScaleDownCooldown {
        until: situation.clock.shown(until),
    })
}

fn full_window(situation: &Situation<'_>, memory: &Memory) -> Option<Limit> {
    let (now, length) = (situation.clock.now, situation.policy.down_window());
    let until = memory.window.full_at(length).unwrap_or(span::after(now, length));
    (now < until).then(|| Limit::WindowNotFull {
        until: situation.clock.shown(until),
    })
}

/// One window lies between two decreases, so that the effect of one is seen before the next.
fn spacing(situation: &Situation<'_>, memory: &Memory) -> Option<Limit> {
    let next = span::after(memory.last_decrease?, situation.policy.down_window());
    (situation.clock.now < next).then(|| step_down(situation, next))
}

fn step_down(situation: &Situation<'_>, next: jiff::Timestamp) -> Limit {
    Limit::StepDown {
        until: situation.clock.shown(next),
    }
}

fn budget(situation: &Situation<'_>, memory: &Memory) -> Option<Limit> {
    let budget = situation.policy.change_budget_per_hour();
    let until = memory.changes.room_at(budget, situation.clock.now)?;
    Some(Limit::ChangeBudget {
        until: situation.clock.shown(until),
    })
}

/// Fewer only where they would still be enough at a tenth more load.
fn hysteresis(situation: &Situation<'_>, demand: &Demand) -> Option<Limit> {
    let more = RequestsPerSecond::saturating(demand.prepared.load.get() * HYSTERESIS);
    let replicas = situation.policy.clamp(demand::replicas(more, situation.capacity));
    (replicas >= situation.from).then_some(Limit::Hysteresis { replicas })
}

/// Whether `to` would breach the target at once: by what they serve, or by how near to it latency is already.
fn breach(situation: &Situation<'_>, load: RequestsPerSecond, to: Replicas) -> Option<Limit> {
    let after = situation::utilisation(load, to, situation.capacity);
    let near = situation
        .latency()
        .is_some_and(|(latency, target)| latency.get() > LATENCY_ROOM * target.get());
    let near_matters = match situation.policy.latency_role() {
        SignalRole::Required | SignalRole::Optional => true,
        SignalRole::RaiseOnly => after >= HIGH_UTILISATION,
    };
    // The noise of a sum of floats is no breach; the demand law rounds by the same rule.
    let too_few = demand::replicas(load, situation.capacity) > to && after > 1.0;
    (too_few || (near && near_matters)).then_some(Limit::WouldBreach { replicas: to })
}

#[cfg(test)]
mod tests;
