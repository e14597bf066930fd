//! The wire types of `PathfinderCluster`: what a person writes, and what the operator reports.
//!
//! This crate answers for the shape of the resource: fields, defaults, bounds and the rules that the API server checks.
//! It knows nothing of the operator that acts on it, of the scaling engine, or of any client.
//!
//! Where a rule can be checked by the API server it stands here, so that bad input never reaches the operator.

#![allow(unreachable_pub, reason = "the schema macros copy each struct into a private scope")]

mod api;
mod cluster;
mod conditions;
mod data;
pub mod defaults;
pub mod fields;
pub mod generated;
mod quantity;
mod scaling;
mod status;

pub use api::{
    ApiSpec, ConfigMapEnvSource, EnvFromSource, EnvVar, EnvVarSource, KeySelector, ResourceList, Resources,
    SecretEnvSource, ServiceSpec, ServiceType,
};
pub use cluster::{NetworkPolicies, PathfinderCluster, PathfinderClusterSpec};
pub use conditions::{ConditionType, Reason};
pub use data::{PostgresSpec, PostgresStorage, RedisSpec, RedisStorage};
pub use quantity::Quantity;
pub use scaling::{
    CpuTarget, FallbackSpec, ForecastMode, ForecastSpec, LatencySpec, MemoryTarget, MetricsSource, MetricsSpec,
    RequestsPerSecondSpec, ScaleDownSpec, ScaleUpSpec, ScalingMode, ScalingSpec, ScheduleSpec, TargetMode,
};
pub use status::{ApiStatus, PathfinderClusterStatus, ScalingStatus, SignalStatus, SignalVerdict};

/// The API group of every resource of this project.
pub const GROUP: &str = "pathfinder.dev";
/// The version served and stored.
pub const VERSION: &str = "v1alpha1";
