//! Stories over time: what an operator on call would see, tick by tick, with the cluster's floor fed back as the HPA's.
//!
//! The loop here is the operator in miniature: it ticks every 5 s, writes what it is told to, and observes it the next time.

#![expect(
    clippy::unwrap_used,
    reason = "the fixtures of a test may panic like the test itself"
)]

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use pathfinder_scaling::{
    Action, Applies, Decision, InvalidReason, Memory, MissingReason, Mode, Observation, Policy, PolicyInput, Reason,
    Record, Replicas, Rollout, Signal, decide,
};

const TICK_SECONDS: u64 = 5;
const COOLDOWN_SECONDS: u64 = 600;
/// How much longer than a window a load may be remembered, plus one tick to notice that it is not any more.
const SLACK_SECONDS: u64 = COOLDOWN_SECONDS / 60 + TICK_SECONDS;

const UNREACHABLE: Signal = Signal::Missing {
    reason: MissingReason::SourceUnreachable,
};

struct Story {
    input: PolicyInput,
    memory: Memory,
    floor: Option<Replicas>,
    rollout: Rollout,
    now: Timestamp,
}

impl Story {
    fn at_floor(floor: u32) -> Self {
        Self {
            input: PolicyInput::default(),
            memory: Memory::default(),
            floor: Some(Replicas::new(floor)),
            rollout: Rollout::Settled,
            now: "2026-03-01T12:00:00Z".parse().unwrap(),
        }
    }

    fn tick(&mut self, signal: Signal) -> Decision {
        self.now += SignedDuration::from_secs(TICK_SECONDS.cast_signed());
        let observation = Observation {
            requests_per_second: signal,
            replicas_ordered: self.floor,
            replicas_ready: self.floor,
            floor: self.floor,
            rollout: self.rollout,
        };
        let policy = Policy::parse(self.input).unwrap();
        let (decision, memory) = decide(&policy, std::mem::take(&mut self.memory), &observation, self.now);
        self.memory = memory;
        self.floor = Some(decision.floor);
        decision
    }

    /// Ticks for that long and gives back the last decision.
    fn ticks(&mut self, seconds: u64, signal: Signal) -> Decision {
        let mut last = self.tick(signal);
        for _ in 1..seconds / TICK_SECONDS {
            last = self.tick(signal);
        }
        last
    }

    /// Ticks until the floor is lower than now, and gives back the seconds that it took; at most two cooldowns.
    fn seconds_until_lower(&mut self, signal: Signal) -> Option<u64> {
        let start = self.floor;
        (1..=2 * COOLDOWN_SECONDS / TICK_SECONDS)
            .find(|_| Some(self.tick(signal).floor) < start)
            .map(|ticks| ticks * TICK_SECONDS)
    }

    fn restart(&mut self) {
        self.memory = Memory::default();
    }
}

fn load(requests_per_second: f64) -> Signal {
    Signal::classify(requests_per_second, Duration::from_secs(3), Duration::from_secs(15))
}

fn limits(record: &Record) -> Vec<&'static str> {
    record.limits.iter().map(|limit| limit.name()).collect()
}

#[test]
fn a_step_is_answered_on_the_first_fresh_sample_whatever_the_cooldowns() {
    let mut story = Story::at_floor(2);
    story.ticks(60, load(150.0));
    let raised = story.tick(load(250.0));
    assert_eq!((raised.floor, raised.action), (Replicas::new(3), Action::Raise));
    let again = story.tick(load(600.0));
    assert_eq!(
        (again.floor, again.action, again.applies),
        (Replicas::new(6), Action::Raise, Applies::Write)
    );
    assert_eq!(limits(&again.record), Vec::<&str>::new());
    assert_eq!(
        again.record.sentence(),
        "6 replicas: 600 requests/s need 6 at 100 per replica"
    );
    assert_eq!(story.tick(load(600.0)).action, Action::Hold);
}

#[test]
fn after_the_load_stops_it_comes_down_once_the_cooldown_and_a_full_window_have_passed() {
    let mut story = Story::at_floor(2);
    story.ticks(60, load(590.0));
    let waiting = story.tick(load(0.0));
    assert_eq!(waiting.floor, Replicas::new(6));
    assert!(matches!(waiting.record.reason, Reason::Held(_)), "{}", waiting.record);
    let seconds = TICK_SECONDS + story.seconds_until_lower(load(0.0)).unwrap();
    assert!(
        (COOLDOWN_SECONDS..=COOLDOWN_SECONDS + SLACK_SECONDS).contains(&seconds),
        "lowered after {seconds} s"
    );
    assert_eq!(story.floor, Some(Replicas::new(2)));
}

#[test]
fn it_comes_down_to_what_the_last_window_needed_at_most() {
    let mut story = Story::at_floor(2);
    story.ticks(60, load(590.0));
    story.ticks(300, load(390.0));
    assert!(story.seconds_until_lower(load(50.0)).is_some());
    assert_eq!(
        story.floor,
        Some(Replicas::new(4)),
        "390 requests/s were within the window"
    );
}

#[test]
fn a_load_that_comes_back_in_time_costs_nothing() {
    let mut story = Story::at_floor(2);
    for _ in 0..10 {
        story.ticks(60, load(590.0));
        assert_eq!(story.ticks(540, load(50.0)).floor, Replicas::new(6));
    }
}

#[test]
fn prometheus_gone_at_the_peak_never_lowers_and_its_return_needs_a_full_window() {
    let mut story = Story::at_floor(2);
    story.ticks(1200, load(590.0));
    let held = story.ticks(600, UNREACHABLE);
    assert_eq!(
        (held.floor, limits(&held.record)),
        (Replicas::new(6), vec!["Freshness"])
    );
    assert_eq!(
        held.record.sentence(),
        "held at 6: no usable data for 10 min, the metrics endpoint does not answer (no data is not no load)"
    );
    assert_eq!(held.record.signals[0].asked, None);
    let back = story.tick(load(10.0));
    assert_eq!(
        (back.floor, limits(&back.record)),
        (Replicas::new(6), vec!["WindowNotFull"])
    );
    let seconds = story.seconds_until_lower(load(10.0)).unwrap();
    assert_eq!(
        seconds, COOLDOWN_SECONDS,
        "one full window from the first fresh sample on"
    );
}

#[test]
fn no_kind_of_bad_sample_ever_lowers_however_long_it_lasts() {
    let bad = [
        UNREACHABLE,
        Signal::Missing {
            reason: MissingReason::TargetDown,
        },
        Signal::Stale {
            age: Duration::from_mins(2),
        },
        Signal::Invalid {
            reason: InvalidReason::SeveralSeries,
        },
        load(f64::NAN),
        load(f64::NEG_INFINITY),
        load(-1.0),
    ];
    for signal in bad {
        let mut story = Story::at_floor(2);
        story.ticks(1200, load(590.0));
        assert_eq!(story.ticks(24 * 3600, signal).floor, Replicas::new(6), "{signal:?}");
    }
}

#[test]
fn one_bad_sample_begins_the_window_anew() {
    let mut story = Story::at_floor(2);
    story.ticks(60, load(590.0));
    story.ticks(590, load(10.0));
    story.tick(UNREACHABLE);
    let first_fresh = TICK_SECONDS;
    assert_eq!(
        story.seconds_until_lower(load(10.0)),
        Some(first_fresh + COOLDOWN_SECONDS)
    );
}

#[test]
fn no_requests_is_a_load_and_lowers_to_the_minimum() {
    let mut story = Story::at_floor(8);
    story.seconds_until_lower(load(0.0)).unwrap();
    let idle = story.tick(load(0.0));
    assert_eq!(
        (idle.floor, limits(&idle.record)),
        (Replicas::new(2), vec!["MinReplicas"])
    );
}

#[test]
fn a_restart_in_mid_peak_keeps_the_floor_and_waits_for_a_full_window() {
    let mut story = Story::at_floor(2);
    story.ticks(1200, load(590.0));
    story.restart();
    assert_eq!(story.tick(UNREACHABLE).floor, Replicas::new(6));
    assert_eq!(story.tick(load(590.0)).action, Action::Hold);
    story.restart();
    let first_fresh = TICK_SECONDS;
    assert_eq!(
        story.seconds_until_lower(load(10.0)),
        Some(first_fresh + COOLDOWN_SECONDS)
    );
}

#[test]
fn a_rollout_holds_decreases_and_lets_increases_pass() {
    let mut story = Story::at_floor(6);
    story.rollout = Rollout::InProgress;
    let held = story.ticks(1200, load(50.0));
    assert_eq!((held.floor, limits(&held.record)), (Replicas::new(6), vec!["Rollout"]));
    assert_eq!(story.tick(load(790.0)).floor, Replicas::new(8));
}

#[test]
fn new_bounds_apply_at_once_in_both_directions_even_without_data() {
    let mut story = Story::at_floor(2);
    story.ticks(60, load(790.0));
    story.input.max_replicas = 5;
    let lowered = story.tick(UNREACHABLE);
    assert_eq!((lowered.floor, lowered.action), (Replicas::new(5), Action::Lower));
    assert_eq!(limits(&lowered.record), ["Freshness", "MaxReplicas"]);
    story.input.max_replicas = 20;
    story.input.min_replicas = 12;
    let raised = story.tick(UNREACHABLE);
    assert_eq!((raised.floor, raised.action), (Replicas::new(12), Action::Raise));
    assert_eq!(limits(&raised.record), ["Freshness", "MinReplicas"]);
}

#[test]
fn an_increase_that_the_minimum_asked_for_starts_the_cooldown_too() {
    let mut story = Story::at_floor(2);
    story.ticks(1200, load(50.0));
    story.input.min_replicas = 5;
    assert_eq!(story.tick(load(50.0)).floor, Replicas::new(5));
    story.input.min_replicas = 2;
    let held = story.tick(load(50.0));
    assert_eq!(
        (held.floor, limits(&held.record)),
        (Replicas::new(5), vec!["ScaleDownCooldown"])
    );
    let seconds = TICK_SECONDS + story.seconds_until_lower(load(50.0)).unwrap();
    assert_eq!(seconds, COOLDOWN_SECONDS);
}

#[test]
fn a_loop_that_did_not_tick_for_a_while_begins_the_window_anew() {
    let mut story = Story::at_floor(2);
    story.ticks(60, load(590.0));
    story.ticks(590, load(10.0));
    story.now += SignedDuration::from_mins(1);
    let first_fresh = TICK_SECONDS;
    assert_eq!(
        story.seconds_until_lower(load(10.0)),
        Some(first_fresh + COOLDOWN_SECONDS)
    );
}

#[test]
fn a_new_capacity_per_replica_applies_to_the_past_too() {
    let mut story = Story::at_floor(2);
    story.ticks(1200, load(400.0));
    story.input.per_replica = 50.0;
    assert_eq!(story.tick(load(400.0)).floor, Replicas::new(8));
    story.input.per_replica = 200.0;
    assert!(story.seconds_until_lower(load(400.0)).is_some());
    assert_eq!(story.floor, Some(Replicas::new(2)));
}

#[test]
fn demand_beyond_the_maximum_is_said() {
    let limited = Story::at_floor(2).tick(load(1500.0));
    assert_eq!(
        (limited.floor, limits(&limited.record)),
        (Replicas::new(10), vec!["MaxReplicas"])
    );
    assert_eq!(limited.record.signals[0].asked, Some(Replicas::new(15)));
}

#[test]
fn observing_writes_nothing_that_a_signal_asked_for_but_explains_it() {
    let mut story = Story::at_floor(2);
    story.input.mode = Mode::Observe;
    let observed = story.tick(load(590.0));
    assert_eq!(
        (observed.floor, observed.applies),
        (Replicas::new(2), Applies::OnlyExplain)
    );
    assert_eq!(
        (observed.record.result, observed.record.action()),
        (Replicas::new(6), Action::Raise)
    );
    story.input.mode = Mode::Auto;
    assert_eq!(
        story.tick(UNREACHABLE).floor,
        Replicas::new(6),
        "what it explained is what Auto goes on from"
    );
}

#[test]
fn pausing_keeps_the_floor_and_going_on_never_lowers_it_without_data() {
    let mut story = Story::at_floor(6);
    story.input.mode = Mode::Paused;
    let paused = story.ticks(1200, load(10.0));
    assert_eq!(
        (paused.floor, paused.record.result),
        (Replicas::new(6), Replicas::new(2))
    );
    story.input.mode = Mode::Auto;
    assert_eq!(story.tick(UNREACHABLE).floor, Replicas::new(6));
}

#[test]
fn a_clock_that_steps_back_ten_minutes_delays_decreases_by_one_window_and_no_more() {
    let mut story = Story::at_floor(2);
    story.ticks(60, load(590.0));
    story.ticks(300, load(10.0));
    story.now -= SignedDuration::from_mins(10);
    let seconds = story.seconds_until_lower(load(10.0)).unwrap();
    assert_eq!(seconds, TICK_SECONDS + COOLDOWN_SECONDS);
}

#[test]
fn a_record_survives_being_served_as_json() {
    let mut story = Story::at_floor(2);
    story.ticks(60, load(590.0));
    for signal in [load(50.0), UNREACHABLE, load(f64::NAN)] {
        let decision = story.tick(signal);
        let json = serde_json::to_string(&decision).unwrap();
        assert_eq!(serde_json::from_str::<Decision>(&json).unwrap(), decision, "{json}");
    }
    let row = serde_json::to_value(&story.tick(UNREACHABLE).record.signals[0]).unwrap();
    assert_eq!(
        (&row["verdict"], &row["because"]),
        (&"Missing".into(), &"SourceUnreachable".into())
    );
}

#[test]
fn a_memory_survives_being_kept_as_json() {
    let mut story = Story::at_floor(2);
    story.ticks(300, load(590.0));
    story.ticks(300, load(50.0));
    let json = serde_json::to_string(&story.memory).unwrap();
    assert_eq!(serde_json::from_str::<Memory>(&json).unwrap(), story.memory);
}
