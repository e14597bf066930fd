//! Which candidate is followed.

use super::*;
use crate::learning::candidates::Kind;
use crate::policy::PolicyInput;
use crate::units::RequestsPerSecond;

const TICKS: i64 = 2000;

fn policy(input: PolicyInput) -> Policy {
    Policy::parse(input).unwrap()
}

fn input() -> PolicyInput {
    PolicyInput {
        max_replicas: 1000,
        latency_target: Some(Duration::from_millis(500)),
        ..PolicyInput::default()
    }
}

/// What the candidates cost after some hours of 1000 with 3000 for 30 s of every ten minutes, where the trend says
/// nothing and `soon` is told by the second.
fn lived(policy: &Policy, load_of: impl Fn(i64) -> f64, soon: impl Fn(i64) -> f64) -> Shadows {
    let mut shadows = Shadows::default();
    for second in (0..TICKS * 5).step_by(5) {
        let load = load_of(second);
        let sample = Sample {
            load: RequestsPerSecond::saturating(load),
            capacity: RequestsPerSecond::saturating(100.0),
            served: RequestsPerSecond::saturating(f64::MAX),
            horizon: Duration::from_secs(40),
            now: Timestamp::from_second(second).unwrap(),
            wall: Timestamp::from_second(second).unwrap(),
        };
        let charge = Charge::of(policy, &sample);
        shadows.charge(policy, &charge);
        let held = [load; HOLDS_SECONDS.len()];
        shadows.order(&charge, (held, held), soon(second));
    }
    shadows
}

fn bursty(second: i64) -> f64 {
    if second % 600 < 30 { 3000.0 } else { 1000.0 }
}

#[test]
fn a_higher_objective_never_chooses_what_is_cheaper_and_later() {
    let mut shadows = lived(&policy(input()), bursty, |_| 0.0);
    shadows.followed = None;
    let chosen = |objective: f64| {
        let policy = policy(PolicyInput { objective, ..input() });
        let learned = shadows.cheapest(&policy, price(&policy));
        let cost = shadows.costs[learned.number()];
        let (replicas, late) = Shadows::default().chosen(&policy).prior(40.0);
        [(cost.replicas, cost.late), (replicas, late)]
    };
    let objectives = [0.5, 0.9, 0.95, 0.99, 0.995, 0.999, 0.9999, 0.99999];
    for pair in objectives.windows(2) {
        for (low, high) in chosen(pair[0]).into_iter().zip(chosen(pair[1])) {
            assert!(high.0 >= low.0 && high.1 <= low.1, "{pair:?}: {low:?} {high:?}");
        }
    }
    assert!(
        chosen(0.99999)[0].0 > chosen(0.5)[0].0,
        "and it is not the same for all"
    );
}

#[test]
fn nothing_is_held_longer_than_the_cooldown_of_the_spec_also_after_it_was_shortened() {
    let learned = lived(&policy(input()), bursty, |_| 0.0);
    for cooldown in [0, 5, 60, 200, 600, 3600] {
        let policy = policy(PolicyInput {
            scale_down_cooldown: Some(Duration::from_secs(cooldown)),
            ..input()
        });
        for number in 0..CANDIDATES {
            let mut shadows = learned.clone();
            shadows.followed = Some(Candidate::new(number));
            let followed = shadows.cheapest(&policy, price(&policy));
            for chosen in [shadows.chosen(&policy), Shadows::default().chosen(&policy), followed] {
                assert!(
                    u64::from(chosen.hold_seconds()) <= cooldown.max(5),
                    "{cooldown}: {chosen:?}"
                );
            }
        }
    }
}

#[test]
fn a_shorter_cooldown_never_chooses_a_larger_margin_before_and_after_anything_was_seen() {
    let learned = lived(&policy(input()), bursty, |_| 0.0);
    let margins = |cooldown: Option<u64>| {
        let scale_down_cooldown = cooldown.map(Duration::from_secs);
        let policy = policy(PolicyInput {
            scale_down_cooldown,
            ..input()
        });
        let mut again = learned.clone();
        again.followed = None;
        let learned = again.cheapest(&policy, price(&policy));
        [learned.margin(), Shadows::default().chosen(&policy).margin()]
    };
    let freely = margins(None);
    for cooldown in [0, 5, 60, 200, 600, 3600] {
        for (margin, freely) in margins(Some(cooldown)).into_iter().zip(freely) {
            assert!(margin <= freely, "{cooldown} s: {margin}, without it {freely}");
        }
    }
}

#[test]
fn the_time_of_day_is_never_chosen_where_it_is_ignored_however_good_it_was() {
    // The season says 40 s ahead what comes.
    let followed = policy(input());
    let ignored = policy(PolicyInput {
        forecast: ForecastUse::Ignored,
        ..input()
    });
    let ahead = |second: i64| bursty(second + 40).max(bursty(second + 20)).max(bursty(second));
    let mut shadows = lived(&followed, bursty, ahead);
    assert_eq!(shadows.chosen(&followed).kind(), Kind::Season);
    assert_ne!(shadows.chosen(&ignored).kind(), Kind::Season);
    shadows.followed = Some(shadows.cheapest(&ignored, price(&ignored)));
    assert_ne!(shadows.followed.map(Candidate::kind), Some(Kind::Season));
    assert_ne!(lived(&ignored, bursty, ahead).chosen(&ignored).kind(), Kind::Season);
}

#[test]
fn every_cost_stays_finite_whatever_the_load_and_the_policy() {
    let extreme = policy(PolicyInput {
        per_replica: f64::MIN_POSITIVE,
        max_replicas: u32::MAX,
        objective: 0.99999,
        latency_target: Some(Duration::from_nanos(1)),
        ..input()
    });
    let shadows = lived(
        &extreme,
        |second| if second % 50 == 0 { 0.0 } else { f64::MAX },
        |_| f64::MAX,
    );
    let costs = &shadows.costs;
    assert!(costs.iter().all(|cost| {
        [cost.replicas, cost.late, cost.backlog, cost.replicas + 1e4 * cost.late]
            .iter()
            .all(|sum| sum.is_finite())
    }));
}
