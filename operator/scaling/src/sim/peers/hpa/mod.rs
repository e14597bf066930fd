//! The HorizontalPodAutoscaler v2 of Kubernetes as a state machine: one call per sync period.
//!
//! Covers a pass of the controller: bounds without smoothing, the largest of several metrics, errors that block a
//! decrease but not an increase, stabilisation and rate policies. The metric laws are pure functions of their own. It must
//! not know where a metric comes from, nor when pods become ready: whoever calls it says so.

mod behavior;
mod metric;
mod normalize;
#[cfg(test)]
mod tests;

pub use behavior::{Behavior, MOST_POLICIES, Policies, Policy, PolicyKind, Rules, Select};
pub use metric::{
    NoMetric, PodMetrics, Tolerance, external_average_value, external_value, pods_average_value, resource_utilization,
};
use normalize::{Ask, History};

/// `--horizontal-pod-autoscaler-sync-period`: one pass per HPA every 15 s, at a phase of its own. An edit of the HPA waits
/// for the next pass as well.
pub const SYNC_PERIOD_SECONDS: f64 = 15.0;

/// One HPA and what the controller remembers of it.
#[derive(Clone, Debug)]
pub struct Hpa {
    min: u32,
    max: u32,
    behavior: Option<Behavior>,
    history: History,
}

impl Hpa {
    /// An HPA whose `spec.behavior` is written. Replicas: `min` 0 only with the feature gate `HPAScaleToZero`.
    pub fn new(min: u32, max: u32, behavior: Behavior) -> Self {
        Self {
            behavior: Some(behavior),
            ..Self::without_behavior(min, max)
        }
    }

    /// An HPA without `spec.behavior`, as most are, and as KEDA creates them: the server leaves it empty, and the
    /// controller grows to at most `max(2 x current, 4)` per pass and shrinks to the largest recommendation of 300 s.
    pub fn without_behavior(min: u32, max: u32) -> Self {
        Self {
            min,
            max,
            behavior: None,
            history: History::default(),
        }
    }

    /// An edit of `minReplicas` and `maxReplicas`; takes effect at the next pass, the memory stays.
    pub fn set_bounds(&mut self, min: u32, max: u32) {
        self.min = min;
        self.max = max;
    }

    /// Whether a pass at this size asks for metrics at all: not outside the bounds, and not at zero (autoscaling is
    /// disabled there unless `min` is 0).
    pub fn reads_metrics(&self, current_spec: u32) -> bool {
        current_spec >= self.min && current_spec <= self.max && (current_spec > 0 || self.min == 0)
    }

    /// One pass: the new `spec.replicas`, which is `current_spec` where nothing is to be done.
    ///
    /// `proposals` holds one result per metric of the spec, in any order; none at all is an error like any other and keeps
    /// the size.
    pub fn pass(&mut self, now_seconds: f64, current_spec: u32, proposals: &[Result<u32, NoMetric>]) -> u32 {
        self.history.seed(now_seconds, current_spec);
        let wanted = self.wanted(now_seconds, current_spec, proposals);
        if let Some(behavior) = &self.behavior
            && wanted != current_spec
        {
            self.history.store_change(behavior, now_seconds, current_spec, wanted);
        }
        wanted
    }

    fn wanted(&mut self, now: f64, current: u32, proposals: &[Result<u32, NoMetric>]) -> u32 {
        if current == 0 && self.min != 0 {
            return 0;
        }
        if current > self.max {
            return self.max;
        }
        if current < self.min {
            return self.min;
        }
        let Some(desired) = largest(current, proposals) else {
            return current;
        };
        let ask = Ask {
            now,
            current,
            desired,
            min: self.min,
            max: self.max,
        };
        match &self.behavior {
            Some(behavior) => normalize::by_behavior(&mut self.history, behavior, &ask),
            None => normalize::plain(&mut self.history, &ask),
        }
    }
}

/// The largest proposal; `None` if there is none, or if a metric failed and the others would go down.
fn largest(current: u32, proposals: &[Result<u32, NoMetric>]) -> Option<u32> {
    let most = proposals.iter().filter_map(|proposal| proposal.ok()).max()?;
    let failed = proposals.iter().any(Result::is_err);
    (!failed || most >= current).then_some(most)
}
