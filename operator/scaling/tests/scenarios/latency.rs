//! Latency over its target: where replicas help, where they do not, and what is learned of it.

use std::time::Duration;

use pathfinder_scaling::{Decision, Ratio, Reason, Signal, SignalRole, SlowPod, Suspect};

use crate::story::{LONG_SECONDS, Story, TICK_SECONDS, WINDOW_SECONDS, asked, latency, limits, load, need, replicas};

const LOAD: f64 = 560.0;

/// Pods of which each serves 75 requests/s well, though with little to spare, and no more, where the spec says 100.
fn tick_with_weak_pods(story: &mut Story) -> Decision {
    let per_replica = LOAD / f64::from(story.ready());
    story.world.latency = Some(latency(if per_replica > 75.0 { 0.9 } else { 0.4 }));
    story.tick(load(LOAD))
}

/// 560 requests/s on 7: 80 requests/s each, a utilisation of exactly 0.8. With the root of 560 / 0.5 they are 593, for
/// which demand asks for 6.
fn with_weak_pods() -> Story {
    let mut story = Story::with_latency_at_floor(7).without_margin().with_cooldown(120);
    story.input.scale_up_cooldown = Duration::ZERO;
    story.pod_start_seconds = 20;
    story
}

/// 1758 with the root, for which demand asks for 18: a utilisation of 0.89 on 19, and of 0.81 with two more.
const LARGE_LOAD: f64 = 1700.0;

fn with_large_load() -> Story {
    let mut story = Story::with_latency_at_floor(19).without_margin();
    story.input.scale_up_cooldown = Duration::ZERO;
    story.pod_start_seconds = 20;
    story
}

#[test]
fn latency_over_its_target_at_high_utilisation_adds_one_and_says_why() {
    let mut story = with_weak_pods();
    let raised = tick_with_weak_pods(&mut story);
    assert_eq!(raised.floor, replicas(8));
    assert!(matches!(raised.record.reason, Reason::Latency { .. }));
    assert!(
        raised
            .record
            .sentence()
            .starts_with("8 replicas for latency: it is 0.9 s and should be 0.5 s; 560 requests/s now, ready for 593"),
        "{}",
        raised.record
    );
    assert_eq!(raised.record.signals[1].asked, Some(replicas(8)));
}

#[test]
fn a_step_that_helped_teaches_what_a_replica_serves_and_is_let_go() {
    let mut story = with_weak_pods();
    for _ in 0..2 * LONG_SECONDS / TICK_SECONDS {
        let decision = tick_with_weak_pods(&mut story);
        assert_eq!(decision.floor, replicas(8), "{}", decision.record);
    }
    // 560 / 7 = 80 per replica was too much, so 593 need 8 by demand alone.
    let settled = tick_with_weak_pods(&mut story);
    assert_eq!(settled.record.signals[1].asked, None, "{}", settled.record);
    let Reason::Demand(need) = settled.record.reason else {
        panic!("{}", settled.record)
    };
    assert!((need.per_replica.get() - 80.0).abs() < 2.0, "{}", need.per_replica);
}

#[test]
fn the_next_step_waits_until_the_effect_of_the_last_is_seen() {
    let mut story = with_large_load();
    story.world.pod_start = Some(Duration::from_secs(20));
    story.world.latency = Some(latency(0.9));
    story.tick(load(LARGE_LOAD));
    let mut raised = vec![];
    for second in (TICK_SECONDS..).step_by(5).take(40) {
        let before = story.floor;
        let decision = story.tick(load(LARGE_LOAD));
        if Some(decision.floor) > before {
            raised.push(second);
        } else if raised.is_empty() {
            assert!(limits(&decision.record).contains(&"LatencyWait"), "{}", decision.record);
            assert!(
                decision.record.sentence().contains("more for it come at 12:00:"),
                "{}",
                decision.record
            );
        }
    }
    // Pods start within 20 s, the window after them is 30 s, and one tick looks at the effect.
    assert_eq!(raised, [20 + WINDOW_SECONDS + TICK_SECONDS]);
}

#[test]
fn the_cooldown_of_the_spec_spaces_steps_too() {
    let mut story = with_large_load();
    story.input.scale_up_cooldown = Duration::from_secs(300);
    story.world.latency = Some(latency(0.9));
    assert_eq!(story.tick(load(LARGE_LOAD)).floor, replicas(20));
    let waits = story.ticks(295, load(LARGE_LOAD));
    assert_eq!(waits.floor, replicas(20));
    assert!(limits(&waits.record).contains(&"ScaleUpCooldown"), "{}", waits.record);
    assert_eq!(story.tick(load(LARGE_LOAD)).floor, replicas(21));
}

#[test]
fn a_slow_database_adds_at_most_two_however_long_it_lasts_and_however_large_the_cluster() {
    for (requests, floor) in [(180.0, 2), (560.0, 7), (3900.0, 43)] {
        let mut story = Story::with_latency_at_floor(floor);
        story.input.max_replicas = 200;
        story.pod_start_seconds = 20;
        story.ticks(300, load(requests));
        let before = story.floor.unwrap().get();
        story.world.latency = Some(latency(3.0));
        let mut most = before;
        for _ in 0..3600 / TICK_SECONDS {
            most = most.max(story.tick(load(requests)).floor.get());
        }
        assert!(most <= before + 2, "{before} became {most}");
        let told = story.tick(load(requests)).record;
        assert_eq!(told.latency_not_scalable.unwrap().suspect, Suspect::Unknown, "{told}");
    }
}

#[test]
fn a_slow_database_whose_latency_wavers_and_whose_load_falls_still_adds_at_most_two() {
    let mut story = Story::with_latency_at_floor(7);
    story.input.max_replicas = 200;
    story.ticks(300, load(560.0));
    let mut most_asked = story.floor.unwrap();
    for tick in 0..3600_u32 {
        story.world.latency = Some(latency(2.5 + 0.3 * f64::from(tick % 7)));
        let falling = 560.0 - f64::from(tick) * 0.12;
        let decision = story.tick(load(falling));
        most_asked = most_asked.max(asked(&decision));
        assert!(decision.floor.get() <= most_asked.get() + 2, "{}", decision.record);
    }
}

#[test]
fn a_saturated_database_is_named_and_adds_nothing() {
    let mut story = with_weak_pods();
    story.world.suspects.postgres = Some(Signal::classify(0.97, Duration::ZERO, Duration::ZERO));
    story.world.latency = Some(latency(0.9));
    let told = story.tick(load(LOAD));
    assert_eq!(told.floor, replicas(7));
    assert!(
        told.record.sentence().ends_with(
            "; latency is 0.9 s and should be 0.5 s, but more replicas would not help: PostgreSQL is at 97 %"
        ),
        "{}",
        told.record
    );
}

#[test]
fn a_saturation_that_is_not_fresh_accuses_nobody() {
    let mut story = with_weak_pods();
    story.world.suspects.redis = Some(Signal::Stale {
        age: Duration::from_mins(5),
    });
    assert_eq!(tick_with_weak_pods(&mut story).floor, replicas(8));
}

#[test]
fn at_low_utilisation_latency_adds_nothing_and_one_slow_pod_is_named() {
    let mut story = Story::with_latency_at_floor(7);
    let slow_pod = SlowPod {
        share: Ratio::new(0.14).unwrap(),
    };
    story.world.suspects.slow_pod = Some(slow_pod);
    story.world.latency = Some(latency(2.0));
    for _ in 0..100 {
        let decision = story.tick(load(300.0));
        assert!(decision.floor <= replicas(7).max(asked(&decision)));
        assert_eq!(decision.record.signals[1].asked, None, "{}", decision.record);
        assert_eq!(
            decision.record.latency_not_scalable.unwrap().suspect,
            Suspect::SlowPod(slow_pod)
        );
    }
}

#[test]
fn while_pods_start_latency_adds_none_to_them() {
    let mut story = Story::with_latency_at_floor(2);
    story.input.max_replicas = 40;
    story.pod_start_seconds = 90;
    story.ticks(60, load(150.0));
    story.world.latency = Some(latency(4.0));
    let first = story.tick(load(1500.0));
    let mut most_asked = asked(&first);
    assert!(
        first.floor >= replicas(15) && first.floor <= most_asked,
        "{}",
        first.record
    );
    for _ in 0..90 / TICK_SECONDS {
        let decision = story.tick(load(1500.0));
        most_asked = most_asked.max(asked(&decision));
        assert!(decision.floor <= most_asked, "ordered pods count: {}", decision.record);
    }
}

#[test]
fn a_fall_of_load_is_held_while_latency_is_near_its_target_and_replicas_matter() {
    let mut story = Story::with_latency_at_floor(8).without_margin();
    story.world.latency = Some(latency(0.45));
    // 570 and the root of 1140 are 604 and need 7, which would serve 81 % of what they can.
    let held = story.ticks(LONG_SECONDS, load(570.0));
    assert_eq!((held.floor, limits(&held.record)), (replicas(8), vec!["WouldBreach"]));
    assert!(
        held.record
            .sentence()
            .starts_with("held at 8 because 7 would miss the latency target at once: "),
        "{}",
        held.record
    );
    // 300 and the root of 600 need 4, 75 % of what they can serve: latency is not theirs.
    assert!(story.ticks(LONG_SECONDS, load(300.0)).floor < replicas(8));
    story = Story::with_latency_at_floor(8).without_margin();
    story.input.latency_role = SignalRole::Optional;
    story.world.latency = Some(latency(0.45));
    assert_eq!(
        story.ticks(LONG_SECONDS, load(300.0)).floor,
        replicas(8),
        "Optional holds at any utilisation"
    );
}

#[test]
fn a_replica_that_serves_more_than_the_spec_says_is_found_out_within_bounds() {
    let mut story = Story::with_latency_at_floor(4);
    story.input.max_replicas = 4;
    // 4 replicas at 130 each, well within the target.
    story.ticks(WINDOW_SECONDS + 2 * TICK_SECONDS, load(520.0));
    story.input.max_replicas = 10;
    let found = story.tick(load(520.0));
    let need = need(&found.record);
    // 1.4 times what the spec says and no more, though latency has room for 520 each.
    assert!((need.per_replica.get() - 140.0).abs() < 0.1, "{}", found.record);
    assert!(
        f64::from(need.replicas.get()) < need.prepared_for.get() / 100.0,
        "{}",
        found.record
    );
}

#[test]
fn what_latency_added_goes_once_it_was_within_its_target_for_a_hold() {
    let mut story = Story::with_latency_at_floor(8).without_margin().with_cooldown(300);
    story.world.latency = Some(latency(0.9));
    story.ticks(5, load(690.0));
    assert_eq!(
        story.floor,
        Some(replicas(9)),
        "690 and the root of 1380 need 8, and one for latency"
    );
    story.world.latency = Some(latency(0.2));
    let seconds = story.seconds_until_lower(load(500.0)).unwrap();
    assert!(seconds >= 300, "{seconds}");
}
