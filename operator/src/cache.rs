//! Watches: the operator's view of the cluster, and what wakes the structural loop.
//!
//! IO. One watch per kind and watched namespace. A change of an object that carries our labels becomes a trigger for its
//! resource, but only when something that we look at changed: `place` has the watches themselves.

mod ordered;
mod place;
mod view;

use std::{ops::RangeInclusive, sync::Arc};

use futures::channel::mpsc;
use k8s_openapi::api::{
    apps::v1::{Deployment, StatefulSet},
    autoscaling::v2::HorizontalPodAutoscaler,
    core::v1::{ConfigMap, Pod, ResourceQuota, Service, ServiceAccount},
    networking::v1::NetworkPolicy,
    policy::v1::PodDisruptionBudget,
};
use kube::{Client, Resource};
use kube_runtime::{
    reflector::{self, ObjectRef, Store},
    watcher,
};
use pathfinder_crds::PathfinderCluster;
use tokio::task::JoinSet;

pub use self::{
    place::{Place, Triggers},
    view::View,
};
use crate::{config::Scope, metrics::Metrics};

/// What is in the cluster, as the watches saw it last.
#[derive(Default)]
pub struct Caches {
    clusters: Vec<Store<PathfinderCluster>>,
    deployments: Vec<Store<Deployment>>,
    ordered: ordered::Noted,
    autoscalers: Vec<Store<HorizontalPodAutoscaler>>,
    pods: Vec<Store<Pod>>,
    quotas: Vec<Store<ResourceQuota>>,
}

/// Objects of a world that is no cluster.
#[derive(Default)]
pub struct Objects {
    /// The resources.
    pub clusters: Vec<PathfinderCluster>,
    /// Their Deployments.
    pub deployments: Vec<Deployment>,
    /// Their HPAs.
    pub autoscalers: Vec<HorizontalPodAutoscaler>,
    /// Their pods.
    pub pods: Vec<Pod>,
}

/// A watched part of the cluster: its resources, and what wakes them.
pub struct Watched {
    /// Which part.
    pub place: Place,
    /// Changes of what belongs to a resource.
    pub triggers: Triggers,
}

/// Starts every watch as a task of `tasks`.
pub fn start(client: &Client, scope: &Scope, metrics: &Metrics, tasks: &mut JoinSet<()>) -> (Caches, Vec<Watched>) {
    let namespaces: Vec<Option<String>> = match scope {
        Scope::Cluster => vec![None],
        Scope::Namespaces(names) => names.iter().cloned().map(Some).collect(),
    };
    let mut caches = Caches::default();
    let mut watched = Vec::new();
    for namespace in namespaces {
        let (sender, triggers) = mpsc::unbounded();
        let place = Place::new(client, namespace, sender, metrics);
        caches
            .clusters
            .push(place.watch(tasks, watcher::Config::default(), |_| None));
        let ordered = caches.ordered.clone();
        caches
            .deployments
            .push(place.ours_noting(tasks, move |event| ordered.note(event)));
        // Those of others too: a second one on the same Deployment is a conflict.
        caches
            .autoscalers
            .push(place.watch(tasks, watcher::Config::default(), place::of_ours));
        caches
            .quotas
            .push(place.watch(tasks, watcher::Config::default(), |_| None));
        caches.pods.push(place.ours(tasks));
        let _: Store<StatefulSet> = place.ours(tasks);
        let _: Store<Service> = place.ours(tasks);
        let _: Store<ServiceAccount> = place.ours(tasks);
        let _: Store<ConfigMap> = place.ours(tasks);
        let _: Store<PodDisruptionBudget> = place.ours(tasks);
        let _: Store<NetworkPolicy> = place.ours(tasks);
        watched.push(Watched { place, triggers });
    }
    (caches, watched)
}

impl Caches {
    /// A view of these objects that never changes: for measuring the loop where there is no cluster.
    pub fn of(objects: Objects) -> Self {
        let Objects {
            clusters,
            deployments,
            autoscalers,
            pods,
        } = objects;
        Self {
            clusters: vec![still(clusters)],
            deployments: vec![still(deployments)],
            ordered: ordered::Noted::default(),
            autoscalers: vec![still(autoscalers)],
            pods: vec![still(pods)],
            quotas: vec![],
        }
    }

    /// Every resource.
    pub fn clusters(&self) -> Vec<Arc<PathfinderCluster>> {
        self.clusters.iter().flat_map(Store::state).collect()
    }

    /// A Deployment of ours.
    pub fn deployment(&self, namespace: &str, name: &str) -> Option<Arc<Deployment>> {
        find(&self.deployments, namespace, name)
    }

    /// From the fewest to the most replicas that a Deployment of ours was ordered since this was last asked; `None` when
    /// nothing changed.
    pub fn ordered(&self, namespace: &str, name: &str) -> Option<RangeInclusive<i32>> {
        self.ordered.take(&ObjectRef::new(name).within(namespace))
    }

    /// An HPA of ours.
    pub fn autoscaler(&self, namespace: &str, name: &str) -> Option<Arc<HorizontalPodAutoscaler>> {
        find(&self.autoscalers, namespace, name)
    }

    /// What is there now, found by whose it is.
    pub fn view(&self) -> View {
        View::of(&self.pods, &self.autoscalers, &self.quotas)
    }

    /// Returns when every watch that decisions depend on has listed once.
    pub async fn ready(&self) {
        for store in &self.clusters {
            let _ = store.wait_until_ready().await;
        }
        for store in &self.deployments {
            let _ = store.wait_until_ready().await;
        }
        for store in &self.autoscalers {
            let _ = store.wait_until_ready().await;
        }
        for store in &self.pods {
            let _ = store.wait_until_ready().await;
        }
        for store in &self.quotas {
            let _ = store.wait_until_ready().await;
        }
    }
}

fn still<K>(objects: Vec<K>) -> Store<K>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let (store, mut writer) = reflector::store();
    writer.apply_watcher_event(&watcher::Event::Init);
    for object in objects {
        writer.apply_watcher_event(&watcher::Event::InitApply(object));
    }
    writer.apply_watcher_event(&watcher::Event::InitDone);
    store
}

fn find<K>(stores: &[Store<K>], namespace: &str, name: &str) -> Option<Arc<K>>
where
    K: Resource<DynamicType = ()> + Clone + 'static,
{
    let key = ObjectRef::new(name).within(namespace);
    stores.iter().find_map(|store| store.get(&key))
}
