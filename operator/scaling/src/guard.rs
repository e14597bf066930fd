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
mod tests {
    use std::time::Duration;

    use jiff::Timestamp;
    use rstest::rstest;

    use super::*;
    use crate::clock::Clock;
    use crate::learning::Prepared;
    use crate::observation::{Ceilings, Observation};
    use crate::policy::PolicyInput;
    use crate::signal::Signal;
    use crate::units::Seconds;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn rate(raw: f64) -> RequestsPerSecond {
        RequestsPerSecond::new(raw).unwrap()
    }

    fn input() -> PolicyInput {
        PolicyInput {
            scale_down_cooldown: Some(Duration::from_mins(1)),
            latency_target: Some(Duration::from_millis(500)),
            ..PolicyInput::default()
        }
    }

    /// A memory that saw fresh samples every 5 s from second 0 to 60, the time of every decision here.
    fn memory() -> Memory {
        let mut memory = Memory::default();
        for second in (0..=60).step_by(5) {
            memory.window.take(Duration::from_secs(15), at(second));
        }
        memory
    }

    fn names(limits: &Limits) -> Vec<&'static str> {
        limits.iter().map(|limit| limit.name()).collect()
    }

    /// From six down to two at a load of 100 without a margin, with everything open.
    struct Fall {
        input: PolicyInput,
        world: Observation,
        memory: Memory,
        load: f64,
    }

    impl Fall {
        fn new() -> Self {
            Self {
                input: PolicyInput {
                    down_percent_max: 100,
                    ..input()
                },
                world: Observation::default(),
                memory: memory(),
                load: 100.0,
            }
        }

        fn lower(&self) -> (u32, Vec<&'static str>) {
            let policy = Policy::parse(self.input).unwrap();
            let situation = Situation {
                policy: &policy,
                observation: &self.world,
                clock: Clock::starting(at(60)),
                from: Replicas::new(6),
                capacity: rate(100.0),
            };
            let prepared = Prepared {
                load: rate(self.load),
                margin: 1.0,
                hold: Duration::ZERO,
            };
            let demand = demand::demand(&situation, rate(self.load), prepared);
            let mut limits = Limits::new();
            let to = policy.clamp(demand.need.replicas);
            let result = lower(&situation, &self.memory, &demand, to, &mut limits);
            (result.get(), names(&limits))
        }
    }

    #[test]
    fn all_gates_open_lets_it_go_all_the_way() {
        assert_eq!(Fall::new().lower(), (2, vec![]));
    }

    fn with_latency(fall: &mut Fall, seconds: f64) {
        fall.world.latency = Some(Signal::Fresh {
            value: Seconds::new(seconds).unwrap(),
            age: Duration::ZERO,
        });
    }

    type Change = fn(&mut Fall);

    const SHUT: [(Change, &str); 9] = [
        (|fall| fall.input.paused_down = Movement::Paused, "Paused"),
        (|fall| fall.world.rollout = Rollout::InProgress, "Rollout"),
        (|fall| fall.input.latency_role = SignalRole::Required, "SignalRequired"),
        (
            |fall| fall.memory.last_routine_increase = Some(at(1)),
            "ScaleDownCooldown",
        ),
        (|fall| fall.memory.window.forget(), "WindowNotFull"),
        (|fall| fall.memory.last_decrease = Some(at(31)), "StepDown"),
        (
            |fall| {
                fall.input.change_budget_per_hour = 1;
                fall.memory.changes.count(at(10));
            },
            "ChangeBudget",
        ),
        // 460 need 5, and 506 need 6 again.
        (|fall| fall.load = 460.0, "Hysteresis"),
        // 170 of the 200 that two serve, at 82 % of the target.
        (
            |fall| {
                fall.load = 170.0;
                with_latency(fall, 0.41);
            },
            "WouldBreach",
        ),
    ];

    #[test]
    fn one_shut_gate_holds_everything_and_is_named() {
        for (change, name) in SHUT {
            let mut fall = Fall::new();
            change(&mut fall);
            assert_eq!(fall.lower(), (6, vec![name]));
        }
    }

    const OPEN: [Change; 6] = [
        |fall| fall.memory.last_routine_increase = Some(at(0)),
        |fall| fall.memory.last_decrease = Some(at(30)),
        |fall| fall.memory.changes.count(at(10)),
        // 100 of the 200 that two serve: latency is not theirs.
        |fall| with_latency(fall, 0.49),
        |fall| {
            fall.input.latency_role = SignalRole::Required;
            with_latency(fall, 0.4);
        },
        |fall| fall.input.paused_up = Movement::Paused,
    ];

    #[test]
    fn what_is_just_far_enough_away_holds_nothing() {
        for change in OPEN {
            let mut fall = Fall::new();
            change(&mut fall);
            assert_eq!(fall.lower(), (2, vec![]));
        }
    }

    #[test]
    fn every_shut_gate_is_named() {
        let mut fall = Fall::new();
        fall.world.rollout = Rollout::InProgress;
        fall.memory.last_routine_increase = Some(at(50));
        fall.memory.window.forget();
        assert_eq!(fall.lower(), (6, vec!["Rollout", "ScaleDownCooldown", "WindowNotFull"]));
    }

    #[rstest]
    #[case::half(50, (3, vec!["StepDown"]))]
    #[case::a_third_rounded_down(34, (4, vec!["StepDown"]))]
    #[case::at_least_one(1, (5, vec!["StepDown"]))]
    fn one_step_down_is_no_larger_than_its_percent(#[case] percent: u32, #[case] lowered: (u32, Vec<&'static str>)) {
        let mut fall = Fall::new();
        fall.input.down_percent_max = percent;
        assert_eq!(fall.lower(), lowered);
    }

    /// From four up to nine under a policy, where six are ordered by somebody and so many are allowed.
    fn raised(input: PolicyInput, connections: Option<u32>, quota: Option<u32>) -> (u32, Vec<&'static str>) {
        let policy = Policy::parse(input).unwrap();
        let observation = Observation {
            replicas_ordered: Some(Replicas::new(6)),
            ceilings: Ceilings {
                database_connections: connections.map(Replicas::new),
                quota: quota.map(Replicas::new),
            },
            ..Observation::default()
        };
        let situation = Situation {
            policy: &policy,
            observation: &observation,
            clock: Clock::starting(at(60)),
            from: Replicas::new(4),
            capacity: rate(100.0),
        };
        let mut limits = Limits::new();
        let result = raise(&situation, Replicas::new(9), &mut limits);
        (result.get(), names(&limits))
    }

    fn stepping(up_percent_max: u32) -> PolicyInput {
        PolicyInput {
            up_percent_max,
            ..input()
        }
    }

    #[rstest]
    #[case::free(stepping(900), None, None, (9, vec![]))]
    #[case::connections(stepping(900), Some(7), None, (7, vec!["DatabaseConnections"]))]
    #[case::both(stepping(900), Some(8), Some(7), (7, vec!["DatabaseConnections", "Quota"]))]
    #[case::below_what_stands(stepping(900), None, Some(1), (4, vec!["Quota"]))]
    #[case::above_what_is_asked(stepping(900), Some(9), Some(20), (9, vec![]))]
    // A third of the six that are ordered is two.
    #[case::a_step(stepping(34), None, None, (8, vec!["StepUp"]))]
    #[case::at_least_one(stepping(1), None, None, (7, vec!["StepUp"]))]
    fn an_increase_goes_as_far_as_nothing_is_in_the_way(
        #[case] input: PolicyInput,
        #[case] connections: Option<u32>,
        #[case] quota: Option<u32>,
        #[case] expected: (u32, Vec<&'static str>),
    ) {
        assert_eq!(raised(input, connections, quota), expected);
    }

    #[rstest]
    #[case(1, Some("MinReplicas"))]
    #[case(2, None)]
    #[case(10, None)]
    #[case(11, Some("MaxReplicas"))]
    fn a_bound_is_named_when_it_is_passed(#[case] asked: u32, #[case] limit: Option<&str>) {
        let policy = Policy::parse(input()).unwrap();
        assert_eq!(bounds(&policy, Replicas::new(asked)).map(Limit::name), limit);
    }
}
