//! Both loops of KEDA, computed by hand.

use rstest::rstest;

use super::*;

const THRESHOLD: f64 = 100.0;

/// A workload in which everything ordered is ready.
fn settled(replicas: u32) -> Workload {
    Workload {
        spec_replicas: replicas,
        status_replicas: replicas,
        ready_replicas: replicas,
    }
}

fn at_least_one() -> ScaledObject {
    ScaledObject {
        min_replica_count: 1,
        ..ScaledObject::new(Trigger::new(THRESHOLD))
    }
}

fn falling_back(replicas: u32, behavior: FallbackBehavior) -> ScaledObject {
    let fallback = Fallback {
        failure_threshold: 3,
        replicas,
        behavior,
    };
    ScaledObject {
        fallback: Some(fallback),
        ..at_least_one()
    }
}

/// The size after HPA passes every 15 s from 0 that all get this answer.
fn after_passes(keda: &mut Keda, mut size: u32, passes: u32, answer: Answer) -> u32 {
    for pass in 0..passes {
        size = keda.hpa_pass(f64::from(pass) * 15.0, settled(size), answer);
    }
    size
}

#[rstest]
#[case::not_a_number(Answer::Value(f64::NAN))]
#[case::infinite(Answer::Value(f64::INFINITY))]
#[case::empty(Answer::Empty)]
#[case::negative(Answer::Value(-1.0))]
fn no_value_is_zero_load_and_scales_to_the_minimum_after_300_s(#[case] nothing: Answer) {
    let mut keda = Keda::new(at_least_one(), 0.0);
    assert_eq!(keda.hpa_pass(0.0, settled(10), Answer::Value(1_000.0)), 10);
    for pass in 1..20 {
        assert_eq!(keda.hpa_pass(f64::from(pass) * 15.0, settled(10), nothing), 10);
    }
    // ceil(0 / 100) = 0, the 10 of second 0 is out of the window, and the HPA's minimum is max(1, 1).
    assert_eq!(keda.hpa_pass(300.0, settled(10), nothing), 1);
}

#[rstest]
#[case::not_a_number(Answer::Value(f64::NAN))]
#[case::empty(Answer::Empty)]
fn no_value_holds_the_size_where_null_values_are_errors(#[case] nothing: Answer) {
    let mut object = at_least_one();
    object.trigger.null_values = NullValues::AsError;
    assert_eq!(after_passes(&mut Keda::new(object, 0.0), 10, 40, nothing), 10);
}

#[test]
fn an_outage_without_fallback_holds_the_size_for_ever() {
    let mut keda = Keda::new(ScaledObject::new(Trigger::new(THRESHOLD)), 0.0);
    for tick in 0..40 {
        let now = f64::from(tick) * 15.0;
        assert_eq!(keda.hpa_pass(now, settled(10), Answer::Error), 10);
        assert_eq!(keda.poll(now, settled(10), Answer::Error), 10);
    }
}

#[test]
fn the_first_decision_after_a_step_follows_the_value() {
    let mut keda = Keda::new(at_least_one(), 0.0);
    // ceil(1950 / 100) = 20 = the limit of 2 x 10; then nothing is left to do.
    assert_eq!(keda.hpa_pass(0.0, settled(10), Answer::Value(1_950.0)), 20);
    assert_eq!(keda.hpa_pass(15.0, settled(20), Answer::Value(1_950.0)), 20);
}

#[test]
fn three_tolerated_failures_are_37_s_of_two_loops() {
    let mut keda = Keda::new(falling_back(20, FallbackBehavior::Static), 0.0);
    let mut size = 10;
    let mut seen = Vec::new();
    // The source fails from 0 on; the HPA reads at 7, 22, 37, ... and the operator at 30, 60, ...
    for second in 0..40 {
        let now = f64::from(second);
        if second % 15 == 7 {
            size = keda.hpa_pass(now, settled(size), Answer::Error);
            seen.push((second, keda.failures(), size));
        }
        if second > 0 && second % 30 == 0 {
            size = keda.poll(now, settled(size), Answer::Error);
            seen.push((second, keda.failures(), size));
        }
    }
    // The fourth failure, 4 > 3, serves 100 x 20: ratio 2, min(20, 2 x 10).
    assert_eq!(seen, [(7, 1, 10), (22, 2, 10), (30, 3, 10), (37, 4, 20)]);
}

#[test]
fn one_success_begins_the_count_anew() {
    let mut keda = Keda::new(falling_back(20, FallbackBehavior::Static), 0.0);
    assert_eq!(after_passes(&mut keda, 10, 3, Answer::Error), 10);
    keda.poll(40.0, settled(10), Answer::Value(1_000.0));
    assert_eq!(keda.failures(), 0);
    assert_eq!(keda.hpa_pass(45.0, settled(10), Answer::Error), 10);
}

#[rstest]
#[case(10, 11)]
#[case(20, 22)]
#[case(30, 33)]
fn a_fallback_within_ten_percent_is_never_reached(#[case] current: u32, #[case] fallback: u32) {
    // 100 x 11 / (100 x 10) = 1.1 is within the tolerance, so the observed replicas stay.
    let mut keda = Keda::new(falling_back(fallback, FallbackBehavior::Static), 0.0);
    assert_eq!(after_passes(&mut keda, current, 100, Answer::Error), current);
}

#[rstest]
// 12 / 10 = 1.2 is outside the tolerance.
#[case::fixed(FallbackBehavior::Static, 10, 12, 12)]
#[case::current(FallbackBehavior::CurrentReplicas, 10, 20, 10)]
#[case::higher_is_fallback(FallbackBehavior::CurrentReplicasIfHigher, 10, 20, 20)]
#[case::higher_is_current(FallbackBehavior::CurrentReplicasIfHigher, 30, 20, 30)]
// Downwards only after 300 s of recommendations, see the number of passes.
#[case::lower_is_fallback(FallbackBehavior::CurrentReplicasIfLower, 30, 20, 20)]
#[case::lower_is_current(FallbackBehavior::CurrentReplicasIfLower, 10, 20, 10)]
fn a_fallback_combines_with_the_present_size(
    #[case] behavior: FallbackBehavior,
    #[case] current: u32,
    #[case] fallback: u32,
    #[case] expected: u32,
) {
    let mut keda = Keda::new(falling_back(fallback, behavior), 0.0);
    assert_eq!(after_passes(&mut keda, current, 30, Answer::Error), expected);
}

#[rstest]
// 100 x 20 / 5 ready = 400; ratio 4; ceil(4 x 5) = 20
#[case::some_ready(5, 20)]
#[case::none_ready(0, 10)]
fn a_fallback_for_value_needs_ready_pods(#[case] ready_replicas: u32, #[case] expected: u32) {
    let mut object = falling_back(20, FallbackBehavior::Static);
    object.trigger.metric_type = MetricType::Value;
    let mut keda = Keda::new(object, 0.0);
    let mut workload = Workload {
        ready_replicas,
        ..settled(10)
    };
    for pass in 0..6 {
        workload.spec_replicas = keda.hpa_pass(f64::from(pass) * 15.0, workload, Answer::Error);
    }
    assert_eq!(workload.spec_replicas, expected);
}

#[test]
fn value_scales_the_ready_pods_by_the_ratio() {
    let mut object = at_least_one();
    object.trigger.metric_type = MetricType::Value;
    let workload = Workload {
        ready_replicas: 4,
        ..settled(5)
    };
    // 200 / 100 = 2; ceil(2 x 4 ready) = 8
    assert_eq!(Keda::new(object, 0.0).hpa_pass(0.0, workload, Answer::Value(200.0)), 8);
}

#[test]
fn a_schedule_of_one_more_than_ten_is_never_reached() {
    // The cron trigger serves the wanted replicas against a target of 1: 11 / (1 x 10) = 1.1.
    let object = ScaledObject {
        trigger: Trigger::new(1.0),
        ..at_least_one()
    };
    assert_eq!(
        after_passes(&mut Keda::new(object, 0.0), 10, 100, Answer::Value(11.0)),
        10
    );
    // 12 / 10 = 1.2 is.
    assert_eq!(
        after_passes(&mut Keda::new(object, 0.0), 10, 100, Answer::Value(12.0)),
        12
    );
}

#[test]
fn an_idle_trigger_scales_to_zero_one_cooldown_after_the_last_active_poll() {
    let mut keda = Keda::new(ScaledObject::new(Trigger::new(THRESHOLD)), 0.0);
    assert_eq!(keda.poll(0.0, settled(1), Answer::Value(50.0)), 1);
    for poll in 1..10 {
        assert_eq!(keda.poll(f64::from(poll) * 30.0, settled(1), Answer::Value(0.0)), 1);
    }
    assert_eq!(keda.poll(300.0, settled(1), Answer::Value(0.0)), 0);
    // The HPA leaves a workload at zero alone, whatever the load.
    assert_eq!(keda.hpa_pass(307.0, settled(0), Answer::Value(5_000.0)), 0);
    // The poll loop brings back the first one, the HPA the others: max(2 x 1, 4).
    assert_eq!(keda.poll(330.0, settled(0), Answer::Value(5_000.0)), 1);
    assert_eq!(keda.hpa_pass(337.0, settled(1), Answer::Value(5_000.0)), 4);
}

#[test]
fn an_object_never_active_waits_for_the_initial_cooldown() {
    let object = ScaledObject {
        initial_cooldown_seconds: 120.0,
        ..ScaledObject::new(Trigger::new(THRESHOLD))
    };
    let mut keda = Keda::new(object, 1_000.0);
    assert_eq!(keda.poll(1_090.0, settled(3), Answer::Value(0.0)), 3);
    assert_eq!(keda.poll(1_120.0, settled(3), Answer::Value(0.0)), 0);
}

#[rstest]
#[case::at_the_threshold(5.0, 0)]
#[case::above_it(5.1, 1)]
fn activation_is_strictly_above_its_threshold(#[case] value: f64, #[case] expected: u32) {
    let mut object = ScaledObject::new(Trigger::new(THRESHOLD));
    object.trigger.activation_threshold = 5.0;
    assert_eq!(
        Keda::new(object, 0.0).poll(0.0, settled(0), Answer::Value(value)),
        expected
    );
}

#[test]
fn the_idle_size_lies_below_the_minimum() {
    let object = ScaledObject {
        min_replica_count: 3,
        idle_replica_count: Some(0),
        ..ScaledObject::new(Trigger::new(THRESHOLD))
    };
    let mut keda = Keda::new(object, 0.0);
    assert_eq!(keda.poll(0.0, settled(0), Answer::Value(1.0)), 3);
    assert_eq!(keda.poll(30.0, settled(3), Answer::Value(0.0)), 3);
    assert_eq!(keda.poll(300.0, settled(3), Answer::Value(0.0)), 0);
    assert_eq!(keda.poll(330.0, settled(0), Answer::Value(0.0)), 0);
    // In idle mode an active poll also raises what lies between the two.
    assert_eq!(keda.poll(360.0, settled(2), Answer::Value(1.0)), 3);
}

#[test]
fn an_inactive_poll_raises_what_lies_below_the_minimum() {
    let object = ScaledObject {
        min_replica_count: 3,
        ..at_least_one()
    };
    assert_eq!(Keda::new(object, 0.0).poll(0.0, settled(1), Answer::Value(0.0)), 3);
}

#[test]
fn the_poll_loop_leaves_sizes_above_zero_to_the_hpa() {
    let mut keda = Keda::new(at_least_one(), 0.0);
    assert_eq!(keda.poll(0.0, settled(4), Answer::Value(9_999.0)), 4);
    assert_eq!(keda.poll(3_000.0, settled(4), Answer::Value(0.0)), 4);
}

#[test]
fn from_zero_only_the_poll_loop_counts_failures_towards_the_fallback() {
    let mut object = falling_back(5, FallbackBehavior::Static);
    object.min_replica_count = 0;
    let mut keda = Keda::new(object, 0.0);
    for poll in 0..3 {
        let now = f64::from(poll) * 30.0;
        assert_eq!(keda.poll(now, settled(0), Answer::Error), 0);
        assert_eq!(keda.hpa_pass(now + 7.0, settled(0), Answer::Error), 0);
    }
    // The fourth: a fallback is active, and the HPA then goes from 1 to min(5, max(2, 4)).
    assert_eq!(keda.poll(90.0, settled(0), Answer::Error), 1);
    assert_eq!(keda.hpa_pass(97.0, settled(1), Answer::Error), 4);
    // It was active at 90 s, so without load it is back at zero one cooldown later and not before.
    assert_eq!(keda.poll(360.0, settled(4), Answer::Value(0.0)), 4);
    assert_eq!(keda.poll(390.0, settled(4), Answer::Value(0.0)), 0);
}

#[rstest]
#[case::to_some(5, 2)]
#[case::to_zero(0, 0)]
fn an_error_before_the_fallback_stops_the_way_to_zero_unless_the_fallback_is_zero(
    #[case] fallback: u32,
    #[case] expected: u32,
) {
    let mut object = falling_back(fallback, FallbackBehavior::Static);
    object.min_replica_count = 0;
    assert_eq!(Keda::new(object, 0.0).poll(600.0, settled(2), Answer::Error), expected);
}
