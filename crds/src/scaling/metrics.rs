//! Where the figures come from.
//!
//! Names, never addresses: what the operator talks to is its administrator's decision.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::defaults;

/// Where the figures come from.
#[derive(KubeSchema, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MetricsSpec {
    /// `Prometheus` asks the endpoint; while that does not answer, the pods are asked. `Pods` asks the pods alone.
    #[serde(default)]
    pub source: MetricsSource,
    /// Name of a Prometheus endpoint that the operator's administrator defined. No URLs here.
    #[serde(default = "default_endpoint")]
    #[schemars(length(min = 1, max = 63))]
    #[x_kube(validation = Rule::new("self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')").message("is not an endpoint name: use a name that the operator's administrator defined (chart value prometheus.endpoints), for example default"))]
    pub endpoint: String,
    /// Seconds between two looks at the pods, with source `Pods`. Prometheus looks as often as its own configuration says.
    #[serde(default = "default_interval")]
    #[schemars(range(min = 1, max = 5))]
    pub interval_seconds: i32,
}

impl Default for MetricsSpec {
    fn default() -> Self {
        Self {
            source: MetricsSource::default(),
            interval_seconds: defaults::PODS_INTERVAL_SECONDS,
            endpoint: defaults::METRICS_ENDPOINT.to_owned(),
        }
    }
}

fn default_endpoint() -> String {
    defaults::METRICS_ENDPOINT.to_owned()
}

fn default_interval() -> i32 {
    defaults::PODS_INTERVAL_SECONDS
}

/// Who is asked for the figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum MetricsSource {
    /// A Prometheus endpoint of the operator's administrator.
    #[default]
    Prometheus,
    /// The API pods, by the operator.
    Pods,
}
