//! What the operator reports: conditions, replicas, and the last change of the number of replicas with its reasons.
//!
//! Two field managers write here, and their fields are disjoint: `pathfinder/status` writes `observedGeneration`, `api`
//! and the conditions of the stack; `pathfinder/scale-status` writes `scaling` and the conditions of scaling.
//! Nothing here changes at every tick.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state of the stack.
#[derive(KubeSchema, Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PathfinderClusterStatus {
    /// The generation of the spec that this status is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// What holds and what does not; one entry per type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The API's pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<ApiStatus>,
    /// The last decision that changed the number of replicas, or whether there was data to decide by.
    /// `kubectl pathfinder explain` shows the live one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<ScalingStatus>,
}

/// The API's pods.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiStatus {
    /// Pods that exist.
    pub replicas: i32,
    /// Pods that are ready.
    pub ready_replicas: i32,
}

/// One scale decision: the last that changed the result.
#[derive(KubeSchema, Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScalingStatus {
    /// The floor that the decision asks for; in `Auto` it stands under the HPA.
    pub replicas: i32,
    /// The floor before.
    pub previous: i32,
    /// Why, in a few words.
    pub why: String,
    /// When it was decided.
    pub time: Time,
    /// Requests per second that one replica was found to serve by then, where that was learned. Another leader begins with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capacity_per_replica: Option<f64>,
    /// What each signal said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub signals: Vec<SignalStatus>,
    /// What limited the result, in words.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub limits: Vec<String>,
}

/// What one signal said when the decision was made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SignalStatus {
    /// Name of the signal, for example `requestsPerSecond`.
    pub name: String,
    /// Whether it could be used.
    pub verdict: SignalVerdict,
    /// The raw value, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Age of the sample in seconds, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_seconds: Option<f64>,
    /// Replicas that it asked for, where it could be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<i32>,
}

/// Whether a signal can be used. Only `Fresh` may lower anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum SignalVerdict {
    /// A recent, sane value.
    Fresh,
    /// A value that is too old.
    Stale,
    /// No value.
    Missing,
    /// A value that cannot be.
    Invalid,
}
