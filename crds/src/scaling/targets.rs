//! What is aimed at: CPU and memory by the HPA, requests per second and latency by the operator.
//!
//! Shapes and defaults; the laws are the engine's.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::defaults;

/// Whether a target is aimed at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum TargetMode {
    /// It is.
    #[default]
    Enabled,
    /// It is not.
    Disabled,
}

/// The HPA's CPU target.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CpuTarget {
    /// `Disabled` takes it away from the HPA.
    #[serde(default)]
    pub mode: TargetMode,
    /// Average utilisation in percent of `api.resources.requests.cpu`.
    #[serde(default = "default_cpu")]
    #[schemars(range(min = 1, max = 1000))]
    pub average_utilization: i32,
}

impl Default for CpuTarget {
    fn default() -> Self {
        Self {
            mode: TargetMode::default(),
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
    /// `Disabled` takes it away from the HPA.
    #[serde(default)]
    pub mode: TargetMode,
    /// Average utilisation in percent of `api.resources.requests.memory`.
    #[serde(default = "default_memory")]
    #[schemars(range(min = 1, max = 1000))]
    pub average_utilization: i32,
}

impl Default for MemoryTarget {
    fn default() -> Self {
        Self {
            mode: TargetMode::default(),
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
    /// PromQL that gives the requests per second of the whole API as one series, instead of the default. Only where the
    /// operator's administrator allows it for the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2000))]
    pub query: Option<String>,
}

impl Default for RequestsPerSecondSpec {
    fn default() -> Self {
        Self {
            per_replica: defaults::REQUESTS_PER_SECOND_PER_REPLICA,
            query: None,
        }
    }
}

fn default_per_replica() -> f64 {
    defaults::REQUESTS_PER_SECOND_PER_REPLICA
}

/// The latency to be kept.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LatencySpec {
    /// `Disabled` for an API whose latency says nothing about its replicas (long polls, streams): nothing is learned of
    /// what a replica serves then.
    #[serde(default)]
    pub mode: TargetMode,
    /// The quantile of latency that is looked at.
    #[serde(default = "default_quantile")]
    #[x_kube(validation = Rule::new("self >= 0.5 && self <= 0.999").message("write a quantile from 0.5 to 0.999, for example 0.95"))]
    pub quantile: f64,
    /// What it should be at most: milliseconds or seconds, `500ms` or `1.5s`.
    #[serde(default = "default_target")]
    #[schemars(length(min = 2, max = 9))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]{1,5}ms|[0-9]{1,2}([.][0-9]{1,3})?s)$')").message("is not a latency: write milliseconds or seconds, for example 500ms or 1.5s"))]
    #[x_kube(validation = Rule::new("!self.matches('^([0-9]{1,5}ms|[0-9]{1,2}([.][0-9]{1,3})?s)$') || (duration(self) > duration('0s') && duration(self) <= duration('60s'))").message("must be more than 0 and at most 60s"))]
    pub target: String,
    /// PromQL that gives that quantile of the whole API in seconds as one series, instead of the default. Only where the
    /// operator's administrator allows it for the endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 2000))]
    pub query: Option<String>,
}

impl Default for LatencySpec {
    fn default() -> Self {
        Self {
            mode: TargetMode::default(),
            quantile: defaults::LATENCY_QUANTILE,
            target: defaults::LATENCY_TARGET.to_owned(),
            query: None,
        }
    }
}

fn default_quantile() -> f64 {
    defaults::LATENCY_QUANTILE
}

fn default_target() -> String {
    defaults::LATENCY_TARGET.to_owned()
}
