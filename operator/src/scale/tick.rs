//! One cluster's tick: look, decide, order, tell.
//!
//! IO shell around `pathfinder_scaling::decide`. It reads the world from caches, never lowers on a guess, and writes as
//! little as it can.

use std::{sync::Arc, time::Instant};

use jiff::Timestamp;
use k8s_openapi::api::{
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::{Pod, ResourceQuota},
};
use pathfinder_crds::PathfinderCluster;
use pathfinder_scaling::{Decision, Observation, Replicas, decide_scheduled};

use crate::{
    cache::View,
    client::CallError,
    cluster::Cluster,
    names::{self, Component},
    scale::{
        actuate, contested,
        facts::{self, Leaving},
        findings,
        look::{self, Looked, Present, replicas},
        orders::{self, Orders, orders},
        rounds::{Asked, Carried, Heard, Scaler},
        sample::Answer,
        tell::{News, Ordered, Teller},
    },
};

impl Scaler {
    /// Makes one decision about one cluster, has it written, and tells of it.
    pub(super) async fn tick(
        &self,
        carried: &mut Carried,
        (resource, cluster): (&PathfinderCluster, &Cluster),
        (heard, view): (&Heard, &View),
    ) {
        let name = names::component(&cluster.id.name, Component::Api);
        let deployment = self.caches.deployment(&cluster.id.namespace, &name);
        // Without an HPA there is nothing to put a floor under; the structural loop makes it.
        let Some(autoscaler) = self.caches.autoscaler(&cluster.id.namespace, &name) else {
            return;
        };
        let between = self.caches.ordered(&cluster.id.namespace, &name);
        let scaling = &cluster.scaling;
        let own = (scaling.endpoint.as_str(), &scaling.queries);
        let own = carried.own.look(&self.endpoints, own, Instant::now()).await;
        let pods: Vec<&Pod> = view.api_pods(&cluster.id).iter().map(Arc::as_ref).collect();
        let quotas = view.quotas(&cluster.id.namespace);
        let quotas: Vec<ResourceQuota> = quotas.iter().map(|quota| (**quota).clone()).collect();
        let present = Present {
            deployment: deployment.as_deref(),
            autoscaler: &autoscaler,
            pods: &pods,
            quotas: &quotas,
        };
        let now = Timestamp::now();
        let policy = scaling.policy.scraped_every(heard.interval);
        let looked = look::look(
            (cluster, &policy),
            (heard, &own),
            (&present, &mut carried.settling),
            now,
        );
        let mut memory = std::mem::take(&mut carried.memory);
        // The pods have no past, and an own query may ask for anything.
        if heard.asked == Asked::Prometheus
            && own.load.is_none()
            && looked.observation.requests_per_second.fresh().is_some()
        {
            memory = self.archive.teach(&mut carried.past, cluster, memory).await;
        }
        let (decision, memory) = decide_scheduled((&policy, &scaling.schedules), memory, &looked.observation, now);
        carried.memory = memory;
        self.account(cluster, &decision, &looked.observation);
        let others = view.autoscalers(&cluster.id.namespace);
        let ordered = ((deployment.as_deref(), autoscaler.as_ref()), between);
        let conflict = contested::conflict(&mut carried.writers, ordered, others, now);
        let orders = orders(
            &cluster.scaling.policy,
            cluster.scaling.autoscaler.into(),
            (decision.floor, seen(&autoscaler, &looked.observation)),
        );
        let leaving = leaving(&orders, (&pods, &heard.look.answer), &looked);
        let ordered = self.order((cluster, &decision), (&autoscaler, orders), leaving).await;
        let seen = findings::Seen {
            record: &decision.record,
            heard,
            own: &own,
            defined: &self.endpoints.names(),
            conflict: conflict.as_ref(),
            slow_pod: looked.slow_pod.as_deref(),
        };
        let news = News {
            decision: &decision,
            ordered,
            capacity: carried.memory.capacity(),
            found: findings::findings(cluster, &seen),
        };
        let teller = Teller {
            writer: &self.writer,
            recorder: &self.recorder,
            now,
        };
        teller.tell(&mut carried.told, resource, cluster, news).await;
    }

    fn account(&self, cluster: &Cluster, decision: &Decision, observation: &Observation) {
        self.known.decided(&cluster.id, &decision.record, observation);
        self.metrics.decided(&cluster.id, decision);
        if let Some(ordered) = observation.replicas_ordered {
            self.known.ordered(&cluster.id, ordered);
            self.metrics.ordered(&cluster.id, ordered);
        }
    }

    async fn order(
        &self,
        of: (&Cluster, &Decision),
        orders: (&HorizontalPodAutoscaler, Orders),
        leaving: Vec<(String, i32)>,
    ) -> Ordered {
        let (cluster, _) = of;
        for (pod, cost) in leaving {
            // Who goes first is a wish; that somebody goes is not.
            if let Err(error) = actuate::set_deletion_cost(&self.writer, &cluster.id, (&pod, cost)).await {
                tracing::warn!(cluster = %cluster.id, %error, "any pod may be the first to go");
                break;
            }
        }
        match self.write(of, orders).await {
            Ok(()) => Ordered::Yes,
            Err(error) => {
                tracing::warn!(cluster = %cluster.id, %error, "an order could not be written; the next tick tries again");
                Ordered::Failed
            }
        }
    }

    async fn write(
        &self,
        (cluster, decision): (&Cluster, &Decision),
        (autoscaler, orders): (&HorizontalPodAutoscaler, Orders),
    ) -> Result<(), CallError> {
        let uid = autoscaler.metadata.uid.as_deref().unwrap_or_default();
        if let Some(bounds) = orders.bounds {
            actuate::set_bounds(&self.writer, &cluster.id, (uid, bounds)).await?;
            tracing::info!(
                cluster = %cluster.id,
                from = autoscaler.spec.as_ref().and_then(|spec| spec.min_replicas),
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

fn seen(autoscaler: &HorizontalPodAutoscaler, observation: &Observation) -> orders::Seen {
    let spec = autoscaler.spec.as_ref();
    orders::Seen {
        min: replicas(spec.and_then(|spec| spec.min_replicas).unwrap_or_default()),
        max: replicas(spec.map_or(0, |spec| spec.max_replicas)),
        // Without a Deployment there is nothing to raise.
        ordered: observation.replicas_ordered.unwrap_or(Replicas::new(u32::MAX)),
    }
}

// The pods that should go first in a decrease, with their costs.
fn leaving(orders: &Orders, (pods, answer): (&[&Pod], &Answer), looked: &Looked) -> Vec<(String, i32)> {
    let ordered = looked.observation.replicas_ordered;
    let count = match (orders.bounds, ordered) {
        (Some(bounds), Some(ordered)) => ordered.get().saturating_sub(bounds.min.get()),
        (Some(_) | None, _) => 0,
    };
    let slow_pod = looked.slow_pod.as_deref();
    facts::deletion_costs(pods, answer, Leaving { count, slow_pod })
}
