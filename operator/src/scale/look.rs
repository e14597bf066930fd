//! One look at one cluster: what the source said of its pods and what the caches hold, as the engine's observation.
//!
//! Pure. Which figure comes from where is decided here; what a figure means is for `reading` and `facts`, what is made of it
//! for the engine.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::api::{
    apps::v1::Deployment,
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::{Pod, ResourceQuota},
};
use pathfinder_scaling::{
    Ceilings, MissingReason, Observation, Policy, Quantity, Replicas, RequestsPerSecond, Rollout, Seconds, Signal,
};

use crate::{
    cluster::Cluster,
    scale::{
        facts,
        prometheus::user::UserAnswer,
        reading::{self, LatencyTarget, OwnQuery, Settling},
        rounds::Heard,
        sample::Look,
    },
};

/// What is there of one cluster.
pub struct Present<'a> {
    /// The API's Deployment; `None` where there is none yet.
    pub deployment: Option<&'a Deployment>,
    /// Its HPA.
    pub autoscaler: &'a HorizontalPodAutoscaler,
    /// Its pods.
    pub pods: &'a [&'a Pod],
    /// The quotas of its namespace.
    pub quotas: &'a [ResourceQuota],
}

/// What the user's own queries said; `None` where there is none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Own {
    /// Requests per second.
    pub load: Option<UserAnswer>,
    /// Latency in seconds.
    pub latency: Option<UserAnswer>,
    /// How long ago they were asked.
    pub age: Duration,
}

/// The world of one cluster, and what the engine cannot be told because it knows no names.
#[derive(Clone, Debug, PartialEq)]
pub struct Looked {
    /// What the engine is told.
    pub observation: Observation,
    /// The pod that is far slower than the others.
    pub slow_pod: Option<String>,
}

/// Looks at one cluster.
pub fn look(
    (cluster, policy): (&Cluster, &Policy),
    (heard, own): (&Heard, &Own),
    (present, settling): (&Present<'_>, &mut Settling),
    now: Timestamp,
) -> Looked {
    let sampling = (heard.interval * STALE_AFTER_SCRAPES, now);
    let floor = floor(present.autoscaler);
    let status = present.deployment.and_then(|it| it.status.as_ref());
    let target = policy.latency_target().map(|within| LatencyTarget {
        quantile: cluster.scaling.latency_quantile,
        within,
    });
    let suspected = reading::suspects(&heard.look.answer, present.pods, target, sampling);
    let load = if let Some(said) = &own.load {
        of_own(said, (own.age, sampling.0))
    } else {
        let sum = sum(policy, heard, (present, floor), sampling);
        let summed = reading::summed(&heard.look.answer, present.pods, sampling);
        settling.load(sum, summed, (heard.interval, now))
    };
    let observation = Observation {
        requests_per_second: load,
        latency: target.map(|target| latency(target, (&heard.look, own), present.pods, sampling)),
        replicas_ordered: ordered(present.deployment),
        replicas_ready: status.map(|status| replicas(status.ready_replicas.unwrap_or_default())),
        crash_looping: Some(facts::crash_looping(present.pods, now)),
        floor,
        rollout: present
            .deployment
            .map_or(Rollout::Settled, |deployment| facts::rollout(deployment).state),
        pod_start: facts::pod_start(present.pods),
        ceilings: ceilings(cluster, present),
        suspects: suspected.suspects,
    };
    Looked {
        observation,
        slow_pod: suspected.slow_pod_name,
    }
}

// A sample that is older than three scrapes says nothing of now.
const STALE_AFTER_SCRAPES: u32 = 3;

fn sum(
    policy: &Policy,
    heard: &Heard,
    (present, floor): (&Present<'_>, Option<Replicas>),
    sampling: (Duration, Timestamp),
) -> Signal<RequestsPerSecond> {
    // At the most that a replica may be found to serve: a part of the load must never lower.
    let (_, per_replica) = policy.capacity_bounds();
    let served = floor.map_or(0.0, |floor| f64::from(floor.get())) * per_replica.get();
    reading::requests_per_second(&heard.look.answer, present.pods, sampling, |sum| sum.get() > served)
}

fn latency(
    target: LatencyTarget,
    (look, own): (&Look, &Own),
    pods: &[&Pod],
    sampling: (Duration, Timestamp),
) -> Signal<Seconds> {
    match &own.latency {
        // A quantile of no requests: that is what `histogram_quantile` makes of a quiet night.
        Some(UserAnswer::Value(raw)) if raw.is_nan() => {
            return Signal::Missing {
                reason: MissingReason::NoRequests,
            };
        }
        Some(said) => return of_own(said, (own.age, sampling.0)),
        None => {}
    }
    if look.durations.is_some() {
        return Signal::Missing {
            reason: MissingReason::SourceUnreachable,
        };
    }
    if look.beside_age > sampling.0 {
        return Signal::Stale { age: look.beside_age };
    }
    reading::latency(&look.answer, pods, target.quantile, sampling)
}

// An expression does not say how old its samples are, only when it was evaluated.
fn of_own<Q: Quantity>(said: &UserAnswer, ages: (Duration, Duration)) -> Signal<Q> {
    let said = match said {
        UserAnswer::Value(raw) => OwnQuery::Value(*raw),
        UserAnswer::Empty => OwnQuery::Empty,
        UserAnswer::Several(count) => OwnQuery::Several(*count),
        UserAnswer::Forbidden => OwnQuery::Forbidden,
        UserAnswer::Unknown => OwnQuery::Unknown,
        UserAnswer::Unreachable(_) => OwnQuery::Unreachable,
        UserAnswer::NotYet => OwnQuery::NotYet,
    };
    reading::own_query(said, ages)
}

fn ceilings(cluster: &Cluster, present: &Present<'_>) -> Ceilings {
    let managed = cluster.postgres.as_ref().map(|_| facts::Connections::MANAGED);
    let pod = present
        .deployment
        .and_then(|it| it.spec.as_ref())
        .and_then(|spec| spec.template.spec.as_ref());
    let staying = present
        .pods
        .iter()
        .filter(|pod| pod.metadata.deletion_timestamp.is_none());
    let staying = Replicas::new(u32::try_from(staying.count()).unwrap_or(u32::MAX));
    Ceilings {
        database_connections: facts::database_connections(managed, facts::pool_size(None, &cluster.api.env)),
        quota: pod.and_then(|pod| facts::quota(present.quotas, pod, staying)),
    }
}

fn floor(autoscaler: &HorizontalPodAutoscaler) -> Option<Replicas> {
    let spec = autoscaler.spec.as_ref();
    spec.and_then(|spec| spec.min_replicas).map(replicas)
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
