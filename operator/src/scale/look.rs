//! One look at one cluster: what the source said of its pods and what the caches hold, as the engine's observation.
//!
//! Pure. Which figure comes from where is decided here; what a figure means is for `reading`, what is made of it for the
//! engine.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::{apps::v1::Deployment, autoscaling::v2::HorizontalPodAutoscaler, core::v1::Pod};
use pathfinder_scaling::{Observation, Policy, Replicas, Rollout};

use crate::{
    cluster::Cluster,
    scale::{reading::requests_per_second, sample::Answer},
};

/// What is there of one cluster.
pub struct Present<'a> {
    /// The API's Deployment; `None` where there is none yet.
    pub deployment: Option<&'a Deployment>,
    /// Its HPA.
    pub autoscaler: &'a HorizontalPodAutoscaler,
    /// Its pods.
    pub pods: &'a [&'a Pod],
}

/// How samples are to be taken.
#[derive(Clone, Copy, Debug)]
pub struct Sampling {
    /// Time between two scrapes.
    pub interval: Duration,
    /// The present.
    pub now: Timestamp,
}

impl Sampling {
    /// The age from which a sample is stale: three scrapes.
    pub fn max_age(self) -> Duration {
        self.interval * 3
    }
}

/// The world of one cluster.
pub fn observation(
    (cluster, policy): (&Cluster, &Policy),
    answer: &Answer,
    present: &Present<'_>,
    sampling: Sampling,
) -> Observation {
    let _ = cluster;
    let floor = present
        .autoscaler
        .spec
        .as_ref()
        .and_then(|spec| spec.min_replicas)
        .map(replicas);
    // At the most that a replica may be found to serve: a part of the load must never lower.
    let (_, per_replica) = policy.capacity_bounds();
    let served = floor.map_or(0.0, |floor| f64::from(floor.get())) * per_replica.get();
    let max_age = sampling.max_age();
    let load = requests_per_second(answer, present.pods, (max_age, sampling.now), |sum| sum.get() > served);
    let status = present.deployment.and_then(|it| it.status.as_ref());
    Observation {
        replicas_ordered: ordered(present.deployment),
        replicas_ready: status.map(|status| replicas(status.ready_replicas.unwrap_or_default())),
        floor,
        rollout: present.deployment.map_or(Rollout::Settled, rollout),
        ..Observation::of(load)
    }
}

/// What is ordered; `None` without a Deployment.
pub fn ordered(deployment: Option<&Deployment>) -> Option<Replicas> {
    deployment
        .and_then(|it| it.spec.as_ref())
        .and_then(|spec| spec.replicas)
        .map(replicas)
}

/// A count of Kubernetes as replicas.
pub fn replicas(count: i32) -> Replicas {
    Replicas::new(u32::try_from(count).unwrap_or_default())
}

// A rollout runs while the newest template has not replaced every pod.
fn rollout(deployment: &Deployment) -> Rollout {
    let status = deployment.status.as_ref();
    let seen = status.and_then(|it| it.observed_generation) >= deployment.metadata.generation;
    let all = status.and_then(|it| it.replicas).unwrap_or_default();
    let updated = status.and_then(|it| it.updated_replicas).unwrap_or_default();
    if seen && updated >= all {
        Rollout::Settled
    } else {
        Rollout::InProgress
    }
}
