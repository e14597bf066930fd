//! When each cluster is looked at: one round per Prometheus endpoint and tick, and one of those that ask their pods.
//!
//! IO. A slow endpoint delays its own clusters and nobody else's; a cluster's trouble delays nobody. What is made of a look
//! is for `tick`.

use std::{
    collections::{BTreeSet, HashMap},
    ops::RangeInclusive,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use kube_runtime::events::Recorder;
use pathfinder_crds::{MetricsSource, PathfinderCluster};
use pathfinder_scaling::{Memory, RequestsPerSecond};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

use crate::{
    cache::{Caches, View},
    client::Writer,
    cluster::{Cluster, ClusterId},
    metrics::Metrics,
    reconcile::apply::Settled,
    scale::{
        contested::Writers,
        past::{Archive, Past},
        pods::{Limits, MetricNames, Pace, Scraper, Target, scrape},
        prometheus::{Endpoints, own::OwnQueries},
        query::Scope,
        reading::Settling,
        sample::{Answer, Look},
        state::Known,
        tell::Told,
        why::Why,
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
    pub endpoints: Arc<Endpoints>,
    /// Whom to ask for the past.
    pub archive: Archive,
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
    /// Whether the pods that are heard are the same as before.
    pub settling: Settling,
    /// What its own queries said.
    pub own: OwnQueries,
    /// Whether the past has taught it.
    pub past: Past,
    /// What status and events said.
    pub told: Told,
    /// Who else writes replicas and bounds.
    pub writers: Writers,
}

/// What one look at a source gave for all clusters of a round.
pub struct Heard {
    /// What the source said.
    pub look: Look,
    /// Who was asked.
    pub asked: Asked,
    /// Time between two scrapes of it.
    pub interval: Duration,
}

/// Who was asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// The endpoint.
    Prometheus,
    /// The pods.
    Pods,
    /// The pods, because the endpoint gave no answer.
    PodsInstead(Why),
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
    /// Those that ask their pods alone, so often.
    Pods(Duration),
}

impl Group {
    fn of(resource: &PathfinderCluster, defined: &[&str]) -> Self {
        let metrics = &resource.spec.scaling.metrics;
        match metrics.source {
            MetricsSource::Pods => Self::Pods(Duration::from_secs(
                u64::try_from(metrics.interval_seconds).unwrap_or(1),
            )),
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

// The intervals of those that ask their pods, in seconds: as the resource's rules bound them.
const PODS_INTERVALS: RangeInclusive<u64> = 1..=5;

// Nobody scrapes for an endpoint that is not defined.
const UNDEFINED_INTERVAL: Duration = Duration::from_secs(5);

const FORGET_EVERY: Duration = Duration::from_secs(5);

/// Why the scaling loop ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Pods cannot be asked.
    #[error(transparent)]
    Scrape(#[from] scrape::Error),
    /// One of its loops panicked.
    #[error("a round failed: {0}")]
    Failed(#[from] JoinError),
}

impl Scaler {
    /// Looks at every cluster again and again until `stop`; those of Prometheus every `interval`.
    ///
    /// # Errors
    /// When no client for asking pods can be made, or a loop panicked.
    pub async fn run(self, interval: Duration, stop: CancellationToken) -> Result<(), Error> {
        let scaler = Arc::new(self);
        let mut loops = JoinSet::new();
        let names = scaler.endpoints.names();
        let endpoints = names.iter().map(|name| (Group::Endpoint((*name).to_owned()), interval));
        let pods = PODS_INTERVALS.map(Duration::from_secs);
        let pods = pods.map(|interval| (Group::Pods(interval), interval));
        for (group, interval) in endpoints.chain(pods).chain([(Group::Undefined, interval)]) {
            let names = match &group {
                Group::Endpoint(name) => scaler.endpoints.metric_names(name),
                Group::Pods(_) | Group::Undefined => MetricNames::default(),
            };
            let scraper = Scraper::new(Pace::every(interval), names, Limits::default())?;
            loops.spawn(scaler.clone().rounds((group, scraper), interval, stop.clone()));
        }
        loops.spawn(scaler.clone().forget(stop));
        while let Some(ended) = loops.join_next().await {
            ended?;
        }
        Ok(())
    }

    async fn rounds(self: Arc<Self>, (group, scraper): (Group, Scraper), interval: Duration, stop: CancellationToken) {
        let mut ticks = tokio::time::interval(interval);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = ticks.tick() => {}
            }
            let clusters = self.clusters(&group);
            if clusters.is_empty() {
                continue;
            }
            let started = Instant::now();
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.round(&group, &scraper, &clusters) => {}
            }
            self.metrics.tick_seconds.observe(started.elapsed().as_secs_f64());
        }
    }

    async fn round(&self, group: &Group, scraper: &Scraper, clusters: &[Pair]) {
        let heard = match group {
            Group::Endpoint(name) => self.ask(name, scraper, clusters).await,
            Group::Pods(interval) => Heard {
                look: Look::only(ask_pods(scraper, clusters, &self.caches.view()).await),
                asked: Asked::Pods,
                interval: *interval,
            },
            Group::Undefined => Heard {
                look: Look::only(Answer::Unknown),
                asked: Asked::Prometheus,
                interval: UNDEFINED_INTERVAL,
            },
        };
        self.each(clusters, &heard).await;
    }

    async fn ask(&self, name: &str, scraper: &Scraper, clusters: &[Pair]) -> Heard {
        let view = self.caches.view();
        let scope = Scope {
            namespaces: clusters.iter().map(|(_, it)| it.id.namespace.as_str()).collect(),
            pods: clusters.iter().map(|(_, it)| view.api_pods(&it.id).len()).sum(),
        };
        let look = self.endpoints.ask(name, &scope).await;
        match &look.answer {
            Answer::Unreachable(why) => Heard {
                asked: Asked::PodsInstead(why.clone()),
                look: Look::only(ask_pods(scraper, clusters, &view).await),
                interval: scraper.pace().interval(),
            },
            Answer::Samples(_) | Answer::Unknown => Heard {
                look,
                asked: Asked::Prometheus,
                interval: self.endpoints.scrape_interval(name),
            },
        }
    }

    async fn each(&self, clusters: &[Pair], heard: &Heard) {
        // As it is after the source was heard: what it says is about these pods.
        let view = self.caches.view();
        let looks: Vec<BoxFuture<'_, ()>> = clusters
            .iter()
            .map(|pair| self.one(pair, (heard, &view)).boxed())
            .collect();
        stream::iter(looks).buffer_unordered(PARALLEL).collect::<()>().await;
    }

    async fn one(&self, (resource, cluster): &Pair, seen: (&Heard, &View)) {
        let carried = self.carried.of(&cluster.id);
        let mut carried = carried.lock().await;
        // One of the same name that was made anew has nothing in common with the old one.
        if carried.uid != cluster.owner.uid {
            *carried = Carried {
                uid: cluster.owner.uid.clone(),
                memory: Memory::default().knowing(found_before(resource)),
                ..Carried::default()
            };
        }
        self.tick(&mut carried, (resource, cluster), seen).await;
    }

    fn clusters(&self, group: &Group) -> Vec<Pair> {
        let defined = self.endpoints.names();
        let all = self.caches.clusters().into_iter();
        all.filter(|resource| resource.metadata.deletion_timestamp.is_none())
            .filter(|resource| Group::of(resource, &defined) == *group)
            .filter_map(|resource| validate::validate(&resource).ok().map(|cluster| (resource, cluster)))
            .collect()
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

async fn ask_pods(scraper: &Scraper, clusters: &[Pair], view: &View) -> Answer {
    let targets = clusters.iter().flat_map(|(_, cluster)| {
        let pods = view.api_pods(&cluster.id).iter();
        pods.filter_map(|pod| Target::of(pod, cluster.api.port))
    });
    let targets: Vec<Target> = targets.collect();
    Answer::Samples(scraper.look(&targets).await)
}

// What a replica was found to serve by who led before.
fn found_before(resource: &PathfinderCluster) -> Option<RequestsPerSecond> {
    let scaling = resource.status.as_ref()?.scaling.as_ref()?;
    RequestsPerSecond::new(scaling.capacity_per_replica?).ok()
}

fn id(resource: &PathfinderCluster) -> Option<ClusterId> {
    Some(ClusterId {
        namespace: resource.metadata.namespace.clone()?,
        name: resource.metadata.name.clone()?,
    })
}
