//! What an increase must not pass, and what the user forbids in one direction.

use pathfinder_scaling::{Movement, Observation};

use crate::story::{COOLDOWN_SECONDS, LONG_SECONDS, Story, UNREACHABLE, asked, limits, load, replicas};

#[test]
fn an_increase_stops_at_what_the_database_has_connections_for() {
    let mut story = Story::at_floor(2);
    story.world.ceilings.database_connections = Some(replicas(5));
    let limited = story.tick(load(790.0));
    assert_eq!(
        (limited.floor, limits(&limited.record)),
        (replicas(5), vec!["DatabaseConnections"])
    );
    assert!(
        limited
            .record
            .sentence()
            .starts_with("5 replicas (the database has no connections for more) for a burst: 790 requests/s now"),
        "{}",
        limited.record
    );
}

#[test]
fn of_two_ceilings_the_lower_one_holds() {
    let mut story = Story::at_floor(2);
    story.world.ceilings.database_connections = Some(replicas(5));
    story.world.ceilings.quota = Some(replicas(4));
    assert_eq!(story.tick(load(790.0)).floor, replicas(4));
}

#[test]
fn a_ceiling_that_sinks_takes_nothing_away() {
    let mut story = Story::at_floor(2);
    story.ticks(60, load(790.0));
    let stood = story.floor.unwrap();
    assert!(stood >= replicas(8));
    story.world.ceilings.quota = Some(replicas(3));
    for _ in 0..COOLDOWN_SECONDS {
        let decision = story.tick(load(790.0));
        assert!(decision.floor >= stood.min(asked(&decision)), "{}", decision.record);
    }
    story.input.max_replicas = 6;
    assert_eq!(
        story.tick(load(790.0)).floor,
        replicas(6),
        "the maximum is the user's own word"
    );
}

#[test]
fn the_minimum_is_the_users_own_word_too() {
    let mut story = Story::at_floor(2);
    story.world.ceilings.quota = Some(replicas(3));
    story.input.min_replicas = 5;
    assert_eq!(story.tick(load(10.0)).floor, replicas(5));
}

#[test]
fn one_increase_is_no_larger_than_the_spec_allows() {
    let mut story = Story::at_floor(2);
    story.input.up_percent_max = 100;
    // Twice as many at a time.
    for most in [4, 8, 16] {
        let decision = story.tick(load(1900.0));
        assert_eq!(
            (decision.floor, limits(&decision.record)),
            (replicas(most), vec!["StepUp"])
        );
    }
    let last = story.tick(load(1900.0));
    assert_eq!(last.floor, asked(&last).min(replicas(32)));
    assert!(
        last.floor > replicas(16),
        "1900 need more than the 16 of three doublings"
    );
}

#[test]
fn increases_that_are_paused_are_explained_and_not_made() {
    let mut story = Story::at_floor(4);
    story.input.paused_up = Movement::Paused;
    let paused = story.tick(load(790.0));
    assert_eq!((paused.floor, limits(&paused.record)), (replicas(4), vec!["Paused"]));
    assert!(
        paused
            .record
            .sentence()
            .starts_with("4 replicas (increases are paused)"),
        "{}",
        paused.record
    );
    assert!(
        story.seconds_until_lower(load(10.0)).is_some(),
        "the other direction is free"
    );
}

#[test]
fn decreases_that_are_paused_are_explained_and_not_made() {
    let mut story = Story::at_floor(4);
    story.input.paused_down = Movement::Paused;
    let paused = story.ticks(LONG_SECONDS, load(10.0));
    assert_eq!((paused.floor, limits(&paused.record)[0]), (replicas(4), "Paused"));
    assert!(
        paused.record.sentence().contains("because decreases are paused"),
        "{}",
        paused.record
    );
    let raised = story.tick(load(790.0));
    assert_eq!(raised.floor, asked(&raised), "the other direction is free");
}

#[test]
fn a_bound_moves_also_what_is_paused() {
    let mut story = Story::at_floor(4);
    (story.input.paused_up, story.input.paused_down) = (Movement::Paused, Movement::Paused);
    story.input.min_replicas = 6;
    assert_eq!(story.tick(UNREACHABLE).floor, replicas(6));
    (story.input.min_replicas, story.input.max_replicas) = (1, 3);
    assert_eq!(story.tick(load(790.0)).floor, replicas(3));
}

#[test]
fn what_the_hpa_ordered_above_the_floor_is_no_burst_when_demand_reaches_it() {
    let mut story = Story::at_floor(2);
    let by_hpa = Observation {
        replicas_ordered: Some(replicas(6)),
        ..story.world
    };
    story.world = by_hpa;
    story.ticks(60, load(150.0));
    let raised = story.tick(load(250.0));
    assert_eq!(raised.floor, asked(&raised));
    assert!(raised.floor < replicas(6), "{}", raised.record);
}
