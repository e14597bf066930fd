//! What a result may be: bounds, ceilings, pauses and modes, monotone in each signal, and unmoved by what is not fresh.
//!
//! Memory and totality are in `memory`, what a decrease needs in `decreases`.

use pathfinder_scaling::{Applies, Ceilings, Effect, Movement, Observation, Policy, PolicyInput, Replicas};
use proptest::{collection::vec, prelude::*};

use crate::{
    generators::{bad, input, policy, step},
    history::{History, Step, fresh, with_load},
};

/// The fewest replicas that serve `load`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few replicas in a test"
)]
pub(crate) fn demanded(load: f64, per_replica: f64) -> u32 {
    (load / per_replica * (1.0 - 1e-5)).ceil() as u32
}

pub(crate) fn within_bounds(policy: &Policy, replicas: Replicas) -> bool {
    policy.clamp(replicas) == replicas
}

proptest! {
    #[test]
    fn the_bounds_are_always_kept(policy in policy(), floor in any::<Option<u32>>(), steps in vec(step(), 1..100)) {
        let mut history = History::new(policy, floor);
        for step in steps {
            let decision = history.live(step);
            prop_assert!(within_bounds(&policy, decision.floor), "{}", decision.record);
            prop_assert!(within_bounds(&policy, decision.record.result), "{}", decision.record);
        }
    }

    #[test]
    fn no_load_that_is_not_fresh_ever_lowers(
        policy in policy(), floor in 1..28_u32, steps in vec(step(), 0..100), silent in vec((step(), bad()), 1..20),
    ) {
        let mut history = History::lived(policy, floor, &steps);
        for (step, signal) in silent {
            let decision = history.live(with_load(step, signal));
            prop_assert!(decision.record.result >= policy.clamp(decision.record.previous), "{}", decision.record);
        }
    }

    #[test]
    fn without_a_fallback_no_load_that_is_not_fresh_moves_anything(
        input in input(), floor in 1..28_u32, steps in vec(step(), 0..100), last in step(), signal in bad(),
    ) {
        let policy = Policy::parse(PolicyInput { fallback: None, ..input }).unwrap();
        let decision = History::lived(policy, floor, &steps).live(with_load(last, signal));
        prop_assert_eq!(decision.record.result, policy.clamp(decision.record.previous), "{}", decision.record);
    }

    #[test]
    fn more_load_never_gives_fewer_replicas(
        policy in policy(), floor in 1..28_u32, steps in vec(step(), 0..100), last in step(),
        one in 0.0..4000.0_f64, other in 0.0..4000.0_f64,
    ) {
        let decided = |load: f64| {
            let mut history = History::lived(policy, floor, &steps);
            history.live(with_load(last, fresh(load))).record.result
        };
        prop_assert!(decided(one.min(other)) <= decided(one.max(other)));
    }

    #[test]
    fn higher_latency_never_gives_fewer_replicas(
        policy in policy(), floor in 1..28_u32, steps in vec(step(), 0..100), last in step(),
        one in 0.0..3.0_f64, other in 0.0..3.0_f64,
    ) {
        let decided = |latency: f64| {
            let mut history = History::lived(policy, floor, &steps);
            let world = Observation { latency: Some(fresh(latency)), ..last.world };
            history.live(Step { world, ..last }).record.result
        };
        prop_assert!(decided(one.min(other)) <= decided(one.max(other)));
    }

    #[test]
    fn what_the_load_asks_for_is_refused_only_by_bounds_ceilings_a_pause_and_the_step(
        policy in policy(), floor in 1..28_u32, steps in vec(step(), 0..100), last in step(), load in 0.0..4000.0_f64,
    ) {
        let decision = History::lived(policy, floor, &steps).live(with_load(last, fresh(load)));
        let asked = decision.record.signals[0].asked.unwrap();
        let refused = decision.record.limits.iter().any(|limit| limit.effect() == Effect::Ceiling);
        prop_assert!(refused || decision.record.result >= policy.clamp(asked), "{}", decision.record);
        // What is asked for is at least what the present load needs, at the most that a replica may be found to serve.
        prop_assert!(asked.get() >= demanded(load, policy.capacity_bounds().1.get()), "{}", decision.record);
    }

    #[test]
    fn an_increase_never_passes_a_ceiling(
        policy in policy(), floor in 1..28_u32, steps in vec(step(), 0..100), last in step(), ceiling in 1..28_u32,
    ) {
        let world = Observation {
            ceilings: Ceilings { quota: Some(Replicas::new(ceiling)), ..last.world.ceilings },
            ..last.world
        };
        let record = History::lived(policy, floor, &steps).live(Step { world, ..last }).record;
        let stood = policy.clamp(record.previous);
        prop_assert!(record.result <= stood.max(Replicas::new(ceiling)), "{}", record);
    }

    #[test]
    fn a_paused_direction_moves_for_no_signal(
        input in input(), floor in 1..28_u32, steps in vec(step(), 1..100),
    ) {
        let paused = PolicyInput { paused_up: Movement::Paused, paused_down: Movement::Paused, ..input };
        let policy = Policy::parse(paused).unwrap();
        let mut history = History::new(policy, Some(floor));
        for step in steps {
            let record = history.live(step).record;
            prop_assert_eq!(record.result, policy.clamp(record.previous), "{}", record);
        }
    }

    #[test]
    fn nothing_is_written_by_signals_in_a_mode_that_only_explains(
        policy in policy(), floor in 1..28_u32, steps in vec(step(), 1..60),
    ) {
        let mut history = History::new(policy, Some(floor));
        let mut kept = None;
        for step in steps {
            let decision = history.live(step);
            if decision.applies == Applies::OnlyExplain {
                prop_assert_eq!(*kept.get_or_insert(decision.floor), decision.floor);
            }
        }
    }
}
