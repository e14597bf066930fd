//! A decision allocates nothing once the tables of the learning are there, whatever the laws do: counted by an allocator, not argued.
//!
//! A test binary of its own, because the counting allocator is the whole program's.

#![expect(
    clippy::unwrap_used,
    reason = "the fixtures of a test may panic like the test itself"
)]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pathfinder_scaling::{Fallback, Memory, MissingReason, Observation, Policy, PolicyInput, Replicas, Signal, decide};

const TICKS: u32 = 1000;

fn policy() -> Policy {
    Policy::parse(PolicyInput {
        max_replicas: 40,
        latency_target: Some(Duration::from_millis(500)),
        scale_down_cooldown: Some(Duration::from_mins(1)),
        fallback: Some(Fallback {
            after: Duration::from_secs(20),
            replicas: 6,
        }),
        ..PolicyInput::default()
    })
    .unwrap()
}

/// The learning allocates its tables at the first sample, and the season's week when its first five minutes are over.
const WARM_UP_TICKS: u32 = 200;

/// Allocations of a thousand ticks after the warm-up, under a load and a latency that depend on the tick, and how often the floor moved.
fn allocations(world: impl Fn(u32) -> (Signal, f64)) -> (u64, u32) {
    let policy = policy();
    let mut memory = Memory::default();
    let mut floor = Replicas::new(6);
    let mut now = Timestamp::UNIX_EPOCH;
    let mut moves = 0;
    let mut live = |ticks: std::ops::Range<u32>| {
        for tick in ticks {
            let (load, latency) = world(tick);
            let observation = Observation {
                latency: Some(Signal::classify(latency, Duration::ZERO, Duration::ZERO)),
                replicas_ordered: Some(floor),
                replicas_ready: Some(floor),
                floor: Some(floor),
                ..Observation::of(load)
            };
            now += SignedDuration::from_secs(5);
            let (decision, next) = decide(&policy, std::mem::take(&mut memory), &observation, now);
            moves += u32::from(decision.floor != floor);
            (memory, floor) = (next, decision.floor);
        }
    };
    live(0..WARM_UP_TICKS);
    let counted = allocation_counter::measure(|| live(WARM_UP_TICKS..WARM_UP_TICKS + TICKS));
    (counted.count_total, moves)
}

fn load(raw: f64) -> Signal {
    Signal::classify(raw, Duration::from_secs(3), Duration::from_secs(15))
}

#[test]
fn the_counter_counts() {
    let counted = allocation_counter::measure(|| drop(std::hint::black_box(vec![1, 2, 3])));
    assert_eq!(counted.count_total, 1);
}

#[test]
fn a_thousand_ticks_of_a_steady_load_allocate_nothing() {
    let (count, _) = allocations(|tick| (load(500.0 + f64::from(tick % 7)), 0.1));
    assert_eq!(count, 0);
}

#[test]
fn a_thousand_ticks_of_bursts_silence_and_bad_latency_allocate_nothing_either() {
    let (count, moves) = allocations(|tick| match tick % 100 {
        0..30 => (load(300.0), 0.1),
        30..60 => (load(2000.0 - f64::from(tick % 100)), 0.9),
        60..70 => (
            Signal::Missing {
                reason: MissingReason::TargetDown,
            },
            f64::NAN,
        ),
        _ => (load(50.0), 0.7),
    });
    assert!(moves > 20, "{moves}");
    assert_eq!(count, 0);
}
