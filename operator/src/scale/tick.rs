//! One cluster's tick: look, decide, order, tell.
//!
//! IO shell around `pathfinder_scaling::decide`. It reads the world from caches, never lowers on a guess, and writes as
//! little as it can.

use std::sync::Arc;

use jiff::Timestamp;
use k8s_openapi::api::{autoscaling::v2::HorizontalPodAutoscaler, core::v1::Pod};
use pathfinder_crds::PathfinderCluster;
use pathfinder_scaling::{Decision, Observation, Replicas, decide_scheduled};

use crate::{
    client::CallError,
    cluster::Cluster,
    names::{self, Component},
    scale::{
        actuate,
        look::{self, Present, Sampling, replicas},
        orders::{Seen, orders},
        rounds::{Carried, Look, Scaler},
        tell::Teller,
    },
};

impl Scaler {
    /// Makes one decision about one cluster, has it written, and tells of it.
    pub(super) async fn tick(
        &self,
        carried: &mut Carried,
        (resource, cluster): (&PathfinderCluster, &Cluster),
        look: &Look,
    ) {
        let name = names::component(&cluster.id.name, Component::Api);
        let deployment = self.caches.deployment(&cluster.id.namespace, &name);
        // Without an HPA there is nothing to put a floor under; the structural loop makes it.
        let Some(autoscaler) = self.caches.autoscaler(&cluster.id.namespace, &name) else {
            return;
        };
        let now = Timestamp::now();
        let pods = self.caches.api_pods(&cluster.id);
        let pods: Vec<&Pod> = pods.iter().map(Arc::as_ref).collect();
        let present = Present {
            deployment: deployment.as_deref(),
            autoscaler: &autoscaler,
            pods: &pods,
        };
        let policy = cluster.scaling.policy.scraped_every(look.interval);
        let sampling = Sampling {
            interval: look.interval,
            now,
        };
        let observation = look::observation((cluster, &policy), &look.answer, &present, sampling);
        let memory = std::mem::take(&mut carried.memory);
        let (decision, memory) = decide_scheduled((&policy, &cluster.scaling.schedules), memory, &observation, now);
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

    fn account(&self, cluster: &Cluster, decision: &Decision, observation: &Observation) {
        self.known.decided(&cluster.id, &decision.record);
        self.metrics.decided(&cluster.id, decision);
        if let Some(ordered) = observation.replicas_ordered {
            self.known.ordered(&cluster.id, ordered);
            self.metrics.ordered(&cluster.id, ordered);
        }
    }

    async fn order(
        &self,
        cluster: &Cluster,
        decision: &Decision,
        (autoscaler, seen): (&HorizontalPodAutoscaler, Seen),
    ) -> Result<(), CallError> {
        let orders = orders(
            &cluster.scaling.policy,
            cluster.scaling.autoscaler.into(),
            (decision.floor, seen),
        );
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

fn seen(autoscaler: &HorizontalPodAutoscaler, observation: &Observation) -> Seen {
    let spec = autoscaler.spec.as_ref();
    Seen {
        min: replicas(spec.and_then(|spec| spec.min_replicas).unwrap_or_default()),
        max: replicas(spec.map_or(0, |spec| spec.max_replicas)),
        // Without a Deployment there is nothing to raise.
        ordered: observation.replicas_ordered.unwrap_or(Replicas::new(u32::MAX)),
    }
}
