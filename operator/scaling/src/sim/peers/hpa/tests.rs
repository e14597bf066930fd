//! Passes of the HPA, computed by hand.

use rstest::rstest;

use super::*;

const HUGE: [Result<u32, NoMetric>; 1] = [Ok(1_000)];

/// Behaviour without windows and with these policies in both directions.
fn behavior(policies: Policies, select: Select) -> Behavior {
    let rules = Rules {
        stabilization_seconds: 0,
        policies,
        select,
    };
    Behavior {
        scale_up: rules,
        scale_down: rules,
    }
}

/// The sizes of consecutive passes, 15 s apart from 0, with the size written by one pass read by the next.
fn sizes(hpa: &mut Hpa, mut size: u32, passes: u32, proposals: &[Result<u32, NoMetric>]) -> Vec<u32> {
    let mut seen = Vec::new();
    for pass in 0..passes {
        size = hpa.pass(f64::from(pass) * SYNC_PERIOD_SECONDS, size, proposals);
        seen.push(size);
    }
    seen
}

#[test]
fn without_behavior_one_replica_grows_to_four_and_then_doubles() {
    // max(2 x 1, 4) = 4, then 2 x 4, 2 x 8, ...
    let grown = sizes(&mut Hpa::without_behavior(1, 1_000), 1, 6, &HUGE);
    assert_eq!(grown, [4, 8, 16, 32, 64, 128]);
}

#[test]
fn with_default_behavior_one_replica_grows_to_five_and_then_doubles() {
    // max(1 + 4, 1 x 2) = 5, max(5 + 4, 5 x 2) = 10, 20, ...
    let grown = sizes(&mut Hpa::new(1, 1_000, Behavior::default()), 1, 6, &HUGE);
    assert_eq!(grown, [5, 10, 20, 40, 80, 160]);
}

#[test]
fn a_phase_that_floats_cannot_hold_is_no_reason_to_skip_a_step() {
    // An event of 15 s ago is out of a period of 15 s, also where phase + n x 15 rounds to a little less.
    let mut hpa = Hpa::new(1, 1_000, Behavior::default());
    let mut size = 1;
    for pass in 0..6 {
        size = hpa.pass(0.1 + 0.2 + f64::from(pass) * SYNC_PERIOD_SECONDS, size, &HUGE);
    }
    assert_eq!(size, 160);
}

#[rstest]
#[case::without_behavior(Hpa::without_behavior(1, 60))]
#[case::default_behavior(Hpa::new(1, 60, Behavior::default()))]
fn an_increase_by_somebody_else_is_undone_at_the_next_pass(#[case] mut hpa: Hpa) {
    // Passes at 0..=315 recommend 3; at 330 the spec says 12 and the metric 4.
    assert_eq!(sizes(&mut hpa, 3, 22, &[Ok(3)]), [3; 22]);
    // max(recommendations since 30 s, all 3; 4) = 4: it never saw 12 as a recommendation.
    assert_eq!(hpa.pass(330.0, 12, &[Ok(4)]), 4);
}

#[rstest]
#[case::without_behavior(Hpa::without_behavior(5, 20))]
#[case::with_behavior(Hpa::new(5, 20, behavior(Policies::of([Policy::pods(1, 60)]), Select::Max)))]
fn bounds_are_reached_at_once_whatever_the_policies_and_the_metrics(#[case] mut hpa: Hpa) {
    assert_eq!(hpa.pass(0.0, 2, &[Err(NoMetric)]), 5);
    assert_eq!(hpa.pass(15.0, 90, &[Err(NoMetric)]), 20);
}

#[test]
fn a_raised_floor_takes_effect_at_the_next_pass() {
    let mut hpa = Hpa::new(2, 60, Behavior::default());
    assert_eq!(hpa.pass(0.0, 3, &[Ok(3)]), 3);
    hpa.set_bounds(30, 60);
    assert_eq!(hpa.pass(15.0, 3, &[Ok(3)]), 30);
    // Not below it either, although the metric asks for 3 and the size of 30 was never recommended.
    assert_eq!(hpa.pass(30.0, 30, &[Ok(3)]), 30);
}

#[test]
fn zero_replicas_disable_autoscaling_unless_the_minimum_is_zero() {
    assert_eq!(Hpa::without_behavior(1, 10).pass(0.0, 0, &HUGE), 0);
    // min(10, max(2 x 0, 4)) = 4
    assert_eq!(Hpa::without_behavior(0, 10).pass(0.0, 0, &HUGE), 4);
    let all_at_once = behavior(Policies::of([Policy::percent(100, 15)]), Select::Max);
    assert_eq!(Hpa::new(0, 10, all_at_once).pass(0.0, 5, &[Ok(0)]), 0);
    assert!(!Hpa::without_behavior(1, 10).reads_metrics(0));
    assert!(Hpa::without_behavior(0, 10).reads_metrics(0));
}

#[rstest]
#[case::without_behavior(Hpa::without_behavior(1, 60))]
#[case::default_behavior(Hpa::new(1, 60, Behavior::default()))]
fn a_decrease_waits_until_the_last_higher_recommendation_is_300_s_old(#[case] mut hpa: Hpa) {
    assert_eq!(hpa.pass(0.0, 10, &[Ok(10)]), 10);
    for pass in 1..20 {
        // 15 s..285 s: the 10 of second 0 is younger than 300 s.
        assert_eq!(hpa.pass(f64::from(pass) * 15.0, 10, &[Ok(2)]), 10, "pass {pass}");
    }
    assert_eq!(hpa.pass(300.0, 10, &[Ok(2)]), 2);
}

#[test]
fn the_first_pass_after_a_restart_holds_the_size_for_a_window() {
    // A new controller has no recommendations, takes the present 10 for one, and asks for 2.
    let mut hpa = Hpa::new(1, 60, Behavior::default());
    assert_eq!(sizes(&mut hpa, 10, 20, &[Ok(2)]), [10; 20]);
    assert_eq!(hpa.pass(300.0, 10, &[Ok(2)]), 2);
}

#[test]
fn an_up_window_lets_a_short_spike_pass() {
    let mut patient = Behavior::default();
    patient.scale_up.stabilization_seconds = 60;
    let mut hpa = Hpa::new(1, 60, patient);
    assert_eq!(hpa.pass(0.0, 4, &[Ok(4)]), 4);
    for pass in 1..4 {
        // min(4 of second 0, 8, ...) = 4
        assert_eq!(hpa.pass(f64::from(pass) * 15.0, 4, &[Ok(8)]), 4);
    }
    // At 60 s the 4 is 60 s old; all others ask for 8, and max(4 + 4, 4 x 2) allows it.
    assert_eq!(hpa.pass(60.0, 4, &[Ok(8)]), 8);
}

#[test]
fn several_metrics_count_by_their_maximum() {
    assert_eq!(Hpa::without_behavior(1, 60).pass(0.0, 5, &[Ok(3), Ok(9), Ok(7)]), 9);
}

#[rstest]
#[case::the_rest_goes_down(&[Ok(2), Err(NoMetric)], 5)]
#[case::the_rest_goes_up(&[Ok(8), Err(NoMetric)], 8)]
#[case::the_rest_stays(&[Ok(5), Err(NoMetric)], 5)]
#[case::all_fail(&[Err(NoMetric), Err(NoMetric)], 5)]
#[case::there_is_none(&[], 5)]
fn a_failed_metric_blocks_the_way_down_and_not_the_way_up(
    #[case] proposals: &[Result<u32, NoMetric>],
    #[case] expected: u32,
) {
    let mut hpa = Hpa::new(1, 60, behavior(Policies::of([Policy::percent(100, 15)]), Select::Max));
    assert_eq!(hpa.pass(0.0, 5, proposals), expected);
}

#[test]
fn failed_passes_leave_no_recommendation() {
    let mut hpa = Hpa::without_behavior(1, 60);
    assert_eq!(hpa.pass(0.0, 10, &[Ok(10)]), 10);
    for pass in 1..20 {
        assert_eq!(hpa.pass(f64::from(pass) * 15.0, 10, &[Err(NoMetric)]), 10);
    }
    // Nothing but the 10 of second 0 was remembered, and it is out: the first reading decides alone.
    assert_eq!(hpa.pass(300.0, 10, &[Ok(1)]), 1);
}

#[test]
fn a_percent_policy_counts_from_the_start_of_its_period() {
    let mut hpa = Hpa::new(1, 100, behavior(Policies::of([Policy::percent(10, 60)]), Select::Max));
    // trunc(100 x 0.9) = 90; the period still began with 90 + 10 = 100 at 15, 30 and 45 s; then trunc(90 x 0.9) = 81.
    assert_eq!(sizes(&mut hpa, 100, 5, &[Ok(1)]), [90, 90, 90, 90, 81]);
}

#[test]
fn a_pods_policy_counts_what_was_added_in_its_period() {
    let mut hpa = Hpa::new(1, 100, behavior(Policies::of([Policy::pods(4, 60)]), Select::Max));
    // 1 + 4 = 5; until 60 s the start is 5 - 4 = 1 and the limit stays 5; then 5 + 4 = 9.
    assert_eq!(sizes(&mut hpa, 1, 5, &HUGE), [5, 5, 5, 5, 9]);
}

#[test]
fn a_decrease_within_the_period_is_given_back_to_the_next_increase() {
    let mut hpa = Hpa::new(1, 100, behavior(Policies::of([Policy::pods(4, 60)]), Select::Max));
    // 10 - 4 = 6; then the period began with 6 + 4 = 10, so up to 10 + 4 = 14.
    assert_eq!(hpa.pass(0.0, 10, &[Ok(1)]), 6);
    assert_eq!(hpa.pass(15.0, 6, &HUGE), 14);
}

#[test]
fn select_min_takes_the_smaller_change() {
    let policies = Policies::of([Policy::pods(4, 15), Policy::percent(100, 15)]);
    let mut up = Hpa::new(1, 100, behavior(policies, Select::Min));
    // min(1 + 4, 2) = 2, min(6, 4) = 4, min(8, 8) = 8, min(12, 16) = 12
    assert_eq!(sizes(&mut up, 1, 4, &HUGE), [2, 4, 8, 12]);
    let mut down = Hpa::new(1, 100, behavior(policies, Select::Min));
    // max(10 - 4, 0) = 6, max(6 - 4, 0) = 2, max(2 - 4, 0) = 0 but not below the minimum of 1
    assert_eq!(sizes(&mut down, 10, 3, &[Ok(1)]), [6, 2, 1]);
}

#[test]
fn a_disabled_direction_never_moves() {
    let mut hpa = Hpa::new(
        1,
        100,
        behavior(Policies::of([Policy::percent(100, 15)]), Select::Disabled),
    );
    assert_eq!(sizes(&mut hpa, 10, 3, &[Ok(1)]), [10; 3]);
    assert_eq!(hpa.pass(45.0, 10, &HUGE), 10);
}

#[test]
fn the_maximum_limits_an_increase() {
    assert_eq!(Hpa::new(1, 7, Behavior::default()).pass(0.0, 5, &HUGE), 7);
    assert_eq!(Hpa::without_behavior(1, 7).pass(0.0, 5, &HUGE), 7);
}

#[test]
fn memory_is_bounded_by_the_windows() {
    let mut hpa = Hpa::new(1, 100, Behavior::default());
    let mut size = 1;
    for pass in 0..100_000_u32 {
        let asked = if pass.is_multiple_of(50) { 40 } else { 2 };
        size = hpa.pass(f64::from(pass) * 15.0, size, &[Ok(asked)]);
    }
    let (recommendations, events) = hpa.history.held();
    // 300 s / 15 s = 20 recommendations and the newest; one event per direction and period of 15 s.
    assert!(recommendations <= 21, "{recommendations} recommendations");
    assert!(events <= 2, "{events} events");
}
