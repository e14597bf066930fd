//! Reads what the answers are made of: the resources and the objects that the operator made from them.
//!
//! IO, and nothing but IO, and one write, of the resource itself: one function per question, each with the words for its failure. What the objects mean is
//! decided in `model`.

use std::fmt::Debug;

use k8s_openapi::api::{
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::{Event, Pod},
};
use kube::{
    Api, ResourceExt,
    api::{ApiResource, DynamicObject, ListParams, Patch, PatchParams},
};
use pathfinder_crds::PathfinderCluster;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    failure::{Failure, choices},
    names,
    session::Session,
};

/// Where to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope<'a> {
    /// In one namespace.
    Namespace(&'a str),
    /// Everywhere.
    All,
}

impl Scope<'_> {
    fn words(self) -> String {
        match self {
            Self::Namespace(namespace) => format!("in namespace {namespace}"),
            Self::All => "in all namespaces".to_owned(),
        }
    }
}

/// Whether a write is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Write {
    /// It is.
    Kept,
    /// The API server checks it and keeps nothing.
    DryRun,
}

/// One resource. When it is not there, says which are.
pub(crate) async fn cluster(session: &Session, name: &str) -> Result<PathfinderCluster, Failure> {
    let api = Api::namespaced(session.client.clone(), &session.namespace);
    one(session, &api, name).await
}

/// One resource as it is stored, with fields that this version does not know.
pub(crate) async fn cluster_as_stored(session: &Session, name: &str) -> Result<DynamicObject, Failure> {
    one(session, &stored(session), name).await
}

/// Changes one resource by a JSON merge patch; what it then holds.
pub(crate) async fn patch_cluster(
    session: &Session,
    name: &str,
    patch: &Value,
    write: Write,
) -> Result<DynamicObject, Failure> {
    let params = PatchParams {
        field_manager: Some(names::FIELD_MANAGER.to_owned()),
        dry_run: write == Write::DryRun,
        ..PatchParams::default()
    };
    let action = format!("patch PathfinderCluster {name} in namespace {}", session.namespace);
    let api = stored(session);
    session
        .call(&action, api.patch(name, &params, &Patch::Merge(patch)))
        .await
}

fn stored(session: &Session) -> Api<DynamicObject> {
    let resource = ApiResource::erase::<PathfinderCluster>(&());
    Api::namespaced_with(session.client.clone(), &session.namespace, &resource)
}

async fn one<K: Clone + DeserializeOwned + Debug>(session: &Session, api: &Api<K>, name: &str) -> Result<K, Failure> {
    let namespace = session.namespace.as_str();
    let action = format!("get PathfinderCluster {name} in namespace {namespace}");
    match session.call(&action, api.get_opt(name)).await {
        Ok(Some(cluster)) => Ok(cluster),
        Ok(None) => Err(Failure::NotFound {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            there: others(session, name).await?,
        }),
        Err(failure) => Err(not_installed(failure)),
    }
}

/// All resources of a scope, by namespace and name.
pub(crate) async fn clusters(session: &Session, scope: Scope<'_>) -> Result<Vec<PathfinderCluster>, Failure> {
    let action = format!("list PathfinderClusters {}", scope.words());
    let mut clusters = list(session, scope, &ListParams::default(), &action)
        .await
        .map_err(not_installed)?;
    clusters.sort_by_key(|cluster: &PathfinderCluster| (cluster.namespace(), cluster.name_any()));
    Ok(clusters)
}

/// The HPAs that the operator made.
pub(crate) async fn hpas(session: &Session, scope: Scope<'_>) -> Result<Vec<HorizontalPodAutoscaler>, Failure> {
    let params = ListParams::default().labels(names::MANAGED);
    let action = format!("list HorizontalPodAutoscalers {}", scope.words());
    list(session, scope, &params, &action).await
}

/// The HPA of one resource, if it is there yet.
pub(crate) async fn hpa(session: &Session, cluster: &str) -> Result<Option<HorizontalPodAutoscaler>, Failure> {
    let name = names::api(cluster);
    let api: Api<HorizontalPodAutoscaler> = Api::namespaced(session.client.clone(), &session.namespace);
    let action = format!("get HorizontalPodAutoscaler {name} in namespace {}", session.namespace);
    session.call(&action, api.get_opt(&name)).await
}

/// The pods of one resource, by name.
pub(crate) async fn pods(session: &Session, cluster: &str) -> Result<Vec<Pod>, Failure> {
    let params = ListParams::default().labels(&names::pods(cluster));
    let scope = Scope::Namespace(&session.namespace);
    let action = format!("list pods {}", scope.words());
    let mut pods: Vec<Pod> = list(session, scope, &params, &action).await?;
    pods.sort_by_key(ResourceExt::name_any);
    Ok(pods)
}

/// The events about one resource, in no order.
pub(crate) async fn events(session: &Session, cluster: &str) -> Result<Vec<Event>, Failure> {
    let fields = format!("involvedObject.kind=PathfinderCluster,involvedObject.name={cluster}");
    let params = ListParams::default().fields(&fields);
    let scope = Scope::Namespace(&session.namespace);
    let action = format!("list events {}", scope.words());
    list(session, scope, &params, &action).await
}

async fn list<K>(session: &Session, scope: Scope<'_>, params: &ListParams, action: &str) -> Result<Vec<K>, Failure>
where
    K: kube::Resource<Scope = k8s_openapi::NamespaceResourceScope, DynamicType = ()> + Clone + DeserializeOwned + Debug,
{
    let api: Api<K> = match scope {
        Scope::Namespace(namespace) => Api::namespaced(session.client.clone(), namespace),
        Scope::All => Api::all(session.client.clone()),
    };
    Ok(session.call(action, api.list(params)).await?.items)
}

/// A missing path, unlike a missing object, means that the API server does not serve the resource.
fn not_installed(failure: Failure) -> Failure {
    match failure {
        Failure::Refused { code: 404, .. } => Failure::NotInstalled,
        other => other,
    }
}

/// What there is instead of a resource that is not there.
async fn others(session: &Session, name: &str) -> Result<String, Failure> {
    let here = names_of(&clusters(session, Scope::Namespace(&session.namespace)).await?);
    if !here.is_empty() {
        return Ok(choices(&here));
    }
    // Only a help: whoever may not list everywhere still gets the answer of the namespace.
    let everywhere = clusters(session, Scope::All).await.unwrap_or_default();
    let elsewhere: Vec<String> = everywhere
        .iter()
        .filter(|cluster| cluster.name_any() == name)
        .filter_map(ResourceExt::namespace)
        .collect();
    Ok(match elsewhere.first() {
        Some(namespace) => format!("there is one in namespace {namespace}: pass -n {namespace}"),
        None => "there is none: create one with `kubectl apply -f crds/examples/minimal.yaml`".to_owned(),
    })
}

fn names_of(clusters: &[PathfinderCluster]) -> Vec<String> {
    clusters.iter().map(ResourceExt::name_any).collect()
}
