//! First verb: read what the resource points to and what of it is already there.
//!
//! IO, reading only. It decides nothing.

use futures::{StreamExt, TryStreamExt, stream};
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::{ConfigMap, PersistentVolumeClaim, Pod, Secret, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
};
use kube::{
    Api, Client, Resource,
    api::{ApiResource, DynamicObject, ListParams, TypeMeta},
};
use serde::de::DeserializeOwned;

use crate::{
    build::pod_monitor::PodMonitor,
    client::{CallError, call},
    cluster::ClusterId,
    monitoring::Served,
    names::{self, Component},
};

/// Reading failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Error(#[from] pub CallError);

/// What is there.
#[derive(Debug, Default)]
pub struct Observed {
    /// Objects that carry our labels, of every kind that is pruned.
    pub objects: Vec<DynamicObject>,
    /// The PostgreSQL Secret, whoever made it.
    pub postgres_secret: Option<Secret>,
    /// The Redis Secret, whoever made it.
    pub redis_secret: Option<Secret>,
    /// The PostgreSQL volume claim, whoever made it.
    pub postgres_claim: Option<PersistentVolumeClaim>,
    /// The Redis volume claim, whoever made it.
    pub redis_claim: Option<PersistentVolumeClaim>,
    /// Pods of the stack.
    pub pods: Vec<Pod>,
    /// Whether PodMonitors can be made here.
    pub pod_monitors: Served,
}

impl Observed {
    /// An object of ours, by kind and name.
    pub fn object(&self, kind: &str, name: &str) -> Option<&DynamicObject> {
        self.objects.iter().find(|object| {
            object.metadata.name.as_deref() == Some(name)
                && object.types.as_ref().is_some_and(|types| types.kind == kind)
        })
    }
}

/// The kinds that are pruned when nobody wants them any more.
pub fn kinds() -> Vec<ApiResource> {
    let mut kinds = builtin().to_vec();
    kinds.push(ApiResource::erase::<PodMonitor>(&()));
    kinds
}

// Those that every cluster has.
fn builtin() -> [ApiResource; 8] {
    [
        ApiResource::erase::<ServiceAccount>(&()),
        ApiResource::erase::<ConfigMap>(&()),
        ApiResource::erase::<NetworkPolicy>(&()),
        ApiResource::erase::<Service>(&()),
        ApiResource::erase::<PodDisruptionBudget>(&()),
        ApiResource::erase::<StatefulSet>(&()),
        ApiResource::erase::<Deployment>(&()),
        ApiResource::erase::<HorizontalPodAutoscaler>(&()),
    ]
}

// Reads of one resource that run at the same time.
const PARALLEL_READS: usize = 8;

/// Reads everything of one resource. PodMonitors are asked for where they were `served` when somebody looked last.
///
/// # Errors
/// The first read that failed.
pub async fn observe(client: &Client, id: &ClusterId, served: Served) -> Result<Observed, Error> {
    let lists = stream::iter(builtin())
        .map(|kind| list(client, id, kind))
        .buffer_unordered(PARALLEL_READS)
        .try_collect::<Vec<_>>();
    let (objects, monitors, postgres_secret, redis_secret, postgres_claim, redis_claim, pods) = tokio::try_join!(
        lists,
        list_pod_monitors(client, id, served),
        get::<Secret>(client, id, names::component(&id.name, Component::Postgres)),
        get::<Secret>(client, id, names::component(&id.name, Component::Redis)),
        get::<PersistentVolumeClaim>(client, id, names::claim(&id.name, Component::Postgres)),
        get::<PersistentVolumeClaim>(client, id, names::claim(&id.name, Component::Redis)),
        list_pods(client, id),
    )?;
    let (monitors, pod_monitors) = monitors;
    Ok(Observed {
        objects: objects.into_iter().flatten().chain(monitors).collect(),
        postgres_secret,
        redis_secret,
        postgres_claim,
        redis_claim,
        pods,
        pod_monitors,
    })
}

// The kind may have gone since: then nobody serves it, and that is no error.
async fn list_pod_monitors(
    client: &Client,
    id: &ClusterId,
    served: Served,
) -> Result<(Vec<DynamicObject>, Served), CallError> {
    if served == Served::No {
        return Ok((Vec::new(), Served::No));
    }
    match list(client, id, ApiResource::erase::<PodMonitor>(&())).await {
        Ok(found) => Ok((found, Served::Yes)),
        Err(error) if error.code() == Some(404) => Ok((Vec::new(), Served::No)),
        Err(error) => Err(error),
    }
}

fn selector(id: &ClusterId) -> ListParams {
    let ours = format!(
        "{}={},{}={}",
        names::LABEL_MANAGED_BY,
        names::MANAGED_BY,
        names::LABEL_PART_OF,
        id.name
    );
    ListParams::default().labels(&ours)
}

async fn list(client: &Client, id: &ClusterId, kind: ApiResource) -> Result<Vec<DynamicObject>, CallError> {
    let api: Api<DynamicObject> = Api::namespaced_with(client.clone(), &id.namespace, &kind);
    let found = call(|| format!("listing {} of {id}", kind.plural), api.list(&selector(id))).await?;
    // Items of a list carry no kind of their own.
    let types = TypeMeta {
        api_version: kind.api_version.clone(),
        kind: kind.kind.clone(),
    };
    Ok(found
        .items
        .into_iter()
        .map(|object| DynamicObject {
            types: Some(types.clone()),
            ..object
        })
        .collect())
}

async fn list_pods(client: &Client, id: &ClusterId) -> Result<Vec<Pod>, CallError> {
    let api: Api<Pod> = Api::namespaced(client.clone(), &id.namespace);
    Ok(call(|| format!("listing pods of {id}"), api.list(&selector(id)))
        .await?
        .items)
}

async fn get<K>(client: &Client, id: &ClusterId, name: String) -> Result<Option<K>, CallError>
where
    K: Resource<DynamicType = (), Scope = k8s_openapi::NamespaceResourceScope>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned,
{
    let api: Api<K> = Api::namespaced(client.clone(), &id.namespace);
    call(
        || format!("reading {} {}/{name}", K::kind(&()), id.namespace),
        api.get_opt(&name),
    )
    .await
}
