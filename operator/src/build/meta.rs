//! Metadata of every object: name, namespace, labels, and whether it goes with the resource or stays with its volumes.
//!
//! Pure. It knows no kind.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, ObjectMeta};

use crate::{
    cluster::Cluster,
    names::{self, Component},
};

/// Metadata of an object that is deleted together with the resource.
pub(super) fn owned(cluster: &Cluster, of: Component, name: String) -> ObjectMeta {
    ObjectMeta {
        name: Some(name),
        namespace: Some(cluster.id.namespace.clone()),
        labels: Some(names::labels(&cluster.id.name, of)),
        owner_references: Some(vec![cluster.owner.clone()]),
        ..ObjectMeta::default()
    }
}

/// Metadata of an object that stays when the resource goes, and is known again by `identity`.
pub(super) fn kept(cluster: &Cluster, of: Component, identity: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(names::component(&cluster.id.name, of)),
        namespace: Some(cluster.id.namespace.clone()),
        labels: Some(names::labels(&cluster.id.name, of)),
        annotations: Some(identified(identity)),
        ..ObjectMeta::default()
    }
}

/// Metadata of a volume claim template: the claims made from it carry the same labels and identity.
pub(super) fn claim_template(cluster: &Cluster, of: Component, identity: &str) -> ObjectMeta {
    ObjectMeta {
        name: Some(names::DATA_VOLUME.to_owned()),
        labels: Some(names::labels(&cluster.id.name, of)),
        annotations: Some(identified(identity)),
        ..ObjectMeta::default()
    }
}

/// Metadata of a component's pods.
pub(super) fn pod_template(cluster: &Cluster, of: Component, annotations: BTreeMap<String, String>) -> ObjectMeta {
    ObjectMeta {
        labels: Some(names::labels(&cluster.id.name, of)),
        annotations: Some(annotations),
        ..ObjectMeta::default()
    }
}

/// Selects a component's pods.
pub(super) fn selector(cluster: &Cluster, of: Component) -> LabelSelector {
    LabelSelector {
        match_labels: Some(names::selector(&cluster.id.name, of)),
        ..LabelSelector::default()
    }
}

fn identified(identity: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(names::ANNOTATION_IDENTITY.to_owned(), identity.to_owned())])
}
