//! How the API scales: bounds, targets, cooldowns, and where the figures come from.
//!
//! CPU and memory go to the HPA. Requests per second become a floor under it, decided by the operator.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::defaults;

/// How many replicas of the API run.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.minReplicas <= self.maxReplicas").message("minReplicas is more than maxReplicas: raise maxReplicas or lower minReplicas")
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

/// The HPA's CPU target.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CpuTarget {
    /// Average utilisation in percent of `api.resources.requests.cpu`.
    #[serde(default = "default_cpu")]
    #[schemars(range(min = 1, max = 1000))]
    pub average_utilization: i32,
}

impl Default for CpuTarget {
    fn default() -> Self {
        Self {
            average_utilization: defaults::CPU_UTILIZATION,
        }
    }
}

fn default_cpu() -> i32 {
    defaults::CPU_UTILIZATION
}

/// The HPA's memory target.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MemoryTarget {
    /// Average utilisation in percent of `api.resources.requests.memory`.
    #[serde(default = "default_memory")]
    #[schemars(range(min = 1, max = 1000))]
    pub average_utilization: i32,
}

impl Default for MemoryTarget {
    fn default() -> Self {
        Self {
            average_utilization: defaults::MEMORY_UTILIZATION,
        }
    }
}

fn default_memory() -> i32 {
    defaults::MEMORY_UTILIZATION
}

/// The demand law's one number.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestsPerSecondSpec {
    /// Requests per second that one replica serves well. Measure it; do not guess it high.
    #[serde(default = "default_per_replica")]
    #[schemars(range(max = 1_000_000))]
    #[x_kube(validation = Rule::new("self > 0.0").message("must be more than 0: write the requests per second that one replica serves well"))]
    pub per_replica: f64,
}

impl Default for RequestsPerSecondSpec {
    fn default() -> Self {
        Self {
            per_replica: defaults::REQUESTS_PER_SECOND_PER_REPLICA,
        }
    }
}

fn default_per_replica() -> f64 {
    defaults::REQUESTS_PER_SECOND_PER_REPLICA
}

/// Limits on increases.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaleUpSpec {
    /// Seconds between two routine increases. An increase that present demand asks for never waits.
    #[serde(default = "default_up_cooldown")]
    #[schemars(range(min = 0, max = 86400))]
    pub cooldown_seconds: i32,
}

impl Default for ScaleUpSpec {
    fn default() -> Self {
        Self {
            cooldown_seconds: defaults::SCALE_UP_COOLDOWN_SECONDS,
        }
    }
}

fn default_up_cooldown() -> i32 {
    defaults::SCALE_UP_COOLDOWN_SECONDS
}

/// Limits on decreases.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScaleDownSpec {
    /// Seconds after the last routine increase before anything is lowered, and the longest time that a peak is held.
    /// Without it, what was learned of the workload decides, up to 600.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 86400))]
    pub cooldown_seconds: Option<i32>,
}

/// Where the figures come from.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricsSpec {
    /// Name of a Prometheus endpoint that the operator's administrator defined. No URLs here.
    #[serde(default = "default_endpoint")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("is not an endpoint name: use a name that the operator's administrator defined (chart value prometheus.endpoints), for example default"))]
    pub endpoint: String,
}

impl Default for MetricsSpec {
    fn default() -> Self {
        Self {
            endpoint: defaults::METRICS_ENDPOINT.to_owned(),
        }
    }
}

fn default_endpoint() -> String {
    defaults::METRICS_ENDPOINT.to_owned()
}
