//! The 5 s loop: one question per endpoint, one decision per cluster, the fewest writes.
//!
//! IO shell around `pathfinder_scaling::decide`. It reads the world from caches, never lowers on a guess, and one
//! cluster's trouble never delays another's.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt, future::join_all, stream};
use jiff::Timestamp;
use k8s_openapi::api::{apps::v1::Deployment, autoscaling::v2::HorizontalPodAutoscaler, core::v1::Pod};
use kube_runtime::events::Recorder;
use pathfinder_crds::PathfinderCluster;
use pathfinder_scaling::{Action, Decision, Memory, Observation, Replicas, Rollout, Signal, decide};
use tokio_util::sync::CancellationToken;

use crate::{
    cache::Caches,
    client::{CallError, Writer},
    cluster::{Cluster, ClusterId},
    metrics::{DecisionLabels, Metrics, ResourceLabels},
    names::{self, Component},
    reconcile::apply::Settled,
    scale::{
        actuate,
        orders::{Seen, orders},
        prometheus::Endpoints,
        reading::requests_per_second,
        sample::Answer,
        state::Known,
        tell::{Teller, Told},
    },
    validate,
};

/// What the loop uses.
pub struct Scaler {
    /// The one place that writes.
    pub writer: Writer,
    /// Publishes events.
    pub recorder: Recorder,
    /// Our own metrics.
    pub metrics: Metrics,
    /// What is in the cluster.
    pub caches: Arc<Caches>,
    /// Whom to ask.
    pub endpoints: Endpoints,
    /// What others may read of us.
    pub known: Arc<Known>,
    /// What the structural loop remembers, to be forgotten with the resource.
    pub settled: Arc<Settled>,
}

// What one cluster's loop carries from tick to tick.
#[derive(Default)]
struct Carried {
    memory: Memory,
    told: Told,
}

// Clusters that are decided at the same time: their writes may wait for the API server.
const PARALLEL: usize = 16;

impl Scaler {
    /// Ticks until `stop`.
    pub async fn run(self, interval: Duration, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut carried: HashMap<ClusterId, Carried> = HashMap::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let started = Instant::now();
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.tick(&mut carried) => {}
            }
            self.metrics.tick_seconds.observe(started.elapsed().as_secs_f64());
        }
    }

    async fn tick(&self, carried: &mut HashMap<ClusterId, Carried>) {
        let clusters: Vec<(Arc<PathfinderCluster>, Cluster)> = self
            .caches
            .clusters()
            .into_iter()
            .filter(|resource| resource.metadata.deletion_timestamp.is_none())
            .filter_map(|resource| validate::validate(&resource).ok().map(|cluster| (resource, cluster)))
            .collect();
        self.forget_gone(carried, &clusters);
        let answers = self.ask(&clusters).await;
        let work: Vec<_> = clusters
            .into_iter()
            .map(|(resource, cluster)| (carried.remove(&cluster.id).unwrap_or_default(), resource, cluster))
            .collect();
        let answers = &answers;
        let done: Vec<(ClusterId, Carried)> = stream::iter(work)
            .map(|(mut state, resource, cluster)| async move {
                let answer = answers.get(&cluster.scaling.endpoint).unwrap_or(&Answer::Unknown);
                self.one(&mut state, &resource, &cluster, answer).await;
                (cluster.id, state)
            })
            .buffer_unordered(PARALLEL)
            .collect()
            .await;
        carried.extend(done);
    }

    fn forget_gone(&self, carried: &mut HashMap<ClusterId, Carried>, clusters: &[(Arc<PathfinderCluster>, Cluster)]) {
        let exists: BTreeSet<&ClusterId> = clusters.iter().map(|(_, cluster)| &cluster.id).collect();
        for id in carried.keys().filter(|id| !exists.contains(id)) {
            self.metrics.forget(&labels(id));
            self.settled.forget(id);
        }
        carried.retain(|id, _| exists.contains(id));
        self.known.keep(|id| exists.contains(id));
    }

    // Each endpoint that some cluster names is asked once.
    async fn ask(&self, clusters: &[(Arc<PathfinderCluster>, Cluster)]) -> HashMap<String, Answer> {
        let names: BTreeSet<&str> = clusters
            .iter()
            .map(|(_, cluster)| cluster.scaling.endpoint.as_str())
            .collect();
        let pods = clusters.iter().map(|(_, it)| self.caches.api_pods(&it.id).len()).sum();
        let asked = names
            .into_iter()
            .map(|name| async move { (name.to_owned(), self.endpoints.ask(name, pods).await.answer) });
        join_all(asked).await.into_iter().collect()
    }

    async fn one(&self, carried: &mut Carried, resource: &PathfinderCluster, cluster: &Cluster, answer: &Answer) {
        let name = names::component(&cluster.id.name, Component::Api);
        let deployment = self.caches.deployment(&cluster.id.namespace, &name);
        // Without an HPA there is nothing to put a floor under; the structural loop makes it.
        let Some(autoscaler) = self.caches.autoscaler(&cluster.id.namespace, &name) else {
            return;
        };
        let now = Timestamp::now();
        let pods = self.caches.api_pods(&cluster.id);
        let observation = self.observation(cluster, answer, (deployment.as_deref(), &autoscaler, &pods), now);
        let (decision, memory) = decide(
            &cluster.scaling.policy,
            std::mem::take(&mut carried.memory),
            &observation,
            now,
        );
        carried.memory = memory;
        self.account(cluster, &decision, &observation);
        let seen = seen(&autoscaler, &observation);
        if let Err(error) = self.order(cluster, &decision, (&autoscaler, seen)).await {
            tracing::warn!(cluster = %cluster.id, %error, "an order could not be written; the next tick tries again");
        }
        let teller = Teller {
            writer: &self.writer,
            recorder: &self.recorder,
            endpoints: &self.endpoints,
            now,
        };
        teller.tell(&mut carried.told, resource, (cluster, &decision)).await;
    }

    fn observation(
        &self,
        cluster: &Cluster,
        answer: &Answer,
        (deployment, autoscaler, pods): (Option<&Deployment>, &HorizontalPodAutoscaler, &[Arc<Pod>]),
        now: Timestamp,
    ) -> Observation {
        let floor = autoscaler
            .spec
            .as_ref()
            .and_then(|spec| spec.min_replicas)
            .map(replicas);
        let pods: Vec<&Pod> = pods.iter().map(AsRef::as_ref).collect();
        // At the most that a replica may be found to serve: a part of the load must never lower.
        let (_, per_replica) = cluster.scaling.policy.capacity_bounds();
        let present = floor.map_or(0.0, |floor| f64::from(floor.get())) * per_replica.get();
        let load = requests_per_second(
            answer,
            &pods,
            (self.endpoints.max_age(&cluster.scaling.endpoint), now),
            |sum| sum.get() > present,
        );
        Observation {
            replicas_ordered: deployment
                .and_then(|it| it.spec.as_ref())
                .and_then(|spec| spec.replicas)
                .map(replicas),
            replicas_ready: deployment
                .and_then(|it| it.status.as_ref())
                .map(|status| replicas(status.ready_replicas.unwrap_or_default())),
            floor,
            rollout: deployment.map_or(Rollout::Settled, rollout),
            ..Observation::of(load)
        }
    }

    fn account(&self, cluster: &Cluster, decision: &Decision, observation: &Observation) {
        self.known.decided(&cluster.id, &decision.record);
        if let Some(ordered) = observation.replicas_ordered {
            self.known.ordered(&cluster.id, ordered);
            self.metrics
                .applied_replicas
                .get_or_create(&labels(&cluster.id))
                .set(i64::from(ordered.get()));
        }
        let action = match decision.action {
            Action::Raise => "raise",
            Action::Hold => "hold",
            Action::Lower => "lower",
        };
        self.metrics.decisions.get_or_create(&DecisionLabels { action }).inc();
        self.metrics
            .wanted_replicas
            .get_or_create(&labels(&cluster.id))
            .set(i64::from(decision.floor.get()));
        if let Signal::Fresh { age, .. } | Signal::Stale { age } = observation.requests_per_second {
            self.metrics
                .signal_age_seconds
                .get_or_create(&labels(&cluster.id))
                .set(age.as_secs_f64());
        }
    }

    async fn order(
        &self,
        cluster: &Cluster,
        decision: &Decision,
        (autoscaler, seen): (&HorizontalPodAutoscaler, Seen),
    ) -> Result<(), CallError> {
        let orders = orders(&cluster.scaling.policy, decision.floor, seen);
        let uid = autoscaler.metadata.uid.as_deref().unwrap_or_default();
        if let Some(bounds) = orders.bounds {
            actuate::set_bounds(&self.writer, &cluster.id, (uid, bounds)).await?;
            tracing::info!(
                cluster = %cluster.id,
                from = seen.min.get(),
                to = bounds.min.get(),
                why = decision.record.sentence(),
                "floor moved"
            );
        }
        match orders.raise_to {
            Some(replicas) => actuate::raise(&self.writer, &cluster.id, replicas).await,
            None => Ok(()),
        }
    }
}

fn labels(id: &ClusterId) -> ResourceLabels {
    ResourceLabels {
        namespace: id.namespace.clone(),
        name: id.name.clone(),
    }
}

fn replicas(count: i32) -> Replicas {
    Replicas::new(u32::try_from(count).unwrap_or_default())
}

fn seen(autoscaler: &HorizontalPodAutoscaler, observation: &Observation) -> Seen {
    let spec = autoscaler.spec.as_ref();
    Seen {
        min: replicas(spec.and_then(|spec| spec.min_replicas).unwrap_or_default()),
        max: replicas(spec.map_or(0, |spec| spec.max_replicas)),
        // Without a Deployment there is nothing to raise.
        ordered: observation.replicas_ordered.unwrap_or(Replicas::new(u32::MAX)),
    }
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
