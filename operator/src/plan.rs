//! What to do about each object: create it, apply it, leave it, or keep hands off because it is somebody else's.
//!
//! Pure: plans are data, so that they can be printed and tested. `apply` carries them out.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::{
    Resource,
    api::{ApiResource, DynamicObject},
};
use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    build::{Desired, Resources},
    cluster::Cluster,
    drift::{drift, fingerprint, project},
    names,
};

/// How we know that an object is ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ownership {
    /// By its owner reference: it goes with the resource.
    Referenced,
    /// By label and recorded identity: it stays with its volumes when the resource goes.
    Kept,
}

/// One object that should exist.
#[derive(Clone, Debug)]
pub struct Item {
    /// Its kind.
    pub resource: ApiResource,
    /// Its name.
    pub name: String,
    /// The fields that `pathfinder/cluster` owns, with the fingerprint annotation.
    pub body: Value,
    /// Hash of the body before the annotation.
    pub fingerprint: String,
    /// How we know that it is ours.
    pub ownership: Ownership,
    /// What to create it from first, when fields of another field manager are needed for that.
    pub seed: Option<Value>,
}

/// What to do about one object.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// It is not there.
    Create,
    /// It is there and differs at this path.
    Apply {
        /// First field that differs, or `spec` when the wish itself changed.
        because: String,
    },
    /// It is as it should be.
    Leave,
    /// It belongs to somebody else.
    Foreign,
}

/// Every object of the bundle, in the order in which they are written: what others refer to comes first.
pub fn items(desired: Resources<Desired>) -> Vec<Item> {
    // Without `..`: a new field of the bundle cannot be forgotten here.
    let Resources {
        service_accounts,
        secrets,
        config_maps,
        network_policies,
        services,
        disruption_budgets,
        stateful_sets,
        deployment,
        autoscaler,
        pod_monitors,
        state: _,
    } = desired;
    let mut items = Vec::new();
    items.extend(
        service_accounts
            .iter()
            .map(|object| item(object, Ownership::Referenced)),
    );
    items.extend(secrets.iter().map(|object| item(object, Ownership::Kept)));
    items.extend(config_maps.iter().map(|object| item(object, Ownership::Referenced)));
    items.extend(
        network_policies
            .iter()
            .map(|object| item(object, Ownership::Referenced)),
    );
    items.extend(services.iter().map(|object| item(object, Ownership::Referenced)));
    items.extend(
        disruption_budgets
            .iter()
            .map(|object| item(object, Ownership::Referenced)),
    );
    items.extend(stateful_sets.iter().map(|object| item(object, Ownership::Referenced)));
    items.push(item(&deployment, Ownership::Referenced));
    items.push(autoscaler_item(&autoscaler));
    items.extend(pod_monitors.iter().map(|object| item(object, Ownership::Referenced)));
    items
}

fn item<K>(object: &K, ownership: Ownership) -> Item
where
    K: Resource<DynamicType = ()> + Serialize,
{
    let resource = ApiResource::erase::<K>(&());
    // Kubernetes types always serialise: they have string keys only.
    let mut body = serde_json::to_value(object).unwrap_or_default();
    if let Some(fields) = body.as_object_mut() {
        fields.remove("status");
        fields.insert("apiVersion".to_owned(), json!(resource.api_version));
        fields.insert("kind".to_owned(), json!(resource.kind));
    }
    let name = object.meta().name.clone().unwrap_or_default();
    sealed(Item {
        resource,
        name,
        body,
        fingerprint: String::new(),
        ownership,
        seed: None,
    })
}

// `minReplicas` and `maxReplicas` belong to `pathfinder/scale`: they are in the seed that creates the HPA, never in what
// `pathfinder/cluster` applies.
fn autoscaler_item(autoscaler: &k8s_openapi::api::autoscaling::v2::HorizontalPodAutoscaler) -> Item {
    let mut whole = item(autoscaler, Ownership::Referenced);
    let seed = whole.body.clone();
    if let Some(spec) = whole.body.pointer_mut("/spec").and_then(Value::as_object_mut) {
        spec.remove("minReplicas");
        spec.remove("maxReplicas");
    }
    if let Some(annotations) = whole
        .body
        .pointer_mut("/metadata/annotations")
        .and_then(Value::as_object_mut)
    {
        annotations.remove(names::ANNOTATION_APPLIED);
    }
    Item {
        seed: Some(seed),
        ..sealed(whole)
    }
}

fn sealed(mut item: Item) -> Item {
    item.fingerprint = fingerprint(&item.body);
    item.body["metadata"]["annotations"][names::ANNOTATION_APPLIED] = json!(item.fingerprint);
    item
}

/// What to do about `item`, given what is there and what our last apply of the same wish left there (`settled`).
pub fn action(item: &Item, live: Option<&DynamicObject>, cluster: &Cluster, settled: Option<&Value>) -> Action {
    let Some(live) = live else { return Action::Create };
    if !is_ours(item.ownership, live, cluster) {
        return Action::Foreign;
    }
    let annotation = live
        .metadata
        .annotations
        .as_ref()
        .and_then(|all| all.get(names::ANNOTATION_APPLIED));
    if annotation != Some(&item.fingerprint) {
        return Action::Apply {
            because: "the wanted object".to_owned(),
        };
    }
    let found = serde_json::to_value(live).unwrap_or_default();
    match drift(&item.body, &found) {
        None => Action::Leave,
        // The server keeps some values in another form than we send; what our own apply left there is no drift.
        Some(_) if settled == Some(&project(&item.body, &found)) => Action::Leave,
        Some(because) => Action::Apply { because },
    }
}

/// Whether a live object belongs to this resource.
pub fn is_ours(ownership: Ownership, live: &DynamicObject, cluster: &Cluster) -> bool {
    match ownership {
        Ownership::Referenced => live
            .metadata
            .owner_references
            .iter()
            .flatten()
            .any(|owner| owner.controller == Some(true) && owner.uid == cluster.owner.uid),
        Ownership::Kept => is_kept(&live.metadata, cluster),
    }
}

/// Whether an object that outlives its resource was made for a resource of this name: by label and recorded identity.
pub fn is_kept(metadata: &ObjectMeta, cluster: &Cluster) -> bool {
    let label = |key: &str| {
        metadata
            .labels
            .as_ref()
            .and_then(|all| all.get(key))
            .map(String::as_str)
    };
    label(names::LABEL_MANAGED_BY) == Some(names::MANAGED_BY)
        && label(names::LABEL_PART_OF) == Some(cluster.id.name.as_str())
        && metadata
            .annotations
            .as_ref()
            .is_some_and(|all| all.contains_key(names::ANNOTATION_IDENTITY))
}

/// The objects that are ours by reference and that nobody wants any more. Secrets and claims are never among them.
pub fn orphans<'a>(live: &'a [DynamicObject], items: &[Item], cluster: &Cluster) -> Vec<&'a DynamicObject> {
    live.iter()
        .filter(|object| {
            let kind = object.types.as_ref().map(|types| types.kind.as_str());
            let wanted = items.iter().any(|item| {
                Some(item.resource.kind.as_str()) == kind && object.metadata.name.as_deref() == Some(&item.name)
            });
            !wanted && object.metadata.deletion_timestamp.is_none() && is_ours(Ownership::Referenced, object, cluster)
        })
        .collect()
}
