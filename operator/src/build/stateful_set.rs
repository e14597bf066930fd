//! What the StatefulSets of both stores have in common: one member, one volume that survives it, restart on new config.
//!
//! Pure. It knows nothing of what runs in the pods.

use std::collections::BTreeMap;

use k8s_openapi::api::{
    apps::v1::{
        StatefulSet, StatefulSetPersistentVolumeClaimRetentionPolicy, StatefulSetSpec, StatefulSetUpdateStrategy,
    },
    core::v1::{
        PersistentVolumeClaim, PersistentVolumeClaimSpec, PodSpec, PodTemplateSpec, VolumeResourceRequirements,
    },
};

use super::{config, meta, pod};
use crate::{
    cluster::{Cluster, Store},
    names::{self, Component},
};

/// What differs from store to store.
pub(super) struct Member<'a> {
    /// Which store.
    pub(super) of: Component,
    /// Its volume.
    pub(super) store: &'a Store,
    /// What ties its volume to its Secret.
    pub(super) identity: &'a str,
    /// What runs.
    pub(super) pod: PodSpec,
}

/// The StatefulSet of a store.
pub(super) fn build(cluster: &Cluster, member: Member<'_>) -> StatefulSet {
    let Member {
        of,
        store,
        identity,
        pod,
    } = member;
    StatefulSet {
        metadata: meta::owned(cluster, of, names::component(&cluster.id.name, of)),
        spec: Some(StatefulSetSpec {
            replicas: Some(1),
            service_name: Some(names::members_service(&cluster.id.name, of)),
            selector: meta::selector(cluster, of),
            // With OrderedReady a member that never becomes ready (a wrong image) keeps the corrected one from coming.
            pod_management_policy: Some("Parallel".to_owned()),
            update_strategy: Some(StatefulSetUpdateStrategy {
                type_: Some("RollingUpdate".to_owned()),
                ..StatefulSetUpdateStrategy::default()
            }),
            persistent_volume_claim_retention_policy: Some(StatefulSetPersistentVolumeClaimRetentionPolicy {
                when_deleted: Some("Retain".to_owned()),
                when_scaled: Some("Retain".to_owned()),
            }),
            revision_history_limit: Some(pod::REVISION_HISTORY_LIMIT),
            template: PodTemplateSpec {
                metadata: Some(meta::pod_template(cluster, of, started_with(of))),
                spec: Some(pod),
            },
            volume_claim_templates: Some(vec![claim(cluster, of, store, identity)]),
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    }
}

// A server reads its configuration when it starts: a change of it must be a change of the template.
fn started_with(of: Component) -> BTreeMap<String, String> {
    BTreeMap::from([(names::ANNOTATION_CONFIG.to_owned(), config::fingerprint(of))])
}

fn claim(cluster: &Cluster, of: Component, store: &Store, identity: &str) -> PersistentVolumeClaim {
    PersistentVolumeClaim {
        metadata: meta::claim_template(cluster, of, identity),
        spec: Some(PersistentVolumeClaimSpec {
            access_modes: Some(vec!["ReadWriteOnce".to_owned()]),
            volume_mode: Some("Filesystem".to_owned()),
            storage_class_name: store.storage_class_name.clone(),
            resources: Some(VolumeResourceRequirements {
                requests: Some(pod::amounts([("storage", &store.storage_size)])),
                ..VolumeResourceRequirements::default()
            }),
            ..PersistentVolumeClaimSpec::default()
        }),
        ..PersistentVolumeClaim::default()
    }
}
