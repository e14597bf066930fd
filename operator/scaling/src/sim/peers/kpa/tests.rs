//! Ticks of the KPA, computed by hand.

use rstest::rstest;

use super::*;

/// 100 x 0.7 = 70 per pod.
fn config() -> Config {
    Config {
        target: 100.0,
        min: 1,
        ..Config::default()
    }
}

/// A load that lasts: both windows see the same.
fn steady(load: f64) -> Averages {
    Averages {
        stable: load,
        panic: load,
    }
}

#[test]
fn a_tenfold_step_is_ordered_in_full_within_the_panic_window() {
    let config = config();
    let mut stable = Bucketed::new(config.stable_window_seconds);
    let mut panic = Bucketed::new(config.panic_window_seconds());
    let mut kpa = Kpa::new(config, 1, 0.0);
    let mut seen = Vec::new();
    // 140 until second 59, 1400 from second 60; two pods are ready throughout.
    for second in 0..=66 {
        let now = f64::from(second);
        let load = if second < 60 { 140.0 } else { 1400.0 };
        stable.record(now, load);
        panic.record(now, load);
        if second % 2 == 0 {
            let observed = Averages {
                stable: stable.average(now),
                panic: panic.average(now),
            };
            seen.push(kpa.tick(now, 2, observed));
        }
    }
    // Before: ceil(140 / 70) = 2. Then 1, 3, 5, 6 of 6 seconds are new:
    // (5 x 140 + 1400) / 6 = 350 -> 5; (3 x 140 + 3 x 1400) / 6 = 770 -> 11; (140 + 5 x 1400) / 6 = 1190 -> 17; 1400 -> 20
    assert_eq!(seen[..30], [2; 30]);
    assert_eq!(seen[30..], [5, 11, 17, 20]);
}

#[test]
fn panic_begins_at_twice_the_ready_pods() {
    let mut kpa = Kpa::new(config(), 1, 0.0);
    // 3 / 2 < 2, the rest of the load is for the stable window; 4 / 2 >= 2
    kpa.tick(
        0.0,
        2,
        Averages {
            stable: 70.0,
            panic: 210.0,
        },
    );
    assert!(!kpa.is_panicking());
    assert_eq!(
        kpa.tick(
            2.0,
            2,
            Averages {
                stable: 70.0,
                panic: 211.0
            }
        ),
        4
    );
    assert!(kpa.is_panicking());
}

#[test]
fn panic_never_goes_down_and_ends_more_than_a_stable_window_after_the_last_threshold() {
    let mut kpa = Kpa::new(config(), 1, 0.0);
    assert_eq!(kpa.tick(0.0, 1, steady(700.0)), 10);
    // The load is gone; below the threshold from 2 s on. 0 + 60 < now first holds at 62 s.
    for tick in 1..=30 {
        assert_eq!(kpa.tick(f64::from(tick) * 2.0, 10, steady(0.0)), 10);
        assert!(kpa.is_panicking());
    }
    // Then at most halved: floor(10 / 2) = 5.
    assert_eq!(kpa.tick(62.0, 10, steady(0.0)), 5);
    assert!(!kpa.is_panicking());
    // The next panic does not remember the last one: ceil(140 / 70) = 2, twice the only pod.
    assert_eq!(kpa.tick(64.0, 1, steady(140.0)), 2);
    assert!(kpa.is_panicking());
}

#[test]
fn panic_is_extended_while_over_the_threshold_and_keeps_its_highest() {
    let mut kpa = Kpa::new(config(), 1, 0.0);
    assert_eq!(kpa.tick(0.0, 2, steady(700.0)), 10);
    // 4 / 2 >= 2 at 40 s begins the minute anew; the 10 of second 0 stay.
    assert_eq!(kpa.tick(40.0, 2, steady(280.0)), 10);
    assert_eq!(kpa.tick(100.0, 10, steady(70.0)), 10);
    assert_eq!(kpa.tick(102.0, 10, steady(70.0)), 5);
}

#[test]
fn in_panic_the_larger_window_counts() {
    let mut kpa = Kpa::new(config(), 1, 0.0);
    let falling = Averages {
        stable: 700.0,
        panic: 140.0,
    };
    // 140 / 70 = 2 >= 2 x 1 is panic, and 700 / 70 = 10 is wanted.
    assert_eq!(kpa.tick(0.0, 1, falling), 10);
    assert!(kpa.is_panicking());
}

#[test]
fn a_burst_is_undone_where_the_stable_window_is_still_short_of_it() {
    let mut kpa = Kpa::new(config(), 1, 0.0);
    assert_eq!(kpa.tick(0.0, 1, steady(700.0)), 10);
    // The pods are there, so panic ends though the panic window still asks for 10: the stable one asks for 5.
    let late = Averages {
        stable: 350.0,
        panic: 700.0,
    };
    assert_eq!(kpa.tick(60.0, 10, late), 10);
    assert_eq!(kpa.tick(62.0, 10, late), 5);
}

#[test]
fn a_start_with_several_ready_pods_is_a_panic_at_their_number() {
    let mut kpa = Kpa::new(config(), 8, 100.0);
    assert!(kpa.is_panicking());
    assert_eq!(kpa.tick(102.0, 8, steady(0.0)), 8);
    assert_eq!(kpa.tick(160.0, 8, steady(0.0)), 8);
    assert_eq!(kpa.tick(162.0, 8, steady(0.0)), 4);
    assert!(Kpa::new(config(), 2, 100.0).is_panicking());
    assert!(!Kpa::new(config(), 1, 100.0).is_panicking());
}

#[test]
fn each_tick_at_most_halves_the_ready_pods() {
    let mut kpa = Kpa::new(config(), 1, 0.0);
    let mut ready = 17;
    let mut seen = Vec::new();
    for tick in 0..5 {
        ready = kpa.tick(f64::from(tick) * 2.0, ready, steady(0.0));
        seen.push(ready);
    }
    // floor(17 / 2) = 8, 4, 2, 1, then the minimum
    assert_eq!(seen, [8, 4, 2, 1, 1]);
}

#[test]
fn the_way_up_is_limited_by_its_rate_but_never_stuck() {
    let slow = Config {
        max_scale_up_rate: 1.1,
        ..config()
    };
    // ceil(1.1 x 2) = 3 of the 10 asked for
    assert_eq!(Kpa::new(slow, 1, 0.0).tick(0.0, 2, steady(700.0)), 3);
}

#[test]
fn a_scale_down_delay_holds_the_highest_of_its_window() {
    let delayed = Config {
        scale_down_delay_seconds: 60,
        ..config()
    };
    let mut kpa = Kpa::new(delayed, 1, 0.0);
    assert_eq!(kpa.tick(0.0, 10, steady(700.0)), 10);
    for tick in 1..30 {
        assert_eq!(kpa.tick(f64::from(tick) * 2.0, 10, steady(70.0)), 10);
    }
    // 30 intervals of 2 s later the 10 is out; floor(10 / 2) = 5 was asked ever since.
    assert_eq!(kpa.tick(60.0, 10, steady(70.0)), 5);
    // More is never delayed.
    assert_eq!(kpa.tick(62.0, 10, steady(1_050.0)), 15);
}

#[test]
fn pods_that_are_starting_are_no_capacity_so_a_slow_start_orders_too_many() {
    // In-flight requests per pod, as by concurrency: 10 pods were enough, but while they start the queue of the only
    // ready pod grows by 700 every 2 s, and each tick orders for the queue and not for the load.
    let mut kpa = Kpa::new(config(), 1, 0.0);
    let ordered: Vec<u32> = (1..=4)
        .map(|tick| kpa.tick(f64::from(tick) * 2.0, 1, steady(700.0 * f64::from(tick))))
        .collect();
    // 700 / 70, 1400 / 70, ...
    assert_eq!(ordered, [10, 20, 30, 40]);
    // And panic goes on however long the start takes: 10 / 1 >= 2, though 40 are ordered.
    for tick in 5..100 {
        assert_eq!(kpa.tick(f64::from(tick) * 2.0, 1, steady(700.0)), 40);
        assert!(kpa.is_panicking());
    }
}

#[rstest]
#[case::below_min(3, 8, 0.0, 3)]
#[case::above_max(1, 8, 7_000.0, 8)]
#[case::unbounded(1, 0, 7_000.0, 100)]
fn bounds_hold_and_a_maximum_of_zero_is_none(
    #[case] min: u32,
    #[case] max: u32,
    #[case] load: f64,
    #[case] expected: u32,
) {
    let bounded = Config { min, max, ..config() };
    assert_eq!(Kpa::new(bounded, 1, 0.0).tick(0.0, 1, steady(load)), expected);
}

#[test]
fn zero_takes_a_stable_window_and_the_grace_period() {
    let to_zero = Config { min: 0, ..config() };
    let mut kpa = Kpa::new(to_zero, 1, 0.0);
    for tick in 1..45 {
        assert_eq!(kpa.tick(f64::from(tick) * 2.0, 1, steady(0.0)), 1);
    }
    // Inactive at 60 s, 30 s of grace.
    assert_eq!(kpa.tick(90.0, 1, steady(0.0)), 0);
    assert_eq!(kpa.tick(92.0, 0, steady(0.0)), 0);
    // ceil(350 / 70) = 5 from zero, since R is at least 1
    assert_eq!(kpa.tick(94.0, 0, steady(350.0)), 5);
}

#[rstest]
#[case::nothing_to_do(0.0, 1)]
#[case::something(1.0, 4)]
fn an_activation_scale_counts_only_above_zero(#[case] load: f64, #[case] expected: u32) {
    let activated = Config {
        activation_scale: 4,
        ..config()
    };
    assert_eq!(Kpa::new(activated, 1, 0.0).tick(0.0, 1, steady(load)), expected);
}

#[test]
fn an_initial_scale_counts_until_it_was_ready_once() {
    let initial = Config {
        initial_scale: 3,
        ..config()
    };
    let mut kpa = Kpa::new(initial, 0, 0.0);
    assert_eq!(kpa.tick(0.0, 0, steady(0.0)), 3);
    assert_eq!(kpa.tick(2.0, 2, steady(0.0)), 3);
    assert_eq!(kpa.tick(4.0, 3, steady(0.0)), 1);
    assert_eq!(kpa.tick(6.0, 1, steady(0.0)), 1);
}

#[rstest]
// 10 x 100 - 211 - 700 = 89
#[case::enough(211.0, 10, 700.0, 89.0)]
#[case::short(211.0, 5, 700.0, -411.0)]
#[case::never(0.0, 1, 700.0, 0.0)]
#[case::always(-1.0, 10, 0.0, -1.0)]
fn excess_burst_capacity_decides_over_the_activator(
    #[case] burst: f64,
    #[case] ready: u32,
    #[case] panic: f64,
    #[case] expected: f64,
) {
    let excess = excess_burst_capacity(&config(), ready, burst, panic);
    assert!((excess - expected).abs() < 1e-9, "{excess}");
}
