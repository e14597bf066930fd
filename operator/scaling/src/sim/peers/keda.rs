//! KEDA: a ScaledObject with one Prometheus trigger, with both of its loops.
//!
//! The operator's poll loop acts only around zero (or the idle size); between 1 and the maximum it is the HPA with an
//! External metric that KEDA serves. A fallback is served as a metric as well, so the HPA's tolerance, bounds and windows
//! apply to it. Whoever calls drives both loops at phases of their own and asks the trigger's query anew each time. It must
//! not know what the query means, nor how old its answer is: KEDA does not look.

use super::has_reached;
use super::hpa::{Behavior, Hpa, NoMetric, Tolerance, external_average_value, external_value};

/// Default of `pollingInterval`.
pub const POLLING_INTERVAL_SECONDS: f64 = 30.0;

/// What Prometheus said to the trigger's query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Answer {
    /// One series with this value, which may be NaN or infinite.
    Value(f64),
    /// No series, or one without a value.
    Empty,
    /// No answer, several series, or a status that is not 200.
    Error,
}

/// `ignoreNullValues` of the trigger: what an empty, NaN or infinite answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NullValues {
    /// `true`, the default: a load of 0.
    AsZero,
    /// `false`: an error.
    AsError,
}

/// `metricType` of the trigger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricType {
    /// The default: the threshold is per replica.
    AverageValue,
    /// The threshold is for the metric as a whole; replicas scale by the ratio.
    Value,
}

/// A Prometheus trigger.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trigger {
    /// Target of the HPA, in the query's unit.
    pub threshold: f64,
    /// The trigger is active strictly above this, in the query's unit.
    pub activation_threshold: f64,
    /// How the threshold is meant.
    pub metric_type: MetricType,
    /// What no value means.
    pub null_values: NullValues,
}

impl Trigger {
    /// The documented defaults around a threshold per replica.
    pub const fn new(threshold: f64) -> Self {
        Self {
            threshold,
            activation_threshold: 0.0,
            metric_type: MetricType::AverageValue,
            null_values: NullValues::AsZero,
        }
    }
}

/// `fallback` of the ScaledObject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// Failures in a row that are still tolerated; counts reads of both loops, not time.
    pub failure_threshold: u32,
    /// Replicas to fall back to.
    pub replicas: u32,
    /// How they combine with the present size.
    pub behavior: FallbackBehavior,
}

/// `fallback.behavior`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FallbackBehavior {
    /// `replicas`.
    Static,
    /// The present size.
    CurrentReplicas,
    /// The larger of both.
    CurrentReplicasIfHigher,
    /// The smaller of both.
    CurrentReplicasIfLower,
}

/// A ScaledObject.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ScaledObject {
    /// Its only trigger.
    pub trigger: Trigger,
    /// `minReplicaCount`; 0 scales to zero, and the HPA then keeps at least 1.
    pub min_replica_count: u32,
    /// `maxReplicaCount`.
    pub max_replica_count: u32,
    /// `idleReplicaCount`: the size while inactive, below the minimum.
    pub idle_replica_count: Option<u32>,
    /// `cooldownPeriod` in seconds: from the last active poll to zero.
    pub cooldown_seconds: f64,
    /// `initialCooldownPeriod` in seconds: the same from creation, while never active.
    pub initial_cooldown_seconds: f64,
    /// Without it an error keeps the size.
    pub fallback: Option<Fallback>,
    /// `advanced.horizontalPodAutoscalerConfig.behavior`, handed to the HPA as it is.
    pub behavior: Option<Behavior>,
    /// Of the cluster's HPA controller.
    pub tolerance: Tolerance,
}

impl ScaledObject {
    /// The documented defaults: 0 to 100 replicas, 300 s of cooldown, no fallback, no behaviour.
    pub fn new(trigger: Trigger) -> Self {
        Self {
            trigger,
            min_replica_count: 0,
            max_replica_count: 100,
            idle_replica_count: None,
            cooldown_seconds: 300.0,
            initial_cooldown_seconds: 0.0,
            fallback: None,
            behavior: None,
            tolerance: Tolerance::default(),
        }
    }
}

/// The Deployment as both loops see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Workload {
    /// `spec.replicas`.
    pub spec_replicas: u32,
    /// `status.replicas`: every pod that exists, ready or not, surge included.
    pub status_replicas: u32,
    /// Pods that run and are ready.
    pub ready_replicas: u32,
}

/// One ScaledObject at work.
#[derive(Clone, Debug)]
pub struct Keda {
    object: ScaledObject,
    hpa: Hpa,
    created_seconds: f64,
    last_active_seconds: Option<f64>,
    failures: u32,
}

/// What KEDA makes of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Served {
    Live(f64),
    Fallback(f64),
    Failed,
}

impl Keda {
    /// A ScaledObject created at this time, with the HPA that KEDA creates for it.
    pub fn new(object: ScaledObject, created_seconds: f64) -> Self {
        let (min, max) = (object.min_replica_count.max(1), object.max_replica_count);
        let hpa = match object.behavior {
            Some(behavior) => Hpa::new(min, max, behavior),
            None => Hpa::without_behavior(min, max),
        };
        Self {
            object,
            hpa,
            created_seconds,
            last_active_seconds: None,
            failures: 0,
        }
    }

    /// Failed reads in a row, of both loops.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// The operator's loop, every [`POLLING_INTERVAL_SECONDS`]: the new `spec.replicas`. It runs also where it can change
    /// nothing (a minimum of 1 or more): its reads count as failures.
    pub fn poll(&mut self, now_seconds: f64, workload: Workload, answer: Answer) -> u32 {
        let spec = workload.spec_replicas;
        match self.serve(answer, workload) {
            Served::Live(value) if value > self.object.trigger.activation_threshold => {
                self.last_active_seconds = Some(now_seconds);
                self.awake(spec)
            }
            Served::Live(_) => self.asleep(now_seconds, spec),
            // Active with an error: it wakes, but only a wake-up moves lastActiveTime.
            Served::Fallback(_) => {
                let awake = self.awake(spec);
                if awake != spec {
                    self.last_active_seconds = Some(now_seconds);
                }
                awake
            }
            // A fallback to 0 does not stop the way to zero (`executor/scale_scaledobjects.go`).
            Served::Failed if self.object.fallback.is_some_and(|fallback| fallback.replicas == 0) => {
                self.asleep(now_seconds, spec)
            }
            Served::Failed => spec,
        }
    }

    /// The HPA's loop, every [`SYNC_PERIOD_SECONDS`](super::hpa::SYNC_PERIOD_SECONDS): the new `spec.replicas`. The query
    /// runs within it, unless the size is zero or outside the bounds: then the HPA asks for no metric.
    pub fn hpa_pass(&mut self, now_seconds: f64, workload: Workload, answer: Answer) -> u32 {
        let spec = workload.spec_replicas;
        let proposal = if self.hpa.reads_metrics(spec) {
            match self.serve(answer, workload) {
                Served::Live(value) | Served::Fallback(value) => Ok(self.proposal(value, workload)),
                Served::Failed => Err(NoMetric),
            }
        } else {
            Err(NoMetric)
        };
        self.hpa.pass(now_seconds, spec, &[proposal])
    }

    fn proposal(&self, value: f64, workload: Workload) -> u32 {
        let Trigger {
            threshold, metric_type, ..
        } = self.object.trigger;
        let tolerance = self.object.tolerance;
        let Workload {
            spec_replicas,
            status_replicas,
            ready_replicas,
        } = workload;
        match metric_type {
            MetricType::AverageValue => external_average_value(value, threshold, status_replicas, tolerance),
            MetricType::Value => external_value(value, threshold, ready_replicas, spec_replicas, tolerance),
        }
    }

    /// `GetMetricsWithFallback` of `pkg/fallback/fallback.go`.
    fn serve(&mut self, answer: Answer, workload: Workload) -> Served {
        if let Some(value) = self.read(answer) {
            self.failures = 0;
            return Served::Live(value);
        }
        self.failures = self.failures.saturating_add(1);
        match self.object.fallback {
            Some(fallback) if self.failures > fallback.failure_threshold => self
                .fallback_metric(fallback, workload)
                .map_or(Served::Failed, Served::Fallback),
            Some(_) | None => Served::Failed,
        }
    }

    fn read(&self, answer: Answer) -> Option<f64> {
        let null = match self.object.trigger.null_values {
            NullValues::AsZero => Some(0.0),
            NullValues::AsError => None,
        };
        match answer {
            Answer::Value(value) if value.is_finite() => Some(value),
            Answer::Value(_) | Answer::Empty => null,
            Answer::Error => None,
        }
    }

    /// `threshold x replicas`, for `Value` divided by the ready replicas; none are ready: no fallback.
    fn fallback_metric(&self, fallback: Fallback, workload: Workload) -> Option<f64> {
        let current = workload.spec_replicas;
        let replicas = match fallback.behavior {
            FallbackBehavior::Static => fallback.replicas,
            FallbackBehavior::CurrentReplicas => current,
            FallbackBehavior::CurrentReplicasIfHigher => fallback.replicas.max(current),
            FallbackBehavior::CurrentReplicasIfLower => fallback.replicas.min(current),
        };
        let whole_metric = self.object.trigger.threshold * f64::from(replicas);
        match self.object.trigger.metric_type {
            MetricType::AverageValue => Some(whole_metric),
            MetricType::Value if workload.ready_replicas == 0 => None,
            MetricType::Value => Some(whole_metric / f64::from(workload.ready_replicas)),
        }
    }

    fn awake(&self, spec: u32) -> u32 {
        let min = self.object.min_replica_count;
        let idle = self.object.idle_replica_count.is_some() && spec < min;
        if idle || spec == 0 { min.max(1) } else { spec }
    }

    fn asleep(&self, now: f64, spec: u32) -> u32 {
        let (min, idle) = (self.object.min_replica_count, self.object.idle_replica_count);
        let above_rest = idle.is_some_and(|idle| spec > idle) || (spec > 0 && min == 0);
        if above_rest && self.has_cooled(now) {
            idle.unwrap_or(min)
        } else if !above_rest && idle.is_none() && spec < min {
            min
        } else {
            spec
        }
    }

    /// `lastActiveTime` is kept in whole seconds, so a poll of exactly one cooldown later counts as later.
    fn has_cooled(&self, now: f64) -> bool {
        match self.last_active_seconds {
            Some(active) => has_reached(now, active + self.object.cooldown_seconds),
            None => has_reached(now, self.created_seconds + self.object.initial_cooldown_seconds),
        }
    }
}

#[cfg(test)]
mod tests;
