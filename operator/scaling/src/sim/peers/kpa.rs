//! The Knative pod autoscaler (KPA): a stable and a panic window, a decision every two seconds.
//!
//! Follows `pkg/autoscaler/scaling/autoscaler.go` and the bounds and the way to zero of `pkg/reconciler/autoscaling/kpa`.
//! Pods that are ordered but not ready are not capacity to it; that is its known fault (serving#13284) and is kept. It
//! must not know what is counted (requests per second, concurrency) nor how it was scraped: see [`Bucketed`] for the
//! windows. Without any data there is no decision: do not call it then.

mod windows;

use windows::Highest;
pub use windows::{Bucketed, scrape_sample_size};

use super::{has_reached, is_after, whole};

/// `tickInterval`.
pub const TICK_SECONDS: f64 = 2.0;

/// `config-autoscaler`, and the annotations of a revision.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Config {
    /// What one pod may carry in total (`requests-per-second-target-default` 200, `container-concurrency-target-default`
    /// 100).
    pub target: f64,
    /// Share of the target to use, 0 to 1 (`target-utilization`).
    pub utilization: f64,
    /// `stable-window` in seconds, 6 to 3600.
    pub stable_window_seconds: f64,
    /// Panic window in percent of the stable one, 1 to 100.
    pub panic_window_percentage: f64,
    /// Panic begins where the panic window asks for this percentage of the ready pods, 110 to 1000.
    pub panic_threshold_percentage: f64,
    /// At most this many times the ready pods per tick.
    pub max_scale_up_rate: f64,
    /// At least the ready pods divided by this per tick.
    pub max_scale_down_rate: f64,
    /// `scale-down-delay` in whole seconds, at most 3600; 0 is none.
    pub scale_down_delay_seconds: u32,
    /// `activation-scale`: the least size above zero.
    pub activation_scale: u32,
    /// `initial-scale`: the least size until so many pods were ready once.
    pub initial_scale: u32,
    /// `scale-to-zero-grace-period` in seconds.
    pub grace_seconds: f64,
    /// `min-scale`; 0 scales to zero.
    pub min: u32,
    /// `max-scale`; 0 is unbounded.
    pub max: u32,
}

impl Default for Config {
    /// The defaults for requests per second.
    fn default() -> Self {
        Self {
            target: 200.0,
            utilization: 0.7,
            stable_window_seconds: 60.0,
            panic_window_percentage: 10.0,
            panic_threshold_percentage: 200.0,
            max_scale_up_rate: 1000.0,
            max_scale_down_rate: 2.0,
            scale_down_delay_seconds: 0,
            activation_scale: 1,
            initial_scale: 1,
            grace_seconds: 30.0,
            min: 0,
            max: 0,
        }
    }
}

impl Config {
    /// Length of the panic window in seconds.
    pub fn panic_window_seconds(&self) -> f64 {
        self.stable_window_seconds * self.panic_window_percentage / 100.0
    }

    fn target_per_pod(&self) -> f64 {
        self.target * self.utilization
    }
}

/// Averages of the two windows, summed over all pods, in the unit of the target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Averages {
    /// Over the stable window.
    pub stable: f64,
    /// Over the panic window.
    pub panic: f64,
}

/// The autoscaler of one revision.
#[derive(Clone, Debug)]
pub struct Kpa {
    config: Config,
    panic_seconds: Option<f64>,
    max_panic_pods: u32,
    delay: Option<Highest>,
    activity: Activity,
    is_initialized: bool,
}

/// Whether the revision may go to zero, and how long it has been so.
#[derive(Clone, Copy, Debug)]
enum Activity {
    Active { since: f64 },
    Inactive { since: f64 },
}

/// Pods by either window, and whether the panic window is over its threshold.
struct Wanted {
    stable: u32,
    panic: u32,
    is_over_threshold: bool,
}

impl Kpa {
    /// An autoscaler that starts now and finds this many ready pods. With more than one it starts in panic: it has no
    /// history, and panic never goes down.
    pub fn new(config: Config, ready: u32, now_seconds: f64) -> Self {
        let delay = config.scale_down_delay_seconds;
        Self {
            config,
            panic_seconds: (ready > 1).then_some(now_seconds),
            max_panic_pods: ready,
            delay: (delay > 0).then(|| Highest::new(delay)),
            activity: if ready > 0 {
                Activity::Active { since: now_seconds }
            } else {
                Activity::Inactive {
                    since: f64::NEG_INFINITY,
                }
            },
            is_initialized: ready > 0,
        }
    }

    /// Whether it is in panic.
    pub const fn is_panicking(&self) -> bool {
        self.panic_seconds.is_some()
    }

    /// One decision, every [`TICK_SECONDS`]: the size to write.
    pub fn tick(&mut self, now_seconds: f64, ready: u32, observed: Averages) -> u32 {
        let wanted = self.wanted(ready, observed);
        self.note_panic(now_seconds, wanted.is_over_threshold);
        let mut desired = wanted.stable;
        if self.is_panicking() {
            self.max_panic_pods = self.max_panic_pods.max(wanted.stable).max(wanted.panic);
            desired = self.max_panic_pods;
        }
        if let Some(delay) = &mut self.delay {
            desired = delay.record(now_seconds, desired);
        }
        let bounded = self.bounded(ready, desired);
        self.down_to_zero(now_seconds, bounded)
    }

    /// `ceil(average / target)` within `[floor(R / down), ceil(R x up)]`, R being the ready pods, at least 1.
    fn wanted(&self, ready: u32, observed: Averages) -> Wanted {
        let config = &self.config;
        let ready = f64::from(ready.max(1));
        let most = (config.max_scale_up_rate * ready).ceil();
        let least = (ready / config.max_scale_down_rate).floor();
        let raw = |average: f64| (average / config.target_per_pod()).ceil();
        let limited = |raw: f64| {
            let pods = whole(raw.max(least).min(most));
            let is_activated = config.activation_scale > 1 && raw > 0.0;
            if is_activated {
                pods.max(config.activation_scale)
            } else {
                pods
            }
        };
        let (stable, panic) = (raw(observed.stable), raw(observed.panic));
        Wanted {
            stable: limited(stable),
            panic: limited(panic),
            is_over_threshold: panic / ready >= config.panic_threshold_percentage / 100.0,
        }
    }

    /// Over the threshold panic begins or is extended; it ends after more than one stable window below it.
    fn note_panic(&mut self, now: f64, is_over_threshold: bool) {
        let window = self.config.stable_window_seconds;
        if is_over_threshold {
            self.panic_seconds = Some(now);
        } else if self.panic_seconds.is_some_and(|panic| is_after(now, panic + window)) {
            self.panic_seconds = None;
            self.max_panic_pods = 0;
        }
    }

    fn bounded(&mut self, ready: u32, desired: u32) -> u32 {
        let Config {
            initial_scale,
            min,
            max,
            ..
        } = self.config;
        self.is_initialized |= ready >= initial_scale;
        let least = if self.is_initialized {
            min
        } else {
            min.max(initial_scale)
        };
        let raised = desired.max(least);
        if max == 0 { raised } else { raised.min(max) }
    }

    /// Zero needs one stable window of activity, then the grace period with the activator in the path.
    fn down_to_zero(&mut self, now: f64, desired: u32) -> u32 {
        match self.activity {
            Activity::Active { .. } if desired > 0 => desired,
            Activity::Inactive { .. } if desired > 0 => {
                self.activity = Activity::Active { since: now };
                desired
            }
            Activity::Active { since } => {
                if has_reached(now, since + self.config.stable_window_seconds) {
                    self.activity = Activity::Inactive { since: now };
                }
                1
            }
            Activity::Inactive { since } => u32::from(!has_reached(now, since + self.config.grace_seconds)),
        }
    }
}

/// Excess burst capacity in the unit of the target; below zero the activator stays in the path and buffers.
/// `floor(ready x total - burst - panic)`; a burst of 0 is never, one below 0 always in the path.
pub fn excess_burst_capacity(config: &Config, ready: u32, target_burst_capacity: f64, panic: f64) -> f64 {
    if target_burst_capacity == 0.0 {
        0.0
    } else if target_burst_capacity > 0.0 {
        (f64::from(ready) * config.target - target_burst_capacity - panic).floor()
    } else {
        -1.0
    }
}

#[cfg(test)]
mod tests {
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
}
