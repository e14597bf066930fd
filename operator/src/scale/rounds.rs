//! When each cluster is looked at: one round per Prometheus endpoint and tick, and one of those that ask their pods.
//!
//! IO. A slow endpoint delays its own clusters and nobody else's; a cluster's trouble delays nobody. What is made of a look
//! is for `tick`.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use kube_runtime::events::Recorder;
use pathfinder_crds::{MetricsSource, PathfinderCluster};
use pathfinder_scaling::Memory;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::{
    cache::Caches,
    client::Writer,
    cluster::{Cluster, ClusterId, Source},
    metrics::Metrics,
    reconcile::apply::Settled,
    scale::{prometheus::Endpoints, sample::Answer, state::Known, tell::Told},
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
    /// What each cluster's loop carries from look to look.
    pub carried: CarriedAll,
}

/// What one cluster's loop carries from look to look.
#[derive(Default)]
pub struct Carried {
    /// Uid of the resource.
    uid: String,
    /// The engine's.
    pub memory: Memory,
    /// What status and events said.
    pub told: Told,
}

/// What one look at a source gave for all clusters of a round.
pub struct Look {
    /// What the source said.
    pub answer: Answer,
    /// Time between two scrapes of it.
    pub interval: Duration,
}

/// What all clusters' loops carry. A cluster that changes its source is never looked at twice at once.
#[derive(Default)]
pub struct CarriedAll(Mutex<HashMap<ClusterId, Arc<tokio::sync::Mutex<Carried>>>>);

impl CarriedAll {
    fn of(&self, id: &ClusterId) -> Arc<tokio::sync::Mutex<Carried>> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(id.clone()).or_default().clone()
    }

    fn forget_others(&self, exist: &BTreeSet<ClusterId>) -> Vec<ClusterId> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let gone = all.keys().filter(|id| !exist.contains(id)).cloned().collect();
        all.retain(|id, _| exist.contains(id));
        gone
    }
}

/// The clusters that are looked at together.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Group {
    /// Those of an endpoint that is defined.
    Endpoint(String),
    /// Those of an endpoint that is not.
    Undefined,
    /// Those that ask their pods alone.
    Pods,
}

impl Group {
    fn of(resource: &PathfinderCluster, defined: &[&str]) -> Self {
        let metrics = &resource.spec.scaling.metrics;
        match metrics.source {
            MetricsSource::Pods => Self::Pods,
            MetricsSource::Prometheus if defined.contains(&metrics.endpoint.as_str()) => {
                Self::Endpoint(metrics.endpoint.clone())
            }
            MetricsSource::Prometheus => Self::Undefined,
        }
    }
}

type Pair = (Arc<PathfinderCluster>, Cluster);

// Clusters that are decided at the same time: their writes may wait for the API server.
const PARALLEL: usize = 16;

// Those that ask their pods have each an interval of its own, of whole seconds.
const PODS_BEAT: Duration = Duration::from_secs(1);

const FORGET_EVERY: Duration = Duration::from_secs(10);

impl Scaler {
    /// Looks at every cluster again and again until `stop`; those of Prometheus every `interval`.
    pub async fn run(self, interval: Duration, stop: CancellationToken) {
        let scaler = Arc::new(self);
        let mut loops = JoinSet::new();
        let names = scaler.endpoints.names();
        let endpoints = names.iter().map(|name| Group::Endpoint((*name).to_owned()));
        for group in endpoints.chain([Group::Undefined]) {
            loops.spawn(scaler.clone().rounds(group, interval, stop.clone()));
        }
        loops.spawn(scaler.clone().rounds(Group::Pods, PODS_BEAT, stop.clone()));
        loops.spawn(scaler.clone().forget(stop));
        while loops.join_next().await.is_some() {}
    }

    async fn rounds(self: Arc<Self>, group: Group, interval: Duration, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut looked = HashMap::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let started = Instant::now();
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.round(&group, &mut looked) => {}
            }
            self.metrics.tick_seconds.observe(started.elapsed().as_secs_f64());
        }
    }

    async fn round(&self, group: &Group, looked: &mut HashMap<ClusterId, Instant>) {
        let clusters = self.clusters(group, looked);
        let look = match group {
            Group::Endpoint(name) if !clusters.is_empty() => Look {
                answer: self.endpoints.ask(name).await,
                interval: self.endpoints.scrape_interval(name),
            },
            Group::Endpoint(_) | Group::Undefined | Group::Pods => Look {
                answer: Answer::Unknown,
                interval: PODS_BEAT,
            },
        };
        self.each(&clusters, &look).await;
    }

    async fn each(&self, clusters: &[Pair], look: &Look) {
        let looks: Vec<BoxFuture<'_, ()>> = clusters.iter().map(|pair| self.one(pair, look).boxed()).collect();
        stream::iter(looks).buffer_unordered(PARALLEL).collect::<()>().await;
    }

    async fn one(&self, (resource, cluster): &Pair, look: &Look) {
        let carried = self.carried.of(&cluster.id);
        let mut carried = carried.lock().await;
        // One of the same name that was made anew has nothing in common with the old one.
        if carried.uid != cluster.owner.uid {
            *carried = Carried {
                uid: cluster.owner.uid.clone(),
                ..Carried::default()
            };
        }
        self.tick(&mut carried, (resource, cluster), look).await;
    }

    // Those of a group that are to be looked at now.
    fn clusters(&self, group: &Group, looked: &mut HashMap<ClusterId, Instant>) -> Vec<Pair> {
        let defined = self.endpoints.names();
        let now = Instant::now();
        let all = self.caches.clusters().into_iter();
        let due: Vec<Pair> = all
            .filter(|resource| resource.metadata.deletion_timestamp.is_none())
            .filter(|resource| Group::of(resource, &defined) == *group)
            .filter_map(|resource| validate::validate(&resource).ok().map(|cluster| (resource, cluster)))
            .filter(|(_, cluster)| is_due(cluster.scaling.source, looked.get(&cluster.id).copied(), now))
            .collect();
        looked.retain(|_, at| now.duration_since(*at) < FORGET_EVERY);
        looked.extend(due.iter().map(|(_, cluster)| (cluster.id.clone(), now)));
        due
    }

    async fn forget(self: Arc<Self>, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(FORGET_EVERY);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => self.forget_gone(),
            }
        }
    }

    fn forget_gone(&self) {
        let exist: BTreeSet<ClusterId> = self.caches.clusters().iter().filter_map(|it| id(it)).collect();
        for gone in self.carried.forget_others(&exist) {
            self.metrics.forget(&gone);
            self.settled.forget(&gone);
        }
        self.known.keep(|id| exist.contains(id));
    }
}

fn id(resource: &PathfinderCluster) -> Option<ClusterId> {
    Some(ClusterId {
        namespace: resource.metadata.namespace.clone()?,
        name: resource.metadata.name.clone()?,
    })
}

// Whether a cluster that asks its pods is to be looked at again.
fn is_due(source: Source, last: Option<Instant>, now: Instant) -> bool {
    match (source, last) {
        (Source::Pods { interval }, Some(last)) => now.duration_since(last) + PODS_BEAT / 2 >= interval,
        (Source::Pods { .. }, None) | (Source::Prometheus, _) => true,
    }
}
