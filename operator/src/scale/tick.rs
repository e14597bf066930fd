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
use kube_runtime::events::{EventType, Recorder};
use pathfinder_crds::{ConditionType, PathfinderCluster};
use pathfinder_scaling::{Action, Decision, Memory, Observation, Replicas, Rollout, Signal, decide};
use tokio_util::sync::CancellationToken;

use crate::{
    cache::Caches,
    client::{CallError, Writer},
    cluster::{Cluster, ClusterId},
    metrics::{DecisionLabels, Metrics, ResourceLabels},
    names::{self, Component},
    reconcile::{apply::Settled, report as structural},
    scale::{
        actuate,
        orders::{Seen, orders},
        prometheus::Endpoints,
        reading::{Answer, requests_per_second},
        report::{self, ScaleReport, Steady},
        state::Known,
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
    // What was written last; the cache may be behind it.
    written: Option<ScaleReport>,
    // Whether the signal is fresh, and since when that has been so.
    look: Option<(Freshness, Instant)>,
}

// Clusters that are decided at the same time: their writes may wait for the API server.
const PARALLEL: usize = 16;
// A signal must be gone (or back) this long before status says so: one slow scrape is no news.
const STEADY: Duration = Duration::from_secs(20);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Freshness {
    Fresh,
    Dark,
}

impl Carried {
    // Whether the signal has looked like this for long enough to be told.
    fn steady(&mut self, now: Freshness) -> Steady {
        let since = match self.look {
            Some((last, since)) if last == now => since,
            Some(_) | None => Instant::now(),
        };
        self.look = Some((now, since));
        if since.elapsed() >= STEADY {
            Steady::Long
        } else {
            Steady::NotYet
        }
    }
}

fn freshness(observation: &Observation) -> Freshness {
    match observation.requests_per_second {
        Signal::Fresh { .. } => Freshness::Fresh,
        Signal::Stale { .. } | Signal::Missing { .. } | Signal::Invalid { .. } => Freshness::Dark,
    }
}

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
        let asked = names
            .into_iter()
            .map(|name| async move { (name.to_owned(), self.endpoints.ask(name).await) });
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
        self.say(carried, resource, (cluster, &decision, &observation), now)
            .await;
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
        let per_replica = cluster.scaling.policy.per_replica().get();
        let present = floor.map_or(0.0, |floor| f64::from(floor.get())) * per_replica;
        Observation {
            requests_per_second: requests_per_second(
                answer,
                &pods,
                (self.endpoints.max_age(&cluster.scaling.endpoint), now),
                |sum| sum.get() > present,
            ),
            replicas_ordered: deployment
                .and_then(|it| it.spec.as_ref())
                .and_then(|spec| spec.replicas)
                .map(replicas),
            replicas_ready: deployment
                .and_then(|it| it.status.as_ref())
                .map(|status| replicas(status.ready_replicas.unwrap_or_default())),
            floor,
            rollout: deployment.map_or(Rollout::Settled, rollout),
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

    async fn say(
        &self,
        carried: &mut Carried,
        resource: &PathfinderCluster,
        (cluster, decision, observation): (&Cluster, &Decision, &Observation),
        now: Timestamp,
    ) {
        let policy = &cluster.scaling.policy;
        let mut findings = report::findings(
            &decision.record,
            policy.mode(),
            (&cluster.scaling.endpoint, &self.endpoints.names()),
        );
        let before = carried.written.clone().unwrap_or_else(|| ScaleReport::of(resource));
        let now_fresh = freshness(observation);
        let steady = carried.steady(now_fresh);
        if now_fresh == Freshness::Dark && steady == Steady::NotYet {
            // Only what does not depend on signals; the rest stays as it was said.
            findings.retain(|finding| finding.type_ == ConditionType::ScalingActive);
        }
        let news = report::is_news(before.scaling.as_ref(), &decision.record, steady);
        let changed = news.then(|| report::scaling_status(&decision.record));
        let next = before.next(&findings, changed, (cluster.generation, now));
        if carried.written.as_ref() == Some(&next) || (carried.written.is_none() && before == next) {
            carried.written = Some(next);
            return;
        }
        match report::write(&self.writer, resource, &next).await {
            Ok(()) => {
                self.announce(resource, (&before, &next), decision).await;
                carried.written = Some(next);
            }
            Err(error) => tracing::warn!(cluster = %cluster.id, %error, "the decision could not be reported"),
        }
    }

    // One event per change of the floor, and one when metrics are lost or come back.
    async fn announce(
        &self,
        resource: &PathfinderCluster,
        (before, next): (&ScaleReport, &ScaleReport),
        decision: &Decision,
    ) {
        if decision.action != Action::Hold {
            let event = structural::event(
                EventType::Normal,
                "Scaled",
                &decision.record.sentence(),
                // Events of one reason and action are folded into one; each number is an event of its own.
                &format!("ScaleTo{}", decision.floor),
            );
            structural::publish(&self.recorder, resource, event).await;
        }
        let metrics = |report: &ScaleReport| {
            let type_ = ConditionType::MetricsAvailable.as_str();
            report.conditions.iter().find(|it| it.type_ == type_).cloned()
        };
        let (old, Some(new)) = (metrics(before), metrics(next)) else {
            return;
        };
        if old.as_ref().map(|it| it.reason.as_str()) == Some(new.reason.as_str()) {
            return;
        }
        let event = match (old, new.status.as_str()) {
            (Some(_), "True") => structural::event(
                EventType::Normal,
                "MetricsAvailable",
                "the signals are fresh again",
                "Scale",
            ),
            (_, "False") => structural::event(EventType::Warning, &new.reason, &new.message, "Scale"),
            (_, _) => return,
        };
        structural::publish(&self.recorder, resource, event).await;
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
