//! What holds of the function as such: total, deterministic, its memory bounded and kept, its record without doubles.

use pathfinder_scaling::{Decision, Limit, Memory, Observation, Policy, PolicyInput, SignalName, decide};
use proptest::{collection::vec, prelude::*};

use crate::{
    generators::{any_policy, any_time, any_world, policy, step},
    history::{History, Step, fresh},
    results::within_bounds,
};

/// Of a memory as JSON: 2016 five minutes of at most 17 characters (34 kB), 198 candidates of at most 90 (18 kB), 24 extremes
/// of 16 buckets and a value of at most 20 (10 kB), 32 peaks of at most 110 (4 kB), and the rest.
const MOST_BYTES: usize = 80_000;

#[test]
fn memory_does_not_grow_with_time() {
    let policy = Policy::parse(PolicyInput::default()).unwrap();
    let mut history = History::new(policy, Some(2));
    let mut bytes_after = |days: i64| {
        for tick in 0..days * 288 {
            let load = 1000.0 + (f64::from(i32::try_from(tick % 97).unwrap()) + 0.123_456_789).sqrt();
            history.live(Step {
                world: Observation::of(fresh(load)),
                ready_tenths: 10,
                seconds: 300,
            });
        }
        serde_json::to_string(&history.memory).unwrap().len()
    };
    // The week is full after the first week and a bit; a digit more or less is no growth.
    let (week, fortnight) = (bytes_after(8), bytes_after(14));
    assert!(week < MOST_BYTES, "{week} bytes");
    assert!(fortnight <= week + week / 50, "{week} bytes became {fortnight}");
}

proptest! {
    #[test]
    fn it_is_total_over_arbitrary_numbers_times_and_policies(
        input in any_policy(), ticks in vec((any_world(), any_time()), 1..40),
    ) {
        let Ok(policy) = Policy::parse(input) else { return Ok(()) };
        let mut memory = Memory::default();
        for (world, now) in ticks {
            let (decision, next) = decide(&policy, memory, &world, now);
            memory = next;
            prop_assert!(within_bounds(&policy, decision.floor) && within_bounds(&policy, decision.record.result));
            prop_assert!(!decision.record.sentence().is_empty());
            for limit in &decision.record.limits {
                prop_assert!(!limit.to_string().is_empty());
            }
            let json = serde_json::to_string(&decision).unwrap();
            prop_assert!(serde_json::from_str::<Decision>(&json).is_ok(), "{}", json);
            let json = serde_json::to_string(&memory).unwrap();
            prop_assert!(serde_json::from_str::<Memory>(&json).is_ok(), "{}", json);
        }
    }

    #[test]
    fn the_same_input_gives_the_same_output(policy in policy(), floor in 1..28_u32, steps in vec(step(), 1..60)) {
        let mut one = History::new(policy, Some(floor));
        let mut other = History::new(policy, Some(floor));
        for step in steps {
            prop_assert_eq!(one.live(step), other.live(step));
            prop_assert_eq!(&one.memory, &other.memory);
        }
    }

    #[test]
    fn a_memory_that_was_kept_and_read_again_decides_the_same(
        policy in policy(), floor in 1..28_u32, steps in vec(step(), 1..60), last in step(),
    ) {
        let mut one = History::lived(policy, floor, &steps);
        let mut other = History::lived(policy, floor, &steps);
        let json = serde_json::to_string(&other.memory).unwrap();
        other.memory = serde_json::from_str(&json).unwrap();
        // Not to the last bit: JSON as it is read here is exact to fifteen digits.
        prop_assert_eq!(one.live(last).record.result, other.live(last).record.result);
    }

    #[test]
    fn memory_stays_small(policy in policy(), steps in vec(step(), 1..400)) {
        let history = History::lived(policy, 2, &steps);
        let bytes = serde_json::to_string(&history.memory).unwrap().len();
        prop_assert!(bytes < MOST_BYTES, "{} bytes", bytes);
    }

    #[test]
    fn every_row_and_every_limit_stands_once(policy in policy(), steps in vec(step(), 1..60)) {
        let mut history = History::new(policy, Some(3));
        for step in steps {
            let record = history.live(step).record;
            let mut limits: Vec<&str> = record.limits.iter().map(|limit: &Limit| limit.name()).collect();
            let mut rows: Vec<&str> = record.signals.iter().map(|row| row.name.name()).collect();
            let (limit_count, row_count) = (limits.len(), rows.len());
            limits.sort_unstable();
            limits.dedup();
            rows.dedup();
            prop_assert_eq!((limits.len(), rows.len()), (limit_count, row_count), "{}", record);
            prop_assert_eq!(record.signals[0].name, SignalName::RequestsPerSecond);
        }
    }
}
