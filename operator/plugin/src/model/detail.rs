//! `status NAME`: everything about one resource that tells whether it is well.
//!
//! Pure. Parts that could not be read (forbidden, timed out) are empty and named in `notes`: half an answer beats none.

use jiff::Timestamp;
use k8s_openapi::api::{
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::{Event, Pod},
};
use kube::ResourceExt;
use pathfinder_crds::{PathfinderCluster, ScalingStatus};
use serde::Serialize;

use crate::model::{
    decision::{Decision, Signal},
    event::{self, EventRow},
    overview,
    pod::PodRow,
    readiness::{self, ConditionRow, Readiness},
    replicas::Replicas,
    store::{self, Store},
};

/// What was read of one resource.
pub(crate) struct Readings {
    /// The resource.
    pub(crate) cluster: PathfinderCluster,
    /// Its HPA, if there is one.
    pub(crate) hpa: Option<HorizontalPodAutoscaler>,
    /// Its pods.
    pub(crate) pods: Vec<Pod>,
    /// Events about it.
    pub(crate) events: Vec<Event>,
    /// What could not be read, in words.
    pub(crate) notes: Vec<String>,
}

/// One resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Detail {
    /// Its namespace.
    pub(crate) namespace: String,
    /// Its name.
    pub(crate) name: String,
    /// When it was made.
    pub(crate) created: Option<Timestamp>,
    /// The API's image.
    pub(crate) image: String,
    /// How it scales, in words.
    pub(crate) scaling: String,
    /// Whether everything is as the spec asks.
    pub(crate) readiness: Readiness,
    /// What is wrong with scaling, in words.
    pub(crate) trouble: Vec<String>,
    /// All conditions.
    pub(crate) conditions: Vec<ConditionRow>,
    /// Pods of the API that are ready; none before the operator reported.
    pub(crate) replicas_ready: Option<i64>,
    /// Pods of the API that should be; none before anybody decided.
    pub(crate) replicas_wanted: Option<i64>,
    /// What the HPA says.
    pub(crate) replicas: Option<Replicas>,
    /// The last change of the floor.
    pub(crate) last_change: Option<Change>,
    /// PostgreSQL and Redis.
    pub(crate) stores: Vec<Store>,
    /// All pods.
    pub(crate) pods: Vec<PodRow>,
    /// The last few events, oldest first.
    pub(crate) events: Vec<EventRow>,
    /// What could not be read, in words.
    pub(crate) notes: Vec<String>,
}

/// A change of the floor.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Change {
    /// The floor after.
    pub(crate) replicas: i64,
    /// The floor before.
    pub(crate) previous: i64,
    /// When.
    pub(crate) time: Timestamp,
    /// Why.
    pub(crate) why: String,
    /// What each signal said then.
    pub(crate) signals: Vec<Signal>,
    /// What limited it, in words.
    pub(crate) limits: Vec<String>,
}

impl Change {
    fn of(scaling: &ScalingStatus) -> Self {
        let Decision {
            replicas,
            previous,
            time,
            signals,
            limits,
            ..
        } = Decision::of_status(scaling);
        Self {
            replicas,
            previous,
            time,
            why: scaling.why.clone(),
            signals,
            limits,
        }
    }
}

impl Detail {
    /// Judges what was read.
    pub(crate) fn new(readings: Readings) -> Self {
        let Readings {
            cluster,
            hpa,
            pods,
            events,
            notes,
        } = readings;
        let replicas = hpa.as_ref().map(Replicas::of);
        let scaling = cluster.status.as_ref().and_then(|status| status.scaling.as_ref());
        Self {
            namespace: cluster.namespace().unwrap_or_default(),
            name: cluster.name_any(),
            created: cluster.metadata.creation_timestamp.as_ref().map(|time| time.0),
            image: cluster.spec.api.image.clone(),
            scaling: scaling_in_words(&cluster),
            readiness: Readiness::of(&cluster),
            trouble: readiness::trouble(&cluster),
            conditions: readiness::rows(&cluster),
            replicas_ready: overview::ready(&cluster),
            replicas_wanted: overview::wanted(&cluster, replicas.as_ref()),
            replicas,
            last_change: scaling.map(Change::of),
            stores: store::stores(&cluster),
            pods: pods.iter().map(PodRow::of).collect(),
            events: event::recent(&events),
            notes,
        }
    }
}

/// `mode Auto, 2 to 10 replicas, 100 requests/s per replica`.
pub(crate) fn scaling_in_words(cluster: &PathfinderCluster) -> String {
    let scaling = &cluster.spec.scaling;
    format!(
        "mode {:?}, {} to {} replicas, {} requests/s per replica",
        scaling.mode, scaling.min_replicas, scaling.max_replicas, scaling.requests_per_second.per_replica
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures;

    #[test]
    fn the_rule_of_scaling_is_said_in_words() {
        assert_eq!(
            scaling_in_words(&fixtures::cluster("shop")),
            "mode Auto, 2 to 10 replicas, 100 requests/s per replica"
        );
    }
}
