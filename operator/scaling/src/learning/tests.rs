//! What a workload teaches of its margin and its trend.

use proptest::prelude::*;

use super::*;
use crate::policy::{ForecastUse, PolicyInput};

const HORIZON: Duration = Duration::from_secs(40);
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn with_latency() -> PolicyInput {
    PolicyInput {
        max_replicas: 1000,
        latency_target: Some(Duration::from_millis(500)),
        ..PolicyInput::default()
    }
}

fn policy(input: PolicyInput) -> Policy {
    Policy::parse(input).unwrap()
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn sample(load: f64, second: i64) -> Sample {
    Sample {
        load: RequestsPerSecond::new(load).unwrap(),
        capacity: RequestsPerSecond::new(100.0).unwrap(),
        served: RequestsPerSecond::new(f64::MAX).unwrap(),
        horizon: HORIZON,
        now: at(second),
        wall: at(second),
    }
}

/// What was learned from second 0 to `until` under a load by the second.
fn lived(policy: &Policy, (until, tick_seconds): (i64, usize), load: impl Fn(i64) -> f64) -> Learning {
    let mut learning = Learning::default();
    for second in (0..until).step_by(tick_seconds) {
        learning.take(policy, &sample(load(second), second));
    }
    learning
}

fn calm(_: i64) -> f64 {
    1000.0
}

/// Three times as much for 30 s of every ten minutes.
fn bursty(second: i64) -> f64 {
    if second % 600 < 30 { 3000.0 } else { 1000.0 }
}

/// Every twenty minutes up from 1000 to 5000 within 200 s, ever faster, and down at once: in a horizon by half and more,
/// of which the trend leaves a fifth.
fn ramps(second: i64) -> f64 {
    let ramp = i32::try_from(second % 1200).unwrap();
    if ramp < 200 {
        1000.0 + 0.1 * f64::from(ramp).powi(2)
    } else {
        1000.0
    }
}

/// 500, and 3000 from nine to ten every day.
fn daily(second: i64) -> f64 {
    if (9 * HOUR..10 * HOUR).contains(&(second % DAY)) {
        3000.0
    } else {
        500.0
    }
}

proptest! {
    #[test]
    fn what_is_prepared_for_is_never_less_than_the_load_nor_less_for_more_of_it(
        loads in proptest::collection::vec(0.0..4000.0_f64, 0..60),
        one in 0.0..8000.0_f64, other in 0.0..8000.0_f64, measured in any::<bool>(),
    ) {
        let latency_target = measured.then_some(Duration::from_millis(500));
        let policy = policy(PolicyInput { latency_target, ..with_latency() });
        let mut learning = Learning::default();
        let mut second = 0;
        for load in loads {
            learning.take(&policy, &sample(load, second));
            second += 5;
        }
        let prepared = |load: f64| learning.prepared(&policy, &sample(load, second)).load.get();
        prop_assert!(prepared(one) >= one);
        prop_assert!(prepared(one.min(other)) <= prepared(one.max(other)));
    }
}

#[test]
fn a_calm_load_ends_with_less_on_top_than_one_with_bursts() {
    let policy = policy(with_latency());
    // 570 s after the beginning of the last burst.
    let end = 6 * HOUR + 570;
    let ready = |load: fn(i64) -> f64| {
        let learning = lived(&policy, (end, 5), load);
        learning.prepared(&policy, &sample(1000.0, end)).load.get()
    };
    let (calm, bursty, at_first) = (ready(calm), ready(bursty), lived(&policy, (0, 5), calm));
    let at_first = at_first.prepared(&policy, &sample(1000.0, 0)).load.get();
    assert!(calm < bursty, "{calm} {bursty}");
    assert!(calm < at_first, "{calm} {at_first}");
}

#[test]
fn a_ramp_that_comes_again_and_again_teaches_the_trend() {
    let policy = policy(PolicyInput {
        forecast: ForecastUse::Ignored,
        ..with_latency()
    });
    let learning = lived(&policy, (12 * HOUR, 5), ramps);
    assert_eq!(learning.shadows.chosen(&policy).kind(), Kind::Trend);
}

/// The trend after these loads, 5 s apart, over the last of them.
fn trend_of(policy: &Policy, loads: [f64; 4]) -> f64 {
    let mut learning = Learning::default();
    for (second, load) in (0..).step_by(5).zip(&loads[..3]) {
        learning.take(policy, &sample(*load, second));
    }
    let last = sample(loads[3], 15);
    learning.trend(loads[3], Ahead::of(policy, &last), last.now) / loads[3]
}

#[test]
fn a_step_that_two_scrapes_show_is_believed_by_a_part_and_a_ramp_in_full_from_its_third_rise() {
    let policy = policy(with_latency());
    let trend = |loads| trend_of(&policy, loads);
    let most = 1.0 + TREND_UNCONFIRMED;
    assert!((trend([100.0, 100.0, 350.0, 600.0]) - most).abs() < 1e-9);
    // Eight times the rise of five seconds in a horizon of 40 s.
    assert!((trend([100.0, 110.0, 120.0, 130.0]) - (130.0 + 80.0) / 130.0).abs() < 1e-9);
    assert!((trend([100.0, 300.0, 500.0, 700.0]) - (1.0 + TREND_MOST)).abs() < 1e-9);
}

/// What part of a step pods have told of `seconds` after it, which are scraped every 5 s, each at a phase of its own: at the first
/// scrape after it the part since the step, at the second all of it.
fn told(seconds: f64) -> f64 {
    match seconds {
        ..5.0 => seconds.max(0.0).powi(2) / 50.0,
        5.0..10.0 => 1.0 - (10.0 - seconds).powi(2) / 50.0,
        _ => 1.0,
    }
}

#[test]
fn a_step_that_pods_tell_one_after_the_other_is_believed_by_a_part_alone() {
    let each_five = policy(with_latency());
    let most = 1.0 + TREND_UNCONFIRMED + 1e-9;
    for tenths in 0..50 {
        let first = f64::from(tenths) / 10.0;
        let shown = |place: f64| 100.0 + 900.0 * told(first + 5.0 * place);
        for begins in [-2.0, -1.0, 0.0] {
            let loads = [-1.0, 0.0, 1.0, 2.0].map(|place| shown(begins + place));
            let trend = trend_of(&each_five, loads);
            assert!(trend <= most, "{first} s after it, {loads:?}: {trend}");
        }
    }
    // Pods that are read at once every 2 s tell of a step within one sample of 4 s, or two: this is none.
    let directly = policy(PolicyInput {
        scrape_interval: Duration::from_secs(2),
        ..with_latency()
    });
    assert!(trend_of(&directly, [100.0, 200.0, 700.0, 800.0]) > most);
    assert!(trend_of(&each_five, [100.0, 200.0, 700.0, 800.0]) <= most);
}

#[test]
fn a_step_is_believed_by_a_part_however_often_it_is_asked_about_between_the_samples_that_say_something_new() {
    // Pods are read every 2 s where the trend looks at every 4 s, and at scrapes of 15 s decisions come every 5 s.
    for (ask_seconds, scrape_seconds) in [(2, 5), (5, 15), (1, 30)] {
        let policy = policy(PolicyInput {
            scrape_interval: Duration::from_secs(scrape_seconds),
            ..with_latency()
        });
        let step = |second: i64| match second {
            ..600 => 100.0,
            600..602 => 500.0,
            602.. => 1000.0,
        };
        let mut learning = Learning::default();
        for second in (0..800).step_by(ask_seconds) {
            let now = sample(step(second), second);
            let trend = learning.trend(step(second), Ahead::of(&policy, &now), now.now);
            assert!(
                trend <= step(second) * (1.0 + TREND_UNCONFIRMED) + 1e-9,
                "{scrape_seconds} s, {second}: {trend}"
            );
            learning.take(&policy, &now);
        }
    }
}

#[test]
fn a_ramp_has_a_trend_at_every_scrape_interval_though_no_two_scrapes_are_quite_as_far_apart() {
    for scrape_seconds in [5_i64, 15, 60] {
        let policy = policy(PolicyInput {
            scrape_interval: Duration::from_secs(scrape_seconds.unsigned_abs()),
            ..with_latency()
        });
        let mut learning = Learning::default();
        // Late by a twentieth of it, and asked in the middle between two of them.
        for place in 0..8 {
            let millis = place * scrape_seconds * 1050;
            let ramp = 100.0 * f64::from(i32::try_from(place + 1).unwrap());
            let at = |millis: i64| Timestamp::from_millisecond(millis).unwrap();
            let now = Sample {
                now: at(millis),
                ..sample(ramp, 0)
            };
            learning.take(&policy, &now);
            let ahead = Ahead::of(&policy, &now);
            let trend = learning.trend(ramp, ahead, at(millis + scrape_seconds * 500));
            assert_eq!(trend > ramp, place >= 3, "{scrape_seconds} s, {place}: {trend}");
        }
    }
}

#[test]
fn a_ramp_after_calm_hours_is_answered_ahead_as_soon_as_what_serves_is_too_little() {
    let policy = policy(with_latency());
    let end = 9 * HOUR;
    // Small rises that go nowhere teach that a trend costs more than it saves.
    let ramp = |second: i64| {
        let (wave, above) = (second % 60, (second - end).max(0));
        1000.0 + f64::from(i32::try_from(3 * wave + 40 * above).unwrap())
    };
    let learning = lived(&policy, (end + 20, 5), ramp);
    assert_eq!(learning.shadows.chosen(&policy).kind(), Kind::Held);
    let now = sample(ramp(end + 20), end + 20);
    let prepared = |served: f64| {
        let served = RequestsPerSecond::new(served).unwrap();
        learning.prepared(&policy, &Sample { served, ..now }).load.get()
    };
    assert!(prepared(now.load.get() - 1.0) > 1.5 * prepared(now.load.get()));
}

#[test]
fn a_daily_jump_is_asked_for_ahead_after_five_days() {
    let policy = policy(with_latency());
    let learning = lived(&policy, (5 * DAY + 8 * HOUR + 59 * 60, 15), daily);
    let before_it = at(5 * DAY + 8 * HOUR + 59 * 60);
    let usually = learning.usually(&policy, before_it, HORIZON).unwrap();
    assert!(usually.load.get() >= 3000.0, "{usually:?}");
    assert_eq!(usually.at, at(5 * DAY + 9 * HOUR));
    let long_before = learning.usually(&policy, at(5 * DAY + 8 * HOUR), HORIZON).unwrap();
    assert!(long_before.load < usually.load, "{long_before:?}");
}

#[test]
fn what_is_usual_at_a_time_is_nothing_where_the_spec_ignores_it() {
    let policy = policy(PolicyInput {
        forecast: ForecastUse::Ignored,
        ..with_latency()
    });
    let learning = lived(&policy, (2 * DAY, 15), daily);
    assert_eq!(learning.usually(&policy, at(2 * DAY + 9 * HOUR), HORIZON), None);
}

#[test]
fn what_is_usual_needs_an_hour() {
    let mut learning = Learning::default();
    let load = RequestsPerSecond::new(700.0).unwrap();
    for second in (0..HOUR).step_by(5) {
        learning.take_usual(load, at(second));
        assert_eq!(learning.usual(), None, "after {second} s");
    }
    learning.take_usual(load, at(HOUR));
    let usual = learning.usual().unwrap().get();
    assert!((usual - 700.0).abs() < 1e-9, "{usual}");
}

#[test]
fn a_load_beyond_all_numbers_gives_a_finite_margin() {
    let policy = policy(with_latency());
    let mut learning = Learning::default();
    learning.take(&policy, &sample(f64::MAX, 0));
    for load in [f64::MAX, f64::MIN_POSITIVE, 0.0] {
        let prepared = learning.prepared(&policy, &sample(load, 3600));
        assert!(prepared.margin.is_finite() && prepared.margin >= 1.0, "{prepared:?}");
    }
}
