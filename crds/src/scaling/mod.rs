//! How the API scales: bounds, targets, plans, limits, and where the figures come from.
//!
//! CPU and memory go to the HPA. Requests per second, latency, schedules and what usually comes become a floor under it,
//! decided by the operator.

mod limits;
mod metrics;
mod plans;
mod targets;

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::defaults;
pub use limits::{FallbackSpec, ScaleDownSpec, ScaleUpSpec};
pub use metrics::{MetricsSource, MetricsSpec};
pub use plans::{ForecastMode, ForecastSpec, ScheduleSpec};
pub use targets::{CpuTarget, LatencySpec, MemoryTarget, RequestsPerSecondSpec, TargetMode};

/// How many replicas of the API run.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.minReplicas <= self.maxReplicas").message("minReplicas is more than maxReplicas: raise maxReplicas or lower minReplicas"),
    validation = Rule::new("!has(self.fallback) || self.fallback.replicas <= self.maxReplicas").message("fallback.replicas is more than maxReplicas: raise maxReplicas or lower fallback.replicas"),
    validation = Rule::new("!has(self.schedules) || self.schedules.all(s, !has(s.replicas) || s.replicas <= self.maxReplicas)").message("schedules: replicas of one is more than maxReplicas: raise maxReplicas or lower replicas"),
    validation = Rule::new("!has(self.metrics.source) || self.metrics.source != 'Pods' || (!has(self.requestsPerSecond.query) && !has(self.latency.query))").message("metrics.source is Pods, where nothing can be queried: remove requestsPerSecond.query and latency.query, or use source Prometheus")
)]
pub struct ScalingSpec {
    /// `Auto` decides and writes; `Observe` decides and explains but writes nothing; `Paused` leaves replicas as they are.
    #[serde(default)]
    pub mode: ScalingMode,
    /// The fewest replicas, whatever the load.
    #[serde(default = "default_min")]
    #[schemars(range(min = 1, max = 1000))]
    pub min_replicas: i32,
    /// The most replicas, whatever the load.
    #[serde(default = "default_max")]
    #[schemars(range(min = 1, max = 1000))]
    pub max_replicas: i32,
    /// CPU target, given to the HPA.
    #[serde(default)]
    pub cpu: CpuTarget,
    /// Memory target, given to the HPA.
    #[serde(default)]
    pub memory: MemoryTarget,
    /// Demand by requests per second: replicas = ceil(requests per second / perReplica).
    #[serde(default)]
    pub requests_per_second: RequestsPerSecondSpec,
    /// The latency to be kept. A guard and never a ratio: it adds replicas where they are what is missing, and says where they are not.
    #[serde(default)]
    pub latency: LatencySpec,
    /// The share of requests that should be within `latency.target`: what a replica too few costs against one too many.
    #[serde(default = "default_objective")]
    #[x_kube(validation = Rule::new("self >= 0.5 && self <= 0.99999").message("write a share of all requests from 0.5 to 0.99999, for example 0.999"))]
    pub objective: f64,
    /// Floors at times that are known beforehand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub schedules: Vec<ScheduleSpec>,
    /// What usually comes at a time of the day and of the week, learned.
    #[serde(default)]
    pub forecast: ForecastSpec,
    /// What to have at least once there has been no usable data for a time. Without it replicas are held as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fallback: Option<FallbackSpec>,
    /// Limits on increases.
    #[serde(default)]
    pub scale_up: ScaleUpSpec,
    /// Limits on decreases.
    #[serde(default)]
    pub scale_down: ScaleDownSpec,
    /// Where the figures come from.
    #[serde(default)]
    pub metrics: MetricsSpec,
}

impl Default for ScalingSpec {
    fn default() -> Self {
        Self {
            mode: ScalingMode::default(),
            min_replicas: defaults::MIN_REPLICAS,
            max_replicas: defaults::MAX_REPLICAS,
            cpu: CpuTarget::default(),
            memory: MemoryTarget::default(),
            requests_per_second: RequestsPerSecondSpec::default(),
            latency: LatencySpec::default(),
            objective: defaults::OBJECTIVE,
            schedules: Vec::new(),
            forecast: ForecastSpec::default(),
            fallback: None,
            scale_up: ScaleUpSpec::default(),
            scale_down: ScaleDownSpec::default(),
            metrics: MetricsSpec::default(),
        }
    }
}

fn default_min() -> i32 {
    defaults::MIN_REPLICAS
}

fn default_max() -> i32 {
    defaults::MAX_REPLICAS
}

fn default_objective() -> f64 {
    defaults::OBJECTIVE
}

/// What the operator does with its decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ScalingMode {
    /// Decide and write.
    #[default]
    Auto,
    /// Decide and explain; the floor stays at `minReplicas`.
    Observe,
    /// Leave the floor as it is.
    Paused,
}
