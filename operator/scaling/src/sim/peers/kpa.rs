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
mod tests;
