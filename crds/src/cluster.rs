//! The root of the resource: which sections exist, and the rules that span several of them.
//!
//! An absent section is not managed; `{}` takes every default. That never changes within v1alpha1.

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    api::ApiSpec,
    data::{PostgresSpec, RedisSpec},
    scaling::ScalingSpec,
    status::PathfinderClusterStatus,
};

/// What should run: the API, how it scales, and the stores beside it.
#[derive(CustomResource, KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "pathfinder.dev",
    version = "v1alpha1",
    kind = "PathfinderCluster",
    plural = "pathfinderclusters",
    shortname = "pfc",
    category = "pathfinder",
    namespaced,
    derive = "PartialEq",
    status = "PathfinderClusterStatus",
    doc = "One API stack: the API with its Service and autoscaling, a PostgreSQL and a Redis beside it.",
    validation = Rule::new("self.metadata.name.size() <= 40").message("metadata.name is too long: use at most 40 characters, the objects made from it add a suffix"),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')").message("metadata.name becomes a Service name: begin with a letter, use only a-z, 0-9 and '-'"),
    printcolumn(json_path = ".status.conditions[?(@.type==\"Ready\")].status", name = "Ready", type_ = "string"),
    printcolumn(json_path = ".status.api.readyReplicas", name = "Replicas", type_ = "integer"),
    printcolumn(json_path = ".status.scaling.replicas", name = "Desired", type_ = "integer"),
    printcolumn(json_path = ".status.scaling.why", name = "Why", type_ = "string"),
    printcolumn(json_path = ".metadata.creationTimestamp", name = "Age", type_ = "date")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.postgres) || !has(self.api.env) || !self.api.env.exists(e, e.name in ['DATABASE_URL', 'DATABASE_REPLICA_URL'])").message("spec.postgres sets DATABASE_URL and DATABASE_REPLICA_URL: remove them from spec.api.env, or leave spec.postgres out to use a database of your own"),
    validation = Rule::new("!has(self.redis) || !has(self.api.env) || !self.api.env.exists(e, e.name == 'REDIS_URL')").message("spec.redis sets REDIS_URL: remove it from spec.api.env, or leave spec.redis out to use a Redis of your own")
)]
pub struct PathfinderClusterSpec {
    /// The API itself: its image, resources, environment and Service.
    pub api: ApiSpec,
    /// How many replicas of the API run, and why.
    #[serde(default)]
    pub scaling: ScalingSpec,
    /// A PostgreSQL instance. Absent: not managed. `{}`: all defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postgres: Option<PostgresSpec>,
    /// A Redis instance. Absent: not managed. `{}`: all defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub redis: Option<RedisSpec>,
    /// Whether NetworkPolicies limit who may talk to the pods. They need a network plugin that enforces them.
    #[serde(default)]
    pub network_policies: NetworkPolicies,
}

/// Whether NetworkPolicies are made for the pods of this resource.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum NetworkPolicies {
    /// None are made; what the namespace allows is allowed.
    #[default]
    Disabled,
    /// Only the flows of the stack are allowed: callers to the API, the API to its stores.
    Enabled,
}
