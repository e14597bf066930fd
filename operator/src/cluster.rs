//! A `Cluster` is a `PathfinderCluster` that cannot be wrong: what `validate` makes and every builder takes.
//!
//! Pure. Builders are infallible because nothing here needs to be checked again.

use std::time::Duration;

use k8s_openapi::{
    api::core::v1::{EnvFromSource, EnvVar, ResourceRequirements},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use pathfinder_crds::{NetworkPolicies, ServiceType};
use pathfinder_scaling::{Policy, Schedule};

/// Which resource this is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClusterId {
    /// Its namespace: everything we make lives there.
    pub namespace: String,
    /// Its name: the stem of every name.
    pub name: String,
}

impl std::fmt::Display for ClusterId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.namespace, self.name)
    }
}

/// A valid stack.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// Which resource it is.
    pub id: ClusterId,
    /// Owner of everything that goes with the resource.
    pub owner: OwnerReference,
    /// `metadata.generation` that this was made from.
    pub generation: i64,
    /// The API.
    pub api: Api,
    /// How it scales.
    pub scaling: Scaling,
    /// PostgreSQL, when managed.
    pub postgres: Option<Store>,
    /// Redis, when managed.
    pub redis: Option<Store>,
    /// Whether NetworkPolicies are made.
    pub network_policies: NetworkPolicies,
}

/// The API workload.
#[derive(Clone, Debug, PartialEq)]
pub struct Api {
    /// Image reference.
    pub image: String,
    /// The port that it listens on.
    pub port: u16,
    /// Requests and limits, as written.
    pub resources: ResourceRequirements,
    /// The user's variables; ours come on top.
    pub env: Vec<EnvVar>,
    /// The user's Secrets and ConfigMaps.
    pub env_from: Vec<EnvFromSource>,
    /// How the Service is reached.
    pub service_type: ServiceType,
    /// The Service's port.
    pub service_port: u16,
}

/// How the API scales.
#[derive(Clone, Debug, PartialEq)]
pub struct Scaling {
    /// The decision engine's policy: bounds, laws, cooldowns, mode.
    pub policy: Policy,
    /// Floors at times that are known beforehand.
    pub schedules: Vec<Schedule>,
    /// What the HPA does above the floor.
    pub autoscaler: Autoscaler,
    /// The quantile of latency that is looked at, 0.5 to 0.999.
    pub latency_quantile: f64,
    /// Where the figures come from.
    pub source: Source,
    /// Name of the Prometheus endpoint.
    pub endpoint: String,
    /// Queries that replace the default ones.
    pub queries: Queries,
}

/// What the HPA does above the floor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Autoscaler {
    /// Percent of the CPU request; `None` where CPU is no target.
    pub cpu_utilization_percent: Option<i32>,
    /// Percent of the memory request; `None` where memory is no target.
    pub memory_utilization_percent: Option<i32>,
    /// Seconds that it looks back before it lowers; ours, so that its own do not come on top.
    pub scale_down_window_seconds: i32,
}

impl Autoscaler {
    /// Whether it only follows the floor, because it has no target of its own.
    pub const fn follows(&self) -> bool {
        self.cpu_utilization_percent.is_none() && self.memory_utilization_percent.is_none()
    }
}

/// Who is asked for the figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// The Prometheus endpoint; the pods while it does not answer.
    Prometheus,
    /// The pods alone, so often.
    Pods {
        /// Time between two looks.
        interval: Duration,
    },
}

/// PromQL that the user wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queries {
    /// Requests per second of the whole API.
    pub requests_per_second: Option<String>,
    /// Latency of the whole API at its quantile, in seconds.
    pub latency: Option<String>,
}

/// A store with one instance on one volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Store {
    /// Image reference.
    pub image: String,
    /// Size of the volume, a quantity.
    pub storage_size: String,
    /// StorageClass, the cluster's default when `None`.
    pub storage_class_name: Option<String>,
}
