//! What holds for every history, not only for the stories that somebody thought of.
//!
//! Histories are random: loads, silences, bad samples, rollouts, clocks that jump either way. Each property is one that a
//! person relies on; the last one replays a history against a plain list of everything that was seen.

#![expect(
    clippy::unwrap_used,
    reason = "the fixtures of a test may panic like the test itself"
)]

use std::time::Duration;

use jiff::Timestamp;
use pathfinder_scaling::{
    Applies, Decision, Memory, MissingReason, Mode, Observation, Policy, PolicyInput, Replicas, Rollout, Signal, decide,
};
use proptest::collection::vec;
use proptest::prelude::*;

const SAMPLE_GAP_SECONDS: i64 = 15;

/// One tick of a history.
#[derive(Clone, Copy, Debug)]
struct Step {
    signal: Signal,
    rollout: Rollout,
    seconds: i64,
}

fn fresh(load: f64) -> Signal {
    Signal::classify(load, Duration::ZERO, Duration::ZERO)
}

fn bad_signal() -> impl Strategy<Value = Signal> {
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

fn signal() -> impl Strategy<Value = Signal> {
    prop_oneof![40 => (0.0..2000.0_f64).prop_map(fresh), 20 => (0.0..300.0_f64).prop_map(fresh), 1 => bad_signal()]
}

fn rollout() -> impl Strategy<Value = Rollout> {
    prop_oneof![30 => Just(Rollout::Settled), 1 => Just(Rollout::InProgress)]
}

fn step() -> impl Strategy<Value = Step> {
    let seconds = prop_oneof![60 => 1..10_i64, 1 => -900..900_i64];
    (signal(), rollout(), seconds).prop_map(|(signal, rollout, seconds)| Step {
        signal,
        rollout,
        seconds,
    })
}

fn policy() -> impl Strategy<Value = Policy> {
    let modes = prop_oneof![4 => Just(Mode::Auto), 1 => Just(Mode::Observe), 1 => Just(Mode::Paused)];
    (1..8_u32, 0..20_u32, 1.0..500.0_f64, 0..90_u64, modes).prop_map(
        |(min_replicas, more, per_replica, cooldown, mode)| {
            let input = PolicyInput {
                min_replicas,
                max_replicas: min_replicas + more,
                per_replica,
                scale_down_cooldown: Duration::from_secs(cooldown),
                mode,
                ..PolicyInput::default()
            };
            Policy::parse(input).unwrap()
        },
    )
}

fn observation(step: Step, floor: Option<Replicas>) -> Observation {
    Observation {
        requests_per_second: step.signal,
        replicas_ordered: floor,
        replicas_ready: None,
        floor,
        rollout: step.rollout,
    }
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

    fn live(&mut self, step: Step) -> Decision {
        self.now = Timestamp::from_second(self.now.as_second() + step.seconds).unwrap();
        let observation = observation(step, self.floor);
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
    let cooldown = (any::<Duration>(), any::<Duration>(), any::<Duration>());
    let modes = prop_oneof![Just(Mode::Auto), Just(Mode::Observe), Just(Mode::Paused)];
    (any::<u32>(), any::<u32>(), any::<f64>(), cooldown, modes).prop_map(
        |(min_replicas, max_replicas, per_replica, (down, least, gap), mode)| PolicyInput {
            min_replicas: min_replicas.min(max_replicas).max(1),
            max_replicas: max_replicas.max(1),
            per_replica: if per_replica.is_finite() {
                per_replica.abs()
            } else {
                1.0
            },
            scale_down_cooldown: down,
            min_down_window: least,
            max_sample_gap: gap,
            mode,
            ..PolicyInput::default()
        },
    )
}

proptest! {
    #[test]
    fn it_is_total_over_arbitrary_numbers_times_and_policies(
        input in any_policy(),
        ticks in vec((any::<f64>(), any::<Duration>(), any_time(), any::<Option<u32>>()), 1..40),
    ) {
        let Ok(policy) = Policy::parse(input) else { return Ok(()) };
        let mut memory = Memory::default();
        for (raw, age, now, floor) in ticks {
            let signal = Signal::classify(raw, age, Duration::MAX);
            let step = Step { signal, rollout: Rollout::Settled, seconds: 0 };
            let (decision, next) = decide(&policy, memory, &observation(step, floor.map(Replicas::new)), now);
            memory = next;
            prop_assert!(within_bounds(&policy, decision.floor) && within_bounds(&policy, decision.record.result));
            prop_assert!(!decision.record.sentence().is_empty());
            for limit in &decision.record.limits {
                prop_assert!(!limit.to_string().is_empty());
            }
            let json = serde_json::to_string(&decision).unwrap();
            prop_assert!(serde_json::from_str::<Decision>(&json).is_ok(), "{}", json);
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
    fn no_sample_that_is_not_fresh_ever_lowers(
        policy in policy(), floor in 1..28_u32, steps in vec(step(), 0..100), bad in vec(bad_signal(), 1..20),
    ) {
        let mut history = History::lived(policy, floor, &steps);
        for signal in bad {
            let decision = history.live(Step { signal, rollout: Rollout::Settled, seconds: 5 });
            prop_assert_eq!(decision.record.result, policy.clamp(decision.record.previous), "{}", decision.record);
        }
    }

    #[test]
    fn more_load_never_gives_fewer_replicas(
        policy in policy(), floor in 1..28_u32, steps in vec(step(), 0..100), last in step(),
        one in 0.0..4000.0_f64, other in 0.0..4000.0_f64,
    ) {
        let decided = |load: f64| {
            let mut history = History::lived(policy, floor, &steps);
            history.live(Step { signal: fresh(load), ..last }).record.result
        };
        prop_assert!(decided(one.min(other)) <= decided(one.max(other)));
    }

    #[test]
    fn present_demand_is_never_refused_but_by_the_maximum(
        policy in policy(), floor in 1..28_u32, steps in vec(step(), 0..100), last in step(), replicas in 0..40_u32,
    ) {
        let load = f64::from(replicas) * policy.per_replica().get();
        let decision = History::lived(policy, floor, &steps).live(Step { signal: fresh(load), ..last });
        prop_assert!(decision.record.result >= policy.clamp(Replicas::new(replicas)), "{}", decision.record);
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
    fn an_empty_memory_lowers_nothing_before_one_full_window(
        policy in policy(), floor in 1..28_u32, loads in vec(0.0..2000.0_f64, 1..100), seconds in 1..10_i64,
    ) {
        let floor = policy.clamp(Replicas::new(floor));
        let mut history = History::new(policy, Some(floor.get()));
        let window = i64::try_from(policy.down_window().as_secs()).unwrap();
        for (tick, load) in (0_i64..).zip(loads).take_while(|(tick, _)| tick * seconds < window) {
            let decision = history.live(Step { signal: fresh(load), rollout: Rollout::Settled, seconds });
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
    fn memory_stays_small_and_holding_does_not_change_its_shape(
        policy in policy(), steps in vec(step(), 1..400), bad in bad_signal(),
    ) {
        let mut history = History::lived(policy, 2, &steps);
        let size = |memory: &Memory| serde_json::to_string(memory).unwrap().len();
        prop_assert!(size(&history.memory) < 12_000, "{} bytes", size(&history.memory));
        let mut silent = || {
            history.live(Step { signal: bad, rollout: Rollout::Settled, seconds: 0 });
            size(&history.memory)
        };
        prop_assert_eq!(silent(), silent());
    }
}

/// Everything that was seen, kept plainly.
#[derive(Default)]
struct Ledger {
    seen: Vec<(i64, f64)>,
    increased: Option<i64>,
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

    fn peak(&self, window: i64, now: i64) -> f64 {
        self.seen
            .iter()
            .filter(|sample| now - sample.0 < window)
            .map(|sample| sample.1)
            .fold(0.0, f64::max)
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
    fn a_decrease_has_a_full_window_an_old_increase_no_rollout_and_no_higher_peak(
        policy in policy().prop_filter("only Auto writes", |policy| policy.mode() == Mode::Auto),
        floor in 1..28_u32,
        steps in vec(step().prop_map(|step| Step { seconds: step.seconds.max(1), ..step }), 50..300),
    ) {
        let floor = policy.clamp(Replicas::new(floor)).get();
        let window = i64::try_from(policy.down_window().as_secs()).unwrap();
        let cooldown = i64::try_from(policy.scale_down_cooldown().as_secs()).unwrap();
        let mut history = History::new(policy, Some(floor));
        let mut ledger = Ledger::default();
        for step in steps {
            let decision = history.live(step);
            let now = history.now.as_second();
            ledger.take(step.signal, now);
            let record = &decision.record;
            if record.result > record.previous {
                ledger.increased = Some(now);
            }
            if record.result < record.previous {
                prop_assert!(ledger.covers(window, now), "window: {}", record);
                prop_assert!(ledger.increased.is_none_or(|then| now - then >= cooldown), "cooldown: {}", record);
                prop_assert_eq!(step.rollout, Rollout::Settled);
                let served = f64::from(record.result.get()) * policy.per_replica().get() * (1.0 + 1e-5);
                let peak = ledger.peak(window, now);
                prop_assert!(peak <= served, "{} requests/s were seen, yet {}", peak, record);
            }
        }
    }
}
