//! What the user asked for, parsed once into something that cannot be wrong.
//!
//! [`PolicyInput`] is plain numbers, [`Policy`] has checked ones behind getters. Bounds and windows are worked out here, so
//! that the laws only compare. Knows nothing of the resource that the numbers come from.

mod error;
mod input;

use std::time::Duration;

use crate::units::{Ratio, Replicas, RequestsPerSecond, Seconds};

/// The longest hold where the spec says none.
pub(crate) const LONGEST_HOLD: Duration = Duration::from_mins(10);

pub use error::PolicyError;
pub use input::{CapacityBounds, Fallback, ForecastUse, Mode, Movement, PolicyInput, SignalRole};

/// A checked policy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Policy {
    input: PolicyInput,
    per_replica: RequestsPerSecond,
    latency_target: Option<Seconds>,
    down_window: Duration,
}

impl Policy {
    /// Checks the numbers.
    ///
    /// # Errors
    /// Every [`PolicyError`] there is, not only the first.
    pub fn parse(input: PolicyInput) -> Result<Self, Vec<PolicyError>> {
        let errors = error::all(&input);
        match RequestsPerSecond::new(input.per_replica) {
            Ok(per_replica) if errors.is_empty() => Ok(Self {
                input,
                per_replica,
                latency_target: input
                    .latency_target
                    .map(|target| Seconds::saturating(target.as_secs_f64())),
                // Two gaps at least: otherwise two samples, one at each end, would pass for a full window.
                down_window: input.min_down_window.max(input.max_sample_gap.saturating_mul(2)),
            }),
            Ok(_) | Err(_) => Err(errors),
        }
    }

    /// The fewest replicas; at least 1.
    pub const fn min_replicas(&self) -> Replicas {
        Replicas::new(self.input.min_replicas)
    }

    /// The most replicas.
    pub const fn max_replicas(&self) -> Replicas {
        Replicas::new(self.input.max_replicas)
    }

    /// Requests per second that one replica serves well by the user's word; more than 0.
    pub const fn per_replica(&self) -> RequestsPerSecond {
        self.per_replica
    }

    /// How many times `per_replica` a replica is taken to serve before it saturates, where no latency says more: what it
    /// serves well is a usual target utilisation of what it can, 1 / 0.7 by default.
    pub const fn room(&self) -> f64 {
        self.input.capacity_bounds.highest
    }

    /// The least and the most that a replica may be found to serve. Without a latency target nothing is found out, and both
    /// are what the user wrote.
    pub fn capacity_bounds(&self) -> (RequestsPerSecond, RequestsPerSecond) {
        if self.latency_target.is_none() {
            return (self.per_replica, self.per_replica);
        }
        let CapacityBounds { lowest, highest } = self.input.capacity_bounds;
        let per_replica = self.per_replica.get();
        // Never 0, also where the product of two tiny numbers is: the capacity is divided by.
        let bound = |factor: f64| RequestsPerSecond::saturating((per_replica * factor).max(f64::MIN_POSITIVE));
        (bound(lowest), bound(highest))
    }

    /// The latency to be kept; `None` where there is none to keep.
    pub const fn latency_target(&self) -> Option<Seconds> {
        self.latency_target
    }

    /// What is made of what usually comes.
    pub const fn forecast(&self) -> ForecastUse {
        self.input.forecast
    }

    /// What is made of a latency that cannot be read.
    pub const fn latency_role(&self) -> SignalRole {
        self.input.latency_role
    }

    /// The share of requests that should be within the latency target, in 0.5 to 0.99999.
    pub fn objective(&self) -> Ratio {
        Ratio::saturating(self.input.objective)
    }

    /// Time from ordering a pod to its readiness, where none was seen yet.
    pub const fn pod_start(&self) -> Duration {
        self.input.pod_start
    }

    /// Time between two scrapes of a pod.
    pub const fn scrape_interval(&self) -> Duration {
        self.input.scrape_interval
    }

    /// The same policy where a pod is scraped every `interval`: a load is known later, and samples may lie further apart.
    #[must_use]
    pub fn scraped_every(mut self, interval: Duration) -> Self {
        self.input.scrape_interval = interval.max(Duration::from_millis(1));
        self
    }

    /// Time between two increases that present demand does not ask for.
    pub const fn scale_up_cooldown(&self) -> Duration {
        self.input.scale_up_cooldown
    }

    /// Time from the last routine increase to the first decrease; `None` where what was learned says it.
    pub const fn scale_down_cooldown(&self) -> Option<Duration> {
        self.input.scale_down_cooldown
    }

    /// The longest that anything is held: the cooldown of the spec, or ten minutes.
    pub fn longest_hold(&self) -> Duration {
        self.scale_down_cooldown().unwrap_or(LONGEST_HOLD)
    }

    /// The most percent of what is ordered that may come on top at once; at least one replica may.
    pub const fn up_percent_max(&self) -> u32 {
        self.input.up_percent_max
    }

    /// The most percent of what is ordered that may go at once; at least one replica may.
    pub const fn down_percent_max(&self) -> u32 {
        self.input.down_percent_max
    }

    /// Changes of the result within an hour after which decreases wait.
    pub const fn change_budget_per_hour(&self) -> u32 {
        self.input.change_budget_per_hour
    }

    /// What to do after a time without usable data; `None` to hold for ever.
    pub const fn fallback(&self) -> Option<Fallback> {
        self.input.fallback
    }

    /// Whether signals may raise.
    pub const fn up(&self) -> Movement {
        self.input.paused_up
    }

    /// Whether signals may lower.
    pub const fn down(&self) -> Movement {
        self.input.paused_down
    }

    /// How long fresh data must cover without a gap before anything is lowered: `min_down_window`, at least two sample gaps.
    pub const fn down_window(&self) -> Duration {
        self.down_window
    }

    /// The longest time between two samples of an unbroken window.
    pub const fn max_sample_gap(&self) -> Duration {
        self.input.max_sample_gap
    }

    /// What may be done with a decision.
    pub const fn mode(&self) -> Mode {
        self.input.mode
    }

    /// The nearest allowed number of replicas.
    pub fn clamp(&self, replicas: Replicas) -> Replicas {
        // Not `Ord::clamp`: that panics where the bounds cross, and this crate cannot panic even if `parse` were wrong.
        replicas.max(self.min_replicas()).min(self.max_replicas())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn parsed(change: impl FnOnce(&mut PolicyInput)) -> Result<Policy, Vec<PolicyError>> {
        let mut input = PolicyInput::default();
        change(&mut input);
        Policy::parse(input)
    }

    #[test]
    fn the_defaults_are_a_policy() {
        let policy = parsed(|_| ()).unwrap();
        assert_eq!(policy.down_window(), Duration::from_secs(30));
    }

    #[rstest]
    // 0.5 and 1.4 of 100.
    #[case::learned(Some(Duration::from_millis(500)), (50.0, 140.0))]
    #[case::without_a_latency_as_written(None, (100.0, 100.0))]
    fn what_a_replica_may_be_found_to_serve_is_bounded(#[case] target: Option<Duration>, #[case] bounds: (f64, f64)) {
        let policy = parsed(|input| input.latency_target = target).unwrap();
        let (lowest, highest) = policy.capacity_bounds();
        assert!((lowest.get() - bounds.0).abs() < 1e-9 && (highest.get() - bounds.1).abs() < 1e-9);
    }

    #[rstest]
    #[case(30, 15, 30)]
    #[case(60, 15, 60)]
    #[case::slow_loop(30, 60, 120)]
    fn the_down_window_is_never_too_short_to_mean_anything(#[case] least: u64, #[case] gap: u64, #[case] window: u64) {
        let policy = parsed(|input| {
            input.min_down_window = Duration::from_secs(least);
            input.max_sample_gap = Duration::from_secs(gap);
        });
        assert_eq!(policy.unwrap().down_window(), Duration::from_secs(window));
    }

    #[rstest]
    #[case(0, 2)]
    #[case(7, 7)]
    #[case(u32::MAX, 10)]
    fn clamping_gives_the_nearest_allowed_number(#[case] asked: u32, #[case] allowed: u32) {
        let policy = parsed(|_| ()).unwrap();
        assert_eq!(policy.clamp(Replicas::new(asked)), Replicas::new(allowed));
    }

    #[test]
    fn a_capacity_that_is_divided_by_is_never_zero() {
        let policy = parsed(|input| {
            input.per_replica = f64::MIN_POSITIVE;
            input.latency_target = Some(Duration::from_millis(500));
        })
        .unwrap();
        assert!(policy.capacity_bounds().0.get() > 0.0);
    }
}
