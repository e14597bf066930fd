//! Days on which nothing is broken: steps, bursts, falls, new bounds, modes.
//!
//! What a load is prepared for is learned, and not told here: a story compares with what the record says that it needs.

use jiff::SignedDuration;
use pathfinder_scaling::{Action, Applies, Decision, Memory, Mode, Reason};

use crate::story::{
    COOLDOWN_SECONDS, HOLD_SLACK_SECONDS, LONG_SECONDS, Story, TICK_SECONDS, UNREACHABLE, WINDOW_SECONDS, asked,
    latency, limits, load, need, replicas, same_json,
};

#[test]
fn a_step_is_answered_on_the_first_fresh_sample_whatever_the_cooldowns() {
    let mut story = Story::at_floor(2);
    story.ticks(60, load(150.0));
    let before = story.floor.unwrap();
    let raised = story.tick(load(250.0));
    assert_eq!((raised.floor, raised.action), (asked(&raised), Action::Raise));
    assert!(
        raised.floor >= replicas(3) && raised.floor > before,
        "{}",
        raised.record
    );
    // 1200 alone need 12, which is far over what is there.
    let again = story.tick(load(1200.0));
    assert_eq!(
        (again.floor, again.action, again.applies),
        (asked(&again), Action::Raise, Applies::Write)
    );
    assert!(again.floor >= replicas(12), "{}", again.record);
    assert_eq!(limits(&again.record), Vec::<&str>::new());
    let words = format!("{} replicas for a burst: 1200 requests/s ", again.floor.get());
    assert!(again.record.sentence().starts_with(&words), "{}", again.record);
    assert_eq!(story.tick(load(1200.0)).action, Action::Hold);
}

#[test]
fn a_burst_is_held_for_its_hold_and_then_let_go_in_steps_without_the_cooldown() {
    let mut story = Story::at_floor(2);
    let last = story.ticks(2 * COOLDOWN_SECONDS, load(590.0));
    let (peak, hold) = (last.floor.get(), need(&last.record).hold_seconds);
    let kept = story.tick(load(0.0));
    assert_eq!(kept.floor, last.floor);
    assert!(matches!(kept.record.reason, Reason::Demand(_)), "{}", kept.record);
    let words = format!("{peak} replicas: 0 requests/s now, ready for ");
    assert!(kept.record.sentence().starts_with(&words), "{}", kept.record);
    assert!(
        kept.record.sentence().contains("(590 were seen within "),
        "{}",
        kept.record
    );
    let seconds = TICK_SECONDS + story.seconds_until_lower(load(0.0)).unwrap();
    let kept_seconds = std::time::Duration::from_secs(seconds).as_secs_f64();
    assert!(kept_seconds >= hold, "lowered after {seconds} s");
    assert!(
        seconds <= COOLDOWN_SECONDS + HOLD_SLACK_SECONDS,
        "lowered after {seconds} s"
    );
    // At most half at once, rounded down.
    assert_eq!(story.floor, Some(replicas(peak - peak / 2)));
    assert_eq!(
        story.seconds_until_lower(load(0.0)),
        Some(WINDOW_SECONDS),
        "one window between two steps"
    );
    assert_eq!(story.ticks(LONG_SECONDS, load(0.0)).floor, replicas(2));
}

#[test]
fn a_routine_increase_starts_the_cooldown() {
    let mut story = Story::at_floor(2).without_margin().with_cooldown(300);
    story.ticks(LONG_SECONDS, load(150.0));
    assert_eq!(story.tick(load(250.0)).floor, replicas(3));
    let held = story.ticks(300 - TICK_SECONDS, load(50.0));
    assert_eq!(
        (held.floor, limits(&held.record)),
        (replicas(3), vec!["ScaleDownCooldown"])
    );
    assert_eq!(story.tick(load(50.0)).floor, replicas(2));
}

#[test]
fn it_comes_down_to_what_was_needed_lately_at_most() {
    let mut story = Story::at_floor(2);
    story.ticks(60, load(590.0));
    story.ticks(60, load(390.0));
    assert!(story.seconds_until_lower(load(50.0)).is_some());
    assert!(story.floor >= Some(replicas(4)), "390 requests/s were within the hold");
}

#[test]
fn a_load_that_comes_back_in_time_costs_nothing() {
    let mut story = Story::at_floor(2);
    let mut stood = story.ticks(2 * COOLDOWN_SECONDS, load(590.0));
    for _ in 0..10 {
        let hold = need(&stood.record).hold_seconds;
        assert!(hold > 50.0, "{}", stood.record);
        let away = story.ticks(50, load(50.0));
        assert!(
            away.floor >= stood.floor.min(asked(&away)) && away.floor >= replicas(6),
            "{}",
            away.record
        );
        stood = story.ticks(60, load(590.0));
    }
}

#[test]
fn a_decrease_that_a_tenth_more_load_would_take_back_is_not_made() {
    let (mut held, mut lowered) = (0, 0);
    for step in 0..60 {
        let requests = 10.0 + 5.0 * f64::from(step);
        let mut story = Story::at_floor(4);
        for _ in 0..2 * COOLDOWN_SECONDS / TICK_SECONDS {
            let decision = story.tick(load(requests));
            let need = need(&decision.record);
            let needed_at_a_tenth_more = need.prepared_for.get() * 1.1 / need.per_replica.get() > 3.0 + 1e-5;
            let refused = limits(&decision.record).contains(&"Hysteresis");
            if decision.record.previous == replicas(4) && asked(&decision) < replicas(4) {
                assert_eq!(refused, needed_at_a_tenth_more, "{}", decision.record);
                assert!(!refused || decision.floor == replicas(4), "{}", decision.record);
                held += u32::from(limits(&decision.record) == ["Hysteresis"]);
                lowered += u32::from(decision.action == Action::Lower);
            }
            if limits(&decision.record) == ["Hysteresis"] && decision.record.previous == replicas(4) {
                let words = "held at 4 because a tenth more load would need 4 again: ";
                assert!(decision.record.sentence().starts_with(words), "{}", decision.record);
            }
        }
    }
    assert!(held > 0 && lowered > 0, "{held} {lowered}");
}

/// How often a load of 2000 with a noise of this coefficient of variation changed the direction of the result, by the hour.
fn turns_by_hour(variation: f64, seed: u64) -> Vec<u32> {
    let mut story = Story::with_latency_at_floor(2);
    story.world.latency = Some(latency(0.4));
    story.input.max_replicas = 100;
    story.input.scale_down_cooldown = None;
    // Normal noise from a plain congruential generator: the sum of twelve uniform numbers has a variance of one.
    let mut state = seed;
    let mut noise = || {
        let sum: f64 = (0..12)
            .map(|_| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                f64::from(u32::try_from(state >> 33).unwrap()) / f64::from(1_u32 << 31)
            })
            .sum();
        1.0 + variation * (sum - 6.0)
    };
    let mut last = Action::Hold;
    let mut turns = vec![0; 6];
    for tick in 0..6 * 720 {
        let action = story.tick(load(2000.0 * noise())).action;
        if action != Action::Hold {
            turns[tick / 720] += u32::from(last != Action::Hold && last != action);
            last = action;
        }
    }
    turns
}

#[test]
fn a_constant_noisy_load_never_changes_direction() {
    // Where latency is known, and once two hours of it were seen.
    let calm = turns_by_hour(0.03, 1);
    assert_eq!(calm[2..].iter().sum::<u32>(), 0, "{calm:?}");
}

#[test]
fn a_load_with_noise_of_a_tenth_changes_direction_at_most_twice_an_hour_once_it_is_known() {
    // One draw says little: figures of many, and no draw is left out.
    let draws: Vec<Vec<u32>> = (1..=20).map(|seed| turns_by_hour(0.1, seed)).collect();
    for hour in 1..6 {
        let turns: u32 = draws.iter().map(|draw| draw[hour]).sum();
        let most = 2 * u32::try_from(draws.len()).unwrap();
        assert!(turns <= most, "hour {hour}: {turns} in {draws:?}");
    }
    // Never a swing with every sample: a maximum of ten minutes that is passed is one step up and one back.
    assert!(draws.iter().flatten().all(|turns| *turns <= 12), "{draws:?}");
}

#[test]
fn no_requests_is_a_load_and_lowers_to_the_minimum() {
    let mut story = Story::at_floor(8);
    let idle = story.ticks(LONG_SECONDS, load(0.0));
    assert_eq!((idle.floor, limits(&idle.record)), (replicas(2), vec!["MinReplicas"]));
}

#[test]
fn new_bounds_apply_at_once_in_both_directions_even_without_data() {
    let mut story = Story::at_floor(2);
    story.ticks(60, load(790.0));
    story.input.max_replicas = 5;
    let lowered = story.tick(UNREACHABLE);
    assert_eq!((lowered.floor, lowered.action), (replicas(5), Action::Lower));
    assert_eq!(limits(&lowered.record), ["Freshness", "MaxReplicas"]);
    story.input.max_replicas = 20;
    story.input.min_replicas = 12;
    let raised = story.tick(UNREACHABLE);
    assert_eq!((raised.floor, raised.action), (replicas(12), Action::Raise));
    assert_eq!(limits(&raised.record), ["Freshness", "MinReplicas"]);
}

#[test]
fn an_increase_that_the_minimum_asked_for_starts_the_cooldown_too() {
    let mut story = Story::at_floor(2);
    story.ticks(1200, load(50.0));
    story.input.min_replicas = 3;
    assert_eq!(story.tick(load(50.0)).floor, replicas(3));
    story.input.min_replicas = 2;
    let held = story.tick(load(50.0));
    assert_eq!(
        (held.floor, limits(&held.record)[0]),
        (replicas(3), "ScaleDownCooldown")
    );
    let seconds = TICK_SECONDS + story.seconds_until_lower(load(50.0)).unwrap();
    assert_eq!(seconds, COOLDOWN_SECONDS);
}

#[test]
fn a_new_capacity_per_replica_applies_to_what_was_seen_too() {
    let mut story = Story::at_floor(2);
    story.ticks(LONG_SECONDS, load(400.0));
    story.input.per_replica = 50.0;
    // 400 alone at 50 need 8.
    let raised = story.tick(load(400.0));
    assert_eq!(raised.floor, asked(&raised));
    assert!(raised.floor >= replicas(8), "{}", raised.record);
    story.input.per_replica = 200.0;
    assert!(story.seconds_until_lower(load(400.0)).is_some());
    // At most half at once.
    let half = raised.floor.get() - raised.floor.get() / 2;
    assert_eq!(story.floor, Some(replicas(half)));
    let settled = story.ticks(LONG_SECONDS, load(400.0));
    // One more at most, where a tenth more load would need it again.
    assert!(settled.floor.get() <= asked(&settled).get() + 1, "{}", settled.record);
    assert!(settled.floor < replicas(half), "{}", settled.record);
}

#[test]
fn demand_beyond_the_maximum_is_said() {
    let mut story = Story::at_floor(2);
    story.input.max_replicas = 10;
    let limited = story.tick(load(1500.0));
    assert_eq!(
        (limited.floor, limits(&limited.record)),
        (replicas(10), vec!["MaxReplicas"])
    );
    // 1500 alone are 15.
    assert!(asked(&limited) >= replicas(15), "{}", limited.record);
}

#[test]
fn changes_have_a_budget_for_decreases_and_none_for_increases() {
    let mut story = Story::at_floor(2).without_margin().with_cooldown(0);
    story.input.change_budget_per_hour = 3;
    for (up, down) in [(390.0, 50.0), (390.0, 50.0)] {
        story.ticks(60, load(up));
        story.ticks(300, load(down));
    }
    // Up, down by half to the minimum; then up, which is never refused, and no decrease any more.
    assert_eq!(story.floor, Some(replicas(4)));
    let held = story.tick(load(50.0));
    assert!(limits(&held.record).contains(&"ChangeBudget"), "{}", held.record);
    assert_eq!(story.tick(load(690.0)).floor, replicas(7));
    // Every slice of the hour is gone after 65 minutes.
    assert_eq!(story.ticks(4200, load(50.0)).floor, replicas(2));
}

#[test]
fn observing_writes_nothing_that_a_signal_asked_for_but_explains_it() {
    let mut story = Story::at_floor(2);
    story.input.mode = Mode::Observe;
    let observed = story.tick(load(590.0));
    assert_eq!((observed.floor, observed.applies), (replicas(2), Applies::OnlyExplain));
    assert_eq!(
        (observed.record.result, observed.record.action()),
        (asked(&observed), Action::Raise)
    );
    let words = format!("would be {} replicas", asked(&observed).get());
    assert!(observed.record.sentence().starts_with(&words), "{}", observed.record);
    story.input.mode = Mode::Auto;
    assert_eq!(
        story.tick(UNREACHABLE).floor,
        asked(&observed),
        "what it explained is what Auto goes on from"
    );
}

#[test]
fn pausing_keeps_the_floor_and_going_on_never_lowers_it_without_data() {
    let mut story = Story::at_floor(6);
    story.input.mode = Mode::Paused;
    let paused = story.ticks(1200, load(10.0));
    assert_eq!((paused.floor, paused.record.result), (replicas(6), replicas(2)));
    story.input.mode = Mode::Auto;
    assert_eq!(story.tick(UNREACHABLE).floor, replicas(6));
}

#[test]
fn a_record_survives_being_served_as_json() {
    let mut story = Story::with_latency_at_floor(2);
    story.ticks(60, load(590.0));
    for signal in [load(50.0), UNREACHABLE, load(f64::NAN)] {
        let decision = story.tick(signal);
        let json = serde_json::to_string(&decision).unwrap();
        let read: Decision = serde_json::from_str(&json).unwrap();
        let (read, kept) = (
            serde_json::to_value(&read).unwrap(),
            serde_json::to_value(&decision).unwrap(),
        );
        assert!(same_json(&read, &kept), "{json}");
    }
    let row = serde_json::to_value(story.tick(UNREACHABLE).record.signals[0]).unwrap();
    assert_eq!(
        (&row["verdict"], &row["because"]),
        (&"Missing".into(), &"SourceUnreachable".into())
    );
}

#[test]
fn a_memory_survives_being_kept_as_json() {
    let mut story = Story::with_latency_at_floor(2);
    story.ticks(300, load(590.0));
    story.ticks(60, load(50.0));
    let json = serde_json::to_string(&story.memory).unwrap();
    let read: Memory = serde_json::from_str(&json).unwrap();
    let (read, kept) = (
        serde_json::to_value(&read).unwrap(),
        serde_json::to_value(&story.memory).unwrap(),
    );
    assert!(same_json(&read, &kept), "{json}");
}

#[test]
fn a_loop_that_did_not_tick_for_a_while_begins_the_window_anew() {
    let mut story = Story::at_floor(6).with_cooldown(10);
    story.ticks(25, load(10.0));
    story.now += SignedDuration::from_mins(1);
    let first_fresh = TICK_SECONDS;
    assert_eq!(
        story.seconds_until_lower(load(10.0)),
        Some(first_fresh + WINDOW_SECONDS)
    );
}
