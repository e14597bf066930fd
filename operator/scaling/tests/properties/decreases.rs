//! What a decrease needs: a history is replayed against a plain list of what was seen.

use pathfinder_scaling::{Mode, Policy, PolicyInput, Replicas, RequestsPerSecond, Rollout, Signal};
use proptest::{collection::vec, prelude::*};

use crate::{
    generators::{input, policy, step},
    history::{History, Step},
    results::demanded,
};

const SAMPLE_GAP_SECONDS: i64 = 15;

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
