//! What holds for every history, not only for the stories that somebody thought of.
//!
//! Histories are random: loads, latencies, silences, bad samples, rollouts, crashing pods, ceilings, clocks that jump either
//! way. Each property is one that a person relies on; the last one replays a history against a plain list of what was seen.

#![expect(
    clippy::unwrap_used,
    reason = "the fixtures of a test may panic like the test itself"
)]

use std::time::Duration;

use jiff::Timestamp;
use pathfinder_scaling::{
    Applies, Ceilings, Decision, Effect, Fallback, Limit, Memory, MissingReason, Mode, Movement, Observation, Policy,
    PolicyInput, Quantity, Replicas, RequestsPerSecond, Rollout, Signal, SignalName, SignalRole, Suspects, decide,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const SAMPLE_GAP_SECONDS: i64 = 15;

/// One tick of a history.
#[derive(Clone, Copy, Debug)]
struct Step {
    world: Observation,
    /// Replicas that are ready, of ten that are ordered; more than ten where a rollout surges.
    ready_tenths: u32,
    seconds: i64,
}

fn fresh<Q: Quantity>(raw: f64) -> Signal<Q> {
    Signal::classify(raw, Duration::ZERO, Duration::ZERO)
}

fn bad<Q: Quantity + std::fmt::Debug>() -> impl Strategy<Value = Signal<Q>> {
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

fn step() -> impl Strategy<Value = Step> {
    let seconds = prop_oneof![60 => 1..10_i64, 1 => -900..900_i64];
    (world(), 5..12_u32, seconds).prop_map(|(world, ready_tenths, seconds)| Step {
        world,
        ready_tenths,
        seconds,
    })
}

/// The same tick with another load.
fn with_load(step: Step, requests_per_second: Signal) -> Step {
    let world = Observation {
        requests_per_second,
        ..step.world
    };
    Step { world, ..step }
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

fn input() -> impl Strategy<Value = PolicyInput> {
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

fn policy() -> impl Strategy<Value = Policy> {
    input().prop_map(|input| Policy::parse(input).unwrap())
}

/// A history that is being lived through: what was decided is what is found at the next tick.
struct History {
    policy: Policy,
    memory: Memory,
    floor: Option<Replicas>,
    now: Timestamp,
}

impl History {
    fn new(policy: Policy, floor: Option<u32>) -> Self {
        Self {
            policy,
            memory: Memory::default(),
            floor: floor.map(Replicas::new),
            now: Timestamp::UNIX_EPOCH,
        }
    }

    fn observed(&self, step: Step) -> Observation {
        let ready = |ordered: Replicas| Replicas::new(ordered.get().saturating_mul(step.ready_tenths) / 10);
        Observation {
            replicas_ordered: self.floor,
            replicas_ready: self.floor.map(ready),
            floor: self.floor,
            ..step.world
        }
    }

    fn live(&mut self, step: Step) -> Decision {
        self.now = Timestamp::from_second(self.now.as_second() + step.seconds).unwrap();
        let observation = self.observed(step);
        let (decision, memory) = decide(&self.policy, std::mem::take(&mut self.memory), &observation, self.now);
        self.memory = memory;
        self.floor = Some(decision.floor);
        decision
    }

    fn lived(policy: Policy, floor: u32, steps: &[Step]) -> Self {
        let mut history = Self::new(policy, Some(floor));
        for step in steps {
            history.live(*step);
        }
        history
    }
}

fn within_bounds(policy: &Policy, replicas: Replicas) -> bool {
    policy.clamp(replicas) == replicas
}

fn any_time() -> impl Strategy<Value = Timestamp> {
    (Timestamp::MIN.as_second()..=Timestamp::MAX.as_second()).prop_map(|second| Timestamp::from_second(second).unwrap())
}

fn any_policy() -> impl Strategy<Value = PolicyInput> {
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
fn any_world() -> impl Strategy<Value = Observation> {
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
    fn an_empty_memory_lowers_nothing_before_one_full_window(
        policy in policy(), floor in 1..28_u32, steps in vec(step(), 1..100), seconds in 1..10_i64,
    ) {
        let floor = policy.clamp(Replicas::new(floor));
        let mut history = History::new(policy, Some(floor.get()));
        let window = i64::try_from(policy.down_window().as_secs()).unwrap();
        for (tick, step) in (0_i64..).zip(steps).take_while(|(tick, _)| tick * seconds < window) {
            let decision = history.live(Step { seconds, ..step });
            prop_assert!(decision.record.result >= floor, "at tick {}: {}", tick, decision.record);
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

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a few replicas in a test"
)]
fn demanded(load: f64, per_replica: f64) -> u32 {
    (load / per_replica * (1.0 - 1e-5)).ceil() as u32
}

/// Everything that was seen, kept plainly.
#[derive(Default)]
struct Ledger {
    seen: Vec<(i64, f64)>,
    routine_increase: Option<i64>,
    decrease: Option<i64>,
}

impl Ledger {
    /// Whether fresh samples cover the last `window` seconds up to `now` without a gap.
    fn covers(&self, window: i64, now: i64) -> bool {
        let gapless = self
            .seen
            .windows(2)
            .all(|pair| pair[1].0 - pair[0].0 <= SAMPLE_GAP_SECONDS);
        gapless && self.seen.first().is_some_and(|first| now - first.0 >= window)
    }

    fn take(&mut self, signal: Signal, now: i64) {
        match signal {
            Signal::Fresh { value, .. } => {
                if self.seen.last().is_some_and(|last| now - last.0 > SAMPLE_GAP_SECONDS) {
                    self.seen.clear();
                }
                self.seen.push((now, value.get()));
            }
            Signal::Stale { .. } | Signal::Missing { .. } | Signal::Invalid { .. } => self.seen.clear(),
        }
    }
}

proptest! {
    #[test]
    fn a_decrease_has_a_full_window_old_changes_no_rollout_and_room_for_a_tenth_more(
        input in input(), floor in 1..28_u32,
        steps in vec(step().prop_map(|step| Step { seconds: step.seconds.max(1), ..step }), 50..300),
    ) {
        // Without a latency a replica serves what the policy says, so that a burst can be told by hand.
        let policy = Policy::parse(PolicyInput { mode: Mode::Auto, latency_target: None, ..input }).unwrap();
        let per_replica = policy.per_replica().get();
        let window = i64::try_from(policy.down_window().as_secs()).unwrap();
        let cooldown = i64::try_from(policy.scale_down_cooldown().unwrap_or_default().as_secs()).unwrap();
        let mut history = History::new(policy, Some(policy.clamp(Replicas::new(floor)).get()));
        let mut ledger = Ledger::default();
        for step in steps {
            let before = history.floor.unwrap().get();
            let record = history.live(step).record;
            let now = history.now.as_second();
            ledger.take(step.world.requests_per_second, now);
            let load = step.world.requests_per_second.fresh().map_or(0.0, RequestsPerSecond::get);
            if record.result > record.previous {
                let present = policy.clamp(Replicas::new(demanded(load, per_replica))).get();
                let burst = present >= before + 2 && present * 4 > before * 5;
                ledger.routine_increase = if burst { ledger.routine_increase } else { Some(now) };
            }
            if record.result < record.previous {
                prop_assert!(ledger.covers(window, now), "window: {}", record);
                prop_assert!(ledger.routine_increase.is_none_or(|then| now - then >= cooldown), "cooldown: {}", record);
                prop_assert!(ledger.decrease.is_none_or(|then| now - then >= window), "spacing: {}", record);
                prop_assert_eq!(step.world.rollout, Rollout::Settled);
                let most = f64::from(before) * per_replica * (1.0 + 1e-5);
                prop_assert!(load * 1.1 <= most || before > policy.max_replicas().get(), "hysteresis: {}", record);
                let least = u64::from(before) * u64::from(100 - policy.down_percent_max()) / 100;
                prop_assert!(u64::from(record.result.get()) + 1 >= least, "step: {}", record);
                ledger.decrease = Some(now);
            }
        }
    }
}
