//! A `Cluster` is a `PathfinderCluster` that cannot be wrong: what `validate` makes and every builder takes.
//!
//! Pure. Builders are infallible because nothing here needs to be checked again.

use k8s_openapi::{
    api::core::v1::{EnvFromSource, EnvVar, ResourceRequirements},
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use pathfinder_crds::{NetworkPolicies, ServiceType};
use pathfinder_scaling::Policy;

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
    /// The decision engine's policy: bounds, law, cooldowns, mode.
    pub policy: Policy,
    /// Percent of the CPU request, for the HPA.
    pub cpu_utilization_percent: i32,
    /// Percent of the memory request, for the HPA.
    pub memory_utilization_percent: i32,
    /// Seconds that the HPA looks back before it lowers; ours, so that its own do not come on top.
    pub scale_down_window_seconds: i32,
    /// Name of the Prometheus endpoint.
    pub endpoint: String,
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
