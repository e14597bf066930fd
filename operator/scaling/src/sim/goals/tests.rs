//! The goals, on rows made by hand.

use super::*;
use crate::sim::score::Outcome;

fn row(policy: Policy, setting: &str, violation_share: f64, replica_hours: f64) -> Row {
    at("calm", policy, setting, (violation_share, replica_hours))
}

fn at(trace: &str, policy: Policy, setting: &str, (violation_share, replica_hours): (f64, f64)) -> Row {
    let outcome = Outcome {
        violation_share,
        replica_hours,
        ..Outcome::default()
    };
    Row::of((trace, 30), policy, setting.to_owned(), &outcome)
}

fn found(rows: &[Row]) -> Vec<Goal> {
    goals(rows, &["calm".to_owned()])
}

#[test]
fn worse_in_both_than_a_default_misses_the_first_goal_and_worse_in_one_does_not() {
    let rows = |share| {
        [
            row(Policy::Ours, "default", share, 110.0),
            row(Policy::Hpa, "default", 0.01, 100.0),
        ]
    };
    let worse = &found(&rows(0.02))[0];
    assert_eq!((worse.verdict, worse.misses.len()), (Verdict::Missed, 1));
    assert!(
        worse.misses[0].starts_with("calm at 30 s: hpa default"),
        "{:?}",
        worse.misses
    );
    assert_eq!(found(&rows(0.005))[0].verdict, Verdict::Reached);
}

#[test]
fn where_pods_are_read_directly_another_row_of_ours_is_compared_and_the_sweep_stays_without_it() {
    let rows = [
        row(Policy::Ours, "default", 0.02, 110.0),
        row(Policy::Ours, "source=Pods", 0.005, 110.0),
        row(Policy::Kpa, "default", 0.01, 100.0),
        row(Policy::Kpa, "delay=600s", 0.001, 120.0),
    ];
    let verdicts = |goals: &[Goal]| goals.iter().take(2).map(|goal| goal.verdict).collect::<Vec<_>>();
    assert_eq!(verdicts(&found(&rows)), [Verdict::Missed; 2]);
    assert_eq!(verdicts(&goals_read_directly(&rows)), [Verdict::Reached; 2]);
    assert_eq!(verdicts(&goals_read_directly(&rows[2..])), [Verdict::NotMeasured; 2]);
    let without: Vec<Row> = rows
        .iter()
        .filter(|row| row.setting != "source=Pods")
        .cloned()
        .collect();
    assert_eq!(found(&rows)[2], found(&without)[2]);
}

#[test]
fn a_setting_in_hindsight_may_beat_ours_in_a_tenth_of_cells() {
    let rows = |beaten: usize| -> Vec<Row> {
        (0..10)
            .flat_map(|index| {
                let name = format!("trace {index}");
                let hours = if index < beaten { 110.0 } else { 90.0 };
                [
                    at(&name, Policy::Ours, "default", (0.02, hours)),
                    at(&name, Policy::Kpa, "delay=600s", (0.01, 100.0)),
                ]
            })
            .collect()
    };
    assert_eq!(found(&rows(1))[1].verdict, Verdict::Reached);
    assert_eq!(found(&rows(2))[1].verdict, Verdict::Missed);
}

#[test]
fn the_sweep_is_compared_where_the_front_has_hours() {
    let peers = [
        row(Policy::Keda, "default", 0.1, 100.0),
        row(Policy::Hpa, "default", 0.001, 200.0),
    ];
    let with = |points: &[(f64, f64)]| {
        let ours = points
            .iter()
            .map(|(share, hours)| row(Policy::Ours, "default", *share, *hours));
        found(&peers.iter().cloned().chain(ours).collect::<Vec<_>>())[2].clone()
    };
    // (0.05 + 1e-5) / (0.1 + 1e-5) = 0.50; what lies outside to the left is not counted.
    let half = with(&[(0.05, 100.0), (0.9, 50.0)]);
    assert_eq!(half.found, "0.50x over 1 cells, highest 0.50x");
    assert_eq!(half.verdict, Verdict::Reached);
    // sqrt(0.5 x 2) = 1
    let mean = with(&[(0.05, 100.0), (0.002_01, 200.0)]);
    assert!(mean.found.starts_with("1.00x"), "{}", mean.found);
    assert_eq!(mean.verdict, Verdict::Missed);
    let beyond = with(&[(0.05, 100.0), (0.002, 300.0)]);
    assert_eq!((beyond.verdict, beyond.misses.len()), (Verdict::Missed, 1));
}

#[test]
fn only_calm_traces_must_come_near_the_clairvoyant() {
    let rows = |trace: &str| {
        [
            at(trace, Policy::Ours, "default", (0.001, 130.0)),
            at(trace, Policy::Clairvoyant, "default", (0.001, 100.0)),
        ]
    };
    let missed = &found(&rows("calm"))[3];
    assert_eq!(
        (missed.verdict, missed.misses.as_slice()),
        (Verdict::Missed, ["calm at 30 s: 1.30x".to_owned()].as_slice())
    );
    let other = &found(&rows("spike"))[3];
    assert_eq!(other.verdict, Verdict::NotMeasured);
    assert!(
        other.found.ends_with("all traces 1.30x, highest 1.30x"),
        "{}",
        other.found
    );
}

#[test]
fn a_forecast_is_judged_at_equal_hours() {
    let with = |share: f64| {
        found(&[
            row(Policy::Ours, "default", share, 110.0),
            row(Policy::Ours, "objective=0.9 forecast=off", 0.01, 100.0),
            row(Policy::Ours, "objective=0.999 forecast=off", 0.001, 120.0),
        ])[4]
            .clone()
    };
    // Without, at 110 h: sqrt(0.01 x 0.001) = 0.003162.
    assert_eq!(with(0.001_581).verdict, Verdict::Reached);
    assert!(with(0.001_581).found.starts_with("0.50x"));
    assert_eq!(with(0.003).verdict, Verdict::Missed);
    assert_eq!(with(0.004).misses.len(), 1);
}

#[test]
fn without_rows_nothing_is_reached() {
    assert!(found(&[]).iter().all(|goal| goal.verdict == Verdict::NotMeasured));
}
