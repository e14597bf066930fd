//! What an increase must not pass, and what the user forbids in one direction.

use pathfinder_scaling::{Movement, Observation};

use crate::story::{COOLDOWN_SECONDS, Story, UNREACHABLE, limits, load, replicas};

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
    assert_eq!(story.floor, Some(replicas(9)));
    story.world.ceilings.quota = Some(replicas(3));
    for _ in 0..COOLDOWN_SECONDS {
        assert_eq!(story.tick(load(790.0)).floor, replicas(9));
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
    story.input.max_replicas = 40;
    let floors: Vec<u32> = (0..4).map(|_| story.tick(load(1500.0)).floor.get()).collect();
    // Twice as many at a time, up to the 17 that 1650 need.
    assert_eq!(floors, [4, 8, 16, 17]);
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
    let paused = story.ticks(2 * COOLDOWN_SECONDS, load(10.0));
    assert_eq!((paused.floor, limits(&paused.record)[0]), (replicas(4), "Paused"));
    assert!(
        paused.record.sentence().contains("because decreases are paused"),
        "{}",
        paused.record
    );
    assert_eq!(
        story.tick(load(790.0)).floor,
        replicas(9),
        "the other direction is free"
    );
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
    assert_eq!(story.tick(load(250.0)).floor, replicas(3));
}
