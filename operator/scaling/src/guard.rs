//! Between what the demand law asks for and what is ordered: bounds, and the gates that a decrease has to pass.
//!
//! An increase that present demand asks for passes no gate. A decrease passes all: no rollout, the cooldown since the last
//! increase over, a full window of fresh samples; and it goes no lower than the largest load of that window needs.
//! Every gate that is closed leaves its [`Limit`] behind. Knows no signal and no words.

use jiff::Timestamp;

use crate::demand;
use crate::memory::Memory;
use crate::observation::Rollout;
use crate::policy::Policy;
use crate::record::Limit;
use crate::span;
use crate::units::Replicas;

/// The bounds that `asked` is beyond.
pub(crate) fn bounds(policy: &Policy, asked: Replicas) -> Option<Limit> {
    if asked > policy.max_replicas() {
        Some(Limit::MaxReplicas {
            replicas: policy.max_replicas(),
        })
    } else if asked < policy.min_replicas() {
        Some(Limit::MinReplicas {
            replicas: policy.min_replicas(),
        })
    } else {
        None
    }
}

/// A decrease that is asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Decrease {
    /// The floor now, within the bounds.
    pub(crate) from: Replicas,
    /// What present demand asks for, within the bounds, and fewer than `from`.
    pub(crate) to: Replicas,
    /// Whether a rollout is in progress.
    pub(crate) rollout: Rollout,
}

/// How far down it may go now, and the limits that kept it from going all the way.
pub(crate) fn lower(policy: &Policy, memory: &Memory, decrease: Decrease, now: Timestamp) -> (Replicas, Vec<Limit>) {
    let gates = [
        rollout(decrease.rollout),
        cooldown(policy, memory, now),
        full_window(policy, memory, now),
    ];
    let peak = peak(policy, memory, decrease);
    let shut = gates.iter().any(Option::is_some);
    let result = match peak {
        _ if shut => decrease.from,
        Some((needed, _)) => needed.min(decrease.from),
        None => decrease.to,
    };
    let limits = gates
        .into_iter()
        .chain([peak.map(|(_, limit)| limit)])
        .flatten()
        .collect();
    (result, limits)
}

fn rollout(rollout: Rollout) -> Option<Limit> {
    match rollout {
        Rollout::InProgress => Some(Limit::Rollout),
        Rollout::Settled => None,
    }
}

fn cooldown(policy: &Policy, memory: &Memory, now: Timestamp) -> Option<Limit> {
    let until = span::after(memory.last_increase?, policy.scale_down_cooldown());
    (now < until).then_some(Limit::ScaleDownCooldown { until })
}

fn full_window(policy: &Policy, memory: &Memory, now: Timestamp) -> Option<Limit> {
    let length = policy.down_window();
    let until = memory.window.full_at(length).unwrap_or(span::after(now, length));
    (now < until).then_some(Limit::WindowNotFull { until })
}

/// What the largest load of the window needs, where that is more than present demand.
fn peak(policy: &Policy, memory: &Memory, decrease: Decrease) -> Option<(Replicas, Limit)> {
    let needed = |load| policy.clamp(demand::replicas(load, policy.per_replica()));
    let replicas = needed(memory.window.max()?).min(decrease.from);
    let until = memory
        .window
        .free_at(policy.down_window(), |load| needed(load) >= replicas)?;
    (replicas > decrease.to).then_some((replicas, Limit::RecentDemand { replicas, until }))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rstest::rstest;

    use super::*;
    use crate::policy::PolicyInput;
    use crate::signal::Signal;

    const TICK_SECONDS: usize = 5;

    fn policy() -> Policy {
        Policy::parse(PolicyInput {
            scale_down_cooldown: Duration::from_mins(1),
            ..PolicyInput::default()
        })
        .unwrap()
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    /// A memory that sensed `loads`, one per tick from 0 on, and made its last increase at `increase`.
    fn memory(loads: impl IntoIterator<Item = f64>, increase: Option<i64>) -> Memory {
        let mut memory = Memory::default();
        for (second, load) in (0..).step_by(TICK_SECONDS).zip(loads) {
            memory.sense(
                &policy(),
                &Signal::classify(load, Duration::ZERO, Duration::ZERO),
                at(second),
            );
        }
        memory.last_increase = increase.map(at);
        memory
    }

    fn six_to_two(rollout: Rollout) -> Decrease {
        let (from, to) = (Replicas::new(6), Replicas::new(2));
        Decrease { from, to, rollout }
    }

    fn names(limits: &[Limit]) -> Vec<&'static str> {
        limits.iter().map(|limit| limit.name()).collect()
    }

    #[test]
    fn all_gates_open_lets_it_go_all_the_way() {
        let memory = memory([50.0; 13], Some(0));
        let (result, limits) = lower(&policy(), &memory, six_to_two(Rollout::Settled), at(60));
        assert_eq!((result, names(&limits)), (Replicas::new(2), vec![]));
    }

    #[rstest]
    #[case::rollout(memory([50.0; 13], None), Rollout::InProgress, "Rollout")]
    #[case::cooldown(memory([50.0; 13], Some(1)), Rollout::Settled, "ScaleDownCooldown")]
    #[case::window(memory([50.0; 12], None), Rollout::Settled, "WindowNotFull")]
    fn one_shut_gate_holds_everything(#[case] memory: Memory, #[case] rollout: Rollout, #[case] limit: &str) {
        let now = memory.window.last().unwrap();
        let (result, limits) = lower(&policy(), &memory, six_to_two(rollout), now);
        assert_eq!((result, names(&limits)), (Replicas::new(6), vec![limit]));
    }

    #[test]
    fn it_goes_no_lower_than_the_peak_of_the_window_needs() {
        let peak_at_20 = [50.0, 50.0, 50.0, 50.0, 390.0].into_iter().chain([50.0; 10]);
        let (result, limits) = lower(
            &policy(),
            &memory(peak_at_20, None),
            six_to_two(Rollout::Settled),
            at(70),
        );
        assert_eq!(result, Replicas::new(4));
        let until = at(20 + 60);
        assert_eq!(
            limits,
            [Limit::RecentDemand {
                replicas: result,
                until
            }]
        );
    }

    #[test]
    fn every_shut_gate_is_named() {
        let memory = memory([590.0, 50.0], Some(0));
        let (_, limits) = lower(&policy(), &memory, six_to_two(Rollout::InProgress), at(5));
        assert_eq!(
            names(&limits),
            ["Rollout", "ScaleDownCooldown", "WindowNotFull", "RecentDemand"]
        );
    }

    #[rstest]
    #[case(1, Some("MinReplicas"))]
    #[case(2, None)]
    #[case(10, None)]
    #[case(11, Some("MaxReplicas"))]
    fn a_bound_is_named_when_it_is_passed(#[case] asked: u32, #[case] limit: Option<&str>) {
        assert_eq!(bounds(&policy(), Replicas::new(asked)).map(Limit::name), limit);
    }
}
