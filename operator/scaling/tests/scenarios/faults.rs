//! Everything that goes wrong: no decrease on a lie, no increase for ever.

use std::time::Duration;

use jiff::SignedDuration;
use pathfinder_scaling::{Action, Fallback, InvalidReason, MissingReason, Rollout, Signal, SignalRole};

use crate::story::{
    COOLDOWN_SECONDS, LONG_SECONDS, Story, TICK_SECONDS, UNREACHABLE, WINDOW_SECONDS, asked, latency, limits, load,
    need, replicas,
};

#[test]
fn prometheus_gone_at_the_peak_never_lowers_and_its_return_needs_a_full_window() {
    let mut story = Story::at_floor(2);
    story.ticks(1200, load(590.0));
    let peak = story.floor.unwrap();
    assert!(peak >= replicas(6));
    let held = story.ticks(600, UNREACHABLE);
    assert_eq!((held.floor, limits(&held.record)), (peak, vec!["Freshness"]));
    assert_eq!(
        held.record.sentence(),
        format!(
            "held at {}: no usable data for 10 min, the metrics endpoint does not answer (no data is not no load)",
            peak.get()
        )
    );
    assert_eq!(held.record.signals[0].asked, None);
    let back = story.tick(load(10.0));
    assert_eq!(back.floor, peak);
    assert!(limits(&back.record).contains(&"WindowNotFull"), "{}", back.record);
    let seconds = story.seconds_until_lower(load(10.0)).unwrap();
    assert_eq!(
        seconds, WINDOW_SECONDS,
        "one full window from the first fresh sample on"
    );
}

#[test]
fn a_window_that_is_half_filled_after_a_gap_lowers_nothing() {
    let mut story = Story::at_floor(2);
    story.ticks(1200, load(590.0));
    let peak = story.floor.unwrap();
    story.ticks(600, UNREACHABLE);
    // The range of the query fills up over 20 s: what it says until then is too little.
    for part in [0.2, 0.4, 0.6, 0.8] {
        assert_eq!(story.tick(load(590.0 * part)).floor, peak);
    }
    for _ in 0..COOLDOWN_SECONDS {
        let decision = story.tick(load(590.0));
        assert!(decision.floor >= peak.min(asked(&decision)), "{}", decision.record);
    }
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
        let peak = story.floor.unwrap();
        assert!(peak >= replicas(6));
        assert_eq!(story.ticks(24 * 3600, signal).floor, peak, "{signal:?}");
    }
}

#[test]
fn one_bad_sample_begins_the_window_anew() {
    let mut story = Story::at_floor(6).with_cooldown(10);
    story.ticks(25, load(10.0));
    story.tick(UNREACHABLE);
    let first_fresh = TICK_SECONDS;
    assert_eq!(
        story.seconds_until_lower(load(10.0)),
        Some(first_fresh + WINDOW_SECONDS)
    );
}

#[test]
fn the_fallback_comes_after_its_time_as_replicas_and_goes_only_by_fresh_data() {
    let mut story = Story::at_floor(2);
    story.input.fallback = Some(Fallback {
        after: Duration::from_secs(180),
        replicas: 6,
    });
    story.ticks(60, load(150.0));
    let before = story.floor.unwrap();
    assert!(before < replicas(6));
    let waits = story.ticks(175, UNREACHABLE);
    assert_eq!(waits.floor, before);
    let falls_back = story.tick(UNREACHABLE);
    assert_eq!((falls_back.floor, falls_back.action), (replicas(6), Action::Raise));
    assert_eq!(
        falls_back.record.sentence(),
        "6 replicas by fallback: fallback.replicas is 6, and there is no usable data for 3 min, the metrics endpoint does not answer (no data is not no load)"
    );
    assert_eq!(story.ticks(3600, UNREACHABLE).floor, replicas(6));
    assert_eq!(
        story.tick(load(150.0)).floor,
        replicas(6),
        "fresh data, but no full window yet"
    );
    assert!(story.seconds_until_lower(load(150.0)).is_some());
}

#[test]
fn a_fallback_below_what_runs_changes_nothing() {
    let mut story = Story::at_floor(9);
    story.input.fallback = Some(Fallback {
        after: Duration::from_secs(180),
        replicas: 6,
    });
    let held = story.ticks(3600, UNREACHABLE);
    assert_eq!((held.floor, held.record.reason.name()), (replicas(9), "NoData"));
}

#[test]
fn a_latency_that_is_not_a_number_at_night_raises_nothing_and_freezes_nothing() {
    let mut story = Story::with_latency_at_floor(7);
    story.ticks(300, load(560.0));
    story.world.latency = Some(latency(f64::NAN));
    let night = story.ticks(LONG_SECONDS, load(0.0));
    assert_eq!(night.floor, replicas(2), "{}", night.record);
    assert_eq!(night.record.signals[1].verdict.name(), "Invalid");
}

#[test]
fn a_required_latency_that_cannot_be_read_holds_every_decrease() {
    let mut story = Story::with_latency_at_floor(7);
    story.input.latency_role = SignalRole::Required;
    story.ticks(300, load(560.0));
    story.world.latency = Some(latency(f64::NAN));
    let peak = story.floor.unwrap();
    let night = story.ticks(LONG_SECONDS, load(0.0));
    assert_eq!((night.floor, limits(&night.record)[0]), (peak, "SignalRequired"));
    let words = format!(
        "held at {} because latency is Required and cannot be used: ",
        peak.get()
    );
    assert!(night.record.sentence().starts_with(&words), "{}", night.record);
}

#[test]
fn what_latency_added_is_not_kept_for_ever_by_a_latency_that_broke() {
    let mut story = Story::with_latency_at_floor(7).without_margin();
    story.world.latency = Some(latency(0.9));
    assert_eq!(story.tick(load(560.0)).floor, replicas(8));
    story.world.latency = Some(latency(f64::NAN));
    let after = story.ticks(LONG_SECONDS, load(300.0));
    // 300 and the root of 300 / 0.5 are 324.
    assert_eq!(after.floor, replicas(4), "{}", after.record);
}

#[test]
fn a_rollout_at_the_peak_lowers_nothing_lets_increases_pass_and_takes_no_surge_for_demand() {
    let mut story = Story::with_latency_at_floor(6);
    story.world.rollout = Rollout::InProgress;
    let held = story.ticks(1200, load(50.0));
    assert_eq!((held.floor, limits(&held.record)[0]), (replicas(6), "Rollout"));
    assert!(
        held.record.sentence().contains("while a rollout is in progress"),
        "{}",
        held.record
    );
    let raised = story.tick(load(790.0));
    assert_eq!(raised.floor, asked(&raised));
    let mut stood = raised.floor;
    for _ in 0..COOLDOWN_SECONDS {
        let decision = story.tick(load(790.0));
        assert!(decision.floor >= stood, "{}", decision.record);
        assert!(decision.floor <= stood.max(asked(&decision)), "{}", decision.record);
        stood = decision.floor;
    }
}

#[test]
fn pods_that_crash_again_and_again_do_not_multiply_but_demand_is_still_followed() {
    let mut story = Story::with_latency_at_floor(7).without_margin();
    // Within its target, but nothing to learn a larger capacity from.
    story.world.latency = Some(latency(0.4));
    story.ticks(300, load(560.0));
    story.world.crash_looping = Some(replicas(4));
    story.world.latency = Some(latency(5.0));
    let before = story.floor.unwrap();
    for _ in 0..3600 / TICK_SECONDS {
        let decision = story.tick(load(560.0));
        assert!(decision.floor <= before.max(asked(&decision)), "{}", decision.record);
        assert_eq!(decision.record.signals[1].asked, None, "{}", decision.record);
        assert!(
            limits(&decision.record).contains(&"CrashLooping"),
            "{}",
            decision.record
        );
    }
    let raised = story.tick(load(1990.0));
    assert_eq!((raised.floor, raised.action), (asked(&raised), Action::Raise));
}

#[test]
fn a_clock_that_jumps_ten_minutes_either_way_ends_no_cooldown_and_no_hold() {
    for jump in [SignedDuration::from_mins(10), SignedDuration::from_mins(-10)] {
        let mut story = Story::at_floor(2).without_margin().with_cooldown(300);
        story.ticks(60, load(150.0));
        assert_eq!(story.tick(load(250.0)).floor, replicas(3));
        story.ticks(60, load(50.0));
        story.now += jump;
        let seconds = 60 + story.seconds_until_lower(load(50.0)).unwrap();
        // A jump forward counts as one sample gap, 15 s, of which the tick itself was 5; one back as nothing.
        assert!((300 - 15..=300 + TICK_SECONDS).contains(&seconds), "{jump}: {seconds}");

        let mut story = Story::at_floor(2);
        let hold = need(&story.ticks(300, load(590.0)).record).hold_seconds;
        assert!(hold > 30.0, "longer than the window: {hold}");
        story.now += jump;
        let seconds = Duration::from_secs(story.seconds_until_lower(load(0.0)).unwrap()).as_secs_f64();
        assert!(seconds >= hold - 15.0, "{jump}: {seconds}");
    }
}

#[test]
fn a_clock_that_jumped_is_not_seen_in_what_is_said() {
    let mut story = Story::at_floor(2).without_margin().with_cooldown(300);
    story.ticks(60, load(150.0));
    story.tick(load(250.0));
    story.ticks(60, load(50.0));
    story.now += SignedDuration::from_hours(100);
    let held = story.tick(load(50.0));
    let until = held.record.limits.iter().find_map(|limit| limit.until()).unwrap();
    assert!(
        until > story.now && until < story.now + SignedDuration::from_mins(10),
        "{until}"
    );
}

#[test]
fn a_restart_in_mid_burst_keeps_the_floor_and_waits_for_a_full_window() {
    let mut story = Story::at_floor(2).with_cooldown(10);
    story.ticks(60, load(590.0));
    let peak = story.floor.unwrap();
    assert!(peak >= replicas(6));
    story.restart();
    assert_eq!(story.tick(UNREACHABLE).floor, peak);
    assert_eq!(story.tick(load(590.0)).action, Action::Hold);
    story.restart();
    let first_fresh = TICK_SECONDS;
    assert_eq!(
        story.seconds_until_lower(load(10.0)),
        Some(first_fresh + WINDOW_SECONDS)
    );
}

#[test]
fn a_peak_that_broken_data_hides_is_followed_the_moment_it_is_seen() {
    let mut story = Story::at_floor(2);
    story.ticks(60, load(150.0));
    story.ticks(600, load(f64::NAN));
    let raised = story.tick(load(890.0));
    assert_eq!(raised.floor, asked(&raised));
    assert!(raised.floor >= replicas(9));
}
