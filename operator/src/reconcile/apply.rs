//! Fifth verb: make the cluster hold what was built, in order, and prune last.
//!
//! IO. It writes only what differs, never an object of somebody else, and returns what is there afterwards.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    autoscaling::v2::HorizontalPodAutoscaler,
};
use kube::{
    Api,
    api::{ApiResource, DynamicObject},
};
use serde_json::{Value, json};

use crate::{
    build::{Desired, Resources},
    client::{CallError, Target, Writer, call},
    cluster::{Cluster, ClusterId},
    drift::project,
    names,
    plan::{self, Action, Item, Ownership},
    reconcile::observe::Observed,
};

/// Applying failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A read or write failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Objects of our names belong to somebody else.
    #[error("{} is not ours and was left alone: rename it, delete it, or give the PathfinderCluster another name", .0.join(", "))]
    Foreign(Vec<String>),
}

/// What is there after a complete apply. Status is computed from this alone.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The API Deployment.
    pub deployment: Deployment,
    /// The API's HPA.
    pub autoscaler: HorizontalPodAutoscaler,
    /// The stores.
    pub stateful_sets: Vec<StatefulSet>,
}

/// What our own applies left on the server, by object: values that the server keeps in a form of its own are no drift.
#[derive(Debug, Default)]
pub struct Settled(Mutex<HashMap<(ClusterId, String), (String, Value)>>);

impl Settled {
    fn get(&self, id: &ClusterId, item: &Item) -> Option<Value> {
        let memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory
            .get(&(id.clone(), key(item)))
            .filter(|(print, _)| *print == item.fingerprint)
            .map(|(_, left)| left.clone())
    }

    fn remember(&self, id: &ClusterId, item: &Item, left: Value) {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        memory.insert((id.clone(), key(item)), (item.fingerprint.clone(), left));
    }

    /// Forgets a resource that is gone.
    pub fn forget(&self, id: &ClusterId) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .retain(|(of, _), _| of != id);
    }
}

fn key(item: &Item) -> String {
    format!("{}/{}", item.resource.kind, item.name)
}

/// Makes the cluster hold `desired`.
///
/// # Errors
/// The first call that failed, or every foreign object when all else was applied. Nothing is pruned in either case.
pub async fn apply(
    writer: &Writer,
    settled: &Settled,
    (cluster, observed): (&Cluster, &Observed),
    desired: Resources<Desired>,
) -> Result<Applied, Error> {
    let items = plan::items(desired);
    let mut foreign = Vec::new();
    let mut there: Vec<DynamicObject> = Vec::new();
    for item in &items {
        match apply_item(writer, settled, (cluster, observed), item).await? {
            Some(object) => there.push(object),
            None => foreign.push(target(cluster, item).to_string()),
        }
    }
    if !foreign.is_empty() {
        return Err(Error::Foreign(foreign));
    }
    for orphan in plan::orphans(&observed.objects, &items, cluster) {
        prune(writer, cluster, orphan).await?;
    }
    applied(&there).ok_or_else(|| Error::Foreign(vec!["an object that the server returned in an unknown form".into()]))
}

fn target<'a>(cluster: &'a Cluster, item: &'a Item) -> Target<'a> {
    Target {
        resource: &item.resource,
        namespace: &cluster.id.namespace,
        name: &item.name,
    }
}

// The object as it is afterwards; None when it is somebody else's.
async fn apply_item(
    writer: &Writer,
    settled: &Settled,
    (cluster, observed): (&Cluster, &Observed),
    item: &Item,
) -> Result<Option<DynamicObject>, Error> {
    let live = match observed.object(&item.resource.kind, &item.name) {
        Some(object) => Some(object.clone()),
        // It may be there without our labels.
        None => read(writer, cluster, item).await?,
    };
    let settled_at = settled.get(&cluster.id, item);
    match plan::action(item, live.as_ref(), cluster, settled_at.as_ref()) {
        Action::Leave => Ok(live),
        Action::Foreign => Ok(None),
        Action::Create => create(writer, settled, cluster, item).await.map(Some),
        Action::Apply { because } => {
            let to = target(cluster, item);
            tracing::debug!(%to, because, "differs");
            let mut body = item.body.clone();
            // The object that we saw, not another of the same name made since.
            body["metadata"]["uid"] = json!(live.and_then(|object| object.metadata.uid));
            let object = writer.apply(&to, names::MANAGER_CLUSTER, &body).await?;
            remember(settled, cluster, item, &object);
            Ok(Some(object))
        }
    }
}

async fn read(writer: &Writer, cluster: &Cluster, item: &Item) -> Result<Option<DynamicObject>, CallError> {
    let api: Api<DynamicObject> = Api::namespaced_with(writer.client().clone(), &cluster.id.namespace, &item.resource);
    call(|| format!("reading {}", target(cluster, item)), api.get_opt(&item.name)).await
}

async fn create(writer: &Writer, settled: &Settled, cluster: &Cluster, item: &Item) -> Result<DynamicObject, Error> {
    let to = target(cluster, item);
    let object = match (item.ownership, &item.seed) {
        // A Secret is created, not applied: two operators may have thrown the dice, and the first one counts.
        (Ownership::Kept, _) => writer.create(&to, names::MANAGER_CLUSTER, &item.body).await?,
        (Ownership::Referenced, Some(seed)) => {
            writer.create(&to, names::MANAGER_SCALE, seed).await?;
            writer.apply(&to, names::MANAGER_CLUSTER, &item.body).await?
        }
        (Ownership::Referenced, None) => writer.apply(&to, names::MANAGER_CLUSTER, &item.body).await?,
    };
    remember(settled, cluster, item, &object);
    Ok(object)
}

fn remember(settled: &Settled, cluster: &Cluster, item: &Item, object: &DynamicObject) {
    let left = serde_json::to_value(object).unwrap_or_default();
    settled.remember(&cluster.id, item, project(&item.body, &left));
}

async fn prune(writer: &Writer, cluster: &Cluster, orphan: &DynamicObject) -> Result<(), CallError> {
    let Some(types) = &orphan.types else { return Ok(()) };
    let Some(resource) = super::observe::kinds().into_iter().find(|kind| kind.kind == types.kind) else {
        return Ok(());
    };
    let name = orphan.metadata.name.as_deref().unwrap_or_default();
    let to = Target {
        resource: &resource,
        namespace: &cluster.id.namespace,
        name,
    };
    writer.delete(&to, orphan).await
}

fn applied(objects: &[DynamicObject]) -> Option<Applied> {
    Some(Applied {
        deployment: typed(objects).pop()?,
        autoscaler: typed(objects).pop()?,
        stateful_sets: typed(objects),
    })
}

fn typed<K>(objects: &[DynamicObject]) -> Vec<K>
where
    K: kube::Resource<DynamicType = ()> + serde::de::DeserializeOwned,
{
    let kind = ApiResource::erase::<K>(&()).kind;
    objects
        .iter()
        .filter(|object| object.types.as_ref().is_some_and(|types| types.kind == kind))
        .filter_map(|object| {
            serde_json::to_value(object)
                .ok()
                .and_then(|value| serde_json::from_value(value).ok())
        })
        .collect()
}
