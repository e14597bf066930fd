//! What must hold of any run of the bench, on loads that take milliseconds.

use super::*;
use crate::sim::trace::Bin;

/// Rates by bins of a minute.
fn trace(name: &str, rates: &[f64]) -> Trace {
    let bins = (0..)
        .step_by(60)
        .zip(rates)
        .map(|(from_second, requests_per_second)| Bin {
            from_second,
            requests_per_second: *requests_per_second,
        });
    Trace::of(name, bins.collect()).unwrap()
}

fn small() -> Bench {
    let wave: Vec<f64> = (0..60)
        .map(|minute| if minute % 20 < 10 { 10.0 } else { 40.0 })
        .collect();
    Bench {
        pod_starts: vec![5, 60],
        peers: Contender::DEFAULTS.to_vec(),
        sizes: vec![2, 10, 30, 60],
        objectives: vec![0.9, DEFAULT_OBJECTIVE, 0.9999],
        ..Bench::of(vec![trace("wave", &wave), trace("flat", &[10.0; 60])])
    }
}

#[test]
fn the_same_bench_gives_the_same_rows() {
    let run = || small().run(&|_| {}).unwrap();
    assert_eq!(run(), run());
}

#[test]
fn every_cell_has_every_policy_and_one_default_of_each() {
    let rows = small().run(&|_| {}).unwrap().rows;
    // Per cell: 3 objectives of ours and the pods read directly, 3 peers, 4 sizes, the clairvoyant.
    assert_eq!(rows.len(), 2 * 2 * (4 + 3 + 4 + 1));
    for (trace, start) in [("wave", 5), ("wave", 60), ("flat", 5), ("flat", 60)] {
        for policy in Policy::ALL {
            let defaults = rows
                .iter()
                .filter(|row| row.trace == trace && row.pod_start_seconds == start && row.is_default(policy));
            assert_eq!(defaults.count(), 1, "{trace} {start} {policy:?}");
        }
    }
}

#[test]
fn who_knows_the_load_needs_no_more_hours_than_ours_or_a_constant_size() {
    let rows = small().run(&|_| {}).unwrap().rows;
    for one in rows.iter().filter(|row| row.policy == Policy::Clairvoyant) {
        let same = |row: &&Row| row.trace == one.trace && row.pod_start_seconds == one.pod_start_seconds;
        let ours = rows
            .iter()
            .filter(same)
            .find(|row| row.is_default(Policy::Ours))
            .unwrap();
        assert!(one.violation_share <= ours.violation_share);
        for other in rows
            .iter()
            .filter(same)
            .filter(|row| row.violation_share <= ours.violation_share)
        {
            assert!(
                one.replica_hours <= other.replica_hours * 1.001,
                "{other:?} beats {one:?}"
            );
        }
    }
}

#[test]
fn a_forecast_is_compared_only_where_there_are_days_to_learn_from() {
    let off = |seconds: u32| {
        let entrants = entrant::of_ours(&[0.9], seconds);
        let names = entrants.into_iter().map(|entrant| entrant.names().1);
        names
            .filter(|setting| setting.ends_with("forecast=off"))
            .collect::<Vec<_>>()
    };
    assert!(off(FORECAST_SECONDS - 1).is_empty());
    assert_eq!(
        off(FORECAST_SECONDS),
        ["objective=0.999 forecast=off", "objective=0.9 forecast=off"]
    );
}

#[test]
fn progress_ends_at_its_total() {
    let last = std::sync::Mutex::new(Vec::new());
    small()
        .run(&|progress| {
            if let Ok(mut seen) = last.lock() {
                seen.push(progress.done);
                assert!(progress.done <= progress.total);
                if progress.done == progress.total {
                    seen.push(u64::MAX);
                }
            }
        })
        .unwrap();
    assert!(last.into_inner().unwrap().contains(&u64::MAX));
}

#[test]
fn an_objective_that_ours_refuses_stops_the_bench_before_it_runs() {
    let bench = Bench {
        objectives: vec![1.5],
        ..small()
    };
    assert!(matches!(bench.run(&|_| {}), Err(BenchError::Objective { .. })));
}

#[test]
fn a_wave_that_grows_fourfold_within_a_minute_is_not_calm_and_a_flat_load_is() {
    assert_eq!(small().run(&|_| {}).unwrap().calm, ["flat"]);
}
