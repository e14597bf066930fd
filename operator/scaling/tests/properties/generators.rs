//! Random policies, worlds and ticks: the likely ones that histories are made of, and arbitrary numbers.
//!
//! Knows no property.

use std::time::Duration;

use jiff::Timestamp;
use pathfinder_scaling::{
    Ceilings, Fallback, MissingReason, Mode, Movement, Observation, Policy, PolicyInput, Quantity, Replicas, Rollout,
    Signal, SignalRole, Suspects,
};
use proptest::{option, prelude::*};

use crate::history::{Step, fresh};

pub(crate) fn bad<Q: Quantity + std::fmt::Debug>() -> impl Strategy<Value = Signal<Q>> {
    prop_oneof![
        Just(Signal::Missing {
            reason: MissingReason::SourceUnreachable
        }),
        Just(Signal::Stale {
            age: Duration::from_mins(1)
        }),
        Just(fresh(f64::NAN)),
        Just(fresh(f64::INFINITY)),
        Just(fresh(-1.0)),
    ]
}

fn load() -> impl Strategy<Value = Signal> {
    prop_oneof![
        40 => (0.0..2000.0_f64).prop_map(fresh),
        20 => (0.0..300.0_f64).prop_map(fresh),
        1 => bad(),
    ]
}

fn world() -> impl Strategy<Value = Observation> {
    let latency = option::of(prop_oneof![8 => (0.0..2.0_f64).prop_map(fresh), 1 => bad()]);
    let rollout = prop_oneof![30 => Just(Rollout::Settled), 1 => Just(Rollout::InProgress)];
    let ceiling = || option::weighted(0.1, (1..28_u32).prop_map(Replicas::new));
    let ceilings = (ceiling(), ceiling()).prop_map(|(database_connections, quota)| Ceilings {
        database_connections,
        quota,
    });
    let postgres = option::weighted(0.1, (0.0..1.2_f64).prop_map(fresh));
    let crash_looping = option::weighted(0.1, (0..9_u32).prop_map(Replicas::new));
    (load(), latency, rollout, ceilings, postgres, crash_looping).prop_map(
        |(load, latency, rollout, ceilings, postgres, crash_looping)| Observation {
            latency,
            rollout,
            ceilings,
            suspects: Suspects {
                postgres,
                ..Suspects::default()
            },
            crash_looping,
            ..Observation::of(load)
        },
    )
}

pub(crate) fn step() -> impl Strategy<Value = Step> {
    let seconds = prop_oneof![60 => 1..10_i64, 1 => -900..900_i64];
    (world(), 5..12_u32, seconds).prop_map(|(world, ready_tenths, seconds)| Step {
        world,
        ready_tenths,
        seconds,
    })
}

fn movement() -> impl Strategy<Value = Movement> {
    prop_oneof![6 => Just(Movement::Allowed), 1 => Just(Movement::Paused)]
}

fn role() -> impl Strategy<Value = SignalRole> {
    prop_oneof![
        Just(SignalRole::Required),
        Just(SignalRole::Optional),
        Just(SignalRole::RaiseOnly),
    ]
}

pub(crate) fn input() -> impl Strategy<Value = PolicyInput> {
    let modes = prop_oneof![4 => Just(Mode::Auto), 1 => Just(Mode::Observe), 1 => Just(Mode::Paused)];
    let bounds = (1..8_u32, 0..20_u32, 1.0..500.0_f64);
    let cooldowns = (0..90_u64, 0..90_u64).prop_map(|(up, down)| (Duration::from_secs(up), Duration::from_secs(down)));
    let steps = (1..1000_u32, 1..=100_u32, 1..60_u32);
    let fallback = option::of((1..120_u64, 1..20_u32).prop_map(|(after, replicas)| Fallback {
        after: Duration::from_secs(after),
        replicas,
    }));
    let latency = (option::of((1..1000_u64).prop_map(Duration::from_millis)), role());
    (
        bounds,
        cooldowns,
        steps,
        fallback,
        latency,
        (movement(), movement(), modes),
    )
        .prop_map(
            |(bounds, cooldowns, steps, fallback, latency, (paused_up, paused_down, mode))| PolicyInput {
                min_replicas: bounds.0,
                max_replicas: bounds.0 + bounds.1,
                per_replica: bounds.2,
                scale_up_cooldown: cooldowns.0,
                scale_down_cooldown: Some(cooldowns.1),
                up_percent_max: steps.0,
                down_percent_max: steps.1,
                change_budget_per_hour: steps.2,
                fallback,
                latency_target: latency.0,
                latency_role: latency.1,
                paused_up,
                paused_down,
                mode,
                ..PolicyInput::default()
            },
        )
}

pub(crate) fn policy() -> impl Strategy<Value = Policy> {
    input().prop_map(|input| Policy::parse(input).unwrap())
}

pub(crate) fn any_time() -> impl Strategy<Value = Timestamp> {
    (Timestamp::MIN.as_second()..=Timestamp::MAX.as_second()).prop_map(|second| Timestamp::from_second(second).unwrap())
}

pub(crate) fn any_policy() -> impl Strategy<Value = PolicyInput> {
    let durations = (
        any::<Duration>(),
        any::<Duration>(),
        any::<Duration>(),
        any::<Duration>(),
    );
    let fallback = option::of((any::<Duration>(), any::<u32>()));
    let numbers = (any::<u32>(), any::<u32>(), any::<f64>(), any::<u32>(), any::<u32>());
    (numbers, durations, option::of(any::<Duration>()), fallback, input()).prop_map(
        |(numbers, durations, latency_target, fallback, input)| PolicyInput {
            min_replicas: numbers.0.min(numbers.1).max(1),
            max_replicas: numbers.1.max(1),
            per_replica: if numbers.2.is_finite() { numbers.2.abs() } else { 1.0 },
            up_percent_max: numbers.3,
            change_budget_per_hour: numbers.4,
            scale_down_cooldown: Some(durations.0),
            min_down_window: durations.1,
            max_sample_gap: durations.2,
            pod_start: durations.3,
            latency_target,
            fallback: fallback.map(|(after, replicas)| Fallback { after, replicas }),
            ..input
        },
    )
}

/// What the world says in arbitrary numbers.
pub(crate) fn any_world() -> impl Strategy<Value = Observation> {
    let count = || option::of(any::<u32>().prop_map(Replicas::new));
    let raw = (any::<f64>(), any::<f64>(), any::<f64>(), any::<Duration>());
    (
        raw,
        (count(), count(), count(), count(), count()),
        option::of(any::<Duration>()),
    )
        .prop_map(|((load, latency, saturation, age), counts, pod_start)| {
            let classify = |raw| Signal::classify(raw, age, Duration::MAX);
            Observation {
                latency: Some(Signal::classify(latency, age, Duration::MAX)),
                replicas_ordered: counts.0,
                replicas_ready: counts.1,
                floor: counts.2,
                crash_looping: counts.3,
                ceilings: Ceilings {
                    database_connections: counts.4,
                    quota: None,
                },
                suspects: Suspects {
                    redis: Some(Signal::classify(saturation, age, Duration::MAX)),
                    ..Suspects::default()
                },
                pod_start,
                ..Observation::of(classify(load))
            }
        })
}
